"""`spinntensor train`: trains a network on labelled data, says how it goes, and keeps what was asked for."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spinntensor.commands.dataset import Dataset, dataset
from spinntensor.commands.inputs import Shape
from spinntensor.commands.interrupt import Interrupted, Interruptible, resuming
from spinntensor.commands.networks import FILE, float_only, open_network, usual
from spinntensor.commands.record import write_record
from spinntensor.machine.current import chosen, use
from spinntensor.machine.geometry import Machine
from spinntensor.machine.grammar import Target
from spinntensor.machine.record import Record, recording, to_json
from spinntensor.nn import checkpoint as checkpoints
from spinntensor.nn import data as nn_data
from spinntensor.nn.callbacks import Callback, Checkpoint, CSVLogger, JSONLogger, Progress
from spinntensor.nn.losses import SparseCategoricalCrossentropy
from spinntensor.nn.model import Model
from spinntensor.nn.models import MODELS
from spinntensor.nn.optimizers import SGD, Adam, Optimizer
from spinntensor.nn.run import Logs
from spinntensor.nn.saving import digest
from spinntensor.nn.schedules import Constant, CosineDecay, Schedule, WarmUp
from spinntensor.nn.weights import named_weights
from spinntensor.report.files import writable

log_ = logging.getLogger(__name__)

RATES = {"sgd": 0.05, "adam": 0.001}
MOMENTUM = 0.9
COLD = 20
"""A warm-up begins at this part of the rate."""


def main(
    model: str,
    *,
    data: str,
    epochs: int = 10,
    batch: int = 32,
    optimizer: str = "sgd",
    lr: float | None = None,
    schedule: str = "cosine",
    warm_up: int = 0,
    weight_decay: float = 0.0,
    label_smoothing: float = 0.0,
    format: str = "float32",
    seed: int = 0,
    save: str | None = None,
    checkpoint: str | None = None,
    resume: str | None = None,
    log: str | None = None,
    machine: str = "host",
    json: str | None = None,
    words: Sequence[str] = (),
) -> int:
    """Train, print a line for each epoch and the accuracy on held-out data; 0, or 1 when the user interrupted it.

    Parameters
    ----------
    words : the command line without the program's name, to say how to go on after an interruption.
    Others as the command line has them. Errors of the model, of data, and of files that cannot be written come before
    training begins.
    """
    checkpoint, where = checkpoint or resume, chosen(machine)
    save_file, json_file = save and writable(save, (FILE,)), json and writable(json)
    if checkpoint:
        writable(checkpoint, (".npz",))
    if log:
        writable(log, (".csv", ".json"))
    network, found = opened(model, data, seed)
    train = nn_data.Loader(found.train, batch, shuffle=True, seed=seed)
    rates = scheduled(RATES[optimizer] if lr is None else lr, schedule, len(train), epochs, warm_up)
    rule: Optimizer
    if optimizer == "adam":
        rule = Adam(rates, weight_decay=weight_decay)
    else:
        rule = SGD(rates, MOMENTUM, nesterov=True, weight_decay=weight_decay)
    loss = SparseCategoricalCrossentropy(not ends_in_softmax(network), label_smoothing)
    network.compile(rule, loss, ["accuracy"], format=format, seed=seed)
    if resume:
        checkpoints.restore(network, resume)
        log_.info("going on from %s", resume)
    callbacks: list[Callback] = [EpochLines(), Interruptible(checkpoint)]
    if checkpoint:
        callbacks.append(Checkpoint(checkpoint))
    if log:
        callbacks.append(CSVLogger(log) if log.endswith(".csv") else JSONLogger(log))
    held_out = nn_data.Loader(found.test, batch)
    _say(model, network, data, found)
    start = time.perf_counter()
    with use(where), recording() as runs:
        callbacks.append(steps := Steps(runs))
        try:
            history = network.fit(
                train, epochs=epochs, validation_data=held_out, callbacks=callbacks, verbose=0
            )
        except Interrupted as stop:
            _tell(stop, checkpoint, words)
            return 1
        wall = time.perf_counter() - start
        measured = network.evaluate(held_out)
    taken = steps.measured(where)
    if taken:
        each, planned = (taken[name] / steps.count for name in ("model_ms", "predicted_ms"))
        print(f"{steps.count:,} steps on {where.name}: {each:,.2f} model ms each ({planned:,.2f} predicted)")
    print(f"accuracy {measured['accuracy']:.2%} on {len(found.test):,} held-out samples, {wall:.1f} s")
    if save_file:
        network.save(save_file)
        print(
            f"saved to {save_file}; try: spinntensor run {save_file} {data if data == 'digits' else 'INPUT'}"
        )
    record: dict[str, Any] = {
        "model": model,
        "data": data,
        "machine": where.name,
        "format": format,
        "epochs": epochs,
        "batch": batch,
        "optimizer": rule.config(),
        "seed": seed,
        "samples": {"train": len(found.train), "held_out": len(found.test)},
        "classes": list(found.classes),
        "parameters": network.parameters,
        "history": history.epochs,
        "accuracy": measured["accuracy"],
        "loss": measured["loss"],
        "weights_sha256": digest(named_weights(network)),
        "saved": save,
        "wall_s": round(wall, 6),
        **taken,
    }
    if json_file:
        write_record(json_file, record)
    return 0


def opened(model: str, data: str, seed: int) -> tuple[Model, Dataset]:
    """The network and the data, each in the sizes of the other: a network by name takes those of the data."""
    if model in MODELS:

        def shape(there: Shape | None) -> Shape:
            return there or tuple(usual(model, "input_shape"))

        found = dataset(data, shape)
        return float_only(open_network(model, found.shape, len(found.classes), seed), model), found
    network = float_only(open_network(model, None, None, seed), model)
    return network, dataset(data, lambda _: network.inputs[0].shape, network.outputs[0].shape[-1])


def scheduled(rate: float, schedule: str, steps: int, epochs: int, warm_up: int) -> Schedule:
    """The learning rate over time: over `warm_up` epochs up to `rate`, then constant, or along a cosine to 0.

    steps : of an epoch.
    """
    rising = warm_up * steps
    after: Schedule = Constant(rate)
    if schedule == "cosine":
        after = CosineDecay(rate, max(epochs * steps - rising, 1))
    return WarmUp(after, rising, rate / COLD) if rising else after


def ends_in_softmax(network: Model) -> bool:
    """Whether results are probabilities; otherwise they are logits."""
    return getattr(network.outputs[0].layer, "activation", None) == "softmax"


class EpochLines(Progress):
    """A line on standard output for each epoch; and a bar on standard error, at a terminal, if it takes long."""

    def __init__(self) -> None:
        super().__init__()
        self.out = sys.stdout

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """The line; above the bar, where both are on one terminal."""
        words = ", ".join(f"{k} {v:,}" if isinstance(v, int) else f"{k} {v:.4f}" for k, v in logs.items())
        line = f"epoch {epoch + 1}/{self.run.epochs}: {words}"
        if self._bar is not None and self._bar.show() and self.out.isatty():
            self._bar.print(line)
        else:
            print(line, file=self.out, flush=True)


class Steps(Callback):
    """What the update steps take on a machine: sums over all of them, and the record of the last one.

    runs : on the machine, as `recording` collects them; those that are not needed any more are taken out.
    """

    def __init__(self, runs: list[Record]) -> None:
        self.runs = runs
        self.last: Record | None = None
        self.count = self.cycles = self.instructions = 0
        self.predicted = 0.0

    def on_train_batch_end(self, step: int, logs: Logs) -> None:
        """Add up the step that was just run; on the host there is nothing to add."""
        if self.runs:
            self.last = self.runs[-1]
            self.count += 1
            self.cycles += self.last.model_cycles
            self.predicted += self.last.predicted_cycles
            self.instructions += self.last.instructions
            self.runs.clear()

    def measured(self, where: Target) -> dict[str, Any]:
        """What the record has of a machine: nothing of the host."""
        if self.last is None:
            return {}
        assert isinstance(where, Machine)
        clock = where.facts.clock_hz
        return {
            "steps": self.count,
            "predicted_ms": self.predicted / clock * 1e3,
            "model_ms": self.cycles / clock * 1e3,
            "instructions": self.instructions,
            "runs": [to_json(self.last, clock)],
        }


def _say(model: str, network: Model, data: str, found: Dataset) -> None:
    samples = f"{len(found.train):,} samples of {data}, {len(found.test):,} held out"
    print(f"{model}: {network.parameters:,} parameters; {samples}", flush=True)
    log_.debug("%s", network.summary())


def _tell(stop: Interrupted, checkpoint: str | None, words: Sequence[str]) -> None:
    where = f"in epoch {stop.epoch + 1}, after step {stop.step}" if stop.step else f"after epoch {stop.epoch}"
    if checkpoint is None:
        print(
            f"interrupted {where}; nothing is kept: give --checkpoint FILE to be able to go on",
            file=sys.stderr,
        )
    else:
        print(f"interrupted {where}; to go on: {resuming(words, str(Path(checkpoint)))}", file=sys.stderr)

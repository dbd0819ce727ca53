"""The training loop: what `compile`, `fit`, `evaluate` and `train_on_batch` of a model do.

What an epoch does is decided by the model's weights, the optimiser's state, the seed and the number of the epoch
alone: training that is interrupted and resumed from a checkpoint gives the bits of training in one go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

import spinntensor as st
from spinntensor.errors import DivergenceError, OperandError
from spinntensor.nn.batches import ArrayBatches, Batch, Batches, batches, checked
from spinntensor.nn.callbacks import Callback, Progress
from spinntensor.nn.divergence import weights
from spinntensor.nn.layer import Mode
from spinntensor.nn.losses import loss as loss_by_name
from spinntensor.nn.objective import Totals
from spinntensor.nn.optimizers import Optimizer
from spinntensor.nn.optimizers import optimizer as optimizer_by_name
from spinntensor.nn.run import History, Resumed, Run
from spinntensor.nn.trainer import Trainer
from spinntensor.tensors.report import LOST, WORDS, report

if TYPE_CHECKING:
    from spinntensor.nn.model import Model

__all__ = ["History", "compile", "evaluate", "fit", "train_on_batch"]

SEEDS = 1 << 64


def compile(
    model: Model,
    optimizer: str | Optimizer = "sgd",
    loss: Any = None,
    metrics: Sequence[Any] = (),
    *,
    format: Any = "float32",
    seed: int = 0,
    group: int = 32,
    accumulate: int = 1,
) -> None:
    """Say how `model` is trained.

    Parameters
    ----------
    optimizer : "sgd", "lars", "adam", or one of `nn.optimizers`.
    loss : a name, one of `nn.losses`, or a function of tensors (y_true, y_pred); a list for several outputs.
    metrics : such as "accuracy", "top_5", "mae", or objects of `nn.metrics`; taken of every output.
    format : of the operands of products, "float32" or "bfp16"; weights and their updates are float32 always.
    seed : of the order of the samples and of dropout.
    group : images that batch normalisation takes its statistics over, see `st.batch_norm`.
    accumulate : update the weights once for so many batches, by the mean of their gradients; the last update of an
        epoch by that of what is left. It is part of the graph, so it does not depend on how the work is spread.
    """
    for name, value, lowest, beyond in (
        ("seed", seed, 0, SEEDS),
        ("accumulate", accumulate, 1, None),
        ("group", group, 1, None),
    ):
        wrong = isinstance(value, bool) or not isinstance(value, int | np.integer) or value < lowest
        if wrong or (beyond is not None and value >= beyond):
            expected = f"an integer from {lowest} on"
            raise OperandError("compile", name, repr(value), expected, f"correct {name}")
    if loss is None:
        mend = "say what to minimise, 'sparse_categorical_crossentropy' for labels, say"
        raise OperandError("compile", "loss", "none", "a loss", mend)
    for one in loss if isinstance(loss, list | tuple) else [loss]:
        loss_by_name(one)
    mode = Mode(True, format, st.Generator(int(seed)), int(group))
    trainer = Trainer(model, optimizer_by_name(optimizer), loss, metrics, mode, int(seed), int(accumulate))
    if getattr(model, "built", True):
        trainer.objective  # noqa: B018  # refuses what does not fit the outputs
    model.trainer = trainer


def fit(
    model: Model,
    x: Any,
    y: Any = None,
    *,
    batch_size: int = 32,
    epochs: int = 1,
    validation_data: Any = None,
    validation_split: float = 0.0,
    shuffle: bool = True,
    callbacks: Iterable[Callback] = (),
    initial_epoch: int = 0,
    verbose: int = 1,
) -> History:
    """Train on data; see what it returns for the losses and metrics of each epoch.

    Parameters
    ----------
    x, y : arrays [samples, ...], lists of them for several inputs and outputs; or a loader of pairs as `x` alone.
    batch_size : samples whose gradients are computed together; loaders have their own.
    epochs : the number of the epoch before which to stop: with `initial_epoch` 2 and `epochs` 5, three are trained.
    validation_data : (x, y) or a loader, evaluated after each epoch; its logs begin with `val_`.
    validation_split : share of the samples, the last ones, that is used for that instead.
    shuffle : mix the samples anew in each epoch, in an order that seed and epoch decide; loaders have their own.
    callbacks : see `nn.callbacks`.
    initial_epoch : a model that was resumed from a checkpoint goes on where it was made.
    verbose : 1: a progress bar, at a terminal, on what takes over two seconds; 2: a line for each epoch; 0: nothing.

    Raises DivergenceError when a loss is not finite: it names the first layer that gave such numbers, and the model
    holds the weights from before that step. What happened to numbers during an epoch (see `st.counting`) is in its
    logs, and one NumericWarning for each kind.
    """
    trainer = _trainer(model)
    trainer.build()
    data = batches(x, y, model.inputs, trainer.objective, batch_size, trainer.seed if shuffle else None)
    held_out = _held_out(trainer, validation_data, batch_size)
    if validation_split:
        if held_out is not None or not isinstance(data, ArrayBatches):
            received = "validation_data as well" if held_out is not None else "a loader"
            mend = "leave validation_split out"
            raise OperandError("fit", "validation_split", received, "arrays to take it from", mend)
        data, held_out = data.split(validation_split)
    steps = -(-len(data) // trainer.accumulate)
    run = trainer.run = _started(trainer, epochs, initial_epoch, steps)
    watchers = sorted([*callbacks, *([Progress(verbose)] if verbose else [])], key=lambda c: c.LAST)
    run.callbacks = watchers
    resumed, trainer.resumed = trainer.resumed, None
    try:
        _begin(run, resumed)
        while run.epoch < run.epochs and not run.stopping:
            _epoch(trainer, run, data, held_out)
        for c in watchers:
            c.on_train_end()
    finally:
        for c in watchers:
            c.close()
    return run.history


def evaluate(
    model: Model, x: Any, y: Any = None, *, batch_size: int = 32, format: Any = None
) -> dict[str, float]:
    """Loss and metrics on data, with moving statistics and without dropout.

    x, y : as for `fit`.
    format : of the operands of products; None takes that of `compile`.
    """
    trainer = _trainer(model)
    return trainer.test(batches(x, y, model.inputs, trainer.objective, batch_size), format, None)


def train_on_batch(model: Model, x: Any, y: Any) -> dict[str, float]:
    """One update step on one batch; the losses and metrics are those of before the update."""
    trainer = _trainer(model)
    trainer.build()
    xs, ys = checked(x, y, model.inputs, trainer.objective)
    (batch,) = ArrayBatches(xs, ys, len(xs[0])).batches()
    totals = Totals()
    trainer.train([batch], totals)
    return totals.means()


def _epoch(trainer: Trainer, run: Run, data: Batches, held_out: Batches | None) -> None:
    """One epoch, or what is left of it."""
    epoch, first = run.epoch, run.step
    if not first:
        run.totals, run.events = Totals(), Counter()
    for c in run.callbacks:
        c.on_epoch_begin(epoch)
    earlier = Counter(run.events)
    with st.counting() as counts, closing(data.batches(epoch, first * trainer.accumulate)) as stream:
        for given in _grouped(stream, trainer.accumulate):
            trainer.train(given, run.totals, epoch, run.step)
            run.step += 1
            run.events = earlier + _by_name(counts)
            logs = run.totals.means()
            for c in run.callbacks:
                c.on_train_batch_end(run.step - 1, logs)
        if run.step != run.steps:
            received, expected = f"{run.step} steps in epoch {epoch}", f"{run.steps}, as its length says"
            raise OperandError("fit", "x", received, expected, "let each iteration of the loader start anew")
        logs = run.totals.means()
        if held_out is not None:
            logs.update((f"val_{k}", v) for k, v in trainer.test(held_out).items())
    run.events = earlier + _by_name(counts)
    _report(counts, epoch)
    bad = weights(trainer.model, "after the epoch")
    if bad:
        mend = "lower the learning rate, and go on from a checkpoint"
        raise DivergenceError(epoch, run.step - 1, logs["loss"], bad, mend)
    logs.update((name, n) for name, n in sorted(run.events.items()))
    run.history.epochs.append({"epoch": epoch, **logs})
    run.epoch, run.step = epoch + 1, 0
    for c in run.callbacks:
        c.on_epoch_end(epoch, logs)


def _grouped(given: Iterator[Batch], count: int) -> Iterator[list[Batch]]:
    """Lists of `count` batches, the last one of what is left."""
    group: list[Batch] = []
    for batch in given:
        group.append(batch)
        if len(group) == count:
            yield group
            group = []
    if group:
        yield group


def _by_name(counts: st.Counts) -> Counter[str]:
    """What was counted, without elements that became 0, which is ordinary."""
    found: Counter[str] = Counter()
    for (name, _, _), n in counts.entries.items():
        if name != LOST:
            found[name] += n
    return found


def _report(counts: st.Counts, epoch: int) -> None:
    """One warning for each kind, at the operation where it happened most often."""
    for name in WORDS:
        entries = {key: n for key, n in counts.entries.items() if key[0] == name}
        if entries:
            _, op, source = max(entries, key=lambda key: entries[key])
            total = sum(entries.values())
            where = f"epoch {epoch}, most often {op}" if len(entries) > 1 else f"epoch {epoch}, {op}"
            report([(where, source, {name: total})])


def _trainer(model: Model) -> Trainer:
    if model.trainer is None:
        mend = "call model.compile(optimizer, loss) first"
        raise OperandError("fit", "model", "one that was not compiled", "an optimizer and a loss", mend)
    return model.trainer


def _held_out(trainer: Trainer, data: Any, batch_size: int) -> Batches | None:
    if data is None:
        return None
    pair = data if isinstance(data, tuple | list) else (data, None)
    if len(pair) != 2:
        mend = "leave out what is more"
        raise OperandError("fit", "validation_data", f"{len(pair)} parts", "a pair (x, y), or a loader", mend)
    x, y = pair
    return batches(x, y, trainer.model.inputs, trainer.objective, batch_size)


def _started(trainer: Trainer, epochs: int, initial_epoch: int, steps: int) -> Run:
    """A course of training from `initial_epoch`, or from where the checkpoint was made."""
    for name, value in (("epochs", epochs), ("initial_epoch", initial_epoch)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
            raise OperandError("fit", name, repr(value), "a number from 0 on", f"correct {name}")
    there = trainer.resumed
    if there is None:
        return Run(trainer.model, int(epochs), steps, int(initial_epoch))
    if initial_epoch not in (0, there.epoch):
        received = f"{initial_epoch} after a checkpoint of epoch {there.epoch}"
        raise OperandError("fit", "initial_epoch", received, str(there.epoch), "leave initial_epoch out")
    if there.step and there.steps != steps:
        received = f"data of {steps} steps, after a checkpoint in an epoch of {there.steps}"
        raise OperandError("fit", "x", received, "the data and batch size of before", "give the same data")
    history = History([dict(row) for row in there.history.epochs])
    totals = Totals(dict(there.totals.sums))
    return Run(
        trainer.model, int(epochs), steps, there.epoch, there.step, totals, Counter(there.events), history
    )


def _begin(run: Run, resumed: Resumed | None) -> None:
    """Tell the callbacks, and give those that a checkpoint knows their state back."""
    states = list(resumed.callbacks) if resumed else []
    for c in run.callbacks:
        c.run = run
        c.on_train_begin()
        mine = next((s for s in states if s[0] == type(c).__name__), None)
        if mine is not None:
            states.remove(mine)
            c.restore(mine[1])

"""`spinntensor run`: what a network makes of inputs - the most likely classes, and a record of the run."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

import spinntensor as st
from spinntensor.commands.labels import Guess, best, numbered, read_labels
from spinntensor.commands.networks import Prepared, prepare
from spinntensor.commands.record import write_record
from spinntensor.errors import OperandError
from spinntensor.machine.current import chosen
from spinntensor.machine.geometry import Machine
from spinntensor.machine.grammar import Host, Target
from spinntensor.machine.record import Record, recording, to_json
from spinntensor.nn import data
from spinntensor.nn.converted import ConvertedModel
from spinntensor.nn.model import Model
from spinntensor.nn.prediction import batch as usual_batch
from spinntensor.nn.quantized_model import QuantizedModel
from spinntensor.report.files import writable
from spinntensor.tensors.report import WORDS

log = logging.getLogger(__name__)

SHOWN = 8
"""Inputs whose classes are printed; the file of --json has all."""
MEANINGLESS = "weights are random: labels and scores carry no meaning"


def main(
    model: str,
    inputs: Sequence[str],
    *,
    machine: str = "chip",
    format: str | None = None,
    weights: str | None = None,
    top: int = 5,
    labels: str | None = None,
    calibration: str | None = None,
    classes: int | None = None,
    batch: int | None = None,
    seed: int = 0,
    json: str | None = None,
) -> int:
    """Run a network on inputs, print the classes of each, and write the record that was asked for; 0.

    Parameters as the command line has them. Errors of the model, of inputs, and of files that cannot be written come
    before the network is run.
    """
    where = chosen(machine)
    json_file = json and writable(json)
    start = time.perf_counter()
    found = prepare(model, inputs, weights=weights, calibrate_on=calibration, classes=classes, seed=seed)
    names, expected = _names(found, labels), _labels(found)
    runner, format = formatted(found, model, format)
    log.debug("%s", runner.summary())
    prepared = time.perf_counter()
    log.info("running %s in %s on %s, %d inputs", model, format, machine, len(found.inputs.names))
    size = batch or _batch(runner, format, where, len(found.inputs.names))
    loader = data.Loader(data.Scaled(found.inputs.source), size)
    with st.counting() as counts, recording() as runs:
        results = runner.predict(loader, batch_size=size, machine=where)
    wall = time.perf_counter() - prepared
    scores = probabilities(runner, results)
    guesses = [best(row, names, top) for row in scores]
    record: dict[str, Any] = {
        "model": model,
        "machine": where.name,
        "format": format,
        "inputs": list(found.inputs.names),
        "top": [
            entry
            for name, row in zip(found.inputs.names, guesses, strict=True)
            for entry in _entries(name, row)
        ],
        "output_sha256": hashlib.sha256(np.ascontiguousarray(results, "<f4").tobytes()).hexdigest(),
        "output": {"shape": list(results.shape), "dtype": "float32"},
        "wall_s": round(wall, 6),
        "prepare_s": round(prepared - start, 6),
        "batch": size,
        "random_weights": bool(found.model.synthetic),
        "calibration": _calibrated(found, runner),
        "counts": {name: counts[name] for name in WORDS},
    }
    if runs:
        record |= _measured(runs, where)
    right = None
    if expected is not None:
        right = int(np.sum(np.argmax(results, axis=-1) == expected))
        record["accuracy"] = right / len(results)
    _print(record, found, guesses, right)
    if json_file:
        write_record(json_file, record)
    return 0


def _batch(runner: Model | ConvertedModel, format: str, where: Target, count: int) -> int:
    """Inputs that are computed at a time."""
    return 16 if isinstance(where, Host) else usual_batch(runner, format, where, count)


def _measured(runs: Sequence[Record], where: Target) -> dict[str, Any]:
    """What runs on a chip add to the record: times by the plan and by the chip, in all and for each layer."""
    assert isinstance(where, Machine)
    clock = where.facts.clock_hz
    found = [to_json(one, clock) for one in runs]
    most = max(runs, key=lambda one: one.batches)
    return {
        "predicted_ms": sum(one["predicted_ms"] for one in found),
        "model_ms": sum(one["model_ms"] for one in found),
        "instructions": sum(one["instructions"] for one in found),
        "layers": [
            {
                "name": x.name,
                "predicted_cycles": x.predicted_cycles,
                "cycles": x.cycles,
                "multiplies": x.multiplies,
            }
            for x in most.layers
        ],
        "runs": found,
    }


def formatted(found: Prepared, name: str, format: str | None) -> tuple[Model | ConvertedModel, str]:
    """The network in a number format, ready to predict, and the format; None is float32, or that of the network.

    name : what the user called it. OperandError for a network that is in another format already.
    """
    network = found.model
    if isinstance(network, ConvertedModel):
        if format not in (None, network.format):
            mend = "leave --format out, or name the float32 model"
            raise OperandError(name, "format", format, f"{network.format}, in which it was saved", mend)
        return network, network.format
    if format in (None, "float32"):
        return network, "float32"
    if format == "int8":
        log.info("calibrating int8 on %s", found.calibration.words)
        return network.quantize("int8", calibration=found.calibration.x), "int8"
    return network.quantize(str(format)), str(format)


def probabilities(network: Model | ConvertedModel, results: np.ndarray) -> np.ndarray:
    """Scores of classes that add up to 1: the softmax of results, or results that come from one."""
    last: object = network.outputs[0].layer
    if isinstance(network, QuantizedModel):
        last = getattr(network.steps[network.results[0][0]].operation, "layer", None)
    if getattr(last, "activation", None) == "softmax":
        return results
    return st.softmax(st.tensor(results)).numpy()


def _calibrated(found: Prepared, runner: Model | ConvertedModel) -> str | None:
    """What ranges were taken from; None where none were needed."""
    if not isinstance(runner, QuantizedModel):
        return None
    return runner.calibration if runner is found.model else found.calibration.words


def _names(found: Prepared, labels: str | None) -> tuple[str, ...]:
    """Names of the classes: those of the file, those of the data, or numbers."""
    if labels is not None:
        return read_labels(labels, found.classes)
    known = found.inputs.classes
    return known if len(known) == found.classes else numbered(found.classes)


def _entries(name: str, row: list[Guess]) -> list[dict[str, Any]]:
    return [{"input": name, "class": g.class_, "label": g.label, "score": g.score} for g in row]


def _labels(found: Prepared) -> np.ndarray | None:
    """The class of each input; None where it is not known, or where it is of other classes than the network's.

    OperandError for numbers that are no classes of the network.
    """
    labels, known = found.inputs.source.labels, found.inputs.classes
    if labels is None or (known and len(known) != found.classes):
        return None
    return data.check_labels(labels, found.classes, "inputs")


def _words(run: dict[str, Any]) -> str:
    """A run on a chip in a line."""
    return (
        f"  {run['model_ms']:,.2f} model ms ({run['predicted_ms']:,.2f} predicted), "
        f"{run['images_per_s']:.3g} images/s, "
        f"{run['mac_per_worker_cycle']:.3f} MAC per worker cycle, {run['joules_per_image']:.3g} J/image, "
        f"{run['instructions']:,} instructions"
    )


def _print(record: dict[str, Any], found: Prepared, guesses: list[list[Guess]], right: int | None) -> None:
    """The run for people."""
    count = len(guesses)
    inputs = f"{count:,} input{'s' if count != 1 else ''}"
    print(
        f"{record['model']} in {record['format']} on {record['machine']}: {inputs} in {record['wall_s']:.2f} s"
    )
    for one in record.get("runs", ()):
        print(_words(one))
    if record["random_weights"]:
        print(MEANINGLESS)
    width = max((len(g.label) for row in guesses[:SHOWN] for g in row), default=0)
    for name, row in list(zip(found.inputs.names, guesses, strict=True))[:SHOWN]:
        print(name)
        for rank, g in enumerate(row, 1):
            print(f"  {rank}. {g.label:<{width}}  {g.score:.4f}")
    if count > SHOWN:
        print(f"... and {count - SHOWN:,} more; --json FILE has all")
    if right is not None:
        print(f"accuracy {right / count:.2%}: {right:,} of {count:,}")
    for name, n in record["counts"].items():
        if n and name != "lost":
            print(f"{n:,} {WORDS[name]}")

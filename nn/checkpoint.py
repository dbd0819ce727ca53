"""Checkpoints: all that training depends on, in one file, from which it goes on to the same bits.

A checkpoint is a NumPy archive (.npz): `about`, a text in JSON, and arrays: `weight_i` in the order of
`model.get_weights()`, `slot_i_name` of the optimiser for trained weight i, `callback_i_key`. `about` has the position
(epoch, step), the optimiser's settings and steps, seed and counter of dropout's generator, and the logs so far.
Whatever happens while one is written, the file before stays as it was.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import Counter
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.errors import InputError, OperandError
from spinntensor.nn.files import replacing
from spinntensor.nn.objective import Totals
from spinntensor.nn.run import History, Resumed, Run

if TYPE_CHECKING:
    from spinntensor.nn.model import Model
    from spinntensor.nn.trainer import Trainer
    from spinntensor.tensors.variable import Variable

__all__ = ["restore", "save"]

VERSION = 1
Path = str | PathLike[str]


def save(model: Model, path: Path) -> None:
    """Write a checkpoint of a model that was compiled; OutputError, and the old file as it was, when that fails.

    Outside of `fit` it is one of the end of the last training, or of its beginning when there was none.
    """
    trainer = _trainer("save", model)
    trainer.build()
    run = trainer.run or Run(model, 0, 0)
    arrays = {name: v.numpy() for name, v in _variables(trainer).items()}
    callbacks = []
    for i, callback in enumerate(run.callbacks):
        state = callback.state()
        kept = {k: v for k, v in state.items() if not isinstance(v, np.ndarray)}
        arrays.update((f"callback_{i}_{k}", v) for k, v in state.items() if isinstance(v, np.ndarray))
        callbacks.append({"name": type(callback).__name__, "state": kept})
    about = {
        "version": VERSION,
        "settings": _settings(trainer),
        "iterations": trainer.optimizer.iterations,
        "draws": int(_counter(trainer).numpy()),
        "epoch": run.epoch,
        "step": run.step,
        "steps": run.steps,
        "totals": run.totals.sums,
        "events": dict(run.events),
        "history": run.history.epochs,
        "callbacks": callbacks,
    }
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, about=np.array(json.dumps(about)), **arrays)


def restore(model: Model, path: Path) -> None:
    """Give a model, compiled as it was then, what a checkpoint holds; its next `fit` goes on from there.

    InputError for a file that is no whole checkpoint; OperandError, which names the first setting that differs, for a
    model or training that is another one. The model is changed only when all fits.
    """
    trainer = _trainer("resume", model)
    trainer.build()
    about, arrays = _read(path)
    _compare(about["settings"], _settings(trainer))
    variables = _variables(trainer)
    for name, v in variables.items():
        found = arrays.get(name)
        if found is None or found.shape != v.shape or found.dtype != np.float32:
            received = "nothing" if found is None else f"{found.dtype} of shape {found.shape}"
            raise InputError(
                fspath(path), f"{name} is {received}, not float32 of shape {v.shape}", "use another one"
            )
    for name, v in variables.items():
        v.assign(arrays[name])
    _counter(trainer).assign(about["draws"])
    trainer.optimizer.iterations = about["iterations"]
    model.synthetic = False
    states = []
    for i, callback in enumerate(about["callbacks"]):
        prefix = f"callback_{i}_"
        kept = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        states.append((callback["name"], {**callback["state"], **kept}))
    totals = Totals({k: (total, count) for k, (total, count) in about["totals"].items()})
    history = History(about["history"])
    trainer.resumed = Resumed(
        about["epoch"], about["step"], about["steps"], totals, Counter(about["events"]), history, states
    )


def _variables(trainer: Trainer) -> dict[str, Variable]:
    """Weights and the optimiser's state by the name of their array."""
    found = {f"weight_{i}": v for i, v in enumerate(trainer.model.variables)}
    for i, slots in enumerate(trainer.optimizer.slots):
        found.update((f"slot_{i}_{name}", v) for name, v in slots.items())
    return found


def _counter(trainer: Trainer) -> Variable:
    """The generator's counter."""
    assert trainer.mode.generator is not None
    return trainer.mode.generator.counter


def _settings(trainer: Trainer) -> dict[str, Any]:
    """What has to be equal for the bits to be."""
    model = trainer.model
    return {
        "weights": [list(v.shape) for v in model.variables],
        "trained": [
            i for i, v in enumerate(model.variables) if any(v is t for t in model.trainable_variables)
        ],
        "optimizer": trainer.optimizer.config(),
        "loss": trainer.objective.config(),
        "format": trainer.mode.format,
        "group": trainer.mode.group,
        "accumulate": trainer.accumulate,
        "seed": trainer.seed,
    }


def _compare(there: dict[str, Any], here: dict[str, Any]) -> None:
    for name, value in json.loads(json.dumps(here)).items():
        if there[name] != value:
            mend = "build and compile the model as it was then"
            raise OperandError("resume", name, f"{value}", f"{there[name]}, as in the checkpoint", mend)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The text and the arrays; the archive's checksums are tested on the way."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        about = json.loads(str(arrays.pop("about")))
        if about["version"] != VERSION:
            reason = f"it is of version {about['version']}, not {VERSION}"
            raise InputError(fspath(path), reason, "use the release that wrote it")
    except OSError as error:
        if isinstance(error, InputError):
            raise
        reason = error.strerror or str(error)
        raise InputError(fspath(path), reason, "name a checkpoint that exists") from None
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        reason = f"it is no whole checkpoint ({error})"
        raise InputError(fspath(path), reason, "use one that was written to its end") from None
    return about, arrays


def _trainer(op: str, model: Model) -> Trainer:
    if model.trainer is None:
        mend = "call model.compile(...) as it was called then"
        raise OperandError(op, "model", "one that was not compiled", "an optimizer and a loss", mend)
    return model.trainer

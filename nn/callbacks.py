"""Callbacks: what is to happen between the steps of a training - progress, checkpoints, early stopping, logs."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.errors import OperandError
from spinntensor.machine.watch import watching
from spinntensor.nn import checkpoint
from spinntensor.nn.files import replacing
from spinntensor.nn.progress import Bar

if TYPE_CHECKING:
    from spinntensor.nn.run import Logs, Run

__all__ = ["Callback", "CSVLogger", "Checkpoint", "EarlyStopping", "JSONLogger", "Progress"]


class Callback:
    """Base of callbacks: override what is needed, by Keras's names.

    run : the course of training, set before it begins: model, epoch, history, `run.stop()`.
    """

    LAST = False
    """Whether it comes after all others, because it keeps what they have done."""
    run: Run

    def on_train_begin(self) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before an epoch, and when one is resumed."""

    def on_train_batch_end(self, step: int, logs: Logs) -> None:
        """After an update step; logs are the means of the epoch so far."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """After an epoch, with all its logs."""

    def on_train_end(self) -> None:
        """After the last epoch, unless an error came before."""

    def close(self) -> None:
        """At the very end, also after an error."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint has to keep: arrays, and values that JSON takes."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""


class Progress(Callback):
    """A bar on standard error, at a terminal, once training takes over two seconds.

    verbose : 1: the bar and, above it, a line for each epoch; 2: only the lines, on standard output, wherever it goes.
    """

    def __init__(self, verbose: int = 1) -> None:
        self.verbose = verbose
        self._bar: Bar | None = None
        self._watching = ExitStack()

    def on_train_begin(self) -> None:
        """Start the clock."""
        if self.verbose == 1 and sys.stderr.isatty():
            self._bar = Bar("", self.run.epochs * self.run.steps)
            self._watching.enter_context(watching(self._bar.told))

    def on_train_batch_end(self, step: int, logs: Logs) -> None:
        """Move on."""
        if self._bar is not None and self._bar.show():
            words = f"epoch {self.run.epoch + 1}/{self.run.epochs}, {_words(logs)}"
            self._bar.move(self.run.epoch * self.run.steps + step + 1, words)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """A line."""
        line = f"epoch {epoch + 1}/{self.run.epochs}: {_words(logs)}"
        if self.verbose == 2:
            print(line, flush=True)
        elif self._bar is not None and self._bar.show():
            self._bar.print(line)

    def close(self) -> None:
        """Take the bar away."""
        self._watching.close()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class Checkpoint(Callback):
    """Write all that training depends on to one file, over the one before; `nn.checkpoint.restore` goes on from it.

    Parameters
    ----------
    path : the file; it is replaced only once the new one is whole.
    every : epochs between two.
    every_steps : update steps between two inside an epoch, counted from its start; None: at the ends of epochs alone.

    Resumed training gives the bits of training that was never interrupted. OutputError when the file cannot be
    written; the one before stays.
    """

    LAST = True

    def __init__(self, path: str | PathLike[str], every: int = 1, every_steps: int | None = None) -> None:
        for name, value in (("every", every), ("every_steps", 1 if every_steps is None else every_steps)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise OperandError("Checkpoint", name, repr(value), "a number from 1 on", f"correct {name}")
        self.path = path
        self.every = every
        self.every_steps = every_steps

    def on_train_batch_end(self, step: int, logs: Logs) -> None:
        """Write if it is time."""
        if self.every_steps is not None and (step + 1) % self.every_steps == 0 and step + 1 < self.run.steps:
            checkpoint.save(self.run.model, self.path)

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Write if it is time, and after the last epoch."""
        if (epoch + 1) % self.every == 0 or self.run.epoch == self.run.epochs or self.run.stopping:
            checkpoint.save(self.run.model, self.path)


class EarlyStopping(Callback):
    """Stop when a logged number has not become better for some epochs.

    Parameters
    ----------
    monitor : its key in the logs.
    patience : epochs without a better one after which to stop; 0: at the first that is not better.
    restore_best : give the model, at the end of training, the weights of the best epoch.
    min_delta : by how much a number has to be better to count.
    mode : "min" or "max" is better; "auto": max for accuracies and top-k, else min.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 0,
        restore_best: bool = False,
        min_delta: float = 0.0,
        mode: str = "auto",
    ) -> None:
        if mode not in ("auto", "min", "max"):
            raise OperandError(
                "EarlyStopping", "mode", repr(mode), "'auto', 'min' or 'max'", "choose one of them"
            )
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 0:
            expected = "a number of epochs from 0 on"
            raise OperandError("EarlyStopping", "patience", repr(patience), expected, "correct patience")
        self.monitor = monitor
        self.patience = patience
        self.restore_best = restore_best
        self.min_delta = min_delta
        up = mode == "max" or (mode == "auto" and ("accuracy" in monitor or "top_" in monitor))
        self.sign = -1.0 if up else 1.0
        self._reset()

    def _reset(self) -> None:
        self.best = math.inf
        self.best_epoch = -1
        self.waited = 0
        self.weights: list[np.ndarray] = []

    def on_train_begin(self) -> None:
        """Forget an earlier training."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Compare; OperandError when the logs lack the key."""
        if self.monitor not in logs:
            mend = "choose one of them, or give validation data"
            raise OperandError(
                "EarlyStopping", "monitor", repr(self.monitor), f"one of {', '.join(logs)}", mend
            )
        value = self.sign * logs[self.monitor]
        if value < self.best - self.min_delta:
            self.best, self.best_epoch, self.waited = value, epoch, 0
            if self.restore_best:
                self.weights = self.run.model.get_weights()
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.run.stop()

    def on_train_end(self) -> None:
        """Bring the best weights back."""
        if self.restore_best and self.weights:
            self.run.model.set_weights(self.weights)

    def state(self) -> dict[str, Any]:
        """The best number, its weights, and how long it has been waited."""
        arrays = {f"weight_{i}": w for i, w in enumerate(self.weights)}
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self.waited, **arrays}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        self.best, self.best_epoch, self.waited = state["best"], state["best_epoch"], state["waited"]
        count = sum(key.startswith("weight_") for key in state)
        self.weights = [state[f"weight_{i}"] for i in range(count)]


class CSVLogger(Callback):
    """Write the logs of all epochs so far to a table, whole, after each epoch; a resumed training goes on with it."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = path

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Write."""
        rows = self.run.history.epochs
        keys = list(dict.fromkeys(k for row in rows for k in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, keys, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        with replacing(self.path) as file:
            file.write(text.getvalue().encode())


class JSONLogger(Callback):
    """Write the logs of all epochs so far as a JSON list of objects, whole, after each epoch."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = path

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Write."""
        with replacing(self.path) as file:
            file.write((json.dumps(self.run.history.epochs, indent=2) + "\n").encode())


def _words(logs: Logs) -> str:
    return ", ".join(f"{k} {v:,}" if isinstance(v, int) else f"{k} {v:.4f}" for k, v in logs.items())

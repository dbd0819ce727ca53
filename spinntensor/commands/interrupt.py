"""Ctrl-C during training: the step is finished, the state is kept, and what was typed to get there can go on."""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

from spinntensor.nn import checkpoint
from spinntensor.nn.callbacks import Callback
from spinntensor.nn.run import Logs


class Interrupted(Exception):
    """Training ended early because the user wished it.

    epoch, step : where it would go on, both from 0.
    """

    def __init__(self, epoch: int, step: int) -> None:
        super().__init__(epoch, step)
        self.epoch = epoch
        self.step = step


class Interruptible(Callback):
    """Turns Ctrl-C into a checkpoint after the step that is under way; a second one ends the program at once.

    path : of the checkpoint; None keeps nothing.
    """

    LAST = True

    def __init__(self, path: str | None) -> None:
        self.path = path
        self.asked = False
        self._before: Any = None

    def on_train_begin(self) -> None:
        """Listen, where Python lets a thread listen."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)

    def on_train_batch_end(self, step: int, logs: Logs) -> None:
        """End here if it was asked for; after the last step, the epoch is finished first."""
        if self.asked and step + 1 < self.run.steps:
            self._end()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """End here if it was asked for, unless the training ends anyway."""
        if self.asked and self.run.epoch < self.run.epochs:
            self._end()

    def close(self) -> None:
        """Listen no more."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def _end(self) -> None:
        if self.path is not None:
            checkpoint.save(self.run.model, self.path)
        raise Interrupted(self.run.epoch, self.run.step)


def resuming(words: Sequence[str], path: str) -> str:
    """The command line that goes on from a checkpoint: the one that was typed, with --resume."""
    kept = []
    skip = False
    for word in words:
        if skip or word == "--resume":
            skip = not skip
        elif not word.startswith("--resume="):
            kept.append(word)
    return shlex.join(["spinntensor", *kept, "--resume", path])

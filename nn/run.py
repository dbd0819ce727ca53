"""The course of a training: where it stands, what was logged so far, and the wish to stop; callbacks see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spinntensor.nn.objective import Totals

if TYPE_CHECKING:
    from spinntensor.nn.callbacks import Callback
    from spinntensor.nn.model import Model

Logs = Mapping[str, float]


@dataclass
class History:
    """What was logged, epoch by epoch.

    epochs : one dictionary for each epoch: its number from 0 under "epoch", then the logs.
    """

    epochs: list[dict[str, float]] = field(default_factory=list)

    @property
    def history(self) -> dict[str, list[float]]:
        """The logs by key, as Keras has them; an epoch without the key is left out."""
        keys = dict.fromkeys(k for row in self.epochs for k in row if k != "epoch")
        return {key: [row[key] for row in self.epochs if key in row] for key in keys}


@dataclass
class Run:
    """One course of training, from its first epoch or from a checkpoint.

    epochs : number of the epoch before which it ends.
    steps : update steps of an epoch.
    epoch, step : what comes next; step 0 is the start of an epoch.
    totals, events : of the epoch so far: losses and metrics, and what happened to numbers.
    stopping : a callback asked for the end.
    """

    model: Model
    epochs: int
    steps: int
    epoch: int = 0
    step: int = 0
    totals: Totals = field(default_factory=Totals)
    events: Counter[str] = field(default_factory=Counter)
    history: History = field(default_factory=History)
    callbacks: Sequence[Callback] = ()
    stopping: bool = False

    def stop(self) -> None:
        """End the training after this epoch."""
        self.stopping = True


@dataclass(frozen=True)
class Resumed:
    """Where a checkpoint was made; the next `fit` goes on from there.

    callbacks : class name and state of each callback.
    """

    epoch: int
    step: int
    steps: int
    totals: Totals
    events: Counter[str]
    history: History
    callbacks: list[tuple[str, dict[str, Any]]]

"""Learning rates over time: plain functions from the number of a step to a rate, computed on the host.

A rate is data of a compiled training step, not part of it: it is computed in float64 from the number of steps done
before (0 at first) and rounded once to float32. So any function `step -> rate` serves as a schedule; these are the
usual ones, by Keras's names where Keras has one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spinntensor.errors import OperandError

__all__ = [
    "Constant",
    "CosineDecay",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "schedule",
]

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class Constant:
    """The same rate at every step."""

    learning_rate: float

    def __call__(self, step: int) -> float:
        """The rate of step `step`."""
        return self.learning_rate


@dataclass(frozen=True)
class StepDecay:
    """initial_learning_rate * factor ** floor(step / every): PyTorch's StepLR, Keras's staircase ExponentialDecay."""

    initial_learning_rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _positive("StepDecay", "every", self.every)

    def __call__(self, step: int) -> float:
        """The rate of step `step`."""
        return self.initial_learning_rate * self.factor ** (step // self.every)


@dataclass(frozen=True)
class PiecewiseConstantDecay:
    """values[i], i being how many of the rising `boundaries` are below `step`; one more value than boundaries."""

    boundaries: Sequence[int]
    values: Sequence[float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "boundaries", tuple(self.boundaries))
        object.__setattr__(self, "values", tuple(self.values))
        if len(self.values) != len(self.boundaries) + 1:
            received = f"{len(self.boundaries)} boundaries and {len(self.values)} values"
            mend = "add or remove a value"
            raise OperandError("PiecewiseConstantDecay", "values", received, "one value more", mend)
        if any(a >= b for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise OperandError(
                "PiecewiseConstantDecay",
                "boundaries",
                self.boundaries,
                "rising numbers of steps",
                "sort them",
            )

    def __call__(self, step: int) -> float:
        """The rate of step `step`."""
        return self.values[sum(step > b for b in self.boundaries)]


@dataclass(frozen=True)
class CosineDecay:
    """Half a cosine from `initial_learning_rate` down to `alpha` times it, over `decay_steps`; constant afterwards.

    rate = initial * ((1 - alpha) * (1 + cos(pi * min(step, decay_steps) / decay_steps)) / 2 + alpha), as in Keras.
    """

    initial_learning_rate: float
    decay_steps: int
    alpha: float = 0.0

    def __post_init__(self) -> None:
        _positive("CosineDecay", "decay_steps", self.decay_steps)

    def __call__(self, step: int) -> float:
        """The rate of step `step`."""
        share = min(step, self.decay_steps) / self.decay_steps
        fall = 0.5 * (1.0 + math.cos(math.pi * share))
        return self.initial_learning_rate * ((1.0 - self.alpha) * fall + self.alpha)


@dataclass(frozen=True)
class PolynomialDecay:
    """From `initial_learning_rate` to `end_learning_rate` over `decay_steps`; constant afterwards.

    rate = (initial - end) * (1 - min(step, decay_steps) / decay_steps) ** power + end, as in Keras.
    """

    initial_learning_rate: float
    decay_steps: int
    end_learning_rate: float = 0.0001
    power: float = 1.0

    def __post_init__(self) -> None:
        _positive("PolynomialDecay", "decay_steps", self.decay_steps)

    def __call__(self, step: int) -> float:
        """The rate of step `step`."""
        left = 1.0 - min(step, self.decay_steps) / self.decay_steps
        return (
            self.initial_learning_rate - self.end_learning_rate
        ) * left**self.power + self.end_learning_rate


@dataclass(frozen=True)
class WarmUp:
    """A straight line over the first `warmup_steps` steps, then another schedule, which counts from its own start.

    rate = start + (after(0) - start) * step / warmup_steps, then after(step - warmup_steps). With start 0 the first
    step changes nothing; `start` of a few per cent of the target wastes none.
    """

    after: Schedule | float
    warmup_steps: int
    start: float = 0.0

    def __post_init__(self) -> None:
        _positive("WarmUp", "warmup_steps", self.warmup_steps)
        object.__setattr__(self, "after", schedule(self.after))

    def __call__(self, step: int) -> float:
        """The rate of step `step`."""
        assert callable(self.after)
        if step >= self.warmup_steps:
            return self.after(step - self.warmup_steps)
        return self.start + (self.after(0) - self.start) * step / self.warmup_steps


def schedule(rate: Schedule | float) -> Schedule:
    """A schedule as it is, a number as a constant one; OperandError for a number that is no rate."""
    if callable(rate):
        return rate
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not (0 <= rate < math.inf):
        expected = "a number from 0 on, or a function of the step"
        raise OperandError("optimizer", "learning_rate", repr(rate), expected, "try 0.01")
    return Constant(float(rate))


def _positive(name: str, operand: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise OperandError(name, operand, repr(value), "a number of steps from 1 on", "count in update steps")

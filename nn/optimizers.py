"""Optimisers: how gradients change weights, one formula each, stated with its source.

All arithmetic is float32 and element by element, each operation rounded once, in the order in which the formulas are
written. What changes from step to step - the learning rate, Adam's correction - is computed on the host in float64,
rounded once to float32, and handed to the compiled step as data: see `Optimizer.rates`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.nn.schedules import Schedule, schedule
from spinntensor.tensors.trace import current

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor
    from spinntensor.tensors.variable import Variable

__all__ = ["LARS", "SGD", "Adam", "Optimizer", "optimizer"]

Rates = Mapping[str, Any]


class Optimizer(ABC):
    """What every optimiser offers.

    iterations : steps done; the argument of the schedule.
    variables : those that `build` was called for.
    slots : for each of them its state by name, such as `momentum`; zero at first.
    """

    SLOTS: tuple[str, ...] = ()

    def __init__(self, learning_rate: float | Schedule, weight_decay: float = 0.0) -> None:
        self.learning_rate = schedule(learning_rate)
        self.weight_decay = self._number("weight_decay", weight_decay)
        self.iterations = 0
        self.variables: tuple[Variable, ...] = ()
        self.slots: list[dict[str, Variable]] = []

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the state for these variables, once; OperandError when it was made for others."""
        if not self.variables:
            self.variables = tuple(variables)
            self.slots = [
                {
                    name: st.Variable(np.zeros(v.shape, np.float32), name=f"{v.name}/{name}")
                    for name in self.SLOTS
                }
                for v in variables
            ]
        elif [id(v) for v in self.variables] != [id(v) for v in variables]:
            received = f"{len(variables)} variables, other ones than the {len(self.variables)} of before"
            mend = "make an optimiser for each model"
            raise OperandError(type(self).__name__, "variables", received, "those of before", mend)

    def rates(self) -> dict[str, float]:
        """The numbers of the next step, for `apply`: `rate`, and whatever else depends on the step."""
        return {"rate": self.rate()}

    def rate(self) -> float:
        """The learning rate of the next step; OperandError when the schedule gives no rate."""
        rate = float(self.learning_rate(self.iterations))
        if not 0 <= rate < math.inf:
            received = f"{rate!r} at step {self.iterations}"
            raise OperandError(
                type(self).__name__, "learning_rate", received, "a number from 0 on", "correct the schedule"
            )
        return rate

    def apply(
        self, gradients: Sequence[Tensor], variables: Sequence[Variable], rates: Rates | None = None
    ) -> None:
        """Assign to variables and to the state what one step makes of them.

        rates : the numbers of this step. None takes them from `rates()` and counts the step; inside `st.compile`
            they have to be operands of the compiled function, or every call would use those of the first.
        """
        if rates is None:
            if current() is not None:
                mend = "give optimizer.rates() to the compiled function, and add 1 to optimizer.iterations"
                raise OperandError(
                    type(self).__name__, "rates", "none inside st.compile", "numbers as operands", mend
                )
            self.build(variables)
            rates = self.rates()
            self.iterations += 1
        for g, v, slots in zip(gradients, variables, self.slots, strict=True):
            self.update(g, v, slots, rates)

    @abstractmethod
    def update(self, g: Tensor, w: Variable, slots: Mapping[str, Variable], rates: Rates) -> None:
        """One variable's step."""

    def config(self) -> dict[str, Any]:
        """Name and settings, as JSON takes them; a schedule by what it prints."""
        settings = {k: v for k, v in vars(self).items() if isinstance(v, float | bool)}
        return {"name": type(self).__name__, "learning_rate": _words(self.learning_rate), **settings}

    def _number(self, name: str, value: float, below: float = math.inf) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < below:
            expected = "a number from 0 on" + ("" if below == math.inf else f" and below {below:g}")
            raise OperandError(type(self).__name__, name, repr(value), expected, f"correct {name}")
        return float(value)


class SGD(Optimizer):
    """Stochastic gradient descent, by the formulas of torch.optim.SGD (dampening 0).

        g = g + weight_decay * w                     L2: the decay joins the gradient, and so the momentum
        v = momentum * v + g                         Polyak's momentum, v = 0 at first
        w = w - rate * v                             Nesterov: w - rate * (g + momentum * v)

    Steps without momentum have no v. Keras keeps rate * v in place of v: the same as long as the rate does not
    change, and Keras's `weight_decay` is decoupled, which this one is not.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.momentum = self._number("momentum", momentum, 1)
        self.nesterov = bool(nesterov)
        if nesterov and not momentum:
            raise OperandError("SGD", "nesterov", "True with momentum 0", "a momentum", "try momentum=0.9")
        self.SLOTS = ("momentum",) if momentum else ()

    def update(self, g: Tensor, w: Variable, slots: Mapping[str, Variable], rates: Rates) -> None:
        """One variable's step."""
        if self.weight_decay:
            g = g + self.weight_decay * w
        self.descend(g, w, slots, rates)

    def descend(self, g: Tensor, w: Variable, slots: Mapping[str, Variable], rates: Rates) -> None:
        """The part that momentum plays."""
        if self.momentum:
            v = self.momentum * slots["momentum"] + g
            slots["momentum"].assign(v)
            g = g + self.momentum * v if self.nesterov else v
        w.assign(w - rates["rate"] * g)


class LARS(SGD):
    """Layer-wise adaptive rate scaling (You, Gitman, Ginsburg 2017, arXiv:1708.03888), for large batches.

        g = (g + weight_decay * w) * trust * |w| / (|g| + weight_decay * |w| + epsilon)     then SGD's momentum

    |.| is the Euclidean norm of a whole weight. Where |w| or |g| is 0 the factor is 1. Vectors (biases, gamma and
    beta of batch normalisation) are neither scaled nor decayed, as is usual.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.1,
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.001,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(learning_rate, momentum, nesterov, weight_decay)
        self.trust_coefficient = self._number("trust_coefficient", trust_coefficient)
        self.epsilon = self._number("epsilon", epsilon)

    def update(self, g: Tensor, w: Variable, slots: Mapping[str, Variable], rates: Rates) -> None:
        """One variable's step."""
        if w.ndim > 1:
            size, slope = st.sqrt(st.sum(w * w)), st.sqrt(st.sum(g * g))
            below = slope + self.weight_decay * size + self.epsilon
            both = st.logical_and(size > 0.0, slope > 0.0)
            factor = st.where(both, self.trust_coefficient * size / st.where(both, below, 1.0), 1.0)
            if self.weight_decay:
                g = g + self.weight_decay * w
            g = g * factor
        self.descend(g, w, slots, rates)


class Adam(Optimizer):
    """Adaptive moments, by the formulas of Keras (Kingma and Ba 2015, arXiv:1412.6980, the form before section 2.1).

        w = w - (rate * weight_decay) * w            decoupled: AdamW (Loshchilov and Hutter 2019)
        m = m + (g - m) * (1 - beta_1)
        v = v + (g * g - v) * (1 - beta_2)
        w = w - (alpha * m) / (sqrt(v) + epsilon)    alpha = rate * sqrt(1 - beta_2**t) / (1 - beta_1**t), t from 1

    PyTorch adds its epsilon after v is corrected: epsilon / sqrt(1 - beta_2**t) here is one epsilon there.
    """

    SLOTS = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(learning_rate, weight_decay)
        self.beta_1 = self._number("beta_1", beta_1, 1)
        self.beta_2 = self._number("beta_2", beta_2, 1)
        self.epsilon = self._number("epsilon", epsilon)

    def rates(self) -> dict[str, float]:
        """The rate, alpha with both corrections in it, and the share that decays."""
        rate, t = self.rate(), self.iterations + 1
        alpha = rate * math.sqrt(1.0 - self.beta_2**t) / (1.0 - self.beta_1**t)
        return {"rate": rate, "alpha": alpha, "decay": rate * self.weight_decay}

    def update(self, g: Tensor, w: Variable, slots: Mapping[str, Variable], rates: Rates) -> None:
        """One variable's step."""
        m, v = slots["momentum"], slots["velocity"]
        if self.weight_decay:
            w.assign(w - rates["decay"] * w)
        m.assign(m + (g - m) * (1.0 - self.beta_1))
        v.assign(v + (g * g - v) * (1.0 - self.beta_2))
        w.assign(w - rates["alpha"] * m / (st.sqrt(v) + self.epsilon))


NAMES: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "lars": LARS, "adam": Adam}


def optimizer(value: str | Optimizer) -> Optimizer:
    """An optimiser by its name with its defaults, an object as it is; OperandError for anything else."""
    if isinstance(value, Optimizer):
        return value
    if isinstance(value, str) and value.lower() in NAMES:
        return NAMES[value.lower()]()
    expected = f"one of {', '.join(NAMES)}, or an Optimizer"
    raise OperandError("compile", "optimizer", repr(value), expected, "choose one of them")


def _words(rate: Schedule) -> str:
    """A schedule as text that is the same in every process: dataclasses print their settings, functions their name."""
    return (
        repr(rate)
        if hasattr(rate, "__dataclass_fields__")
        else getattr(rate, "__qualname__", type(rate).__name__)
    )

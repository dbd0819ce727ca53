"""What `compile` leaves in a model: its training step and its evaluation as compiled functions, with all their state.

A step - forward, losses, gradients, the optimiser's update, moving statistics, metrics - is one compiled graph for
each shape of a batch; lazy and compiled steps give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

import spinntensor as st
from spinntensor.errors import OperandError
from spinntensor.machine.current import labelled
from spinntensor.nn.batches import Batch, Batches
from spinntensor.nn.divergence import diverged, restore, snapshot
from spinntensor.nn.layer import Mode
from spinntensor.nn.objective import Objective, Totals, objective
from spinntensor.nn.optimizers import Optimizer
from spinntensor.nn.progress import progressing
from spinntensor.nn.run import Resumed, Run

if TYPE_CHECKING:
    from spinntensor.graph.graph import Graph
    from spinntensor.nn.model import Model
    from spinntensor.tensors.variable import Variable

__all__ = ["Trainer"]


@dataclass
class Trainer:
    """How a model is trained.

    mode : of the training steps; its generator is what dropout draws from, and its format that of the products.
    accumulate : batches whose gradients are added up before an update.
    run : the last course of training; `resumed` : the checkpoint that the next one starts from.
    """

    model: Model
    optimizer: Optimizer
    losses: Any
    metrics: Sequence[Any]
    mode: Mode
    seed: int
    accumulate: int
    run: Run | None = None
    resumed: Resumed | None = None
    _objective: Objective | None = None
    _trained: tuple[Variable, ...] = ()
    _step: st.Compiled | None = None
    _tests: dict[str, st.Compiled] = field(default_factory=dict)

    @property
    def objective(self) -> Objective:
        """Losses and metrics for the model's outputs, whose shapes have to be known."""
        if self._objective is None:
            self._objective = objective(self.model.outputs, self.losses, self.metrics)
        return self._objective

    @property
    def state(self) -> list[Variable]:
        """Every variable that a step may change: weights, the optimiser's state, the generator's counter."""
        assert self.mode.generator is not None
        slots = [v for s in self.optimizer.slots for v in s.values()]
        return [*self.model.variables, *slots, self.mode.generator.counter]

    def build(self) -> None:
        """Make the optimiser's state and the compiled steps; OperandError if the model changed since."""
        trained = tuple(self.model.trainable_variables)
        if not trained:
            mend = "set layer.trainable = True somewhere"
            raise OperandError("compile", "model", "no trainable weights", "at least one", mend)
        if self._step is None:
            self.optimizer.build(trained)
            self._trained = trained
            self._step = st.compile(self.lazy_step())
        elif [id(v) for v in self._trained] != [id(v) for v in trained]:
            mend = "call compile again, with a new optimizer"
            raise OperandError(
                "fit", "model", "other trainable weights", "those of when it was compiled", mend
            )

    def lazy_step(self) -> Callable[..., Any]:
        """The function (rates, batches) -> what is watched in each batch, which `build` compiles."""
        both = st.value_and_grad(self._trial(self.mode), variables=self._trained, has_aux=True)

        def step(rates: dict[str, Any], given: list[Batch]) -> list[dict[str, Any]]:
            watched, total = [], None
            for xs, ys in given:
                (_, seen), slopes = both(xs, ys)
                watched.append(seen)
                total = slopes if total is None else [a + b for a, b in zip(total, slopes, strict=True)]
            assert total is not None
            if len(given) > 1:
                total = [g / float(len(given)) for g in total]
            self.optimizer.apply(total, self._trained, rates)
            return watched

        return step

    def _trial(self, mode: Mode) -> Callable[..., Any]:
        """The function (inputs, targets) -> loss and what is watched."""

        def trial(xs: Any, ys: Any) -> Any:
            results = self.model.forward(*xs, mode=mode)
            return self.objective(results if isinstance(results, list) else [results], ys)

        return trial

    def graph(self, given: list[Batch]) -> Graph:
        """The optimised graph of a step on such batches; `build` comes before."""
        assert self._step is not None
        return self._step.graph(self.optimizer.rates(), given)

    def roles(self, given: list[Batch]) -> dict[int, str]:
        """What each variable of `graph` is, by the id of its node: weights, statistics, or a state of the optimiser."""
        assert self._step is not None and self._trained is not None
        words = {id(v): name for slots in self.optimizer.slots for name, v in slots.items()}
        words |= {id(v): "weights" for v in self._trained}
        found = self._step.variables(self.optimizer.rates(), given)
        return {number: words.get(id(v), "statistics") for number, v in found.items()}

    def train(self, given: list[Batch], totals: Totals, epoch: int = 0, step: int = 0) -> None:
        """One update step; DivergenceError, and the weights as before, when the loss is not finite."""
        assert self._step is not None
        before = snapshot(self.state)
        with labelled(self.model.name, self.mode.format, sum(_samples(batch) for batch in given)):
            watched = self._step(self.optimizer.rates(), given)
        losses = [float(seen["loss"].numpy()) for seen in watched]
        if not np.isfinite(losses).all():
            restore(before)
            error = diverged(self.model, given, losses, self.mode, epoch, step)
            restore(before)
            raise error
        self.optimizer.iterations += 1
        for seen, (_, ys) in zip(watched, given, strict=True):
            totals.add({k: v.numpy() for k, v in seen.items()}, self.objective.places(ys))

    def test(self, data: Batches, format: Any = None, shown: bool | None = False) -> dict[str, float]:
        """Losses and metrics with moving statistics, in the format of training or another one; nothing is changed.

        shown : whether there is a bar; None: if it takes over two seconds, at a terminal.
        """
        mode = Mode(False, format or self.mode.format, None, self.mode.group)
        test = self._tests.get(mode.format)
        if test is None:
            test = self._tests[mode.format] = st.compile(self._trial(mode))
        totals, count = Totals(), 0
        with closing(data.batches()) as stream:
            for xs, ys in progressing(stream, len(data), f"evaluate {self.model.name}", shown):
                with labelled(self.model.name, mode.format, _samples((xs, ys))):
                    _, seen = test(xs, ys)
                totals.add({k: v.numpy() for k, v in seen.items()}, self.objective.places(ys))
                count += 1
        if count != len(data):
            mend = "let each iteration of the loader start anew"
            raise OperandError("evaluate", "x", f"{count} batches", f"{len(data)}, as its length says", mend)
        return totals.means()


def _samples(batch: Batch) -> int:
    xs, _ = batch
    return len(xs[0])

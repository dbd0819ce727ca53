"""An integer network: float32 in and out, bytes between; what `model.quantize("int8", ...)` gives."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any

import spinntensor as st
from spinntensor.formats import Grid, storage
from spinntensor.graph.graph import Graph
from spinntensor.machine.grammar import Target
from spinntensor.nn.converted import ConvertedModel, Observer
from spinntensor.nn.graph import Network, Shape, Symbol, check_samples, network
from spinntensor.nn.integer_program import IntegerProgram, integer_program
from spinntensor.nn.layers import Activation, Input
from spinntensor.nn.objective import Objective
from spinntensor.nn.prediction import Function
from spinntensor.nn.quantized_layers import Operation, Weighted
from spinntensor.tensors.report import report

__all__ = ["QuantizedModel", "Step"]

KEPT = 8
"""Programs that are kept, for so many kinds of inputs; those used longest ago go first."""


@dataclass(frozen=True, eq=False)
class Step:
    """One computation of an integer network.

    Parameters
    ----------
    name : of the layer whose weights it uses, or that it is for.
    inputs : numbers of the steps that it reads.
    operation : what it computes; None for an input of the model.
    shape : of one sample of the result.
    grid : of the result; None for float32.
    covers : layers of the float model that it computes, the last of which gave what it gives; none for what stands
        between them.
    macs : multiply-accumulate operations of one sample.
    """

    name: str
    inputs: tuple[int, ...]
    operation: Operation | None
    shape: Shape
    grid: Grid | None
    covers: tuple[str, ...] = ()
    macs: int = 0


class QuantizedModel(ConvertedModel):
    """An integer network; results depend on its steps and on the input alone, sample by sample.

    Parameters
    ----------
    name : of the model it was made from.
    steps : in an order in which operands come first, the inputs among them.
    results : (number of a step, name of the layer) of each output.
    transforms : what was done to the model.
    calibration : how grids were chosen, in words.
    """

    format = "int8"

    def __init__(
        self,
        name: str,
        steps: Sequence[Step],
        results: Sequence[tuple[int, str]],
        transforms: Sequence[str] = (),
        calibration: str = "",
        synthetic: bool = False,
        objective: Objective | None = None,
    ) -> None:
        self.name = name
        self.steps = tuple(steps)
        self.results = tuple(results)
        self.transforms = tuple(transforms)
        self.calibration = calibration
        self.synthetic = synthetic
        self.objective = objective
        self._programs: OrderedDict[tuple[Shape, ...], IntegerProgram] = OrderedDict()

    # Looking ------------------------------------------------------------------------------------------------

    @cached_property
    def network(self) -> Network:
        inputs = tuple(Input(s.shape, s.name) for s in self.steps if s.operation is None)
        ends = [(name, self.steps[i].shape) for i, name in self.results]
        outputs = tuple(Symbol(Activation("identity", name=name), inputs, shape) for name, shape in ends)
        return network(inputs, outputs)

    @property
    def float_layers(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.steps if s.operation is not None and not s.operation.integer)

    @property
    def covers(self) -> Mapping[str, tuple[str, ...]]:
        return {s.name: s.covers for s in self.steps}

    @property
    def reads(self) -> Mapping[str, tuple[str, ...]]:
        return {s.name: tuple(self.steps[i].name for i in s.inputs) for s in self.steps}

    def step(self, name: str) -> Step:
        """The step of this name; UnknownNameError if there is none."""
        from spinntensor.errors import UnknownNameError

        found = {s.name: s for s in self.steps}
        if name not in found:
            raise UnknownNameError("step", name, found)
        return found[name]

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        weighted = [s.operation for s in self.steps if isinstance(s.operation, Weighted)]
        return sum(o.kernel.size + o.bias.size for o in weighted)

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations of one sample."""
        return sum(s.macs for s in self.steps)

    def summary(self) -> str:
        from spinntensor.nn.quantized_summary import summary

        return summary(self)

    # Running ------------------------------------------------------------------------------------------------

    def forward(self, *xs: Any, observe: Observer | None = None) -> Any:
        given = [st.tensor(x) for x in xs]
        check_samples(self.network, [x.shape for x in given], repr(self))
        given = [x if x.format == "float32" else st.astype(x, "float32") for x in given]
        made = self._run(given, observe)
        results = [made[i] for i, _ in self.results]
        return results[0] if len(results) == 1 else results

    def _run(
        self, given: Sequence[st.Tensor], observe: Observer | None = None, keep: bool = False
    ) -> dict[int, Any]:
        """Results of steps by number: of the model's outputs, or of all."""
        last = {i: n for n, s in enumerate(self.steps) for i in s.inputs}
        last.update((i, len(self.steps)) for i, _ in self.results)
        waiting = iter(given)
        made: dict[int, Any] = {}
        for number, step in enumerate(self.steps):
            inputs = [made[i] for i in step.inputs]
            made[number] = next(waiting) if step.operation is None else step.operation.call(*inputs)
            if observe is not None:
                observe(step.name, made[number])
            for i in () if keep else {number, *step.inputs}:
                if last.get(i, number) == number:
                    del made[i]
        return made

    def compiled(self, format: Any = None) -> Function:
        return _Function(self)

    def _program(self, shapes: tuple[Shape, ...]) -> IntegerProgram:
        found = self._programs.get(shapes)
        if found is None:
            check_samples(self.network, shapes, repr(self))
            names = [s.name for s in self.steps]

            def forward(*xs: st.Tensor) -> dict[str, st.Tensor]:
                return {names[i]: y for i, y in self._run(xs, keep=True).items()}

            found = self._programs[shapes] = integer_program(
                forward, [names[i] for i, _ in self.results], shapes
            )
            if len(self._programs) > KEPT:
                self._programs.popitem(last=False)
        self._programs.move_to_end(shapes)
        return found

    def graph(self, *shapes: Shape) -> Graph:
        return self._program(tuple(tuple(s) for s in shapes)).graph

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        format: Any = None,
        progress: bool | None = None,
        machine: str | Target | None = None,
    ) -> Any:
        """See `ConvertedModel.predict`. What was clamped on the way is one NumericWarning, or counted.

        `saturations` says where.
        """
        with st.counting() as counts:
            y = super().predict(x, batch_size, format, progress, machine)
        self._tell(counts)
        return y

    def evaluate(self, x: Any, y: Any = None, **options: Any) -> dict[str, float]:
        with st.counting() as counts:
            found = super().evaluate(x, y, **options)
        self._tell(counts)
        return found

    def saturations(self, x: Any, batch_size: int = 32) -> dict[str, int]:
        """How many elements each step clamps to the range of its format, for samples as `predict` takes them.

        They are counted on the host: the cores do not count what they clamp between layers.
        """
        with st.counting() as counts:
            super().predict(x, batch_size, progress=False, machine="host")
        found = dict.fromkeys((s.name for s in self.steps if s.operation is not None), 0)
        for (what, name, _), n in counts.entries.items():
            if what == "saturated" and name in found:
                found[name] += n
        return found

    def _tell(self, counts: st.Counts) -> None:
        """One report for each kind of what happened, at the step where it happened most often."""
        for kind in sorted({name for name, _, _ in counts.entries}):
            found = {key: n for key, n in counts.entries.items() if key[0] == kind}
            _, step, source = max(found, key=lambda key: found[key])
            total, most = sum(found.values()), found[kind, step, source]
            where = f"{self!r}, most often ({most:,}) {step!r}" if len(found) > 1 else f"{self!r}, {step!r}"
            report([(where, source, {kind: total})])

    # Files --------------------------------------------------------------------------------------------------

    def save(self, path: str | PathLike[str]) -> None:
        from spinntensor.nn.quantized_saving import save

        save(self, path)


class _Function:
    """The network as a function of tensors."""

    def __init__(self, model: QuantizedModel) -> None:
        self._model = model

    def __call__(self, *xs: Any) -> Any:
        (result,) = self.stream([xs])
        return result

    def stream(self, calls: Sequence[Sequence[Any]]) -> Iterator[Any]:
        given = [[x if x.format == "float32" else st.astype(x, "float32") for x in xs] for xs in calls]
        if not given:
            return
        program = self._model._program(tuple(x.shape for x in given[0]))
        for made in program.stream([[x.numpy() for x in xs] for xs in given]):
            found = [st.tensor(y) for y in made]
            yield found[0] if len(found) == 1 else found


def words(g: Grid | None) -> str:
    """A grid in words, for tables."""
    if g is None or g.scale is None or g.zero_point is None:
        return "float32"
    return f"{storage(g.format)}, scale {float(g.scale):.4g}, zero {int(g.zero_point)}"

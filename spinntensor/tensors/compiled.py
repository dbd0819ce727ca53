"""`st.compile`: a function traced once for each kind of operands, then run as one optimised graph."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any

import numpy as np

from spinntensor.errors import TraceError
from spinntensor.formats import Grid
from spinntensor.graph.builder import caller
from spinntensor.graph.graph import Graph
from spinntensor.machine.current import chosen
from spinntensor.machine.grammar import Target
from spinntensor.machine.host import Result, optimised
from spinntensor.machine.runner import Runners
from spinntensor.ops import Value
from spinntensor.tensors.base import Base
from spinntensor.tensors.evaluate import evaluate
from spinntensor.tensors.expression import Expression, leaf, placeholder
from spinntensor.tensors.lowering import lower, reachable
from spinntensor.tensors.operands import tensor
from spinntensor.tensors.report import report
from spinntensor.tensors.structure import flatten, unflatten
from spinntensor.tensors.trace import Trace, current
from spinntensor.tensors.variable import Variable

__all__ = ["Compiled", "compile"]

KEPT = 64
"""Traces that a compiled function keeps, those used longest ago go first."""


@dataclass(frozen=True)
class Traced:
    """One trace of a function, made ready.

    runners : the graph on the machines that it was run on.
    inputs : id of each tensor operand in the graph, in order.
    reads : (variable, id) of the variables whose value a run needs.
    captured : values that the function took from outside and the graph cannot hold, by id.
    updates : variables by the id of their placeholder.
    results : leaves of what the function returned: an `Output`, or the object itself.
    """

    graph: Graph
    runners: Runners
    inputs: tuple[int, ...]
    reads: tuple[tuple[Variable, int], ...]
    captured: dict[int, Value]
    updates: dict[int, Variable]
    results: tuple[Any, ...]
    structure: Any


@dataclass(frozen=True)
class Output:
    """A leaf of the result that the graph computes."""

    number: int
    grid: Grid | None


class Compiled:
    """A function of tensors, run as a graph; see `compile`."""

    def __init__(self, function: Callable[..., Any], machine: str | Target | None = None) -> None:
        self._function = function
        self._machine = None if machine is None else chosen(machine)
        self._traces: OrderedDict[object, Traced] = OrderedDict()
        update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns, computed."""
        if current() is not None:
            return self._function(*args, **kwargs)
        leaves, traced = self._traced(args, kwargs)
        values = self._values([leaves], traced)
        (result,) = traced.runners.of(self._machine).run(values)
        return self._returned(traced, result)

    def stream(self, calls: Sequence[Sequence[Any]]) -> Iterator[Any]:
        """What the function returns for the operands of each of several calls, in order, several under way at a time.

        The operands of all calls are of one kind, as for `graph`; TraceError where they are not, and for a function
        that assigns to variables.
        """
        found = [self._traced(tuple(args), {}) for args in calls]
        if not found:
            return
        traced = found[0][1]
        if any(other is not traced for _, other in found) or traced.updates:
            received = "assignments" if traced.updates else "operands of several kinds"
            raise TraceError(f"a stream with {received}", caller())
        values = self._values([leaves for leaves, _ in found], traced)
        for result in traced.runners.of(self._machine).run(values):
            yield self._returned(traced, result)

    def _values(self, calls: Sequence[list[Any]], traced: Traced) -> list[dict[int, Any]]:
        """The values that runs of a trace need, one for each call."""
        late = [x.node for leaves in calls for x in leaves if isinstance(x, Base) and x.node.value is None]
        late += [v.node for v, _ in traced.reads if v.node.value is None]
        if late:
            evaluate(late)
        found = []
        for leaves in calls:
            given = [x for x in leaves if isinstance(x, Base) and not isinstance(x, Variable)]
            values: dict[int, Any] = dict(traced.captured)
            values.update((i, x.node.value) for i, x in zip(traced.inputs, given, strict=True))
            values.update((i, v.node.value) for v, i in traced.reads)
            found.append(values)
        return found

    def _returned(self, traced: Traced, result: Result) -> Any:
        """What the function returns, from the result of a run; variables get their new values."""
        for number, value in result.updates.items():
            variable = traced.updates[number]
            variable.hold(leaf(value, variable.format))
        if result.counts:
            nodes = [traced.graph[i] for i in result.counts]
            report(zip([n.op for n in nodes], [n.source for n in nodes], result.counts.values(), strict=True))
        parts = [
            Base.result(leaf(result.outputs[r.number], _format(traced, r)), r.grid)
            if type(r) is Output
            else r
            for r in traced.results
        ]
        return unflatten(traced.structure, iter(parts))

    def graph(self, *args: Any, **kwargs: Any) -> Graph:
        """The optimised graph for such operands: print it with `print_graph`, look at it with `show`."""
        return self._traced(args, kwargs)[1].graph

    def variables(self, *args: Any, **kwargs: Any) -> dict[int, Variable]:
        """The variables that `graph` for such operands reads or writes, by the ids of their nodes."""
        traced = self._traced(args, kwargs)[1]
        return {**{number: variable for variable, number in traced.reads}, **traced.updates}

    def _traced(self, args: Any, kwargs: Any) -> tuple[list[Any], Traced]:
        leaves, structure = flatten((args, kwargs))
        leaves = [_operand(x) for x in leaves]
        key = (structure, tuple([_kind(x) for x in leaves]))
        traced = self._traces.get(key)
        if traced is None:
            traced = self._traces[key] = self._trace(leaves, structure)
            if len(self._traces) > KEPT:
                self._traces.popitem(last=False)
        else:
            self._traces.move_to_end(key)
        return leaves, traced

    def _trace(self, leaves: list[Any], structure: Any) -> Traced:
        source = caller()
        with Trace() as trace:
            inside: list[Any] = []
            holders: list[Expression] = []
            for x in leaves:
                if isinstance(x, Base) and not isinstance(x, Variable):
                    holders.append(placeholder(x.node.type, source))
                    inside.append(Base.result(holders[-1], x.grid))
                else:
                    inside.append(x)
            args, kwargs = unflatten(structure, iter(inside))
            returned, shape = flatten(self._function(*args, **kwargs))
            states = list(trace.states.values())
            ends = [x.node if isinstance(x, Base) else None for x in returned]
        written = [s for s in states if s.now is not s.before]
        outputs = [x for x in ends if x is not None]
        _settle([*outputs, *(s.now for s in written)], trace.first)
        lowered = lower(
            outputs,
            [(s.before, s.now) for s in written],
            [*holders, *(s.before for s in states)],
            trace.first,
            constants=True,
        )
        number = {id(x): i for i, x in lowered.leaves.items()}
        captured = [(i, x) for i, x in lowered.leaves.items() if i >= len(holders) + len(states)]
        for _, x in captured:
            if x.value is None:  # the placeholder of another trace, kept beyond its end
                raise TraceError(str(x.type), source)
        graph = optimised(lowered.graph)
        there = {n.id for n in graph.nodes}
        positions = iter(range(len(outputs)))
        reads = tuple((s.variable, number[id(s.before)]) for s in states if number[id(s.before)] in there)
        kept = {i: x.value for i, x in captured if x.value is not None}
        return Traced(
            graph,
            Runners(graph, {*kept, *(i for _, i in reads)}),
            tuple(number[id(x)] for x in holders),
            reads,
            kept,
            {number[id(s.before)]: s.variable for s in written},
            tuple(Output(next(positions), x.grid) if isinstance(x, Base) else x for x in returned),
            shape,
        )


def compile(function: Callable[..., Any], *, machine: str | Target | None = None) -> Compiled:
    """`function` as one graph: traced at the first call with operands of a kind, optimised, kept, and run.

    Parameters
    ----------
    machine : where it runs, by the grammar of machines, such as `chip`; None for the one in use (`st.use`).
    function : takes and returns tensors, or lists, tuples and dictionaries of them. Arrays and floats become
        tensors; integers, booleans, strings and None are part of the program, and other values of them trace it
        again. Variables keep their meaning: what the function assigns is assigned after each call.

    The bits are those of the function itself. Python code inside runs only while it is traced; asking for the value
    of a tensor there is a TraceError. Called within another trace it is traced along.

    >>> step = st.compile(lambda w, x: w - 0.1 * x)
    """
    return Compiled(function, machine)


def _operand(x: Any) -> Any:
    if isinstance(x, np.ndarray | np.generic) or type(x) is float:
        return tensor(x)
    return x


def _kind(x: Any) -> object:
    if isinstance(x, Variable):
        return Variable, id(x)
    if isinstance(x, Base):
        return x.node.type if x.grid is None else (x.node.type, _grid_key(x.grid))
    return type(x), x


def _grid_key(grid: Grid) -> object:
    scale = b"" if grid.scale is None else grid.scale.tobytes()
    zero = b"" if grid.zero_point is None else grid.zero_point.tobytes()
    return grid.format, scale, zero


def _format(traced: Traced, output: Output) -> str:
    return traced.graph[traced.graph.outputs[output.number]].type.format


def _settle(roots: list[Expression], first: int) -> None:
    """Compute what the function took from outside without being given it."""
    outside = [x for x in reachable(roots, first) if x.order < first and x.value is None]
    if outside:
        evaluate(outside)

"""One interface for every executor: a graph made ready on a machine, then run batch by batch.

The host runs a graph by the specification of its operations. A chip gets a plan and an image of it, and runs the
compiled ARM program; it is loaded once, and the values of variables stay on it from run to run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from spinntensor.errors import GraphError, OperandError
from spinntensor.graph.graph import INPUT, VARIABLE, Graph
from spinntensor.machine import host
from spinntensor.machine.current import chosen, label
from spinntensor.machine.geometry import Machine
from spinntensor.machine.grammar import Host, Target
from spinntensor.machine.host import Result
from spinntensor.ops.operation import Value
from spinntensor.plan.partition import LATENCY, THROUGHPUT

Values = Mapping[int, Value]
"""Values of inputs and variables by the ids of their nodes."""


class Runner(Protocol):
    """A graph made ready on a machine."""

    def run(self, batches: Sequence[Values]) -> Iterator[Result]:
        """The results of batches, in order; variables are those of the first batch, then what updates make of them.

        GraphError for an input or variable without a value, or one of another shape.
        """


class HostRunner:
    """On this computer."""

    def __init__(self, graph: Graph) -> None:
        self._program = host.prepare(graph)

    def run(self, batches: Sequence[Values]) -> Iterator[Result]:
        """See `Runner.run`."""
        held: dict[int, Value] = {}
        for values in batches:
            result = host.execute(self._program, {**values, **held})
            held |= result.updates
            yield result


class ChipRunner:
    """On an emulated chip.

    Parameters
    ----------
    graph : after `machine.host.optimised`.
    machine : of one chip.
    objective : of the plan; None takes latency for one sample, else throughput.
    options : of the chip, as `machine.session.Session` takes them.

    Errors of `plan.planner.plan` and of `image.image.image_of`.
    """

    def __init__(
        self,
        graph: Graph,
        machine: Machine,
        *,
        objective: str | None = None,
        **options: object,
    ) -> None:
        from spinntensor.image.image import image_of
        from spinntensor.machine.session import Session
        from spinntensor.plan.planner import plan

        words = label()
        if objective is None:
            objective = LATENCY if words.batch == 1 and not graph.updates else THROUGHPUT
        self.plan = plan(
            graph, machine, objective=objective, batch=words.batch, model=words.model, format=words.format
        )
        self.image = image_of(self.plan, graph, machine)
        self.session = Session(self.image, **options)  # type: ignore[arg-type]  # names are checked there
        self._graph = graph
        self._held: dict[int, Value] = {}

    def run(self, batches: Sequence[Values]) -> Iterator[Result]:
        """See `Runner.run`; variables are taken from the first batch, and written where they are not there already."""
        if not batches:
            return
        for values in batches:
            _complete(self._graph, values)
        for node in self._graph.nodes:
            if node.op == VARIABLE and self._held.get(node.id) is not batches[0][node.id]:
                self.session.write(node.id, batches[0][node.id], self.session.batches)
                self._held[node.id] = batches[0][node.id]
        inputs = [n.id for n in self._graph.inputs]
        given = [{i: values[i] for i in inputs} for values in batches]
        last: Result | None = None
        for outputs, counts in self.session.run(given):
            if last is not None:
                yield last
            last = Result(outputs, {}, counts)
        assert last is not None
        updates: dict[int, Value] = {
            v: self.session.read(v, self.session.batches) for v, _ in self._graph.updates
        }
        self._held |= updates
        yield Result(last.outputs, updates, last.counts)


class Runners:
    """A graph, made ready on each machine when it is first run there.

    Parameters
    ----------
    graph : after `machine.host.optimised`.
    held : nodes whose values come from outside but stay from run to run, such as weights: they stay on a chip.
    """

    def __init__(self, graph: Graph, held: Collection[int] = ()) -> None:
        self._graph, self._held = graph, held
        self._made: dict[Target, Runner] = {}

    def of(self, machine: Target | None = None) -> Runner:
        """The runner on a machine; None for the one in use."""
        target = chosen(machine)
        if target not in self._made:
            graph = self._graph
            if not isinstance(target, Host):
                nodes = (replace(n, op=VARIABLE) if n.id in self._held else n for n in graph.nodes)
                graph = replace(graph, nodes=tuple(nodes))
            self._made[target] = runner(graph, target)
        return self._made[target]


def _complete(graph: Graph, values: Values) -> None:
    """GraphError unless there is a value of the right shape for every input and variable."""
    for node in graph.nodes:
        if node.op in (INPUT, VARIABLE):
            value = values.get(node.id)
            if value is None or value.shape != node.type.shape:
                received = "no value" if value is None else f"shape {value.shape}"
                raise GraphError(
                    node.id, node.op, node.source, received, f"a value of shape {node.type.shape}"
                )


def runner(graph: Graph, target: Target, **options: object) -> Runner:
    """The graph, after `machine.host.optimised`, made ready on a machine.

    options : of `ChipRunner`; the host takes none of them into account, since they change no bit.

    OperandError for a machine that nothing runs on yet.
    """
    if isinstance(target, Host):
        return HostRunner(graph)
    if isinstance(target, Machine):
        return ChipRunner(graph, target, **options)  # type: ignore[arg-type]  # names are checked there
    raise OperandError("run", "machine", repr(target.name), "host or chip", "run on one of them")

"""The graph of an integer network made ready for a kind of inputs, and run with counts by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

import spinntensor as st
from spinntensor.graph.graph import Graph
from spinntensor.graph.passes import dead_code
from spinntensor.machine.runner import Runners
from spinntensor.tensors.report import report

__all__ = ["IntegerProgram", "integer_program"]


@dataclass(frozen=True)
class IntegerProgram:
    """One kind of inputs.

    graph : from the float32 inputs to the float32 results.
    runners : the graph on the machines that it was run on.
    inputs : ids of the inputs in it; None for one that nothing reads.
    step : for each node by id, the name of the first step that needs it.
    """

    graph: Graph
    runners: Runners
    inputs: tuple[int, ...]
    step: Mapping[int, str]

    def __call__(self, *xs: np.ndarray) -> list[np.ndarray]:
        """The results for arrays of this kind; what was clamped is reported under the names of the steps."""
        (results,) = self.stream([xs])
        return results

    def stream(self, calls: Sequence[Sequence[np.ndarray]]) -> Iterator[list[np.ndarray]]:
        """The results of several calls in order, several under way at a time."""
        values = [dict(zip(self.inputs, xs, strict=True)) for xs in calls]
        for result in self.runners.of().run(values):
            report((self.step[i], self.graph[i].source, found) for i, found in result.counts.items())
            yield result.outputs  # type: ignore[misc]  # the results are float32


def integer_program(
    forward: Callable[..., Mapping[str, st.Tensor]], outputs: Sequence[str], shapes: Sequence[tuple[int, ...]]
) -> IntegerProgram:
    """The program of a network.

    forward : gives the results of all steps by name, in order.
    outputs : the steps that give the network's results.
    shapes : of the inputs, float32.
    """
    names: list[str] = []

    def steps(*xs: st.Tensor) -> list[st.Tensor]:
        made = forward(*xs)
        names.extend(made)
        return list(made.values())

    whole = st.compile(steps).graph(*[st.zeros(shape) for shape in shapes])
    ends = dict(zip(names, whole.outputs, strict=True))
    graph = dead_code(replace(whole, outputs=tuple(ends[name] for name in outputs)))
    step: dict[int, str] = {}
    for name, end in ends.items():
        waiting = [end]
        while waiting:
            i = waiting.pop()
            if i not in step:
                step[i] = name
                waiting.extend(whole[i].inputs)
    return IntegerProgram(graph, Runners(graph), tuple(n.id for n in whole.inputs), step)

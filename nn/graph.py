"""The graph of a functional model: symbols that layers were called on, sorted the way Keras sorts its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from spinntensor.errors import ShapeError
from spinntensor.graph.builder import caller

if TYPE_CHECKING:
    from spinntensor.nn.layer import Layer

__all__ = ["Network", "Shape", "Symbol", "check_samples", "network"]

T = TypeVar("T")
Shape = tuple[int, ...]
"""Sizes of a sample's axes, channels last; the axis of the batch is never part of it."""


@dataclass(frozen=True, eq=False)
class Symbol:
    """What a layer will give: a node of a functional model.

    layer : the layer that was called.
    inputs : what it was called on; none for an `Input`.
    shape : of one sample of the result.
    """

    layer: Layer
    inputs: tuple[Symbol, ...]
    shape: Shape

    def __repr__(self) -> str:
        return f"Symbol({self.layer.name!r}, shape={self.shape})"


@dataclass(frozen=True)
class Network:
    """Symbols between inputs and outputs, in the order in which they are computed.

    nodes : every symbol once, what it needs before it.
    layers : every layer once, in the order of Keras's `model.layers` and so of its weights.
    last : number of the last node that reads each one; `len(nodes)` for outputs.
    """

    inputs: tuple[Symbol, ...]
    outputs: tuple[Symbol, ...]
    nodes: tuple[Symbol, ...]
    layers: tuple[Layer, ...]
    last: dict[Symbol, int]

    def replay(self, given: Sequence[T], step: Callable[[Symbol, list[T]], T]) -> list[T]:
        """The values of the outputs.

        Parameters
        ----------
        given : a value for each input.
        step : (node, values of what it reads) -> its value; an input reads what was given for it.

        A value is let go after the last step that reads it.
        """
        values = dict(zip(self.inputs, given, strict=True))
        for number, node in enumerate(self.nodes):
            values[node] = step(node, [values[s] for s in node.inputs or (node,)])
            for s in {node, *node.inputs}:
                if self.last[s] == number:
                    del values[s]
        return [values[s] for s in self.outputs]


def network(inputs: Sequence[Symbol], outputs: Sequence[Symbol]) -> Network:
    """The graph between inputs and outputs; ShapeError when an output needs an input that is not among them.

    Nodes are sorted by depth, which is their distance from the outputs along the longest path, then by the place in
    which their layer is met on the way back from the outputs. A layer that was called twice stands where the deepest
    of its nodes does. These are Keras's rules, so weights come in Keras's order in models with branches, too.
    """
    _check(inputs, outputs)
    found, met = _visited(outputs, set(inputs))
    strange = [s for s in found if not s.inputs and s not in inputs]
    if strange:
        names = ", ".join(repr(s.layer.name) for s in strange)
        raise ShapeError(
            "Model", f"outputs that depend on {names}", "inputs that are listed", "list them", caller()
        )
    depth = _depths(found)
    for lost in inputs:
        if lost not in depth:  # an input that no output needs stays part of the signature
            depth[lost] = 0
            found.append(lost)
            met.setdefault(lost.layer, -1)
    place = {s: i for i, s in enumerate(found)}
    nodes = sorted(found, key=lambda s: (-depth[s], met[s.layer], place[s]))
    layers = tuple(dict.fromkeys(s.layer for s in nodes))
    last = {i: n for n, s in enumerate(nodes) for i in (s, *s.inputs)}
    last.update((s, len(nodes)) for s in outputs)
    return Network(tuple(inputs), tuple(outputs), tuple(nodes), layers, last)


def check_samples(graph: Network, shapes: Sequence[Shape], label: str) -> None:
    """ShapeError unless these are the shapes [N, *shape] of equally many samples for each input.

    label : of the model, for an error about the number of inputs; others name the input.
    """
    if len(shapes) != len(graph.inputs):
        names = ", ".join(f"{s.layer.name} {s.shape}" for s in graph.inputs)
        received, mend = f"{len(shapes)} inputs", "give one array for each"
        raise ShapeError(label, received, f"{len(graph.inputs)}: {names}", mend, caller())
    for number, (symbol, shape) in enumerate(zip(graph.inputs, shapes, strict=True)):
        count = str(shapes[0][0]) if number else "N"
        if shape[1:] != symbol.shape or not shape or (number and shape[0] != shapes[0][0]):
            expected = f"shape ({', '.join([count, *map(str, symbol.shape)])})"
            mend = "reshape it, and put the samples on the first axis"
            raise symbol.layer.refuse(f"shape {shape}", expected, mend)


def _check(inputs: Sequence[Symbol], outputs: Sequence[Symbol]) -> None:
    for what, symbols in (("inputs", inputs), ("outputs", outputs)):
        strange = [x for x in symbols if not isinstance(x, Symbol)]
        if strange or not symbols:
            received = f"{what} of type {type(strange[0]).__name__}" if strange else f"no {what}"
            mend = "make them with nn.Input, or by calling a layer"
            raise ShapeError("Model", received, "symbols", mend, caller())
    if any(s.inputs for s in inputs) or len(set(inputs)) < len(inputs):
        received = ", ".join(repr(s.layer.name) for s in inputs)
        raise ShapeError(
            "Model", f"inputs {received}", "each nn.Input once", "give what nn.Input made", caller()
        )


def _visited(outputs: Iterable[Symbol], stop: set[Symbol]) -> tuple[list[Symbol], dict[Layer, int]]:
    """Symbols behind the outputs, each after what it needs; and when each layer was first met."""
    found: list[Symbol] = []
    met: dict[Layer, int] = {}
    seen: set[Symbol] = set()
    for output in outputs:
        stack = [(output, False)]
        while stack:
            symbol, ready = stack.pop()
            if ready:
                found.append(symbol)
            elif symbol not in seen:
                seen.add(symbol)
                met.setdefault(symbol.layer, len(met))
                stack.append((symbol, True))
                if symbol not in stop:
                    stack.extend((s, False) for s in reversed(symbol.inputs))
    return found, met


def _depths(found: Sequence[Symbol]) -> dict[Symbol, int]:
    """The longest way from each symbol to an output; all nodes of a layer lie at least as deep as those after them."""
    depth: dict[Symbol, int] = {}
    of_layer: dict[Layer, int] = {}
    for symbol in reversed(found):
        here = max(depth.get(symbol, 0), of_layer.get(symbol.layer, 0))
        depth[symbol] = of_layer[symbol.layer] = here
        for s in symbol.inputs:
            depth[s] = max(depth.get(s, 0), here + 1)
    return depth

"""Which integer operation each layer becomes, before any constant is known: roles, fusions, and who shares a format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from spinntensor.nn import layers
from spinntensor.nn.folding import LINEAR, FoldedModel
from spinntensor.nn.graph import Symbol
from spinntensor.nn.layer import Layer
from spinntensor.nn.quantized_layers import (
    Average,
    Channels,
    Clamp,
    Join,
    Move,
    Operation,
    Product,
    Real,
    Sum,
)

__all__ = ["Draft", "Plan", "plan"]

ROLES: dict[type[Layer], type[Operation]] = {
    layers.Dense: Product,
    layers.Conv1D: Product,
    layers.Conv2D: Product,
    layers.DepthwiseConv2D: Product,
    layers.BatchNorm: Channels,
    layers.Add: Sum,
    layers.Concatenate: Join,
    layers.AveragePool1D: Average,
    layers.AveragePool2D: Average,
    layers.GlobalAveragePool: Average,
    layers.MaxPool1D: Move,
    layers.MaxPool2D: Move,
    layers.Flatten: Move,
    layers.Reshape: Move,
    layers.ZeroPadding: Move,
}
"""Integer forms of layers. Those that are not here, classes of the user's among them, run in float32."""
RECTIFIERS = ("relu", "relu6")
"""Activations that are bounds of bytes."""
FUSED: dict[type[Operation], tuple[str, ...]] = {Product: RECTIFIERS, Channels: RECTIFIERS, Sum: ("relu",)}
"""Activations that an operation can end with."""
OWNERS = (Product, Channels, Sum, Join, Average)
"""Operations whose results have a grid of their own; others keep that of their input."""
ALIKE = (Sum, Join, Average, Move, Clamp)
"""Operations whose results have the format, int8 or uint8, of their inputs."""


@dataclass(frozen=True)
class Draft:
    """A step without constants.

    role : class of its operation.
    node : the layer that it computes; end : the activation behind it that is fused, or the same.
    inputs : the values that it reads, as the nodes that give them.
    activation : of `end`.
    """

    role: type[Operation]
    node: Symbol
    end: Symbol
    inputs: tuple[Symbol, ...]
    activation: str | None = None


@dataclass(frozen=True)
class Plan:
    """The steps of an integer network without constants.

    drafts : in order; inputs of the model have none.
    source : for each node, the one whose value it hands on; itself unless the layer does nothing when it infers.
    real : nodes whose values are float32 numbers; all others are bytes.
    readers : the drafts that read each value; None stands for a result of the model.
    """

    model: FoldedModel
    drafts: tuple[Draft, ...]
    source: Mapping[Symbol, Symbol]
    real: frozenset[Symbol]
    readers: Mapping[Symbol, tuple[Draft | None, ...]]

    @property
    def observed(self) -> frozenset[Symbol]:
        """Nodes whose values have to be seen, to choose a grid for their bytes."""
        wanted = {d.end for d in self.drafts if d.role in OWNERS}
        wanted.update(s for d in self.drafts if d.end not in self.real for s in d.inputs if s in self.real)
        return frozenset(wanted)

    def groups(self) -> list[list[Symbol]]:
        """Values, as bytes, that must have one format, int8 or uint8."""
        group = {s: [s] for s in self.source.values()}
        for d in self.drafts:
            if d.role in ALIKE and d.end not in self.real:
                for s in d.inputs:
                    mine, other = group[d.end], group[s]
                    if mine is not other:
                        mine.extend(other)
                        group.update((t, mine) for t in other)
        return list({id(g): g for g in group.values()}.values())

    def covered(self, draft: Draft) -> tuple[str, ...]:
        """Layers of the float model that a draft computes."""
        names = [self.model.covers[s.layer.name] for s in dict.fromkeys((draft.node, draft.end))]
        return tuple(dict.fromkeys(n for several in names for n in several))


def plan(model: FoldedModel) -> Plan:
    """The plan of a model whose activations are layers of their own."""
    read = Counter(s for node in model.nodes for s in node.inputs)
    read.update(model.outputs)
    source: dict[Symbol, Symbol] = {}
    drafts: list[Draft] = []
    ends: dict[Symbol, int] = {}
    real: set[Symbol] = set()
    for node in model.nodes:
        inputs = tuple(source[s] for s in node.inputs)
        if _idle(node.layer):
            source[node] = inputs[0]
            continue
        function = _rectifier(node.layer)
        before = ends.get(node.inputs[0]) if node.inputs else None
        if function is not None and before is not None and read[node.inputs[0]] == 1:
            draft = drafts[before]
            if draft.activation is None and function in FUSED.get(draft.role, ()):
                drafts[before] = Draft(draft.role, draft.node, node, draft.inputs, function)
                source[node] = node
                ends[node] = before
                continue
        source[node] = node
        if not node.inputs:
            real.add(node)
            continue
        role = ROLES.get(type(node.layer), Clamp if function is not None else Real)
        of_layer = [s for s in inputs if s in real and s.inputs]
        if role is Clamp and of_layer:
            role = Real
        if role is Real or (role is Move and of_layer):
            real.add(node)
        ends[node] = len(drafts)
        drafts.append(Draft(role, node, node, inputs, function if role is Clamp else None))
    readers: dict[Symbol, list[Draft | None]] = {}
    for d in drafts:
        for s in d.inputs:
            readers.setdefault(s, []).append(d)
    for s in model.outputs:
        readers.setdefault(source[s], []).append(None)
    return Plan(model, tuple(drafts), source, frozenset(real), {s: tuple(r) for s, r in readers.items()})


def _idle(layer: Layer) -> bool:
    """Whether a layer hands on what it gets when it infers."""
    return type(layer) is layers.Dropout or (type(layer) is layers.Activation and layer.activation in LINEAR)


def _rectifier(layer: Layer) -> str | None:
    """relu or relu6, if that is what a layer is."""
    found = layer.activation if type(layer) is layers.Activation else None
    return found if found in RECTIFIERS else None

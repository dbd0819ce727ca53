"""What ways are made in: the lowered graph, how values lie in SDRAM, and the room of a core."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from spinntensor.graph.graph import CONSTANT, INPUT, VARIABLE, Node
from spinntensor.lower.stage import Lowered, Stage
from spinntensor.lower.views import ITEM_BYTES
from spinntensor.machine.facts import Facts
from spinntensor.ops.operation import family
from spinntensor.plan.cost import tile_cost
from spinntensor.plan.layout import DOUBLE, Layout, block_of
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.parts import ROOM

IMAGE = 4
"""Axes of images [N,H,W,C]."""
BYTES = ("int8", "uint8")


@dataclass(frozen=True, eq=False)
class Setting:
    """A lowered graph on a machine.

    Parameters
    ----------
    workers : that share the SDRAM.
    room : bytes of a worker's DTCM for the regions of its tiles.
    """

    lowered: Lowered
    facts: Facts
    workers: int
    room: int = ROOM
    _layouts: dict[int, Layout] = field(default_factory=dict)

    def layout(self, number: int) -> Layout:
        """How the bytes of a value lie in SDRAM."""
        home = self.lowered.home(number)
        if home not in self._layouts:
            kind = self.lowered.graph[home].type
            block = block_of(kind.shape[-1]) if home in self.blocked else 0
            self._layouts[home] = Layout(kind.shape, ITEM_BYTES[family(kind.format)], block)
        return self._layouts[home]

    def block(self, number: int) -> int:
        """Channels of a block of a value, 0 where it does not lie in blocks."""
        return self.layout(number).block

    @cached_property
    def blocked(self) -> frozenset[int]:
        """Values that lie in blocks of channels: images of bytes that no host and no other shape of them sees.

        Images without whole double words of channels lie pixel by pixel with padding, as kernels of windows take them;
        but not what is made of float32, whose own pixels have none, and read by convolutions alone.
        """
        graph, lowered = self.lowered.graph, self.lowered
        fixed = {lowered.home(i) for i in graph.outputs}
        fixed |= {n.id for n in graph.nodes if n.op in (INPUT, VARIABLE)}
        for alias in lowered.alias:
            home = lowered.home(alias)
            shape = graph[home].type.shape
            if len(shape) == IMAGE and shape[1] * shape[2] > 1:
                fixed.add(home)
        return frozenset(
            i
            for i in lowered.maker
            if len(graph[i].type.shape) == IMAGE
            and graph[i].type.format in BYTES
            and (graph[i].type.shape[-1] % DOUBLE == 0 or self._plain(i))
            and i not in fixed
        )

    def _plain(self, number: int) -> bool:
        """Whether a value is quantised, and read by convolutions alone, whose kernels take pixels of any size."""
        graph = self.lowered.graph
        users = [graph[i] for i in graph.users[number]]
        return graph[number].op == "quantize" and all(
            user.op == "conv2d" and dict(user.attributes)["groups"] == 1 for user in users
        )

    def node(self, stage: Stage, *names: str) -> Node | None:
        """The first node of a stage that is one of these operations."""
        graph = self.lowered.graph
        return next((graph[i] for i in stage.nodes if graph[i].op in names), None)

    def form(self, number: int) -> str:
        """Format of a value, without its description."""
        return family(self.lowered.graph[number].type.format)

    def scales(self, stage: Stage) -> bool:
        """Whether the results of a stage become float32 by more than one scale and zero point."""
        node = self.node(stage, "dequantize")
        return node is not None and attributes(node).get("axis") is not None

    def parts(self, number: int, block: int) -> int:
        """In how many parts each pixel moves of a tile with `block` channels side by side, pixels in whole double words
        of channels, to or from where a value lies with other blocks or distances; 0 where it need not move by itself.
        """
        layout = self.layout(number)
        other = layout.block or layout.shape[-1]
        if other == block:
            return int(not layout.block and layout.row != layout.item * (block + -block % DOUBLE))
        return -(-block // other)

    def constant(self, number: int) -> bool:
        """Whether a value is known before anything runs."""
        return self.lowered.graph[self.lowered.home(number)].op == CONSTANT

    def quickest(self, recipes: Iterable[Recipe], stay: frozenset[str] = frozenset()) -> tuple[Recipe, ...]:
        """Of recipes by the same kernels the one that takes the least in a row of tiles, when some operands stay."""
        found: dict[frozenset[str], tuple[float, int, Recipe]] = {}
        for recipe in recipes:
            cost = tile_cost(recipe, self.facts, self.workers)
            load = sum(c for name, c in cost.loads if name not in stay)
            key = frozenset(recipe.code)
            entry = cost.steady(load), recipe.dtcm_bytes, recipe
            if key not in found or entry[:2] < found[key][:2]:
                found[key] = entry
        return tuple(recipe for _, _, recipe in found.values())


def attributes(node: Node) -> Mapping[str, object]:
    """A node's attributes by name."""
    return dict(node.attributes)

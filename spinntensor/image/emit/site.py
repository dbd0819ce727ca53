"""What an emitter sees of a plan: one stage with its layouts, where every value lies, and room for constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from spinntensor.graph.graph import CONSTANT, Node
from spinntensor.image.constants import Constants
from spinntensor.image.counts import Counts
from spinntensor.image.emit.action import Where
from spinntensor.image.pieces import doubles, pieces
from spinntensor.image.places import Places
from spinntensor.lower.box import Box, Span
from spinntensor.lower.stage import Lowered, Stage
from spinntensor.lower.tile import Work, at_home
from spinntensor.ops.operation import Value
from spinntensor.plan.cut import Cut
from spinntensor.plan.layout import Layout
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.ways.setting import Setting


class Run(NamedTuple):
    """Bytes of a value in SDRAM that lie side by side; `nbytes` in whole double words, `used` of them the value's."""

    at: Where
    nbytes: int
    used: int


@dataclass(frozen=True, eq=False)
class Site:
    """A stage of a plan.

    Parameters
    ----------
    setting : the lowered graph on its machine, and how values lie in SDRAM.
    stage, cut : what is computed, and its tiles.
    places : where values lie.
    constants : where bytes go that no stage computes.
    recipes, joins : of a tile, and of joining partial sums, by the sizes of a tile (see `plan.Layer`).
    counts : where tiles say what they clamped or lost.
    phase : in period p the stage works on batch p - phase.
    """

    setting: Setting
    stage: Stage
    cut: Cut
    places: Places
    constants: Constants
    recipes: Mapping[tuple[int, ...], Recipe]
    joins: Mapping[tuple[int, ...], Recipe]
    counts: Counts
    phase: int = 0

    @property
    def lowered(self) -> Lowered:
        return self.setting.lowered

    def node(self, *names: str) -> Node | None:
        """The first node of the stage that is one of these operations."""
        return self.setting.node(self.stage, *names)

    def layout(self, number: int) -> Layout:
        """How the bytes that hold a node's value lie."""
        return self.setting.layout(number)

    def work(self) -> Work:
        """The rules by which a box of the results is made of boxes of the inputs."""
        return Work(self.lowered, self.stage)

    def constant(self, number: int) -> Value:
        """The value of a constant of the graph; KeyError where the node is none."""
        node = self.lowered.graph[self.lowered.home(number)]
        if node.op != CONSTANT:
            raise KeyError(f"node {number} is no constant but {node.op}")
        return self.lowered.graph.constants[node.id]

    def is_constant(self, number: int) -> bool:
        """Whether a node's value is known before anything runs."""
        return self.lowered.graph[self.lowered.home(number)].op == CONSTANT

    def at(self, number: int, offset: int, write: bool = False) -> Where:
        """The address of a byte of a value, by the node that holds it; `write` as for `runs`."""
        return self.places.at(number, offset, write, self.phase)

    def runs(self, number: int, box: Box, write: bool = False) -> list[Run]:
        """The bytes of a box of a node's value in SDRAM, in the order of memory, in the fewest runs.

        box : in the node's own shape; of another view of the same bytes the smallest box that holds it is taken.
        write : whether the stage leaves the value there, which matters for variables with two places.
        """
        home, held = at_home(self.lowered, number, box)
        layout = self.layout(home)
        if self.places.by_image(home) and held:
            (first, stop), *rest = held
            boxes = [((image, image + 1), *rest) for image in range(first, stop)]
        else:
            boxes = [held]
        return [
            Run(self.at(home, piece.offset, write), doubles(piece.nbytes), piece.nbytes)
            for one in boxes
            for piece in pieces(layout, one)
        ]

    def partial(self, part: int, box: Box, item: int) -> Where:
        """Where the partial sums of a box lie that part number `part` of the sums leaves.

        The sums of a box lie side by side, row-major within the box, `item` bytes each, in whole double words: boxes
        one behind the other in the order of `cut.joins()`, and the parts of a box one behind the other within it.
        """
        return self.places.partial(self.stage.number, self.cut, part, box, item)

    def put(self, data: np.ndarray) -> Where:
        """A place in SDRAM that holds these bytes, padded to double words; equal bytes are there once."""
        return self.constants.put(data)


Attributes = Mapping[str, Any]


def attributes(node: Node) -> Attributes:
    """A node's attributes by name."""
    return dict(node.attributes)


def spans_index(spans: Sequence[Span], span: Span) -> int:
    """The number of a span among those of an axis."""
    return list(spans).index(span)

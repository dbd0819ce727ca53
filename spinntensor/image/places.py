"""Where the values of a plan lie: addresses of their buffers, of images in arenas, and of places used in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from spinntensor.graph.graph import VARIABLE
from spinntensor.image.emit.action import Where
from spinntensor.image.pieces import doubles
from spinntensor.lower.box import Box, sizes
from spinntensor.lower.stage import Lowered
from spinntensor.plan.cut import Cut
from spinntensor.plan.layout import Layout
from spinntensor.plan.plan import Buffer


@dataclass(frozen=True)
class Turn:
    """How an address moves: in period p it is in place (p + first) modulo `copies`, `stride` bytes apart."""

    stride: int
    copies: int
    first: int = 0


class Places:
    """Addresses of values.

    Parameters
    ----------
    lowered : the graph with its stages.
    buffers : of the plan.
    layout : of a node's value, by the node that holds it.
    """

    def __init__(self, lowered: Lowered, buffers: Sequence[Buffer], layout: dict[int, Layout]) -> None:
        self._lowered, self._layout = lowered, layout
        self._of = {b.node: b for b in buffers if b.node >= 0 and b.role not in ("partial",)}
        self._partial = {b.name: b for b in buffers if b.role == "partial"}
        self.turns: list[Turn] = [Turn(0, 1)]
        updates = {lowered.home(value): variable for variable, value in lowered.graph.updates}
        outputs = {lowered.home(number) for number in lowered.graph.outputs}
        self._variable = {
            home: v for home, v in updates.items() if home not in outputs and home in lowered.maker
        }

    def buffer(self, number: int) -> Buffer:
        """The buffer of a value, by the node that holds it; KeyError where the plan keeps none."""
        return self._of[self._variable.get(number, number)]

    def held(self, number: int) -> bool:
        """Whether the plan keeps a value in SDRAM."""
        return self._variable.get(number, number) in self._of

    def by_image(self, number: int) -> bool:
        """Whether the images of a value lie apart, each in an arena of its own."""
        found = self.buffer(number)
        return found.copies > 1 and found.first >= 0

    def at(self, number: int, offset: int, write: bool = False, phase: int = 0) -> Where:
        """The address of a byte of a value.

        write : whether it is written: the new value of a variable with two places goes to the other one.
        phase : of the stage that asks: in period p it works on batch p - phase.
        """
        found = self.buffer(number)
        if found.copies == 1:
            return Where(found.address + offset)
        if self.by_image(number):
            one = self._layout[number].nbytes // self._layout[number].shape[0]
            image, rest = divmod(offset, one)
            return Where(found.address + image * found.stride + rest)
        state = self._lowered.graph[found.node].op == VARIABLE
        new = state and (write or number in self._variable)
        return Where(
            found.address + offset, self.turn(Turn(found.stride, found.copies, (new - phase) % found.copies))
        )

    def of_batch(self, number: int, batch: int) -> int:
        """The address of a value in the place of a batch, counted from the first of all runs."""
        found = self.buffer(number)
        return found.address + (batch % found.copies * found.stride if found.copies > 1 else 0)

    def turn(self, turn: Turn) -> int:
        """The number of a way to move from batch to batch."""
        if turn not in self.turns:
            self.turns.append(turn)
        return self.turns.index(turn)

    def partial(self, stage: int, cut: Cut, part: int, box: Box, item: int) -> Where:
        """See `Site.partial`."""
        found = self._partial[f"{self._lowered.stages[stage].name} partial sums"]
        at = found.address
        for other, _ in cut.joins():
            step = doubles(item * prod(sizes(other)))
            if other == box:
                return Where(at + part * step)
            at += step * len(cut.sums)
        raise KeyError(f"box {box} is none of stage {stage}")

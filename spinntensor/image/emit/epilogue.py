"""What becomes of a tile's bytes before they leave: the sum with another branch, and numbers read from a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from spinntensor.graph.graph import Node
from spinntensor.image.emit.action import Action, Fetch, Spot, Step, Store, Where
from spinntensor.image.emit.images import Move, Picture, Room, address, moves, picture
from spinntensor.image.emit.quantized import clamp, other, results
from spinntensor.image.emit.site import Site, attributes
from spinntensor.kernels import residual_add
from spinntensor.lower.site import dtype_of
from spinntensor.plan.recipe import Recipe

Y, R, READ, TABLE = "y", "r", "f", "table"
"""Regions of the results, of the other branch, of numbers and of their table."""
ITEM = 4
"""Bytes of a number."""


@dataclass(frozen=True)
class Leaving:
    """How the results of a stage lie, and what is added to them; `read` says whether they leave as float32."""

    y: Picture
    r: Picture | None
    read: bool

    def actions(
        self, site: Site, recipe: Recipe, room: Room, size: tuple[int, int, int]
    ) -> list[tuple[str, Action]]:
        """The end of a tile whose results, of so many rows, columns and channels, lie in region `y` as `room` says."""
        found: list[tuple[str, Action]] = []
        if self.r is not None:
            found += summed(site, recipe, room, size, moves(self.r, room, size))
        if self.read:
            found += read_back(site, recipe)
            sizes = {name: ITEM * getattr(room, name) for name in ("pixel", "row", "plane")}
            room = replace(room, **sizes)
        return found + stored(READ if self.read else Y, ((Y, move) for move in moves(self.y, room, size)))

    def places(self, site: Site, corner: tuple[int, int, int, int]) -> dict[str, Where]:
        """Where the results of a tile begin that has this image, row, column and channel first, and what is added."""
        found = {Y: address(site, self.y, self.y.offset(*corner), write=True)}
        return found if self.r is None else found | {R: address(site, self.r, self.r.offset(*corner))}


def leaving(site: Site) -> Leaving:
    """What becomes of the results of a stage."""
    last = site.node("add_q")
    r = None if last is None else picture(site, other(site, last))
    return Leaving(picture(site, site.stage.results[0]), r, site.node("dequantize") is not None)


def stored(region: str, leaving: Iterable[tuple[str, Move]]) -> list[tuple[str, Action]]:
    """Bytes of a region leave, each run for a value that is named with it."""
    return [
        (value, Store(Y, Spot(region, move.at, move.nbytes), Where(move.offset), move.nbytes))
        for value, move in leaving
    ]


def summed(
    site: Site, recipe: Recipe, room: Room, size: tuple[int, int, int], arriving: Iterable[Move]
) -> list[tuple[str, Action]]:
    """The other branch arrives, and is added to the results: to each run of them where something lies between."""
    node = site.node("add_q")
    assert node is not None
    (call,) = (call for call in recipe.calls if call.kernel.startswith("residual_add"))
    count = dict(call.shape)["n"]
    kernel, words = sum_words(node, 1 - node.inputs.index(other(site, node)), count)
    starts = [0]
    if call.count > 1:
        blocks = size[-1] // room.block
        starts = [b * room.plane + i * room.row for b in range(blocks) for i in range(call.count // blocks)]
    if call.count * count != prod(size):
        site.counts.padded.add(node.id)
    found: list[tuple[str, Action]] = [
        (R, Fetch(R, Where(move.offset), Spot(R, move.at, move.nbytes), move.nbytes)) for move in arriving
    ]
    for at in starts:
        y, r = Spot(Y, at, count), Spot(R, at, count)
        found.append(("", Step(kernel, {**words, "a": y, "b": r, "y": y})))
    return found


def sum_words(node: Node, mine: int, count: int) -> tuple[str, Mapping[str, int]]:
    """The kernel of `add_q`, and the words of its record for so many bytes, pointers left out.

    mine : which operand of the node lies where the kernel's `a` points.
    """
    a, dtype = attributes(node), dtype_of(node.type.format).type
    kernel = f"residual_add_{'s8' if dtype == np.int8 else 'u8'}_x16"
    names = {"a": "ab"[mine], "b": "ba"[mine]}
    factors = {f"z{k}": a[f"{name}_zero"] for k, name in names.items()}
    factors |= {f"m{k}": a[f"{name}_ratio"] for k, name in names.items()}
    some = np.zeros(1, dtype)
    made = residual_add.lower(
        kernel, dtype, {**factors, "zp": a["zero"], **clamp(node), "a": some, "b": some}
    )
    return kernel, {**made.words, "n": count}


def read_back(site: Site, recipe: Recipe) -> list[tuple[str, Action]]:
    """The table arrives, and bytes of the results become float32 in a region of their own."""
    node = site.node("dequantize")
    assert node is not None
    (count,) = (dict(call.shape)["n"] for call in recipe.calls if call.kernel == "f32_dequantize_8")
    table = results(node, site.setting.form(node.inputs[0]))
    spots = {"x": Spot(Y, 0, count), "y": Spot(READ, 0, ITEM * count), "table": Spot(TABLE)}
    fetch = Fetch("w", site.put(table), spots["table"], table.nbytes)
    return [("", fetch), ("", Step("f32_dequantize_8", {**spots, "count": count}))]

"""Ways of int8 convolutions and their epilogues: im2col, Winograd, and Strassen where it pays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from spinntensor.lower.box import Span
from spinntensor.lower.stage import Stage
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.bytes_maps import read_back
from spinntensor.plan.recipes.conv import Use
from spinntensor.plan.recipes.search import ConvBox, alike, every
from spinntensor.plan.recipes.winograd import proved
from spinntensor.plan.ways.field import Border, Field
from spinntensor.plan.ways.setting import Setting, attributes
from spinntensor.plan.ways.way import Sizes, Way, balanced

MOST_PIXELS = 256
"""Output pixels of a tile at most: what more of them could still save is less than a hundredth."""
SYMMETRIC = -127
"""The least weight of a symmetric range."""
LEAST_PIXELS = 12
"""Fewer are tried only where an image has no more."""
N, H, W, C = range(4)


@dataclass(frozen=True)
class Convolution:
    """What a stage computes, by sizes; see `ConvBox` for `blocks` and `pitch`.

    size : of the results [N,H,W,C].
    image : rows and columns of the input.
    padding : (top, bottom, left, right).
    signed : whether input and result are int8, else uint8.
    residual : whether another branch is added.
    read : whether the results leave as float32.
    packed : whether no weight is -128.
    """

    size: tuple[int, int, int, int]
    image: tuple[int, int]
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    blocks: tuple[int, int]
    pitch: tuple[int, int]
    signed: tuple[bool, bool]
    residual: bool
    read: bool
    packed: bool

    @property
    def field(self) -> Field:
        """What its tiles read."""
        return Field((self.size[H], self.size[W]), self.image, self.kernel, self.stride, self.padding)

    @property
    def ragged(self) -> bool:
        """Whether pixels of the input are no whole double words: rows are such only together, if at all."""
        return (self.blocks[0] or self.pitch[0] or self.channels) % DOUBLE != 0

    @property
    def loose(self) -> bool:
        """Whether rows of the input begin anywhere in a double word."""
        return self.ragged and self.image[1] * self.channels % DOUBLE != 0

    def at(self, rows: Span, columns: Span, c: int) -> tuple[ConvBox, tuple[int, int]]:
        """A tile of these rows, columns and so many channels; and the first row and column of the input it reads."""
        border, (down, across) = self.field.at(rows, columns)
        out = rows[1] - rows[0], columns[1] - columns[0]
        return self._box(out, c, border, self.field.apart(columns)), (down[0], across[0])

    def box(self, h: int, w: int, c: int) -> ConvBox:
        """A tile of so many rows, columns and channels, away from the border where it is not a whole axis."""
        return self._box((h, w), c, *self.field.sized(h, w))

    def _box(self, out: tuple[int, int], c: int, border: Border, apart: tuple[bool, bool]) -> ConvBox:
        if self.ragged and apart[0]:  # rows are fetched together, with the columns behind the last tap
            top, left, bottom, _ = border
            unread = self.image[1] + left - (out[1] - 1) * self.stride[1] - self.kernel[1]
            border, apart = (top, left, bottom, -unread), (False, apart[1])
        lie = self.blocks, apart, self.pitch
        return ConvBox(out, self.channels, c, self.kernel, self.stride, border, *lie)


def conv2d(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """A convolution of bytes with its requantisation, and the sum with another branch."""
    found = described(setting, stage)
    return () if found is None else _ways(setting, found)


def described(setting: Setting, stage: Stage) -> Convolution | None:
    """The sizes of a stage of this kind; None for a convolution that these kernels do not compute."""
    node, last = setting.node(stage, "conv2d"), setting.node(stage, "add_q", "requantize")
    assert node is not None
    a: dict[str, Any] = dict(attributes(node))
    graph = setting.lowered.graph
    kh, kw, channels, _ = graph[node.inputs[1]].type.shape
    rows = setting.node(stage, "requantize")
    if a["dilation"] != (1, 1) or last is None or rows is None or ((kh, kw) == (1, 1) and any(a["padding"])):
        return None
    if setting.scales(stage) or not all(setting.constant(i) for i in (node.inputs[1], *rows.inputs[1:])):
        return None
    x, result, read = node.inputs[0], stage.results[0], setting.node(stage, "dequantize") is not None
    _, *image, _ = graph[x].type.shape
    n, h, w, c = (axis.size for axis in stage.axes)
    lie = lies(setting, x), (0, c + c % 2 if c % 2 else 0) if read else lies(setting, result)
    return Convolution(
        (n, h, w, c),
        (image[0], image[1]),
        channels,
        (kh, kw),
        a["stride"],
        a["padding"],
        (lie[0][0], lie[1][0]),
        (lie[0][1], lie[1][1]),
        (setting.form(x) == "int8", last.type.format == "int8"),
        setting.node(stage, "add_q") is not None,
        read,
        symmetric(setting, node.inputs[1]),
    )


@lru_cache(1 << 10)
def _ways(setting: Setting, made: Convolution) -> tuple[Way, ...]:
    """The same for all stages that are alike."""
    widths = tuple(width for width in (2, 4) if proved(width, made.channels))
    size, unit = made.size, made.blocks[1] or made.size[C]

    def use(stay: frozenset[str]) -> Use:
        same = "x" in stay, "w" in stay
        return Use(made.signed, *same, made.residual, late=True, loose=made.loose, packed=made.packed)

    def recipes(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        found = every(made.box(*sizes[1:]), setting.room, use(stay), widths)
        if made.read:
            read = (_read(one, made.signed[1]) for one in found)
            found = tuple(one for one in read if one.dtcm_bytes <= setting.room)
        return setting.quickest(found, stay)

    def like(sizes: Sizes, stay: frozenset[str], recipe: Recipe) -> Recipe | None:
        found = alike(made.box(*sizes[1:]), setting.room, use(stay), recipe)
        if found and made.read:
            found = _read(found, made.signed[1])
        return found if found and found.dtcm_bytes <= setting.room else None

    operands = (("x", frozenset({N, H, W})), ("w", frozenset({C})), ("r", frozenset({N, H, W, C})))
    tried = balanced(size[C], unit)
    pixels = [
        (h, w)
        for w in (balanced(size[W]) if not made.ragged else size[W : W + 1])
        for h in balanced(size[H])
        if (h * w <= MOST_PIXELS or (made.ragged and h == 1))
        and (h * w >= LEAST_PIXELS or (h, w) == (size[H], size[W]))
    ]
    orders = ((N, H, W, C), (N, C, H, W)) if len(tried) > 1 else ((N, H, W, C),)
    return tuple(
        Way("conv2d", ((1,), (h,), (w,), tried), operands, recipes, orders, None, (1, 1, 1, unit), like)
        for h, w in _worth(pixels, size[H], size[W], made.kernel)
    )


def symmetric(setting: Setting, weights: int) -> bool:
    """Whether no weight of a constant is -128."""
    value = setting.lowered.graph.constants[setting.lowered.home(weights)]
    return isinstance(value, np.ndarray) and int(value.min(initial=0)) >= SYMMETRIC


def _read(recipe: Recipe, signed: bool) -> Recipe:
    """The recipe where all bytes of its results leave as float32."""
    (count,) = (region.nbytes for region in recipe.regions if region.name == "y")
    return read_back(recipe, count, signed)


def lies(setting: Setting, number: int) -> tuple[int, int]:
    """Channels of a block as the builders of tiles want them, 0 where all of them are one block; and bytes from pixel
    to pixel where there are more of them than channels, else 0.
    """
    layout, shape = setting.layout(number), setting.lowered.graph[number].type.shape
    if layout.shape != shape:
        return 0, 0
    if layout.block:
        return (layout.block if layout.block < shape[-1] else 0), 0
    return 0, layout.row if layout.row > shape[-1] else 0


def _worth(
    pixels: list[tuple[int, int]], height: int, width: int, kernel: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """Tiles worth trying: of those with about as many pixels, whole rows, and the one nearest to a square."""
    groups: dict[int, list[tuple[int, int]]] = {}
    for h, w in pixels:
        groups.setdefault((h * w).bit_length(), []).append((h, w))
    for _, members in sorted(groups.items()):
        kept = {max(members, key=lambda t: (t[1] == width, t[0] * t[1], t))}
        if kernel != (1, 1):
            kept.add(min(members, key=lambda t: (t[0] % 2 + t[1] % 4, abs(t[0] - t[1]), t)))
            kept.add(min(members, key=lambda t: (abs(t[0] - t[1]), -t[0] * t[1], t)))
        else:
            kept.add(max(members, key=lambda t: (t[0] * t[1], t)))
        yield from sorted(kept)

"""Ways of int8 convolutions and their epilogues: im2col, Winograd, and Strassen where it pays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.conv import Use
from spinntensor.plan.recipes.search import ConvBox, every
from spinntensor.plan.recipes.winograd import proved
from spinntensor.plan.ways.setting import Setting, attributes
from spinntensor.plan.ways.way import Sizes, Way, balanced

MOST_PIXELS = 256
"""Output pixels of a tile at most: what more of them could still save is less than a hundredth."""
LEAST_PIXELS = 12
"""Fewer are tried only where an image has no more."""
N, H, W, C = range(4)


@dataclass(frozen=True)
class Convolution:
    """What a stage computes, by sizes; see `ConvBox` for `blocks`.

    size : of the results [N,H,W,C].
    signed : whether input and result are int8, else uint8.
    residual : whether another branch is added.
    """

    size: tuple[int, int, int, int]
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    blocks: tuple[int, int]
    signed: tuple[bool, bool]
    residual: bool

    def box(self, h: int, w: int, c: int) -> ConvBox:
        """A tile of so many rows, columns and channels, away from the border where it is not a whole axis."""
        top, left, bottom, right = self.padding
        down = (top, bottom) if h == self.size[H] else (0, 0)
        across = (left, right) if w == self.size[W] else (0, 0)
        border = (down[0], across[0], down[1], across[1])
        apart = (w < self.size[W], w < self.size[W])
        return ConvBox((h, w), self.channels, c, self.kernel, self.stride, border, self.blocks, apart)


def conv2d(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """A convolution of bytes with its requantisation, and the sum with another branch."""
    found = described(setting, stage)
    return () if found is None else _ways(setting, found)


def described(setting: Setting, stage: Stage) -> Convolution | None:
    """The sizes of a stage of this kind; None for a convolution that these kernels do not compute."""
    node = setting.node(stage, "conv2d")
    assert node is not None
    a: dict[str, Any] = dict(attributes(node))
    if a["dilation"] != (1, 1) or setting.node(stage, "requantize") is None:
        return None
    kh, kw, channels, _ = setting.lowered.graph[node.inputs[1]].type.shape
    x, result = node.inputs[0], stage.results[0]
    n, h, w, c = (axis.size for axis in stage.axes)
    return Convolution(
        (n, h, w, c),
        channels,
        (kh, kw),
        a["stride"],
        a["padding"],
        (_blocks(setting, x), _blocks(setting, result)),
        (setting.form(x) == "int8", setting.form(result) == "int8"),
        setting.node(stage, "add_q") is not None,
    )


@lru_cache(1 << 10)
def _ways(setting: Setting, made: Convolution) -> tuple[Way, ...]:
    """The same for all stages that are alike."""
    widths = tuple(width for width in (2, 4) if proved(width, made.channels))
    size, unit = made.size, made.blocks[1] or made.size[C]

    def recipes(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        use = Use(made.signed, "x" in stay, "w" in stay, made.residual, late=True)
        return setting.quickest(every(made.box(*sizes[1:]), setting.room, use, widths), stay)

    ragged = made.channels % 8 != 0  # whose rows are whole double words only together
    operands = (("x", frozenset({N, H, W})), ("w", frozenset({C})), ("r", frozenset({N, H, W, C})))
    tried = balanced(size[C], unit)
    pixels = [
        (h, w)
        for w in (balanced(size[W]) if not ragged else size[W : W + 1])
        for h in balanced(size[H])
        if (h * w <= MOST_PIXELS or (ragged and h == 1))
        and (h * w >= LEAST_PIXELS or (h, w) == (size[H], size[W]))
    ]
    orders = ((N, H, W, C), (N, C, H, W)) if len(tried) > 1 else ((N, H, W, C),)
    return tuple(
        Way("conv2d", ((1,), (h,), (w,), tried), operands, recipes, orders, units=(1, 1, 1, unit))
        for h, w in _worth(pixels, size[H], size[W], made.kernel)
    )


def _blocks(setting: Setting, number: int) -> int:
    """Channels of a block as the builders of tiles want them: 0 where all of them are one block."""
    layout = setting.layout(number)
    return layout.block if layout.block < layout.shape[-1] else 0


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

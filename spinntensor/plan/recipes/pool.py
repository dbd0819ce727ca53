"""Recipes of pooling tiles on bytes: maximum, mean, and mean over a whole image, block of channels by block.

x is the tile with its border, whose pixels stay in the DTCM; each block of channels is an image of its own. Pixels of
an image in one piece have whole double words.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from spinntensor.plan.recipe import Call, Recipe, Transfer
from spinntensor.plan.recipes import int8_calls as calls
from spinntensor.plan.recipes.conv import PLAIN, Use
from spinntensor.plan.recipes.parts import call, up

MAX, MEAN = "maxpool", "avgpool"
DIVISOR = 16
"""Bytes of a divisor."""


@dataclass(frozen=True)
class Pool:
    """What a tile computes.

    Parameters
    ----------
    kind : `maxpool` or `avgpool`.
    out : output rows and columns.
    channels : of input and output.
    window, stride : (rows, columns).
    border : rows and columns (top, left, bottom, right) under the windows that lie outside the image.
    block : channels of a block; 0 for an image in one piece.
    divisors : whether each window has a divisor of its own (a mean that leaves border pixels out).
    by_rows : whether the rows of input and output lie apart in SDRAM.
    parts : in which each pixel of a block of the output leaves, where its channels lie in other blocks; else 0.
    """

    kind: str
    out: tuple[int, int]
    channels: int
    window: tuple[int, int]
    stride: tuple[int, int]
    border: tuple[int, int, int, int] = (0, 0, 0, 0)
    block: int = 0
    divisors: bool = False
    by_rows: tuple[bool, bool] = (False, False)
    parts: int = 0

    @property
    def padded(self) -> tuple[int, int]:
        """Rows and columns of x, border included."""
        rows, columns = ((n - 1) * s + k for n, s, k in zip(self.out, self.stride, self.window, strict=True))
        return rows, columns

    @property
    def fixed(self) -> str:
        """What the name of a kernel for this window alone ends in, or nothing."""
        known = {((2, 2), (2, 2)): "_2x2s2", ((3, 3), (2, 2)): "_3x3s2"}
        return known.get((self.window, self.stride), "") if self.kind == MAX else ""


@lru_cache(1 << 14)
def pool(p: Pool, use: Use = PLAIN) -> Recipe:
    """The recipe of a tile."""
    pixel = p.block or up(p.channels)
    blocks = -(-p.channels // pixel)
    (height, width), (rows, columns) = p.padded, p.out
    top, left, bottom, right = p.border
    inside = height - top - bottom, width - left - right
    x_rows = inside[0] if left + right or p.by_rows[0] else 1
    y_rows = p.parts * rows * columns or (rows if p.by_rows[1] else 1)
    sizes = {"x": blocks * height * width * pixel, "y": blocks * rows * columns * pixel}
    loads = [Transfer("x", up(blocks * inside[0] * inside[1] * pixel), blocks * x_rows)]
    if p.kind == MEAN:
        sizes["divisors"] = DIVISOR * (rows * columns if p.divisors else 1)
        loads.append(Transfer("w", sizes["divisors"]))
    twice = {"y"} | (set() if use.same_x else {"x"})
    return Recipe(
        f"{p.kind} {p.window[0]}x{p.window[1]}",
        calls.regions(sizes, twice),
        (_call(p, pixel, blocks, use.signed[0]),),
        tuple(loads),
        (Transfer("y", up(sizes["y"]), blocks * y_rows),),
    )


def _call(p: Pool, block: int, blocks: int, signed: bool) -> Call:
    name = f"{p.kind}_{'s8' if signed else 'u8'}{p.fixed}"
    shape = {"rows": p.out[0], "columns": p.out[1], "c": block}
    if not p.fixed:
        (kh, kw), (sh, sw) = p.window, p.stride
        shape |= {"kh": kh, "kw": kw, "sh": sh, "sw": sw}
    return call(name, blocks, **shape)


@lru_cache(1 << 14)
def global_mean(pixels: tuple[int, int], channels: int, block: int = 0, use: Use = PLAIN) -> Recipe:
    """The mean over all pixels of so many channels."""
    pixel = block or up(channels)
    blocks = -(-channels // pixel)
    x_bytes = blocks * pixels[0] * pixels[1] * pixel
    sizes = {"x": x_bytes, "y": blocks * pixel, "divisor": DIVISOR}
    twice = {"y"} | (set() if use.same_x else {"x"})
    kernel = f"global_avgpool_{'s8' if use.signed[0] else 'u8'}"
    return Recipe(
        "mean of an image",
        calls.regions(sizes, twice),
        (call(kernel, blocks, h=pixels[0], w=pixels[1], c=pixel),),
        (Transfer("x", up(x_bytes), blocks), Transfer("w", DIVISOR)),
        (Transfer("y", blocks * pixel, blocks),),
    )

"""Products of float32 as rows and columns: pieces of their logical K, and which lines are not finite.

The definition of a product of float32 cuts K at multiples of 8,192; each piece is rounded, and the pieces are added in
the order of the index. A tile that has some of the pieces leaves these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from spinntensor.kernels.block_float import PIECE
from spinntensor.kernels.host_block import settle
from spinntensor.kernels.host_gather import Table, adjoint, forward, gather
from spinntensor.kernels.host_products import float_product, stacked
from spinntensor.lower.box import Box, Span, sizes
from spinntensor.lower.rules_conv import LOCAL, by_weight
from spinntensor.lower.site import Site
from spinntensor.ops._products import counted
from spinntensor.ops.operation import Counted, Value


@dataclass(frozen=True, eq=False)
class Lines:
    """Factors [G,R,K] and [G,K,N] of groups or of a stack of matrices."""

    left: np.ndarray
    right: np.ndarray

    @property
    def bad(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows [G,R] and columns [G,N] that are not finite."""
        return ~np.isfinite(self.left).all(2), ~np.isfinite(self.right).all(1)


@dataclass(frozen=True, eq=False)
class Pieces:
    """What a tile leaves: products [G,R,N] of each of its pieces, and the lines that are not finite in any."""

    products: list[np.ndarray]
    rows: np.ndarray
    columns: np.ndarray


def pieces(lines: Lines) -> Pieces:
    """The products of K from a multiple of 8,192 on."""
    k = lines.left.shape[2]
    cuts = [slice(at, min(at + PIECE, k)) for at in range(0, k, PIECE)]
    found = [float_product(lines.left[:, :, some], lines.right[:, some])[0] for some in cuts]
    return Pieces(found, *lines.bad)


def added(parts: Sequence[Pieces], ours: tuple[bool, bool]) -> tuple[np.ndarray, int, int]:
    """The pieces added in order, float32 [G,R,N]; lines that are not finite (rows and columns, where they are `ours`
    to count); and results of the other lines that are not."""
    products = [p for part in parts for p in part.products]
    y = products[0].copy()
    for piece in products[1:]:
        y += piece
    rows, columns = (np.any([getattr(p, name) for p in parts], 0) for name in ("rows", "columns"))
    overflowed = settle(y, rows[:, :, None] | columns[:, None, :])
    return y, _number((rows, columns), ours), overflowed


def _number(bad: Sequence[np.ndarray], ours: tuple[bool, bool]) -> int:
    return sum(int(np.count_nonzero(lines)) for lines, mine in zip(bad, ours, strict=True) if mine)


def recounted(
    result: Value | Counted, ours: tuple[bool, bool], lines: Callable[[], Lines]
) -> Value | Counted:
    """A product in a box with those of its lines counted that no other box counts."""
    if not isinstance(result, Counted) or not result.counts.get("nonfinite"):
        return result
    return counted(result.value, **{**result.counts, "nonfinite": _number(lines().bad, ours)})


def counts_lines(name: str, site: Site, box: Box) -> tuple[bool, bool]:
    """Whether a box counts its rows, and its columns: the first of those that share them does."""
    if name == "matmul":
        return box[-1][0] == 0, box[-2][0] == 0
    first = [start == 0 for start, _ in box]
    return site["groups"] > 1 or first[3], all(first[:3])


def matmul_lines(operands: Sequence[Any]) -> Lines:
    """Of matrices, or of stacks of them."""
    return Lines(stacked(operands[0]), stacked(operands[1]))


def _gathered(x: np.ndarray, groups: int, ys: Table, xs: Table) -> np.ndarray:
    """[G, pixels, (ky, kx, c)] of x [N,H,W,C], +0 outside of it."""
    depth, rows = x.shape[3] // groups, len(x) * len(ys) * len(xs)
    y = np.empty((groups, rows, ys.shape[1] * xs.shape[1] * depth), np.float32)
    x = np.ascontiguousarray(x)
    for group in range(groups):
        gather(x, (group * depth, depth), ys, xs, (0, rows), 0, 0, y[group])
    return y


def convolution_lines(
    name: str, site: Site, box: Box, operands: Sequence[Any], pixels: Box | None = None
) -> Lines:
    """Of a convolution in a box; by its weights of a box of pixels."""
    x, w = operands[:2]
    a = (by_weight(site, box, pixels) if pixels else LOCAL[name](site, box)).attributes
    kernel = a["kernel"] if name == "conv2d_weight" else w.shape[:2]
    outputs = {"conv2d": sizes(box)[1:3], "conv2d_input": x.shape[1:3], "conv2d_weight": w.shape[1:3]}[name]
    size = a["size"] if name == "conv2d_input" else x.shape[1:3]
    table = adjoint if name == "conv2d_input" else forward
    ys, xs = (
        table(size[i], outputs[i], kernel[i], a["stride"][i], a["dilation"][i], a["padding"][2 * i])
        for i in (0, 1)
    )
    groups = a["groups"]
    rows = _gathered(x, groups, ys, xs)
    if name == "conv2d_weight":
        columns = w.reshape(-1, groups, w.shape[3] // groups).transpose(1, 0, 2)
        return Lines(rows.transpose(0, 2, 1), columns)
    kh, kw, c, o = w.shape
    parts = w.reshape(kh * kw, c, groups, o // groups)
    order = (2, 0, 3, 1) if name == "conv2d_input" else (2, 0, 1, 3)
    parts = parts.transpose(order)
    return Lines(rows, parts.reshape(groups, kh * kw * parts.shape[2], parts.shape[3]))


def in_box(name: str, y: np.ndarray, box: Box) -> np.ndarray:
    """Products [G,R,N] in the shape of a box of the result: the channels of a convolution are (group, column)."""
    shape = sizes(box)
    if name == "matmul":
        return y.reshape(shape)
    return y.transpose(1, 0, 2).reshape(shape)


def of_span(lines: Lines, span: Span) -> Lines:
    """A part of K."""
    return Lines(lines.left[:, :, slice(*span)], lines.right[:, slice(*span)])


def inside(pixels: Box, shape: Sequence[int], span: Span) -> Span:
    """Where the pixels `span`, counted in images of `shape`, lie among those of a box that holds them."""
    places = np.zeros((), np.int64)
    for size, (start, stop) in zip(shape, pixels, strict=True):
        places = places[..., None] * size + np.arange(start, stop)
    return tuple(np.searchsorted(places.reshape(-1), span).tolist()) if prod(sizes(pixels)) else (0, 0)

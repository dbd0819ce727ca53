"""The adjoint of a convolution with respect to its weights: exact sums over all pixels, in parts of the rows.

A row is one tap and channel of x, a column one channel of the cotangent; the logical K is the pixel (image, row,
column of the output), row-major.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinntensor.kernels.block_float import magnitude_bits
from spinntensor.kernels.host_block import left_lines, multiply, right_lines, settle
from spinntensor.kernels.host_convolution import cut
from spinntensor.kernels.host_gather import Table, gather
from spinntensor.kernels.host_memory import Rooms

CHUNK = 1 << 20
"""Gathered elements that are in work at a time."""
COLUMNS = 64
"""Gathered rows of the product at least, for the sake of BLAS."""
PIXELS = 8192
"""Pixels whose mantissas are gathered at a time; float32 goes by the pieces of its definition."""


@dataclass(frozen=True)
class Pixels:
    """Which pixels of x [N,H,W,C], contiguous, each output reads: ys [OH,KH], xs [OW,KW], -1 for a zero."""

    x: np.ndarray
    ys: Table
    xs: Table
    groups: int

    @property
    def kernel(self) -> tuple[int, int, int]:
        """Taps and channels of a group: the shape of a column of the weights."""
        return self.ys.shape[1], self.xs.shape[1], self.x.shape[3] // self.groups


@dataclass(frozen=True)
class Part:
    """Some rows: a box of taps and channels, and what is gathered for it, pixels by rows."""

    box: tuple[slice, slice, slice]
    gathered: np.ndarray


def _parts(pixels: Pixels, group: int, first: int, last: int, kind: Any) -> Iterator[Part]:
    """All rows of a group for these pixels, as many at a time as CHUNK allows."""
    height, width, depth = pixels.kernel
    room = max(CHUNK // max(last - first, 1), COLUMNS)
    steps = [
        max(1, min(height, room // max(width * depth, 1))),
        max(1, min(width, room // max(depth, 1))),
        max(1, min(depth, room)),
    ]
    for a in range(0, height, steps[0]):
        for b in range(0, width, steps[1]):
            for c in range(0, depth, steps[2]):
                box = slice(a, a + steps[0]), slice(b, b + steps[1]), slice(c, min(c + steps[2], depth))
                ys, xs = (np.ascontiguousarray(t) for t in (pixels.ys[:, box[0]], pixels.xs[:, box[1]]))
                channels = group * depth + c, box[2].stop - c
                y = np.empty((last - first, ys.shape[1] * xs.shape[1] * channels[1]), kind)
                yield Part(box, gather(pixels.x, channels, ys, xs, (first, last), 0, 0, y))


def float_correlation(pixels: Pixels, c: np.ndarray) -> tuple[np.ndarray, int, int]:
    """float32 [KH,KW,C/G,O] by `block_float`, with c float32 [N,OH,OW,O]; its counts as in `float_convolution`."""
    n = c.shape[3] // pixels.groups
    columns = c.reshape(-1, c.shape[3])
    y = np.zeros((*pixels.kernel, c.shape[3]), np.float32)
    bad_rows = np.zeros((*pixels.kernel, pixels.groups), np.bool_)
    bad_columns = np.zeros(c.shape[3], np.bool_)
    cuts = cut(len(columns))
    infinite, rooms = 0, Rooms()
    for group in range(pixels.groups):
        mine = slice(group * n, (group + 1) * n)
        for first, last in cuts:
            bits = magnitude_bits(max(last - first, 1))
            right = right_lines(columns[None, first:last, mine], bits)
            bad_columns[mine] |= right.bad[0]
            for part in _parts(pixels, group, first, last, np.float32):
                left = left_lines(part.gathered.T[None], bits, rooms)
                to = y[(*part.box, mine)]
                piece = np.empty((1, left.q.shape[1], n), np.float32)
                infinite += multiply(left, right, piece, False, rooms)
                bad_rows[(*part.box, group)] |= left.bad[0].reshape(to.shape[:3])
                with np.errstate(all="ignore"):
                    to[:] = to + piece.reshape(to.shape) if first else piece.reshape(to.shape)
    if len(cuts) > 1:
        infinite = settle(y, np.repeat(bad_rows, n, 3) | bad_columns)
    return y, int(np.count_nonzero(bad_rows) + np.count_nonzero(bad_columns)), infinite


def mantissa_correlation(pixels: Pixels, c: np.ndarray) -> np.ndarray:
    """Exact sums of 13-bit mantissas, float64 [KH,KW,C/G,O], of x and c int16."""
    n = c.shape[3] // pixels.groups
    columns = c.reshape(-1, c.shape[3])
    y = np.zeros((*pixels.kernel, c.shape[3]))
    for group in range(pixels.groups):
        mine = slice(group * n, (group + 1) * n)
        for first in range(0, len(columns), PIXELS):
            last = min(first + PIXELS, len(columns))
            right = columns[first:last, mine].astype(np.float64)
            for part in _parts(pixels, group, first, last, np.float64):
                to = y[(*part.box, mine)]
                to += np.matmul(part.gathered.T, right).reshape(to.shape)
    return y

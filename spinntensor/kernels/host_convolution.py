"""Exact convolutions on the host: rows gathered a chunk at a time, multiplied through BLAS, each sum rounded once.

The logical K of a row is (ky, kx, channel of the group), and the row is the field of one pixel. Taps at which a whole
class of outputs reads nothing are left out of the sums, since zeros add nothing, but not out of the definition: the
number of mantissa bits and the exponents of the weights are those of the full K.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spinntensor.kernels.block_float import PIECE, magnitude_bits
from spinntensor.kernels.host_block import Lines, left_lines, multiply, right_lines, settle
from spinntensor.kernels.host_bytes import multiply_bytes, right_bytes
from spinntensor.kernels.host_gather import Axis, gather
from spinntensor.kernels.host_mantissas import scale, to_float
from spinntensor.kernels.host_memory import Rooms

CHUNK = 1 << 20
"""Elements of gathered rows and results that are in work at a time, as far as a chunk has more than ROWS rows."""
ROWS = 512
"""Rows of a chunk at least: BLAS packs the weights anew for each."""

Multiply = Callable[[np.ndarray, np.ndarray], None]
"""`(gathered rows [R,K'], results [R,N])`; writes the results."""


@dataclass(frozen=True)
class Fields:
    """What each output pixel reads.

    x : source [N,H,W,C], contiguous.    ys, xs : the classes of output rows and columns.    kernel : (KH, KW).
    out : output rows and columns.    groups : of channels.
    """

    x: np.ndarray
    ys: tuple[Axis, ...]
    xs: tuple[Axis, ...]
    kernel: tuple[int, int]
    out: tuple[int, int]
    groups: int

    @property
    def depth(self) -> int:
        """Channels of a group."""
        return self.x.shape[3] // self.groups

    @property
    def pixels(self) -> tuple[int, int, int]:
        return len(self.x), *self.out


def _taken(fields: Fields, ay: Axis, ax: Axis) -> np.ndarray | None:
    """The logical k that this class of outputs sums over; None for all."""
    if (len(ay.taps), len(ax.taps)) == fields.kernel:
        return None
    taps = np.array(ay.taps, np.int64)[:, None] * fields.kernel[1] + np.array(ax.taps, np.int64)
    return (taps.reshape(-1, 1) * fields.depth + np.arange(fields.depth)).reshape(-1)


def _convolve(
    fields: Fields,
    kind: Any,
    y: np.ndarray,
    factor: Callable[[int, np.ndarray | None], Multiply],
    centre: int = 0,
    pad: int = 0,
) -> None:
    """y [N,OH,OW,G*n]: `factor(group, k)` multiplies the gathered rows of a class by the weights of its k.

    kind : type of the gathered rows: x - centre, and `pad` outside of x.
    """
    n = y.shape[3] // fields.groups
    for group in range(fields.groups):
        for ay, ax in ((ay, ax) for ay in fields.ys for ax in fields.xs):
            multiplied = factor(group, _taken(fields, ay, ax))
            sizes = len(fields.x), len(ay.table), len(ax.table)
            rows, k = sizes[0] * sizes[1] * sizes[2], len(ay.taps) * len(ax.taps) * fields.depth
            direct = sizes == fields.pixels and fields.groups == 1
            to = y.reshape(rows, n) if direct else np.empty((rows, n), y.dtype)
            channels = group * fields.depth, fields.depth
            buffer = None
            for first, last in _chunks(rows, k + n):
                if buffer is None:
                    buffer = np.empty((last - first, k), kind)
                at = first, last
                some = gather(fields.x, channels, ay.table, ax.table, at, centre, pad, buffer)
                multiplied(some, to[first:last])
            if not direct:
                y[:, ay.where, ax.where, group * n : (group + 1) * n] = to.reshape(*sizes, n)


def _chunks(rows: int, width: int) -> Iterator[tuple[int, int]]:
    """Equal ranges of rows, as few as the size of a chunk allows; the first is the longest."""
    count = -(-rows // max(ROWS, CHUNK // (width + 1)))
    step = -(-rows // max(count, 1))
    for first in range(0, rows, max(step, 1)):
        yield first, min(first + step, rows)


def cut(k: int) -> list[tuple[int, int]]:
    """The pieces (start, stop) of a logical K; one, which is empty, for K = 0."""
    return [(start, min(start + PIECE, k)) for start in range(0, max(k, 1), PIECE)]


def pieces_of(b: np.ndarray) -> list[Lines]:
    """The columns of float32 [K,N], one piece of K after the other."""
    return [right_lines(b[None, i:j], magnitude_bits(max(j - i, 1))) for i, j in cut(len(b))]


def bad_columns(pieces: list[Lines]) -> np.ndarray:
    """Which columns are not finite, bool [N]."""
    return np.any([piece.bad[0] for piece in pieces], 0)


def _some(pieces: list[Lines], k: int, taken: np.ndarray | None) -> list[tuple[int, int, Lines]]:
    """(first, last, weights) of each piece: a range of the gathered columns, and the weights of these k."""
    cuts = cut(k)
    if taken is None:
        return [(*ends, piece) for ends, piece in zip(cuts, pieces, strict=True)]
    places = [np.searchsorted(taken, ends).tolist() for ends in cuts]
    return [
        (i, j, replace(piece, q=piece.q[:, taken[i:j] - start]))
        for (i, j), (start, _), piece in zip(places, cuts, pieces, strict=True)
    ]


def float_convolution(fields: Fields, weights: np.ndarray) -> tuple[np.ndarray, int, int]:
    """float32 [N,OH,OW,G*n] by `block_float` with weights float32 [G,K,n], in pieces of the logical K.

    Counted are rows (fields of a pixel and group) and columns of weights that are not finite, and results of others
    that are not (overflows).
    """
    groups, k, n = weights.shape
    y = np.empty((*fields.pixels, groups * n), np.float32)
    ready = [pieces_of(matrix) for matrix in weights]
    bad = [bad_columns(pieces) for pieces in ready]
    nonfinite, overflowed, rooms = [int(np.count_nonzero(bad))], [0], Rooms()

    def factor(group: int, taken: np.ndarray | None) -> Multiply:
        pieces = _some(ready[group], k, taken)

        def multiplied(some: np.ndarray, to: np.ndarray) -> None:
            rows, infinite = np.zeros(len(some), np.bool_), 0
            for at, (i, j, piece) in enumerate(pieces):
                left = left_lines(some[None, :, i:j], piece.bits, rooms)
                rows |= left.bad[0]
                infinite += multiply(left, piece, to[None], at > 0, rooms)
            nonfinite.append(int(np.count_nonzero(rows)))
            overflowed.append(infinite if len(pieces) == 1 else settle(to, rows[:, None] | bad[group]))

        return multiplied

    _convolve(fields, np.float32, y, factor)
    return y, sum(nonfinite), sum(overflowed)


def byte_convolution(fields: Fields, weights: np.ndarray, zero: int) -> np.ndarray:
    """int32 [N,OH,OW,G*n] = sums of (x - zero) w, with int8 or uint8 x and int8 weights [G,K,n].

    What lies outside of x is `zero`, and adds nothing.
    """
    groups, _, n = weights.shape
    y = np.empty((*fields.pixels, groups * n), np.int32)
    rooms = Rooms()
    middle = 0 if fields.x.dtype == np.int8 else 128  # float32 holds longer sums of -128..127 than of 0..255

    def factor(group: int, taken: np.ndarray | None) -> Multiply:
        right = right_bytes(weights[group])
        by_column = right.total * np.int32(middle - zero)

        def multiplied(some: np.ndarray, to: np.ndarray) -> None:
            multiply_bytes(some, right, np.zeros(len(some), np.int32), by_column, to, rooms)

        return multiplied

    _convolve(fields, np.float32, y, factor, middle, zero - middle)
    return y


def mantissa_convolution(
    fields: Fields, weights: np.ndarray, by_column: np.ndarray
) -> tuple[np.ndarray, int]:
    """float32 [N,OH,OW,G*n]: sums of 13-bit mantissas, x int16 and weights float64 [G,K,n], rounded once; overflows.

    by_column : float64 [G*n], the power of two that a sum's unit stands for.
    """
    groups, _, n = weights.shape
    y = np.empty((*fields.pixels, groups * n), np.float32)
    infinite, rooms = [0], Rooms()

    def factor(group: int, taken: np.ndarray | None) -> Multiply:
        q = weights[group] if taken is None else weights[group][taken]

        def multiplied(some: np.ndarray, to: np.ndarray) -> None:
            columns = by_column[group * n : (group + 1) * n]
            c = np.matmul(some, q, rooms.room("sums", to.shape))
            infinite.append(to_float(c, np.ones(len(some)), columns, to))

        return multiplied

    _convolve(fields, np.float64, y, factor)
    return y, sum(infinite)


def mantissa_sums(fields: Fields, weights: np.ndarray, by_column: np.ndarray) -> tuple[np.ndarray, float]:
    """The same before they are rounded, float64, which holds them exactly; and the largest magnitude."""
    groups, _, n = weights.shape
    y = np.empty((*fields.pixels, groups * n))

    def factor(group: int, taken: np.ndarray | None) -> Multiply:
        q = weights[group] if taken is None else weights[group][taken]

        def multiplied(some: np.ndarray, to: np.ndarray) -> None:
            np.matmul(some, q, out=to)

        return multiplied

    _convolve(fields, np.float64, y, factor)
    rows = y.reshape(-1, groups * n)
    return y, scale(rows, np.ones(len(rows)), by_column)

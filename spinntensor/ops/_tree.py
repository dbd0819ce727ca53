"""The fixed tree of float32 along rows, fast: T(x[0:n]) = T(x[0:p]) + T(x[p:n]), p the largest power of two below n.

Every block of 2**k elements that starts at a multiple of 2**k is a whole subtree. So long rows are added up in
blocks that stay in the cache, and tall columns side by side, with one partial sum for each bit of the row's index.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from spinntensor.kernels._f32_reduce import tree_sums

_BLOCK = 1024
"""Elements of a row that are added up at a time: a power of two."""
_WIDTH = 256
"""Columns that are added up side by side."""
_LEVELS = 48
_LONG, _FEW, _BROAD = 256, 64, 16
"""Rows that are worth a loop of their own, by length or by number; columns that are worth it, by number."""


@njit(cache=True, nogil=True)
def tree(x: np.ndarray, scratch: np.ndarray) -> np.float32:
    """The tree over a nonempty vector: neighbours are added, level by level; half of its length is enough room."""
    n = x.size
    if n == 1:
        return x[0]
    half = n >> 1
    for i in range(half):
        scratch[i] = x[2 * i] + x[2 * i + 1]
    if n & 1:
        scratch[half] = x[n - 1]
    n = half + (n & 1)
    while n > 1:
        half = n >> 1
        for i in range(half):
            scratch[i] = scratch[2 * i] + scratch[2 * i + 1]
        if n & 1:
            scratch[half] = scratch[n - 1]
        n = half + (n & 1)
    return scratch[0]


@njit(cache=True, nogil=True)
def _rows(x: np.ndarray, y: np.ndarray) -> None:
    """y[i] = T(x[i, :]), row by row."""
    rows, n = x.shape
    blocks = (n + _BLOCK - 1) // _BLOCK
    scratch, sums = np.empty(_BLOCK, np.float32), np.empty(blocks, np.float32)
    upper = np.empty(blocks // 2 + 1, np.float32)
    for i in range(rows):
        for j in range(blocks):
            sums[j] = tree(x[i, j * _BLOCK : min(n, (j + 1) * _BLOCK)], scratch)
        y[i] = tree(sums, upper)


@njit(cache=True, nogil=True)
def _columns(x: np.ndarray, y: np.ndarray) -> None:
    """y[k, c] = T(x[k, :, c]), like a binary counter: level l holds the sum of 2**l rows while bit l is set."""
    stacks, n, columns = x.shape
    partial = np.empty((_LEVELS, _WIDTH), np.float32)
    for k in range(stacks):
        for left in range(0, columns, _WIDTH):
            width = min(_WIDTH, columns - left)
            for i in range(n):
                row, carry = x[k, i, left : left + width], 0
                while (i >> carry) & 1:
                    carry += 1
                total = partial[carry]
                if carry == 0:
                    for c in range(width):
                        total[c] = row[c]
                    continue
                first = partial[0]
                for c in range(width):
                    total[c] = first[c] + row[c]
                for level in range(1, carry):
                    lower = partial[level]
                    for c in range(width):
                        total[c] = lower[c] + total[c]
            lowest = 0
            while not (n >> lowest) & 1:
                lowest += 1
            total = partial[lowest]
            for level in range(lowest + 1, _LEVELS):
                if (n >> level) & 1:
                    upper = partial[level]
                    for c in range(width):
                        total[c] = upper[c] + total[c]
            target = y[k, left : left + width]
            for c in range(width):
                target[c] = total[c]


def row_sums(x: np.ndarray) -> np.ndarray:
    """T of every row of x[M,N], N > 0; NaN may have any pattern."""
    if x.shape[0] > _FEW and x.shape[1] < _LONG:
        return tree_sums(x)
    y = np.empty(x.shape[0], np.float32)
    _rows(np.ascontiguousarray(x), y)
    return y


def column_sums(x: np.ndarray) -> np.ndarray:
    """T along the second axis of x[A,N,B], N > 0, as [A,B]; NaN may have any pattern."""
    a, n, b = x.shape
    if b < _BROAD:
        return row_sums(x.transpose(0, 2, 1).reshape(a * b, n)).reshape(a, b)
    y = np.empty((a, b), np.float32)
    _columns(np.ascontiguousarray(x), y)
    return y


def tree_along(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """T over the elements along `axes`, in row-major order of these; x is not empty. The result drops the axes."""
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    shape, count = tuple(x.shape[i] for i in kept), 1
    for i in axes:
        count *= x.shape[i]
    if (
        axes and axes[-1] - axes[0] == len(axes) - 1 and axes[-1] < x.ndim - 1
    ):  # side by side, not the last ones
        before = 1
        for size in x.shape[: axes[0]]:
            before *= size
        return column_sums(x.reshape(before, count, -1)).reshape(shape)
    return row_sums(x.transpose(kept + axes).reshape(-1, count)).reshape(shape)

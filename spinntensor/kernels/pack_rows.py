"""Panels of plain rows, and the byte panels of the products that take two int8 weights with one multiply.

A mixed half holds the weights of two rows at one k: high byte w0 (signed), low byte u = w1 + 128 (unsigned).
As a signed number it is 256 w0 + u, and its low byte alone is u. So the products with the half and with its
low byte sum up to 256 s0 + s1 and s1, once a start of -128 * sum of x has taken off the 128 in u.
"""

from __future__ import annotations

import numpy as np

from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, largest
from spinntensor.kernels.pack_outer import with_chunk_words

SUM_LIMIT = 1 << 23
"""Magnitude that a sum of byte products must stay below: the kernels hold 256 times the sum in 32 bits."""


def _padded(x: np.ndarray, rows: int) -> np.ndarray:
    """`x` with zero rows up to a multiple of `rows`, and an even number of columns."""
    full = np.zeros((-(-x.shape[0] // rows) * rows, -(-x.shape[1] // 2) * 2), x.dtype)
    full[: x.shape[0], : x.shape[1]] = x
    return full


def pack_rows(a: np.ndarray, rows: int, unroll: int) -> np.ndarray:
    """Panels of `rows` rows of A[M,K] int16: words A[r,k] | A[r,k+1] by pair and row, with chunk words.

    Returns uint32, shape (ceil(M / rows), rows * pairs + chunks).
    """
    words = _padded(a, rows).view(np.uint32)
    pairs = words.shape[1]
    flat = words.reshape(-1, rows, pairs).transpose(0, 2, 1).reshape(-1, rows * pairs)
    return with_chunk_words(flat, rows, unroll)


def pack_vector(x: np.ndarray) -> np.ndarray:
    """x[K] int16 in pairs of k, then the word that is read ahead: uint32, shape (pairs + 1,)."""
    return np.append(_padded(x[None], 1).view(np.uint32)[0], np.uint32(0))


def pack_mixed(a: np.ndarray, rows: int, unroll: int) -> np.ndarray:
    """Panels of `rows` rows (even) of A[M,K] int8: mixed halves of two rows at k | k+1, with chunk words.

    Returns uint32, shape (ceil(M / rows), rows / 2 * pairs + chunks).
    """
    full = _padded(a, rows).astype(np.int16)
    return pack_rows(full[::2] * 256 + (full[1::2] + 128), rows // 2, unroll)


def pack_columns(b: np.ndarray, columns: int) -> np.ndarray:
    """Panels of `columns` columns of B[K,N] int8 or uint8: -128 * sums, then words b[k] | b[k+1] by pair.

    Returns uint32, shape (ceil(N / columns) * columns * (1 + pairs) + 1,): one word is read ahead.
    """
    full = _padded(b.T.astype(np.int16), columns)
    starts = -128 * full.astype(np.int32).sum(axis=1, dtype=np.int32)
    lines = np.concatenate([starts.view(np.uint32)[:, None], full.view(np.uint32)], axis=1)
    panels = lines.reshape(-1, columns, lines.shape[1]).transpose(0, 2, 1)
    return np.append(panels.reshape(-1), np.uint32(0))


def activations(kernel: str, name: str, value: object, ndim: int, k: int) -> np.ndarray:
    """`value` as an int8 or uint8 array whose first axis is k, or OperandError."""
    unsigned = isinstance(value, np.ndarray) and value.dtype == np.uint8
    return array(kernel, name, value, np.uint8 if unsigned else np.int8, ndim, {0: k})


def prove_bytes(kernel: str, a: np.ndarray, x: np.ndarray, start: np.ndarray | None) -> None:
    """RangeError unless every |sum| stays below 2**23, by the largest row sum of |a| times max |x|.

    Any int8 values hold up to K = 511, any weights with uint8 activations up to K = 257. With `start`, the
    operand that is added to, they must fit 32 bits.
    """
    bound = int(np.abs(a.astype(np.int64)).sum(axis=1).max()) * largest(x)
    if bound >= SUM_LIMIT:
        raise RangeError(
            kernel,
            bound,
            SUM_LIMIT - 1,
            "the bound is the largest sum of |a| over a row times max|x|: split k and accumulate",
        )
    if bound + largest(start) >= 1 << 31:
        raise RangeError(
            kernel, bound + largest(start), (1 << 31) - 1, "the result is added to large values: narrow them"
        )

"""Outer panels: the layout in which the 3x3 matrix-product kernels read int16 operands.

A panel holds three rows of A (or columns of B) over all k, in pairs of k; three words a pair, low | high:
(row 0, row 1) at k, (row 2 at k, row 2 at k+1), (row 0, row 1) at k+1. Rows and k that do not exist are zero.
Panels of A carry one more word (`chunk_words`) behind each chunk of `UNROLL` pairs, counted from the end.
"""

from __future__ import annotations

import numpy as np

BLOCK = 3
UNROLL = 32


def pairs_of(k: int) -> int:
    """Pairs of k in a panel: ceil(k / 2), rounded up to even since register names rotate with period two."""
    return (k + 3) // 4 * 2


def chunks_of(pairs: int, unroll: int = UNROLL) -> int:
    """Chunks of a panel of A, each followed by one word."""
    return -(-pairs // unroll)


def panels(rows: np.ndarray) -> np.ndarray:
    """Pack int16 rows into outer panels without chunk words.

    Parameters
    ----------
    rows : int16, shape (R, K)

    Returns
    -------
    uint32, shape (ceil(R / 3), pairs, 3)
    """
    r, k = rows.shape
    count, pairs = -(-r // BLOCK), pairs_of(k)
    full = np.zeros((count * BLOCK, pairs * 2), np.int16)
    full[:r, :k] = rows
    x = full.reshape(count, BLOCK, pairs, 2).transpose(0, 2, 1, 3)  # panel, pair, row, k
    halves = np.stack(
        [x[:, :, 0, 0], x[:, :, 1, 0], x[:, :, 2, 0], x[:, :, 2, 1], x[:, :, 0, 1], x[:, :, 1, 1]], axis=-1
    )
    return np.ascontiguousarray(halves).view(np.uint32)


def chunk_words(chunks: int, fold: int = 0) -> list[int]:
    """The word behind each chunk: 0 at the end, else 1; with `fold`, 3 where sums are first folded, 2 later.

    `fold` is the number of chunks after which the 64-bit product folds its sums, 0 for never. The 32-bit
    product goes on at any word but 0, so that it can read panels with fold words, too.
    """
    words = [1] * (chunks - 1) + [0]
    if fold:
        words[fold - 1 : -1 : fold] = [2] * len(words[fold - 1 : -1 : fold])
        if chunks > fold:
            words[fold - 1] = 3
    return words


def with_chunk_words(flat: np.ndarray, width: int, unroll: int, fold: int = 0) -> np.ndarray:
    """Panels of `width` words a pair, uint32 [panels, width * pairs], with their chunk words in between."""
    count, pairs = flat.shape[0], flat.shape[1] // width
    chunks = chunks_of(pairs, unroll)
    ends = [width * (pairs - unroll * after) for after in reversed(range(chunks))]
    parts = []
    for begin, end, word in zip([0, *ends], ends, chunk_words(chunks, fold), strict=False):
        parts += [flat[:, begin:end], np.full((count, 1), word, np.uint32)]
    return np.concatenate(parts, axis=1)


def pack_a(a: np.ndarray, unroll: int = UNROLL, fold: int = 0) -> np.ndarray:
    """Panels of A[M,K] int16 with their chunk words: uint32, shape (ceil(M / 3), 3 * pairs + chunks)."""
    p = panels(a)
    return with_chunk_words(p.reshape(p.shape[0], -1), BLOCK, unroll, fold)


def pack_b(b: np.ndarray) -> np.ndarray:
    """Panels of B[K,N] int16, then the word read ahead: uint32, shape (ceil(N / 3) * 3 * pairs + 1,)."""
    return np.append(panels(np.ascontiguousarray(b.T)).reshape(-1), np.uint32(0))

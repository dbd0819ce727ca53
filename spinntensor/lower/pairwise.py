"""The fixed pairwise tree over a part of its elements: sums of whole subtrees, and the tree over these.

A block of 2**k elements that starts at a multiple of 2**k is a whole subtree, so any span is a few such blocks, at most
two for each power of two, and the tree over all elements is made of the blocks of all spans, in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from spinntensor.lower.box import Span
from spinntensor.ops._tree import tree_along


@dataclass(frozen=True, eq=False)
class Block:
    """The tree over `size` elements, a power of two, from `start` on; one value for each result."""

    start: int
    size: int
    total: np.ndarray


def blocks(rows: np.ndarray, span: Span) -> list[Block]:
    """Subtrees of the elements `span`, which are the rows of `rows`, as large as they can be."""
    found, at = [], span[0]
    while at < span[1]:
        size = 1 << ((span[1] - at).bit_length() - 1)
        size = min(size, at & -at) if at else size
        there = rows[at - span[0] : at - span[0] + size]
        found.append(Block(at, size, np.asarray(tree_along(there, (0,)))))
        at += size
    return found


def total(parts: Iterable[Block]) -> np.ndarray:
    """The tree over all elements, from blocks that make them up, in order."""
    stack: list[Block] = []
    for block in parts:
        stack.append(block)
        while (
            len(stack) > 1 and stack[-1].size == stack[-2].size and not stack[-2].start % (2 * stack[-2].size)
        ):
            right, left = stack.pop(), stack.pop()
            stack.append(Block(left.start, 2 * left.size, left.total + right.total))
    result = stack.pop().total
    while stack:
        result = stack.pop().total + result
    return np.asarray(result)

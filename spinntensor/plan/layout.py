"""How a value lies in SDRAM, and in how many DMA transfers a box of it moves.

Activations of images [N,H,W,C] lie in blocks of channels, [N][C / block][H][W][block]: a box of whole rows and whole
blocks is then one transfer for each block, wherever its channels are cut. Everything else is row-major. Rows that are
no whole number of double words are padded, because the DMA controller moves double words (datasheet 7.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from spinntensor.lower.box import Box, sizes
from spinntensor.lower.views import DOUBLE

__all__ = ["BLOCKS", "DOUBLE", "Layout", "block_of"]

BLOCKS = (64, 32, 16, 8)
"""Channels of a block, by preference."""


def block_of(channels: int) -> int:
    """Channels of a block of an activation: the most that divide them, or all where none does."""
    return next((b for b in BLOCKS if channels % b == 0), channels)


@dataclass(frozen=True)
class Layout:
    """Dimensions from the outermost to the innermost, and bytes of an element.

    Parameters
    ----------
    shape : of the value.
    item : bytes of an element.
    block : channels of a block where the value lies in blocks, else 0.
    """

    shape: tuple[int, ...]
    item: int
    block: int = 0

    @property
    def row(self) -> int:
        """Bytes of the innermost dimension, padding included."""
        last = self._dimensions[-1] if self.shape else 1
        return -(-last * self.item // DOUBLE) * DOUBLE if not self.block else last * self.item

    @property
    def nbytes(self) -> int:
        """Bytes of the whole value."""
        return -(-prod(self._dimensions[:-1]) * self.row // DOUBLE) * DOUBLE

    @property
    def _dimensions(self) -> tuple[int, ...]:
        if not self.block:
            return self.shape or (1,)
        *outer, h, w, c = self.shape
        return (*outer, c // self.block, h, w * self.block)

    def transfer(self, box: Box) -> tuple[int, int]:
        """Bytes and pieces that a box moves in: runs of whole innermost dimensions are one piece."""
        spans = list(box) or [(0, 1)]
        if self.block:
            *outer, h, w, (first, stop) = spans
            blocks = (first // self.block, -(-stop // self.block))
            spans = [*outer, blocks, h, (w[0] * self.block, w[1] * self.block)]
        dimensions, counts = self._dimensions, sizes(tuple(spans))
        if 0 in counts:
            return 0, 0
        inner = counts[-1] * self.item
        whole = counts[-1] == dimensions[-1]
        run = self.row if whole else -(-inner // DOUBLE) * DOUBLE
        pieces = 1
        for size, got in zip(reversed(dimensions[:-1]), reversed(counts[:-1]), strict=True):
            if whole:
                run *= got
            else:
                pieces *= got
            whole = whole and got == size
        return run * pieces, pieces

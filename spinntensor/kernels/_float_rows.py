"""What the two conversions of float32 rows share: layouts of their input, operands and checks."""

from __future__ import annotations

import numpy as np

from spinntensor.kernels.block_float import as_bits
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Operands


def rows_of(kernel: str, operands: Operands) -> tuple[np.ndarray, bool]:
    """The logical rows [R,K] of operand `x`, and whether they lie as columns (x is [K,R] then)."""
    x = array(kernel, "x", operands["x"], np.float32, 2)
    columns = bool(word(kernel, "columns", operands.get("columns", 0), 0, 1))
    return (np.ascontiguousarray(x.T) if columns else x), columns


def words_of(shape: tuple[int, int], columns: bool) -> dict[str, int]:
    """The layout words of a call whose x is contiguous: rows [R,K], or columns [K,R]."""
    r, k = shape
    strides = (4 * r, 4, 8) if columns else (4, 4 * k, 8 * k)
    return {"rows": r, "k": k} | dict(zip(("k_stride", "row_stride", "pair_stride"), strides, strict=True))


def laid_out(rows: np.ndarray, columns: bool) -> np.ndarray:
    """The words as they lie in memory."""
    return as_bits(rows.T if columns else rows)

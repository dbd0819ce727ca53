"""float32 rows (or columns) to block floating point: an exponent each, int32 mantissas in panels of two rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.float_gemm import F32_PANEL
from spinntensor.errors import OperandError
from spinntensor.kernels._float_rows import laid_out, rows_of, words_of
from spinntensor.kernels.block_float import as_bits, draw, magnitude_bits, panels, row_mantissas, row_tops
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "convert_f32_panel"
UNROLL = 16
"""Pairs of elements in a run."""


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    x = draw(rng, (shape["rows"], shape["k"]), extreme)
    top = np.zeros(len(x), np.uint32)
    row_tops(as_bits(x), top)
    columns = int(shape["columns"] > 0)
    bits = int(rng.integers(24, 31)) if extreme else magnitude_bits(shape["k"])
    return {"x": np.ascontiguousarray(x.T) if columns else x, "columns": columns, "top": top, "bits": bits}


def lower(operands: Operands) -> Call:
    """x float32 [R,K], or [K,R] with `columns` 1; top uint32 [R] at least max |x| of each row; bits 24 to 30."""
    rows, columns = rows_of(NAME, operands)
    r, k = rows.shape
    top = array(NAME, "top", operands["top"], np.uint32, 1, {0: r})
    least = np.zeros(r, np.uint32)
    row_tops(as_bits(rows), least)
    if (top < least).any():
        at = int((top < least).argmax())
        mend = f"give what convert_f32_top finds over all of row {at}"
        raise OperandError(NAME, "top", f"{top[at]:#x}", f"at least {least[at]:#x}", mend)
    return Call(
        {
            "x": given(laid_out(rows, columns)),
            "top": given(top),
            "panels": room((r + 1) // 2 * 2 * k, np.int32),
            "exponents": room(r, np.int32),
            "count": given(np.zeros(1, np.uint32), "inout"),
        },
        words_of(rows.shape, columns) | {"bits": word(NAME, "bits", operands["bits"], 24, 30)},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([outputs["panels"], outputs["exponents"], outputs["count"].view(np.int32)])


def twin(operands: Operands) -> np.ndarray:
    """int32: the panels, the exponents [R], the number of rows that are not finite."""
    rows, _ = rows_of(NAME, operands)
    q, exponents = np.empty(rows.shape, np.int32), np.empty(len(rows), np.int32)
    count = row_mantissas(as_bits(rows), operands["top"], operands["bits"], q, exponents)
    return np.concatenate([panels(q), exponents, np.array([count], np.int32)])


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rows, second rows, an odd last row and its zeros; pairs of elements, odd elements, runs; lone elements."""
    r, k, odd = shape["rows"], shape["k"], shape["rows"] % 2
    return 1, r, r // 2, odd, odd * k, r * (k // 2), r * (k % 2), r * -(-(k // 2) // UNROLL), r * (k == 1)


def work(shape: Shape) -> Work:
    """Load, exponent, significand, parity (2), nudge, shift (2), round, sign, store: 11 cycles an element."""
    elements = shape["rows"] * shape["k"]
    return Work(0, elements, 11 * elements)


KERNEL = Kernel(
    name=NAME,
    args=F32_PANEL,
    dims={"rows": (1, 8), "k": (1, 60), "columns": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"rows": 8, "k": 256, "columns": 0}, {"rows": 8, "k": 256, "columns": 1}),
)

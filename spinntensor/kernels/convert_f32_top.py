"""The largest magnitude of each row (or column) of float32: what block floating point takes its exponents from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.float_gemm import F32_TOP
from spinntensor.kernels._float_rows import laid_out, rows_of, words_of
from spinntensor.kernels.block_float import as_bits, draw, row_tops
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "convert_f32_top"
UNROLL = 16
"""Pairs of elements in a run."""


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    x = draw(rng, (shape["rows"], shape["k"]), extreme)
    columns = int(shape["columns"] > 0)
    top = as_bits(np.abs(draw(rng, (shape["rows"], 1), extreme)))[:, 0] if shape["accumulate"] else None
    return {"x": np.ascontiguousarray(x.T) if columns else x, "columns": columns, "top": top}


def lower(operands: Operands) -> Call:
    """x float32 [R,K], or [K,R] with `columns` 1; `top` (uint32 [R] or None) joins the maxima when given."""
    rows, columns = rows_of(NAME, operands)
    top = operands.get("top")
    if top is not None:
        top = array(NAME, "top", top, np.uint32, 1, {0: len(rows)})
    return Call(
        {
            "x": given(laid_out(rows, columns)),
            "top": room(len(rows), np.uint32) if top is None else given(top, "inout"),
        },
        words_of(rows.shape, columns) | {"accumulate": int(top is not None)},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["top"]


def twin(operands: Operands) -> np.ndarray:
    """uint32 [R]: the bits of max |x| over each row, ordered as integers (so NaN is above infinity)."""
    rows, _ = rows_of(NAME, operands)
    top = operands.get("top")
    out = np.zeros(len(rows), np.uint32) if top is None else top.copy()
    row_tops(as_bits(rows), out)
    return out


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rows; pairs of elements, odd elements, runs; lone elements."""
    r, k = shape["rows"], shape["k"]
    return 1, r, r * (k // 2), r * (k % 2), r * -(-(k // 2) // UNROLL), r * (k == 1)


def work(shape: Shape) -> Work:
    """Load, compare, move: three cycles an element."""
    elements = shape["rows"] * shape["k"]
    return Work(0, elements, 3 * elements)


KERNEL = Kernel(
    name=NAME,
    args=F32_TOP,
    dims={"rows": (1, 8), "k": (1, 60), "columns": (0, 1), "accumulate": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=(
        {"rows": 8, "k": 256, "columns": 0, "accumulate": 0},
        {"rows": 8, "k": 256, "columns": 1, "accumulate": 0},
    ),
)

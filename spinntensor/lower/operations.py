"""The operations that a lowered graph has beside those of tensors: what bfp16 asks of whole tensors, made explicit.

An exponent is the largest magnitude of a whole tensor, and a product of bfp16 rounds its operands to 13 bits by a
shift that the largest mantissa of the whole tensor decides. As operations of their own these magnitudes can be split
between tiles, and everything else becomes local. Format `sums` holds exact sums of products, as float64 on the host.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from spinntensor.errors import ShapeError
from spinntensor.formats import Quantized
from spinntensor.formats.convert import checked
from spinntensor.formats.philox import Stochastic
from spinntensor.graph.graph import Attribute, TensorType
from spinntensor.graph.verify import Rule
from spinntensor.kernels.bfp16_round13_outer_u32 import MAX_SHIFT, largest_for
from spinntensor.lower.words import words_of
from spinntensor.ops import OPERATIONS
from spinntensor.ops._convolve import narrowed, run_conv2d, run_conv2d_input, run_conv2d_weight
from spinntensor.ops._rules import Types, signature
from spinntensor.ops.convert import grid_of_exponents, least_exponent, rounded, run_bfp16, with_losses
from spinntensor.ops.matmul import run_matmul
from spinntensor.ops.operation import Counted, Operation, Value

LARGEST, ROUND, MANTISSA, LARGEST_SUM, NARROW = "largest", "round_bfp16", "mantissa", "largest_sum", "narrow"
"""Largest magnitude of float32; rounding by it; largest mantissa; largest exact sum; rounding of these."""
EXACT = {name: f"{name}_13" for name in ("matmul", "conv2d", "conv2d_input", "conv2d_weight")}
"""Products of bfp16 with what their shifts are made of as two more operands: a magnitude, or a mantissa."""
_SHIFTS = [largest_for(shift) for shift in range(MAX_SHIFT + 1)]
_TOP = TensorType((), "float32")


def _refused(op: str, operands: Types, expected: str) -> ShapeError:
    return ShapeError(op, ", ".join(map(str, operands)), expected, "lower the graph again")


def _largest_rule(operands: Types, a: Mapping[str, Attribute]) -> TensorType:
    signature(LARGEST, operands, 1, a, "axis")
    (x,), axis = operands, a["axis"]
    if x.format != "float32" or not (axis is None or (isinstance(axis, int) and 0 <= axis < len(x.shape))):
        raise _refused(LARGEST, operands, "float32, and None or one of its axes")
    return TensorType(() if axis is None else (x.shape[axis],), "float32")


def run_largest(x: np.ndarray, *, axis: int | None) -> np.ndarray:
    """The largest magnitude, 0 of nothing; OperandError where there is an infinity or NaN."""
    along = tuple(i for i in range(x.ndim) if i != axis)
    y = np.asarray(np.maximum.reduce(np.abs(x), axis=along, initial=np.float32(0)))
    if not np.isfinite(y).all():
        checked("quantize_bfp16", x)  # which raises
    return y


def _round_rule(operands: Types, a: Mapping[str, Attribute]) -> TensorType:
    signature(ROUND, operands, 2 + (a.get("seed") is not None), a, "axis", "seed")
    x, top, axis = operands[0], operands[1], a["axis"]
    if x.format != "float32" or top != _largest_rule((x,), {"axis": axis}):
        raise _refused(ROUND, operands, "float32 and its largest magnitude")
    return TensorType(x.shape, "bfp16" if axis is None else f"bfp16(axis={axis})")


def run_round(
    x: np.ndarray, top: np.ndarray, *counter: np.ndarray, axis: int | None, seed: int | None
) -> Value | Counted:
    """`quantize_bfp16` by the largest magnitude of the whole tensor."""
    stochastic = Stochastic(seed or 0, int(counter[0])) if counter else None
    words = None if stochastic is None else words_of(stochastic, x.shape, [(0, s) for s in x.shape])
    return rounded_by(x, top, words, axis)


def rounded_by(x: np.ndarray, top: np.ndarray, words: np.ndarray | None, axis: int | None) -> Value | Counted:
    """A part of a tensor as bfp16: `top` of the tensor, or of each index of the part's axis; words of its elements."""
    e = tuple(map(least_exponent, top.reshape(-1).tolist()))
    if words is None or x.size == 0:
        return run_bfp16(x, exponent=e, axis=axis)
    value, loss = rounded(x, grid_of_exponents(e[0] if axis is None else e, axis), words)
    return with_losses(value, loss.saturated, loss.lost)


def _scalar_rule(op: str, form: str, result: str) -> Rule:
    def rule(operands: Types, a: Mapping[str, Attribute]) -> TensorType:
        signature(op, operands, 1, a)
        if operands[0].format.split("(")[0] != form:
            raise _refused(op, operands, form)
        return TensorType((), result)

    return rule


def run_mantissa(x: Quantized) -> np.ndarray:
    """The largest magnitude of a mantissa, int32; 0 of nothing."""
    return np.asarray(max(-int(x.data.min()), int(x.data.max())) if x.data.size else 0, np.int32)


def run_largest_sum(x: np.ndarray) -> np.ndarray:
    """The largest magnitude of exact sums, 0 of nothing."""
    return np.asarray(np.maximum.reduce(np.abs(x), axis=None, initial=0.0))


def _narrow_rule(operands: Types, a: Mapping[str, Attribute]) -> TensorType:
    signature(NARROW, operands, 2, a)
    if operands[0].format != "sums" or operands[1] != TensorType((), "sums"):
        raise _refused(NARROW, operands, "sums and their largest magnitude")
    return TensorType(operands[0].shape, "bfp16")


def run_narrow(x: np.ndarray, top: np.ndarray) -> Value | Counted:
    """Exact sums as bfp16, by the largest magnitude of the whole tensor."""
    return narrowed(np.ascontiguousarray(x), float(top))


def shift_of(top: np.ndarray) -> int:
    """The shift to 13 bits of a tensor, from its largest mantissa (int32), or from the magnitudes (floats) that its
    exponents were made of: rounding is monotone, so the largest magnitude has the largest mantissa. What is clamped
    has shift 4 whether it is 32,767 or -32,768."""
    if top.dtype.kind == "f":
        top = np.array(
            [min(round(t * 2.0 ** -least_exponent(t)), 32767) for t in top.reshape(-1).tolist()] or [0]
        )
    return bisect_left(_SHIFTS, int(top.max()))


def shifts_of(tops: list[Any]) -> tuple[int, int]:
    """The shifts of both factors."""
    return shift_of(tops[0]), shift_of(tops[1])


def _product_rule(name: str) -> Rule:
    def rule(operands: Types, a: Mapping[str, Attribute]) -> TensorType:
        if len(operands) != 4 or any(t.format not in ("float32", "int32", "sums") for t in operands[2:]):
            raise _refused(EXACT[name], operands, "two factors and what their shifts are made of")
        form = a.get("format")
        ruled = OPERATIONS[name].rule(operands[:2], {**a, "format": "float32"})
        return TensorType(ruled.shape, "sums" if form == "sums" else ruled.format)

    return rule


PRODUCTS: Mapping[str, Callable[..., Any]] = {
    EXACT["matmul"]: run_matmul,
    EXACT["conv2d"]: run_conv2d,
    EXACT["conv2d_input"]: run_conv2d_input,
    EXACT["conv2d_weight"]: run_conv2d_weight,
}
"""Each of them on its factors, with the attribute `shifts`."""


def _run_product(run: Callable[..., Any], *operands: Any, **attributes: Any) -> Value | Counted:
    return run(*operands[:2], shifts=shifts_of(list(operands[2:])), **attributes)


ADDED = (
    Operation(LARGEST, _largest_rule, run_largest, None, ("float32",), "largest magnitude"),
    Operation(ROUND, _round_rule, run_round, None, ("float32",), "bfp16 by a given largest magnitude"),
    Operation(
        MANTISSA, _scalar_rule(MANTISSA, "bfp16", "int32"), run_mantissa, None, ("bfp16",), "its largest"
    ),
    Operation(
        LARGEST_SUM,
        _scalar_rule(LARGEST_SUM, "sums", "sums"),
        run_largest_sum,
        None,
        ("sums",),
        "largest magnitude",
    ),
    Operation(NARROW, _narrow_rule, run_narrow, None, ("sums",), "bfp16 of exact sums"),
    *(
        Operation(
            EXACT[name], _product_rule(name), partial(_run_product, PRODUCTS[EXACT[name]]), None, ("bfp16",)
        )
        for name in EXACT
    ),
)
LOWERED: Mapping[str, Operation] = {**OPERATIONS, **{o.name: o for o in ADDED}}
"""All operations of a lowered graph."""
LOWERED_RULES: Mapping[str, Rule] = {name: o.rule for name, o in LOWERED.items()}

"""Matrix products: the exact dot product of the operands in their format, rounded once to the format of the result."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from spinntensor.formats.description import Quantized
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Attribute, Node, TensorType
from spinntensor.kernels.host_products import (
    byte_product,
    float_product,
    mantissa_product,
    mantissa_product_bfp16,
    mantissa_product_exact,
    stacked,
)
from spinntensor.ops._products import (
    BYTES,
    counted,
    no_gradient,
    one_exponent,
    prove_bfp16,
    prove_int32,
    reach,
    working,
    zero_point,
)
from spinntensor.ops._rules import signature
from spinntensor.ops.operation import Counted, Operation, Value, expect, family
from spinntensor.ops.shape import bfp16_axis

Types = tuple[TensorType, ...]
Attributes = Mapping[str, Attribute]


def _rule(operands: Types, attributes: Attributes) -> TensorType:
    """[..., M, K] and [..., K, N] of the same leading axes give [..., M, N]."""
    expect(len(operands) == 2, "matmul", f"{len(operands)} operands", "two", "give both factors")
    a, b = operands
    rank, inner = len(a.shape), a.shape[-1:]
    if rank < 2 or rank != len(b.shape):
        expected = "matrices, or stacks of equally many axes"
        expect(False, "matmul", f"{a} and {b}", expected, "reshape one of them")
    if a.shape[:-2] != b.shape[:-2]:
        expect(False, "matmul", f"{a} and {b}", "equal leading axes", "broadcast one of them")
    if inner != b.shape[-2:-1]:
        expect(False, "matmul", f"{a} and {b}", "columns of a as rows of b", "transpose or reshape one")
    shape = (*a.shape[:-1], b.shape[-1])
    return TensorType(shape, _result("matmul", operands, inner[0], attributes))


def _result(op: str, operands: Types, k: int, attributes: Attributes) -> str:
    """The format of the product, after a look at those of the operands and at the attributes."""
    a, b = operands
    forms, rank = (family(a.format), family(b.format)), len(a.shape)
    if forms == ("float32", "float32"):
        signature(op, operands, 2, attributes)
        return "float32"
    if forms[0] in BYTES and forms[1] in BYTES:
        signature(op, operands, 2, attributes, "a_zero", "b_zero")
        zeros = [
            zero_point(op, f"{x}_zero", form, attributes[f"{x}_zero"])
            for x, form in zip("ab", forms, strict=True)
        ]
        prove_int32(op, k, reach(forms[0], zeros[0]) * reach(forms[1], zeros[1]))
        return "int32"
    if forms != ("bfp16", "bfp16"):
        expect(
            False, op, f"{a} and {b}", "float32, bfp16 or 8-bit integers on both sides", "convert one of them"
        )
    signature(op, operands, 2, attributes, "format")
    if bfp16_axis(a.format) == rank - 1:
        expect(
            False, op, f"{a}", "one exponent for a whole row of a", "quantize it with another axis, or none"
        )
    if bfp16_axis(b.format) not in (None, rank - 1):
        expect(False, op, f"{b}", f"bfp16 or bfp16(axis={rank - 1})", "quantize it with that axis, or none")
    return prove_bfp16(op, k, attributes["format"])


def _units(x: Quantized, lines: tuple[int, ...], last: bool) -> np.ndarray:
    """2**exponent for each row [..., M] of a left factor, or for each column [..., N] of a right one; as a stack."""
    unit, axis = x.grid.scale, x.format.axis
    assert unit is not None
    if axis is not None and not last:
        unit = unit.reshape([-1 if i == axis % x.data.ndim else 1 for i in range(len(lines))])
    out = np.empty(lines)
    out[...] = unit
    return out.reshape(prod(lines[:-1]), lines[-1])


def run_matmul(
    a: Any,
    b: Any,
    *,
    a_zero: int = 0,
    b_zero: int = 0,
    format: str = "float32",
    shifts: tuple[int, int] | None = None,
) -> Value | Counted:
    """The product; the rule has looked at everything.

    shifts : to 13 bits, of the bfp16 tensors that a and b are parts of; None where they are whole.
    format : also `sums`, of bfp16: the exact sums, float64.
    """
    shape = (*a.shape[:-1], b.shape[-1])
    if isinstance(a, Quantized):
        units = _units(a, a.shape[:-1], False), _units(b, (*b.shape[:-2], b.shape[-1]), True)
        if format == "sums":
            return mantissa_product_exact(stacked(a.data), stacked(b.data), *units, shifts)[0].reshape(shape)
        if format == "bfp16":
            q, e, saturated = mantissa_product_bfp16(stacked(a.data), stacked(b.data), *units)
            return counted(Quantized(one_exponent(e), q.reshape(shape)), saturated=saturated)
        y, overflowed = mantissa_product(stacked(a.data), stacked(b.data), *units, shifts)
        return counted(y.reshape(shape), overflowed=overflowed)
    if a.dtype == np.float32:
        y, nonfinite, overflowed = float_product(stacked(a), stacked(b))
        return counted(y.reshape(shape), nonfinite=nonfinite, overflowed=overflowed)
    return byte_product(stacked(a), stacked(b), a_zero, b_zero).reshape(shape)


def _transposed(b: Builder, number: int, source: str) -> int:
    rank = len(b[number].type.shape)
    return b.add("transpose", number, source=source, axes=(*range(rank - 2), rank - 1, rank - 2))


def _gradient(build: Builder, node: Node, c: int) -> tuple[int, int]:
    """dA = dC B^T and dB = A^T dC, each a product by the same definition; of bfp16 with results in float32."""
    a, b = node.inputs
    form, source = family(build[a].type.format), node.source
    if form in BYTES:
        raise no_gradient(node, form)
    into: dict[str, Attribute] = {}
    if form == "bfp16":
        a, b, c = (working(build, number, source) for number in (a, b, c))
        into["format"] = "float32"
    by_a = build.add("matmul", c, _transposed(build, b, source), source=source, **into)
    by_b = build.add("matmul", _transposed(build, a, source), c, source=source, **into)
    return by_a, by_b


OPERATIONS = (
    Operation(
        "matmul",
        _rule,
        run_matmul,
        _gradient,
        ("float32", "bfp16", *BYTES),
        "matrix product of stacks; exact sums, rounded once (8-bit integers: not at all)",
    ),
)

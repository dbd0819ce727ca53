"""What products share: proofs of their ranges, zero points, one exponent for a factor of a gradient, counts."""

from __future__ import annotations

from functools import lru_cache

from spinntensor.errors import GraphError
from spinntensor.formats.description import Grid, bfp16_grid
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Attribute, Node
from spinntensor.ops.operation import Counted, Value, expect
from spinntensor.ops.shape import bfp16_axis

BYTES = {"int8": (-128, 127), "uint8": (0, 255)}
"""The 8-bit formats and their ranges."""
LONGEST = (1 << 23) - 1
"""Longest sum of bfp16 products: the folds of a core's accumulator are counted in 32 bits."""
RESULTS = ("float32", "bfp16")
"""Formats that a product of bfp16 operands may be rounded to."""


def reach(form: str, zero: int) -> int:
    """The largest magnitude of q - zero in an 8-bit format."""
    low, high = BYTES[form]
    return max(high - zero, zero - low)


def zero_point(op: str, name: str, form: str, value: Attribute) -> int:
    """An attribute as a zero point of an 8-bit format."""
    low, high = BYTES[form]
    good = type(value) is int and low <= value <= high
    expect(good, op, f"{name} = {value!r}", f"an integer from {low} to {high}", f"choose {name} for {form}")
    return value  # type: ignore[return-value]  # looked at above


def prove_int32(op: str, k: int, largest: int) -> None:
    """ShapeError unless K products of this magnitude add up to less than 2**31, whatever the operands hold."""
    bound = k * largest
    if bound >= 1 << 31:
        expected = f"below {1 << 31:,}, which int32 holds: K up to {((1 << 31) - 1) // largest:,}"
        expect(False, op, f"K = {k:,}, whose sums may reach {bound:,}", expected, "cut K, and add in float32")


def prove_bfp16(op: str, k: int, form: Attribute) -> str:
    """The format of a result of bfp16 operands; ShapeError where it is none, or the sums are too long."""
    expect(
        form in RESULTS,
        op,
        f"format = {form!r}",
        f"one of {', '.join(RESULTS)}",
        "choose the result's format",
    )
    expect(k <= LONGEST, op, f"K = {k:,}", f"at most {LONGEST:,}", "cut K, and add in float32")
    return str(form)


def working(b: Builder, number: int, source: str) -> int:
    """A factor of a bfp16 product with one exponent: float32 is quantised, several exponents are made one."""
    form = b[number].type.format
    if bfp16_axis(form) is not None:
        number, form = b.add("dequantize", number, source=source), "float32"
    return b.add("quantize_bfp16", number, source=source, axis=None) if form == "float32" else number


def no_gradient(node: Node, form: str) -> GraphError:
    """The error for a product of integers."""
    expected = "a product of float32 or bfp16: integer products have no gradient"
    return GraphError(node.id, node.op, node.source, f"operands of format {form}", expected)


@lru_cache(256)
def one_exponent(e: int) -> Grid:
    """The grid of a bfp16 tensor with this exponent."""
    return bfp16_grid(e)


def counted(y: Value, **counts: int) -> Value | Counted:
    """The result, with its counts if any is not 0."""
    return Counted(y, counts) if any(counts.values()) else y

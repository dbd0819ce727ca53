"""Products of two tensors summed over common axes: what matmul, tensordot and einsum have in common.

Formats: float32, int32 and int64, both operands alike; int8 and uint8 in any pair, which gives the exact int32 sums, on
the grid of the product of both scales when there are grids; bfp16, whose result is bfp16, or float32 if asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from spinntensor.formats import Grid
from spinntensor.ops.operation import family
from spinntensor.ops.shape import bfp16_axis
from spinntensor.tensors.alike import binary, widened, without_grid
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.grids import BYTES, both, sums, words
from spinntensor.tensors.moves import repeated, reshaped, scale_axis, transposed
from spinntensor.tensors.operands import broadcast, broadcast_shape, operand, refuse, tensor

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

INTEGERS = ("int32", "int64")
MOST = 1 << 27
"""Products of plain integers that are held at a time: a gigabyte of the wider ones."""


def factors(op: str, format: str | None, *values: Any) -> list[Tensor]:
    """Operands of a product; ShapeError unless their formats go together and `format` is one for the result."""
    first = next((v for v in values if isinstance(v, Base)), None)
    if first is None:
        found = [tensor(v) for v in values]
        if any(t.format == "float32" for t in found):
            found = [tensor(v, "float32") for v in values]
    else:
        found = [operand(op, v, first) for v in values]
    kinds = {"bytes" if t.node.type.format in BYTES else family(t.node.type.format) for t in found}
    if len(kinds) > 1 or not kinds <= {"float32", "int32", "int64", "bytes", "bfp16"}:
        raise refuse(
            op,
            " and ".join(str(t.node.type) for t in found),
            "all float32, all int32, all int64, all bfp16, or int8 and uint8",
            "convert one of them with astype, st.quantize or st.dequantize",
        )
    if format is not None and (kinds != {"bfp16"} or format not in ("bfp16", "float32")):
        raise refuse(
            op,
            f"format {format!r} for {' and '.join(sorted(kinds))}",
            "'bfp16' or 'float32', for bfp16 operands",
            "leave format out, or convert the result",
        )
    if kinds <= {*INTEGERS}:
        for t in found:
            without_grid(op, t)
    return found


def stacked(op: str, a: Base, b: Base, format: str | None) -> Tensor:
    """[..., M, K] times [..., K, N] with leading axes that are broadcast: [..., M, N]."""
    if len(a.shape) == len(b.shape) == 2:
        return _product(op, a, b, format)
    if b.ndim == 2 and scale_axis(a) is None and bfp16_axis(a.format) is None:
        rows = reshaped(a, (prod(a.shape[:-1]), a.shape[-1]))  # one product of many rows has the same bits
        y = _product(op, rows, b, format)
        return reshaped(y, (*a.shape[:-1], b.shape[-1]))
    shape = broadcast_shape(op, a.shape[:-2], b.shape[:-2])
    return _product(op, repeated(a, shape + a.shape[-2:]), repeated(b, shape + b.shape[-2:]), format)


def contracted(
    op: str,
    a: Base,
    b: Base,
    common: Sequence[tuple[int, int]],
    kept: Sequence[tuple[int, int]] = (),
    format: str | None = None,
) -> Tensor:
    """The product of two tensors, summed over some axes.

    common : (axis of a, axis of b) to sum over.
    kept : (axis of a, axis of b) of equal sizes that both have and the result has once.

    **Shape** result: the kept axes, the other axes of a, the other axes of b.
    """
    mine, other = [i for i, _ in (*kept, *common)], [j for _, j in (*kept, *common)]
    free_a = [i for i in range(a.ndim) if i not in mine]
    free_b = [j for j in range(b.ndim) if j not in other]
    a = transposed(a, (*[i for i, _ in kept], *free_a, *[i for i, _ in common]))
    b = transposed(b, (*[j for _, j in kept], *[j for _, j in common], *free_b))
    many, k = len(kept), len(common)
    batch, rows, columns = a.shape[:many], a.shape[many : many + len(free_a)], b.shape[many + k :]
    if not common and a.format not in BYTES:
        left = reshaped(a, (*batch, *rows, *(1,) * len(columns)))
        right = reshaped(b, (*batch, *(1,) * len(rows), *columns))
        return _each(op, left, right, format)
    depth = a.shape[many + len(rows) :]
    leading = (prod(batch),) if batch else ()
    left = reshaped(a, (*leading, prod(rows), prod(depth)))
    right = reshaped(b, (*leading, prod(depth), prod(columns)))
    return reshaped(_product(op, left, right, format), (*batch, *rows, *columns))


def _each(op: str, a: Base, b: Base, format: str | None) -> Tensor:
    """Products of single elements, with no sum."""
    if format == "float32":
        return binary("multiply", *broadcast(op, widened(a), widened(b)))
    return binary("multiply", a, b)


def _product(op: str, a: Base, b: Base, format: str | None) -> Tensor:
    """The operation of the graph: matrices, or stacks of them with equal leading axes."""
    form = a.node.type.format
    if form == "float32":
        return apply("matmul", a, b)
    if form in INTEGERS:
        return _integers(op, a, b)
    if form in BYTES:
        zeros = {"a_zero": _zero(op, a), "b_zero": _zero(op, b)}
        return apply("matmul", a, b, grid=_sums(op, a, b), **zeros)
    return apply("matmul", a, b, format=format or "bfp16")


def _integers(op: str, a: Base, b: Base) -> Tensor:
    """Exact sums of products of plain integers: an array of all products, and its sums."""
    *batch, rows, depth = a.shape
    columns = b.shape[-1]
    shape = (*batch, rows, columns, depth)
    if prod(shape) > MOST:
        received = f"{prod(shape):,} products of {a.node.type} and {b.node.type}"
        raise refuse(
            op, received, f"at most {MOST:,} of {a.format}", "convert to float32, or st.quantize to int8"
        )
    left = repeated(reshaped(a, (*batch, rows, 1, depth)), shape)
    turned = transposed(b, (*range(len(batch)), len(batch) + 1, len(batch)))
    right = repeated(reshaped(turned, (*batch, 1, columns, depth)), shape)
    return apply("sum", apply("multiply", left, right), axes=(len(shape) - 1,))


def _zero(op: str, x: Base) -> int:
    """The zero point of an int8 or uint8 tensor."""
    if x.grid is None:
        return 0
    assert x.grid.zero_point is not None
    zeros = x.grid.zero_point.reshape(-1)
    if (zeros != zeros[0]).any():
        raise refuse(
            op,
            f"{x.node.type} with {words(x.grid)} and several zero points",
            "one zero point",
            "quantize it with formats.Int8(symmetric=True, axis=...)",
        )
    return int(zeros[0])


def _sums(op: str, a: Base, b: Base) -> Grid | None:
    """The grid of the sums: a scale for each row where `a` has them, for each column where `b` has them."""
    if not both(op, a, b):
        return None
    rows, columns = scale_axis(a), scale_axis(b)
    if rows not in (None, a.ndim - 2) or columns not in (None, b.ndim - 1) or None not in (rows, columns):
        raise refuse(
            op,
            f"{a.node.type} with {words(a.grid)}, {b.node.type} with {words(b.grid)}",
            "one scale for each tensor, or a scale for each row of the first or each column of the second",
            "quantize one of them with one scale",
        )
    return sums(op, a, b, rows if columns is None else columns)

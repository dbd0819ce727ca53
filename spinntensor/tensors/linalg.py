"""Products of vectors, matrices and tensors, and their diagonals, by NumPy's names and shapes.

Every sum of products is one matrix product of the graph. float32: block floating point over the summed axes, rounded
once; int32: exact, RangeError when a sum leaves the format; int8 and uint8, in any pair: the exact int32 sums, on the
grid of the product of both scales when both have grids; bfp16: rounded to bfp16, or float32 with `format="float32"`.
Products without a sum are those of `multiply`, but for int8 and uint8. ShapeError at the call when shapes or formats
do not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spinntensor.tensors.base import Base
from spinntensor.tensors.contraction import contracted, factors, stacked
from spinntensor.tensors.einsum import einsum
from spinntensor.tensors.moves import part, reshaped, transposed
from spinntensor.tensors.operands import one_axis, refuse, tensor
from spinntensor.tensors.reduction import sum as total

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor


def matmul(a: Any, b: Any, format: str | None = None) -> Tensor:
    """The matrix product a @ b.

    Parameters
    ----------
    a : [..., M, K], or a vector [K].
    b : [..., K, N], or a vector [K]. Leading axes are broadcast.
    format : of the result for bfp16 operands, "bfp16" (default) or "float32".

    **Shape** result [..., M, N], without M or N for a vector. int8 and uint8 grids: one scale for a tensor, or a scale
    for each row of `a` or each column of `b`.
    """
    a, b = factors("matmul", format, a, b)
    if a.ndim == 2 == b.ndim and a.shape[1] == b.shape[0]:
        return stacked("matmul", a, b, format)
    if not a.ndim or not b.ndim:
        raise refuse("matmul", f"{a.node.type} and {b.node.type}", "vectors or matrices", "use multiply")
    left = a if a.ndim > 1 else reshaped(a, (1, *a.shape))
    right = b if b.ndim > 1 else reshaped(b, (*b.shape, 1))
    if left.shape[-1] != right.shape[-2]:
        raise refuse(
            "matmul",
            f"{a.node.type} and {b.node.type}",
            f"as many columns of a as rows of b ({left.shape[-1]} and {right.shape[-2]})",
            "transpose or reshape one of them",
        )
    y = stacked("matmul", left, right, format)
    rows, columns = left.shape[-2:-1] if a.ndim > 1 else (), right.shape[-1:] if b.ndim > 1 else ()
    batch = y.shape[:-2]
    return reshaped(y, (*batch, *rows, *columns))


def dot(a: Any, b: Any, format: str | None = None) -> Tensor:
    """The sum over the last axis of `a` and the second to last (or only) axis of `b`; a product with a number.

    **Shape** result: the other axes of `a`, then those of `b`. For matrices this is `matmul`, which is preferred.
    """
    a, b = factors("dot", format, a, b)
    if not a.ndim or not b.ndim:
        return contracted("dot", a, b, (), (), format)
    return _over("dot", a, b, [(a.ndim - 1, max(b.ndim - 2, 0))], format)


def vdot(a: Any, b: Any, format: str | None = None) -> Tensor:
    """The sum of the products of all elements, row-major, of two tensors with equally many; shape ()."""
    a, b = factors("vdot", format, a, b)
    return _over("vdot", reshaped(a, (a.size,)), reshaped(b, (b.size,)), [(0, 0)], format)


def inner(a: Any, b: Any, format: str | None = None) -> Tensor:
    """The sum over the last axes of both; a product with a number.

    **Shape** result: the other axes of `a`, then those of `b`.
    """
    a, b = factors("inner", format, a, b)
    if not a.ndim or not b.ndim:
        return contracted("inner", a, b, (), (), format)
    return _over("inner", a, b, [(a.ndim - 1, b.ndim - 1)], format)


def outer(a: Any, b: Any, format: str | None = None) -> Tensor:
    """All products of an element of `a`, row-major, with one of `b`.

    **Shape** result [number of elements of a, number of elements of b].
    """
    a, b = factors("outer", format, a, b)
    return contracted("outer", reshaped(a, (a.size,)), reshaped(b, (b.size,)), (), (), format)


def tensordot(a: Any, b: Any, axes: Any = 2, format: str | None = None) -> Tensor:
    """The sum over some axes of both.

    axes : how many, the last ones of `a` and the first ones of `b`, in order; or two sequences, the axes of `a` and
        those of `b` that belong together.

    **Shape** result: the other axes of `a`, then those of `b`.
    """
    a, b = factors("tensordot", format, a, b)
    if isinstance(axes, int | np.integer) and not isinstance(axes, bool):
        count = int(axes)
        if not 0 <= count <= min(a.ndim, b.ndim):
            raise refuse("tensordot", f"axes {axes}", f"0 to {min(a.ndim, b.ndim)}", "sum over fewer axes")
        pairs = [(a.ndim - count + i, i) for i in range(count)]
        return _over("tensordot", a, b, pairs, format)
    if not isinstance(axes, tuple | list) or len(axes) != 2:
        received = f"axes {axes!r}"
        raise refuse("tensordot", received, "a number, or two sequences of axes", "correct axes")
    named = [list(v) if isinstance(v, tuple | list) else [v] for v in axes]
    mine = [one_axis("tensordot", i, a.ndim) for i in named[0]]
    other = [one_axis("tensordot", j, b.ndim) for j in named[1]]
    if len(mine) != len(other) or len(set(mine)) < len(mine) or len(set(other)) < len(other):
        raise refuse("tensordot", f"axes {axes!r}", "as many of both, each once", "correct axes")
    return _over("tensordot", a, b, list(zip(mine, other, strict=True)), format)


def _over(op: str, a: Base, b: Base, pairs: Sequence[tuple[int, int]], format: str | None) -> Tensor:
    """The sum over pairs of axes; ShapeError where their sizes differ."""
    for i, j in pairs:
        if a.shape[i] != b.shape[j]:
            raise refuse(
                op,
                f"{a.node.type} and {b.node.type}",
                f"axis {i} of a as long as axis {j} of b ({a.shape[i]} and {b.shape[j]})",
                "transpose or reshape one of them",
            )
    return contracted(op, a, b, pairs, (), format)


def kron(a: Any, b: Any, format: str | None = None) -> Tensor:
    """The Kronecker product: `b` times each element of `a`, in the places of these elements.

    **Shape** result: the product of the sizes, axis by axis counted from the last one.
    """
    a, b = factors("kron", format, a, b)
    rank = max(a.ndim, b.ndim)
    a = reshaped(a, (1,) * (rank - a.ndim) + a.shape)
    b = reshaped(b, (1,) * (rank - b.ndim) + b.shape)
    y = contracted("kron", a, b, (), (), format)
    y = transposed(y, tuple([i + rank * k for i in range(rank) for k in (0, 1)]))
    return reshaped(y, tuple([s * t for s, t in zip(a.shape, b.shape, strict=True)]))


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The elements whose index on `axis2` is that on `axis1` plus `offset`, on a new last axis; any format."""
    x = tensor(x)
    first, second = one_axis("diagonal", axis1, x.ndim), one_axis("diagonal", axis2, x.ndim)
    if first == second:
        raise refuse("diagonal", f"axes {axis1} and {axis2}", "two different axes", "correct one of them")
    if not isinstance(offset, int | np.integer):
        raise refuse("diagonal", f"offset {offset!r}", "an integer", "correct offset")
    x = transposed(x, (*[i for i in range(x.ndim) if i not in (first, second)], first, second))
    *rest, rows, columns = x.shape
    top, left = max(-int(offset), 0), max(int(offset), 0)
    count = max(min(rows - top, columns - left), 0)
    flat = reshaped(x, (*rest, rows * columns))
    if count == 0:
        return part(flat, len(rest), 0, 0)
    return part(flat, len(rest), top * columns + left, count, columns + 1 if count > 1 else 1)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of a `diagonal`."""
    return total(diagonal(x, offset, axis1, axis2), axis=-1)


__all__ = [
    "diagonal",
    "dot",
    "einsum",
    "inner",
    "kron",
    "matmul",
    "outer",
    "tensordot",
    "trace",
    "vdot",
]

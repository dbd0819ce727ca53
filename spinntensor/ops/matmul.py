"""Matrix products: the exact dot product of operands in block floating point, rounded once to float32."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Attribute, Node, TensorType
from spinntensor.kernels.block_float import product
from spinntensor.ops.operation import Operation, expect


def _rule(operands: tuple[TensorType, ...], attributes: Mapping[str, Attribute]) -> TensorType:
    """[..., M, K] and [..., K, N] of the same leading axes give [..., M, N]."""
    expect(len(operands) == 2, "matmul", f"{len(operands)} operands", "two", "give both factors")
    a, b = operands
    received = f"{a} and {b}"
    matrices = len(a.shape) >= 2 and len(a.shape) == len(b.shape)
    expect(matrices, "matmul", received, "matrices, or stacks of equally many axes", "reshape one of them")
    expect(a.shape[:-2] == b.shape[:-2], "matmul", received, "equal leading axes", "broadcast one of them")
    expect(
        a.shape[-1] == b.shape[-2],
        "matmul",
        received,
        "columns of a as rows of b",
        "transpose or reshape one",
    )
    expect(a.format == b.format == "float32", "matmul", received, "format float32", "convert it first")
    return TensorType((*a.shape[:-1], b.shape[-1]), a.format)


def _run(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    out = np.zeros((*a.shape[:-1], b.shape[-1]), np.float32)
    if a.shape[-1] and out.size:
        for at in np.ndindex(a.shape[:-2]):
            out[at] = product(np.ascontiguousarray(a[at]), b[at])
    return out


def _transposed(b: Builder, number: int, source: str) -> int:
    rank = len(b[number].type.shape)
    return b.add("transpose", number, source=source, axes=(*range(rank - 2), rank - 1, rank - 2))


def _gradient(build: Builder, node: Node, c: int) -> tuple[int, int]:
    """dA = dC B^T and dB = A^T dC, each a product by the same definition."""
    a, b = node.inputs
    by_a = build.add("matmul", c, _transposed(build, b, node.source), source=node.source)
    by_b = build.add("matmul", _transposed(build, a, node.source), c, source=node.source)
    return by_a, by_b


OPERATIONS = (Operation("matmul", _rule, _run, _gradient),)

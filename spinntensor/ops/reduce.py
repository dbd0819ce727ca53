"""Sums along axes, defined by the logical index alone: a fixed pairwise tree in float32."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Attribute, Node, TensorType
from spinntensor.kernels._f32_reduce import tree_sums
from spinntensor.ops.operation import Operation, expect, integers, one


def _sum_rule(operands: tuple[TensorType, ...], a: Mapping[str, Attribute]) -> TensorType:
    x, axes = one("sum", operands), integers("sum", "axes", a["axes"])
    rank = len(x.shape)
    good = list(axes) == sorted(set(axes)) and all(0 <= i < rank for i in axes)
    expect(
        good,
        "sum",
        f"axes {axes} for shape {x.shape}",
        f"rising axes from 0 to {rank - 1}",
        "name each axis once",
    )
    expect(x.format == "float32", "sum", f"format {x.format}", "format float32", "convert it first")
    return TensorType(tuple(s for i, s in enumerate(x.shape) if i not in axes), x.format)


def _run_sum(x: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    """The tree runs over the summed elements in row-major order of their axes; no element gives 0."""
    kept = [i for i in range(x.ndim) if i not in axes]
    shape = [x.shape[i] for i in kept]
    if x.size == 0:
        return np.zeros(shape, np.float32)
    rows = x.transpose(*kept, *axes).reshape(int(np.prod(shape, dtype=np.int64)), -1)
    return tree_sums(rows).reshape(shape)


def _sum_gradient(b: Builder, node: Node, c: int) -> tuple[int]:
    shape, axes = b[node.inputs[0]].type.shape, integers("sum", "axes", node.attribute("axes"))
    kept = tuple(1 if i in axes else s for i, s in enumerate(shape))
    back = b.add("reshape", c, source=node.source, shape=kept)
    return (b.add("broadcast_to", back, source=node.source, shape=shape),)


OPERATIONS = (Operation("sum", _sum_rule, _run_sum, _sum_gradient),)

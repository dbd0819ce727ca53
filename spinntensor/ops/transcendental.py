"""exp, log, tanh and sigmoid of float32: defined algorithms with a stated error, the same on host and core."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Attribute, Node, TensorType
from spinntensor.kernels import kernel
from spinntensor.ops.operation import Operation, expect, one


def _rule(op: str) -> Callable[[tuple[TensorType, ...], Mapping[str, Attribute]], TensorType]:
    def rule(operands: tuple[TensorType, ...], attributes: Mapping[str, Attribute]) -> TensorType:
        x = one(op, operands)
        expect(x.format == "float32", op, f"format {x.format}", "format float32", "convert it first")
        return x

    return rule


def _run(op: str) -> Callable[[np.ndarray], np.ndarray]:
    """The kernel's twin, looked up at the first call so that importing compiles nothing."""

    def run(x: np.ndarray) -> np.ndarray:
        if x.size == 0:
            return x.copy()
        flat = np.ascontiguousarray(x).reshape(-1)
        return kernel(f"f32_{op}").twin({"x": flat}).view(np.float32).reshape(x.shape)

    return run


def _exp(b: Builder, node: Node, c: int) -> tuple[int]:
    return (b.add("multiply", c, node.id, source=node.source),)


def _log(b: Builder, node: Node, c: int) -> tuple[int]:
    return (b.add("divide", c, node.inputs[0], source=node.source),)


def _one(b: Builder, node: Node) -> int:
    kind = node.type
    return b.add("fill", source=node.source, shape=kind.shape, format=kind.format, value=1.0)


def _tanh(b: Builder, node: Node, c: int) -> tuple[int]:
    """d tanh(x) = (1 - tanh(x)**2) dx."""
    square = b.add("multiply", node.id, node.id, source=node.source)
    slope = b.add("subtract", _one(b, node), square, source=node.source)
    return (b.add("multiply", c, slope, source=node.source),)


def _sigmoid(b: Builder, node: Node, c: int) -> tuple[int]:
    """d s(x) = s(x) (1 - s(x)) dx."""
    rest = b.add("subtract", _one(b, node), node.id, source=node.source)
    slope = b.add("multiply", node.id, rest, source=node.source)
    return (b.add("multiply", c, slope, source=node.source),)


OPERATIONS = tuple(
    Operation(op, _rule(op), _run(op), gradient)
    for op, gradient in (("exp", _exp), ("log", _log), ("tanh", _tanh), ("sigmoid", _sigmoid))
)

"""exp, log, tanh and sigmoid of float32: defined algorithms with a stated error, the same on host and core."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Node
from spinntensor.kernels._float_tables import exp_table, log_table, sigmoid_table, tanh_table
from spinntensor.kernels.float_math import exp_bits, log_bits, sigmoid_bits, tanh_bits
from spinntensor.kernels.parallel import split
from spinntensor.ops._compose import filled
from spinntensor.ops._finite import settled
from spinntensor.ops._rules import elementwise
from spinntensor.ops.operation import Operation, Run

FLOAT = ("float32",)


@njit(cache=True, nogil=True)
def _every_exp(x: np.ndarray, table: np.ndarray, y: np.ndarray) -> None:
    for i in range(x.size):
        y[i] = exp_bits(np.int64(x[i]), table)


@njit(cache=True, nogil=True)
def _every_log(x: np.ndarray, table: np.ndarray, y: np.ndarray) -> None:
    for i in range(x.size):
        y[i] = log_bits(np.int64(x[i]), table)


@njit(cache=True, nogil=True)
def _every_tanh(x: np.ndarray, table: np.ndarray, y: np.ndarray) -> None:
    for i in range(x.size):
        y[i] = tanh_bits(np.int64(x[i]), table)


@njit(cache=True, nogil=True)
def _every_sigmoid(x: np.ndarray, table: np.ndarray, y: np.ndarray) -> None:
    for i in range(x.size):
        y[i] = sigmoid_bits(np.int64(x[i]), table)


def _run(every: Callable[..., None], table: Callable[[], np.ndarray]) -> Run:
    """The kernel's function on every pattern, as its twin, but kept compiled and on all threads."""

    def part(first: int, last: int, x: np.ndarray, y: np.ndarray) -> None:
        every(x[first:last], table(), y[first:last])

    def run(x: np.ndarray):
        y = np.empty(x.shape, np.float32)
        flat = np.ascontiguousarray(x).reshape(-1).view(np.uint32)
        split(part, flat.size, flat.size, flat, y.reshape(-1).view(np.uint32))
        return settled(y, x)

    return run


def _exp(b: Builder, node: Node, c: int) -> tuple[int]:
    return (b.add("multiply", c, node.id, source=node.source),)


def _log(b: Builder, node: Node, c: int) -> tuple[int]:
    return (b.add("divide", c, node.inputs[0], source=node.source),)


def _tanh(b: Builder, node: Node, c: int) -> tuple[int]:
    """d tanh(x) = (1 - tanh(x)**2) dx."""
    square = b.add("multiply", node.id, node.id, source=node.source)
    slope = b.add("subtract", filled(b, node.id, 1.0, node.source), square, source=node.source)
    return (b.add("multiply", c, slope, source=node.source),)


def _sigmoid(b: Builder, node: Node, c: int) -> tuple[int]:
    """d s(x) = s(x) (1 - s(x)) dx."""
    rest = b.add("subtract", filled(b, node.id, 1.0, node.source), node.id, source=node.source)
    slope = b.add("multiply", node.id, rest, source=node.source)
    return (b.add("multiply", c, slope, source=node.source),)


OPERATIONS = tuple(
    Operation(op, elementwise(op, 1, FLOAT), _run(every, table), gradient, FLOAT, summary)
    for op, every, table, gradient, summary in (
        ("exp", _every_exp, exp_table, _exp, "e to the power of x"),
        ("log", _every_log, log_table, _log, "natural logarithm"),
        ("tanh", _every_tanh, tanh_table, _tanh, "hyperbolic tangent"),
        ("sigmoid", _every_sigmoid, sigmoid_table, _sigmoid, "1 / (1 + exp(-x))"),
    )
)

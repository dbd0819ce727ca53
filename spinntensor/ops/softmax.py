"""softmax and log softmax of float32 along the last axis: the kernels' definition, with less work for short rows."""

from __future__ import annotations

import numpy as np
from numba import njit

from spinntensor.errors import ShapeError
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Node, TensorType
from spinntensor.graph.verify import Rule
from spinntensor.kernels._float_softmax import LONGEST
from spinntensor.kernels._float_tables import exp_table, log_table
from spinntensor.kernels.float_math import INF, NAN, exp_bits, log_bits
from spinntensor.kernels.parallel import split
from spinntensor.ops._compose import spread
from spinntensor.ops._finite import any_special, reported
from spinntensor.ops._rules import Attributes, Types, of_format, signature
from spinntensor.ops._tree import tree
from spinntensor.ops.operation import Operation, Run

FLOAT = ("float32",)


@njit(cache=True, nogil=True)
def _rows(
    x: np.ndarray, logarithm: bool, exp_words: np.ndarray, log_words: np.ndarray, y: np.ndarray
) -> None:
    """The rows of `x` as patterns in `y`; a row with NaN or +inf, and one of nothing but -inf, is NaN throughout."""
    rows, n = x.shape
    distances, powers, scratch = np.empty(n, np.float32), np.empty(n, np.float32), np.empty(n, np.float32)
    distance_words, power_words = distances.view(np.uint32), powers.view(np.uint32)
    number = np.empty(1, np.float32)
    number_word = number.view(np.uint32)
    for i in range(rows):
        row, words, result = x[i], x[i].view(np.int32), y[i]
        top, nan = np.int32(-(1 << 31)), False
        for j in range(n):  # in the order of the numbers, -0 below +0
            top = max(top, words[j] ^ ((words[j] >> 31) & np.int32(0x7FFFFFFF)))
            nan |= (words[j] & np.int32(0x7FFFFFFF)) > INF
        number_word[0] = np.uint32(top ^ ((top >> 31) & np.int32(0x7FFFFFFF)))
        largest = number[0]
        if nan or not abs(largest) < np.inf:
            result[:] = NAN
            continue
        for j in range(n):
            distances[j] = row[j] - largest
        for j in range(n):
            power_words[j] = exp_bits(np.int64(distance_words[j]), exp_words)
        total = tree(powers, scratch)
        if logarithm:
            number[0] = total
            number_word[0] = log_bits(np.int64(number_word[0]), log_words)
            for j in range(n):
                scratch[j] = distances[j] - number[0]
        else:
            for j in range(n):
                scratch[j] = powers[j] / total
        result[:] = scratch.view(np.uint32)


def _part(first: int, last: int, x: np.ndarray, logarithm: bool, y: np.ndarray) -> None:
    _rows(x[first:last], logarithm, exp_table(), log_table(), y[first:last])


def _rule(op: str) -> Rule:
    def rule(operands: Types, attributes: Attributes) -> TensorType:
        signature(op, operands, 1, attributes)
        x = operands[0]
        of_format(op, x, FLOAT)
        if not x.shape or x.shape[-1] > LONGEST:
            received, wanted = f"shape {x.shape}", f"a last axis of at most {LONGEST:,} elements"
            raise ShapeError(
                op, received, wanted, "compose it of max, exp and sum" if x.shape else "reshape it"
            )
        return x

    return rule


def _run(logarithm: bool) -> Run:
    def run(x: np.ndarray):
        y = np.empty(x.shape, np.uint32)
        if x.size == 0:
            return y.view(np.float32)
        flat = np.ascontiguousarray(x).reshape(-1, x.shape[-1])
        split(_part, len(flat), x.size, flat, logarithm, y.reshape(flat.shape))
        y = y.view(np.float32)
        if not any_special(y.reshape(-1)):
            return y
        return reported(
            y, np.isfinite(x).all(axis=-1, keepdims=True), np.isnan(x).any(axis=-1, keepdims=True)
        )

    return run


def _total(b: Builder, node: Node, number: int) -> int:
    """The sum along the last axis, repeated along it."""
    shape = node.type.shape
    last = (len(shape) - 1,)
    total = b.add("sum", number, source=node.source, axes=last)
    return spread(b, total, last, shape, node.source)


def _softmax(b: Builder, node: Node, c: int) -> tuple[int]:
    """dx = y (c - sum(c y))."""
    total = _total(b, node, b.add("multiply", c, node.id, source=node.source))
    rest = b.add("subtract", c, total, source=node.source)
    return (b.add("multiply", node.id, rest, source=node.source),)


def _log_softmax(b: Builder, node: Node, c: int) -> tuple[int]:
    """dx = c - exp(y) sum(c)."""
    shares = b.add("exp", node.id, source=node.source)
    part = b.add("multiply", shares, _total(b, node, c), source=node.source)
    return (b.add("subtract", c, part, source=node.source),)


OPERATIONS = (
    Operation(
        "softmax", _rule("softmax"), _run(False), _softmax, FLOAT, "exp(x) / sum(exp(x)) along the last axis"
    ),
    Operation(
        "log_softmax",
        _rule("log_softmax"),
        _run(True),
        _log_softmax,
        FLOAT,
        "x - log(sum(exp(x))) along the last axis",
    ),
)

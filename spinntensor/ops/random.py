"""Random tensors as functions of a seed and a counter: uniform, normal, integers; the same bits everywhere.

Element i, row-major, is made of word i of the Philox stream of (seed, counter) (`spinntensor.formats.philox`) and of
nothing else. Operations with the same seed and counter share their words: give each a seed of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np
from numba import njit

from spinntensor.errors import ShapeError
from spinntensor.formats import Stochastic, random_words
from spinntensor.graph.graph import TensorType
from spinntensor.graph.verify import Rule
from spinntensor.kernels._float_tables import log_table
from spinntensor.kernels.float_math import log_bits
from spinntensor.ops._rules import Attributes, Types, signature
from spinntensor.ops.convert import whole
from spinntensor.ops.operation import Operation, integers

COUNTER = TensorType((), "int64")
INT32 = (-(1 << 31), (1 << 31) - 1)


def _rule(op: str, form: str, *more: str) -> Rule:
    def rule(operands: Types, a: Attributes) -> TensorType:
        signature(op, operands, 1, a, "seed", "shape", *more)
        if operands[0] != COUNTER:
            raise ShapeError(op, str(operands[0]), f"a counter {COUNTER}", "give the number of the step")
        whole(op, "seed", a["seed"], 0, (1 << 64) - 1)
        shape = integers(op, "shape", a["shape"])
        if min(shape, default=0) < 0:
            raise ShapeError(op, f"shape {shape}", "sizes from 0 on", "correct the shape")
        if more:
            low = whole(op, "low", a["low"], *INT32)
            whole(op, "high", a["high"], low + 1, INT32[1] + 1)
        return TensorType(shape, form)

    return rule


def _words(counter: np.ndarray, seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return random_words(Stochastic(seed, int(counter)), prod(shape))


def _uniform(words: np.ndarray) -> np.ndarray:
    """Upper 24 bits of the word, times 2**-24."""
    return (words >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


@njit(cache=True, nogil=True)
def _quantiles(words: Any, table: Any, y: Any) -> None:
    """The normal quantile of p = (word + 1/2) / 2**32 by PPND7, in float64 as written, without fused operations.

    M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37 (1988).
    Its branch for the farthest tail is not needed: p and 1 - p are at least 2**-33.
    """
    for i in range(words.size):
        p = (np.float64(words[i]) + 0.5) * 2.0**-32
        q = p - 0.5
        if abs(q) <= 0.425:
            r = 0.180625 - q * q
            above = ((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179
            below = ((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0
            y[i] = np.float32(q * above / below)
            continue
        tail = np.float32(p if q < 0.0 else 1.0 - p)
        log = np.int32(log_bits(np.int64(tail.view(np.int32)), table)).view(np.float32)
        r = np.sqrt(-np.float64(log)) - 1.6
        above = ((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777
        below = (0.12021132975 * r + 0.73700164250) * r + 1.0
        x = above / below
        y[i] = np.float32(-x if q < 0.0 else x)


def _normal(words: np.ndarray) -> np.ndarray:
    y = np.empty(words.size, np.float32)
    _quantiles(words, log_table(), y)
    return y


@njit(cache=True, nogil=True)
def _shares(words: Any, low: Any, count: Any, y: Any) -> None:
    """y = low + floor(word count / 2**32), 1 <= count <= 2**32."""
    for i in range(words.size):
        y[i] = np.int32(low + np.int64(np.uint64(words[i]) * np.uint64(count) >> np.uint64(32)))


def _integers(words: np.ndarray, low: int, high: int) -> np.ndarray:
    """Every number has its share of the words, up to one word: 2**-32."""
    y = np.empty(words.size, np.int32)
    _shares(words, low, high - low, y)
    return y


OF_WORDS: Mapping[str, Callable[..., np.ndarray]] = {
    "random_uniform": _uniform,
    "random_normal": _normal,
    "random_integers": _integers,
}
"""`(words of some elements, low=, high=) -> these elements`, flat, by operation."""


def _random(op: str, form: str, summary: str, *more: str) -> Operation:
    def run(counter: np.ndarray, *, seed: int, shape: Any, **bounds: int) -> np.ndarray:
        return OF_WORDS[op](_words(counter, seed, shape), **bounds).reshape(shape)

    return Operation(op, _rule(op, form, *more), run, None, ("int64",), summary)


OPERATIONS = (
    _random("random_uniform", "float32", "multiples of 2**-24, from 0 to below 1"),
    _random("random_normal", "float32", "mean 0 and variance 1, up to 6.34 in magnitude"),
    _random("random_integers", "int32", "integers from low to below high", "low", "high"),
)

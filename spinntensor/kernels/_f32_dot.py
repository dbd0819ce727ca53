"""Dot product and Euclidean norm of float32 by block floating point: exact sums of mantissas, rounded once."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from numba import njit

from spinntensor.abi.float_vector import F32_DOT, F32_NRM2
from spinntensor.errors import RangeError
from spinntensor.kernels._f32 import canonical, numbers, rounds_of, words_in
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, room

LONGEST = 8192
_CYCLES = {"dot": 39, "nrm2": 21}
"""Issue cycles of an element in both passes, loads included."""


def magnitude_bits(k: int) -> int:
    """Bits of a mantissa's magnitude: the most, up to 30, for which k products of mantissas fit 63 bits."""
    return min(30, (63 - (k - 1).bit_length()) // 2)


def block_exponent(x: np.ndarray) -> int:
    """The smallest e with |x| < 2^e for all x, 0 when all are zero."""
    largest = float(np.abs(x).max())
    return int(np.frexp(largest)[1]) if largest else 0


@njit(cache=True)
def _sum(a: np.ndarray, b: np.ndarray) -> int:
    total = np.int64(0)
    for i in range(a.size):
        total += a[i] * b[i]
    return total  # type: ignore[return-value]  # an int to numba


def rounded(numerator: int, shift: int) -> np.float32:
    """float32 nearest to `numerator * 2^shift`, ties to even, subnormals kept, infinite beyond the largest."""
    size = abs(numerator)
    if size == 0:
        return np.float32(0)
    lowest = max(size.bit_length() + shift - 24, -149)  # exponent of the last place
    places = round(Fraction(size) * Fraction(2) ** (shift - lowest))
    if places.bit_length() + lowest > 128:
        return np.float32(np.inf if numerator > 0 else -np.inf)
    return np.float32(np.copysign(np.ldexp(float(places), lowest), numerator))


def dot(a: np.ndarray, b: np.ndarray) -> np.float32:
    """The dot product of two float32 vectors by the rule of float32 products: see `lower`."""
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return np.float32(np.nan)
    width, exponents = magnitude_bits(a.size), (block_exponent(a), block_exponent(b))
    scaled = (np.ldexp(x.astype(np.float64), width - e) for x, e in zip((a, b), exponents, strict=True))
    mantissas = [np.rint(x).astype(np.int64) for x in scaled]
    return rounded(int(_sum(*mantissas)), sum(exponents) - 2 * width)


def declare(name: str) -> Kernel:
    """The kernel `f32_dot` (`a`, `b`) or `f32_nrm2` (`x`).

    **Shape** a[K], b[K] -> [1]; x[K] -> [1]. Each vector has one exponent e, the smallest with |x| < 2^e, and
    mantissas round(x 2^(b - e)) of b = min(30, (63 - ceil(log2 K)) // 2) bits; their products are summed exactly and
    the sum is rounded once. Non-finite elements make the result NaN. The norm is the rounded square root of that.
    """
    op = name.removeprefix("f32_")

    def checked(operands: Operands) -> tuple[np.ndarray, np.ndarray]:
        if op == "nrm2":
            a = b = array(name, "x", operands["x"], np.float32, 1)
        else:
            a = array(name, "a", operands["a"], np.float32, 1)
            b = array(name, "b", operands["b"], np.float32, 1, {0: a.size})
        if a.size > LONGEST:
            why = f"K = {a.size}: cut the vectors at multiples of {LONGEST} and add the results in float32"
            raise RangeError(name, a.size, LONGEST, why)
        return a, b

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        k = shape["k"]
        a, b = (numbers(rng, k, False) for _ in range(2))
        if extreme:
            kind = int(rng.integers(4))
            with np.errstate(all="ignore"):
                if kind == 0:  # any bits
                    a, b = numbers(rng, k, True), numbers(rng, k, True)
                else:  # a wide range, up to overflow and down to subnormal results
                    shifts = {1: 60, 2: -70, 3: -140}[kind]
                    a = np.ldexp(a, rng.integers(-30, 1, k) + shifts).astype(np.float32)
                    b = np.ldexp(b, rng.integers(-30, 1, k) + max(shifts, -80)).astype(np.float32)
        return {"x": a} if op == "nrm2" else {"a": a, "b": b}

    def lower(operands: Operands) -> Call:
        """RangeError beyond K = 8192."""
        a, b = checked(operands)
        words = {"count": a.size, "bits": magnitude_bits(a.size)}
        if op == "nrm2":
            return Call({"x": words_in(a), "y": room(1, np.uint32)}, words)
        return Call({"a": words_in(a), "b": words_in(b), "y": room(1, np.uint32)}, words)

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return outputs["y"].view(np.float32)

    def twin(operands: Operands) -> np.ndarray:
        total = np.array([dot(*checked(operands))], np.float32)
        return canonical(np.sqrt(total) if op == "nrm2" else total)

    def features(shape: Shape) -> tuple[float, ...]:
        """Call, rounds and elements."""
        return (1, rounds_of(shape["k"]), shape["k"])

    def work(shape: Shape) -> Work:
        """The instructions for one element in both passes."""
        return Work(shape["k"], 1, shape["k"] * _CYCLES[op])

    args = F32_NRM2 if op == "nrm2" else F32_DOT
    bench: tuple[Shape, ...] = ({"k": 256}, {"k": 2048})
    return Kernel(name, args, {"k": (1, 80)}, sample, lower, result, twin, features, work, bench)

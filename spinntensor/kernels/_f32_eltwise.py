"""What the element-wise float32 kernels share: twins, packing and cycle counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.float_vector import F32_BINARY, F32_MAP
from spinntensor.kernels._f32 import bits, canonical, events, numbers, rounds_of, scalar, vector, words_in
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, room

_CYCLES = {
    **{"add": 42, "sub": 43, "mul": 28, "div": 54, "max": 13, "min": 13},
    **{"relu": 5, "relu_gradient": 7, "neg": 5, "abs": 5, "sqrt": 122},
}
"""Issue cycles of an element, loads and store included."""


def _order(x: np.ndarray) -> np.ndarray:
    """Integers in the order of the numbers, -0 below +0."""
    signed = bits(x).reshape(x.shape).view(np.int32)
    return signed ^ ((signed >> 31) & 0x7FFFFFFF)


def extreme_of(op: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IEEE 754-2019 maximum or minimum: a NaN wins, -0 is below +0."""
    first = _order(a) > _order(b) if op == "max" else _order(a) < _order(b)
    chosen = np.where(first, a, b)
    return np.where(np.isnan(a) | np.isnan(b), np.float32(np.nan), chosen)


_OPERATIONS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}
_MAPS = {"sqrt": np.sqrt, "neg": np.negative, "abs": np.abs}


def declare(name: str) -> Kernel:
    """The kernel `f32_<op>`: of `a` and `b` (an array of a's shape, or a number), or of `x` alone.

    **Shape** any -> the same. IEEE 754 single, round to nearest even, subnormals kept; a NaN result is 0x7fc00000.
    `f32_relu_gradient` is b where a > 0 or a is NaN, else +0; its
    results are b's bits. No range proof: every operand has a result.
    """
    op = name.removeprefix("f32_")
    unary = op in ("relu", "sqrt", "neg", "abs")

    def checked(operands: Operands) -> tuple[np.ndarray, np.ndarray]:
        if unary:
            return vector(name, "x", operands["x"]), np.zeros(1, np.float32)
        a, b = vector(name, "a", operands["a"]), operands["b"]
        if isinstance(b, np.ndarray):
            return a, array(name, "b", b, np.float32, a.ndim, dict(enumerate(a.shape)))
        return a, np.array([scalar(name, "b", b)], np.float32)

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        a, b = (numbers(rng, shape["n"], extreme) for _ in range(2))
        if extreme and rng.integers(2):  # neighbours: cancellation
            b = (bits(a) + rng.integers(0, 3, shape["n"], dtype=np.uint32)).view(np.float32)
            b = np.where(rng.integers(0, 2, shape["n"]), b, -b)
        if unary:
            return {"x": np.abs(a) if op == "sqrt" and not extreme else a}
        return {"a": a, "b": float(b[0]) if shape["scalar"] % 2 else b}

    def lower(operands: Operands) -> Call:
        a, b = checked(operands)
        if unary:
            return Call({"x": words_in(a), "y": room(a.size, np.uint32)}, {"count": a.size})
        step = 4 if isinstance(operands["b"], np.ndarray) else 0
        buffers = {"a": words_in(a), "b": words_in(b), "y": room(a.size, np.uint32)}
        return Call(buffers, {"count": a.size, "step": step})

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return outputs["y"].view(np.float32).reshape(operands["x" if unary else "a"].shape)

    def twin(operands: Operands) -> np.ndarray:
        """The operation on every element."""
        a, b = checked(operands)
        with np.errstate(all="ignore"):
            if op in _MAPS:
                return canonical(_MAPS[op](a))
            if op == "relu_gradient":  # moves bits: a NaN of b stays as it is
                return np.where((a > 0) | np.isnan(a), bits(b).reshape(b.shape), np.uint32(0)).view(
                    np.float32
                )
            if op in _OPERATIONS:
                return canonical(_OPERATIONS[op](a, b))
            return canonical(extreme_of("min" if op == "min" else "max", a, np.broadcast_to(b, a.shape)))

    def clamped(operands: Operands) -> tuple[int, int]:
        """Of arithmetic, what overflows and what is not valid."""
        a, b = checked(operands)
        if op in _OPERATIONS:
            return events(twin(operands), a, b)
        return events(twin(operands), a) if op == "sqrt" else (0, 0)

    def features(shape: Shape) -> tuple[float, ...]:
        """Call, rounds and elements."""
        return (1, rounds_of(shape["n"]), shape["n"])

    def work(shape: Shape) -> Work:
        """The instructions for one element."""
        return Work(0, shape["n"], shape["n"] * _CYCLES[op])

    dims = {"n": (1, 60)} if unary else {"n": (1, 60), "scalar": (0, 1)}
    bench: tuple[Shape, ...] = (
        ({"n": 1024},) if unary else ({"n": 1024, "scalar": 0}, {"n": 1024, "scalar": 1})
    )
    args = F32_MAP if unary else F32_BINARY
    return Kernel(name, args, dims, sample, lower, result, twin, features, work, bench, clamped)

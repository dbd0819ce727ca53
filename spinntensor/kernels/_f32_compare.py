"""What the comparisons of float32 arrays share: twins, packing and cycle counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.float_vector import F32_COMPARE
from spinntensor.kernels._f32 import bits, numbers, rounds_of, scalar, vector, words_in
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, room

_CYCLES = {"equal": 13, "not_equal": 13}
"""Issue cycles of an element, loads and store included; 12 of an order."""


def declare(name: str) -> Kernel:
    """The kernel `f32_<comparison>` of `a` and `b` (an array of a's shape, or a number).

    **Shape** any -> the same, uint8: 1 where it holds, else 0. IEEE 754: NaN is unlike everything, zeros are equal.
    """
    op = name.removeprefix("f32_")
    compare = getattr(np, op)

    def checked(operands: Operands) -> tuple[np.ndarray, np.ndarray]:
        a, b = vector(name, "a", operands["a"]), operands["b"]
        if isinstance(b, np.ndarray):
            return a, array(name, "b", b, np.float32, a.ndim, dict(enumerate(a.shape)))
        return a, np.array([scalar(name, "b", b)], np.float32)

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        a, b = (numbers(rng, shape["n"], extreme) for _ in range(2))
        if extreme and rng.integers(2):  # neighbours, equals, opposites
            b = (bits(a) + rng.integers(-1, 2, shape["n"]).astype(np.uint32)).view(np.float32)
            b = np.where(rng.integers(0, 4, shape["n"]), b, -b)
        return {"a": a, "b": float(b[0]) if shape["scalar"] else b}

    def lower(operands: Operands) -> Call:
        a, b = checked(operands)
        buffers = {"a": words_in(a), "b": words_in(b), "y": room(a.size, np.uint8)}
        return Call(buffers, {"count": a.size, "step": 4 * isinstance(operands["b"], np.ndarray)})

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return outputs["y"].reshape(operands["a"].shape)

    def twin(operands: Operands) -> np.ndarray:
        """The comparison of every element."""
        a, b = checked(operands)
        with np.errstate(invalid="ignore"):
            return compare(a, b).astype(np.uint8)

    def features(shape: Shape) -> tuple[float, ...]:
        """Call, rounds and elements."""
        return 1, rounds_of(shape["n"]), shape["n"]

    def work(shape: Shape) -> Work:
        """The instructions for one element."""
        return Work(0, shape["n"], shape["n"] * _CYCLES.get(op, 12))

    return Kernel(
        name,
        F32_COMPARE,
        {"n": (1, 60), "scalar": (0, 1)},
        sample,
        lower,
        result,
        twin,
        features,
        work,
        ({"n": 1024, "scalar": 0}, {"n": 1024, "scalar": 1}),
    )

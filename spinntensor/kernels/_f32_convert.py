"""Conversions between float32 and integers: twins, packing and cycle counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.float_vector import F32_CONVERT, F32_MAP
from spinntensor.kernels._f32 import numbers, rounds_of, vector, words_in
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

_CYCLES = {"to_s8": 23, "to_s16": 23, "to_s32": 24, "from_s8": 11, "from_s16": 11, "from_s32": 14}
"""Issue cycles of an element, load and store included."""


def declare(name: str) -> Kernel:
    """The kernel `f32_to_<type>` or `f32_from_<type>`. Operand: `x`.

    **Shape** any -> the same for `from`; `to` returns a flat int64 array that ends with the number of elements that
    were clamped or NaN. Rounding is to nearest even; NaN becomes 0. No range proof: every operand has a result.
    """
    op = name.removeprefix("f32_")
    to, kind = op.startswith("to_"), np.dtype(f"int{op.split('_s')[1]}")
    low, high = int(np.iinfo(kind).min), int(np.iinfo(kind).max)

    def checked(operands: Operands) -> np.ndarray:
        x = operands["x"]
        return vector(name, "x", x) if to else array(name, "x", x, kind, getattr(x, "ndim", 1) or 1)

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        n = shape["n"]
        if to:
            x = numbers(rng, n, extreme and bool(rng.integers(2)))
            with np.errstate(all="ignore"):
                near = (
                    np.float32(high) * x
                    if not extreme
                    else np.rint(np.float32(4 * high) * x) * np.float32(0.5)
                )
            return {"x": near if rng.integers(2) or not extreme else x}
        if extreme:
            return {"x": rng.choice(np.array([low, low + 1, -1, 0, 1, high - 1, high], kind), size=n)}
        return {"x": rng.integers(low, high + 1, n, dtype=kind)}

    def lower(operands: Operands) -> Call:
        x = checked(operands)
        if to:
            buffers = {"x": words_in(x), "y": room(x.size, kind), "saturated": room(1, np.uint32)}
        else:
            buffers = {"x": given(x), "y": room(x.size, np.uint32)}
        return Call(buffers, {"count": x.size})

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        if to:
            return np.append(outputs["y"].astype(np.int64), outputs["saturated"].astype(np.int64))
        return outputs["y"].view(np.float32).reshape(operands["x"].shape)

    def twin(operands: Operands) -> np.ndarray:
        """Rounded in float64, which holds every float32 and every int32 exactly."""
        x = checked(operands)
        if not to:
            return x.astype(np.float32)
        exact = np.rint(x.reshape(-1).astype(np.float64))
        missing = np.isnan(exact)
        clamped = np.clip(np.where(missing, 0, exact), low, high)
        count = np.count_nonzero(missing | (clamped != exact))
        return np.append(clamped.astype(np.int64), count)

    def features(shape: Shape) -> tuple[float, ...]:
        """Call, rounds and elements."""
        return (1, rounds_of(shape["n"]), shape["n"])

    def work(shape: Shape) -> Work:
        """The instructions for one element."""
        return Work(0, shape["n"], shape["n"] * _CYCLES[op])

    bench: tuple[Shape, ...] = ({"n": 1024},)
    args = F32_CONVERT if to else F32_MAP
    return Kernel(name, args, {"n": (1, 80)}, sample, lower, result, twin, features, work, bench)

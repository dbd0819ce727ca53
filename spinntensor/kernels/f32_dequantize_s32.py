"""int32 of a grid, whose zero point is 0, to float32: q * scale, the exact product rounded once."""

from __future__ import annotations

from collections.abc import Mapping
from math import frexp

import numpy as np

from spinntensor.abi.float_vector import F32_DEQUANTIZE
from spinntensor.errors import RangeError
from spinntensor.formats import Int32, Quantized, dequantize, grid
from spinntensor.kernels._f32 import rounds_of
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "f32_dequantize_s32"
WIDE = 95
"""Scales from 2**95 on may take an integer beyond float32."""


def checked(operands: Operands) -> Quantized:
    """x int32 on the grid of `scale`; OperandError."""
    x = operands["x"]
    x = array(NAME, "x", x, np.int32, getattr(x, "ndim", 1) or 1)
    return Quantized(grid(Int32(), operands["scale"]), x)


def lower(operands: Operands) -> Call:
    """x of any shape; y float32 of the same, as `formats.dequantize` has it. RangeError from a scale of 2**95 on."""
    value = checked(operands)
    assert value.scale is not None
    fraction, e = frexp(float(value.scale))
    if e > WIDE:
        mend = f"2**{e - 1} is the power of two in the scale {float(value.scale)!r}: some integer would be infinite"
        raise RangeError(NAME, e - 1, WIDE - 1, mend)
    significand = int(fraction * (1 << 53)) << 11
    return Call(
        {"x": given(value.data), "y": room(value.data.size, np.uint32)},
        {
            "count": value.data.size,
            "high": significand >> 32,
            "low": significand & 0xFFFFFFFF,
            "exponent": e - 1 + 159,
        },
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["y"].view(np.float32).reshape(operands["x"].shape)


def twin(operands: Operands) -> np.ndarray:
    """y float32."""
    return dequantize(checked(operands))


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    n, info = shape["n"], np.iinfo(np.int32)
    x = rng.integers(info.min, info.max, n, np.int32, endpoint=True) >> rng.integers(0, 31, n, np.int32)
    scale = float(rng.uniform(0.5, 2) * 2.0 ** rng.integers(-30, 4))
    if extreme:
        near = np.array([info.min, -1, 0, 1, (1 << 24) + 1, (1 << 25) + 2, info.max], np.int64)
        x = rng.choice(near, n).astype(np.int32)
        scale = float(rng.choice([2.0**-126, 2.0**94, 0.1, 1.0, 1 / 3, 2.0**-126 * 1.7]))
    return {"x": x, "scale": scale}


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rounds and elements."""
    return (1, rounds_of(shape["n"]), shape["n"])


def work(shape: Shape) -> Work:
    """41 cycles an element: 37 instructions, two more for each long product."""
    return Work(0, shape["n"], 41 * shape["n"])


KERNEL = Kernel(
    name=NAME,
    args=F32_DEQUANTIZE,
    dims={"n": (1, 80)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 1024},),
)

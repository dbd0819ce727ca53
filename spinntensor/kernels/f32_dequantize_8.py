"""Bytes of a grid, uint8 or int8, to float32: (q - zero) * scale, rounded once, out of a table made offline."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.float_vector import F32_TABLE
from spinntensor.errors import OperandError, RangeError
from spinntensor.formats import Int8, Quantized, dequantize, grid
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "f32_dequantize_8"
BLOCK = 8
"""Elements that the loop takes in one round."""


def checked(operands: Operands) -> Quantized:
    """x, uint8 or int8, on the grid of `scale` and `zero`; OperandError."""
    x = operands["x"]
    if not isinstance(x, np.ndarray) or x.dtype not in (np.uint8, np.int8):
        received = f"{x.dtype}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
        raise OperandError(NAME, "x", received, "a uint8 or int8 array", "quantize it first")
    kind = Int8(False, None, x.dtype == np.uint8)
    x = array(NAME, "x", x, x.dtype, x.ndim or 1)
    return Quantized(grid(kind, operands["scale"], operands["zero"]), x)


def table(value: Quantized) -> np.ndarray:
    """The results of all 256 bytes in the order of their bits, float32; RangeError where one is infinite."""
    every = np.arange(256, dtype=np.uint8).view(value.data.dtype)
    with np.errstate(over="ignore"):
        results = dequantize(Quantized(value.grid, every))
    if not np.isfinite(results).all():
        assert value.scale is not None
        largest = int(np.finfo(np.float32).max)
        mend = f"scale = {float(value.scale)!r} takes some byte beyond float32: choose a smaller one"
        raise RangeError(NAME, 1 << 128, largest, mend)
    return results


def lower(operands: Operands) -> Call:
    """x of any shape; y float32 of the same, as `formats.dequantize` has it. RangeError where a result is infinite."""
    value = checked(operands)
    return Call(
        {
            "x": given(value.data.view(np.uint8)),
            "y": room(value.data.size, np.uint32),
            "table": given(table(value).view(np.uint32)),
        },
        {"count": value.data.size},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["y"].view(np.float32).reshape(operands["x"].shape)


def twin(operands: Operands) -> np.ndarray:
    """y float32."""
    return dequantize(checked(operands))


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    dtype = np.int8 if shape["signed"] else np.uint8
    info = np.iinfo(dtype)
    x = rng.integers(info.min, info.max, shape["n"], dtype, endpoint=True)
    scale = float(rng.uniform(0.5, 2) * 2.0 ** rng.integers(-12, 4))
    if extreme:
        x = rng.choice(np.array([info.min, info.min + 1, 0, info.max], dtype), shape["n"])
        scale = float(rng.choice([2.0**-126, 2.0**118, 0.1, 1.0]))
    return {"x": x, "scale": scale, "zero": int(rng.integers(info.min, info.max, endpoint=True))}


def features(shape: Shape) -> tuple[float, ...]:
    """Call, whether there are rounds, rounds, elements behind them."""
    rounds, rest = divmod(shape["n"], BLOCK)
    return (1, rounds > 0, rounds, rest > 0, rest)


def work(shape: Shape) -> Work:
    """13 cycles for four elements: a load, 4 masks, 4 loads, 4 stores."""
    return Work(0, shape["n"], shape["n"] * 13 / 4)


KERNEL = Kernel(
    name=NAME,
    args=F32_TABLE,
    dims={"n": (1, 80), "signed": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 1024, "signed": 0},),
)

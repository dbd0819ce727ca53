"""Planes of bytes, uint8 or int8, to pixels: [C,N] to [N,C]."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.conv import INTERLEAVE
from spinntensor.errors import OperandError
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.quantize import limits

NAME = "interleave_u8"
LANES = 4


def plane_of(pixels: int) -> int:
    """Bytes of a plane in whole words."""
    return -(-pixels // LANES) * LANES


def checked(operands: Operands) -> np.ndarray:
    """x; OperandError unless its planes come in fours."""
    x = operands["x"]
    signed = isinstance(x, np.ndarray) and x.dtype == np.int8
    x = array(NAME, "x", x, np.int8 if signed else np.uint8, 2)
    if len(x) % LANES:
        raise OperandError(NAME, "x", f"{len(x)} planes", "a multiple of 4", "pad the planes to fours")
    return x


def words_of(channels: int, pixels: int, pixel: int = 0) -> dict[str, int]:
    """The record's words for planes of whole words, to channels of pixels of `pixel` bytes; 0: to all of them."""
    return {
        "pixels": pixels,
        "words": channels // LANES,
        "x_plane": plane_of(pixels),
        "y_pixel": pixel or channels,
    }


def lower(operands: Operands) -> Call:
    """x, uint8 or int8 [C,N], C a multiple of 4; y of the same type, [N,C]."""
    x = checked(operands)
    channels, pixels = x.shape
    planes = np.zeros((channels, plane_of(pixels)), np.uint8)
    planes[:, :pixels] = x.view(np.uint8)
    return Call(
        {"x": given(planes), "y": room((pixels, channels), operands["x"].dtype)}, words_of(channels, pixels)
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["y"]


@njit(cache=True)
def _interleave(x: np.ndarray, y: np.ndarray) -> None:
    for c in range(x.shape[0]):
        for i in range(x.shape[1]):
            y[i, c] = x[c, i]


def twin(operands: Operands) -> np.ndarray:
    """y [N,C]."""
    x = checked(operands)
    y = np.empty(x.shape[::-1], x.dtype)
    _interleave(x, y)
    return y


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    dtype = np.int8 if extreme and rng.integers(2) else np.uint8
    return {"x": rng.integers(*limits(dtype), (LANES * shape["words"], shape["n"]), dtype, endpoint=True)}


def features(shape: Shape) -> tuple[float, ...]:
    """Call, fours of channels, fours of them and of pixels, ends of less than four pixels, pixels of those."""
    fours, rest = divmod(shape["n"], LANES)
    words = shape["words"]
    return (1, words, words * (fours > 0), words * fours, words * (rest > 0), words * rest)


def work(shape: Shape) -> Work:
    """22 cycles for sixteen elements: 4 loads, 14 logical, 4 stores."""
    elements = shape["n"] * LANES * shape["words"]
    return Work(0, elements, elements * 22 / 16)


KERNEL = Kernel(
    name=NAME,
    args=INTERLEAVE,
    dims={"n": (1, 40), "words": (1, 4)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 196, "words": 8}, {"n": 49, "words": 16}),
)

"""bfp16 mantissas to float32, exactly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.bfp import BFP_TO_F32
from spinntensor.formats.description import BFP16_EXPONENTS
from spinntensor.kernels._bfp16 import features, flat, in_pairs, mantissas
from spinntensor.kernels.check import word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "bfp16_to_f32"


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    e = int(rng.choice(BFP16_EXPONENTS) if extreme else rng.integers(*BFP16_EXPONENTS))
    return {"x": mantissas(rng, shape["n"], extreme), "exponent": e}


def lower(operands: Operands) -> Call:
    """x int16 [n], `exponent` -125..97 -> float32 [n] as bits (uint32)."""
    x = in_pairs(flat(NAME, "x", operands["x"], np.int16))
    e = word(NAME, "exponent", operands["exponent"], *BFP16_EXPONENTS)
    return Call({"q": given(x), "y": room(x.size, np.uint32)}, {"pairs": x.size // 2, "bias": 141 + e})


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["y"][: operands["x"].size]


def twin(operands: Operands) -> np.ndarray:
    """The bits of x * 2**e; every product is zero or a normal float32."""
    x = flat(NAME, "x", operands["x"], np.int16)
    return np.ldexp(x.astype(np.float32), np.int32(operands["exponent"])).view(np.uint32)


def work(shape: Shape) -> Work:
    """11 cycles an element, half a load."""
    return Work(0, shape["n"], 11.5 * shape["n"])


KERNEL = Kernel(
    name=NAME,
    args=BFP_TO_F32,
    dims={"n": (1, 200)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 1000}, {"n": 4096}),
)

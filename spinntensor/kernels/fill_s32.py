"""Fills runs of words with one word: halos, and what stands behind the rows of a tile."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.move import FILL
from spinntensor.kernels.check import array, word
from spinntensor.kernels.copy_s32 import pieces
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given

NAME = "fill_s32"


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    y = rng.integers(0, 1 << 32, (shape["rows"], shape["words"] + shape["gap"]), dtype=np.uint32)
    value = 0xFFFFFFFF if extreme else int(rng.integers(1 << 32))
    return {"y": y, "value": value, "words": shape["words"]}


def _checked(operands: Operands) -> tuple[np.ndarray, int, int]:
    y = array(NAME, "y", operands["y"], np.uint32, 2)
    value = word(NAME, "value", operands["value"], 0, (1 << 32) - 1)
    return y, value, word(NAME, "words", operands.get("words", y.shape[1]), 1, y.shape[1])


def lower(operands: Operands) -> Call:
    """y uint32 [rows, pitch] -> y whose first `words` (default all) of each row are `value`."""
    y, value, words = _checked(operands)
    sizes = {"value": value, "words": words, "rows": y.shape[0], "y_row": 4 * y.shape[1]}
    return Call({"y": given(y, "inout")}, sizes)


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["y"]


def twin(operands: Operands) -> np.ndarray:
    """y, filled."""
    y, value, words = _checked(operands)
    out = y.copy()
    out[:, :words] = value
    return out


def features(shape: Shape) -> tuple[float, ...]:
    """Call, runs; over all runs, what they are made of."""
    return 1, shape["rows"], *(shape["rows"] * n for n in pieces(shape["words"]))


def work(shape: Shape) -> Work:
    """A store for each word."""
    words = shape["rows"] * shape["words"]
    return Work(0, words, words)


KERNEL = Kernel(
    name=NAME,
    args=FILL,
    dims={"rows": (1, 8), "words": (1, 60), "gap": (0, 3)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"rows": 1, "words": 4096, "gap": 0}, {"rows": 56, "words": 32, "gap": 0}),
)

"""Moves runs of words: out of and into tiles of other pitches, between channels last and blocks of channels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.move import COPY
from spinntensor.errors import OperandError
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given

NAME = "copy_s32"


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    """x with `x_gap` words behind each run and `x_rest` runs behind each plane; y alike."""
    p, r, w = shape["planes"], shape["rows"], shape["words"]
    size = {n: (p, r + shape[f"{n}_rest"], w + shape[f"{n}_gap"]) for n in "xy"}
    x, y = (rng.integers(0, 1 << 32, size[n], dtype=np.uint32) for n in "xy")
    swap = bool(shape["swap"])
    return {"x": x.transpose(1, 0, 2).copy() if swap else x, "y": y, "run": (p, r, w), "swap": swap}


def _checked(operands: Operands) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int]]:
    """x as [planes, rows, words] in its own memory order, y, and what is moved."""
    x, y = (array(NAME, n, operands[n], np.uint32, 3) for n in "xy")
    run = tuple(operands["run"])
    held = tuple(np.minimum(x.transpose(1, 0, 2).shape if operands.get("swap") else x.shape, y.shape))
    if len(run) != 3 or not all(0 < a <= b for a, b in zip(run, held, strict=False)):
        raise OperandError(NAME, "run", f"{run}", f"three sizes from 1 to {held}", "move what both hold")
    return x, y, run


def lower(operands: Operands) -> Call:
    """x, y uint32 [planes, rows, words] -> y with the first `run` (planes, rows, words) of x in it.

    `swap`: x is [rows, planes, words], so that blocks of its words come apart or together.
    """
    x, y, (planes, rows, words) = _checked(operands)
    row, plane = x.shape[2], x.shape[1] * x.shape[2]
    if operands.get("swap"):
        row, plane = plane, row
    strides = {"x_row": row, "x_plane": plane, "y_row": y.shape[2], "y_plane": y.shape[1] * y.shape[2]}
    sizes = {"words": words, "rows": rows, "planes": planes}
    return Call(
        {"x": given(x), "y": given(y, "inout")}, sizes | {name: 4 * step for name, step in strides.items()}
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["y"]


def twin(operands: Operands) -> np.ndarray:
    """y with the runs in their places."""
    x, y, (planes, rows, words) = _checked(operands)
    out = y.copy()
    source = x.transpose(1, 0, 2) if operands.get("swap") else x
    out[:planes, :rows, :words] = source[:planes, :rows, :words]
    return out


def pieces(words: int) -> tuple[int, ...]:
    """Ones, twos, fours and eights of a run, whether it has sixteens, and these."""
    return *(words >> bit & 1 for bit in range(4)), words >= 16, words // 16


def features(shape: Shape) -> tuple[float, ...]:
    """Call, planes, runs; over all runs, what they are made of."""
    runs = shape["planes"] * shape["rows"]
    return 1, shape["planes"], runs, *(runs * n for n in pieces(shape["words"]))


def work(shape: Shape) -> Work:
    """A load and a store for each word."""
    words = shape["planes"] * shape["rows"] * shape["words"]
    return Work(0, words, 2 * words)


KERNEL = Kernel(
    name=NAME,
    args=COPY,
    dims={
        "planes": (1, 4),
        "rows": (1, 6),
        "words": (1, 40),
        **dict.fromkeys(("x_gap", "y_gap", "x_rest", "y_rest"), (0, 2)),
        "swap": (0, 1),
    },
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=tuple(
        {**sizes, "x_gap": 0, "y_gap": 0, "x_rest": 0, "y_rest": 0, "swap": 1}
        for sizes in (
            {"planes": 2, "rows": 64, "words": 32},
            {"planes": 8, "rows": 64, "words": 4},
            {"planes": 1, "rows": 512, "words": 1},
        )
    ),
)

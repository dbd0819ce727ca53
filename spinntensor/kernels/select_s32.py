"""The choice between two arrays of words by bytes: `where`, which moves bits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.move import SELECT
from spinntensor.kernels._f32 import rounds_of
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "select_s32"


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    n = shape["n"]
    a, b = (rng.integers(0, 1 << 32, n, dtype=np.uint32) for _ in range(2))
    condition = rng.integers(0, 256 if extreme else 2, n, dtype=np.uint8)
    chosen = {name: int(x[0]) if shape[f"{name}_word"] else x for name, x in (("a", a), ("b", b))}
    return {"condition": condition, **chosen}


def _checked(operands: Operands) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    condition = array(NAME, "condition", operands["condition"], np.uint8, 1)
    a, b = (
        array(NAME, name, value, np.uint32, 1, {0: condition.size})
        if isinstance(value, np.ndarray)
        else np.array([word(NAME, name, value, 0, (1 << 32) - 1)], np.uint32)
        for name, value in (("a", operands["a"]), ("b", operands["b"]))
    )
    return condition, a, b


def lower(operands: Operands) -> Call:
    """condition uint8 [n]; a, b uint32 [n], or one word -> uint32 [n]: a where the condition is not 0, else b."""
    condition, a, b = _checked(operands)
    n = condition.size
    steps = {f"{name}_step": 4 * isinstance(operands[name], np.ndarray) for name in "ab"}
    buffers = {"condition": given(condition), "a": given(a), "b": given(b), "y": room(n, np.uint32)}
    return Call(buffers, {"count": n, **steps})


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["y"]


def twin(operands: Operands) -> np.ndarray:
    """The choice."""
    condition, a, b = _checked(operands)
    return np.where(condition != 0, a, b)


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rounds and elements."""
    return 1, rounds_of(shape["n"]), shape["n"]


def work(shape: Shape) -> Work:
    """Three loads, comparison, choice, store."""
    return Work(0, shape["n"], 6 * shape["n"])


KERNEL = Kernel(
    name=NAME,
    args=SELECT,
    dims={"n": (1, 60), "a_word": (0, 1), "b_word": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 1024, "a_word": 0, "b_word": 0},),
)

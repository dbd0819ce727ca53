"""What the element-wise kernels share: twins, packing and cycle counts; a kernel's own file names its type."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.vector import ELTWISE, ELTWISE_COUNTED
from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, largest, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

PAIR = 8
"""Bytes that the core takes at a time."""
_ROUND, _RUN = 4, 64

_OPERATIONS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
_HARMLESS = {"add": 0, "sub": -1}
"""What fills a up so that neither a filled b nor any scalar makes it saturate."""

_PAIR_CYCLES = {
    **{"add_s8": 36, "sub_s8": 36, "add_s16": 26, "sub_s16": 26, "add_s32": 8, "sub_s32": 8},
    **{"mul_s8": 32, "mul_s16": 12, "mul_s32": 10},
    **{"max_u8": 22, "min_u8": 22, "max_s8": 24, "min_s8": 24},
    **{"max_s16": 20, "min_s16": 20, "max_s32": 10, "min_s32": 10},
}


def declare(name: str, dtype: type[np.integer]) -> Kernel:
    """The kernel `eltwise_<op>_<type>`.

    **Shape** a, b of one shape, or b an int -> y of that shape. Products of int8 and int16 are twice as wide; int32
    sums, differences and products need a range proof. Sums and differences of int8 and int16 saturate: their result
    is flat, int32, and ends with the number of clamped elements.
    """
    op, info = name.split("_")[1], np.iinfo(dtype)
    low, high, lanes = int(info.min), int(info.max), PAIR // np.dtype(dtype).itemsize
    counted = op in ("add", "sub") and dtype != np.int32
    wide = np.dtype(f"int{min(2 * info.bits, 32)}" if op == "mul" else dtype)

    def checked(operands: Operands) -> tuple[np.ndarray, np.ndarray]:
        a = operands["a"]
        a = array(name, "a", a, dtype, getattr(a, "ndim", 1) or 1)
        b = operands["b"]
        if not isinstance(b, np.ndarray):
            b = np.array([word(name, "b", b, low, high)], dtype)
        else:
            b = array(name, "b", b, dtype, a.ndim, dict(enumerate(a.shape)))
        if dtype == np.int32 and op in ("add", "sub", "mul"):
            bound = largest(a) * largest(b) if op == "mul" else largest(a) + largest(b)
            if bound > high:
                sign = "*" if op == "mul" else "+"
                why = f"the bound is max|a| {sign} max|b| = {largest(a)} {sign} {largest(b)}"
                raise RangeError(name, bound, high, f"{why}: narrow the operands")
        return a, b

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        bottom, top = low, high
        if dtype == np.int32 and op in ("add", "sub", "mul"):
            top = (1 << 30) - 1 if op != "mul" else 46340
            bottom = -top
        if extreme:
            ends: np.ndarray = np.array([bottom, bottom + 1, top - 1, top], dtype)
            a, b = (rng.choice(ends, size=shape["n"]) for _ in range(2))
        else:
            a, b = (rng.integers(bottom, top + 1, shape["n"], dtype=dtype) for _ in range(2))
        return {"a": a, "b": int(b[0]) if shape["scalar"] % 2 else b}

    def lower(operands: Operands) -> Call:
        """Flatten a and b and fill them up to pairs of words; a scalar b becomes one word."""
        a, b = checked(operands)
        pairs = -(-a.size // lanes)
        packed: np.ndarray = np.full(pairs * lanes, _HARMLESS.get(op, 0), dtype)
        packed[: a.size] = a.reshape(-1)
        other: np.ndarray = np.full(lanes // 2, b.reshape(-1)[0], dtype)
        if isinstance(operands["b"], np.ndarray):
            other = np.zeros(pairs * lanes, dtype)
            other[: a.size] = b.reshape(-1)
        buffers = {"a": given(packed), "b": given(other), "y": room(pairs * lanes, wide)}
        if counted:
            buffers["saturated"] = room(1, np.uint32)
        step = 4 if isinstance(operands["b"], np.ndarray) else 0
        return Call(buffers, {"pairs": pairs, "step": step})

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        a = operands["a"]
        y = outputs["y"][: a.size]
        if counted:
            return np.append(y.astype(np.int32), outputs["saturated"].astype(np.int32))
        return y.reshape(a.shape)

    def twin(operands: Operands) -> np.ndarray:
        """The operation on every element; where it saturates, flat, with the count behind."""
        a, b = checked(operands)
        exact = _OPERATIONS[op](a.astype(np.int64), b.astype(np.int64))
        if not counted:
            return exact.astype(wide)
        clamped = np.clip(exact, low, high)
        return np.append(clamped, (clamped != exact).sum()).astype(np.int32)

    def features(shape: Shape) -> tuple[float, ...]:
        """Call, rounds and pairs; for int8 counts also the runs after which they are emptied."""
        pairs = -(-shape["n"] // lanes)
        counts = (1, -(-pairs // _ROUND), pairs)
        return (*counts, -(-pairs // _RUN)) if counted and dtype == np.int8 else counts

    def work(shape: Shape) -> Work:
        """The instructions for a pair of words."""
        kind = name.removeprefix("eltwise_")
        return Work(0, shape["n"], -(-shape["n"] // lanes) * _PAIR_CYCLES[kind])

    args = ELTWISE_COUNTED if counted else ELTWISE
    dims = {"n": (1, 1200 if lanes == PAIR else 400), "scalar": (0, 1)}
    bench = ({"n": 4096, "scalar": 0}, {"n": 4096, "scalar": 1})
    return Kernel(name, args, dims, sample, lower, result, twin, features, work, bench)

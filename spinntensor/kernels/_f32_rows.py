"""What the float32 kernels on rows share: twins, packing and cycle counts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.float_vector import F32_ROWS
from spinntensor.errors import OperandError
from spinntensor.kernels._f32 import bits, canonical, events, numbers, rounds_of, words_in
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, room

_CYCLES = {"add": 42, "sub": 43, "mul": 28}
"""Issue cycles of an element, loads and store included."""
_OPERATIONS = {"add": np.add, "sub": np.subtract, "mul": np.multiply}
_FORMS = ("rows", "row", "column")


def declare(name: str) -> Kernel:
    """The kernel `f32_<op>_rows` of a[M,N] and b: [M,N], one row [1,N], or one number a row [M,1].

    With `pairs` there is no b: a is [2M,N] and its rows 2i and 2i + 1 give row i, a level of the tree of sums.
    IEEE 754 single, as `f32_<op>`.
    """
    op = name.removeprefix("f32_").removesuffix("_rows")

    def checked(operands: Operands) -> tuple[np.ndarray, np.ndarray]:
        a = array(name, "a", operands["a"], np.float32, 2)
        if operands.get("pairs"):
            if len(a) % 2:
                mend = "leave the last row out: it is a sum by itself"
                raise OperandError(name, "a", f"{len(a)} rows", "an even number for pairs", mend)
            return a, a[1::2]
        b = array(name, "b", operands["b"], np.float32, 2)
        if b.shape not in (a.shape, (1, a.shape[1]), (a.shape[0], 1)):
            expected = f"{a.shape}, {(1, a.shape[1])} or {(a.shape[0], 1)}"
            raise OperandError(name, "b", f"shape {b.shape}", expected, "repeat it, or cut a")
        return a, b

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        m, n, form = shape["m"], shape["n"], shape["form"] % 4
        if form == 3:
            return {"a": numbers(rng, (2 * m, n), extreme), "pairs": True}
        size = {"rows": (m, n), "row": (1, n), "column": (m, 1)}[_FORMS[form]]
        a, b = numbers(rng, (m, n), extreme), numbers(rng, size, extreme)
        if extreme and form == 0 and rng.integers(2):  # neighbours: cancellation
            b = (bits(a).reshape(m, n) + rng.integers(0, 3, (m, n), dtype=np.uint32)).view(np.float32)
            b = np.where(rng.integers(0, 2, (m, n)), b, -b)
        return {"a": a, "b": b}

    def lower(operands: Operands) -> Call:
        a, b = checked(operands)
        m, n = a.shape
        if operands.get("pairs"):
            # b is the second row of a: one buffer, read from both
            rows, buffers, b_words = m // 2, {"a": words_in(a), "b": words_in(a.reshape(-1)[n:])}, (2 * n, 4)
        else:
            step = 4 if b.shape[1] == n else 0
            rows, buffers = m, {"a": words_in(a), "b": words_in(b)}
            b_words = (0 if len(b) == 1 and m > 1 else b.shape[1], step)
        a_row = 4 * n * (m // rows)
        words = {"rows": rows, "columns": n, "b_step": b_words[1], "a_row": a_row, "y_row": 4 * n}
        return Call({**buffers, "y": room((rows, n), np.uint32)}, {**words, "b_row": 4 * b_words[0]})

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return outputs["y"].view(np.float32)

    def twin(operands: Operands) -> np.ndarray:
        """The operation on every element."""
        a, b = checked(operands)
        with np.errstate(all="ignore"):
            return canonical(_OPERATIONS[op](a[::2] if operands.get("pairs") else a, b))

    def clamped(operands: Operands) -> tuple[int, int]:
        """What overflows and what is not valid."""
        a, b = checked(operands)
        return events(twin(operands), a[::2] if operands.get("pairs") else a, b)

    def features(shape: Shape) -> tuple[float, ...]:
        """Call, rows, rounds and elements."""
        m, n = shape["m"], shape["n"]
        return 1, m, m * rounds_of(n), m * n

    def work(shape: Shape) -> Work:
        """The instructions for one element."""
        elements = shape["m"] * shape["n"]
        return Work(0, elements, elements * _CYCLES[op])

    bench = ({"m": 16, "n": 64, "form": 1}, {"m": 64, "n": 16, "form": 2}, {"m": 16, "n": 64, "form": 3})
    dims = {"m": (1, 8), "n": (1, 20), "form": (0, 3)}
    return Kernel(name, F32_ROWS, dims, sample, lower, result, twin, features, work, bench, clamped)

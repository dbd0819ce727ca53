"""scal, axpy and ger on float32: twins, packing and cycle counts. Every product and sum is rounded by itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.float_vector import F32_AXPY, F32_GER, F32_SCAL
from spinntensor.kernels._f32 import canonical, events, numbers, rounds_of, scalar, vector, word_of, words_in
from spinntensor.kernels.check import array
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, room

_CYCLES = {"scal": 28, "axpy": 68, "ger": 68}
"""Issue cycles of an element, loads and store included."""
_ARGS = {"scal": F32_SCAL, "axpy": F32_AXPY, "ger": F32_GER}


def declare(name: str) -> Kernel:
    """The kernel `f32_scal`, `f32_axpy` or `f32_ger`.

    **Shape** `alpha` a number; scal: x -> alpha x; axpy: x, y of one shape -> alpha x + y; ger: x[M], y[N], a[M,N]
    -> (alpha x) y^T + a. IEEE 754 single as in `f32_mul` and `f32_add`, in this order.
    """
    op = name.removeprefix("f32_")

    def checked(operands: Operands) -> tuple[np.float32, np.ndarray, np.ndarray | None, np.ndarray | None]:
        alpha, x = scalar(name, "alpha", operands["alpha"]), vector(name, "x", operands["x"])
        if op == "scal":
            return alpha, x, None, None
        if op == "axpy":
            sizes = dict(enumerate(x.shape))
            return alpha, x, array(name, "y", operands["y"], np.float32, x.ndim, sizes), None
        x = array(name, "x", x, np.float32, 1)
        y = array(name, "y", operands["y"], np.float32, 1)
        a = array(name, "a", operands["a"], np.float32, 2, {0: x.size, 1: y.size})
        return alpha, x, y, a

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        n = shape["n"]
        alpha = float(numbers(rng, 1, extreme and bool(rng.integers(2)))[0])
        if op == "ger":
            x, y, a = (numbers(rng, s, extreme) for s in (shape["m"], n, (shape["m"], n)))
            return {"alpha": alpha, "x": x, "y": y, "a": a}
        x, y = (numbers(rng, n, extreme) for _ in range(2))
        return {"alpha": alpha, "x": x} | ({} if op == "scal" else {"y": y})

    def lower(operands: Operands) -> Call:
        alpha, x, y, a = checked(operands)
        words = {"alpha": word_of(alpha)}
        if y is None:
            return Call({"x": words_in(x), "y": room(x.size, np.uint32)}, {**words, "count": x.size})
        if a is None:
            return Call({"x": words_in(x), "y": words_in(y, "inout")}, {**words, "count": x.size})
        buffers = {"x": words_in(x), "y": words_in(y), "a": words_in(a, "inout")}
        return Call(buffers, {**words, "rows": x.size, "columns": y.size})

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        key = "a" if op == "ger" else "y"
        shape = operands["a" if op == "ger" else "x"].shape
        return outputs[key].view(np.float32).reshape(shape)

    def computed(operands: Operands) -> tuple[np.ndarray, list[tuple[int, int]]]:
        """Products, then sums, which NumPy rounds one by one; and what is counted in each."""
        alpha, x, y, a = checked(operands)
        with np.errstate(all="ignore"):
            product = np.multiply(alpha, x)
            counted = [events(product, np.full_like(x, alpha), x)]
            if y is None:
                return canonical(product), counted
            if a is not None:
                factors, product = product[:, None], np.multiply(product[:, None], y[None, :])
                counted.append(events(product, factors, y))
            total = np.add(product, y if a is None else a)
        return canonical(total), [*counted, events(total, product, y if a is None else a)]

    def twin(operands: Operands) -> np.ndarray:
        """Products, then sums."""
        return computed(operands)[0]

    def clamped(operands: Operands) -> tuple[int, int]:
        """What overflows and what is not valid, in products and in sums."""
        overflowed, invalid = zip(*computed(operands)[1], strict=True)
        return sum(overflowed), sum(invalid)

    def features(shape: Shape) -> tuple[float, ...]:
        """Call, (rows,) rounds and elements."""
        m, n = shape.get("m", 1), shape["n"]
        counts = (m * rounds_of(n), m * n)
        return (1, m, *counts) if op == "ger" else (1, *counts)

    def work(shape: Shape) -> Work:
        """The instructions for one element."""
        elements = shape.get("m", 1) * shape["n"]
        return Work(0 if op == "scal" else elements, elements, elements * _CYCLES[op])

    dims = {"m": (1, 6), "n": (1, 20)} if op == "ger" else {"n": (1, 60)}
    bench: tuple[Shape, ...] = ({"m": 32, "n": 32},) if op == "ger" else ({"n": 1024},)
    return Kernel(name, _ARGS[op], dims, sample, lower, result, twin, features, work, bench, clamped)

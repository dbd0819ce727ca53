"""float32 to bytes of a grid, uint8 or int8: rounded half to even by the exact quotient; what is lost is counted.

The quotient is never computed. A grid has 255 places between neighbouring integers; for each the smallest float32
behind it is found offline, in fractions, and the core looks up where an element lies among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from spinntensor.abi.float_vector import F32_QUANTIZE
from spinntensor.errors import OperandError
from spinntensor.formats import Grid, Int8, grid, limits, quantize
from spinntensor.kernels._f32 import bits, numbers, vector, words_in
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "f32_quantize_8"
STEPS = 256
INFINITE = 0x7F800000
LARGEST = Fraction(float(np.finfo(np.float32).max))
COUNTS = 3
"""Words: elements clamped, lost, not finite."""


def checked(operands: Operands) -> tuple[np.ndarray, Grid]:
    """x and its grid, from `scale`, `zero`, `dtype` (uint8 or int8) and `symmetric` (default False); OperandError."""
    dtype = np.dtype(operands["dtype"])
    if dtype not in (np.uint8, np.int8):
        raise OperandError(NAME, "dtype", f"{dtype}", "uint8 or int8", "choose a type of bytes")
    kind = Int8(bool(operands.get("symmetric", False)), None, dtype == np.uint8)
    return vector(NAME, "x", operands["x"]), grid(kind, operands["scale"], operands["zero"])


def key(x: np.ndarray | np.floating) -> np.ndarray:
    """Integers, int32, in the order of the float32 numbers x; -0 comes before 0."""
    word = bits(np.asarray(x)).view(np.int32)
    return word ^ (word >> 31 & 0x7FFFFFFF)


def first_at(r: int, scale: Fraction) -> int:
    """The key of the smallest float32 x with round(x / scale) >= r, half to even; that of infinity if there is none."""
    end = (2 * r - 1) * scale / 2

    def reaches(x: np.float32) -> bool:
        return Fraction(float(x)) > end or (Fraction(float(x)) == end and r % 2 == 0)

    if end > LARGEST or (end == LARGEST and r % 2):
        return INFINITE
    x = np.float32(max(float(end), -float(LARGEST)))
    infinity = np.float32(np.inf)
    while not reaches(x):
        x = np.nextafter(x, infinity)
    while x > -float(LARGEST) and reaches(below := np.nextafter(x, -infinity)):
        x = below
    return int(key(x)[0])


def table(g: Grid) -> np.ndarray:
    """The 257 keys of a grid: entry j is the first x whose byte is step j or a later one; ends as the record says."""
    assert g.scale is not None and g.zero_point is not None
    low, high = limits(g.format)
    bottom, zero, scale = high - STEPS + 1, int(g.zero_point), Fraction(float(g.scale))
    steps = [first_at(bottom + j - zero, scale) if bottom + j > low else -1 << 31 for j in range(1, STEPS)]
    ends = first_at(low - zero, scale), first_at(high + 1 - zero, scale)
    return np.array([ends[0], *steps, ends[1]], np.int64).astype(np.int32)


def lower(operands: Operands) -> Call:
    """x float32 of any shape; y = clamp(zero + rhe(x / scale)) as `formats.quantize` has it.

    What is not finite becomes the end on the side of its sign, and is counted: the host refuses it.
    """
    x, g = checked(operands)
    assert g.zero_point is not None
    bottom = limits(g.format)[1] - STEPS + 1
    return Call(
        {
            "x": words_in(x),
            "y": room(x.size, operands["dtype"]),
            "table": given(table(g)),
            "counts": room(COUNTS, np.uint32),
        },
        {"count": x.size, "zero": int(g.zero_point) - bottom, "first": bottom & 0xFFFFFFFF},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """A flat int64 array that ends with how many elements were clamped, lost, not finite."""
    return np.concatenate([outputs["y"].astype(np.int64), outputs["counts"].astype(np.int64)])


def twin(operands: Operands) -> np.ndarray:
    """The format's own rounding of the finite elements."""
    x, g = checked(operands)
    flat = x.reshape(-1)
    finite = np.isfinite(flat)
    low, high = limits(g.format)
    y = np.where(np.signbit(flat), low, high).astype(np.int64)
    counts = [0, 0, int(np.count_nonzero(~finite))]
    if finite.any():
        value, loss = quantize(flat[finite], g)
        y[finite] = value.data
        counts[:2] = loss.saturated, loss.lost
    return np.append(y, counts)


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    """Numbers within the grid; or its steps, halves and neighbours, numbers beyond it and special ones."""
    n, dtype = shape["n"], np.int8 if shape["signed"] else np.uint8
    info = np.iinfo(dtype)
    symmetric = bool(shape["signed"] and rng.integers(2))
    scale = float(rng.uniform(0.5, 2) * 2.0 ** rng.integers(-12, 4))
    zero = 0 if symmetric else int(rng.choice([info.min, info.min + 3, 0, 100, info.max]))
    operands = {"scale": scale, "zero": zero, "dtype": dtype, "symmetric": symmetric}
    low, high = info.min + symmetric, info.max
    if not extreme:
        x = rng.uniform(low - zero - 0.4, high - zero + 0.4, n) * scale
        return {"x": x.astype(np.float32), **operands}
    if rng.integers(2):
        scale = float(rng.choice([2.0**-126, 2.0**127, 0.1, 1.0, 2.0**-140 + 2.0**-126, 3.0]))
    steps = rng.integers(low - zero - 3, high - zero + 4, n) * 0.5
    with np.errstate(all="ignore"):
        x = (steps * scale).astype(np.float32)
        towards = rng.choice(np.array([-np.inf, np.inf], np.float32), n)
        x = np.where(rng.integers(2, size=n) > 0, np.nextafter(x, towards), x)
    x = np.where(rng.integers(3, size=n) > 0, x, numbers(rng, n, True))
    return {"x": x, **operands, "scale": scale}


def features(shape: Shape) -> tuple[float, ...]:
    """Call, whether there are pairs, pairs, an element without a partner; nothing clamped."""
    pairs, rest = divmod(shape["n"], 2)
    return (1, pairs > 0, pairs, rest)


def work(shape: Shape) -> Work:
    """36 cycles an element: 24 for eight halvings of the table, 2 for the key, 3 for the ends, 4 for what is lost."""
    return Work(0, shape["n"], 36 * shape["n"])


KERNEL = Kernel(
    name=NAME,
    args=F32_QUANTIZE,
    dims={"n": (1, 80), "signed": (0, 1)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"n": 1024, "signed": 0},),
)

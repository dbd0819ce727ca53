"""3x3 convolution, stride 1, by Winograd: products, output transform and requantisation; what its kernels share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from spinntensor.abi.winograd import WINOGRAD_PRODUCT
from spinntensor.errors import OperandError, RangeError
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_outer import BLOCK, chunks_of, pairs_of
from spinntensor.kernels.quantize import MAX_SHIFT, folded, has_ties, limits, requantize_rows
from spinntensor.kernels.requantize_common import beyond, clamp_of, counts_in, counts_of
from spinntensor.kernels.winograd_pack import Winograd, bounds, convolve, pack_u, pack_v

UNSIGNED, SIGNED, ANY = 0, 4, 8
"""Paths to the outputs: all of u8 and no ties, all of s8 and no ties, everything."""


def row_words(bias, m, p, zp: int, low: int, high: int, limit: list[int]) -> np.ndarray:
    """The constants of every output channel, uint32 [M,4]: K1, K2, m, path | p << 8 | odd << 16.

    `limit[i]` bounds `|acc + bias|` of channel i and decides whether it can have ties.
    """
    full = {(0, 255): UNSIGNED, (-128, 127): SIGNED}.get((low, high), ANY)
    rows = []
    for b, mi, pi, bound in zip(bias.tolist(), m.tolist(), p.tolist(), limit, strict=True):
        path = ANY if pi or has_ties(mi, pi, bound) else full
        odd = (zp - low) & 1 if path == ANY else 0
        rows.append((*folded(b, mi, pi, zp - low + odd), mi, path | pi << 8 | odd << 16))
    return np.array(rows, np.uint32)


def image(name: str, operands: Operands) -> tuple[np.ndarray, np.ndarray]:
    """x[H,W,C] of bytes, at least 3x3 pixels, and w[M,C,3,3], or OperandError."""
    x = operands["x"]
    x = array(name, "x", x, np.int8 if getattr(x, "dtype", None) == np.int8 else np.uint8, 3)
    if min(x.shape[:2]) < 3:
        raise OperandError(name, "x", f"shape {x.shape}", "at least 3x3 pixels", "pad it with the zero point")
    return x, array(name, "w", operands["w"], np.int8, 4, {1: x.shape[2], 2: 3, 3: 3})


def prove(name: str, winograd: Winograd, sums: list[int]) -> None:
    """RangeError unless what the output transform leaves, but for odd factors, fits int32 in every channel."""
    factor = winograd.grown // winograd.odd
    if factor * max(sums) >= 1 << 31:
        raise RangeError(
            name,
            factor * max(sums),
            (1 << 31) - 1,
            f"the bound is {factor} * sum|w * x| for the worst pixels of the type: split the input channels and add the"
            " parts, or use the im2col route",
        )


def checked(name: str, winograd: Winograd, operands: Operands):
    """x, w, bias, m, p, zp, low, high, the channels' bounds and the type of y, or OperandError / RangeError."""
    x, w = image(name, operands)
    zeros = np.zeros(w.shape[0], np.int32)
    m = array(name, "m", operands["m"], np.int32, 1, {0: w.shape[0]})
    bias, p = (
        zeros if operands.get(key) is None else array(name, key, operands[key], np.int32, 1, {0: w.shape[0]})
        for key in ("bias", "p")
    )
    word(name, "m", int(m.min()), 1, (1 << 31) - 1)
    for end in (p.min(), p.max()):
        word(name, "p", int(end), 0, MAX_SHIFT)
    dtype = np.dtype(operands.get("dtype", np.uint8))
    if dtype not in (np.dtype(np.uint8), np.dtype(np.int8)):
        raise OperandError(name, "dtype", dtype, "uint8 or int8", "choose one of them for the outputs")
    zp, low, high = clamp_of(name, operands, dtype)
    sums = bounds(w, *limits(x.dtype))
    prove(name, winograd, sums)
    limit = [s + abs(b) for s, b in zip(sums, bias.tolist(), strict=True)]
    worst = max(s << shift for s, shift in zip(limit, p.tolist(), strict=True))
    if worst >= 1 << 31:
        raise RangeError(
            name,
            worst,
            (1 << 31) - 1,
            "the bound is (max|sum| + |bias|) * 2**p: choose a smaller scale or bias",
        )
    return x, w, bias, m, p, zp, low, high, limit, dtype


def sums_words(winograd: Winograd) -> int:
    """Words of the scratch that holds the running sums of a block."""
    return winograd.positions * BLOCK * BLOCK


def image_size(winograd: Winograd, shape: Shape) -> tuple[int, int, int]:
    """Shape of x for tests: `odd` leaves the last row and column of the last tiles out."""
    width = winograd.width * shape["columns"] + 2
    return 2 * shape["rows"] + 2 - shape["odd"], width - shape["odd"], shape["c"]


def features(shape: Shape) -> tuple[float, ...]:
    """Counts of the blocks: a row of blocks has one, two or three channels, and each kind a product of its own.

    Call; rows of blocks of each kind; rows of blocks that end with a part of a panel; for each kind blocks, pairs of
    channels and chunks over them; channels over all blocks; tiles by channel on the general path, of u8 and of s8.
    """
    tiles, m, pairs = shape["rows"] * shape["columns"], shape["m"], pairs_of(shape["c"])
    kinds = (m // BLOCK, int(m % BLOCK == 2), int(m % BLOCK == 1))
    across, chunks = -(-tiles // BLOCK), chunks_of(pairs)
    some = min(shape["any"], m)
    partial = sum(kinds) * (tiles > BLOCK and tiles % BLOCK > 0)
    blocks = [k * across for k in kinds]
    counts = [n * b for b in blocks for n in (1, pairs, chunks)]
    rest = (m - some) * tiles
    return (
        1,
        *kinds,
        partial,
        *counts,
        m * across,
        some * tiles,
        rest * (1 - shape["signed"]),
        rest * shape["signed"],
    )


def work(winograd: Winograd, shape: Shape) -> Work:
    """Nine MACs for every output and pair of channels; the bound is that of the products, 18 in 24 cycles."""
    tiles, m, c = shape["rows"] * shape["columns"], shape["m"], shape["c"]
    outputs = 2 * winograd.width * tiles * m
    return Work(9 * outputs * c, outputs, winograd.positions * tiles * m * c * 24 / 18)


def kernel(name: str, winograd: Winograd, most: int, bench: tuple[tuple[int, ...], ...]) -> Kernel:
    """The kernel called `name` for tiles of this kind; tests draw up to `most` input channels, `bench` is m, rows,
    columns and input channels of benchmark lines."""

    def lower(operands: Operands) -> Call:
        """Transform and pack x[H,W,C] (u8 or s8) and w[M,C,3,3] (s8); bias, m, p int32 [M]; zp, low, high, dtype of y.

        `gap` leaves bytes between the pixels of y, as when it holds other channels too.
        """
        x, w, bias, m, p, zp, low, high, limit, dtype = checked(name, winograd, operands)
        gap = word(name, "gap", operands.get("gap", 0), 0, 1 << 12)
        rows, columns = winograd.tiles(x)
        channels, step = w.shape[0], w.shape[0] + gap
        return Call(
            {
                "u": given(pack_u(winograd.weights(w))),
                "v": given(pack_v(winograd.input(winograd.whole(x)))),
                "y": room((2 * rows, winograd.width * columns, step), dtype),
                "rows": given(row_words(bias, m, p, zp, low, high, limit)),
                "sums": room(sums_words(winograd), np.uint32, "scratch"),
            },
            {
                "m": channels,
                "tiles": rows * columns,
                "columns": columns,
                "pairs": pairs_of(x.shape[2]),
                "y_step": step,
                "y_row": winograd.width * columns * step,
                "range": high - low,
                "low": low,
                "counts": counts_of(name, operands),
            },
        )

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        height, width = (n - 2 for n in operands["x"].shape[:2])
        return outputs["y"][:height, :width, : operands["w"].shape[0]]

    def twin(operands: Operands) -> np.ndarray:
        """y[H-2,W-2,M] = clamp(zp + rhe((sum w x + bias) * 2**p * m / 2**32)): the convolution itself, no transform."""
        x, w, bias, m, p, zp, low, high, _, dtype = checked(name, winograd, operands)
        sums = np.zeros((w.shape[0], x.shape[0] - 2, x.shape[1] - 2), np.int32)
        convolve(x.astype(np.int32), w.astype(np.int32), sums)
        y = np.empty((w.shape[0], sums[0].size), dtype)
        requantize_rows(sums.reshape(y.shape), bias, m, p, zp, low, high, y)
        return np.ascontiguousarray(y.reshape(sums.shape).transpose(1, 2, 0))

    def clamped(operands: Operands) -> tuple[int, int]:
        """What is counted of the outputs of whole tiles before they are clamped."""
        x, w, bias, m, p, zp, low, high, _, _ = checked(name, winograd, operands)
        x = winograd.whole(x).astype(np.int32)
        sums = np.zeros((w.shape[0], x.shape[0] - 2, x.shape[1] - 2), np.int32)
        convolve(x, w.astype(np.int32), sums)
        every = np.empty((w.shape[0], sums[0].size), np.int64)
        requantize_rows(sums.reshape(every.shape), bias, m, p, zp, *limits(np.int64), every)
        return beyond(every, low, high, counts_of(name, operands)), 0

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        """Random layers; the first `any` channels take the general path to the outputs, others that of their type."""
        size = image_size(winograd, shape)
        kind, dtype = (np.int8, np.uint8)[int(rng.integers(2))], (np.uint8, np.int8)[shape["signed"]]
        m, info = shape["m"], np.iinfo(kind)
        lowest, highest = limits(dtype)
        x = rng.integers(info.min, info.max, size, kind, endpoint=True)
        w = rng.integers(-128, 127, (m, shape["c"], 3, 3), np.int8, endpoint=True)
        if extreme:
            x = rng.choice(np.array([info.min, info.max], kind), size)
            w = rng.choice(np.array([-128, 127], np.int8), w.shape)
        spread = 20_000 * np.sqrt(9 * shape["c"])
        scale = rng.uniform(0.3, 3, m) * 255 / spread * 2.0**32 / 16
        multiplier = np.clip(scale, 1, 2**30).astype(np.int32) | 1
        some = min(shape["any"], m)
        multiplier[:some] = 1 << rng.integers(20, 26, some)  # ties
        shifts = np.zeros(m, np.int32)
        shifts[:some] = rng.integers(0, 3, some)
        bias = rng.integers(-(1 << 18), 1 << 18, m, dtype=np.int32)
        operands = {
            "x": x,
            "w": w,
            "bias": bias,
            "m": multiplier,
            "p": shifts,
            "dtype": dtype,
            "gap": shape["gap"],
            "counts": counts_in(shape),
        }
        if some == m:
            low = int(rng.integers(lowest, 0, endpoint=True))
            operands |= {"low": low, "high": int(rng.integers(low, highest, endpoint=True))}
        return operands | {"zp": int(rng.integers(lowest, highest, endpoint=True))}

    return Kernel(
        name=name,
        args=WINOGRAD_PRODUCT,
        dims={
            "m": (1, 4),
            "rows": (1, 2),
            "columns": (1, 3),
            "c": (1, most),
            "odd": (0, 1),
            "signed": (0, 1),
            "any": (0, 4),
            "gap": (0, 3),
            "counts": (0, 3),
        },
        sample=sample,
        lower=lower,
        result=result,
        twin=twin,
        features=features,
        work=partial(work, winograd),
        clamped=clamped,
        bench=tuple(
            {"m": m, "rows": r, "columns": s, "c": c, "odd": 0, "signed": 0, "any": 0, "gap": 0, "counts": 3}
            for m, r, s, c in bench
        ),
    )

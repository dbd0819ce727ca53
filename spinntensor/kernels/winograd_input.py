"""Winograd input transform of an NHWC image: what its kernels for unsigned and signed pixels share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numba import njit

from spinntensor.abi.winograd import WINOGRAD_INPUT
from spinntensor.errors import OperandError
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room
from spinntensor.kernels.pack_outer import BLOCK, pairs_of
from spinntensor.kernels.winograd_pack import F2X2, Winograd

AHEAD = 3
"""Bytes behind the last pixel that are read for channels which do not exist."""


def image(name: str, winograd: Winograd, x: np.ndarray, dtype: type) -> np.ndarray:
    """x as an image that tiles cover just so, else OperandError."""
    x = array(name, "x", x, dtype, 3)
    if min(x.shape[:2]) < 3 or x.shape[0] % 2 or (x.shape[1] - 2) % winograd.width:
        expected = f"2 more than a multiple of 2 rows and of {winograd.width} columns"
        raise OperandError(name, "x", f"shape {x.shape}", expected, "pad it on the right and below")
    return x


@njit(cache=True)
def _transform_2x2(x: np.ndarray, columns: int, v: np.ndarray) -> None:
    h = np.empty((4, 4), np.int32)
    for t in range(v.shape[1]):
        top, left = t // columns * 2, t % columns * 2
        for c in range(v.shape[2]):
            for r in range(4):
                d0, d1 = np.int32(x[top + r, left, c]), np.int32(x[top + r, left + 1, c])
                d2, d3 = np.int32(x[top + r, left + 2, c]), np.int32(x[top + r, left + 3, c])
                h[r, 0], h[r, 1], h[r, 2], h[r, 3] = d0 - d2, d1 + d2, d1 - d2, d3 - d1
            for j in range(4):
                v[j, t, c] = h[0, j] - h[2, j]
                v[4 + j, t, c] = h[1, j] + h[2, j]
                v[8 + j, t, c] = h[2, j] - h[1, j]
                v[12 + j, t, c] = h[1, j] - h[3, j]


@njit(cache=True)
def _transform_2x4(x: np.ndarray, columns: int, v: np.ndarray) -> None:
    h = np.empty((4, 6), np.int32)
    for t in range(v.shape[1]):
        top, left = t // columns * 2, t % columns * 4
        for c in range(v.shape[2]):
            for r in range(4):
                d0, d1 = np.int32(x[top + r, left, c]), np.int32(x[top + r, left + 1, c])
                d2, d3 = np.int32(x[top + r, left + 2, c]), np.int32(x[top + r, left + 3, c])
                d4, d5 = np.int32(x[top + r, left + 4, c]), np.int32(x[top + r, left + 5, c])
                h[r, 0], h[r, 5] = 4 * d0 - 5 * d2 + d4, 4 * d1 - 5 * d3 + d5
                h[r, 1], h[r, 2] = d3 + d4 - 4 * (d1 + d2), d4 - d3 + 4 * (d1 - d2)
                h[r, 3], h[r, 4] = d4 - d2 + 2 * (d3 - d1), d4 - d2 - 2 * (d3 - d1)
            for j in range(6):
                v[4 * j, t, c] = h[0, j] - h[2, j]
                v[4 * j + 1, t, c] = h[1, j] + h[2, j]
                v[4 * j + 2, t, c] = h[1, j] - h[2, j]
                v[4 * j + 3, t, c] = h[3, j] - h[1, j]


def unpack_v(v: np.ndarray, positions: int, tiles: int, channels: int) -> np.ndarray:
    """V[positions,T,C] int16 out of its panels."""
    pairs = pairs_of(channels)
    h = v[:-1].view(np.int16).reshape(-1, positions, pairs, 6)
    rows = np.stack(
        [h[..., [0, 4]], h[..., [1, 5]], h[..., [2, 3]]], axis=1
    )  # panel, tile, position, pair, k
    v = rows.reshape(-1, BLOCK, positions, 2 * pairs).transpose(2, 0, 1, 3)
    return np.ascontiguousarray(v.reshape(positions, -1, 2 * pairs)[:, :tiles, :channels])


def kernel(name: str, dtype: type, winograd: Winograd) -> Kernel:
    """The kernel called `name` for pixels of `dtype` and tiles of this kind."""
    positions = winograd.positions

    def lower(operands: Operands) -> Call:
        """x[H,W,C] of bytes that tiles cover just so; `gap` leaves bytes between its rows."""
        x = image(name, winograd, operands["x"], dtype)
        gap = word(name, "gap", operands.get("gap", 0), 0, 1 << 12)
        (height, width, channels), (rows, columns) = x.shape, winograd.tiles(x)
        data = np.pad(x.reshape(height, -1), ((0, 0), (0, gap))).reshape(-1)
        return Call(
            {
                "x": given(np.pad(data, (0, AHEAD))),
                "v": room(winograd.v_words(rows * columns, channels), np.uint32),
            },
            {
                "tiles": rows * columns,
                "columns": columns,
                "pairs": pairs_of(channels),
                "x_step": channels,
                "x_row": width * channels + gap,
            },
        )

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        rows, columns = winograd.tiles(operands["x"])
        return unpack_v(outputs["v"], positions, rows * columns, operands["x"].shape[2])

    def twin(operands: Operands) -> np.ndarray:
        """V of every tile, int16 [positions, T, C], with its negated signs."""
        x = operands["x"]
        rows, columns = winograd.tiles(x)
        v = np.empty((positions, rows * columns, x.shape[2]), np.int16)
        (_transform_2x2 if winograd is F2X2 else _transform_2x4)(x, columns, v)
        return v

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        size = (2 * shape["rows"] + 2, winograd.width * shape["columns"] + 2, shape["c"])
        info = np.iinfo(dtype)
        x = rng.integers(info.min, info.max, size, dtype, endpoint=True)
        if extreme:
            x = rng.choice(np.array([info.min, info.max], dtype), size)
        return {"x": x, "gap": shape["gap"]}

    def features(shape: Shape) -> tuple[float, ...]:
        """Call, panels, tiles that exist, ends of rows of tiles, pairs of channels over all tiles of the panels."""
        tiles = shape["rows"] * shape["columns"]
        panels = -(-tiles // BLOCK)
        return 1, panels, tiles, 3 * panels * pairs_of(shape["c"])

    def work(shape: Shape) -> Work:
        """Loads, additions and stores of a channel of a tile: 16, 32 and 16, or 24, 72 and 24."""
        channels = shape["rows"] * shape["columns"] * shape["c"]
        return Work(0, positions * channels, (64 if winograd is F2X2 else 120) * channels)

    return Kernel(
        name=name,
        args=WINOGRAD_INPUT,
        dims={"rows": (1, 4), "columns": (1, 4), "c": (1, 14), "gap": (0, 5)},
        sample=sample,
        lower=lower,
        result=result,
        twin=twin,
        features=features,
        work=work,
        bench=tuple(
            {"rows": r, "columns": s, "c": c, "gap": 0}
            for r, s, c in ((3, 4, 64), (2, 3, 128), (4, 7, 31), (7, 7, 8))
        ),
    )

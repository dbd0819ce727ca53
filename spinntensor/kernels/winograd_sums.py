"""3x3 convolution, stride 1, by Winograd, to int32 sums: what the kernels share that leave the epilogue to others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from spinntensor.abi.winograd import WINOGRAD_PRODUCT_S32
from spinntensor.errors import RangeError
from spinntensor.kernels.check import array, largest, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, given, room
from spinntensor.kernels.pack_outer import pairs_of
from spinntensor.kernels.quantize import limits
from spinntensor.kernels.winograd_pack import Winograd, bounds, convolve, pack_u, pack_v
from spinntensor.kernels.winograd_product import features as features_to_bytes
from spinntensor.kernels.winograd_product import image, image_size, prove, sums_words, work


def features(shape: Shape) -> tuple[float, ...]:
    """Those of the kernels that write bytes; for their paths, tiles by channel that are set and that are added to."""
    return features_to_bytes({**shape, "any": 0, "signed": shape["accumulate"]})


def kernel(name: str, winograd: Winograd, most: int, bench: tuple[tuple[int, ...], ...]) -> Kernel:
    """The kernel called `name` for tiles of this kind; tests draw up to `most` input channels, `bench` is m, rows,
    columns, input channels and accumulate of benchmark lines."""

    def checked(operands: Operands):
        x, w = image(name, operands)
        sums = bounds(w, *limits(x.dtype))
        prove(name, winograd, sums)
        c = operands.get("c")
        if c is not None:
            c = array(name, "c", c, np.int32, 3, {0: w.shape[0], 1: x.shape[0] - 2, 2: x.shape[1] - 2})
            bound = max(sums) + largest(c)
            if bound >= 1 << 31:
                raise RangeError(
                    name, bound, (1 << 31) - 1, "the bound is max|sum| + max|c|: sum fewer channels"
                )
        return x, w, c

    def lower(operands: Operands) -> Call:
        """Transform and pack x[H,W,C] (u8 or s8) and w[M,C,3,3] (s8); sums are added to c[M,H-2,W-2] int32 when given.

        `gap` leaves words between the channels of c.
        """
        x, w, c = checked(operands)
        gap = word(name, "gap", operands.get("gap", 0), 0, 1 << 12)
        rows, columns = winograd.tiles(x)
        area = 2 * winograd.width * rows * columns
        if c is None:
            out = room((w.shape[0], area + gap), np.int32)
        else:
            more = (2 * rows - c.shape[1], winograd.width * columns - c.shape[2])
            full = np.pad(c, ((0, 0), (0, more[0]), (0, more[1]))).reshape(w.shape[0], area)
            out = given(np.pad(full, ((0, 0), (0, gap))), "inout")
        return Call(
            {
                "u": given(pack_u(winograd.weights(w))),
                "v": given(pack_v(winograd.input(winograd.whole(x)))),
                "c": out,
                "sums": room(sums_words(winograd), np.uint32, "scratch"),
            },
            {
                "m": w.shape[0],
                "tiles": rows * columns,
                "columns": columns,
                "pairs": pairs_of(x.shape[2]),
                "ldc": area + gap,
                "c_row": winograd.width * columns,
                "accumulate": int(c is not None),
            },
        )

    def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        x, w = operands["x"], operands["w"]
        rows, columns = winograd.tiles(x)
        c = outputs["c"][:, : 2 * rows * winograd.width * columns].reshape(w.shape[0], 2 * rows, -1)
        return c[:, : x.shape[0] - 2, : x.shape[1] - 2]

    def twin(operands: Operands) -> np.ndarray:
        """c[M,H-2,W-2] (+)= sum w x: the convolution itself, no transform."""
        x, w, c = checked(operands)
        out = np.zeros((w.shape[0], x.shape[0] - 2, x.shape[1] - 2), np.int32) if c is None else c.copy()
        convolve(x.astype(np.int32), w.astype(np.int32), out)
        return out

    def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
        size = image_size(winograd, shape)
        kind = (np.uint8, np.int8)[int(rng.integers(2))]
        low, high = limits(kind)
        x = rng.integers(low, high, size, kind, endpoint=True)
        w = rng.integers(-128, 127, (shape["m"], shape["c"], 3, 3), np.int8, endpoint=True)
        if extreme:
            x = rng.choice(np.array([low, high], kind), size)
            w = rng.choice(np.array([-128, 127], np.int8), w.shape)
        c = None
        if shape["accumulate"]:
            c = rng.integers(-(1 << 30), 1 << 30, (shape["m"], size[0] - 2, size[1] - 2), dtype=np.int32)
        return {"x": x, "w": w, "c": c, "gap": shape["gap"]}

    return Kernel(
        name=name,
        args=WINOGRAD_PRODUCT_S32,
        dims={
            "m": (1, 4),
            "rows": (1, 2),
            "columns": (1, 3),
            "c": (1, most),
            "odd": (0, 1),
            "accumulate": (0, 1),
            "gap": (0, 3),
        },
        sample=sample,
        lower=lower,
        result=result,
        twin=twin,
        features=features,
        work=partial(work, winograd),
        bench=tuple(
            {"m": m, "rows": r, "columns": s, "c": c, "odd": 0, "accumulate": a, "gap": 0}
            for m, r, s, c, a in bench
        ),
    )

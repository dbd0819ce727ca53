"""Panels of int16 operands: convolutions and their gradients as products of what the packing kernels write."""

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError, RangeError
from spinntensor.formats import Quantized, bfp16_grid
from spinntensor.kernels import kernel
from spinntensor.kernels.bfp16_round13_outer_u32 import panel_words, shift_for
from spinntensor.kernels.check import largest
from spinntensor.kernels.pack_outer import pairs_of
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile
from spinntensor.machine.tile import run_tile
from spinntensor.ops._convolve import run_conv2d, run_conv2d_input, run_conv2d_weight
from spinntensor.ops.operation import Counted

BITS = 24
EXPONENTS = {"left": -9, "right": 5}


class Program:
    """A tile that grows: two int16 operands rounded to 13 bits, panels of them, products in float32."""

    def __init__(self, left, right):
        self.actions, self.regions, self.shifts = [], {}, {}
        for name, x in (("left", left), ("right", right)):
            self.fetch(name, np.append(x.reshape(-1), np.zeros(-x.size % 4, np.int16)))
            shift = self.shifts[name] = shift_for(largest(x))
            if shift:
                quads = -(-x.size // 4)
                self.step("bfp16_round13", {"x": At(name), "quads": quads, "shift": shift})
        self.fetch("pad", np.zeros(64, np.int16))
        self.fetch("count", np.zeros(2, np.uint32))

    def fetch(self, name, data):
        self.regions[name] = -(-data.nbytes // 8) * 8
        self.actions.append(Fetch(name, At(name), data))

    def room(self, name, nbytes):
        self.regions[name] = max(self.regions.get(name, 0), -(-nbytes // 8) * 8)

    def step(self, name, words):
        self.actions.append(Step(name, words))

    def im2col(self, source, target, tile, channels, out, *, kernel=(1, 1), **geometry):
        """Panels of [H,W,channels]; returns (columns, k)."""
        values = {"stride": (1, 1), "dilation": (1, 1), "corner": (0, 0), **geometry}
        pack = {n: (a & 0xFFFF) | (b & 0xFFFF) << 16 for n, (a, b) in values.items()}
        n, k = out[0] * out[1], kernel[0] * kernel[1] * channels
        self.room(target, 4 * panel_words(n, k, target))
        self.step(
            "im2col_s16_outer_u32",
            {
                "x": At(source),
                "pad": At("pad"),
                "panels": At(target),
                "tile": tile[0] | tile[1] << 16,
                "row_stride": 2 * tile[1] * channels,
                "pixel_stride": 2 * channels,
                "block_stride": 0,
                "channels": channels | 1 << 16,
                "kernel": kernel[0] | kernel[1] << 8 | values["stride"][0] << 16 | values["stride"][1] << 24,
                "dilation": pack["dilation"],
                "corner": pack["corner"],
                "out": out[0] | out[1] << 16,
                "chunk_words": int(target == "a"),
            },
        )
        return n, k

    def pack(self, source, target, offset, rows, columns, lines, k_stride, line_stride):
        """Panels of rows that lie side by side; strides in elements."""
        self.room(target, 4 * panel_words(rows, columns * lines, target))
        self.step(
            "pack_s16_outer_u32",
            {
                "x": At(source, 2 * offset),
                "panels": At(target),
                "rows": rows,
                "columns": columns,
                "lines": lines,
                "k_stride": 2 * k_stride,
                "line_stride": 2 * line_stride,
                "chunk_words": int(target == "a"),
            },
        )

    def product(self, m, n, k):
        self.room("c", 8 * m * n)
        sizes = {"m": m, "n": n, "pairs": pairs_of(k), "ldc": n, "accumulate": 0}
        self.step("gemm_s16_fold_3x3_outer_u32", {"a": At("a"), "b": At("b"), "c": At("c"), **sizes})

    def exponents(self, m, n):
        for name, size in (("left", m), ("right", n)):
            e = EXPONENTS[name] + self.shifts[name] + BITS
            self.fetch(f"e {name}", np.full(size, e, np.int32))

    def convert(self, m, n, *, row=0, at=0, ldy=None):
        """Rows of sums from `row` on to float32 at word `at` of y."""
        places = {"ea": At("e left"), "eb": At("e right"), "y": At("y", 4 * at), "count": At("count")}
        sizes = {"m": m, "n": n, "lds": n, "ldy": n if ldy is None else ldy, "bits": BITS}
        self.step("convert_f32_result", {"s": At("c", 8 * row * n), **places, **sizes})

    def result(self, shape):
        self.room("y", 4 * int(np.prod(shape)))
        store = Store("y", At("y"), shape, np.dtype(np.float32))
        tile = Tile("training", self.regions, (*self.actions, store))
        return run_tile(Core(strict=True), tile).stored["y"]


def tensors(rng, x_shape, w_shape, c_shape, tops=(32767, 5000, 9000)):
    return [
        rng.integers(-top, top + 1, shape, dtype=np.int16)
        for top, shape in zip(tops, (x_shape, w_shape, c_shape), strict=True)
    ]


def expected(run, left, right, **attributes):
    """The host's operation on two bfp16 tensors."""
    operands = [Quantized(bfp16_grid(e), x) for e, x in zip(EXPONENTS.values(), (left, right), strict=True)]
    value = run(*operands, groups=1, dilation=(1, 1), **attributes)
    return value.value if isinstance(value, Counted) else value


def same(got, want):
    np.testing.assert_array_equal(got.view(np.uint32).reshape(want.shape), want.view(np.uint32))


CASES = [(8, 6, (6, 7), (3, 3), (1, 1)), (4, 8, (7, 6), (3, 3), (2, 2)), (3, 5, (5, 5), (5, 3), (2, 1))]


def sizes(case):
    c, o, (h, w), (kh, kw), (sy, sx) = case
    top, left = kh // 2, kw // 2
    oh, ow = (h + 2 * top - kh) // sy + 1, (w + 2 * left - kw) // sx + 1
    return (1, h, w, c), (kh, kw, c, o), (1, oh, ow, o), (top, left)


@pytest.mark.parametrize("case", CASES[:2])
def test_forward(case, rng):
    x_shape, w_shape, c_shape, (top, left) = sizes(case)
    x, w, _ = tensors(rng, x_shape, w_shape, c_shape)
    (kh, kw, c, o), out = w_shape, c_shape[1:3]
    p = Program(x, w)
    m, k = p.im2col("left", "a", x_shape[1:3], c, out, kernel=(kh, kw), stride=case[4], corner=(-top, -left))
    p.pack("right", "b", 0, o, k, 1, o, 0)
    p.exponents(m, o)
    p.product(m, o, k)
    p.convert(m, o)
    want = expected(run_conv2d, x, w, stride=case[4], padding=(top, top, left, left))
    same(p.result(c_shape), want)


@pytest.mark.parametrize("case", CASES[:2])
def test_gradient_of_weights(case, rng):
    x_shape, w_shape, c_shape, (top, left) = sizes(case)
    x, _, c = tensors(rng, x_shape, w_shape, c_shape)
    (kh, kw, channels, o), (_, oh, ow, _) = w_shape, c_shape
    (sy, sx), k = case[4], oh * ow
    framed = np.pad(x[0], ((top, top), (left, left), (0, 0)))
    p = Program(framed, c)
    p.pack("right", "b", 0, o, k, 1, o, 0)
    p.exponents(channels, o)
    pitch = framed.shape[1] * channels
    for tap in range(kh * kw):
        first = tap // kw * pitch + tap % kw * channels
        p.pack("left", "a", first, channels, ow, oh, sx * channels, sy * pitch)
        p.product(channels, o, k)
        p.convert(channels, o, at=tap * channels * o)
    want = expected(run_conv2d_weight, x, c, stride=case[4], padding=(top, top, left, left), kernel=(kh, kw))
    same(p.result(w_shape), want)


@pytest.mark.parametrize("case", CASES)
def test_gradient_of_input(case, rng):
    """Pixels of one class modulo the stride read the same taps; the cotangent backwards, the weights forwards."""
    x_shape, w_shape, c_shape, (top, left) = sizes(case)
    _, w, c = tensors(rng, x_shape, w_shape, c_shape)
    (kh, kw, channels, o), (_, height, width, _), (sy, sx) = w_shape, x_shape, case[4]
    p = Program(c, w)
    p.exponents(height * width, channels)
    for py, px in np.ndindex(sy, sx):
        ky, kx = (py + top) % sy, (px + left) % sx
        taps = (-(-(kh - ky) // sy), -(-(kw - kx) // sx))
        out = (-(-(height - py) // sy), -(-(width - px) // sx))
        corner = ((py + top - ky) // sy, (px + left - kx) // sx)
        m, k = p.im2col("left", "a", c_shape[1:3], o, out, kernel=taps, dilation=(-1, -1), corner=corner)
        steps = (sy, sx * channels)
        p.im2col(
            "right", "b", (kh, kw * channels), o, (1, channels), kernel=taps, dilation=steps,
            corner=(ky, kx * channels),
        )  # fmt: skip
        p.product(m, channels, k)
        for row in range(out[0]):
            at = ((py + row * sy) * width + px) * channels
            p.convert(out[1], channels, row=row * out[1], at=at, ldy=sx * channels)
    want = expected(
        run_conv2d_input, c, w, size=(height, width), stride=(sy, sx), padding=(top, top, left, left)
    )
    same(p.result(x_shape), want)


X = np.ones((1, 2, 2, 4), np.int16)


@pytest.mark.parametrize(
    "name, operands, wanted",
    [
        ("bfp16_round13", {"x": np.ones(4, np.int16), "shift": 5}, "an integer from 0 to 4"),
        ("im2col_s16_outer_u32", {"x": X[0], "kernel": (1, 1), "out": (2, 2), "side": "a"}, "4 axes"),
        ("im2col_s16_outer_u32", {"x": X, "kernel": (0, 1), "out": (2, 2), "side": "a"}, "from 1 to 255"),
        ("im2col_s16_outer_u32", {"x": X, "kernel": (1, 1), "out": (2, 2), "side": "c"}, "side"),
        ("pack_s16_outer_u32", {"x": X[0, :, :, :3], "channels": (0, 3), "side": "a"}, "even numbers"),
        ("pack_s16_outer_u32", {"x": X[0], "channels": (1, 2), "side": "b"}, "from channel 1 of 4"),
        ("pack_s16_outer_u32", {"x": X[0], "channels": (0, 5), "side": "b"}, "from 1 to 4"),
    ],
)
def test_bad_operands_are_refused(name, operands, wanted):
    with pytest.raises(OperandError, match=wanted):
        kernel(name).lower(operands)


def test_rounding_refuses_what_does_not_fit():
    with pytest.raises(RangeError, match="shift by 3, that of"):
        kernel("bfp16_round13").lower({"x": np.full(4, 20000, np.int16), "shift": 1})

"""How many bytes kernels of the 8-bit formats read or write behind each pointer, by the words of their records."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spinntensor.kernels.gemv_s16_9_u16 import ROWS
from spinntensor.kernels.gemv_s16_9_u16 import UNROLL as GEMV_UNROLL
from spinntensor.kernels.pack_outer import BLOCK, chunks_of, pairs_of
from spinntensor.kernels.winograd_input import AHEAD

Words = Mapping[str, int]
Extents = Mapping[str, int]
"""Bytes by the name of the pointer; those that are not named are used to their region's end."""
WORD, ROW = 4, 16


def _panels(count: int, pairs: int) -> int:
    """Bytes of the panels of so many rows, with their chunk words."""
    return WORD * -(-count // BLOCK) * (BLOCK * pairs + chunks_of(pairs))


def _im2col(w: Words) -> Extents:
    height, width = w["tile"] & 0xFFFF, w["tile"] >> 16
    x = (
        (height - 1) * w["row_stride"]
        + (width - 1) * w["pixel_stride"]
        + (w["channels"] - 1) * w["channel_stride"]
    )
    pixels = (w["out"] & 0xFFFF) * (w["out"] >> 16)
    taps = (w["kernel"] & 0xFF) * (w["kernel"] >> 8 & 0xFF) * w["channels"]
    b = WORD * (-(-pixels // BLOCK) * BLOCK * pairs_of(taps) + 1)
    return {"x": x + 1, "pad": w["channels"], "b": b}


def _unpack(w: Words) -> Extents:
    packed = WORD * w["panels"] * BLOCK * w["pairs"] // 2
    return {"packed": packed, "a": _panels(BLOCK * w["panels"], w["pairs"])}


def _gemm(w: Words) -> Extents:
    b = WORD * (-(-w["n"] // BLOCK) * BLOCK * w["pairs"] + 1)
    return {"a": _panels(w["m"], w["pairs"]), "b": b, "c": WORD * ((w["m"] - 1) * w["ldc"] + w["n"])}


def _requantize(w: Words) -> Extents:
    y = (w["n"] - 1) * w["y_step"] + (w["m"] - 1) * w["y_row"] + 1
    return {"c": WORD * ((w["m"] - 1) * w["ldc"] + w["n"]), "y": y, "rows": ROW * w["m"]}


def _residual(w: Words) -> Extents:
    return dict.fromkeys("aby", w["n"])


def _winograd_input(width: int, w: Words) -> Extents:
    rows, columns = 2 * (w["tiles"] // w["columns"]) + 2, width * w["columns"] + 2
    return {"x": (rows - 1) * w["x_row"] + (columns - 1) * w["x_step"] + 2 * w["pairs"] + AHEAD}


def _winograd_product(width: int, w: Words) -> Extents:
    u = 4 * (width + 2) * _panels(w["m"], w["pairs"])
    if "y_row" not in w:
        return {"u": u}
    rows, columns = 2 * (w["tiles"] // w["columns"]), width * w["columns"]
    return {"u": u, "y": (rows - 1) * w["y_row"] + (columns - 1) * w["y_step"] + w["m"], "rows": ROW * w["m"]}


def _winograd_weight(w: Words) -> Extents:
    return {"w": 9 * w["m"] * w["channels"], "u": 16 * _panels(w["m"], pairs_of(w["channels"]))}


def _combine(w: Words) -> Extents:
    return dict.fromkeys(("c11", "c12", "c21", "c22"), WORD * w["count"])


def _gemv(w: Words) -> Extents:
    return {
        "a": WORD * -(-w["m"] // ROWS) * (ROWS * w["pairs"] + chunks_of(w["pairs"], GEMV_UNROLL)),
        "y": WORD * w["m"],
    }


def _planes(w: Words) -> Extents:
    return {"x": (w["rows"] - 1) * w["x_row"] + (w["columns"] - 1) * w["x_pixel"] + WORD * w["words"]}


def _depthwise(w: Words) -> Extents:
    return {"w": 2 * ROW * w["channels"]}


def _interleave(w: Words) -> Extents:
    return {"y": (w["pixels"] - 1) * w["y_pixel"] + WORD * w["words"]}


def _pool_block(w: Words, size: int = 1) -> Extents:
    rows, columns, pixel = w["rows"], w["columns"], WORD * w["words"]
    x = ((rows - 1) * 2 + size - 1) * w["pitch"] + ((columns - 1) * 2 + size) * pixel
    return {"x": x, "y": rows * columns * pixel}


def _pool(w: Words) -> Extents:
    pixel = WORD * w["words"]
    down, across = (w["rows"] - 1) * w["step_row"], (w["columns"] - 1) * w["step_column"]
    window = (w["window_rows"] - 1) * w["pitch"] + w["window_columns"] * pixel
    return {"x": down + across + window, "y": w["rows"] * w["columns"] * pixel}


def _mean(w: Words) -> Extents:
    return {"x": w["pixels"] * WORD * w["words"], "y": WORD * w["words"], "divisor": ROW}


def _dequantize(w: Words) -> Extents:
    return {"x": w["count"], "y": WORD * w["count"]}


def _both(rule: Callable[[int, Words], Extents], width: int) -> Callable[[Words], Extents]:
    return lambda w: rule(width, w)


RULES: Mapping[str, Callable[[Words], Extents]] = {
    "im2col_u8_outer_u8": _im2col,
    "unpack_s8_outer_u32": _unpack,
    "gemm_s16_3x3_outer_u32": _gemm,
    "gemv_s16_9_u16": _gemv,
    "strassen_combine_s32_x8": _combine,
    "winograd_weight_s8_2x2": _winograd_weight,
    "planes_u8_s16": _planes,
    "interleave_u8": _interleave,
    "f32_dequantize_8": _dequantize,
    **{f"requantize_s32_{t}_x16": _requantize for t in ("u8", "s8")},
    **{f"residual_add_{t}_x16": _residual for t in ("u8", "s8")},
    **{f"winograd_input_{t}_2x{n}": _both(_winograd_input, n) for t in ("u8", "s8") for n in (2, 4)},
    **{
        f"winograd_product_s16_2x{n}{s}_u32": _both(_winograd_product, n)
        for s in ("", "_s32")
        for n in (2, 4)
    },
    **{f"depthwise_3x3_s16_u8_s{n}_wide": _depthwise for n in (1, 2)},
    **{f"maxpool_{t}_2x2s2": lambda w: _pool_block(w, 2) for t in ("u8", "s8")},
    **{f"maxpool_{t}_3x3s2": lambda w: _pool_block(w, 3) for t in ("u8", "s8")},
    **{f"{k}pool_{t}": _pool for k in ("max", "avg") for t in ("u8", "s8")},
    **{f"global_avgpool_{t}": _mean for t in ("u8", "s8")},
}


def extents(kernel: str, words: Words) -> Extents:
    """Bytes behind the pointers of a call, where less than the rest of a region is used."""
    rule = RULES.get(kernel)
    return rule(words) if rule is not None else {}

"""Argument records of the kernels that pack int16 operands into outer panels."""

from spinntensor.abi.struct import struct

_CHUNK_WORDS = ("chunk_words", "uint32_t", "1: panels of A with chunk and fold words, 0: panels of B")
_PANELS = (
    "panels",
    "uint32_t *",
    "three rows of A (columns of B) a panel; with chunk words as A, else as B with one word of padding",
)

IM2COL_S16 = struct(
    "im2col_s16",
    "Outer panels of the pixels under a kernel: three pixels a panel, k = (block, kernel row, column, channel).",
    ("x", "const int16_t *", "pixel (0, 0) of the tile, first channel taken"),
    ("pad", "const int16_t *", "zeros: as many as channels are taken, 4 at least"),
    _PANELS,
    ("tile", "uint32_t", "height | width << 16 of the tile"),
    ("row_stride", "int32_t", "bytes from one row of pixels to the next"),
    ("pixel_stride", "int32_t", "bytes from one pixel to the next"),
    ("block_stride", "int32_t", "bytes from one block of channels to the next"),
    ("channels", "uint32_t", "channels | blocks << 16: channels taken of a block, and blocks; both >= 1"),
    ("kernel", "uint32_t", "kernel_h | kernel_w << 8 | stride_y << 16 | stride_x << 24"),
    ("dilation", "uint32_t", "rows | columns << 16 from tap to tap, signed halves"),
    ("corner", "uint32_t", "row | column << 16 of output (0, 0)'s first tap, signed halves"),
    ("out", "uint32_t", "out_h | out_w << 16"),
    _CHUNK_WORDS,
)

PACK_S16 = struct(
    "pack_s16",
    "Outer panels of a matrix whose rows lie side by side in memory, one k behind the other.",
    ("x", "const int16_t *", "first row at the first k, word-aligned"),
    _PANELS,
    ("rows", "uint32_t", "rows taken, >= 1; the last one fills the last panel"),
    ("columns", "uint32_t", "k in a line, >= 1"),
    ("lines", "uint32_t", "lines of k, >= 1"),
    ("k_stride", "int32_t", "bytes from k to k within a line, a multiple of 4"),
    ("line_stride", "int32_t", "bytes from line to line, a multiple of 4"),
    _CHUNK_WORDS,
)

STRUCTS = (IM2COL_S16, PACK_S16)
KERNELS = {"im2col_s16_outer_u32": IM2COL_S16, "pack_s16_outer_u32": PACK_S16}

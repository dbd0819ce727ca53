"""Argument records of the convolution kernels."""

from spinntensor.abi.struct import struct

IM2COL_U8 = struct(
    "im2col_u8",
    "Outer B panels of a convolution's input: three pixels a panel, k = (kernel row, column, channel).",
    ("x", "const uint8_t *", "pixel (0, 0) of the input tile, first channel taken"),
    ("pad", "const uint8_t *", "what a tap outside the tile reads: the zero point, `channels` bytes"),
    ("b", "uint32_t *", "B panels: ceil(out_h * out_w / 3) x 3*pairs words, then one word of padding"),
    ("tile", "uint32_t", "height | width << 16 of the input tile"),
    ("row_stride", "int32_t", "bytes from one row of pixels to the next"),
    ("pixel_stride", "int32_t", "bytes from one pixel to the next: all channels of NHWC, 1 if planar"),
    ("channel_stride", "int32_t", "bytes from one channel to the next: 1 of NHWC, a plane if planar"),
    ("channels", "uint32_t", "channels taken, >= 1"),
    ("kernel", "uint32_t", "kernel_h | kernel_w << 8 | stride_y << 16 | stride_x << 24"),
    (
        "corner",
        "uint32_t",
        "row | column << 16 of output (0, 0)'s first tap, signed halves; -1: one outside",
    ),
    ("out", "uint32_t", "out_h | out_w << 16"),
    ("flip", "uint32_t", "0x80 turns every byte from signed to offset 128, 0 leaves it"),
)

DEPTHWISE_3X3 = struct(
    "depthwise_3x3",
    "Depthwise 3x3 convolution of int16 planes, requantised to bytes.",
    ("x", "const int16_t *", "planes of an even number of columns, word-aligned: channels x rows x pitch"),
    (
        "w",
        "const uint32_t *",
        "words of each channel: nine weights and the multiplier in halves, bias, rounding (narrow);"
        " route, nine weights in halves, bias, multiplier (wide)",
    ),
    ("y", "uint8_t *", "planes of bytes"),
    ("channels", "uint32_t", ">= 1"),
    ("out_h", "uint32_t", "rows of an output plane, >= 1"),
    ("out_w", "uint32_t", "columns of an output plane, >= 1"),
    ("x_pitch", "uint32_t", "bytes from row to row of x: a multiple of 4"),
    ("x_plane", "uint32_t", "bytes from plane to plane of x: a multiple of 4"),
    ("y_pitch", "uint32_t", "bytes from row to row of y"),
    ("y_plane", "uint32_t", "bytes from plane to plane of y"),
)

PLANES = struct(
    "planes",
    "y = bytes x, pixel by pixel, as int16 planes with a border: what the depthwise kernels read.",
    ("x", "const uint8_t *", "first channel of pixel (0, 0), word-aligned"),
    ("y", "int16_t *", "first plane, word-aligned"),
    ("corner", "uint32_t", "bytes from the first word of a plane to its place for pixel (0, 0)"),
    ("rows", "uint32_t", "rows of pixels, >= 1"),
    ("columns", "uint32_t", "pixels in a row, >= 1"),
    ("words", "uint32_t", "words of a pixel: four channels each, >= 1"),
    ("x_pixel", "uint32_t", "bytes from pixel to pixel: a multiple of 4"),
    ("x_row", "uint32_t", "bytes from row to row of pixels: a multiple of 4"),
    ("y_row", "uint32_t", "bytes from row to row of a plane: a multiple of 4"),
    ("y_plane", "uint32_t", "bytes from plane to plane: a multiple of 4"),
    ("fill", "uint32_t", "words from y on that are filled with the border first; 0 where there is none"),
    ("border", "uint32_t", "two halfwords of the border"),
    ("flip", "uint32_t", "0x80808080 turns every byte from signed to offset 128, 0 leaves it"),
)
INTERLEAVE = struct(
    "interleave",
    "y = planes of bytes x, pixel by pixel.",
    ("x", "const uint8_t *", "planes, word-aligned"),
    ("y", "uint8_t *", "first channel of pixel 0, word-aligned"),
    ("pixels", "uint32_t", "bytes of a plane that are taken, >= 1"),
    ("words", "uint32_t", "words of a pixel: four planes each, >= 1"),
    ("x_plane", "uint32_t", "bytes from plane to plane: a multiple of 4"),
    ("y_pixel", "uint32_t", "bytes from pixel to pixel: a multiple of 4"),
)

STRUCTS = (IM2COL_U8, DEPTHWISE_3X3, PLANES, INTERLEAVE)
KERNELS = {
    "im2col_u8_outer_u8": IM2COL_U8,
    "depthwise_3x3_s16_u8_s1": DEPTHWISE_3X3,
    "depthwise_3x3_s16_u8_s2": DEPTHWISE_3X3,
    "depthwise_3x3_s16_u8_s1_wide": DEPTHWISE_3X3,
    "depthwise_3x3_s16_u8_s2_wide": DEPTHWISE_3X3,
    "planes_u8_s16": PLANES,
    "interleave_u8": INTERLEAVE,
}

"""Argument records of the kernels that move words or choose between them."""

from spinntensor.abi.struct import struct

COPY = struct(
    "copy",
    "y = x, run by run: `words` adjacent words, `rows` of them, `planes` of these.",
    ("x", "const uint32_t *", "first word of the first run"),
    ("y", "uint32_t *", "its place in the result"),
    ("words", "uint32_t", "words of a run, >= 1"),
    ("rows", "uint32_t", "runs of a plane, >= 1"),
    ("planes", "uint32_t", "planes, >= 1"),
    ("x_row", "int32_t", "bytes from run to run of x, a multiple of 4"),
    ("y_row", "int32_t", "bytes from run to run of y, a multiple of 4"),
    ("x_plane", "int32_t", "bytes from plane to plane of x, a multiple of 4"),
    ("y_plane", "int32_t", "bytes from plane to plane of y, a multiple of 4"),
)
FILL = struct(
    "fill",
    "y = value, run by run.",
    ("y", "uint32_t *", "first word of the first run"),
    ("value", "uint32_t", "what every word becomes"),
    ("words", "uint32_t", "words of a run, >= 1"),
    ("rows", "uint32_t", "runs, >= 1"),
    ("y_row", "int32_t", "bytes from run to run, a multiple of 4"),
)
SELECT = struct(
    "select",
    "y[i] = a[i] where condition[i] is not 0, else b[i].",
    ("condition", "const uint8_t *", "a byte for each element"),
    ("a", "const uint32_t *", "words, or one word"),
    ("b", "const uint32_t *", "words, or one word"),
    ("y", "uint32_t *", "result"),
    ("count", "uint32_t", "elements, >= 1"),
    ("a_step", "uint32_t", "4, or 0 when a is one word"),
    ("b_step", "uint32_t", "4, or 0 when b is one word"),
)

STRUCTS = (COPY, FILL, SELECT)
KERNELS = {"copy_s32": COPY, "fill_s32": FILL, "select_s32": SELECT}

"""Argument records of the epilogue kernels: requantise, bias, clamp, residual addition."""

from spinntensor.abi.struct import struct

REQUANTIZE = struct(
    "requantize",
    "y = clamp(zp + rhe((c + bias) * scale)): integer sums, rows = channels, to 8 or 16 bits.",
    ("c", "const void *", "accumulators, row-major: int32_t or int64_t"),
    ("y", "void *", "outputs; column j of row i at y + i * y_row + j * y_step bytes"),
    ("rows", "const uint32_t *", "constants of each row: four words for int32 sums, six for int64 sums"),
    ("m", "uint32_t", "rows, >= 1"),
    ("n", "uint32_t", "columns, >= 1"),
    ("ldc", "uint32_t", "elements from one row of c to the next"),
    ("y_step", "int32_t", "bytes from one column's output to the next"),
    ("y_row", "int32_t", "bytes from one row's output to the next"),
    ("range", "uint32_t", "high - low of the clamp"),
    ("low", "int32_t", "lower end of the clamp"),
    ("odd", "uint32_t", "(zp - low) & 1: what the rows' constants carry on top, so that ties round to even"),
    ("counts", "uint32_t", "what is counted in CLAMPED: results above the clamp 1, below 2, both 3"),
)

RESIDUAL_ADD = struct(
    "residual_add",
    "y = clamp(zp + rhe(((a - za) * ma + (b - zb) * mb) / 2**20)) on flat arrays of bytes.",
    ("a", "const void *", "n bytes, word-aligned"),
    ("b", "const void *", "n bytes, word-aligned"),
    ("y", "void *", "n bytes, word-aligned"),
    ("n", "uint32_t", "elements, >= 1"),
    ("ma", "int32_t", "multiplier of a, shifted to where SMLAW needs it: by 9 (unsigned) or 8 (signed)"),
    ("mb", "int32_t", "multiplier of b, likewise"),
    ("k", "int32_t", "zero points, rounding and -low, in units of 2**-20"),
    ("range", "uint32_t", "high - low of the clamp"),
    ("low", "int32_t", "lower end of the clamp"),
    ("odd", "uint32_t", "what k carries on top, so that ties round to even: 0 or 1"),
    ("path", "uint32_t", "0: no ties, 1: ties, 2: a clamp that words of bytes cannot carry"),
    (
        "counts",
        "uint32_t",
        "what is counted in the second word of CLAMPED: results above the clamp 1, below 2, both 3",
    ),
)

BIAS_ADD = struct(
    "bias_add",
    "c[i, j] += bias[i], int32, in place.",
    ("c", "int32_t *", "row-major"),
    ("bias", "const int32_t *", "one for each row"),
    ("m", "uint32_t", "rows, >= 1"),
    ("n", "uint32_t", "columns, >= 1"),
    ("ldc", "uint32_t", "words from one row of c to the next"),
)

CLAMP = struct(
    "clamp",
    "x[i] = min(max(x[i], low), high), int32, in place.",
    ("x", "int32_t *", "n words"),
    ("n", "uint32_t", "elements, >= 1"),
    ("low", "int32_t", "lower end"),
    ("high", "int32_t", "upper end, >= low"),
)

STRUCTS = (REQUANTIZE, RESIDUAL_ADD, BIAS_ADD, CLAMP)
KERNELS = {
    "requantize_s32_u8_x16": REQUANTIZE,
    "requantize_s32_s8_x16": REQUANTIZE,
    "requantize_s32_s16_x16": REQUANTIZE,
    "requantize_s64_u8": REQUANTIZE,
    "requantize_s64_s8": REQUANTIZE,
    "requantize_s64_s16": REQUANTIZE,
    "residual_add_u8_x16": RESIDUAL_ADD,
    "residual_add_s8_x16": RESIDUAL_ADD,
    "bias_add_s32_x8": BIAS_ADD,
    "clamp_s32_x8": CLAMP,
}

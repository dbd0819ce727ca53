"""Argument records of the vector kernels: pooling, element-wise operations, softmax and reductions."""

from spinntensor.abi.struct import struct

_FRAME = (
    ("rows", "uint32_t", "rows of y, >= 1"),
    ("columns", "uint32_t", "columns of y, >= 1"),
    ("words", "uint32_t", "words of a pixel: four channels each, >= 1"),
    ("pitch", "uint32_t", "bytes from one row of x to the next"),
)
_WINDOW = (
    ("window_rows", "uint32_t", "rows of a window, >= 1"),
    ("window_columns", "uint32_t", "columns of a window, >= 1"),
    ("step_row", "uint32_t", "bytes from a window of x to the one below"),
    ("step_column", "uint32_t", "bytes from a window of x to the one on its right"),
)

POOL_BLOCK = struct(
    "pool_block",
    "y = maximum over a window whose size and stride the kernel's name gives; NHWC, pixels of whole words.",
    ("x", "const uint8_t *", "input with its border, row by row, pixels one after the other"),
    ("y", "uint8_t *", "output, rows x columns pixels without gaps"),
    *_FRAME,
)
MAXPOOL = struct(
    "maxpool",
    "y = maximum over every window of x; NHWC, pixels of whole words.",
    ("x", "const uint8_t *", "input with its border, row by row, pixels one after the other"),
    ("y", "uint8_t *", "output, rows x columns pixels without gaps"),
    *_FRAME,
    *_WINDOW,
)
AVGPOOL = struct(
    "avgpool",
    "y = rounded mean over every window of x; NHWC, pixels of whole words.",
    ("x", "const uint8_t *", "input with its border, row by row, pixels one after the other"),
    ("y", "uint8_t *", "output, rows x columns pixels without gaps"),
    ("divisors", "const uint32_t *", "per window: multiplier, addend (low, high), tie limit"),
    *_FRAME,
    *_WINDOW,
    (
        "divisor_step",
        "uint32_t",
        "bytes from a window's divisor to the next one's: 16, or 0 when all are equal",
    ),
    ("odd", "uint32_t", "1 when the zero point is odd: taken off after rounding"),
)
GLOBAL_AVGPOOL = struct(
    "global_avgpool",
    "y = rounded mean of every channel over all pixels.",
    ("x", "const uint8_t *", "pixels one after the other"),
    ("y", "uint8_t *", "one pixel"),
    ("divisor", "const uint32_t *", "multiplier, addend (low, high), tie limit"),
    ("pixels", "uint32_t", "pixels of x, >= 1"),
    ("words", "uint32_t", "words of a pixel: four channels each, >= 1"),
    ("odd", "uint32_t", "1 when the zero point is odd: taken off after rounding"),
)
ELTWISE = struct(
    "eltwise",
    "y[i] = a[i] op b[i] on flat arrays, padded to pairs of words.",
    ("a", "const void *", "first operand"),
    ("b", "const void *", "second operand, or one word that holds a scalar in every lane"),
    ("y", "void *", "result"),
    ("pairs", "uint32_t", "pairs of words of a, >= 1"),
    ("step", "uint32_t", "4, or 0 when b is a scalar"),
)
ELTWISE_COUNTED = struct(
    "eltwise_counted",
    "y[i] = saturated(a[i] op b[i]) on flat arrays, padded to pairs of words by what does not saturate.",
    ("a", "const void *", "first operand"),
    ("b", "const void *", "second operand, or one word that holds a scalar in every lane"),
    ("y", "void *", "result"),
    ("pairs", "uint32_t", "pairs of words of a, >= 1"),
    ("step", "uint32_t", "4, or 0 when b is a scalar"),
    ("saturated", "uint32_t *", "one word: how many results did not fit and were clamped"),
)
SOFTMAX = struct(
    "softmax",
    "y[i,:] = softmax(x[i,:]) in 1/256, by a table of exponentials.",
    ("x", "const int8_t *", "rows x pitch bytes, padded by -128"),
    ("y", "uint8_t *", "rows x pitch bytes"),
    ("lut", "const uint32_t *", "lut[d] = 2^22 exp(-d * scale), d = 0..255"),
    ("rows", "uint32_t", "rows, >= 1"),
    ("columns", "uint32_t", "columns, >= 1"),
    ("pitch", "uint32_t", "bytes from row to row of x and of y: columns rounded up to 4"),
)
REDUCE = struct(
    "reduce",
    "y[i] = reduction of row i of x.",
    ("x", "const void *", "rows x words words; padded by what leaves the result unchanged"),
    ("y", "void *", "one result for each row"),
    ("rows", "uint32_t", "rows, >= 1"),
    ("words", "uint32_t", "words of a row, >= 1"),
)

STRUCTS = (POOL_BLOCK, MAXPOOL, AVGPOOL, GLOBAL_AVGPOOL, ELTWISE, ELTWISE_COUNTED, SOFTMAX, REDUCE)
KERNELS = {
    **{f"maxpool_{t}": MAXPOOL for t in ("u8", "s8")},
    **{f"maxpool_{t}_{w}": POOL_BLOCK for w in ("2x2s2", "3x3s2") for t in ("u8", "s8", "u7")},
    **{f"avgpool_{t}": AVGPOOL for t in ("u8", "s8")},
    **{f"global_avgpool_{t}": GLOBAL_AVGPOOL for t in ("u8", "s8")},
    "softmax_s8_u8": SOFTMAX,
    **{f"reduce_{op}_{t}": REDUCE for op in ("sum", "max", "argmax") for t in ("s8", "s16", "s32")},
    "reduce_sum_s32_s64": REDUCE,
    **{f"eltwise_{op}_{t}": ELTWISE_COUNTED for op in ("add", "sub") for t in ("s8", "s16")},
    **{f"eltwise_{op}_s32": ELTWISE for op in ("add", "sub", "mul")},
    **{f"eltwise_mul_{t}": ELTWISE for t in ("s8", "s16")},
    **{f"eltwise_{op}_{t}": ELTWISE for op in ("max", "min") for t in ("s8", "u8", "s16", "s32")},
}

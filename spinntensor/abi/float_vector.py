"""Argument records of the float32 vector kernels; elements are IEEE 754 singles, passed as their bits."""

from spinntensor.abi.struct import struct

_COUNT = ("count", "uint32_t", "elements, >= 1")
_ALPHA = ("alpha", "uint32_t", "the factor's bits")

F32_BINARY = struct(
    "f32_binary",
    "y[i] = a[i] op b[i].",
    ("a", "const uint32_t *", "first operand"),
    ("b", "const uint32_t *", "second operand, or one scalar"),
    ("y", "uint32_t *", "result"),
    _COUNT,
    ("step", "uint32_t", "4, or 0 when b is a scalar"),
)
F32_ROWS = struct(
    "f32_rows",
    "y[i,j] = a[i,j] op b[i,j], rows of any distance: a distance or step of 0 repeats what b holds.",
    ("a", "const uint32_t *", "first operand"),
    ("b", "const uint32_t *", "second operand"),
    ("y", "uint32_t *", "result; may begin where a begins if its rows are not further apart"),
    ("rows", "uint32_t", "rows, >= 1"),
    ("columns", "uint32_t", "elements of a row, >= 1"),
    ("b_step", "uint32_t", "4, or 0 when b holds one element for each row"),
    ("a_row", "int32_t", "bytes from row to row of a"),
    ("b_row", "int32_t", "bytes from row to row of b"),
    ("y_row", "int32_t", "bytes from row to row of y"),
)
F32_COMPARE = struct(
    "f32_compare",
    "y[i] = a[i] op b[i], 1 or 0.",
    ("a", "const uint32_t *", "first operand"),
    ("b", "const uint32_t *", "second operand, or one scalar"),
    ("y", "uint8_t *", "result"),
    _COUNT,
    ("step", "uint32_t", "4, or 0 when b is a scalar"),
)
F32_MAP = struct(
    "f32_map",
    "y[i] = op x[i].",
    ("x", "const void *", "operand: words, or for conversions from bytes and halfwords those"),
    ("y", "uint32_t *", "result"),
    _COUNT,
)
F32_CONVERT = struct(
    "f32_convert",
    "y[i] = x[i] rounded half to even and clamped to an integer type.",
    ("x", "const uint32_t *", "operand"),
    ("y", "void *", "result: words, halfwords or bytes"),
    ("saturated", "uint32_t *", "one word: how many elements were clamped or NaN"),
    _COUNT,
)
F32_SCAL = struct(
    "f32_scal",
    "y[i] = alpha x[i].",
    ("x", "const uint32_t *", "operand"),
    ("y", "uint32_t *", "result"),
    _COUNT,
    _ALPHA,
)
F32_AXPY = struct(
    "f32_axpy",
    "y[i] = alpha x[i] + y[i], rounded twice.",
    ("x", "const uint32_t *", "operand"),
    ("y", "uint32_t *", "added to"),
    _COUNT,
    _ALPHA,
)
F32_GER = struct(
    "f32_ger",
    "a[i,j] = (alpha x[i]) y[j] + a[i,j], each operation rounded.",
    ("x", "const uint32_t *", "rows elements"),
    ("y", "const uint32_t *", "columns elements"),
    ("a", "uint32_t *", "rows x columns, added to"),
    ("rows", "uint32_t", "rows of a, >= 1"),
    ("columns", "uint32_t", "columns of a, >= 1"),
    _ALPHA,
)
F32_DOT = struct(
    "f32_dot",
    "y = sum of a[i] b[i] over mantissas with one exponent for a and one for b, rounded once.",
    ("a", "const uint32_t *", "first operand"),
    ("b", "const uint32_t *", "second operand; may be a"),
    ("y", "uint32_t *", "one word"),
    ("count", "uint32_t", "elements, 1 to 8192"),
    ("bits", "uint32_t", "magnitude bits of a mantissa, 25 to 30"),
)
F32_NRM2 = struct(
    "f32_nrm2",
    "y = square root of the rounded dot product of x with itself.",
    ("x", "const uint32_t *", "operand"),
    ("y", "uint32_t *", "one word"),
    ("count", "uint32_t", "elements, 1 to 8192"),
    ("bits", "uint32_t", "magnitude bits of a mantissa, 25 to 30"),
)
F32_SUM = struct(
    "f32_sum",
    "y[i] = sum of row i of x by a pairwise tree.",
    ("x", "const uint32_t *", "rows x columns"),
    ("y", "uint32_t *", "one word for each row"),
    ("scratch", "uint32_t *", "half a row of x, rounded up"),
    ("rows", "uint32_t", "rows, >= 1"),
    ("columns", "uint32_t", "columns, >= 1"),
)
F32_REDUCE = struct(
    "f32_reduce",
    "y[i] = reduction of row i of x.",
    ("x", "const uint32_t *", "rows x columns"),
    ("y", "uint32_t *", "one word for each row"),
    ("rows", "uint32_t", "rows, >= 1"),
    ("columns", "uint32_t", "columns, >= 1"),
)

F32_QUANTIZE = struct(
    "f32_quantize",
    "y[i] = clamp(zero + round(x[i] / scale)), found among the ends of the steps; what is lost is counted.",
    ("x", "const uint32_t *", "operand"),
    ("y", "uint8_t *", "result: bytes"),
    ("table", "const int32_t *", "257 keys: where y stops being clamped, steps 1 to 255, where it is again"),
    ("counts", "uint32_t *", "three words: elements clamped; those besides 0 that became 0; not finite"),
    _COUNT,
    ("zero", "uint32_t", "step of the zero point, 0 to 255"),
    ("first", "int32_t", "y of step 0: 0 unsigned, -128 signed"),
)
F32_TABLE = struct(
    "f32_table",
    "y[i] = table[x[i]] of bytes.",
    ("x", "const uint8_t *", "operand, word-aligned"),
    ("y", "uint32_t *", "result"),
    ("table", "const uint32_t *", "256 results, by the byte without a sign"),
    _COUNT,
)
F32_DEQUANTIZE = struct(
    "f32_dequantize",
    "y[i] = x[i] * scale, rounded once.",
    ("x", "const int32_t *", "operand"),
    ("y", "uint32_t *", "result"),
    _COUNT,
    ("high", "uint32_t", "scale = (high 2^32 + low) 2^(exponent - 222), the highest bit of high set"),
    ("low", "uint32_t", "see high"),
    ("exponent", "int32_t", "exponent field of scale * 2^32: 33 to 253"),
)

STRUCTS = (
    F32_BINARY,
    F32_ROWS,
    F32_COMPARE,
    F32_MAP,
    F32_CONVERT,
    F32_SCAL,
    F32_AXPY,
    F32_GER,
    F32_DOT,
    F32_NRM2,
    F32_SUM,
    F32_REDUCE,
    F32_QUANTIZE,
    F32_TABLE,
    F32_DEQUANTIZE,
)
KERNELS = {
    **{f"f32_{op}": F32_BINARY for op in ("add", "sub", "mul", "div", "max", "min")},
    **{f"f32_{op}_rows": F32_ROWS for op in ("add", "sub", "mul")},
    **{f"f32_{op}": F32_COMPARE for op in ("less", "less_equal", "greater", "greater_equal")},
    **{f"f32_{op}": F32_COMPARE for op in ("equal", "not_equal")},
    "f32_relu": F32_MAP,
    "f32_relu_gradient": F32_BINARY,
    "f32_neg": F32_MAP,
    "f32_abs": F32_MAP,
    "f32_sqrt": F32_MAP,
    "f32_scal": F32_SCAL,
    "f32_axpy": F32_AXPY,
    "f32_ger": F32_GER,
    "f32_dot": F32_DOT,
    "f32_nrm2": F32_NRM2,
    "f32_iamax": F32_REDUCE,
    "f32_reduce_sum": F32_SUM,
    "f32_reduce_max": F32_REDUCE,
    "f32_reduce_argmax": F32_REDUCE,
    **{f"f32_to_{t}": F32_CONVERT for t in ("s8", "s16", "s32")},
    **{f"f32_from_{t}": F32_MAP for t in ("s8", "s16", "s32")},
    "f32_quantize_8": F32_QUANTIZE,
    "f32_dequantize_8": F32_TABLE,
    "f32_dequantize_s32": F32_DEQUANTIZE,
}

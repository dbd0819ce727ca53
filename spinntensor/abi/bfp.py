"""Argument records of the bfp16 kernels: int16 mantissas with one power-of-two exponent."""

from spinntensor.abi.struct import struct

_PAIRS = ("pairs", "uint32_t", "pairs of elements, >= 1; an odd last one is padded by zero")
_SATURATED = ("saturated", "uint32_t *", "one word: how many results were clamped")
_SHIFT = ("shift", "uint32_t", "right shift of the sum, 0 to 31")

BFP_FROM_F32 = struct(
    "bfp_from_f32",
    "q[i] = clamp(rhe(x[i] / 2**e)).",
    ("x", "const uint32_t *", "float32, as bits"),
    ("q", "int16_t *", "mantissas"),
    ("counts", "uint32_t *", "two words: elements clamped, elements other than 0 that became 0"),
    _PAIRS,
    ("bias", "int32_t", "158 + e, e from -125 to 97"),
)
BFP_TO_F32 = struct(
    "bfp_to_f32",
    "y[i] = q[i] * 2**e.",
    ("q", "const int16_t *", "mantissas"),
    ("y", "uint32_t *", "float32, as bits"),
    _PAIRS,
    ("bias", "uint32_t", "141 + e, e from -125 to 97"),
)
BFP_ROUND13 = struct(
    "bfp_round13",
    "Outer panels of the 13-bit mantissas rhe(x / 2**shift).",
    ("x", "const int16_t *", "rows of mantissas, zero behind k up to 2*pairs"),
    (
        "panels",
        "uint32_t *",
        "ceil(rows/3) panels; with chunk words as A, else as B with one word of padding",
    ),
    ("rows", "uint32_t", "rows of x, >= 1; the last one fills the last panel"),
    ("pairs", "uint32_t", "pairs of k in a panel: even, >= 2"),
    ("pitch", "uint32_t", "bytes from row to row of x, a multiple of 4"),
    ("shift", "uint32_t", "0 to 4"),
    ("chunk_words", "uint32_t", "1: panels of A with fold words, 0: panels of B"),
)
BFP_ROUND = struct(
    "bfp_round",
    "x[i] = rhe(x[i] / 2**shift), in place.",
    ("x", "int16_t *", "mantissas, replaced"),
    ("quads", "uint32_t", "fours of elements, >= 1; missing last ones are padded by zero"),
    ("shift", "uint32_t", "0 to 4"),
)
BFP_DOT = struct(
    "bfp_dot",
    "z = sum of x[i] y[i], int64.",
    ("x", "const int16_t *", "mantissas"),
    ("y", "const int16_t *", "mantissas"),
    ("z", "int64_t *", "one double word"),
    _PAIRS,
)
BFP_AXPY = struct(
    "bfp_axpy",
    "y[i] = clamp(rhe((a x[i] + b y[i]) / 2**shift)).",
    ("x", "const int16_t *", "mantissas"),
    ("y", "int16_t *", "mantissas, replaced"),
    _SATURATED,
    _PAIRS,
    ("factors", "uint32_t", "a in the lower half, b in the upper one"),
    _SHIFT,
)
BFP_SCAL = struct(
    "bfp_scal",
    "y[i] = clamp(rhe(a x[i] / 2**shift)).",
    ("x", "const int16_t *", "mantissas"),
    ("y", "int16_t *", "mantissas"),
    _SATURATED,
    _PAIRS,
    ("factor", "int32_t", "a, -32767 to 32767"),
    _SHIFT,
)
BFP_NARROW = struct(
    "bfp_narrow",
    "y[i,j] = clamp(rhe(c[i,j] / 2**shift[i])).",
    ("c", "const int64_t *", "sums, row-major"),
    ("y", "int16_t *", "mantissas; column j of row i at y + i * y_row + j * y_step bytes"),
    ("shifts", "const uint32_t *", "one for each row, 0 to 31"),
    _SATURATED,
    ("m", "uint32_t", "rows, >= 1"),
    ("n", "uint32_t", "columns, >= 1"),
    ("y_step", "int32_t", "bytes from one column's output to the next"),
    ("y_row", "int32_t", "bytes from one row's output to the next"),
)
REDUCE_TOP = struct(
    "reduce_top",
    "y[i] = max |c[i,j]|.",
    ("c", "const int64_t *", "sums, row-major"),
    ("y", "uint64_t *", "a double word for each row"),
    ("rows", "uint32_t", "rows, >= 1"),
    ("columns", "uint32_t", "columns, >= 1"),
    ("accumulate", "uint32_t", "0: y = max |c|, 1: y = max(y, max |c|)"),
)
ADD_SUMS = struct(
    "add_s64",
    "y[i] = x[i] + y[i].",
    ("x", "const int64_t *", "sums"),
    ("y", "int64_t *", "sums that are added to"),
    ("count", "uint32_t", "elements, >= 1"),
)

STRUCTS = (
    BFP_FROM_F32,
    BFP_TO_F32,
    BFP_ROUND13,
    BFP_ROUND,
    BFP_DOT,
    BFP_AXPY,
    BFP_SCAL,
    BFP_NARROW,
    REDUCE_TOP,
    ADD_SUMS,
)
KERNELS = {
    "bfp16_from_f32": BFP_FROM_F32,
    "bfp16_to_f32": BFP_TO_F32,
    "bfp16_round13_outer_u32": BFP_ROUND13,
    "bfp16_round13": BFP_ROUND,
    "bfp16_dot": BFP_DOT,
    "bfp16_axpy": BFP_AXPY,
    "bfp16_scal": BFP_SCAL,
    "bfp16_narrow_s64": BFP_NARROW,
    "reduce_top_s64": REDUCE_TOP,
    "add_s64": ADD_SUMS,
}

"""Argument records of the float32 matrix product: block floating point in, exact 64-bit sums, float32 out."""

from spinntensor.abi.struct import struct

NONFINITE = 1 << 16
"""The exponent of a row that holds an infinity or a NaN: larger than any sum of two true ones.

`blas_arm/include/float_gemm.h` says the same.
"""

_X = ("x", "const uint32_t *", "float32 bits; row r starts (r/2)*pair_stride + (r%2)*row_stride bytes in")
_LAYOUT = (
    ("rows", "uint32_t", "rows of A, or columns of B, >= 1"),
    ("k", "uint32_t", "elements of a row, >= 1"),
    ("k_stride", "uint32_t", "bytes from one element of a row to the next"),
    ("row_stride", "uint32_t", "bytes from the first row of a pair to the second"),
    ("pair_stride", "uint32_t", "bytes from one pair of rows to the next"),
)

F32_TOP = struct(
    "f32_top",
    "The largest magnitude of each row, as the bits of a float32; NaN counts as larger than infinity.",
    _X,
    ("top", "uint32_t *", "a word for each row"),
    *_LAYOUT,
    ("accumulate", "uint32_t", "0: top = max|x|, 1: top = max(top, max|x|)"),
)

F32_PANEL = struct(
    "f32_panel",
    "Rows of float32 to one exponent each and int32 mantissas, in panels of two rows.",
    _X,
    ("top", "const uint32_t *", "the largest magnitude of each row, as f32_top gives it"),
    ("panels", "int32_t *", "ceil(rows/2) panels of k pairs (row 0, row 1); a missing last row is zero"),
    ("exponents", "int32_t *", "e of each row, FLOAT_NONFINITE where top is not finite"),
    ("count", "uint32_t *", "one word: the number of rows that are not finite is added to it"),
    *_LAYOUT,
    ("bits", "uint32_t", "magnitude bits b of a mantissa, 24 to 30"),
)

F32_GEMM = struct(
    "f32_gemm",
    "C[M,N] (+)= A[M,K] B[K,N], int32 x int32 -> int64; both operands in panels of two rows / columns.",
    ("a", "const int32_t *", "ceil(m/2) panels of k pairs (row 0, row 1)"),
    ("b", "const int32_t *", "ceil(n/2) panels of k pairs (column 0, column 1)"),
    ("c", "int64_t *", "C, row-major, leading dimension ldc"),
    ("m", "uint32_t", "rows of C, >= 1"),
    ("n", "uint32_t", "columns of C, >= 1"),
    ("k", "uint32_t", "length of the sums, >= 1"),
    ("ldc", "uint32_t", "double words from one row of C to the next"),
    ("accumulate", "uint32_t", "0: C = A B, 1: C += A B"),
)

F32_GEMV = struct(
    "f32_gemv",
    "y[M] (+)= A[M,K] x[K], int32 x int32 -> int64; A in panels of two rows, x as a panel of one.",
    ("a", "const int32_t *", "ceil(m/2) panels of k pairs (row 0, row 1)"),
    ("x", "const int32_t *", "k pairs (x, 0)"),
    ("y", "int64_t *", "y, contiguous"),
    ("m", "uint32_t", "rows of A, >= 1"),
    ("k", "uint32_t", "length of the sums, >= 1"),
    ("accumulate", "uint32_t", "0: y = A x, 1: y += A x"),
)

F32_RESULT = struct(
    "f32_result",
    "Y[M,N] = S[M,N] * 2**(ea[M] + eb[N] - 2 bits), int64 to float32, rounded once.",
    ("s", "const int64_t *", "sums, row-major, leading dimension lds"),
    ("ea", "const int32_t *", "exponent of each row"),
    ("eb", "const int32_t *", "exponent of each column"),
    ("y", "uint32_t *", "float32 bits, row-major, leading dimension ldy"),
    ("count", "uint32_t *", "one word: the number of finite sums that became infinite is added to it"),
    ("m", "uint32_t", "rows, >= 1"),
    ("n", "uint32_t", "columns, >= 1"),
    ("lds", "uint32_t", "double words from one row of S to the next"),
    ("ldy", "uint32_t", "words from one row of Y to the next"),
    ("bits", "uint32_t", "magnitude bits b of the mantissas, 24 to 30"),
)

STRUCTS = (F32_TOP, F32_PANEL, F32_GEMM, F32_GEMV, F32_RESULT)
KERNELS = {
    "convert_f32_top": F32_TOP,
    "convert_f32_panel": F32_PANEL,
    "gemm_f32_2x2_u64": F32_GEMM,
    "gemv_f32_4_u32": F32_GEMV,
    "convert_f32_result": F32_RESULT,
}

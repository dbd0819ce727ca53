"""Argument records of the matrix-product kernels."""

from spinntensor.abi.struct import struct

_ROWS = ("m", "uint32_t", "rows of C, >= 1")
_COLUMNS = ("n", "uint32_t", "columns of C, 1 to 65535")
_ACCUMULATE = ("accumulate", "uint32_t", "0: C = A B, 1: C += A B")

GEMM_S16 = struct(
    "gemm_s16",
    "C[M,N] (+)= A[M,K] B[K,N]; A and B packed in outer panels of three rows / columns.",
    ("a", "const uint32_t *", "A panels: ceil(M/3) x (3*pairs + chunks) words"),
    ("b", "const uint32_t *", "B panels: ceil(N/3) x 3*pairs words, then one word of padding"),
    ("c", "int32_t *", "C, row-major, leading dimension ldc"),
    _ROWS,
    _COLUMNS,
    ("pairs", "uint32_t", "pairs of k in a panel: even, >= 2"),
    ("ldc", "uint32_t", "words from one row of C to the next"),
    _ACCUMULATE,
)

GEMM_S16_FOLD = struct(
    "gemm_s16_fold",
    "C[M,N] (+)= A[M,K] B[K,N] with 64-bit C; outer panels whose A carries the fold words.",
    ("a", "const uint32_t *", "A panels: ceil(M/3) x (3*pairs + chunks) words"),
    ("b", "const uint32_t *", "B panels: ceil(N/3) x 3*pairs words, then one word of padding"),
    ("c", "int64_t *", "C, row-major, leading dimension ldc"),
    _ROWS,
    _COLUMNS,
    ("pairs", "uint32_t", "pairs of k in a panel: even, >= 2"),
    ("ldc", "uint32_t", "double words from one row of C to the next"),
    _ACCUMULATE,
)

GEMM_S8 = struct(
    "gemm_s8",
    "C[M,N] (+)= A[M,K] B[K,N]; bytes of A in panels of two rows, B and its sums in panels of four columns.",
    ("a", "const uint32_t *", "A panels: ceil(M/2) x (pairs + chunks) words"),
    ("b", "const uint32_t *", "B panels: ceil(N/4) x (4 + 4*pairs) words, then one word of padding"),
    ("c", "int32_t *", "C, row-major, leading dimension ldc"),
    _ROWS,
    _COLUMNS,
    ("pairs", "uint32_t", "pairs of k in a panel, >= 1"),
    ("ldc", "uint32_t", "words from one row of C to the next"),
    _ACCUMULATE,
)

GEMV_S16 = struct(
    "gemv_s16",
    "y[M] (+)= A[M,K] x[K]; A packed in panels of nine rows.",
    ("a", "const uint32_t *", "A panels: ceil(M/9) x (9*pairs + chunks) words"),
    ("x", "const uint32_t *", "x in pairs of k: pairs words, then one word of padding"),
    ("y", "int32_t *", "y, contiguous"),
    ("m", "uint32_t", "rows of A, >= 1"),
    ("pairs", "uint32_t", "pairs of k in a panel, >= 1"),
    ("accumulate", "uint32_t", "0: y = A x, 1: y += A x"),
)

GEMV_S8 = struct(
    "gemv_s8",
    "y[M] (+)= A[M,K] x[K]; bytes of A in panels of eight rows, x with its sum.",
    ("a", "const uint32_t *", "A panels: ceil(M/8) x (4*pairs + chunks) words"),
    ("x", "const uint32_t *", "the sums' start, x in pairs of k, then one word of padding"),
    ("y", "int32_t *", "y, contiguous"),
    ("m", "uint32_t", "rows of A, >= 1"),
    ("pairs", "uint32_t", "pairs of k in a panel, >= 1"),
    ("accumulate", "uint32_t", "0: y = A x, 1: y += A x"),
)

UNPACK_S8 = struct(
    "unpack_s8",
    "Expand packed int8 weights to the int16 A panels of the outer matrix products, chunk words included.",
    ("packed", "const uint32_t *", "panels x 3*pairs/2 words, four weights each"),
    ("a", "uint32_t *", "A panels: panels x (3*pairs + chunks) words"),
    ("patches", "const uint32_t *", "byte offsets into a of words whose upper weight is -128 above one >= 0"),
    ("panels", "uint32_t", "panels of three rows, >= 1"),
    ("pairs", "uint32_t", "pairs of k in a panel: even, >= 2"),
    ("npatches", "uint32_t", "entries of patches, may be 0"),
)

STRASSEN_SUMS = struct(
    "strassen_sums",
    "The four sums of blocks of B in Strassen's algorithm (Winograd's form), on outer panels of uint8 values.",
    ("b11", "const uint32_t *", "panels of B11: words in all"),
    ("b12", "uint32_t *", "panels of B12; becomes T3 = B22 - B12"),
    ("b21", "const uint32_t *", "panels of B21"),
    ("b22", "const uint32_t *", "panels of B22"),
    ("t1", "uint32_t *", "T1 = B12 - B11"),
    ("t2", "uint32_t *", "T2 = B22 - T1"),
    ("t4", "uint32_t *", "T4 = T2 - B21"),
    ("words", "uint32_t", "words of each, >= 1"),
)

STRASSEN_COMBINE = struct(
    "strassen_combine",
    "What four of the seven products of Strassen's algorithm (Winograd's form) add to the blocks of C.",
    ("c11", "const int32_t *", "P1"),
    ("c12", "int32_t *", "P6; becomes P1 + P6 + P5"),
    ("c21", "int32_t *", "P7; becomes P1 + P6 + P7"),
    ("c22", "int32_t *", "P5; becomes P1 + P6 + P7 + P5"),
    ("count", "uint32_t", "elements of each, >= 1"),
)

STRUCTS = (GEMM_S16, GEMM_S16_FOLD, GEMM_S8, GEMV_S16, GEMV_S8, UNPACK_S8, STRASSEN_SUMS, STRASSEN_COMBINE)
KERNELS = {
    "gemm_s16_3x3_outer_u32": GEMM_S16,
    "gemm_s16_fold_3x3_outer_u32": GEMM_S16_FOLD,
    "gemm_s8_2x4_outer_u32": GEMM_S8,
    "gemv_s16_9_u16": GEMV_S16,
    "gemv_s8_8_u16": GEMV_S8,
    "unpack_s8_outer_u32": UNPACK_S8,
    "strassen_sums_u8_x4": STRASSEN_SUMS,
    "strassen_combine_s32_x8": STRASSEN_COMBINE,
}

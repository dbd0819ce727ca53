"""Argument records of the float_math kernels: exp, log, tanh, sigmoid and softmax of float32."""

from spinntensor.abi.struct import struct

F32_UNARY = struct(
    "f32_unary",
    "y[i] = f(x[i]), float32 as 32-bit patterns; f by a table of 32-bit words.",
    ("x", "const uint32_t *", "operand"),
    ("y", "uint32_t *", "result"),
    ("table", "const uint32_t *", "constants of f (spinntensor.kernels._float_tables)"),
    ("count", "uint32_t", "elements, >= 1"),
)
F32_SOFTMAX = struct(
    "f32_softmax",
    "y[i,:] = softmax or log softmax of x[i,:], float32 as 32-bit patterns.",
    ("x", "const uint32_t *", "rows x columns, without gaps"),
    ("y", "uint32_t *", "rows x columns, without gaps"),
    ("exp_table", "const uint32_t *", "constants of exp"),
    ("log_table", "const uint32_t *", "constants of log; read by the log softmax only"),
    ("rows", "uint32_t", "rows, >= 1"),
    ("columns", "uint32_t", "columns, >= 1"),
)

STRUCTS = (F32_UNARY, F32_SOFTMAX)
KERNELS = {
    **{f"f32_{f}": F32_UNARY for f in ("exp", "log", "tanh", "sigmoid")},
    "f32_softmax": F32_SOFTMAX,
    "f32_log_softmax": F32_SOFTMAX,
}

"""Which operations of the graph kernels compute, and which not and why, so that a planner can refuse them by name."""

from __future__ import annotations

from collections.abc import Mapping

from spinntensor.ops.operation import family
from spinntensor.plan.recipes.elementwise import WAYS
from spinntensor.plan.recipes.reductions import REDUCTIONS

BYTES = ("int8", "uint8")
WORDS = ("float32", "int32")
PLAIN = ("float32", "int32", "int8", "uint8", "int64", "bool")

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "fill": PLAIN,
    **dict.fromkeys(("reshape", "transpose", "broadcast_to", "slice", "place"), (*PLAIN, "bfp16")),
    **dict.fromkeys(("concatenate", "pad"), PLAIN),
    "iota": ("int64",),
    "matmul": ("float32", "bfp16", *BYTES),
    "conv2d": ("float32", "bfp16", *BYTES),
    "conv2d_input": ("float32", "bfp16"),
    "conv2d_weight": ("float32", "bfp16"),
    "take": (*WORDS, "int64"),
    "scatter_add": (*WORDS, "int64"),
    "quantize": ("float32",),
    "quantize_bfp16": ("float32",),
    "dequantize": (*BYTES, "int32", "bfp16"),
    "requantize": ("int32",),
    "add_q": BYTES,
    "softmax_q": ("int8",),
    "max_pool": (*BYTES, "float32"),
    "avg_pool_q": BYTES,
    "sum_pool": ("float32",),
    "softmax": ("float32",),
    "log_softmax": ("float32",),
}
"""Operations that are not element-wise, and the formats in which recipes of their own compute them.

Views and `iota` cost nothing but room: an `iota` is a constant. Moves are done by DMA where their runs are whole double
words. `quantize_bfp16` is the largest magnitude, then `quantize_bfp16_to` by the exponent found.
"""

_WRAPS = "the word kernels wrap around; none reports a result that does not fit"
_ROUNDS = "no kernel rounds float32 to whole numbers"
_RANDOM = "no kernel draws random numbers (Philox)"
_WIDE = "no kernel works on 64-bit integers"

MISSING: Mapping[tuple[str, str], str] = {
    **{("take", f): "no kernel reads bytes by an index" for f in (*BYTES, "bool")},
    **{("where", f): "no kernel chooses between bytes" for f in (*BYTES, "bool")},
    **{(op, f): _WRAPS for op in ("multiply", "negative", "absolute") for f in ("int32", "int64")},
    **{
        (op, f): "no kernel divides integers"
        for op in ("floor_divide", "remainder")
        for f in ("int32", "int64")
    },
    **{(op, "float32"): _ROUNDS for op in ("floor", "ceil", "trunc", "round")},
    ("sign", "float32"): "no kernel takes the sign",
    **{("convert", f): "no kernel reports numbers that the other format does not hold" for f in PLAIN},
    **{(op, "int64"): _RANDOM for op in ("random_uniform", "random_normal", "random_integers")},
    **{
        (op, "int64"): _WIDE
        for op in ("maximum", "minimum", "max", "min", "argmax", "argmin", "sum", "prod", "cumsum")
    },
    **{("cumsum", f): "no kernel keeps a running sum" for f in WORDS},
    ("prod", "int32"): _WRAPS,
    ("sum", "int32"): _WRAPS,
    ("sum", "uint8"): "no kernel sums unsigned bytes",
    **{(op, f): "no kernel finds positions among these" for op in ("argmax", "argmin") for f in ("uint8",)},
    **{("argmin", f): "no kernel finds the position of the smallest integer" for f in ("int8", "int32")},
    ("max_pool", "int32"): "the pooling kernels take bytes and float32",
    **{("max_pool_index", f): "no kernel finds positions in windows" for f in (*WORDS, *BYTES)},
    **{("sum_pool", f): "no kernel sums windows of bytes without rounding" for f in BYTES},
}
"""Why no recipe computes an operation on a format (of its last operand, or of all it is listed for)."""


def covered(op: str, form: str, result: str = "") -> bool:
    """Whether kernels compute an operation on a format (of its last operand), and leave `result` where it is given."""
    form = family(form)
    if form in FAMILIES.get(op, ()) or (op, form) in REDUCTIONS:
        return True
    return any(key[:2] == (op, form) and result in ("", key[2]) for key in WAYS)


def reason(op: str, form: str, result: str = "") -> str | None:
    """Why kernels do not compute an operation on a format; None where they do.

    `result` is the format of the result, which matters for `convert` alone. KeyError for an operation that neither has
    recipes nor is listed.
    """
    return None if covered(op, form, family(result)) else MISSING[op, family(form)]

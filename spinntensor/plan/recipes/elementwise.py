"""Which kernels compute an element-wise operation, by the formats of its last operand and of its result.

Every way gives the bits of the operation in `spinntensor.ops`; where it needs more than one kernel, the parts follow
one another. Choices that need a proof are left out: they are listed in `missing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spinntensor.graph.graph import Graph, Node
from spinntensor.ops.operation import family

BYTES = {"float32": 4, "int32": 4, "int64": 4, "bfp16": 2, "int8": 1, "uint8": 1, "bool": 1}
"""Bytes of an element in memory; those of bfp16 are mantissas, int64 holds indices, which fit 32 bits (`layout`)."""


@dataclass(frozen=True)
class Part:
    """One kernel call of a way.

    Parameters
    ----------
    kernel : its name.
    sources : what it reads: operands by their number, the result of the part before by -1, of the one before by -2.
    scalar : a number that it reads as its second operand.
    format : of its result where that is not the operation's.
    word : the operand whose value is a word of the kernel's record, none by -1.
    """

    kernel: str
    sources: tuple[int, ...]
    scalar: float | None = None
    format: str = ""
    word: int = -1


Way = tuple[Part, ...]
Key = tuple[str, str, str]
"""Operation, format of its last operand, format of its result."""

_F, _I, _B = "float32", "int32", "bool"


def _one(kernel: str, operands: int) -> Way:
    return (Part(kernel, tuple(range(operands))),)


def _both(op: str, kernel: str, *formats: str) -> dict[Key, Way]:
    """An operation of two operands whose kernels are named after the type."""
    types = {"float32": "f32", "int32": "s32", "int8": "s8", "uint8": "u8"}
    return {(op, f, f): _one(kernel.format(types[f]), 2) for f in formats}


_NOT: Way = (Part("eltwise_sub_s8", (-1,), 1.0), Part("eltwise_min_u8", (-1,), 1.0))
"""Bytes 0 and 1 the other way round: less one, as unsigned 255 and 0, and at most one."""
_DIFFER: Way = (
    Part("eltwise_max_u8", (0, 1), format=_B),
    Part("eltwise_min_u8", (0, 1), format=_B),
    Part("eltwise_sub_s8", (-2, -1), format=_B),
)
"""Exclusive or of conditions."""
POWER, INVERSE = "power of two", "inverse power of two"
"""2**e and 2**-e of float32 magnitudes, e the exponent that bfp16 has for them (`ops.convert.least_exponent`)."""
_POWER: Way = (
    Part("eltwise_add_s32", (0,), 256 * 2.0**-149),  # what rounds to 2**15 has the next exponent
    Part("f32_max", (-1,), 2.0**-111),
    Part("f32_min", (-1,), (2 - 2.0**-23) * 2.0**111),
    Part("f32_mul", (-1,), 2.0**-14),
    Part("f32_mul", (-1,), 2.0**23 + 1),
    Part("f32_mul", (-1,), 1 - 2.0**-24),
    Part("f32_sub", (-2, -1)),
)
"""The power of two in a number is what its product with 2**23 + 1 loses when it shrinks by 2**-24 (S. M. Rump,
T. Ogita and S. Oishi, "Accurate floating-point summation part I", SIAM J. Sci. Comput. 31 (2008), 3.6)."""
_INVERSE: Way = (
    *_POWER,
    Part(
        "eltwise_sub_s32", (-1,), 2.0**127, "int32"
    ),  # the bits of 2**(127 - e) are those of 2**127 less e steps
    Part("eltwise_mul_s32", (-1,), -1.0),
)
UNORDERED = "greater or unordered"
"""Whether the first is larger, or one of them is a NaN."""
_COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
_LARGER = {"less": 0, "greater_equal": 0, "greater": 1, "less_equal": 1}
"""For an order of integers, the operand that the larger of both is compared with."""


def _compared(op: str, form: str) -> Way:
    """A comparison of integers: the difference of both, or of the larger and one of them, is 0 or not.

    Differences of words wrap, and those of bytes saturate: neither makes 0 of two numbers that differ.
    """
    kind = {"int8": "s8", "uint8": "u8"}.get(form, "s32")
    bytes_, found = kind != "s32", (0, 1)
    parts: list[Part] = []
    if op in _LARGER:
        parts, found = [Part(f"eltwise_max_{kind}", (0, 1), format=form)], (-1, _LARGER[op])
    parts.append(Part("eltwise_sub_s8" if bytes_ else "eltwise_sub_s32", found, format=form))
    unlike = op in ("not_equal", "less", "greater")
    if bytes_:
        return (*parts, Part("eltwise_min_u8", (-1,), 1.0, _B), *(() if unlike else _NOT))
    last = Part("f32_not_equal" if unlike else "f32_equal", (-1,), 0.0)
    return (*parts, Part("f32_from_s32", (-1,), format=_F), last)


WAYS: Mapping[Key, Way] = {
    **{
        (op, _F, _F): _one(f"f32_{kernel}", 2)
        for op, kernel in {
            "add": "add",
            "subtract": "sub",
            "multiply": "mul",
            "divide": "div",
            "maximum": "max",
            "minimum": "min",
        }.items()
    },
    **{(op, _F, _F): _one(f"f32_{op}", 1) for op in ("sqrt", "exp", "log", "tanh", "sigmoid")},
    ("relu", _F, _F): _one("f32_relu", 1),
    ("negative", _F, _F): _one("f32_neg", 1),
    ("absolute", _F, _F): _one("f32_abs", 1),
    **{(op, _F, _B): _one(f"f32_{op}", 2) for op in _COMPARISONS},
    **{(op, f, _B): _compared(op, f) for op in _COMPARISONS for f in ("int8", "uint8", _I, "int64")},
    (UNORDERED, _F, _B): (Part("f32_less_equal", (0, 1)), *_NOT),
    **{("where", f, f): _one("select_s32", 3) for f in (_F, _I, "int64")},
    **{(op, f, f): _one(f"eltwise_{op[:3]}_s32", 2) for op in ("add", "subtract") for f in (_I, "int64")},
    ("convert", _I, "int64"): (Part("eltwise_max_s32", (0, 0)),),
    **_both("maximum", "eltwise_max_{}", "int32", "int8", "uint8"),
    **_both("minimum", "eltwise_min_{}", "int32", "int8", "uint8"),
    ("logical_and", _B, _B): _one("eltwise_min_u8", 2),
    ("logical_or", _B, _B): _one("eltwise_max_u8", 2),
    ("logical_not", _B, _B): (Part("eltwise_sub_s8", (0,), 1.0), Part("eltwise_min_u8", (-1,), 1.0)),
    **{(op, _B, _B): _DIFFER for op in ("logical_xor", "not_equal")},
    ("equal", _B, _B): (*_DIFFER, *_NOT),
    ("convert", "int8", _F): _one("f32_from_s8", 1),
    ("convert", _B, _F): _one("f32_from_s8", 1),
    **{("quantize", _F, f): _one("f32_quantize_8", 1) for f in ("int8", "uint8")},
    **{("dequantize", f, _F): _one("f32_dequantize_8", 1) for f in ("int8", "uint8")},
    ("dequantize", _I, _F): _one("f32_dequantize_s32", 1),
    ("quantize_bfp16_to", _F, "bfp16"): _one("bfp16_from_f32", 1),
    ("dequantize", "bfp16", _F): _one("bfp16_to_f32", 1),
    ("dequantize", _F, _F): (Part("bfp16_to_f32", (0,), word=1),),
    ("round_bfp16", _F, "bfp16"): (Part("bfp16_from_f32", (0,), word=1),),
    ("round_bfp16 axis", _F, "bfp16"): (Part("f32_mul", (0, 1), format=_F), Part("bfp16_from_f32", (-1,))),
    ("dequantize axis", _F, _F): (Part("bfp16_to_f32", (0,)), Part("f32_mul", (-1, 1))),
    (POWER, _F, _F): _POWER,
    (INVERSE, _F, _F): _INVERSE,
}
"""Conditions are bytes 0 and 1. `relu` is the maximum with a constant +0.

Sums and differences of integers are those that fit 32 bits: they are places in tensors (labels, indices), and one that
lies outside is found by what reads or writes there.

The exponent of `round_bfp16` and of `dequantize` is a word of the kernel's record, made of the largest magnitude when
the kernel is called. With an exponent for each index of an axis it is 0, and the second operand of the `axis` forms
holds the powers of two, by which float32 is multiplied exactly (or to less than half a mantissa); elements are then not
counted as lost where the product is 0.
"""

COMMUTATIVE = frozenset(
    {
        "add",
        "multiply",
        "maximum",
        "minimum",
        "logical_and",
        "logical_or",
        "logical_xor",
        "equal",
        "not_equal",
    }
)
"""Operations whose operands may change places; a NaN is the same one either way."""


def way(op: str, operand: str, result: str) -> Way | None:
    """How the operation is computed, or None where no kernels do it."""
    return WAYS.get((op, family(operand), family(result)))


def kernel_for(graph: Graph, node: Node) -> tuple[str, ...] | None:
    """The kernels that compute an element-wise node, in order; None where there are none."""
    found = way(node.op, graph[node.inputs[-1]].type.format, node.type.format) if node.inputs else None
    return None if found is None else tuple(part.kernel for part in found)

"""The tensor operations, by families; `OPERATIONS` is the table that all interpretations are taken from."""

from spinntensor.ops import (
    arithmetic,
    compare,
    convert,
    convolution,
    extreme,
    index,
    matmul,
    pooling,
    quantized,
    random,
    reduce,
    rounding,
    scan,
    shape,
    softmax,
    transcendental,
)
from spinntensor.ops.operation import DTYPES, FORMATS, Counted, Operation, Value, family, table

_FAMILIES = (
    shape,
    convert,
    quantized,
    pooling,
    random,
    arithmetic,
    rounding,
    compare,
    extreme,
    reduce,
    scan,
    index,
    matmul,
    convolution,
    transcendental,
    softmax,
)

OPERATIONS = table([o for family in _FAMILIES for o in family.OPERATIONS])
RULES = {name: o.rule for name, o in OPERATIONS.items()}
GRADIENTS = {name: o.gradient for name, o in OPERATIONS.items() if o.gradient is not None}

__all__ = [
    "DTYPES",
    "FORMATS",
    "GRADIENTS",
    "OPERATIONS",
    "RULES",
    "Counted",
    "Operation",
    "Value",
    "family",
]

"""The tensor operations, by families; `OPERATIONS` is the table that all interpretations are taken from."""

from spinntensor.ops import arithmetic, matmul, reduce, shape, transcendental
from spinntensor.ops.operation import Operation, table

_FAMILIES = (shape, arithmetic, reduce, matmul, transcendental)

OPERATIONS = table([o for family in _FAMILIES for o in family.OPERATIONS])
RULES = {name: o.rule for name, o in OPERATIONS.items()}
GRADIENTS = {name: o.gradient for name, o in OPERATIONS.items() if o.gradient is not None}

__all__ = ["GRADIENTS", "OPERATIONS", "RULES", "Operation"]

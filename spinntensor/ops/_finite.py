"""Results of float32: whether all are finite, in one pass; else NaN made canonical, overflows and NaN counted.

Finite results are the common case and cost that pass alone. Everything else here runs only for the rest.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from spinntensor.kernels._f32 import NAN
from spinntensor.ops.operation import Counted

_LARGEST = np.float32(np.finfo(np.float32).max)


@njit(cache=True, nogil=True)
def any_special(x: np.ndarray) -> bool:
    """Whether a contiguous vector of float32 holds an infinity or NaN."""
    special = False
    for i in range(x.size):  # to the end: without a way out it is done by vector instructions
        special |= not (abs(x[i]) <= _LARGEST)
    return special


def settled(y: np.ndarray, *operands: np.ndarray) -> np.ndarray | Counted:
    """`y`, an element-wise result in float32, as it is to be returned.

    A ufunc's scalar becomes an array of shape (). Counts: `overflowed`, infinities from finite operands; `invalid`,
    NaN from operands none of which is NaN.
    """
    if type(y) is not np.ndarray:
        y = np.asarray(y)
    if not any_special(y.ravel("K")):
        return y
    finite, nan = np.isfinite(operands[0]), np.isnan(operands[0])
    for operand in operands[1:]:
        finite, nan = finite & np.isfinite(operand), nan | np.isnan(operand)
    return reported(y, finite, nan)


def canonical(y: np.ndarray) -> np.ndarray:
    """`y` for an operation that makes neither infinities nor NaN of other numbers: only patterns of NaN change."""
    if type(y) is not np.ndarray:
        y = np.asarray(y)
    return _copied(y)[0] if any_special(y.ravel("K")) else y


def reported(y: np.ndarray, finite: np.ndarray, nan: np.ndarray) -> np.ndarray | Counted:
    """A copy of `y` with canonical NaN, counted by what it was made from.

    finite, nan : which results come from finite operands alone, and which from a NaN; of y's shape, or broadcast.
    """
    y, lost = _copied(y)
    found = {
        "overflowed": int(np.count_nonzero(np.isinf(y) & finite)),
        "invalid": int(np.count_nonzero(lost & ~nan)),
    }
    counts = {name: number for name, number in found.items() if number}
    return Counted(y, counts) if counts else y


def _copied(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A copy with canonical NaN, and where these are."""
    y = np.array(y, order="C")
    lost = np.isnan(y)
    y.view(np.uint32)[lost] = NAN
    return y, lost

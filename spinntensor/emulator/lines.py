"""Arrays with cache lines of their own: threads that drive different cores must not write to one line."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LINE = 128  # bytes; x86 processors fetch lines of 64 in pairs


def zeros(shape: int | tuple[int, ...], dtype: Any = np.int64) -> NDArray[Any]:
    """Zeros that begin on a cache line and are followed by nothing on their last one."""
    kind = np.dtype(dtype)
    nbytes = prod(shape if isinstance(shape, tuple) else (shape,)) * kind.itemsize
    raw = np.zeros(nbytes + 2 * _LINE, np.uint8)
    start = -raw.ctypes.data % _LINE
    return raw[start : start + nbytes].view(kind).reshape(shape)

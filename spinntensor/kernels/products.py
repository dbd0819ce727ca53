"""Host twins of the exact matrix products: one loop for every kernel whose sums are integers."""

from __future__ import annotations

import numpy as np
from numba import njit

from spinntensor.kernels.kernel import Operands


@njit(cache=True)
def _gemm(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            x = c.dtype.type(a[i, k])
            for j in range(b.shape[1]):
                c[i, j] += x * c.dtype.type(b[k, j])


def gemm(operands: Operands, sums: type = np.int32) -> np.ndarray:
    """C = A B (+ c): A[M,K] and B[K,N] of any integer type, C[M,N] of type `sums`, which must hold every sum."""
    a, b, c = operands["a"], operands["b"], operands.get("c")
    out = np.zeros((a.shape[0], b.shape[1]), sums) if c is None else c.copy()
    _gemm(a, b, out)
    return out


def gemv(operands: Operands) -> np.ndarray:
    """y = A x (+ y), int32 [M]."""
    y = operands.get("y")
    columns = {"a": operands["a"], "b": operands["x"][:, None], "c": None if y is None else y[:, None]}
    return gemm(columns)[:, 0]

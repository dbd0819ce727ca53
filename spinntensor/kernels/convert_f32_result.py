"""Exact int64 sums of block floating point to float32, rounded once, overflows counted."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinntensor.abi.float_gemm import F32_RESULT, NONFINITE
from spinntensor.kernels.block_float import results
from spinntensor.kernels.check import array, word
from spinntensor.kernels.kernel import Call, Kernel, Operands, Shape, Work, given, room

NAME = "convert_f32_result"
UNROLL = 8
LIMIT = 512
"""Exponents of rows lie between -148 and 128; a little more is allowed to those who scale them."""


def sample(rng: np.random.Generator, shape: Shape, extreme: bool) -> Operands:
    m, n = shape["m"], shape["n"]
    size = rng.integers(0, 63, (m, n)) if extreme else rng.integers(50, 62, (m, n))
    s = rng.integers(-(2**63 - 1), 2**63 - 1, (m, n)) >> (62 - size)
    ea, eb = (rng.integers(-3, 5, x, np.int32) for x in (m, n))
    if extreme:
        step = rng.integers(0, 62, (m, n))
        s = np.where(rng.random((m, n)) < 0.5, s >> step << step, s)  # ties and powers of two
        s[rng.random((m, n)) < 0.1] = 0
        ea, eb = (rng.integers(-148, 129, x, np.int32) for x in (m, n))
        ea[rng.random(m) < 0.2] = NONFINITE
        eb[rng.random(n) < 0.1] = NONFINITE
    return {"s": s, "ea": ea, "eb": eb, "bits": int(rng.integers(24, 31)) if extreme else 27}


def lower(operands: Operands) -> Call:
    """s int64 [M,N]; ea int32 [M], eb int32 [N]: -512 to 512 or NONFINITE; bits 24 to 30."""
    s = array(NAME, "s", operands["s"], np.int64, 2)
    m, n = s.shape
    ea = array(NAME, "ea", operands["ea"], np.int32, 1, {0: m})
    eb = array(NAME, "eb", operands["eb"], np.int32, 1, {0: n})
    for name, e in (("ea", ea), ("eb", eb)):
        true = e[e != NONFINITE]
        if true.size:
            word(NAME, name, int(true[np.abs(true.astype(np.int64)).argmax()]), -LIMIT, LIMIT)
    return Call(
        {
            "s": given(s),
            "ea": given(ea),
            "eb": given(eb),
            "y": room((m, n), np.uint32),
            "count": given(np.zeros(1, np.uint32), "inout"),
        },
        {"m": m, "n": n, "lds": n, "ldy": n, "bits": word(NAME, "bits", operands["bits"], 24, 30)},
    )


def result(operands: Operands, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.append(outputs["y"].reshape(-1), outputs["count"])


def twin(operands: Operands) -> np.ndarray:
    """uint32: the float32 bits of s * 2**(ea + eb - 2 bits), row by row, then the number that became infinite."""
    s = operands["s"]
    y = np.empty(s.shape, np.uint32)
    overflows = results(s, operands["ea"], operands["eb"], operands["bits"], y)
    return np.append(y.reshape(-1), np.uint32(overflows))


def features(shape: Shape) -> tuple[float, ...]:
    """Call, rows, columns, elements, runs of eight elements over all rows."""
    m, n = shape["m"], shape["n"]
    return 1, m, n, m * n, m * -(-n // UNROLL)


def work(shape: Shape) -> Work:
    """Loads and store 4, magnitude 5, normalisation 14, rounding and sign 6: 29 cycles an element."""
    elements = shape["m"] * shape["n"]
    return Work(0, elements, 29 * elements)


KERNEL = Kernel(
    name=NAME,
    args=F32_RESULT,
    dims={"m": (1, 8), "n": (1, 12)},
    sample=sample,
    lower=lower,
    result=result,
    twin=twin,
    features=features,
    work=work,
    bench=({"m": 32, "n": 32}, {"m": 32, "n": 8}),
)

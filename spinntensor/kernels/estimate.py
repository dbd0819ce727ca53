"""Cycle estimators: a weighted sum of a kernel's structural counts.

The weights are in `cycles.json`, fitted by `bench/fit.py` from calls executed on the emulated core; the planner asks
here, and the tests compare with the core on shapes that were never fitted.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np

from spinntensor.errors import EstimateError
from spinntensor.kernels.kernel import Kernel, Shape

WEIGHTS = Path(__file__).with_name("cycles.json")


@lru_cache(maxsize=1)
def weights() -> dict[str, list[float]]:
    """The fitted weights by kernel name: model cycles per count."""
    return json.loads(WEIGHTS.read_text())


def estimate(kernel: Kernel, shape: Shape) -> float:
    """Model cycles of one call of `kernel` on `shape`, call and return included.

    Raises EstimateError for a kernel that was not fitted since its counts changed (run `python bench/fit.py`).
    """
    fitted, counts = weights().get(kernel.name, []), kernel.features(shape)
    if len(fitted) != len(counts):
        raise EstimateError(kernel.name, len(fitted), len(counts))
    return float(np.dot(fitted, counts))

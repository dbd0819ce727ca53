"""Small labelled data for tests that train: quick to learn, equal every time."""

from __future__ import annotations

import numpy as np

WIDTH = 6
"""Numbers of a sample."""


def small_data(count: int = 60, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Three classes that are easily told apart: x [n, 6] float32, y int32; class i has its 2s at 2i and 2i + 1."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, count)
    x = rng.standard_normal((count, WIDTH)) * 0.3 + 2 * np.eye(3)[y].repeat(2, axis=1)
    return x.astype(np.float32), y.astype(np.int32)

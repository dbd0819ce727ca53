"""Real data that needs no download: the digits and the two photographs that come with scikit-learn."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from spinntensor.nn.data.check import optional

Pair: TypeAlias = tuple[np.ndarray, np.ndarray]

DIGITS = tuple("0123456789")
"""Names of the classes of `digits`."""

PHOTOGRAPHS = ("china", "flower")
"""Names of the bundled photographs."""


def digits() -> tuple[Pair, Pair]:
    """Handwritten digits of 8x8 pixels, scikit-learn's: ((x_train, y_train), (x_test, y_test)).

    x : float32 [n, 8, 8, 1], 0 (paper) to 1 (ink); 1,347 samples to train with, 450 held out.
    y : int32 [n], the digit.

    The split is scikit-learn's own with random_state=0, test_size=0.25. MissingDependencyError without scikit-learn.
    """
    data = optional("sklearn.datasets", "scikit-learn").load_digits()
    x = (data.images[..., np.newaxis] / 16).astype(np.float32)
    y = data.target.astype(np.int32)
    train_test_split = optional("sklearn.model_selection", "scikit-learn").train_test_split
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0)
    return (x_train, y_train), (x_test, y_test)


def photographs() -> dict[str, np.ndarray]:
    """The photographs that come with scikit-learn, by name: uint8 [427, 640, 3], red, green, blue.

    china : a temple of the Summer Palace.    flower : a dahlia. MissingDependencyError without scikit-learn or Pillow.
    """
    datasets = optional("sklearn.datasets", "scikit-learn")
    optional("PIL.Image", "pillow")
    return {name: np.array(datasets.load_sample_image(f"{name}.jpg")) for name in PHOTOGRAPHS}

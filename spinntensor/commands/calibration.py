"""Samples that ranges of numbers are taken from: for int8 grids, and for statistics of random weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinntensor.commands.inputs import Inputs, Shape, inputs
from spinntensor.nn import data

CROPS = 4
"""Crops of each bundled photograph."""
MOST = 64
"""Samples that are used of a larger source, at equal distances."""


@dataclass(frozen=True)
class Calibration:
    """Samples [n, *shape], float32, and where they come from in words."""

    x: np.ndarray
    words: str


def calibration(path: str | None, shape: Shape, given: Inputs) -> Calibration:
    """Samples for a network.

    Parameters
    ----------
    path : what the user named, in the way of inputs; None takes crops of the bundled photographs for networks for
        images, the bundled digits for 8x8 ones, and for others the inputs themselves.
    shape : of the network's input.
    given : the inputs of the command.
    """
    if path is not None:
        return _some(inputs([path], shape), path)
    if shape == (8, 8, 1):
        (x, y), _ = data.digits()
        return _some(Inputs(data.Arrays(x, y), ()), "the bundled digits")
    if len(shape) == 3 and shape[0] == shape[1] and shape[2] in (1, 3):
        images = [data.crops(image, CROPS, 0, shape[0], shape[2]) for image in data.photographs().values()]
        x = np.concatenate(images)
        return Calibration(x, f"{len(x)} crops of the bundled photographs")
    return _some(given, "the inputs")


def _some(found: Inputs, where: str) -> Calibration:
    """Up to MOST samples of a source."""
    count = len(found.source)
    chosen = np.arange(count) if count <= MOST else np.linspace(0, count - 1, MOST).astype(np.int64)
    x, _ = data.Scaled(found.source).take(chosen)
    return Calibration(x, f"{len(x):,} samples of {where}" if len(x) < count else where)

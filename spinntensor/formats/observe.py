"""What calibration remembers of a tensor: ends and a histogram, of the whole or of each index of an axis.

Bins are runs of float32 bit patterns (equal sign, exponent and first bits of the fraction), so that a batch of any
range falls into bins that are known beforehand. The outcome depends on the multiset of all elements alone: not on
their order, nor on how they were cut into batches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from spinntensor.errors import OperandError
from spinntensor.formats.convert import by_channel, checked

FRACTION_BITS = (7, 4)
"""Bits of the fraction that a bin fixes: of a whole tensor (512 KB), of one index of an axis (64 KB each)."""


@dataclass(frozen=True, eq=False)
class Observed:
    """Ends and histogram of everything seen; `observe` makes a new one that has seen more.

    Parameters
    ----------
    axis : None, or the axis whose indices are kept apart, counted from the front.
    low, high : float32 [channels], the smallest and the largest element.
    counts : int64 [channels, bins]; bin b holds bit patterns b << shift .. (b + 1 << shift) - 1.
    """

    axis: int | None
    low: np.ndarray
    high: np.ndarray
    counts: np.ndarray

    @property
    def shift(self) -> int:
        return 33 - self.counts.shape[1].bit_length()


@njit(cache=True)
def _count(bits: np.ndarray, shift: int, counts: np.ndarray) -> None:
    for o in range(bits.shape[0]):
        for c in range(bits.shape[1]):
            for j in range(bits.shape[2]):
                counts[c, bits[o, c, j] >> np.uint32(shift)] += 1


def observe(x: np.ndarray, before: Observed | None = None, axis: int | None = None) -> Observed:
    """What was seen `before` (None: nothing) and the batch `x`, float32 of any shape.

    `axis` is asked for once, with the first batch; later ones go on with that of `before`.
    OperandError for an empty or non-finite batch, an axis that x has not, another size of that axis.
    """
    x = checked("observe", x)
    if before is not None:
        if axis is not None and axis % max(x.ndim, 1) != before.axis:
            raise OperandError(
                "observe", "axis", f"{axis}", f"{before.axis}", "go on with the axis of `before`"
            )
        axis = before.axis
    if axis is not None:
        if not -x.ndim <= axis < x.ndim:
            expected = f"an axis from {-x.ndim} to {x.ndim - 1}"
            raise OperandError(
                "observe", "axis", f"{axis}", expected, f"x has shape {x.shape}: choose one of its axes"
            )
        axis %= x.ndim
    batch = x.reshape(by_channel(x, axis))
    channels = batch.shape[1]
    if before is None:
        bins = 1 << 9 + FRACTION_BITS[axis is not None]
        ends = np.full(channels, np.inf, np.float32)
        before = Observed(axis, ends, -ends, np.zeros((channels, bins), np.int64))
    elif before.low.size != channels:
        expected = f"size {before.low.size} on axis {axis}"
        raise OperandError("observe", "x", f"shape {x.shape}", expected, "observe batches of one tensor")
    counts = before.counts.copy()
    _count(batch.view(np.uint32), before.shift, counts)
    low, high = (
        np.minimum(before.low, batch.min(axis=(0, 2))),
        np.maximum(before.high, batch.max(axis=(0, 2))),
    )
    return replace(before, low=low, high=high, counts=counts)


def bins_of(observed: Observed, channel: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Occupied bins of a channel in rising order: float64 inner ends (nearer to 0), outer ends, int64 counts.

    Ends are cut to the smallest and largest element, so a bin never claims more than was seen.
    """
    counts = observed.counts[channel]
    at = np.flatnonzero(counts)
    first = (at << observed.shift).astype(np.uint32)
    last = first + np.uint32((1 << observed.shift) - 1)
    low, high = float(observed.low[channel]), float(observed.high[channel])
    inner, outer = (np.clip(b.view(np.float32).astype(np.float64), low, high) for b in (first, last))
    order = np.argsort(inner, kind="stable")
    # -0 and +0 tie, and so does a bin of subnormals with the zero of its sign: harmless, they are neighbours
    return inner[order], outer[order], counts[at][order]

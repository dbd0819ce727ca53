"""How a channel of the wide depthwise kernels computes its bytes: fast constants with a proof, or the exact route.

The bytes are the format's in either case, `y = clamp(zp + rhe(a * m * 2**p / 2**32), low, high)` of the sum a
with its bias. The fast route has no test for ties and no 64-bit addition:

    y = low + clamp(floor((a * g + b) * n / 2**42), 0, 255)

Both are non-decreasing in a, so they agree on every reachable sum if they reach each output at the same sum.
`fast` looks for integers (g, b, n) for which they do: at most 255 thresholds, compared in integers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHIFT = 42
WORD = 1 << 31
TRIES = 256
"""Weight factors that are tried; a channel without many ties rarely needs more than the first."""


@dataclass(frozen=True)
class Format:
    """A channel's requantisation: multiplier m < 2**31, left shift p, zero point and limits of the output."""

    m: int
    p: int
    zp: int
    low: int
    high: int

    def threshold(self, y: int) -> int:
        """The least sum whose output is y or more, where y is above `low`: a tie belongs to the even neighbour."""
        k = y - self.zp
        sums, rest = divmod((2 * k - 1) * WORD, self.m << self.p)
        return sums + (1 if rest or k % 2 else 0)


@dataclass(frozen=True)
class Fast:
    """Factor g of the weights, b of the sum (without the channel's bias) and multiplier n of the fast route."""

    g: int
    b: int
    n: int


def fast(form: Format, w: np.ndarray, bias: int, x_low: int, x_high: int) -> Fast | None:
    """Constants whose outputs are the format's for every x in [x_low, x_high], or None.

    None if the limits are not 256 apart, the scale is 1/8 or more (unless weights are small), the sums need most of
    32 bits, or ties fall to both sides: a power of two, or a few times one, as multiplier.
    """
    if form.high - form.low != 255:
        return None
    weights = w.astype(np.int64).reshape(-1)
    ends = np.sort(np.outer((x_low, x_high), weights), axis=0).sum(axis=1) + bias
    first, last = int(ends[0]), int(ends[1])
    reach = int(np.abs(weights).sum()) * max(abs(x_low), abs(x_high))
    # output j + low begins at sum at[j-1]: the last sum below it must not reach it, the first must
    at = np.clip([form.threshold(form.low + j) for j in range(1, 256)], first, last + 1)
    j = np.arange(1, 256, dtype=np.int64) << SHIFT
    inside, above = at <= last, at > first
    scale = form.m << form.p
    most = min(32767 // max(int(weights.max()), 1), 32768 // max(-int(weights.min()), 1), 2 * TRIES - 1)
    least = max(most - TRIES, (scale << SHIFT - 32) // WORD)
    for g in range(most, least, -1):
        exact = ((2 * (form.zp - form.low) + 1) * WORD * g) // scale
        for b in range(exact - 2, exact + 4):
            if abs(b + g * bias) + g * reach >= WORD:
                continue
            reached, missed = at[inside] * g + b, (at[above] - 1) * g + b
            if len(reached) and reached.min() <= 0:
                continue
            n_low = int((-(-j[inside] // reached)).max(initial=1))
            below = missed > 0
            n_high = int(((j[above][below] - 1) // missed[below]).min(initial=WORD - 1))
            if n_low <= n_high:
                return Fast(g, b, min(max(n_low, (scale << SHIFT - 32) // g), n_high))
    return None

"""Draws what ran when as text: one line a lane, one character a stretch of model cycles."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from spinntensor.machine.tile_engine import Span

LANES = ("dma in", "dma out", "compute")
_SHADES = " ░▒▓█"


def busy(spans: Sequence[Span], start: float, end: float) -> float:
    """The share of [start, end) that the spans, which do not overlap each other, cover."""
    return sum(max(0.0, min(s.end, end) - max(s.start, start)) for s in spans) / (end - start)


def overlap(spans: Sequence[Span]) -> int:
    """Model cycles in which a transfer and a kernel run at once."""
    moving = [s for s in spans if s.lane.startswith("dma")]
    computing = [s for s in spans if s.lane == "compute"]
    return sum(max(0, min(a.end, b.end) - max(a.start, b.start)) for a in moving for b in computing)


def text(spans: Sequence[Span], width: int = 100) -> str:
    """The time line, `width` columns wide; darker is busier."""
    total = max(s.end for s in spans)
    edges = [total * i / width for i in range(width + 1)]
    rows = [f"{'model cycles':>12} 0{total:>{width - 1},}"]
    for lane in LANES:
        mine = [s for s in spans if s.lane == lane]
        shares = [busy(mine, a, b) for a, b in pairwise(edges)]
        cells = "".join(_SHADES[min(4, round(4 * share + 0.49)) if share else 0] for share in shares)
        rows.append(f"{lane:>12} {cells} {busy(mine, 0, total):.0%}")
    return "\n".join(rows)

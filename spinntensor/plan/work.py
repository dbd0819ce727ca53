"""What a worker does in a share, in numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """Cycles and bytes of a row of tiles on one worker; see `plan.share.Share` for each."""

    lead: float
    body: float
    tail: float
    issue: float
    loaded: int
    stored: int

"""A share: what one worker does of one step of a stage in one period, and what it waits for."""

from __future__ import annotations

from dataclasses import dataclass

TILES, JOIN = "tiles", "join"
"""Steps of a stage: its tiles, and joining their partial sums."""


@dataclass(frozen=True)
class Wait:
    """A share whose results, or whose reading of a buffer, another share waits for: its number, and how many periods
    ago it ran (0: in the same one)."""

    share: int
    periods: int = 0


@dataclass(frozen=True)
class Share:
    """Work of one core between two doorbells.

    Parameters
    ----------
    number : its place in the plan's shares.
    stage, step : the stage's number, `tiles` or `join`.
    worker : 0 to workers - 1.
    tiles : how many it computes.
    lead : cycles of transfers before its first kernel can start; they may pass while the share before still computes,
        where what it waits for has happened.
    body : cycles from its first kernel to its last, transfers that hold it up included.
    tail : cycles of the last result's transfer; the worker's next share may go on meanwhile.
    issue : cycles of kernels and of the tile engine within `body`.
    loaded, stored : bytes by DMA.
    waits : shares of this and of other workers that must be done before it may load values or store results.
    """

    number: int
    stage: int
    step: str
    worker: int
    tiles: int
    lead: float
    body: float
    tail: float
    issue: float
    loaded: int
    stored: int
    waits: tuple[Wait, ...] = ()

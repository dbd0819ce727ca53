"""What the outputs of a window read along one axis: spans of the input, and the padding that is left for a part."""

from __future__ import annotations

from typing import NamedTuple

from spinntensor.lower.box import Span


class Reach(NamedTuple):
    """A span of the input, and the places before and behind it that outputs read as padding."""

    span: Span
    before: int
    behind: int


def forward(outputs: Span, size: int, stride: int, before: int, window: int) -> Reach:
    """Of outputs o, which read o * stride - before + 0 .. window - 1 of `size` places."""
    if outputs[0] >= outputs[1]:
        return Reach((0, 0), 0, 0)
    start = outputs[0] * stride - before
    stop = (outputs[1] - 1) * stride - before + window
    first = min(max(start, 0), size)
    last = min(max(stop, first), size)
    # where nothing of the input is read, all of it is padding in front
    return (
        Reach((first, last), first - start, stop - last)
        if first < last
        else Reach((first, first), stop - start, 0)
    )


def adjoint(places: Span, outputs: int, stride: int, before: int, window: int) -> tuple[Span, int]:
    """Of places i of the input, read by outputs (i + before - tap) / stride, tap < window: these outputs, and what
    `before` is to the first of them."""
    if places[0] >= places[1]:
        return (0, 0), 0
    low = max(-((window - 1 - places[0] - before) // stride), 0)
    high = min((places[1] - 1 + before) // stride + 1, outputs)
    low = min(low, outputs)
    return (low, max(low, high)), before + places[0] - stride * low

"""Where the three convolutions lie in a box: what they read, and the attributes of the smaller convolution it is.

Channels of a box are whole groups where there are several groups. The smaller convolution has its padding where the
box is at the border of the image, and may have a negative one where taps were cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from spinntensor.lower.box import Box, Span, sizes, whole
from spinntensor.lower.kinds import CONV, DEPTHWISE, GROUPED
from spinntensor.lower.site import Site
from spinntensor.lower.windows import adjoint, forward


@dataclass(frozen=True)
class Local:
    """A convolution in a box: boxes of both factors, and its own attributes."""

    first: Box
    second: Box
    attributes: dict[str, Any]


def kind_of(site: Site) -> str:
    """By its groups."""
    if site["groups"] == 1:
        return CONV
    w = site.types[1].shape
    return DEPTHWISE if w[2] == 1 and w[3] == site["groups"] else GROUPED


def _groups(site: Site, span: Span, each: int) -> tuple[int, Span]:
    """How many groups, and which, `each` channels of a span belong to."""
    first, last = span[0] // each, -(-span[1] // each)
    return max(last - first, 1), (first, last)


def _times(groups: Span, each: int) -> Span:
    return groups[0] * each, groups[1] * each


def _window(site: Site, axis: int, taps: int) -> int:
    """Places between the first and the last tap, both included."""
    return (taps - 1) * site["dilation"][axis] + 1


def convolution(site: Site, box: Box) -> Local:
    """`conv2d`: x under the fields of the box."""
    x, w = (t.shape for t in site.types[:2])
    reach = [
        forward(box[1 + i], x[1 + i], site["stride"][i], site["padding"][2 * i], _window(site, i, w[i]))
        for i in (0, 1)
    ]
    groups, channels = 1, (0, x[3])
    if site["groups"] > 1:
        groups, some = _groups(site, box[3], w[3] // site["groups"])
        channels = _times(some, w[2])
    padding = reach[0].before, reach[0].behind, reach[1].before, reach[1].behind
    return Local(
        (box[0], reach[0].span, reach[1].span, channels),
        (*whole(w[:3]), box[3]),
        {**site.attributes, "padding": padding, "groups": groups},
    )


def by_input(site: Site, box: Box) -> Local:
    """`conv2d_input`: the cotangents of the outputs that read the box."""
    c, w = (t.shape for t in site.types[:2])
    reach = [
        adjoint(box[1 + i], c[1 + i], site["stride"][i], site["padding"][2 * i], _window(site, i, w[i]))
        for i in (0, 1)
    ]
    groups, outputs, channels = 1, (0, w[3]), box[3]
    if site["groups"] > 1:
        groups, some = _groups(site, box[3], w[2])
        outputs, channels = _times(some, w[3] // site["groups"]), (0, w[2])
    attributes = {"padding": (reach[0][1], 0, reach[1][1], 0), "groups": groups, "size": sizes(box)[1:3]}
    return Local(
        (box[0], reach[0][0], reach[1][0], outputs),
        (*whole(w[:2]), channels, outputs),
        {**site.attributes, **attributes},
    )


def by_weight(site: Site, box: Box, pixels: Box | None = None) -> Local:
    """`conv2d_weight`: taps and channels in the box, summed over a box of pixels (images, rows, columns), or all."""
    x, c = (t.shape for t in site.types[:2])
    images, *outputs = pixels or whole(c[:3])
    reach = []
    for i in (0, 1):
        first = site["padding"][2 * i] - box[i][0] * site["dilation"][i]
        window = _window(site, i, box[i][1] - box[i][0])
        reach.append(forward(outputs[i], x[1 + i], site["stride"][i], first, window))
    groups, channels = 1, box[2]
    if site["groups"] > 1:
        groups, some = _groups(site, box[3], c[3] // site["groups"])
        channels = _times(some, x[3] // site["groups"])
    attributes = {
        "kernel": sizes(box)[:2],
        "padding": (reach[0].before, 0, reach[1].before, 0),
        "groups": groups,
    }
    return Local(
        (images, reach[0].span, reach[1].span, channels),
        (images, *outputs, box[3]),
        {**site.attributes, **attributes},
    )


LOCAL = {"conv2d": convolution, "conv2d_input": by_input, "conv2d_weight": by_weight}
"""By the operation that the rule is for."""


def units(name: str, site: Site) -> tuple[int, ...]:
    """Channels are cut between groups alone, where there are several."""
    groups = site["groups"]
    if groups == 1:
        return (1, 1, 1, 1)
    inner = site.types[1].shape[2] if name != "conv2d_weight" else site.shape[2]
    outer = site.types[1].shape[3] // groups
    return {
        "conv2d": (1, 1, 1, outer),
        "conv2d_input": (1, 1, 1, inner),
        "conv2d_weight": (1, 1, inner, outer),
    }[name]


def macs(name: str, site: Site) -> int:
    """Products of the convolution: those of its weights at every output pixel."""
    x, other = (t.shape for t in site.types[:2])
    pixels = {"conv2d": site.shape, "conv2d_input": x, "conv2d_weight": other}[name][:3]
    return prod(pixels) * prod(site.shape if name == "conv2d_weight" else other)

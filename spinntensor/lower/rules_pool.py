"""Pooling box by box: the pixels under the windows of a box, padding where the box is at the border of the image."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinntensor.lower.box import Box
from spinntensor.lower.kinds import POOL, kind
from spinntensor.lower.operations import LOWERED
from spinntensor.lower.site import Boxes, Site, Tiling
from spinntensor.lower.windows import Reach, forward


def _reaches(site: Site, box: Box) -> tuple[Reach, Reach]:
    """Of rows and of columns."""
    padding, shape = site["padding"], site.types[0].shape
    rows, columns = (
        forward(box[1 + i], shape[1 + i], site["stride"][i], padding[2 * i], site["window"][i])
        for i in (0, 1)
    )
    return rows, columns


def _reads(site: Site, box: Box) -> Boxes:
    rows, columns = _reaches(site, box)
    return ((box[0], rows.span, columns.span, box[3]),)


def _run(site: Site, box: Box, operands: list[Any]) -> Any:
    rows, columns = _reaches(site, box)
    padding = rows.before, rows.behind, columns.before, columns.behind
    return LOWERED[site.node.op].run(operands[0], **{**site.attributes, "padding": padding})


def _index(site: Site, box: Box, operands: list[Any]) -> Any:
    """Indices into the operand's box as indices into the images."""
    if not operands[0].size:
        return _run(site, box, operands)
    places = np.unravel_index(_run(site, box, operands), operands[0].shape)
    (inside,) = _reads(site, box)
    whole = [place + span[0] for place, span in zip(places, inside, strict=True)]
    return np.ravel_multi_index(tuple(whole), site.types[0].shape)


TILINGS: dict[str, Tiling] = {
    **{name: Tiling(kind(POOL), _reads, _run) for name in ("max_pool", "sum_pool", "avg_pool_q")},
    "max_pool_index": Tiling(kind(POOL), _reads, _index),
}

"""Operations along one axis or by index, box by box: softmax, running sums, gathers, random tensors."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from spinntensor.lower.box import Box, sizes
from spinntensor.lower.kinds import GATHER, RANDOM, SCAN, SCATTER, SOFTMAX, kind
from spinntensor.lower.operations import LOWERED
from spinntensor.lower.rules_map import plain, same, words
from spinntensor.lower.site import Boxes, Site, Tiling
from spinntensor.ops.index import check_inside
from spinntensor.ops.random import OF_WORDS


def _last_whole(site: Site) -> tuple[int, ...]:
    return (*(1,) * (len(site.shape) - 1), site.shape[-1])


def _axis_whole(site: Site) -> tuple[int, ...]:
    return tuple(size if i == site["axis"] else 1 for i, size in enumerate(site.shape))


def _take_reads(site: Site, box: Box) -> Boxes:
    """All of the operand along its axis, as the index may name any of it."""
    (x, index), axis = site.types, site["axis"]
    end = axis + len(index.shape)
    return (*box[:axis], (0, x.shape[axis]), *box[end:]), box[axis:end]


def _scatter_reads(site: Site, box: Box) -> Boxes:
    """All that is added, wherever the index puts it."""
    (_, index), axis = site.types, site["axis"]
    every = tuple((0, size) for size in index.shape)
    return (*box[:axis], *every, *box[axis + 1 :]), every


def _scatter(site: Site, box: Box, operands: list[Any]) -> Any:
    """Only what the index puts into the box, in the same order."""
    (c, index), axis = operands, site["axis"]
    check_inside("scatter_add", index, site["size"])
    first, last = box[axis]
    flat = np.ascontiguousarray(index).reshape(-1)
    there = np.flatnonzero((flat >= first) & (flat < last))
    outer, inner = c.shape[:axis], c.shape[axis + index.ndim :]
    rows = c.reshape(*outer, prod(index.shape), *inner).take(there, axis)
    return LOWERED["scatter_add"].run(rows, flat[there] - first, axis=axis, size=last - first)


def _random(site: Site, box: Box, operands: list[Any]) -> Any:
    bounds = {name: site[name] for name in ("low", "high") if name in site.attributes}
    return OF_WORDS[site.node.op](words(site, box, operands[0]), **bounds).reshape(sizes(box))


TILINGS: dict[str, Tiling] = {
    **{
        name: Tiling(kind(SOFTMAX), same, plain, _last_whole)
        for name in ("softmax", "log_softmax", "softmax_q")
    },
    "cumsum": Tiling(kind(SCAN), same, plain, _axis_whole),
    "take": Tiling(kind(GATHER), _take_reads, plain),
    "scatter_add": Tiling(kind(SCATTER), _scatter_reads, _scatter),
    **{name: Tiling(kind(RANDOM), lambda site, box: ((),), _random) for name in OF_WORDS},
}

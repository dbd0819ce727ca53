"""Reductions box by box, and split along what they reduce: exact integers, extremes, and the pairwise tree of float32.

What is reduced is counted row-major over the reduced axes; a span of it is read as a few boxes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from spinntensor.lower.box import Box, Span, rectangles
from spinntensor.lower.kinds import EXPONENT, REDUCE, kind
from spinntensor.lower.operations import LARGEST, LARGEST_SUM, LOWERED, MANTISSA
from spinntensor.lower.pairwise import blocks, total
from spinntensor.lower.rules_map import plain
from spinntensor.lower.site import Boxes, Site, Split, Tiling
from spinntensor.lower.stage import Axis
from spinntensor.ops import _exact
from spinntensor.ops._finite import any_special, reported
from spinntensor.ops.operation import DTYPES, Counted, Value

UNIT = 64
"""Elements at whose multiples a float32 sum is cut, where it has many: partial sums are then few."""


def _axes(site: Site) -> tuple[int, ...]:
    """The reduced axes."""
    rank = len(site.types[0].shape)
    if "axes" in site.attributes:
        return site["axes"]
    axis = site.attributes.get("axis")
    if site.node.op in (LARGEST, MANTISSA, LARGEST_SUM):
        return tuple(i for i in range(rank) if i != axis)
    return (axis,)  # type: ignore[return-value]  # of a position


def _operand(site: Site, box: Box, inner: Box) -> Box:
    """The operand's box: `box` of the axes that stay, `inner` of the reduced ones."""
    axes, rest = _axes(site), iter(box)
    along = dict(zip(axes, inner, strict=True))
    return tuple(along[i] if i in along else next(rest) for i in range(len(site.types[0].shape)))


def _reads(site: Site, box: Box) -> Boxes:
    shape = site.types[0].shape
    return (_operand(site, box, tuple((0, shape[i]) for i in _axes(site))),)


def _axis(site: Site) -> Axis | None:
    shape = site.types[0].shape
    count = prod(shape[i] for i in _axes(site))
    if count < 2 or 0 in shape:
        return None
    floats = site.node.op == "sum" and site.types[0].format == "float32"
    unit = 1 << min(UNIT.bit_length() - 1, max((count // 4).bit_length() - 1, 0))
    return Axis("k", count, unit if floats else 1)


def _split_reads(site: Site, box: Box, span: Span) -> list[Boxes]:
    shape = site.types[0].shape
    return [(_operand(site, box, r),) for r in rectangles([shape[i] for i in _axes(site)], span)]


def _rows(site: Site, operands: list[list[Any]]) -> np.ndarray:
    """The elements of each result as a column, in the order of the reduced axes."""
    axes = _axes(site)
    order = (*axes, *(i for i in range(operands[0][0].ndim) if i not in axes))
    parts = [x.transpose(order) for (x,) in operands]
    kept = parts[0].shape[len(axes) :]
    return np.concatenate([p.reshape(prod(p.shape[: len(axes)]), *kept) for p in parts])


def _sum_partial(site: Site, box: Box, span: Span, operands: list[list[Any]]) -> Any:
    """float32: subtrees, and whether all elements are finite and any is NaN. Integers: sums, as wide as needed."""
    rows = _rows(site, operands)
    if rows.dtype.kind == "f":
        return blocks(rows, span), np.isfinite(rows).all(0), np.isnan(rows).any(0)
    return np.add.reduce(rows.astype(object if rows.dtype == np.int64 else np.int64), axis=0)


def _sum_join(site: Site, box: Box, parts: list[Any]) -> Value | Counted:
    if site.types[0].format == "float32":
        y = total(block for found, _, _ in parts for block in found)
        if not any_special(np.ascontiguousarray(y).reshape(-1)):
            return y
        finite, nan = (np.stack([p[i] for p in parts]) for i in (1, 2))
        return reported(y, np.asarray(finite.all(0)), np.asarray(nan.any(0)))
    result = DTYPES[site.node.type.format]
    y = np.asarray(sum(parts[1:], parts[0]))
    if y.dtype != object:
        return _exact.narrowed("sum", y, result)
    ends = np.iinfo(result)
    for value in y.reshape(-1):
        if not ends.min <= value <= ends.max:
            raise _exact.left("sum", value, result)
    return y.astype(result)


def _combined(run: Callable[[Site, Any], Any], join: Callable[[Site, np.ndarray], Any]) -> Split:
    """A reduction whose parts are combined like elements; `join` reduces the first axis of stacked parts."""

    def partial(site: Site, box: Box, span: Span, operands: list[list[Any]]) -> Any:
        return join(site, np.stack([np.asarray(run(site, x)) for (x,) in operands]))

    def joined(site: Site, box: Box, parts: list[Any]) -> Any:
        return join(site, np.stack(parts))

    return Split(_axis, _split_reads, partial, joined)


def _whole(site: Site, x: Any) -> Any:
    return LOWERED[site.node.op].run(x, **site.attributes)


def _first_axis(site: Site, parts: np.ndarray) -> Any:
    return LOWERED[site.node.op].run(parts, axes=(0,))


def _tiling(name: str, split: Split | None) -> Tiling:
    return Tiling(kind(name), _reads, plain, split=split)


_EXTREME = _combined(_whole, _first_axis)
_LARGEST = _combined(_whole, lambda site, parts: np.asarray(np.maximum.reduce(parts, axis=0)))

TILINGS: dict[str, Tiling] = {
    "sum": _tiling(REDUCE, Split(_axis, _split_reads, _sum_partial, _sum_join)),
    **{name: _tiling(REDUCE, _EXTREME) for name in ("max", "min", "any", "all")},
    **{name: _tiling(REDUCE, None) for name in ("prod", "argmax", "argmin")},
    **{name: _tiling(EXPONENT, _LARGEST) for name in (LARGEST, MANTISSA, LARGEST_SUM)},
}

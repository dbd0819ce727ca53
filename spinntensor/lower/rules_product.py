"""Products box by box, and split along what they sum over: exact sums of integers and mantissas, pieces of float32."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import Any

import numpy as np

from spinntensor.kernels.block_float import PIECE
from spinntensor.lower.box import Box, Span, rectangles, whole
from spinntensor.lower.float_lines import (
    Pieces,
    added,
    convolution_lines,
    counts_lines,
    in_box,
    inside,
    matmul_lines,
    of_span,
    pieces,
    recounted,
)
from spinntensor.lower.kinds import CONV_INPUT, CONV_WEIGHT, MATMUL, kind
from spinntensor.lower.operations import EXACT, LOWERED
from spinntensor.lower.rules_conv import LOCAL, by_weight, kind_of, macs, units
from spinntensor.lower.site import Boxes, Site, Split, Tiling, hull
from spinntensor.lower.stage import Axis
from spinntensor.ops._products import counted
from spinntensor.ops.operation import Counted, Value, family


def _form(site: Site) -> str:
    return family(site.types[0].format)


def _tops(site: Site) -> Boxes:
    """What the shifts are made of, whole."""
    return tuple(whole(t.shape) for t in site.types[2:])


def _factors(name: str, site: Site, box: Box) -> tuple[Box, Box]:
    """The boxes of both factors, all that is summed over in them."""
    if name == "matmul":
        lead, k = box[:-2], (0, site.types[0].shape[-1])
        return (*lead, box[-2], k), (*lead, k, box[-1])
    local = LOCAL[name](site, box)
    return local.first, local.second


def _reads(name: str, site: Site, box: Box) -> Boxes:
    return (*_factors(name, site, box), *_tops(site))


def _product(name: str, site: Site, operands: list[Value], given: dict[str, Any], exact: bool) -> Any:
    """The product of parts of the factors; `exact` leaves the sums of bfp16 as they are."""
    if exact and _form(site) == "bfp16":
        given = {**given, "format": "sums"}
    return LOWERED[site.node.op].run(*operands, **given)


def _attributes(name: str, site: Site, box: Box) -> dict[str, Any]:
    return dict(site.attributes) if name == "matmul" else LOCAL[name](site, box).attributes


def _run(name: str, site: Site, box: Box, operands: list[Any]) -> Value | Counted:
    result = _product(name, site, operands, _attributes(name, site, box), False)
    if _form(site) != "float32":
        return result
    return recounted(result, counts_lines(name, site, box), lambda: _lines(name, site, box, operands))


def _lines(name: str, site: Site, box: Box, operands: list[Any], pixels: Box | None = None) -> Any:
    if name == "matmul":
        return matmul_lines(operands)
    return convolution_lines(name, site, box, operands, pixels)


def _axis(name: str, site: Site) -> Axis | None:
    """Channels of a convolution without groups, k of matrices, pixels of its adjoint by the weights."""
    first, second = (t.shape for t in site.types[:2])
    if name == "matmul":
        k = first[-1]
    elif name == "conv2d_input":
        k = prod(second[:2]) * second[3] // site["groups"]
    else:
        k = prod(second[:3])
    if 0 in site.shape or 0 in first or 0 in second:
        return None
    if _form(site) == "float32":
        return Axis("k", k, PIECE) if k > PIECE else None
    if name == "conv2d_weight":
        return Axis("k", k, second[2]) if k > second[2] else None
    if name == "matmul":
        return Axis("k", k) if k > 1 else None
    if site["groups"] > 1 or first[3] == 1:
        return None
    return Axis("c" if name == "conv2d" else "o", first[3])


def _pixels(site: Site, span: Span) -> list[Box]:
    """Images, rows and columns of the cotangent: exact sums box by box, pieces of float32 in one."""
    shape = site.types[1].shape[:3]
    boxes = rectangles(shape, span)
    return [hull(boxes)] if _form(site) == "float32" else boxes


def _split_reads(name: str, site: Site, box: Box, span: Span) -> list[Boxes]:
    if name == "conv2d_weight":
        local = [by_weight(site, box, pixels) for pixels in _pixels(site, span)]
        return [(p.first, p.second, *_tops(site)) for p in local]
    first, second = _factors(name, site, box)
    if name == "matmul":
        first, second = (*first[:-1], span), (*second[:-2], span, second[-1])
    elif _form(site) != "float32":
        along = 2 if name == "conv2d" else 3
        first, second = (*first[:3], span), (*second[:along], span, *second[along + 1 :])
    return [(first, second, *_tops(site))]


def _partial(name: str, site: Site, box: Box, span: Span, operands: list[list[Any]]) -> np.ndarray | Pieces:
    """Exact sums, int32 or float64, in the shape of the box; or pieces of float32."""
    if _form(site) == "float32":
        return _float_partial(name, site, box, span, operands[0])
    if name != "conv2d_weight":
        return _product(name, site, operands[0], _attributes(name, site, box), True)
    boxes = _pixels(site, span)
    parts = [
        _product(name, site, some, by_weight(site, box, pixels).attributes, True)
        for pixels, some in zip(boxes, operands, strict=True)
    ]
    return sum(parts[1:], parts[0])


def _float_partial(name: str, site: Site, box: Box, span: Span, operands: list[Any]) -> Pieces:
    if name == "matmul":
        return pieces(matmul_lines(operands))
    if name == "conv2d_weight":
        (pixels,) = _pixels(site, span)
        there = inside(pixels, site.types[1].shape[:3], span)
        return pieces(of_span(_lines(name, site, box, operands, pixels), there))
    return pieces(of_span(_lines(name, site, box, operands), span))


def _join(name: str, site: Site, box: Box, parts: list[Any]) -> Value | Counted:
    if _form(site) == "float32":
        y, nonfinite, overflowed = added(parts, counts_lines(name, site, box))
        return counted(in_box(name, y, box), nonfinite=nonfinite, overflowed=overflowed)
    sums = np.asarray(sum(parts[1:], parts[0]))
    if _form(site) != "bfp16" or site["format"] == "sums":
        return sums
    y = (sums + 0.0).astype(np.float32)  # -0 + 0 is +0
    return counted(y, overflowed=int(np.count_nonzero(np.isinf(y))))


def _matmul_macs(site: Site) -> int:
    return prod(site.shape) * site.types[0].shape[-1]


def _tiling(name: str) -> Tiling:
    of = {
        "matmul": kind(MATMUL),
        "conv2d": kind_of,
        "conv2d_input": kind(CONV_INPUT),
        "conv2d_weight": kind(CONV_WEIGHT),
    }
    split = Split(
        partial(_axis, name),
        partial(_split_reads, name),
        partial(_partial, name),
        partial(_join, name),
        lambda site: dict(enumerate(_tops(site), 2)),
    )
    if name == "matmul":
        return Tiling(of[name], partial(_reads, name), partial(_run, name), split=split, macs=_matmul_macs)
    return Tiling(
        of[name], partial(_reads, name), partial(_run, name), partial(units, name), split, partial(macs, name)
    )


TILINGS: dict[str, Tiling] = {op: _tiling(name) for name in EXACT for op in (name, EXACT[name])}

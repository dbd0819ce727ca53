"""Element-wise operations box by box: every operand in the box of the result, constants of an axis cut with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from spinntensor.formats.philox import Stochastic
from spinntensor.lower.box import Box
from spinntensor.lower.kinds import MAP, kind
from spinntensor.lower.operations import LOWERED, NARROW, ROUND, rounded_by, run_narrow
from spinntensor.lower.site import Boxes, Site, Tiling
from spinntensor.lower.words import words_of
from spinntensor.ops.convert import grid_of_attributes, grid_of_exponents, rounded, with_losses
from spinntensor.ops.operation import Counted, Value

Attributes = Mapping[str, Any]


def same(site: Site, box: Box) -> Boxes:
    """Operands of the result's shape."""
    return (box,) * len(site.types)


def plain(site: Site, box: Box, operands: Sequence[Value]) -> Value | Counted:
    """The operation itself, with its own attributes."""
    return LOWERED[site.node.op].run(*operands, **site.attributes)


def words(site: Site, box: Box, counter: Value) -> Any:
    """The random words of a box of the result."""
    return words_of(Stochastic(site["seed"], int(counter)), site.shape, box)  # type: ignore[arg-type]  # one number


def _first(site: Site, box: Box) -> Boxes:
    """The first operand has the result's shape; a counter is one number."""
    return (box, *((),) * (len(site.types) - 1))


def _along(site: Site, box: Box, *names: str) -> dict[str, Any]:
    """The attributes, those called `names` cut to the box along `axis`, where they have one element for each index."""
    given = dict(site.attributes)
    if given.get("axis") is not None:
        some = slice(*box[given["axis"]])  # type: ignore[index]  # an axis of the box
        given |= {name: given[name][some] for name in names}  # type: ignore[index]  # tuples
    return given


def _quantize(site: Site, box: Box, operands: list[Value]) -> Value | Counted:
    given = _along(site, box, "scale", "zero")
    if given.get("seed") is None or operands[0].shape.count(0):
        given.pop("seed", None)
        return LOWERED["quantize"].run(operands[0], **given)
    several = given.get("axis"), given.get("symmetric", False)
    grid = grid_of_attributes(given["format"], given["scale"], given["zero"], *several)
    value, loss = rounded(operands[0], grid, words(site, box, operands[1]))  # type: ignore[arg-type]  # an array
    return with_losses(value.data, loss.saturated, loss.lost)


def _quantize_to(site: Site, box: Box, operands: list[Value]) -> Value | Counted:
    given = _along(site, box, "exponent")
    if given.get("seed") is None or operands[0].shape.count(0):
        given.pop("seed", None)
        return LOWERED["quantize_bfp16_to"].run(operands[0], **given)
    e, axis = given["exponent"], given.get("axis")
    grid = grid_of_exponents(e[0] if axis is None else e, axis)
    value, loss = rounded(operands[0], grid, words(site, box, operands[1]))  # type: ignore[arg-type]  # an array
    return with_losses(value, loss.saturated, loss.lost)


def _dequantize(site: Site, box: Box, operands: list[Value]) -> Value | Counted:
    return LOWERED["dequantize"].run(operands[0], **_along(site, box, "scale", "zero"))


def _round_reads(site: Site, box: Box) -> Boxes:
    axis = site["axis"]
    return (box, () if axis is None else (box[axis],), *((),) * (len(site.types) - 2))


def _round(site: Site, box: Box, operands: list[Any]) -> Value | Counted:
    found = words(site, box, operands[2]) if site["seed"] is not None else None
    return rounded_by(operands[0], operands[1], found, site["axis"])


def _requantize_reads(site: Site, box: Box) -> Boxes:
    return (box, *((box[site["axis"]],),) * 3)


def _map(
    reads: Callable[[Site, Box], Boxes] = same,
    run: Callable[[Site, Box, list[Value]], Value | Counted] = plain,
) -> Tiling:
    return Tiling(kind(MAP), reads, run)


SIMPLE = (
    *("add", "subtract", "multiply", "divide", "sqrt", "negative", "absolute", "floor_divide", "remainder"),
    *("floor", "ceil", "trunc", "round", "sign", "exp", "log", "tanh", "sigmoid", "maximum", "minimum"),
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
    *("logical_and", "logical_or", "logical_xor", "logical_not", "where", "convert", "add_q"),
)
"""Operations whose operands all have the shape of the result, and whose attributes do not depend on the box."""

TILINGS: dict[str, Tiling] = {
    **{name: _map() for name in SIMPLE},
    "quantize": _map(_first, _quantize),
    "quantize_bfp16_to": _map(_first, _quantize_to),
    "dequantize": _map(same, _dequantize),
    "requantize": _map(_requantize_reads),
    ROUND: _map(_round_reads, _round),
    NARROW: _map(_first, lambda site, box, operands: run_narrow(*operands)),  # type: ignore[arg-type]  # arrays
}

"""Ways of pooling bytes: maxima, means, and the mean of a whole image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from spinntensor.lower.stage import Stage
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.bytes_maps import read_back, summed
from spinntensor.plan.recipes.conv import Use
from spinntensor.plan.recipes.parts import up
from spinntensor.plan.recipes.pool import MAX, MEAN, Pool, global_mean
from spinntensor.plan.recipes.pool import pool as recipe_of
from spinntensor.plan.ways.field import Field
from spinntensor.plan.ways.setting import BYTES, Setting, attributes
from spinntensor.plan.ways.way import Sizes, Way, balanced

NAMES = {"max_pool": MAX, "avg_pool_q": MEAN}
N, H, W, C = range(4)


@dataclass(frozen=True)
class Windows:
    """What a stage computes, by sizes.

    Parameters
    ----------
    pool : a tile of all of it, without its border.
    field : what windows read.
    size : of the results [N,H,W,C].
    unit : multiples at which channels are cut.
    signed : whether they are int8, else uint8.
    whole : whether one window is the whole image.
    residual : whether another branch is added.
    read : whether the results leave as float32.
    """

    pool: Pool
    field: Field
    size: tuple[int, ...]
    unit: int
    signed: bool
    whole: bool
    residual: bool
    read: bool

    def tile(self, h: int, w: int, c: int) -> Pool:
        """A tile of so many rows, columns and channels, away from the border where it is not a whole axis."""
        border, by_rows = self.field.sized(h, w)
        return replace(self.pool, out=(h, w), channels=c, border=border, by_rows=by_rows)

    def bytes(self, h: int, w: int, c: int) -> int:
        """Bytes of a tile's results, before they become float32."""
        return h * w * (c if self.pool.block else up(c))


def described(setting: Setting, stage: Stage) -> Windows | None:
    """The sizes of a stage of this kind; None for a window over other formats."""
    node = setting.node(stage, *NAMES)
    if node is None or setting.form(node.inputs[0]) not in BYTES or setting.scales(stage):
        return None
    a: dict[str, Any] = dict(attributes(node))
    shape = setting.lowered.graph[node.inputs[0]].type.shape
    size = tuple(axis.size for axis in stage.axes)
    block = setting.block(node.inputs[0])
    padding, image = a["padding"], (shape[H], shape[W])
    made = Pool(
        NAMES[node.op],
        (size[H], size[W]),
        size[C],
        a["window"],
        a["stride"],
        block=block,
        divisors=bool(any(padding) and not a.get("count_border", True)),
        parts=setting.parts(stage.results[0], block or size[C]),
    )
    whole = node.op == "avg_pool_q" and tuple(a["window"]) == image and not any(padding)
    read = setting.node(stage, "dequantize") is not None
    field = Field((size[H], size[W]), image, a["window"], a["stride"], padding)
    residual = setting.node(stage, "add_q") is not None
    signed = setting.form(node.inputs[0]) == "int8"
    return Windows(made, field, size, block or size[C], signed, whole, residual, read)


def pool(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """A window over bytes."""
    found = described(setting, stage)
    if found is None:
        return ()

    def recipes(sizes: Sizes, stay: frozenset[str]) -> tuple[Recipe, ...]:
        _, h, w, c = sizes
        use = Use((found.signed, found.signed), "x" in stay)
        if found.whole:
            made = global_mean(found.field.image, c, found.pool.block, use)
        else:
            made = recipe_of(found.tile(h, w, c), use)
        if found.residual:
            made = summed(made, found.signed)
        if found.read:
            made = read_back(made, found.bytes(h, w, c), found.signed)
        return (made,) if made.dtcm_bytes <= setting.room else ()

    size, unit = found.size, found.unit
    sizes = ((1,), balanced(size[H]), balanced(size[W])[:4], balanced(size[C], unit))
    operands = (("x", frozenset({N, H, W, C})), ("w", frozenset[int]()))
    return (Way(found.pool.kind, sizes, operands, recipes, ((N, H, W, C),), units=(1, 1, 1, unit)),)

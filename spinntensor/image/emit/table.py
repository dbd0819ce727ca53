"""The table of emitters: from a tile of a plan to its actions, by the kind of its stage."""

from __future__ import annotations

from collections.abc import Mapping

from spinntensor.errors import UnsupportedError
from spinntensor.image.emit import (
    bfp16_conv,
    bfp16_conv_input,
    bfp16_conv_weight,
    bfp16_gemm,
    bytes_maps,
    conv2d,
    conv_float,
    conv_float_input,
    conv_float_weight,
    dense,
    depthwise,
    float_windows,
    gemm_float,
    indexed,
    maps,
    moves,
    pool,
    reductions,
    softmax,
    softmax_q,
)
from spinntensor.image.emit.action import TileCode
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.site import Site
from spinntensor.lower import kinds
from spinntensor.lower.box import Box, sizes
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe

FAMILIES: Mapping[str, tuple[Family, ...]] = {
    kinds.SOFTMAX: (softmax_q.FAMILY, softmax.FAMILY),
    kinds.GATHER: (indexed.TAKE,),
    kinds.SCATTER: (indexed.ADD,),
    kinds.DEPTHWISE: (depthwise.FAMILY,),
    kinds.CONV: (conv2d.FAMILY, conv_float.FAMILY, bfp16_conv.FAMILY),
    kinds.CONV_INPUT: (bfp16_conv_input.FAMILY, conv_float_input.FAMILY),
    kinds.CONV_WEIGHT: (bfp16_conv_weight.FAMILY, conv_float_weight.FAMILY),
    kinds.REDUCE: (reductions.FAMILY,),
    kinds.EXPONENT: (reductions.FAMILY,),
    kinds.MOVE: (moves.FAMILY,),
    kinds.MAP: (bytes_maps.FAMILY, maps.FAMILY),
    kinds.POOL: (pool.FAMILY, float_windows.FAMILY),
    kinds.MATMUL: (dense.FAMILY, gemm_float.FAMILY, bfp16_gemm.FAMILY),
}
"""By the kind of a stage."""


def tile(site: Site, task: Task) -> TileCode:
    """The actions of one tile; UnsupportedError for a recipe that no emitter writes."""
    span = () if task.sums is None else (task.sums,)
    recipe = site.recipes[sizes((*task.box, *span))]
    emit = _family(site, recipe, join=False).tile
    assert emit is not None
    return TileCode(f"{site.stage.name} {task.box}", recipe.regions, tuple(emit(site, task, recipe)))


def join(site: Site, box: Box) -> TileCode:
    """The actions that join the partial sums of a box; errors as for `tile`."""
    recipe = site.joins[sizes(box)]
    emit = _family(site, recipe, join=True).join
    assert emit is not None
    return TileCode(f"{site.stage.name} join {box}", recipe.regions, tuple(emit(site, box, recipe)))


def _family(site: Site, recipe: Recipe, join: bool) -> Family:
    for family in FAMILIES.get(site.stage.kind, ()):
        if (family.join if join else family.tile) is not None and family.matches(site, recipe):
            return family
    source = site.lowered.graph[site.stage.results[0]].source
    raise UnsupportedError([(f"{site.stage.kind} by {recipe.kernel} (no emitter writes it)", source)])

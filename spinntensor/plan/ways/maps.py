"""Ways of element-wise stages: each worker walks its part in blocks."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from math import prod

from spinntensor.errors import DTCMError, OperandError
from spinntensor.lower.stage import Stage
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes import maps as recipes
from spinntensor.plan.recipes.chain import Chain
from spinntensor.plan.recipes.chain_graph import chain_of
from spinntensor.plan.recipes.parts import call, gathered, regions, up
from spinntensor.plan.ways.setting import Setting
from spinntensor.plan.ways.tiles import worker_tiles
from spinntensor.plan.ways.way import Sizes, Way

WORD = 4
"""Bytes of the elements that a kernel moves closer to each other."""


def maps(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """Operations of one shape, computed together; () where kernels do not compute one of them."""
    shape = tuple(axis.size for axis in stage.axes)
    if 0 in shape:
        return ()
    pitch = row_pitch(setting, stage, shape)
    try:
        chain, _, _ = tile_chain(setting, stage, shape, shape, pitch)
        recipes.planned(chain)
    except OperandError:
        return ()
    recipe = partial(_recipe, setting, stage, shape, pitch)
    order = (tuple(range(len(shape))),)
    unit = DOUBLE // narrowest(setting, stage)
    block = min((setting.block(i) for i in stage.results if setting.block(i)), default=0)
    found = dict.fromkeys(
        (*sizes[:-1], block) if block and block < sizes[-1] else sizes
        for sizes in worker_tiles(shape, setting.workers, unit)
    )
    return tuple(Way("map", tuple((size,) for size in sizes), (), recipe, order) for sizes in found)


def narrowest(setting: Setting, stage: Stage) -> int:
    """Bytes of the narrowest element that a stage reads or leaves."""
    return min(setting.layout(i).item for i in (*stage.inputs, *stage.results))


def padded_row(setting: Setting, number: int, size: int) -> int:
    """Elements from row to row of a value of the full shape, whose rows have `size`."""
    layout = setting.layout(number)
    return size if layout.block else layout.row // layout.item if layout.shape else 1


def row_pitch(setting: Setting, stage: Stage, shape: Sizes) -> int:
    """Elements from row to row of the last axis in the DTCM: as many as the most padded result or operand has.

    Values in blocks of channels have no padding, and nothing that is computed with them has it either.
    """
    if not shape:
        return 1
    graph, full = setting.lowered.graph, prod(shape)
    ours = [*stage.results, *(i for i in stage.inputs if graph[i].type.size == full > shape[-1])]
    if any(setting.block(i) for i in ours):
        return shape[-1]
    return max(padded_row(setting, i, shape[-1]) for i in ours if _rows(setting, i) == shape[-1])


def _rows(setting: Setting, number: int) -> int:
    """The size of the last axis as a value lies in SDRAM."""
    shape = setting.layout(number).shape
    return shape[-1] if shape else 1


def tile_chain(
    setting: Setting, stage: Stage, shape: Sizes, tile: Sizes, pitch: int
) -> tuple[Chain, int, int]:
    """The chain of a tile, its groups, and its elements, rows padded to `pitch`."""
    if tile and tile[-1] == shape[-1]:
        tile = (*tile[:-1], pitch)
    chain, groups = chain_of(setting.lowered.graph, stage.nodes, stage.results, shape, tile)
    return chain, groups, prod(tile)


def _recipe(
    setting: Setting, stage: Stage, shape: Sizes, pitch: int, sizes: Sizes, stay: frozenset[str]
) -> tuple[Recipe, ...]:
    try:
        chain, groups, count = tile_chain(setting, stage, shape, sizes, pitch)
        apart = _apart(setting, stage, shape, pitch)
        run = run_of(shape, sizes, pitch)
        if not apart:
            return (recipes.recipe(chain, count, groups, run, setting.room),)
        made = closer(chain, count, groups, run, setting.room, apart, pitch)
        return (made,) if made.dtcm_bytes <= setting.room else ()
    except DTCMError:
        return ()


def _apart(setting: Setting, stage: Stage, shape: Sizes, pitch: int) -> tuple[int, ...]:
    """Rows, in elements, of operands of the full shape that lie further apart, or closer, than those of the tile."""
    graph, full = setting.lowered.graph, prod(shape)
    rows = (
        padded_row(setting, i, shape[-1]) if _rows(setting, i) == shape[-1] else shape[-1]
        for i in stage.inputs
        if shape
        and graph[i].type.size == full > shape[-1]
        and not setting.block(i)
        and setting.layout(i).item == WORD
    )
    return tuple(row for row in rows if row != pitch)


@lru_cache(1 << 12)
def closer(
    chain: Chain, count: int, groups: int, run: int, room: int, apart: tuple[int, ...], row: int
) -> Recipe:
    """A map's recipe where operands of words arrive in rows of other distances `apart`, and are moved first."""
    made = recipes.recipe(chain, count, groups, run, room // 2)
    block = int(str(dict(made.detail)["block"]))
    blocks, most = -(-count // block), max(*apart, row)
    arriving = WORD * -(-block // row) * most
    more = regions([(f"rows {i}", arriving, 2) for i in range(len(apart))])
    words = min(*apart, row)
    moves = call("copy_s32", len(apart) * blocks, planes=1, rows=-(-block // row), words=words)
    loads = tuple(
        replace(t, nbytes=up(t.nbytes * most // row // t.pieces) * t.pieces)
        if t.operand.startswith("x") and t.parts == blocks
        else t
        for t in made.loads
    )
    return replace(made, regions=made.regions + more, calls=gathered((moves, *made.calls)), loads=loads)


def run_of(shape: Sizes, tile: Sizes, pitch: int) -> int:
    """Elements of a tile that lie side by side in the SDRAM."""
    run, whole = 1, True
    for axis in reversed(range(len(shape))):
        if whole:
            run *= pitch if axis == len(shape) - 1 and tile[axis] == shape[axis] else tile[axis]
        whole = whole and tile[axis] == shape[axis]
    return run

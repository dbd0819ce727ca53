"""The tiles of plans as the kernels' own builders make them: their bytes in the DTCM are the recipe's."""

from dataclasses import replace

import numpy as np
import pytest
from planning import small

from spinntensor import nn
from spinntensor.abi import memory
from spinntensor.kernels import conv2d_tile, strassen_conv, winograd_tile
from spinntensor.kernels.strassen_conv import StrassenConv
from spinntensor.machine.geometry import chip
from spinntensor.nn.workload import inference
from spinntensor.plan.keep import lowered_with
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.planner import plan
from spinntensor.plan.recipes.parts import OPERANDS_AT
from spinntensor.plan.recipes.search import geometry, transformed_tile
from spinntensor.plan.ways.convolution import described
from spinntensor.plan.ways.setting import Setting


def built(box, recipe, signed):
    """The real tile that a recipe stands for, on random operands."""
    cut, rng = dict(recipe.detail), np.random.default_rng(1)
    if recipe.kernel.startswith("winograd"):
        names = ("chunk", "group", "on_core", "resident")
        tile = replace(transformed_tile(box, cut["width"], cut["arriving"]), **{n: cut[n] for n in names})
        sizes = {f: getattr(tile, f) for f in tile.__dataclass_fields__}
        return winograd_tile.build(tile, winograd_tile.sample(rng, sizes, False, signed))
    if recipe.kernel.startswith("strassen"):
        tile = StrassenConv(geometry(box), cut["group"])
        return strassen_conv.tile(tile, conv2d_tile.sample(tile.conv, rng, signed))
    names = ("chunk", "group", "resident", "expanded", "apart", "arriving")
    tile = replace(geometry(box), **{n: cut[n] for n in names})
    return conv2d_tile.tile(tile, conv2d_tile.sample(tile, rng, signed))


def check(graph, batch):
    """Every convolution of the graph's plan; how many there were."""
    where = chip()
    made = plan(graph, where, batch=batch)
    lowered = lowered_with(graph, made.recomputed)
    setting, count = Setting(lowered, where.facts, where.workers), 0
    for layer, stage in zip(made.layers, lowered.stages, strict=True):
        found = described(setting, stage) if layer.kind == "conv2d" else None
        if found is None:
            continue
        _, h, w, c = (size for _, size in layer.tile)
        tile = built(found.box(h, w, c), layer.recipe, found.signed[0])
        regions = {r.name: r.nbytes for r in layer.recipe.regions}
        residual = regions.pop("r", 0)
        regions["x"] -= DOUBLE * found.loose
        assert (residual > 0) == found.residual
        assert regions == dict(tile.regions)
        assert OPERANDS_AT + layer.recipe.dtcm_bytes <= memory.STACK_LIMIT
        count += 1
    return count


@pytest.mark.parametrize("seed", range(6))
def test_tiles_of_random_networks(seed):
    assert check(small(seed, 3), 3) > 0


def test_tiles_of_a_residual_network():
    assert check(inference(nn.models.build("resnet8"), "int8", 16).graph, 16) == 9


@pytest.mark.slow
def test_tiles_of_resnet50():
    assert check(inference(nn.models.build("resnet50"), "int8", 16).graph, 16) == 53

"""Tiles of element-wise stages: a chain of kernels on blocks of elements."""

from __future__ import annotations

from collections.abc import Iterator

from spinntensor.image.emit.action import Action
from spinntensor.image.emit.blocks import Blocks
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.site import Site
from spinntensor.lower.box import sizes
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.ways.maps import map_of

BLOCK = "block"
"""Name of the size of a block among a recipe's details."""


def matches(site: Site, recipe: Recipe) -> bool:
    """Chains of element-wise operations."""
    return recipe.kernel == "map"


def tile(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """One tile, group by group, block by block."""
    work = map_of(site.setting, site.stage).on(sizes(task.box))
    block = int(str(dict(recipe.detail)[BLOCK]))
    blocks = Blocks(site, work.made, work.on, task.box, block, task)
    yield from blocks.constants()
    for group in range(work.on.groups):
        yield from blocks.group(group)
        for number in range(len(blocks.parts)):
            yield from blocks.computed(group, number)
            yield from blocks.left(group, number)


FAMILY = Family(matches, tile)

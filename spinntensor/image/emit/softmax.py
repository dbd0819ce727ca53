"""Tiles of softmax of float32: whole rows, as many at once as lie side by side."""

from __future__ import annotations

from collections.abc import Iterator

from spinntensor.image.emit.action import Action, Fetch, Spot, Step
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.held import Held
from spinntensor.image.emit.maps import BLOCK
from spinntensor.image.emit.site import Site
from spinntensor.kernels._float_tables import exp_table, log_table
from spinntensor.lower.box import sizes
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.lines import WORD
from spinntensor.plan.ways.rows import rows_of

KERNELS = {"softmax": "f32_softmax", "log_softmax": "f32_log_softmax"}


def matches(site: Site, recipe: Recipe) -> bool:
    """Rows of float32."""
    return site.node(*KERNELS) is not None


def tile(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """One tile: rows arrive, and leave as their softmax."""
    node = site.node(*KERNELS)
    assert node is not None
    kernel, work = KERNELS[node.op], rows_of(site.setting, site.stage, sizes(task.box))
    exp = exp_table()
    yield Fetch("table exp", site.put(exp), Spot("exp", 0, exp.nbytes), exp.nbytes)
    tables = {"exp_table": Spot("exp", 0, exp.nbytes), "log_table": Spot("exp", 0, exp.nbytes)}
    if node.op == "log_softmax":
        log = log_table()
        tables["log_table"] = Spot("log", 0, log.nbytes)
        yield Fetch("table log", site.put(log), tables["log_table"], log.nbytes)
    x = Held(site, "x", node.inputs[0], work.x, work.x.box(task.box))
    y = Held(site, "y", site.stage.results[0], work.y, work.y.box(task.box), write=True)
    block, row = int(str(dict(recipe.detail)[BLOCK])), WORD * work.pitch
    turns = -(-work.rows // block)
    for turn, first in enumerate(range(0, work.rows, block)):
        count = min(block, work.rows - first)
        ends = first * work.pitch, (first + count) * work.pitch

        def spot(region: str, at: int = 0, nbytes: int = 0, turn: int = turn) -> Spot:
            return Spot(region, at, nbytes, turn, turns)

        yield from x.actions(0, *ends, spot("x"), spot("rows x"))
        together = count if work.pitch == work.columns else 1
        for at in range(0, count, together):
            places = {name: spot(name, at * row, together * row) for name in "xy"}
            shape = {"rows": together, "columns": work.columns}
            yield Step(kernel, {**places, **tables, **shape})
        yield from y.actions(0, *ends, spot("y"), spot("rows y"))


FAMILY = Family(matches, tile)

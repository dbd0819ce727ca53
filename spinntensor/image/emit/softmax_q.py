"""Tiles of softmax of int8: whole rows, whose padding never counts."""

from __future__ import annotations

import numpy as np

from spinntensor.image.emit.action import Action, Fetch, Spot, Step, Store
from spinntensor.image.emit.box_lines import lines
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.site import Site, attributes
from spinntensor.lower.box import count
from spinntensor.ops.quantized import exponentials
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.bytes_maps import FILL, PAIR
from spinntensor.plan.recipes.parts import up

TOP, LEAST = 127, -128


def matches(site: Site, recipe: Recipe) -> bool:
    """Rows of int8."""
    return site.node("softmax_q") is not None


def tile(site: Site, task: Task, recipe: Recipe) -> list[Action]:
    """One tile: bytes behind the columns become -128, then the rows their softmax."""
    node = site.node("softmax_q")
    assert node is not None
    rows, columns = count(task.box[:-1]), task.box[-1][1] - task.box[-1][0]
    pitch = up(columns)
    table = exponentials(float(str(attributes(node)["scale"])))
    x, y, nbytes = Spot("x"), Spot("y"), rows * pitch
    actions: list[Action] = [
        Fetch("x", line.where, Spot("x", line.at, line.nbytes), line.nbytes)
        for line in lines(site, node.inputs[0], task.box, pitch)
    ]
    actions.append(Fetch("w", site.put(table), Spot("lut"), table.nbytes))
    if pitch > columns:
        most = np.full((rows, pitch), TOP, np.int8)
        most[:, columns:] = LEAST
        actions.append(Fetch("w", site.put(most), Spot("most"), nbytes))
        words = {"pairs": nbytes // PAIR, "step": FILL}
        actions.append(Step("eltwise_min_s8", {"a": x, "b": Spot("most"), "y": x, **words}))
    sizes = {"rows": rows, "columns": columns, "pitch": pitch}
    actions.append(Step("softmax_s8_u8", {"x": x, "y": y, "lut": Spot("lut"), **sizes}))
    leave = lines(site, site.stage.results[0], task.box, pitch, write=True)
    return [
        *actions,
        *(Store("y", Spot("y", line.at, line.nbytes), line.where, line.nbytes) for line in leave),
    ]


FAMILY = Family(matches, tile)

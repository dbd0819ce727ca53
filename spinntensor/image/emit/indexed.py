"""Tiles that read or add by an index: every element is compared with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from spinntensor.image.emit.action import Action, Fetch, Spot, Step, Store, Word
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.held import Held
from spinntensor.image.emit.site import Site
from spinntensor.lower.box import Box, sizes, whole
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.indexed import WORD, Indexed
from spinntensor.plan.recipes.lines import Lines, doubles
from spinntensor.plan.ways.rows import added, taken

ZERO = Spot("zero", 0, WORD)
"""A word that is 0."""


def takes(site: Site, recipe: Recipe) -> bool:
    """Reading by an index."""
    return site.node("take") is not None


def adds(site: Site, recipe: Recipe) -> bool:
    """Adding by an index."""
    return site.node("scatter_add") is not None


def take(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """Words, each one of a vector by its index."""
    node = site.node("take")
    assert node is not None
    work = taken(site.setting, site.stage, sizes(task.box))
    x, index = node.inputs
    yield from _arrived(site, "x", x, work.x, whole(site.lowered.graph[x].type.shape))
    yield from _arrived(site, "index", index, work.index, task.box)
    yield from _numbers(site, work, 0)
    for i in range(work.count):
        yield from _meant(work, i, Spot("x", 0, WORD * work.n), 4)
        place = Spot("y", WORD * i, WORD)
        words = {"rows": 1, "words": work.n}
        yield Step("reduce_sum_s32", {"x": Spot("scratch", 0, WORD * work.n), "y": place, **words})
    yield from _left(site, work, task, work.count)


def add(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """A vector of zeros, to which words are added where their index says."""
    node = site.node("scatter_add")
    assert node is not None
    work = added(site.setting, site.stage, sizes(task.box))
    for name, number, lines in zip(("x", "index"), node.inputs, (work.x, work.index), strict=True):
        yield from _arrived(site, name, number, lines, whole(site.lowered.graph[number].type.shape))
    ((first, _),) = task.box
    yield from _numbers(site, work, first)
    y, scratch = Spot("y", 0, doubles(WORD * work.n)), Spot("scratch", 0, doubles(WORD * work.n))
    yield _filled(y)
    floats = site.setting.form(node.inputs[0]) == "float32"
    for i in range(work.count):
        yield from _meant(work, i, Spot("x", WORD * i, WORD), 0)
        words: dict[str, int | Spot] = {"a": y, "b": scratch, "y": y, "step": 4}
        if floats:
            yield Step("f32_add", words | {"count": work.n})
        else:
            yield Step("eltwise_add_s32", words | {"pairs": -(-work.n // 2)})
    yield from _left(site, work, task, work.count if first == 0 else 0)


def _arrived(site: Site, name: str, number: int, lines: Lines, box: Box) -> Iterator[Action]:
    """A value, its elements side by side."""
    held = Held(site, name, number, lines, lines.box(box))
    yield from held.actions(0, 0, _elements(lines), Spot(name), Spot(f"rows {name}"))


def _elements(lines: Lines) -> int:
    return lines.step * lines.count if lines.dims else lines.length


def _numbers(site: Site, work: Indexed, first: int) -> Iterator[Action]:
    """The numbers of a tile's elements, from its first on; bytes behind what they mean are 0."""
    numbers = np.arange(first, first + work.n, dtype=np.int32)
    nbytes = doubles(numbers.nbytes)
    yield Fetch("numbers", site.put(numbers), Spot("numbers", 0, nbytes), nbytes)
    yield _filled(Spot("meant", 0, doubles(work.n)))
    yield _filled(Spot("zero", 0, 2 * WORD))


def _filled(spot: Spot) -> Step:
    return Step("fill_s32", {"y": spot, "value": 0, "words": spot.nbytes // WORD, "rows": 1, "y_row": 0})


def _meant(work: Indexed, i: int, x: Spot, step: int) -> Sequence[Step]:
    """Which element index number `i` means, counted; `x` where it is meant, else 0."""
    n, nbytes = work.n, doubles(WORD * work.n)
    scratch, meant = Spot("scratch", 0, nbytes), Spot("meant", 0, doubles(n))
    numbers, index = Spot("numbers", 0, nbytes), Spot("index", WORD * i, WORD)
    count = Spot("counts", WORD * i, WORD)
    chosen: dict[str, int | Spot | Word] = {
        "condition": meant,
        "a": x,
        "b": ZERO,
        "y": scratch,
        "a_step": step,
        "b_step": 0,
    }
    return (
        Step(
            "eltwise_sub_s32",
            {"a": numbers, "b": index, "y": scratch, "pairs": nbytes // (2 * WORD), "step": 0},
        ),
        Step("f32_from_s32", {"x": scratch, "y": scratch, "count": n}),
        Step("f32_equal", {"a": scratch, "b": ZERO, "y": meant, "count": n, "step": 0}),
        Step("select_s32", {**chosen, "count": n}),
        Step("reduce_sum_s8", {"x": meant, "y": count, "rows": 1, "words": -(-n // WORD)}),
    )


def _left(site: Site, work: Indexed, task: Task, expected: int) -> Iterator[Action]:
    """The results leave, and how many elements each index means, together as many as `expected`."""
    held = Held(site, "y", site.stage.results[0], work.y, work.y.box(task.box), write=True)
    yield from held.actions(0, 0, _elements(work.y), Spot("y"), Spot("rows y"))
    nbytes = doubles(WORD * work.count)
    node = site.node("take", "scatter_add")
    assert node is not None
    counters = {0: (node.id, ("outside",))}
    where = site.counts.place((site.stage.number, task), work.count, WORD, counters, expected)
    yield Store("counts", Spot("counts", 0, nbytes), where, nbytes)


TAKE, ADD = Family(takes, take), Family(adds, add)

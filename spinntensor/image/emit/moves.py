"""Tiles of what only moves or makes elements, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from spinntensor.image.emit.action import Action, Fetch, Spot, Step, Store
from spinntensor.image.emit.chain_words import FROM, TO, stored_type
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.held import parts_of
from spinntensor.image.emit.site import Site
from spinntensor.lower.box import Box
from spinntensor.plan.cut import Task
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.lines import doubles
from spinntensor.plan.recipes.moves import WIDENED, WORD, Copied, Moved, copied, places_of, widened
from spinntensor.plan.ways.moves import Move, move_of


def matches(site: Site, recipe: Recipe) -> bool:
    """Everything that moves."""
    return recipe.kernel in ("dma", "copy", "fill", "known")


def tile(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """One tile."""
    if recipe.kernel == "fill":
        yield from _filled(site, task.box, recipe)
        return
    if recipe.kernel == "known":
        yield from _known(site, task.box, recipe)
        return
    work = move_of(site.setting, site.stage)
    assert work is not None
    moved = work.tile(tuple(stop - first for first, stop in task.box))
    block: Sequence[int] = dict(recipe.detail)["block"]  # type: ignore[assignment]  # sizes
    boxes = list(moved.blocks(block))
    for turn, spans in enumerate(boxes):
        box = tuple((at + low, at + high) for (at, _), (low, high) in zip(task.box, spans, strict=True))
        yield from _block(site, work, moved, box, (turn, len(boxes)), recipe.kernel == "dma")


def _filled(site: Site, box: Box, recipe: Recipe) -> Iterator[Action]:
    """One number, stored again and again."""
    node = site.lowered.graph[site.stage.nodes[0]]
    nbytes = next(region.nbytes for region in recipe.regions)
    word = _word(node.type.format, dict(node.attributes)["value"])
    sizes = {"words": nbytes // WORD, "rows": 1, "y_row": 0}
    yield Step("fill_s32", {"y": Spot("y", 0, nbytes), "value": word, **sizes})
    for run in site.runs(site.stage.results[0], box, write=True):
        for at in range(0, run.nbytes, nbytes):
            size = min(nbytes, run.nbytes - at)
            yield Store("y", Spot("y", 0, size), run.at + at, size)


def _word(form: str, number: object) -> int:
    """A word full of a number."""
    kind = stored_type(form)
    return int(np.full(WORD // kind.itemsize, number).astype(kind).view(np.uint32)[0])


def _known(site: Site, box: Box, recipe: Recipe) -> Iterator[Action]:
    """Numbers that count up."""
    ((first, stop),) = box
    block = next(region.nbytes for region in recipe.regions) // WORD
    (run,) = site.runs(site.stage.results[0], box, write=True)
    turns = -(-(stop - first) // block)
    for turn, at in enumerate(range(first, stop, block)):
        numbers = np.arange(at, min(at + block, stop), dtype=np.int32)
        nbytes = doubles(numbers.nbytes)
        place = Spot("y", 0, nbytes, turn, turns)
        yield Fetch("x", site.put(numbers), place, nbytes)
        yield Store("y", place, run.at + WORD * (at - first), nbytes)


def _block(
    site: Site, work: Move, moved: Moved, box: Box, turn: tuple[int, int], alone: bool
) -> Iterator[Action]:
    """A block: its operands arrive, and are copied to their places; it leaves."""
    size = tuple(stop - first for first, stop in box)
    item, nbytes = work.item, moved.nbytes(size)
    wide = item != WORD and not alone
    to = Spot("to", 0, nbytes * WORD // item) if wide else Spot("y", 0, nbytes, *turn)
    if moved.empty:
        words = {"words": to.nbytes // WORD, "rows": 1, "y_row": 0}
        form = "float32" if wide else work.node.type.format
        yield Step(
            "fill_s32", {"y": to, "value": _word(form, dict(work.node.attributes).get("value", 0)), **words}
        )
    places = places_of(size, moved.width(size), WORD if wide else item)
    at = 0
    for number, source in zip(work.node.inputs, work.sources, strict=True):
        parts = [follow.part(span) for follow, span in zip(source, box, strict=True)]
        copy = copied(parts, source, item, places)
        if copy is None:
            continue
        if alone:
            yield from _straight(site, number, copy, item, to)
            continue
        skew = copy.base % DOUBLE
        arrived = Spot("x", at, copy.room, *turn)
        for row, index in enumerate(product(*(range(count) for count, _ in copy.lines))):
            offset = (
                copy.base - skew + sum(i * apart for i, (_, apart) in zip(index, copy.lines, strict=True))
            )
            for where, before, part in parts_of(site, number, offset, doubles(skew + copy.nbytes)):
                place = Spot("x", at + row * copy.pitch + before, part, *turn)
                yield Fetch("x", where, place, part)
        if wide:
            yield _widen(item, arrived, Spot("from", at * WORD // item, copy.room * WORD // item))
            source_at = Spot("from", at * WORD // item, copy.room * WORD // item)
            yield from _copies(widened(copy, item), source_at, skew * WORD // item, to)
        else:
            yield from _copies(copy, arrived, skew, to)
        at += copy.room
    if wide:
        yield _narrow(item, to, Spot("y", 0, nbytes, *turn))
    at = 0
    for run in site.runs(site.stage.results[0], box, write=True):
        yield Store("y", Spot("y", at, run.nbytes, *turn), run.at, run.nbytes)
        at += run.nbytes


def _straight(site: Site, number: int, copy: Copied, item: int, to: Spot) -> Iterator[Fetch]:
    """Runs of an operand, each to its place."""
    run = next(one for one in copy.loops if one.apart == one.y == item)
    others = [one for one in copy.loops if one is not run]
    base, first = copy.base, copy.to
    for one in others:
        if one.x < 0:
            base += (one.count - 1) * one.apart
    for index in product(*(range(one.count) for one in others)):
        offset = base + sum(
            i * (one.apart if one.x >= 0 else -one.apart) for i, one in zip(index, others, strict=True)
        )
        place = first + sum(i * one.y for i, one in zip(index, others, strict=True))
        for where, before, size in parts_of(site, number, offset, run.count * item):
            yield Fetch("x", where, Spot("y", place + before, size, to.turn, to.turns), size)


def _copies(copy: Copied, arrived: Spot, skew: int, to: Spot) -> Iterator[Step]:
    """The words of what arrived to their places."""
    (words, rows, planes), around = copy.runs()
    for index in product(*(range(one.count) for one in around)):
        x = skew + copy.start + sum(i * one.x for i, one in zip(index, around, strict=True))
        y = copy.to + sum(i * one.y for i, one in zip(index, around, strict=True))
        yield Step(
            "copy_s32",
            {
                "x": _from(arrived, x),
                "y": _from(to, y),
                "words": words.count,
                "rows": rows.count,
                "planes": planes.count,
                "x_row": rows.x,
                "y_row": rows.y,
                "x_plane": planes.x,
                "y_plane": planes.y,
            },
        )


def _from(spot: Spot, offset: int) -> Spot:
    """A place in a spot, from which a kernel goes all over it."""
    return Spot(spot.region, spot.offset + offset, spot.nbytes - offset, spot.turn, spot.turns, offset)


def _widen(item: int, x: Spot, y: Spot) -> Step:
    kernel, count = WIDENED[item][0], x.nbytes // item
    if item == 1:
        return Step(kernel, {"x": x, "y": y, "count": count})
    return Step(kernel, {"q": x, "y": y, "pairs": count // 2, "bias": TO})


def _narrow(item: int, x: Spot, y: Spot) -> Step:
    kernel, count = WIDENED[item][1], x.nbytes // WORD
    counts = Spot("counts", 0, DOUBLE)
    if item == 1:
        return Step(kernel, {"x": x, "y": y, "saturated": counts, "count": count})
    return Step(kernel, {"x": x, "q": y, "counts": counts, "pairs": count // 2, "bias": FROM})


FAMILY = Family(matches, tile)

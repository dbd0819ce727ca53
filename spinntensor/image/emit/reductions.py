"""Tiles of reductions: a chain's only result, block by block, reduced in the DTCM; partial results joined as a tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from spinntensor.image.emit import chain_words
from spinntensor.image.emit.action import Action, Fetch, Spot, Step, Store
from spinntensor.image.emit.blocks import Blocks
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.held import Held
from spinntensor.image.emit.maps import BLOCK
from spinntensor.image.emit.site import Site
from spinntensor.lower.box import Box, sizes
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.chain import COPY
from spinntensor.plan.recipes.elementwise import BYTES
from spinntensor.plan.recipes.lines import WORD, doubles
from spinntensor.plan.recipes.reductions import (
    COLUMNS,
    ROWS,
    TOP,
    WHOLE,
    Reduction,
    counter,
    slot_bytes,
    tree,
)
from spinntensor.plan.ways.reductions import Reduce, reduction_of


@dataclass(frozen=True)
class Rows:
    """Rows of equal length in the DTCM, one behind the other: elements of a row, and bytes of an element."""

    at: Spot
    columns: int
    item: int

    @property
    def row(self) -> int:
        """Bytes of a row."""
        return self.columns * self.item

    def part(self, first: int, count: int) -> Spot:
        """Some of them."""
        nbytes = count * self.row
        return Spot(self.at.region, self.at.offset + first * self.row, nbytes, self.at.turn, self.at.turns)


def matches(site: Site, recipe: Recipe) -> bool:
    """Reductions of all kinds."""
    return reduction_of(site.setting, site.stage) is not None


def tile(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """One tile, group by group, block by block."""
    work = _reduce(site)
    part = work.size if task.sums is None else task.sums[1] - task.sums[0]
    made, mapped = work.on(sizes(task.box), part)
    if len(made.chain.links) > len(mapped.nodes):
        mapped = replace(mapped, chain=made.chain, nodes=(*mapped.nodes, -1))
    block = int(str(dict(recipe.detail)[BLOCK]))
    blocks = Blocks(site, mapped, made.on, work.box(task.box, task.sums), block, task)
    yield from blocks.constants()
    per_group = made.on.each // made.step if made.along == ROWS else made.columns
    for group in range(made.on.groups):
        yield from blocks.group(group)
        for number, (first, size) in enumerate(blocks.parts):
            yield from blocks.computed(group, number)
            last = number == len(blocks.parts) - 1
            steps = _reduced(made, blocks, group, number, size, last)
            yield from blocks.shared((sizes(task.box), part, group, number), steps)
            yield from blocks.left(group, number)
            if made.along != ROWS and not last:
                continue
            low, high = made.results(first, size)
            y = _y(made, blocks, group, number)
            if work.size > part:
                yield _partial(site, task, made, y)
                continue
            held = Held(site, "y", site.stage.results[0], made.result, made.result.box(task.box), write=True)
            start = group * per_group
            rows = y._replace(region="rows y")
            yield from held.actions(0, start + low, start + high, y, rows)


def join(site: Site, box: Box, recipe: Recipe) -> Iterator[Action]:
    """The parts of a box as one."""
    work = _reduce(site)
    made, _ = work.on(sizes(box), work.size)
    item, parts = made.way.result, len(site.cut.sums)
    nbytes = doubles(item * _count(box))
    at = Spot("parts", 0, parts * nbytes)
    yield Fetch("parts", site.partial(0, box, item), at, parts * nbytes)
    rows = Rows(at, nbytes // item, item)
    y = Spot("y", 0, nbytes)
    yield from _levels(made.way.columns, rows, parts, y)
    lines = work.result(sizes(box), item)
    held = Held(site, "y", site.stage.results[0], lines, lines.box(box), write=True)
    yield from held.actions(0, 0, _count(box), y, y)


def _reduce(site: Site) -> Reduce:
    found = reduction_of(site.setting, site.stage)
    assert found is not None
    return found


def _count(box: Box) -> int:
    found = 1
    for size in sizes(box):
        found *= size
    return found


def _y(made: Reduction, blocks: Blocks, group: int, number: int) -> Spot:
    """Where the results of a block, or of a group, are."""
    if made.one:
        return blocks.spot(blocks.program.stores[0][1], group, group)
    if made.along == ROWS:
        return Spot("y", 0, 0, group * len(blocks.parts) + number, made.on.groups * len(blocks.parts))
    return Spot("y", 0, 0, group, made.on.groups)


def _partial(site: Site, task: Task, made: Reduction, y: Spot) -> Store:
    assert task.sums is not None
    item = made.way.result
    nbytes = doubles(item * _count(task.box))
    to = site.partial(site.cut.sums.index(task.sums), task.box, item)
    return Store("y", y._replace(nbytes=nbytes), to, nbytes)


def _reduced(
    made: Reduction, blocks: Blocks, group: int, number: int, size: int, last: bool
) -> Iterator[Step]:
    """The kernels on a block whose elements are computed."""
    at = blocks.program.stores[0][1]
    turn = group * len(blocks.parts) + number
    x = Rows(blocks.spot(at, group, turn), made.step, BYTES[made.form])
    y = _y(made, blocks, group, number)
    if made.along == ROWS:
        rows = size // made.step
        together = rows if made.rows_at_once else 1
        for first in range(0, rows, together):
            to = y._replace(offset=made.way.result * first, nbytes=made.way.result * together)
            yield _row_kernel(made, x.part(first, together), to, together, made.size)
        if made.turned:
            yield _negative(y, rows)
        return
    if made.kernel == TOP:
        yield _top(made, x, y, size, number > 0)
        return
    joins, level = counter(number, last)
    slot = slot_bytes(made)
    to = y if level is None else Spot("levels", level * slot, slot)
    found = x.part(0, 1)
    if made.along == WHOLE:
        slots = (len(blocks.parts) - 1).bit_length()
        found = Spot("levels", slots * slot, slot) if joins else to
        yield _row_kernel(made, Rows(x.at, size, x.item).part(0, 1), found._replace(nbytes=WORD), 1, size)
    else:
        rows = size // made.step
        if rows == 1 and not joins and not made.one:
            yield _copy(found, to, x.row)
        yield from _levels(made.kernel, x, rows, found if joins else to)
    for number_, level_ in enumerate(joins):
        other = Spot("levels", level_ * slot, slot)
        yield _both(made.joining, other, found, to if number_ == len(joins) - 1 else found, made.columns)
    if last and made.turned:
        yield _negative(y, 1)


def _row_kernel(made: Reduction, x: Spot, y: Spot, rows: int, columns: int) -> Step:
    """Rows side by side, each to one result."""
    kernel = made.kernel
    if kernel == TOP:
        return Step(
            kernel, {"x": x, "top": y, **_strides(rows, columns, WORD, WORD * made.step), "accumulate": 0}
        )
    if kernel.startswith("f32"):
        words: dict[str, int | Spot] = {"x": x, "y": y, "rows": rows, "columns": columns}
        if kernel == "f32_reduce_sum":
            words["scratch"] = Spot("scratch", 0, WORD * -(-columns // 2))
        return Step(kernel, words)
    return Step(kernel, {"x": x, "y": y, "rows": rows, "words": columns * BYTES[made.form] // WORD})


def _strides(rows: int, k: int, step: int, row: int) -> dict[str, int | Spot]:
    return {"rows": rows, "k": k, "k_stride": step, "row_stride": row, "pair_stride": 2 * row}


def _top(made: Reduction, x: Rows, y: Spot, size: int, more: bool) -> Step:
    """The largest magnitudes of columns, or of all, joined with those before."""
    nbytes = WORD * size
    words: dict[str, int | Spot] = {"x": x.at._replace(nbytes=nbytes), "top": y, "accumulate": int(more)}
    if made.along == COLUMNS:
        return Step(TOP, words | _strides(made.columns, size // made.step, WORD * made.step, WORD))
    return Step(TOP, words | _strides(1, size, WORD, WORD))


def _negative(y: Spot, count: int) -> Step:
    place = y._replace(nbytes=WORD * count)
    return Step("f32_neg", {"x": place, "y": place, "count": count})


def _copy(x: Spot, y: Spot, nbytes: int) -> Step:
    pairs = doubles(nbytes) // 8
    x, y = x._replace(nbytes=8 * pairs), y._replace(nbytes=8 * pairs)
    return Step(COPY, {"a": x, "b": x, "y": y, "pairs": pairs, "step": 4})


def _both(kernel: str, a: Spot, b: Spot, y: Spot, columns: int) -> Step:
    """Two rows as one."""
    if kernel.endswith("_rows"):
        return Step(kernel, {"a": a, "b": b, "y": y, **_apart(1, columns, 0, 0)})
    return _flat(kernel, a, b, y, columns)


def _flat(kernel: str, a: Spot, b: Spot, y: Spot, count: int) -> Step:
    """Two arrays element by element."""
    words: dict[str, int | Spot] = {"a": a, "b": b, "y": y, "step": 4}
    if kernel.startswith("eltwise"):
        return Step(kernel, words | {"pairs": -(-count // chain_words.lanes(kernel))})
    return Step(kernel, words | {"count": count})


def _apart(rows: int, columns: int, source: int, target: int) -> dict[str, int | Spot]:
    """The sizes of a kernel on rows, and bytes from row to row of what it reads and writes."""
    distances = {"a_row": source, "b_row": source, "y_row": target}
    return {"rows": rows, "columns": columns, "b_step": 4, **distances}


def _levels(kernel: str, x: Rows, rows: int, y: Spot) -> Iterator[Step]:
    """Rows as one, in place but for the last step: neighbours level by level, or both halves where order is free."""
    if kernel == TOP:
        words: dict[str, int | Spot] = {"x": x.part(0, rows), "top": y, "accumulate": 0}
        yield Step(TOP, words | _strides(x.columns, rows, x.row, x.item))
        return
    if kernel.endswith("_rows"):
        steps = list(tree(rows))
        for number, step in enumerate(steps):
            to = y if number == len(steps) - 1 else x.part(step.target, step.count)
            sizes_ = _apart(step.count, x.columns, step.step * x.row, x.row)
            size = step.step * (step.count - 1) + 1
            yield Step(
                kernel, {"a": x.part(step.first, size), "b": x.part(step.second, size), "y": to, **sizes_}
            )
        return
    while rows > 1:
        pairs, to = rows // 2, x.part(0, rows // 2) if rows > 2 else y
        yield _flat(kernel, x.part(0, pairs), x.part(rows - pairs, pairs), to, pairs * x.columns)
        rows -= pairs


FAMILY = Family(matches, tile, join)

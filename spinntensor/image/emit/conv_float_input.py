"""Emitter of the adjoint of float32 convolutions by the input: a convolution for each class of pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from spinntensor.image.emit.action import Action, Fetch, Spot, Step
from spinntensor.image.emit.block_float import WORD, Lines, cleared, counted
from spinntensor.image.emit.exact import Exact, Pair, Tile, Weights, Y, steps
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.frame import Frame
from spinntensor.image.emit.matrix import Matrix, joined, matrix
from spinntensor.image.emit.runs import Line, fetched, lines, moved, stored
from spinntensor.image.emit.site import Site, attributes
from spinntensor.image.emit.translate import shared
from spinntensor.image.pieces import doubles
from spinntensor.lower.box import Box, Span
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import STREAM, Recipe
from spinntensor.plan.recipes.conv_float import PANEL
from spinntensor.plan.recipes.windows import Adjoint, Class


def by_input(site: Site, task: Task, recipe: Recipe) -> Iterator[Action]:
    """A tile of `conv2d_input`: each class of pixels is a convolution of stride 1 with its own taps, the last first."""
    node = site.node("conv2d_input")
    assert node is not None
    g, w = node.inputs[:2]
    a: dict[str, Any] = dict(attributes(node))
    (_, height, width, channels), (kh, kw, *_) = (site.lowered.graph[i].type.shape for i in (g, w))
    images, down, across, inner = task.box
    stride, n = a["stride"], inner[1] - inner[0]
    size = down[1] - down[0], across[1] - across[0]
    t = Adjoint(size, channels, n, (kh, kw), stride, a["padding"][::2])
    spans, before = [], []
    for axis, (start, limit) in enumerate(((down[0], height), (across[0], width))):
        first = start // stride[axis] + t.low[axis]
        stop = first + t.tile[axis]
        spans.append((min(max(first, 0), limit), max(min(stop, limit), 0)))
        before.append(min(max(-first, 0), t.tile[axis]))
    pixel = doubles(WORD * channels)
    frame = Frame(g, (images, spans[0], spans[1], (0, channels)), (before[0], before[1]), t.tile, pixel)
    yield cleared(site)
    yield from frame.fetch(site, Spot("x"), 0.0)
    ours = inner[0] == 0, not any(start for start, _ in task.box[:3])
    yield from shared(site, (t, inner, recipe, ours), _computed(site, w, t, inner, recipe, ours))
    yield from _between(site, task.box, stride, _steps(t))
    yield counted(site, node.id, task.box)


def _steps(t: Adjoint) -> Pair:
    """Steps of rows and of columns in a tile, those of columns in whole panels."""
    line = -(-t.size[1] // t.stride[1])
    return -(-t.size[0] // t.stride[0]), line + line % PANEL


def _computed(
    site: Site, w: int, t: Adjoint, inner: Span, recipe: Recipe, ours: tuple[bool, bool]
) -> Iterator[Action]:
    """The weights arrive, and the classes of a tile are computed; `ours` as for `Exact`."""
    (kh, kw, held, channels), n, stride = site.lowered.graph[w].type.shape, t.outputs, t.stride
    detail: dict[str, Any] = dict(recipe.detail)
    m = max((count[0] * (count[1] + count[1] % PANEL) for _, count in t.classes), default=1)
    rows_of_w, shape = matrix(site, w, (-1, channels)), (kh, kw, held)
    taps = _Taps(rows_of_w, shape, inner, detail["group"], m, channels, bool(detail["resident"]))
    yield from taps.resident()
    groups = steps(n, taps.group)
    for tap in range(kh * kw):
        for span in groups:
            fetches, found = taps.columns(tap, tap, span)
            yield from fetches
            yield found.top(tap > 0)
    rows, line = _steps(t)
    wide, pixel, result_bytes = stride[1] * line, doubles(WORD * channels), doubles(WORD * n)
    if len(t.classes) < stride[0] * stride[1]:
        words = stride[0] * rows * wide * result_bytes // WORD
        yield Step("fill_s32", {"y": Y, "value": 0, "words": words, "rows": 1, "y_row": 0})
    done = kh * kw
    for number, (one, count) in enumerate(t.classes):
        origin = one.corner[0] - t.low[0], one.corner[1] - t.low[1]
        (p, q), (u, v) = one.place, one.taps
        y = moved(Y, (p * rows * wide + q) * result_bytes, 0)
        exact = Exact(
            count,
            n,
            channels,
            u * v,
            kh * kw * channels,
            taps.group,
            Tile(Spot("x"), t.tile[1], pixel).fields(count[1], channels, (1, 1), v, pixel, origin),
            taps.of(one, stride, done),
            m,
            (ours[0], ours[1] and not number),
            True,
            y,
            stride[1] * result_bytes,
            line,
        )
        done += u * v
        yield from exact.steps()


@dataclass(frozen=True, eq=False)
class _Taps:
    """Weights [KH,KW,C,O] as columns of B, tap by tap: those of a part of C.

    `shape` is KH, KW and C in memory, and `depth` O; `first` is the number of the first column among the exponents;
    `stays`: whether all of them stay in the DTCM.
    """

    w: Matrix
    shape: tuple[int, int, int]
    inner: Span
    group: int
    first: int
    depth: int
    stays: bool

    @property
    def row(self) -> int:
        """Bytes of a column of B."""
        return self.w.rows.pitch

    def lines(self, tap: int, columns: Span, offset: int) -> list[Line]:
        """Columns of a tap, to byte `offset` and on."""
        at = tap * self.shape[2] + self.inner[0]
        found = self.w.lines((at + columns[0], at + columns[1]), (0, self.depth), self.row)
        return [Line(line.at, line.offset + offset, line.nbytes) for line in found]

    def resident(self) -> Iterator[Fetch]:
        """All of them, where they stay."""
        n = self.inner[1] - self.inner[0]
        every = range(self.shape[0] * self.shape[1] if self.stays else 0)
        found = joined(line for tap in every for line in self.lines(tap, (0, n), tap * n * self.row))
        yield from fetched("w", found, Spot("w"))

    def columns(self, time: int, tap: int, columns: Span) -> tuple[list[Fetch], Lines]:
        """Some columns of a tap, the `time`-th that is asked for."""
        n, count = self.inner[1] - self.inner[0], columns[1] - columns[0]
        if self.stays:
            to = Spot("w", (tap * n + columns[0]) * self.row, count * self.row)
            return [], self._found(to, columns)
        groups = steps(n, self.group)
        turn = time * len(groups) + groups.index(columns)
        to = Spot("w", 0, count * self.row, turn, 2 * self.shape[0] * self.shape[1] * len(groups))
        return list(fetched(STREAM, self.lines(tap, columns, 0), to)), self._found(to, columns)

    def _found(self, to: Spot, columns: Span) -> Lines:
        count = columns[1] - columns[0]
        return Lines(to, count, self.depth, WORD, self.row, 2 * self.row, self.first + columns[0])

    def of(self, one: Class, stride: Pair, done: int) -> Weights:
        """The taps of a class as chunks of k; `done` taps were asked for before."""

        def found(last: int, chunk: int, columns: Span) -> tuple[list[Fetch], Lines]:
            u, v = divmod(chunk, one.taps[1])
            tap = (one.last[0] - u * stride[0]) * self.shape[1] + one.last[1] - v * stride[1]
            return self.columns(done + chunk, tap, columns)

        return found


def _between(site: Site, box: Box, stride: Pair, steps_: Pair) -> Iterator[Action]:
    """The results of a tile whose pixels lie by classes of rows, `steps_` steps of rows and columns for each."""
    images, down, across, inner = box
    (sy, sx), (rows, line) = stride, steps_
    pixel, number = doubles(WORD * (inner[1] - inner[0])), site.stage.results[0]
    if sy == 1 and line * sx == across[1] - across[0]:
        yield from stored("y", lines(site.runs(number, box, write=True)), Y)
        return
    for at in range(*down):
        i, a = divmod(at - down[0], sy)
        target = (images, (at, at + 1), across, inner)
        source = moved(Y, (a * rows + i) * line * sx * pixel, 0)
        yield from stored("y", lines(site.runs(number, target, write=True)), source)


def _matches(site: Site, recipe: Recipe) -> bool:
    return recipe.kernel.startswith("float32 conv ") and recipe.kernel.endswith(" by input")


FAMILY = Family(_matches, by_input)

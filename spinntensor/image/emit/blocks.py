"""A chain of element-wise operations block by block: what arrives, the kernels, and what leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from spinntensor.image.counts import answering
from spinntensor.image.emit import chain_words
from spinntensor.image.emit.action import Action, Fetch, Spot, Step, Store, Where, Word
from spinntensor.image.emit.held import Held
from spinntensor.image.emit.site import Site
from spinntensor.image.emit.translate import kept
from spinntensor.lower.box import Box
from spinntensor.plan.recipes import maps
from spinntensor.plan.recipes.chain import COPY, FULL, SCALAR, Instruction, Program
from spinntensor.plan.recipes.chain_graph import Mapped
from spinntensor.plan.recipes.lines import WORD, doubles
from spinntensor.plan.recipes.maps import COUNTED, SPILLED, Elements, span_of


@dataclass(frozen=True, eq=False)
class Blocks:
    """A tile of a chain.

    Parameters
    ----------
    made, on : the chain, and where its elements lie.
    box : of the full shape.
    block : elements of a block.
    key : what tells the tiles of the stage apart.
    """

    site: Site
    made: Mapped
    on: Elements
    box: Box
    block: int
    key: object
    _turns: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_turns", self.on.groups * len(self.parts))
        found = answering(self.site.lowered.graph, self.site.stage)
        if self.on.pads is not None and found is not None:  # what is computed of it counts as well
            self.site.counts.padded.add(found)

    @cached_property
    def program(self) -> Program:
        return maps.planned(self.made.chain)

    @cached_property
    def parts(self) -> list[tuple[int, int]]:
        """First element and size of the blocks of a group."""
        return list(self.on.blocks(self.block))

    @cached_property
    def _loads(self) -> list[tuple[int, Held]]:
        """The values that arrive, each with its place."""
        found = []
        for i, at in self.program.loads:
            lines, leaf = self.on.loads[i], self.made.operands[i]
            if lines is not None and leaf is not None:
                found.append((at, Held(self.site, f"x{i}", leaf.node, lines, lines.box(self.box))))
        return found

    @cached_property
    def _stores(self) -> list[tuple[int, Held]]:
        found = []
        for (i, at), lines, number in zip(
            self.program.stores, self.on.stores, self.made.results, strict=True
        ):
            if lines is not None:
                held = Held(self.site, f"y{i}", number, lines, lines.box(self.box), write=True)
                found.append((at, held))
        return found

    def spot(self, at: int, group: int, turn: int, offset: int = 0, nbytes: int = 0) -> Spot:
        """Bytes of a place: of a group where it serves all its blocks, else of a block."""
        if self.program.places[at].held:
            return Spot(f"v{at}", offset, nbytes, group, self.on.groups)
        return Spot(f"v{at}", offset, nbytes, turn, self._turns)

    def constants(self) -> Iterator[Action]:
        """Numbers and tables, which arrive before the first block."""
        graph, p, chain = self.site.lowered.graph, self.program, self.made.chain
        numbers = [
            (f"constant {i}", float(value), chain.operands[i].format, at)
            for i, at in p.loads
            if (value := chain.operands[i].constant) is not None
        ]
        numbers += [(f"constant {number} {form}", number, form, at) for number, form, at in p.constants]
        for name, number, form, at in numbers:
            kind = chain_words.stored_type(form)
            data = np.full(8 // kind.itemsize, number).astype(kind)
            for group in range(min(self.on.groups, p.places[at].places)):
                yield Fetch(name, self.site.put(data), self.spot(at, group, 0, 0, 8), 8)
        for name, step in {
            maps.table_name(s): s for s in p.instructions if maps.table_bytes(s.kernel)
        }.items():
            content = self.site.put(chain_words.table(graph, step.kernel, self.made.nodes[step.link]))
            nbytes = doubles(maps.table_bytes(step.kernel))
            yield Fetch(name, content, Spot(name, 0, nbytes, 0, 0), nbytes)

    def group(self, group: int) -> Iterator[Action]:
        """What serves all blocks of a group."""
        p = self.program
        for at, held in self._loads:
            period = p.places[at].extent.period
            if period:
                rows = Spot(f"rows {held.operand}", 0, 0, group, self.on.groups)
                yield from held.actions(group, 0, period, self.spot(at, group, 0), rows)
        for number, step in enumerate(p.instructions):
            if maps.once(p, step):
                yield from self._steps(number, step, group, 0, 0, self.block)

    def computed(self, group: int, number: int) -> Iterator[Action]:
        """A block: its operands arrive, and all is computed."""
        p, (first, size), turn = self.program, self.parts[number], group * len(self.parts) + number
        for at, held in self._loads:
            extent = p.places[at].extent
            if not extent.period:
                low, high = span_of(extent, first, size)
                rows = Spot(f"rows {held.operand}", 0, 0, turn, self._turns)
                yield from held.actions(group, low, high, self.spot(at, group, turn), rows)
        yield from self.shared((group, number), self._block(group, turn, first, size))

    def left(self, group: int, number: int) -> Iterator[Action]:
        """The results of a block leave."""
        p, (first, size), turn = self.program, self.parts[number], group * len(self.parts) + number
        for at, held in self._stores:
            extent = p.places[at].extent
            if extent.period and number:
                continue
            low, high = span_of(extent, first, size)
            rows = Spot(f"rows {held.operand}", 0, 0, turn, self._turns)
            yield from held.actions(group, low, high, self.spot(at, group, turn), rows)
        yield from self.counted(turn)

    def shared(self, key: object, steps: Iterator[Step]) -> tuple[Step, ...]:
        """Steps that tiles with the same elements share: those that were first made for a key."""
        if key not in self._shared:
            self._shared[key] = tuple(steps)
        return self._shared[key]

    @cached_property
    def _shared(self) -> dict[object, tuple[Step, ...]]:
        return kept(self.site, (self.made, self.on, self.block), dict)

    def counted(self, turn: int) -> Iterator[Action]:
        """What the kernels of a block counted leaves."""
        nbytes = maps.count_bytes(self.program)
        if nbytes:
            where = self._counts + turn * nbytes
            yield Store("counts", Spot("counts", 0, nbytes, turn, self._turns), where, nbytes)

    @cached_property
    def _counts(self) -> Where:
        p, stage = self.program, self.site.stage.number
        counters = {
            offset: (
                self.made.nodes[p.instructions[number].link],
                COUNTED[p.instructions[number].kernel],
            )
            for number, offset in maps.counts_at(p).items()
        }
        return self.site.counts.place((stage, self.key), self._turns, maps.count_bytes(p), counters)

    def _block(self, group: int, turn: int, first: int, size: int) -> Iterator[Step]:
        """The calls of all instructions for a block."""
        for number, step in enumerate(self.program.instructions):
            if not maps.once(self.program, step):
                yield from self._steps(number, step, group, turn, first, size)

    def _steps(
        self, number: int, step: Instruction, group: int, turn: int, first: int, size: int
    ) -> Iterator[Step]:
        """The calls of an instruction for a block."""
        p, n = self.program, step.extent.count(size)
        if step.kernel == COPY and len(set(step.sources)) == 1:
            yield from self._copies(step, group, turn, n)
            return
        for entry, shift in maps.cleared(self.on, step, first, size):
            pads = self.on.pads
            rows = pads.step if pads is not None and shift else 0
            offset = WORD * (entry.first * rows + shift + entry.low - first)
            nbytes = WORD * ((entry.rows - 1) * rows + entry.size)
            y = self.spot(step.sources[0], group, turn, offset, nbytes)
            sizes = {"words": entry.size, "rows": entry.rows, "y_row": WORD * rows}
            yield Step("fill_s32", {"y": y, "value": 0, **sizes})
        more = self._more(number, step, group, turn)
        run = step.run or n
        for i in range(0, n, run):
            count = min(run, n - i)
            sources = []
            for s in step.sources:
                place = p.places[s]
                if place.extent == SCALAR and step.extent != SCALAR:
                    sources.append((self.spot(s, group, turn, 0, 8), 0))
                elif step.run and place.extent != FULL:
                    sources.append((self.spot(s, group, turn, WORD * (i // run), WORD), 0))
                else:
                    nbytes = self._bytes(s, i, count)
                    sources.append((self.spot(s, group, turn, place.nbytes * i, nbytes), place.nbytes))
            place = p.places[step.target]
            target = self.spot(step.target, group, turn, place.nbytes * i, self._bytes(step.target, i, count))
            yield chain_words.step(step, count, sources, target, more)

    def _bytes(self, at: int, first: int, count: int) -> int:
        """Bytes of elements, in pairs of words as far as the place goes."""
        place = self.program.places[at]
        return min(
            doubles(place.nbytes * count),
            maps.place_bytes(self.program, place, self.block) - place.nbytes * first,
        )

    def _more(self, number: int, step: Instruction, group: int, turn: int) -> dict[str, int | Spot | Word]:
        """The fields of an instruction's records beside elements."""
        exponent = None if step.word < 0 else self.spot(step.word, group, turn, 0, WORD)
        node = self.made.nodes[step.link] if step.link >= 0 else -1
        more: dict[str, int | Spot | Word] = {}
        more |= chain_words.numbers(self.site.lowered.graph, step.kernel, node, exponent)
        if maps.table_bytes(step.kernel):
            nbytes = doubles(maps.table_bytes(step.kernel))
            more["table"] = Spot(maps.table_name(step), 0, nbytes, 0, 0)
        if step.kernel in COUNTED:
            offset, nbytes = maps.counts_at(self.program)[number], WORD * len(COUNTED[step.kernel])
            more["counts"] = Spot("counts", offset, nbytes, turn, self._turns)
        elif step.kernel in SPILLED:
            more["saturated"] = Spot("clamped", 0, WORD, 0, 0)
        return more

    def _copies(self, step: Instruction, group: int, turn: int, n: int) -> Iterator[Step]:
        """The calls that repeat elements until there are as many as in a block."""
        p, source = self.program, step.sources[0]
        extent = p.places[source].extent

        def copy(place: int, at: int, to: int, count: int) -> Step:
            pairs = -(-count // 2)
            words = self.spot(place, group, turn, WORD * at, 8 * pairs)
            target = self.spot(step.target, group, turn, WORD * to, 8 * pairs)
            return Step(COPY, {"a": words, "b": words, "y": target, "pairs": pairs, "step": 4})

        if extent == step.extent:
            yield copy(source, 0, 0, n)
            return
        run = extent.run if extent.run > 1 else n
        have = 1 if extent.run > 1 else min(extent.period, n)
        for i in range(-(-n // run)):
            yield copy(source, i if extent.run > 1 else 0, i * run, have)
            done = have
            for size in maps.copies(have, run):
                yield copy(step.target, i * run, i * run + done, size)
                done += size

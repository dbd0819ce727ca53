"""Shifts to 13 bits and exponents of results of bfp16 products, made of the largest magnitudes of their factors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spinntensor.graph.graph import Node
from spinntensor.image.emit.action import EXPONENT, PLAIN, SHIFT, Action, Fetch, Spot, Step, Store, Word
from spinntensor.image.emit.runs import fetched, lines, moved
from spinntensor.image.emit.site import Site
from spinntensor.image.pieces import doubles
from spinntensor.lower.box import Span, whole
from spinntensor.plan.recipes.bfp16_scale import FILL, WORD

SUM = 8
"""Bytes of an exact sum."""
BITS = 27
"""Magnitude bits that results are made with, twice of which are in the exponents of the rows."""
COUNT = Spot("counts", 0, WORD)


@dataclass(frozen=True, eq=False)
class Scale:
    """The magnitudes of a product's left factor (rows) and right factor (columns), and what is made of them."""

    site: Site
    node: Node

    def _spots(self) -> tuple[Spot, Spot]:
        """The magnitudes of both factors."""
        rows, columns = (max(1, self.site.lowered.graph[i].type.size) for i in self.node.inputs[2:])
        return Spot("magnitudes", 0, WORD * rows), Spot("magnitudes", doubles(WORD * rows), WORD * columns)

    def shift(self, factor: int) -> Word:
        """The shift of a factor: 0 for rows, 1 for columns."""
        return Word(Spot("shifts", SUM * factor, WORD), PLAIN)

    def arrived(self) -> Iterator[Action]:
        """Magnitudes come, and shifts are made."""
        for factor, spot in enumerate(self._spots()):
            number = self.node.inputs[2 + factor]
            box = whole(self.site.lowered.graph[number].type.shape)
            yield from fetched("magnitudes", lines(self.site.runs(number, box)), moved(spot, 0, 0))
            to = Spot("shifts", SUM * factor, WORD)
            yield _filled(to, 1, Word(spot, SHIFT))

    def exponents(self, rows: Span, columns: Span) -> Iterator[Step]:
        """Exponents of some rows and columns; the shifts of both factors are in those of the rows."""
        m, n = rows[1] - rows[0], columns[1] - columns[0]
        for factor, (spot, span, add) in enumerate(
            zip(self._spots(), (rows, columns), (2 * BITS, 0), strict=True)
        ):
            to = Spot("exponents", doubles(WORD * m) * factor)
            if spot.nbytes == WORD:
                count = n if factor else m
                yield _filled(moved(to, 0, WORD * count), count, Word(spot, EXPONENT, add))
                continue
            for i, line in enumerate(range(*span)):
                word = Word(moved(spot, WORD * line, WORD), EXPONENT, add)
                yield _filled(moved(to, WORD * i, WORD), 1, word)
        both = Spot("exponents", 0, doubles(WORD * m))
        for factor in (0, 1):
            shift = Spot("shifts", SUM * factor, WORD)
            yield Step(
                "eltwise_add_s32", {"a": both, "b": shift, "y": both, "pairs": both.nbytes // SUM, "step": 0}
            )

    def result(
        self, sums: Spot, y: Spot, sizes: tuple[int, int], of: int, lds: int, row: int, first: int = 0
    ) -> Step:
        """m by n sums as float32.

        of : rows that have exponents, `first` of which is that of the first row here.
        lds, row : sums, and bytes of y, from row to row.
        """
        m, n = sizes
        places: dict[str, int | Spot] = {
            "s": moved(sums, 0, SUM * ((m - 1) * lds + n)),
            "ea": Spot("exponents", WORD * first, WORD * m),
            "eb": Spot("exponents", doubles(WORD * of), WORD * n),
            "y": moved(y, 0, (m - 1) * row + WORD * n),
            "count": COUNT,
        }
        words = {"m": m, "n": n, "lds": lds, "ldy": row // WORD, "bits": BITS}
        return Step("convert_f32_result", {**places, **words})

    def cleared(self) -> Fetch:
        """Nothing is counted yet."""
        return Fetch("counts", self.site.put(np.zeros(SUM, np.uint8)), Spot("counts", 0, SUM), SUM)

    def counted(self, tile: object) -> Store:
        """How many results of a tile became infinite; `tile` tells it from others of its stage."""
        counters = {0: (self.node.id, ("overflowed",))}
        place = self.site.counts.place((self.site.stage.number, tile), 1, SUM, counters)
        return Store("counts", Spot("counts", 0, SUM), place, SUM)


def _filled(to: Spot, words: int, value: Word) -> Step:
    return Step(FILL, {"y": to, "value": value, "words": words, "rows": 1, "y_row": 0})

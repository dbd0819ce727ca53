"""Steps of block floating point: exponents, mantissas, exact sums, and results rounded once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinntensor.image.emit.action import Fetch, Spot, Step, Store
from spinntensor.image.emit.runs import moved
from spinntensor.image.emit.site import Site

WORD, SUM = 4, 8
"""Bytes of a float32 or an exponent, and of a sum."""
PANEL = 2
"""Rows of a panel."""
COUNTS = 16
"""Bytes of the words that count."""
FINDING, OTHER, INFINITE = Spot("counts", 0, WORD), Spot("counts", 8, WORD), Spot("counts", 4, WORD)
"""Words that count: lines that are not finite, those that another call or tile has counted, results that became
infinite."""


@dataclass(frozen=True)
class Lines:
    """Rows of A, or columns of B, as they lie in the DTCM: distances in bytes.

    Parameters
    ----------
    x : all that is read of them.
    rows, k : how many, and elements of each.
    step, row, pair : from element to element, from the first of a pair to the second, and from pair to pair.
    first : number of the first among the exponents of the tile.
    """

    x: Spot
    rows: int
    k: int
    step: int
    row: int
    pair: int
    first: int

    def _words(self) -> dict[str, int | Spot]:
        strides = {"k_stride": self.step, "row_stride": self.row, "pair_stride": self.pair}
        return {"x": self.x, "rows": self.rows, "k": self.k, **strides}

    def _place(self, region: str) -> Spot:
        return Spot(region, WORD * self.first, WORD * self.rows)

    def top(self, accumulate: bool) -> Step:
        """Their largest magnitudes, joined with those found before where `accumulate`."""
        words = {**self._words(), "top": self._place("tops"), "accumulate": int(accumulate)}
        return Step("convert_f32_top", words)

    def panel(self, to: Spot, bits: int, count: Spot) -> Step:
        """Their mantissas in panels from `to` on, and their exponents."""
        panels = moved(to, 0, panel_bytes(self.rows, self.k))
        places: dict[str, int | Spot] = {
            "top": self._place("tops"),
            "panels": panels,
            "exponents": self._place("exponents"),
            "count": count,
        }
        return Step("convert_f32_panel", {**self._words(), **places, "bits": bits})


def panel_bytes(rows: int, k: int) -> int:
    """Bytes of the panels of so many rows."""
    return WORD * (rows + rows % PANEL) * k


def product(a: Spot, b: Spot, c: Spot, sizes: tuple[int, int, int], columns: int, accumulate: bool) -> Step:
    """Sums from `c` on, where a row has `columns` of them; `sizes` are m, n, k."""
    m, n, k = sizes
    sums = moved(c, 0, SUM * ((m - 1) * columns + n))
    words = {"m": m, "n": n, "k": k, "ldc": columns, "accumulate": int(accumulate)}
    places = {"a": moved(a, 0, panel_bytes(m, k)), "b": moved(b, 0, panel_bytes(n, k)), "c": sums}
    return Step("gemm_f32_2x2_u64", {**places, **words})


def result(
    sums: Spot,
    exponents: tuple[int, int],
    y: Spot,
    sizes: tuple[int, int],
    distances: tuple[int, int],
    bits: int,
) -> Step:
    """Sums as float32. `exponents`: numbers of the first row's and the first column's; `sizes` are m and n;
    `distances`: sums, and bytes of y, from row to row."""
    (m, n), (lds, row), (ea, eb) = sizes, distances, exponents
    places = {
        "s": moved(sums, 0, SUM * ((m - 1) * lds + n)),
        "ea": Spot("exponents", WORD * ea, WORD * m),
        "eb": Spot("exponents", WORD * eb, WORD * n),
        "y": moved(y, 0, (m - 1) * row + WORD * n),
        "count": INFINITE,
    }
    words = {"m": m, "n": n, "lds": lds, "ldy": row // WORD, "bits": bits}
    return Step("convert_f32_result", {**places, **words})


def cleared(site: Site) -> Fetch:
    """The words that count, all 0."""
    return Fetch("counts", site.put(np.zeros(4, np.uint32)), Spot("counts", 0, COUNTS), COUNTS)


def counted(site: Site, node: int, tile: object) -> Store:
    """The counts of a tile that matter; `tile` tells it from others of its stage."""
    counters = {
        FINDING.offset: (node, ("nonfinite",)),
        INFINITE.offset: (node, ("overflowed",)),
    }
    place = site.counts.place((site.stage.number, tile), 1, SUM, counters)
    return Store("counts", Spot("counts", 0, SUM), place, SUM)

"""What products of bfp16 make of the largest magnitudes of their factors: shifts to 13 bits, and exponents of results.

A factor has one magnitude, or one for each of its rows or columns. Magnitudes are known when the kernels are called:
words of records of `fill_s32` are made of them, and so the shifts, and the exponents of rows and columns, come into the
DTCM. The shifts are added to the exponents of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spinntensor.plan.recipe import Call, Transfer
from spinntensor.plan.recipes.parts import call, moved, up

FILL, ADD = "fill_s32", "eltwise_add_s32"
WORD = 4
SHIFTS = 16
"""Bytes of the shifts: a double word for each factor."""


@dataclass(frozen=True)
class Scale:
    """The magnitudes of a product: of its left factor (rows), and of the right one (columns); 1 or one for each."""

    rows: int = 1
    columns: int = 1

    def loads(self) -> tuple[Transfer, ...]:
        """The magnitudes of both factors."""
        return (moved("magnitudes", up(WORD * self.rows) + up(WORD * self.columns), 2),)

    def regions(self, m: int, n: int, results: bool = True) -> tuple[tuple[str, int, int], ...]:
        """Magnitudes and shifts, and where results are made the exponents of m rows and n columns."""
        return (
            ("magnitudes", up(WORD * self.rows) + up(WORD * self.columns), 1),
            ("shifts", SHIFTS, 1),
            ("exponents", up(WORD * m) + up(WORD * n) if results else 0, 1),
        )

    def calls(self, m: int, n: int, results: bool = True) -> Iterator[Call]:
        """The shifts, and the exponents."""
        yield call(FILL, 2, rows=1, words=1)
        if results:
            for magnitudes, count in ((self.rows, m), (self.columns, n)):
                yield call(
                    FILL, 1 if magnitudes == 1 else count, rows=1, words=count if magnitudes == 1 else 1
                )
            yield call(ADD, 2, n=m)


ALONE = Scale()
"""One magnitude for each factor."""

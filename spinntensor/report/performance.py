"""Writes the kernels' part of the performance page: how the figures came about, and its lines as one table."""

from __future__ import annotations

from collections.abc import Sequence

from spinntensor.report.goals import Score, scores
from spinntensor.report.line import Line

PART = "kernels"
"""Name of the part of the page that this writes."""

HEAD = """## Kernels

This part is generated: `spinntensor bench kernels --markdown docs/performance.md --plot docs/roofline.svg`.

* Every line was executed: the compiled ARM code of the package on one emulated core. Its result was compared bit for
  bit with the host twin ("PASS"), which the tests compare with independent models.
* **Model cycles** are those of the ARM9E-S pipeline over single-cycle memories, call and return included; they are
  exact and repeat. No figure here was measured on silicon. Conflicts between DMA and core on the DTCM are not modelled.
* **Of bound**: issue cycles of the inner loop's loads, stores and arithmetic alone, divided by the cycles taken.
* **x plain C**: cycles of the plain-C reference on the same operands at -O3 (the better of clang and GCC), divided by
  the kernel's. 1.00 means that plain C is what the package uses. References of products are
  blocked in registers; that of a `_tile` or `_step` is the same tile on plain-C kernels.
* **Estimate**: how far the planner's estimator is from the executed cycles.
* Kernels are named operation, type, block, unroll; a `_tile` line counts all kernels of the tile, one by one.

{goals}
### All lines

![Kernels under their roofs](roofline.svg)

| kernel | shape | model cycles | MAC/cycle | cycles/element | of bound | x plain C | estimate | bits |
|---|---|--:|--:|--:|--:|--:|--:|---|
"""


GOALS_HEAD = """### Goals

What the kernels are held to. **At the bound**: the figure that loads, stores and arithmetic of the inner loop alone
would give, with no loop, call, stall or rim; where a goal was missed, it says how far this kind of block can go at all.

| figure | unit | must | aim | measured | at the bound | verdict |
|---|---|--:|--:|--:|--:|---|
"""


def _row(m: Line) -> str:
    rate = f"{m.mac_per_cycle:.3f}" if m.mac_per_cycle else ""
    per_element = f"{m.cycles_per_element:.2f}" if m.cycles_per_element and not m.macs else ""
    cells = (
        f"`{m.kernel}`",
        m.shape,
        f"{m.cycles:,}",
        rate,
        per_element,
        f"{m.bound_fraction:.1%}",
        f"{m.times_plain_c:.2f}",
        "" if m.estimate_error is None else f"{m.estimate_error:+.2%}",
        "PASS" if m.passed else "FAIL",
    )
    return "| " + " | ".join(cells) + " |"


def _goal(score: Score) -> str:
    goal = score.goal
    must = "" if goal.must is None else f"{goal.must:.3g}"
    unit = {
        "mac_per_cycle": "MAC/cycle",
        "cycles_per_element": "cycles/element",
        "times_plain_c": "x plain C",
    }
    cells = (
        goal.label,
        unit[goal.metric],
        must,
        f"{goal.aim:.3g}",
        f"{score.value:.3f}",
        f"{score.at_bound:.3f}",
    )
    return "| " + " | ".join((*cells, score.verdict)) + " |"


def page(lines: Sequence[Line]) -> str:
    """The part for these benchmark lines."""
    reached = list(scores(lines))
    goals = GOALS_HEAD + "\n".join(_goal(s) for s in reached) + "\n" if reached else ""
    return HEAD.replace("{goals}", goals) + "\n".join(_row(m) for m in lines) + "\n"

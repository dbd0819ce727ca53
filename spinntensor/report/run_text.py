"""A run on a machine as text: for each layer measured beside predicted cycles, then the totals.

Tables are rich's, for a terminal; `text` gives everything as plain characters, `WIDTH` columns wide.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from spinntensor.machine.record import CoreRecord
from spinntensor.report import run_figures as figures
from spinntensor.report.plan_text import WIDTH, milliseconds
from spinntensor.report.run_figures import Row, Run

_NUMBERS = ("predicted", "measured", "ratio", "DMA", "doorbells", "multiplies")
_NAMED = 5
"""Layers that are named in the line about layers that are off."""


def table(run: Run) -> Table:
    """A line for each layer: cycles of its slowest worker in a period, measured ones means over periods."""
    out = Table(
        title=run.name,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name in ("layer", "kind"):
        out.add_column(name, overflow="fold")
    for name in _NUMBERS:
        out.add_column(name, justify="right", no_wrap=True)
    out.add_column("", no_wrap=True)
    for row in figures.rows(run):
        out.add_row(*_cells(row), style="bold" if row.off else None)
    return out


def _cells(row: Row) -> tuple[str, ...]:
    layer = row.layer
    return (
        layer.name,
        layer.kind,
        f"{layer.predicted_cycles:,.0f}",
        f"{layer.cycles:,.0f}",
        "" if row.ratio is None else f"{row.ratio:.3f}",
        f"{layer.dma:,.0f}",
        f"{layer.doorbells:,.0f}",
        "" if layer.multiplies is None else f"{layer.multiplies:,}",
        row.off,
    )


def totals(run: Run) -> Table:
    """What the run took, beside what its plan predicted."""
    ms = 1e3 / run.clock_hz
    wall = run.wall_s / (run.model_cycles / run.clock_hz)
    lines = [
        (
            "time",
            f"{milliseconds(ms * run.model_cycles)} model ms, {milliseconds(ms * run.predicted_cycles)} predicted"
            + (f" ({run.model_cycles / run.predicted_cycles:.3f} of it)" if run.predicted_cycles else ""),
        ),
        ("images/s", f"{run.images_per_s:,.4g}, {run.images:,} images"),
        (
            "MAC per worker cycle",
            f"{run.mac_per_worker_cycle:.3f}, over all {run.applications} application cores; {run.workers} work",
        ),
        ("energy", f"{run.joules_per_image:,.4g} J/image"),
        ("instructions", f"{run.instructions:,}"),
    ]
    if run.cores:
        worst = max(run.cores, key=lambda core: core.fiq_latency)
        lines += [
            ("busiest core", _core(figures.busiest(run.cores))),
            ("idlest core", _core(figures.idlest(run.cores))),
            (
                "doorbells",
                f"{sum(core.packets_sent for core in run.cores):,} sent, "
                f"{sum(core.packets_received for core in run.cores):,} received; one waited for its interrupt "
                f"{worst.fiq_latency:,} cycles at most, on core {worst.core}",
            ),
        ]
    lines += [("wall time", f"{run.wall_s:,.4g} s, {wall:,.3g} times the model's"), ("layers", _off(run))]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row(*line)
    return grid


def _core(core: CoreRecord) -> str:
    return (
        f"{core.core}: executes {figures.executing(core):.1%} of the time, {core.instructions:,} instructions"
    )


def _off(run: Run) -> str:
    """How many layers are off, and the first of them by how many cycles."""
    off = [row for row in figures.rows(run) if row.off]
    words = (
        f"{len(off)} of {len(run.layers)} off by more than {figures.TOLERANCE:.0%}, among those with more than "
        f"{figures.NOTABLE:.0%} of the time"
    )
    off.sort(key=lambda row: -abs(row.layer.cycles - row.layer.predicted_cycles))
    named = ", ".join(f"{row.layer.name} ({row.off})" for row in off[:_NAMED])
    return words + (f": {named}{', ...' if len(off) > _NAMED else ''}" if off else "")


def line(run: Run) -> str:
    """A run in a line."""
    ms = 1e3 / run.clock_hz
    return (
        f"{run.name}: {milliseconds(ms * run.model_cycles)} model ms, "
        f"{milliseconds(ms * run.predicted_cycles)} predicted, {run.images_per_s:,.4g} images/s"
    )


def report(runs: Sequence[Run]) -> Group:
    """Table and totals of the run with the most batches, and a line for each other one."""
    shown = figures.longest(runs)
    parts: list[RenderableType] = [table(runs[shown]), Text(""), totals(runs[shown])]
    others = [Text(line(run)) for i, run in enumerate(runs) if i != shown]
    if others:
        parts += [Text(""), Text(f"Run {shown + 1} of {len(runs)}; the others:", "bold"), *others]
    return Group(*parts)


def text(runs: Sequence[Run], width: int = WIDTH) -> str:
    """The report as plain text, `width` columns wide."""
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=False, color_system=None).print(report(runs))
    return "\n".join(one.rstrip() for one in file.getvalue().splitlines()) + "\n"

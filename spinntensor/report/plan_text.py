"""Plans as text: a table of the layers, the totals, and why a layer is planned as it is.

Tables are rich's, for a terminal; `text` gives everything as plain characters, `WIDTH` columns wide.
"""

from __future__ import annotations

import io

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from spinntensor.machine.facts import Facts
from spinntensor.machine.facts import facts as default_facts
from spinntensor.plan.plan import Layer, Plan, Totals
from spinntensor.plan.recipes.parts import ROOM
from spinntensor.report.plan_figures import Row, layer_named, rows, terms

WIDTH = 100
"""Columns that the tables fit, and that they have where there is no terminal."""

_BAR = 60
"""Characters of a bar."""
_FILLS = "█▓▒░▚▞▤▥▦▧"
"""One for each region of a DTCM map, in turn."""

BOUNDS = {
    "issue": "instructions: the kernels and the tile engine keep the cores busy",
    "dma": "DMA: cores wait for transfers between SDRAM and DTCM",
    "doorbells": "doorbells: cores wait for each other",
    "host": "the host's link: cores wait for inputs or for room for outputs",
}
"""What it means for a layer to be bound by each."""


def table(plan: Plan, facts: Facts | None = None) -> Table:
    """A line for each layer: times and rates are predicted, those of a whole period."""
    title = f"{plan.model}, {plan.format}, {plan.objective}, batch {plan.batch}, on {plan.machine}"
    out = Table(
        title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for name in ("layer", "shape"):
        out.add_column(name, overflow="fold")
    out.add_column("MACs", justify="right", no_wrap=True)
    out.add_column("kernel", overflow="fold")
    for name in ("tiles", "cores"):
        out.add_column(name, justify="right", no_wrap=True)
    out.add_column("bound", no_wrap=True)
    for name in ("ms", "time", "MAC/c", "DTCM"):
        out.add_column(name, justify="right", no_wrap=True)
    for row in rows(plan, facts):
        out.add_row(*_cells(row))
    return out


def _cells(row: Row) -> tuple[str, ...]:
    layer = row.layer
    return (
        layer.name,
        "x".join(map(str, layer.shape)) or "()",
        count(layer.macs) if layer.macs else "",
        layer.recipe.kernel,
        f"{layer.cut.tiles:,}",
        f"{layer.cores}",
        layer.bound_by,
        milliseconds(row.ms),
        f"{row.share:.1%}",
        f"{row.rate:.3f}" if layer.macs else "",
        f"{row.dtcm:.0%}",
    )


def totals(plan: Plan, facts: Facts | None = None) -> Group:
    """What the plan is worth, what its time goes into, and what it is worth at other figures of the machine."""
    t = plan.totals
    spent = terms(plan.layers)
    everything = sum(spent.values()) or 1.0
    workers = len(plan.workers)
    wait = t.bubble_cycles / (t.period_cycles * workers) if t.period_cycles else 0.0
    ms = 1e3 / (facts or default_facts()).clock_hz
    lines = (
        (
            "images/s",
            f"{t.images_per_s:,.4g} with inputs resident, {t.images_per_s_host_fed:,.4g} fed by the host",
        ),
        ("latency", f"{milliseconds(t.latency_ms)} ms"),
        (
            "MAC per worker cycle",
            f"{t.mac_per_worker_cycle:.3f}, over all {plan.applications} application cores; {workers} work",
        ),
        ("energy", f"{t.joules_per_image:,.4g} J/image"),
        (
            "initiation interval",
            f"{t.period_cycles:,.0f} cycles ({milliseconds(ms * t.period_cycles)} ms) for {plan.batch} images",
        ),
        ("fill, drain", f"{t.fill_cycles:,.0f} and {t.drain_cycles:,.0f} cycles"),
        ("bubbles", f"{wait:.1%} of the workers' cycles"),
        ("time", ", ".join(f"{name} {cycles / everything:.1%}" for name, cycles in spent.items())),
        ("host's link", f"{t.host_share:.1%} busy when the host feeds inputs"),
        ("SDRAM", f"{t.sdram_bytes / 1e6:,.1f} MB"),
    )
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row(*line)
    parts: list[Table | Text] = [grid]
    if plan.variants:
        parts += [Text(""), _variants(plan.variants)]
    return Group(*parts)


def _variants(variants: tuple[tuple[str, Totals], ...]) -> Table:
    out = Table(
        title="The same plan at other figures of the machine", title_justify="left", box=None, pad_edge=False
    )
    out.add_column("figures", overflow="fold")
    for name in ("images/s", "host-fed", "latency ms", "MAC/worker cycle", "J/image"):
        out.add_column(name, justify="right")
    for words, t in variants:
        out.add_row(
            words, f"{t.images_per_s:,.4g}", f"{t.images_per_s_host_fed:,.4g}", milliseconds(t.latency_ms),
            f"{t.mac_per_worker_cycle:.3f}", f"{t.joules_per_image:,.4g}",
        )  # fmt: skip
    return out


def why(plan: Plan, name: str, facts: Facts | None = None) -> str:
    """Why a layer is planned as it is, and what holds it up; UnknownNameError when the plan has no such layer."""
    layer = layer_named(plan, name)
    row = next(one for one in rows(plan, facts) if one.layer is layer)
    spent = sum(layer.terms.values()) or 1.0
    tile = " x ".join(f"{axis} {size}" for axis, size in layer.tile)
    split = f"; its sums over {len(layer.cut.sums)} parts are joined" if layer.cut.partial else ""
    lines = [
        f"{layer.name}: {layer.kind}, {' x '.join(map(str, layer.shape)) or '()'}, {layer.macs:,} MACs in a period",
        f"  takes      {milliseconds(row.ms)} ms ({layer.cycles:,.0f} cycles of its slowest worker), "
        f"{row.share:.1%} of all layers' time",
        f"  bound by   {BOUNDS.get(layer.bound_by, layer.bound_by)}",
        f"  choice     {layer.recipe.kernel}, tiles of {tile}: {layer.cut.tiles:,} on {layer.cores} cores{split}",
        f"  runner-up  {layer.runner_up or 'none: there was one way'}",
        f"  idle       {layer.idle:.1%} of its workers' time",
        *(
            f"  {name:10} {_bar(cycles / spent)} {cycles / spent:6.1%}"
            for name, cycles in terms([layer]).items()
        ),
        f"  moves      {row.nbytes / 1e6:,.2f} MB by DMA in a period" + _intensity(row),
        f"  DTCM       {layer.recipe.dtcm_bytes:,} of {ROOM:,} bytes ({row.dtcm:.0%})",
        *_dtcm(layer),
    ]
    return "\n".join(lines)


def _intensity(row: Row) -> str:
    return f", {row.layer.macs / row.nbytes:,.1f} MAC/byte" if row.layer.macs and row.nbytes else ""


def _bar(share: float, width: int = 40) -> str:
    filled = round(max(0.0, min(1.0, share)) * width)
    return "█" * filled + "·" * (width - filled)


def _dtcm(layer: Layer) -> list[str]:
    """The regions as one bar, each place at its size, and what its signs mean."""
    edges, at, bar = [], 0, ""
    signs = {r.name: _FILLS[i % len(_FILLS)] for i, r in enumerate(layer.recipe.regions)}
    for region in layer.recipe.regions:
        at += region.total
        edges.append((region, round(_BAR * at / ROOM)))
    for region, edge in edges:
        bar += signs[region.name] * (edge - len(bar))
    legend = [
        f"    {signs[r.name]} {r.name:12} {r.nbytes:7,} bytes"
        + (f" in {r.places} places" if r.places > 1 else "")
        for r in layer.recipe.regions
    ]
    return [f"    [{bar.ljust(_BAR, '·')}]", *legend]


def count(number: int) -> str:
    """A large number in four characters or so: 999, 12.3K, 115.6M, 4.1G."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)


def milliseconds(ms: float) -> str:
    """Milliseconds with three significant digits, thousands whole: 0.0123, 1.20, 1,234."""
    return f"{ms:,.0f}" if ms >= 999.5 else f"{ms:#.3g}".rstrip(".") if ms else "0"


def text(plan: Plan, facts: Facts | None = None, width: int = WIDTH) -> str:
    """Table and totals as plain text, `width` columns wide."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None)
    console.print(table(plan, facts), Text(""), totals(plan, facts), sep="\n")
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"  # type: ignore[attr-defined]

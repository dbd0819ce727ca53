"""A plan as one HTML page that works without a network: totals, tables, and pictures of time and memory.

The figures are embedded once, as JSON; a few small scripts (`spinntensor/report/page`) draw all tables and pictures
from it in the browser, because sorting, zooming and looking at single blocks need the figures there anyway.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from spinntensor.machine.facts import Facts
from spinntensor.machine.facts import facts as default_facts
from spinntensor.plan.plan import Plan
from spinntensor.plan.recipes.parts import ROOM
from spinntensor.plan.saving import digest
from spinntensor.report import plan_figures as figures
from spinntensor.report.files import writable, write_whole

SCRIPTS = ("draw.js", "tables.js", "time.js", "memory.js", "roofline.js", "start.js")
"""In the order in which the page runs them."""

BINS = 160
"""Stretches of time for which the page shows how busy a worker is."""

_PLACES = 4
"""Decimal places of what is only drawn."""


def page(plan: Plan, *, facts: Facts | None = None, plan_s: float | None = None) -> str:
    """The page's text.

    Parameters
    ----------
    facts : figures of the machine that was planned for; those of the file when omitted.
    plan_s : seconds that planning took, when they were measured.
    """
    folder = files("spinntensor.report") / "page"
    # "<" would end the script element early in a name such as "</script>".
    data = json.dumps(_data(plan, facts or default_facts(), plan_s), separators=(",", ":"), allow_nan=False)
    parts = {
        "title": html.escape(f"{plan.model}, {plan.format}, on {plan.machine}: plan"),
        "style": (folder / "page.css").read_text(encoding="utf-8"),
        "script": "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS),
        "data": data.replace("<", "\\u003c"),
    }
    template = (folder / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def write(plan: Plan, path: str, *, facts: Facts | None = None, plan_s: float | None = None) -> None:
    """Write the page to a file, whole or not at all; OutputError when it cannot be written."""
    text = page(plan, facts=facts, plan_s=plan_s)
    write_whole(writable(path, (".html", ".htm")), lambda part: part.write_text(text, encoding="utf-8"))


def _data(plan: Plan, facts: Facts, plan_s: float | None) -> dict[str, Any]:
    """What the scripts draw from."""
    kinds = list(dict.fromkeys(span.kind for span in plan.spans))
    return {
        "model": plan.model,
        "machine": plan.machine,
        "format": plan.format,
        "objective": plan.objective,
        "batch": plan.batch,
        "applications": plan.applications,
        "workers": plan.workers,
        "clock_hz": facts.clock_hz,
        "sdram_usable_bytes": facts.sdram_usable_bytes,
        "assumed": [f"{one.what}, {one.value:,} {one.unit}" for one in facts.assumed],
        "plan_s": plan_s,
        "plan_sha256": digest(plan),
        "totals": asdict(plan.totals),
        "variants": [(words, asdict(totals)) for words, totals in plan.variants],
        "layers": [_layer(row) for row in figures.rows(plan, facts)],
        "dtcm": {"below": figures.BELOW, "room": ROOM, "above": figures.ABOVE},
        "shares": _shares(plan),
        "kinds": kinds,
        "spans": [
            (s.lane, s.share, s.period, round(s.start, 1), round(s.end, 1), kinds.index(s.kind))
            for s in plan.spans
        ],
        "waits": [
            (share, period, round(one.cycles), one.share, one.period)
            for (share, period), one in figures.waited(plan).items()
        ],
        "periods": figures.period_bounds(plan),
        "shown": figures.shown_period(plan),
        "busy_over_time": _rounded(figures.busy_over_time(plan, BINS)),
        "busy_by_layer": _rounded(figures.busy_by_layer(plan)),
        "buffers": [asdict(buffer) for buffer in plan.buffers],
        "sdram_base": min((buffer.address for buffer in plan.buffers), default=0),
        "bandwidths": figures.bandwidths(facts, len(plan.workers)),
    }


def _layer(row: figures.Row) -> dict[str, Any]:
    layer = row.layer
    return {
        "stage": layer.stage,
        "name": layer.name,
        "kind": layer.kind,
        "shape": layer.shape,
        "macs": layer.macs,
        "kernel": layer.recipe.kernel,
        "tile": dict(layer.tile),
        "tiles": layer.cut.tiles,
        "cores": layer.cores,
        "cycles": layer.cycles,
        "ms": row.ms,
        "share": row.share,
        "rate": row.rate,
        "nbytes": row.nbytes,
        "terms": figures.terms([layer]),
        "idle": layer.idle,
        "bound_by": layer.bound_by,
        "runner_up": layer.runner_up,
        "dtcm_bytes": layer.recipe.dtcm_bytes,
        "regions": [(one.name, one.nbytes, one.places) for one in layer.recipe.regions],
    }


def _shares(plan: Plan) -> dict[str, list[Any]]:
    """Columns of the shares, by number."""
    shares = sorted(plan.shares, key=lambda share: share.number)
    names = ("stage", "step", "worker", "tiles", "body", "issue", "loaded", "stored")
    return {name: [getattr(share, name) for share in shares] for name in names}


def _rounded(grid: list[Any]) -> list[list[float | None]]:
    return [[None if one is None else round(one, _PLACES) for one in line] for line in grid]

"""Runs on a machine as one HTML page that works without a network: measured beside predicted, cores, and the time line.

The figures are embedded once, as JSON; scripts (`spinntensor/report/page`) draw all tables and pictures from it in the
browser. Style and the means of drawing are those of the page of a plan.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from spinntensor.report import run_figures as figures
from spinntensor.report.files import writable, write_whole
from spinntensor.report.run_figures import Run

STYLES = ("page.css", "run.css")
SCRIPTS = ("draw.js", "zoom.js", "run_tables.js", "run_time.js", "run_start.js")
"""In the order in which the page has them."""

_SUMMARY = (
    "model", "machine", "format", "objective", "batch", "batches", "images", "clock_hz", "workers", "applications",
    "model_cycles", "predicted_cycles", "images_per_s", "mac_per_worker_cycle", "joules_per_image", "instructions",
    "wall_s",
)  # fmt: skip


def page(runs: Sequence[Run]) -> str:
    """The page's text; with several runs, one can be chosen, and that with the most batches is shown first."""
    folder = files("spinntensor.report") / "page"
    data = {
        "runs": [_data(run) for run in runs],
        "shown": figures.longest(runs),
        "notable": figures.NOTABLE,
        "tolerance": figures.TOLERANCE,
    }
    # "<" would end the script element early in a name such as "</script>".
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    first = runs[figures.longest(runs)]
    parts = {
        "title": html.escape(f"{first.model}, {first.format}, on {first.machine}: run"),
        "style": "\n".join((folder / name).read_text(encoding="utf-8") for name in STYLES),
        "script": "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS),
        "data": text,
    }
    template = (folder / "run.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], template)


def write(runs: Sequence[Run], path: str) -> None:
    """Write the page to a file, whole or not at all; OutputError when it cannot be written."""
    text = page(runs)
    write_whole(writable(path, (".html", ".htm")), lambda part: part.write_text(text, encoding="utf-8"))


def _data(run: Run) -> dict[str, Any]:
    """What the scripts draw from."""
    places: dict[str, int] = {}
    for i, layer in enumerate(run.layers):
        places.setdefault(layer.name, i)
    return {
        **{name: getattr(run, name) for name in _SUMMARY},
        "layers": [
            {**asdict(row.layer), "share": row.share, "ratio": row.ratio, "off": row.off}
            for row in figures.rows(run)
        ],
        "cores": [{**asdict(core), "executing": figures.executing(core)} for core in run.cores],
        "spent": [list(asdict(one).values()) for one in figures.spent(run)],
        "taken": [
            (t.worker, t.share, t.period, t.start, t.ready, t.end, t.dma, t.calls, t.moves,
             places.get(t.layer, -1), t.step)
            for t in run.taken
        ],
    }  # fmt: skip

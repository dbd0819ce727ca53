"""`spinntensor report`: what a run on a machine took, measured beside predicted - a table, a page, a trace."""

from __future__ import annotations

import logging
from pathlib import Path

from spinntensor.errors import OutputError
from spinntensor.report.files import writable

log = logging.getLogger(__name__)


def main(record: str, *, html: str | None = None, trace: str | None = None) -> int:
    """Print the table of a run, and write the files that were asked for; 0.

    record : what `spinntensor run --json` wrote; InputError when it holds no run on a machine.
    html, trace : where to; without both, a page is written beside the record. Files that cannot be written are refused
        before anything is printed.
    """
    from spinntensor.report import run_figures, run_html, run_text, run_trace

    runs = run_figures.load(record)
    if not (html or trace):
        html = beside(record)
    for path, suffixes in ((html, (".html", ".htm")), (trace, (".json",))):
        if path and writable(path, suffixes).resolve() == Path(record).resolve():
            raise OutputError(path, "it is the record that is read", "name another file")
    print(run_text.text(runs), end="")
    if html:
        run_html.write(runs, html)
        print(f"\npage: {html}")
    if trace:
        run_trace.write(runs, trace)
        log.info("wrote %s", trace)
    return 0


def beside(record: str) -> str:
    """The page beside a record: `run.json` has `run.html`."""
    path = Path(record)
    if path.suffix in (".html", ".htm"):
        return f"{record}.html"
    return str(path.with_suffix(".html"))

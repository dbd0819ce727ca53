"""A plan's JSON as a file, written whole or not at all; `spinntensor.plan.saving` reads it back."""

from __future__ import annotations

from spinntensor.plan.plan import Plan
from spinntensor.plan.saving import dumps
from spinntensor.report.files import writable, write_whole


def write(plan: Plan, path: str, plan_s: float | None = None) -> None:
    """Write the plan to `path`; OutputError when it cannot be written."""
    text = dumps(plan, plan_s)
    write_whole(writable(path), lambda part: part.write_text(text, encoding="utf-8"))

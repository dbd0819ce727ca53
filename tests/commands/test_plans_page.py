"""docs/plans.md: its Python runs, its commands are understood; docs/performance.md has the table of plans."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from spinntensor import cli
from spinntensor.report.plans import CASES, PART
from spinntensor.report.section import marks

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "plans.md").read_text()


def test_its_python_runs(capsys):
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)):
        exec(compile(block, f"plans.md, block {number}", "exec"), {})
    assert "MAC per worker cycle" in capsys.readouterr().out


def test_its_commands_are_understood():
    commands = re.findall(r"^spinntensor .*$", PAGE, re.MULTILINE)
    assert len(commands) > 4
    for line in commands:
        words = shlex.split(line, comments=True)[1:]
        assert cli._parser().parse_args(words).run is not None


def test_the_table_of_plans_is_in_the_page_on_performance():
    begin, end = marks(PART)
    table = (DOCS / "performance.md").read_text().split(begin)[1].split(end)[0]
    for case in CASES:
        assert f"| {case.name} | {case.format} | {case.figure} |" in table

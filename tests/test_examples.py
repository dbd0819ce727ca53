"""The examples run."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


SLOW = ("demo", "digits")
PROGRAMS = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in SLOW else [])
    for path in sorted(EXAMPLES.glob("*.py"))
]


@pytest.mark.parametrize("path", PROGRAMS)
def test_example_runs(path, tmp_path):
    options = ["--recorded"] if path.stem.startswith("keras") else []
    options = ["--report", str(tmp_path)] if path.stem == "demo" else options
    command = [sys.executable, str(path), *options]
    quick = {**os.environ, "SPINNTENSOR_STRICT": "0"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=quick)
    assert done.returncode == 0, done.stderr
    assert "DIFFERENT" not in done.stdout and done.stdout


@pytest.mark.parametrize(
    "name", ["matmul", "least_squares", "power_iteration", "life", "logistic_regression"]
)
def test_the_first_programs_are_short(name):
    tree = ast.parse((EXAMPLES / f"{name}.py").read_text())
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    assert len(statements) - 1 < 10  # but for the docstring

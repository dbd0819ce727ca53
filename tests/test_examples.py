"""The examples run, and the walking skeleton's bits are the host's under both of its plans."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.report import timeline

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def skeleton():
    return load("walking_skeleton")


@pytest.mark.parametrize("plan", ["im2col", "winograd"])
@pytest.mark.parametrize("seed", [1, 2])
def test_both_plans_give_the_hosts_bits(skeleton, plan, seed):
    rng = np.random.default_rng(seed)
    x, layers = rng.integers(0, 256, (20, 20, 16), np.uint8), skeleton.network(rng)
    output, done = skeleton.run(plan, x, layers, Core(strict=True))
    np.testing.assert_array_equal(output, skeleton.host(x, layers))
    assert timeline.overlap(done.spans) > 0


def test_other_bands_give_the_same_bits(skeleton, monkeypatch):
    rng = np.random.default_rng(3)
    x, layers = rng.integers(0, 256, (20, 20, 16), np.uint8), skeleton.network(rng)
    expected = skeleton.host(x, layers)
    for plan, bands in (("im2col", (1, 2)), ("im2col", (2, 2)), ("winograd", (2, 2))):
        monkeypatch.setitem(skeleton.BANDS, plan, bands)
        output, _ = skeleton.run(plan, x, layers, Core())
        np.testing.assert_array_equal(output, expected)


SLOW = ("demo", "digits")
PROGRAMS = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in SLOW else [])
    for path in sorted(EXAMPLES.glob("*.py"))
]


@pytest.mark.parametrize("path", PROGRAMS)
def test_example_runs(path):
    recorded = ["--recorded"] if path.stem.startswith("keras") else []
    command = [sys.executable, str(path), *recorded]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "DIFFERENT" not in done.stdout and done.stdout


@pytest.mark.parametrize(
    "name", ["matmul", "least_squares", "power_iteration", "life", "logistic_regression"]
)
def test_the_first_programs_are_short(name):
    tree = ast.parse((EXAMPLES / f"{name}.py").read_text())
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    assert len(statements) - 1 < 10  # but for the docstring

"""The goals name lines that exist, and are judged by the right sign."""

import pytest

from spinntensor.kernels import kernel, kernels
from spinntensor.report.compositions import compositions
from spinntensor.report.goals import GOALS, Goal, Score
from spinntensor.report.line import shape_text


def test_every_goal_names_a_benchmark_line():
    lines = {(name, shape_text(shape)) for name in kernels() for shape in kernel(name).bench}
    lines |= {(case.name, case.shape) for case in compositions()}
    assert {(g.kernel, g.shape) for g in GOALS} <= lines


@pytest.mark.parametrize(
    "metric,must,aim,value,verdict",
    [
        ("mac_per_cycle", 0.6, 0.7, 0.71, "aim"),
        ("mac_per_cycle", 0.6, 0.7, 0.65, "must"),
        ("mac_per_cycle", 0.6, 0.7, 0.59, "missed"),
        ("cycles_per_element", 11, 10, 9.9, "aim"),
        ("cycles_per_element", 11, 10, 10.5, "must"),
        ("cycles_per_element", 11, 10, 11.1, "missed"),
        ("times_plain_c", None, 3, 2.9, "missed"),
    ],
)
def test_verdict(metric, must, aim, value, verdict):
    assert Score(Goal("x", "k", "s", metric, must, aim), value, value).verdict == verdict

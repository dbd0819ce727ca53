"""`spinntensor bench plans`: the table, its verdicts and its place in a page."""

import json
from dataclasses import replace

import pytest

from spinntensor.errors import UnknownNameError
from spinntensor.report import plans
from spinntensor.report.plans import CASES, MISSED, at_bound, main, measured, rendered
from spinntensor.report.section import marks


def test_cases_are_planned_and_compared(tmp_path, capsys):
    page, record = tmp_path / "page.md", tmp_path / "plans.json"
    page.write_text("head\n{}\n{}\n".format(*marks("plans")))
    assert main(only="resnet-8", json=str(record), markdown=str(page)) == 0
    out = capsys.readouterr().out
    assert "| ResNet-8, stream | int8 | MAC per worker cycle |" in out
    assert page.read_text().startswith("head\n") and out.strip() in page.read_text()
    (line,) = json.loads(record.read_text())["lines"]
    assert line["verdict"] == "aim" and line["value"] > 0.7
    assert "conv2d" in line["reason"]


def test_a_miss_is_told_with_its_bound(monkeypatch, capsys):
    (case,) = (c for c in CASES if c.name == "ResNet-8, stream")
    hard = replace(case, must=9.0, aim=10.0)
    monkeypatch.setattr(plans, "CASES", (hard,))
    assert main(only="resnet-8") == 0
    out = capsys.readouterr().out
    assert f"| {MISSED} |" in out
    assert "goal missed: ResNet-8, stream, MAC per worker cycle" in out
    (line,) = measured([hard])
    assert "with all products at 0.75" in line.reason
    assert MISSED in rendered([line], "", 1.0)


def test_the_bound_is_above_the_plan():
    (case,) = (c for c in CASES if c.name == "ResNet-8, stream")
    made, _ = plans._planned(case)
    assert at_bound(made) > made.totals.mac_per_worker_cycle


def test_a_training_step_that_is_too_large_is_refused_with_numbers():
    words = plans.refusal()
    for part in ("weights 102,", "momentum 102,", "activations", "184 chips", "spinn5x6"):
        assert part in words


def test_an_unknown_case():
    with pytest.raises(UnknownNameError, match="unknown case 'nothing'"):
        main(only="nothing")

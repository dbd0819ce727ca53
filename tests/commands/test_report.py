"""`spinntensor report`: the table, the page and the trace of a run; records and files that will not do."""

from __future__ import annotations

import json

import pytest
from report.made_run import made_json


@pytest.fixture
def record(tmp_path):
    """A file with the record of a run."""
    path = tmp_path / "run.json"
    path.write_text(json.dumps(made_json(blocks=1)))
    return path


def test_without_options_a_page_is_written_beside_the_record(spinntensor, record):
    code, out, err = spinntensor("report", record)
    assert code == 0 and err == ""
    assert out.startswith("made, int8, throughput, 3 batches of 2, on chip\n")
    assert "MAC per worker cycle" in out and "busiest core" in out
    page = record.with_suffix(".html")
    assert out.endswith(f"page: {page}\n") and "<svg" in page.read_text()


def test_the_files_that_were_asked_for_are_written_and_no_others(spinntensor, record, tmp_path):
    (tmp_path / "out").mkdir()
    code, out, err = spinntensor("report", record, "--trace", tmp_path / "out" / "trace.json")
    assert code == 0 and err == "" and "page:" not in out
    assert json.loads((tmp_path / "out" / "trace.json").read_text())["traceEvents"]
    code, out, err = spinntensor("report", record, "--html", tmp_path / "out" / "page.html")
    assert code == 0, err
    assert {path.name for path in tmp_path.rglob("*.*")} == {"run.json", "trace.json", "page.html"}


def test_a_record_that_is_called_like_a_page_is_kept(spinntensor, record, tmp_path):
    path = record.rename(tmp_path / "run.html")
    before = path.read_text()
    assert spinntensor("report", path)[0] == 0
    assert path.read_text() == before and (tmp_path / "run.html.html").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--html", "/nowhere/run.html"], "there is no folder /nowhere"),
        (["--html", "run.txt"], "the ending .txt is not known; use .html, .htm"),
        (["--trace", "trace.html"], "the ending .html is not known; use .json"),
    ],
)
def test_files_that_cannot_be_written(spinntensor, record, words, expected):
    code, out, err = spinntensor("report", record, *words)
    assert code == 1 and out == "" and expected in err


def test_the_record_is_not_written_over(spinntensor, record):
    before = record.read_text()
    code, out, err = spinntensor("report", record, "--trace", record)
    assert code == 1 and out == "" and "it is the record that is read" in err
    assert record.read_text() == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run", "it is not JSON"),
        (
            '{"spinntensor_plan": 3}',
            "it has no runs; give a file that spinntensor run --machine chip --json wrote",
        ),
        ('{"machine": "host", "output_sha256": ""}', "where nothing is measured; run it with --machine chip"),
    ],
)
def test_what_is_no_record_of_a_run_on_a_machine(spinntensor, tmp_path, text, expected):
    path = tmp_path / "run.json"
    path.write_text(text)
    code, out, err = spinntensor("report", path)
    assert code == 1 and out == "" and expected in err
    assert not path.with_suffix(".html").exists()


def test_words_that_are_no_options(spinntensor):
    assert spinntensor("report")[0] == 2
    assert spinntensor("report", "run.json", "--json", "x")[0] == 2
    code, _, err = spinntensor("report", "/nowhere/run.json")
    assert code == 1 and "cannot read /nowhere/run.json" in err

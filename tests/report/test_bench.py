"""The microbenchmark lines: keys, selection, files."""

import json

import pytest

from spinntensor.errors import OutputError, UnknownKernelError
from spinntensor.report import bench
from spinntensor.report.files import write_whole

GEMM = "gemm_s16_3x3_outer_u32"


def test_lines_of_one_kernel(tmp_path, capsys):
    files = {kind: tmp_path / f"lines.{kind}" for kind in ("json", "md")}
    assert bench.main_kernels(only=GEMM, json=str(files["json"]), markdown=str(files["md"])) == 0
    records = json.loads(files["json"].read_text())
    assert [tuple(r) for r in records] == [bench.JSON_KEYS] * len(records)
    assert all(r["passed"] is True and r["kernel"] == GEMM for r in records)
    for r in records:
        assert r["mac_per_cycle"] == pytest.approx(r["macs"] / r["cycles"])
        assert 0 < r["bound_fraction"] <= 1
    assert GEMM in files["md"].read_text() and GEMM in capsys.readouterr().out


def test_selection_by_part_or_pattern():
    assert GEMM in bench.chosen("gemm_s16")
    assert bench.chosen("gemm_s16_3x3*") == [GEMM]
    assert len(bench.chosen(None)) > 20


def test_nothing_selected_names_what_there_is():
    with pytest.raises(UnknownKernelError, match="unknown kernel 'gemm_s61'"):
        bench.chosen("gemm_s61")


def test_the_plot_is_written(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from spinntensor.report.roofline import draw

    draw(list(bench.lines([GEMM])), tmp_path / "roof.svg")
    assert b"<svg" in (tmp_path / "roof.svg").read_bytes()


@pytest.mark.parametrize(
    "files,complaint",
    [
        ({"json": "nowhere/lines.json"}, "there is no folder"),
        ({"markdown": "."}, "a folder of that name exists"),
        ({"plot": "roof.xyz"}, "the ending .xyz is not known; use .svg, .png, .pdf"),
    ],
)
def test_a_file_that_cannot_be_written_is_said_before_measuring(tmp_path, monkeypatch, files, complaint):
    monkeypatch.setattr(bench, "lines", None)  # measuring would fail
    with pytest.raises(OutputError, match=complaint):
        bench.main_kernels(only=GEMM, **{kind: str(tmp_path / name) for kind, name in files.items()})


def test_an_error_leaves_the_old_file(tmp_path):
    target = tmp_path / "lines.json"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_whole(target, lambda part: part.write_text(str(1 // 0)))
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]

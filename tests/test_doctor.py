"""The doctor: statuses, exit codes, output forms, and what each check says about a damaged installation."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import subprocess
import sys

import pytest

from spinntensor import doctor
from spinntensor.abi import KERNELS
from spinntensor.doctor import Absent, Check
from spinntensor.image import compilers, store


def found() -> str:
    return "1.0"


def absent() -> str:
    raise Absent("thing is not installed")


def broken() -> str:
    raise RuntimeError("first line\nsecond line")


def mute() -> str:
    raise ValueError


def test_statuses():
    results = [Check("part", look, "fix it").run() for look in (found, absent, broken, mute)]
    assert [str(result) for result in results] == [
        "PASS  part        1.0",
        "SKIP  part        thing is not installed; mend: fix it",
        "FAIL  part        first line; mend: fix it",
        "FAIL  part        ValueError; mend: fix it",
    ]


@pytest.mark.parametrize(("looks", "code"), [([found], 0), ([found, absent], 0), ([broken, found], 1)])
def test_only_a_failure_fails(looks, code, capsys):
    checks = [Check(look.__name__, look, "fix it") for look in looks]
    assert doctor.main(checks=checks) == code
    assert len(capsys.readouterr().out.splitlines()) == len(looks)
    assert doctor.main(json=True, checks=checks) == code
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] == (code == 0)
    assert [check["name"] for check in report["checks"]] == [look.__name__ for look in looks]
    assert set(report["checks"][0]) == {"name", "status", "found", "mend"}


def test_this_installation_is_well(capsys):
    code = doctor.main(json=True)
    report = json.loads(capsys.readouterr().out)
    assert [check for check in report["checks"] if check["status"] == "FAIL"] == []
    assert code == 0
    names = [check["name"] for check in report["checks"]]
    extras = ["emulator", "capstone", "compiler", "matplotlib", "data"]
    assert names == ["python", "numpy", "numba", "images", *extras]


def result(name: str) -> doctor.Result:
    return next(check for check in doctor.CHECKS if check.name == name).run()


@pytest.mark.parametrize("name", ["emulator", "capstone", "matplotlib", "data"])
def test_a_missing_extra_is_skipped(name, monkeypatch):
    def nothing(package):
        raise importlib.metadata.PackageNotFoundError(package)

    monkeypatch.setattr(importlib.metadata, "version", nothing)
    assert result(name).status == "SKIP"
    assert "pip install 'spinntensor[" in result(name).mend


def test_an_old_python_fails(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    assert result("python").status == "FAIL"


@pytest.fixture
def images(tmp_path, monkeypatch):
    """A copy of the images that a test may damage."""
    folder = tmp_path / "images"
    shutil.copytree(store.IMAGES, folder)
    monkeypatch.setattr(store, "IMAGES", folder)
    _forget()
    yield folder
    _forget()


def _forget():
    for cached in vars(store).values():
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


def test_images_count_their_kernels(images):
    manifest = json.loads((images / "kernels.json").read_text())
    assert result("images").status == "PASS", result("images")
    assert f"{len(KERNELS)} kernels" in result("images").found
    assert manifest["compiler"] in result("images").found


def test_images_older_than_the_sources_name_what_they_lack(images):
    manifest = json.loads((images / "kernels.json").read_text())
    lacking = next(iter(KERNELS))
    del manifest["kernels"][lacking]
    (images / "kernels.json").write_text(json.dumps(manifest))
    assert result("images").status == "FAIL"
    assert lacking in result("images").found


@pytest.mark.parametrize("name", ["kernels.json", "kernels.bin"])
def test_a_missing_image_names_its_path(images, name):
    (images / name).unlink()
    assert result("images").status == "FAIL"
    assert str(images / name) in result("images").found
    assert "spinntensor.image.build" in result("images").mend


def test_cut_or_garbled_images_fail(images):
    (images / "kernels.bin").write_bytes((images / "kernels.bin").read_bytes()[:-4])
    assert result("images").status == "FAIL"
    (images / "kernels.json").write_text("{")
    _forget()
    assert result("images").status == "FAIL"


def test_no_compiler_is_skipped_but_a_wrong_choice_fails(monkeypatch):
    monkeypatch.delenv(compilers.ENVIRONMENT, raising=False)
    monkeypatch.setattr(compilers, "zig", lambda: None)
    assert result("compiler").status == "SKIP"
    monkeypatch.setenv(compilers.ENVIRONMENT, "no-such-compiler")
    assert result("compiler").status == "FAIL"
    assert "no-such-compiler" in result("compiler").found


def test_the_command_prints_one_line_per_check():
    run = subprocess.run([sys.executable, "-m", "spinntensor", "doctor"], capture_output=True, text=True)
    assert len(run.stdout.splitlines()) == len(doctor.CHECKS), run.stderr

"""The bar: items pass unchanged; it is seen at a terminal after two seconds, when asked for, and never elsewhere."""

from __future__ import annotations

import sys

import pytest

from spinntensor.machine.watch import Standing, tell
from spinntensor.nn import progress
from spinntensor.nn.progress import progressing


def test_nothing_is_shown_without_a_terminal(capsys):
    assert list(progressing([3, 4, 5], 3, "count")) == [3, 4, 5]
    assert list(progressing([3, 4, 5], 3, "count", False)) == [3, 4, 5]
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_bar_that_is_asked_for_is_on_standard_error(capsys):
    assert list(progressing(iter([3, 4]), None, "count", True)) == [3, 4]
    captured = capsys.readouterr()
    assert captured.out == "" and "count" in captured.err


@pytest.mark.parametrize("seconds", [1.0, 3.0])
def test_a_terminal_sees_it_after_two_seconds(capsys, monkeypatch, seconds):
    clock = iter([0.0, *[seconds] * 9])
    monkeypatch.setattr(progress, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(progressing([1, 2], 2, "slowly")) == [1, 2]
    assert ("slowly" in capsys.readouterr().err) == (seconds > 2)


def test_a_bar_shows_what_a_machine_says_of_all_its_runs(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")

    def items():
        for images in (8, 2):
            tell(Standing(0, 0.0, 0.0, 16))
            tell(Standing(images, 1000.25, 15.6, 16))
            yield images

    assert list(progressing(items(), 2, "predict", True)) == [8, 2]
    assert "10 images, 2,000 model ms, 16/16 cores busy" in capsys.readouterr().err


def test_a_bar_appears_while_a_machine_is_at_its_first_batch(capsys, monkeypatch):
    clock = iter([0.0, 1.0, *[3.0] * 9])
    monkeypatch.setattr(progress, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    seen = []

    def items():
        for ms in (0.0, 10.0):
            tell(Standing(0, ms, 16.0, 16))
            seen.append("slowly" in capsys.readouterr().err)
        yield 1

    assert list(progressing(items(), 1, "slowly")) == [1]
    assert seen == [False, True]


def test_the_bar_goes_when_an_error_comes(capsys):
    def items():
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match=r"no more"):
        list(progressing(items(), 2, "count", True))
    assert list(progressing([1], 1, "count", True)) == [1]  # another bar may start

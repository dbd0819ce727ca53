"""The bar: items pass unchanged; it is seen at a terminal after two seconds, when asked for, and never elsewhere."""

from __future__ import annotations

import sys

import pytest

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


def test_the_bar_goes_when_an_error_comes(capsys):
    def items():
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match=r"no more"):
        list(progressing(items(), 2, "count", True))
    assert list(progressing([1], 1, "count", True)) == [1]  # another bar may start

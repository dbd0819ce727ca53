"""The line that says what takes long: silent without a terminal, and for what is quick."""

from __future__ import annotations

import sys
import time

from spinntensor.commands import progress


def test_no_terminal_no_line(capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with progress.waiting("thinking"):
        time.sleep(0.02)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_what_takes_long(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress.waiting("thinking"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "PATIENCE", 0.01)
    with progress.waiting("thinking"):
        time.sleep(0.3)
    captured = capsys.readouterr()
    assert "thinking" in captured.err and captured.out == ""

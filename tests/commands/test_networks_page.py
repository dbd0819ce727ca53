"""docs/networks.md: its Python runs, its commands are understood, its figures are those of the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from spinntensor.cli import _parser
from spinntensor.nn.models import MODELS

PAGE = (Path(__file__).parents[2] / "docs" / "networks.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.filterwarnings("ignore::spinntensor.errors.NumericWarning")
def test_the_python_runs(tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for number, block in enumerate(blocks("python")):
        exec(compile(block, f"networks.md, block {number}", "exec"), names)


@pytest.mark.filterwarnings("error")
def test_the_commands_are_understood():
    commands = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    ours = [words[1:] for words in commands if words[0] == "spinntensor"]
    assert len(ours) >= 7
    for words in ours:
        assert _parser().parse_args(words).model


def test_every_network_is_named():
    assert all(f"`{name}`" in PAGE for name in MODELS)

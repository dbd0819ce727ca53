"""Records: JSON that every reader takes, whole or not written."""

from __future__ import annotations

import json
import math

import pytest

from spinntensor.commands.record import write_record
from spinntensor.errors import OutputError


def test_numbers_that_json_lacks_are_null(tmp_path):
    write_record(tmp_path / "a.json", {"a": [1.5, math.nan], "b": {"c": -math.inf}, "d": "x"})
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == {"a": [1.5, None], "b": {"c": None}, "d": "x"} and text.endswith("}\n")


def test_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(OutputError):
        write_record(tmp_path / "nowhere" / "a.json", {})

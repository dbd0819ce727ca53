"""Classes of the highest scores, and their names."""

from __future__ import annotations

import numpy as np
import pytest

from spinntensor.commands.labels import best, numbered, read_labels
from spinntensor.errors import InputError


def test_the_best_come_first_and_the_lower_number_among_equals():
    scores = np.array([0.1, 0.4, 0.1, 0.4], np.float32)
    found = best(scores, "abcd", 3)
    assert [(g.class_, g.label) for g in found] == [(1, "b"), (3, "d"), (0, "a")]
    assert found[0].score == float(np.float32(0.4))
    assert len(best(scores, "abcd", 9)) == 4


def test_numbers_come_before_none():
    assert best(np.array([np.nan, 0.5]), "ab", 1)[0].label == "b"


def test_names_of_a_file(tmp_path):
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    assert read_labels(str(tmp_path / "names.txt"), 2) == ("cat", "dog")
    assert numbered(2) == ("class 0", "class 1")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cat\n", "1 lines, the network 2 classes"),
        (b"\xff\xfe", "not a text in UTF-8"),
        (None, "No such file"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "names.txt").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_labels(str(tmp_path / "names.txt"), 2)

"""Calibration: which samples ranges are taken from, by the shape of the network's input or by the user's word."""

from __future__ import annotations

import numpy as np
import pytest

from spinntensor.commands.calibration import MOST, calibration
from spinntensor.commands.inputs import Inputs
from spinntensor.nn import data

GIVEN = Inputs(data.Arrays(np.arange(100.0)[:, None]), tuple(map(str, range(100))))


def test_photographs_for_networks_for_images():
    pytest.importorskip("sklearn")
    found = calibration(None, (32, 32, 3), GIVEN)
    assert found.x.shape == (8, 32, 32, 3) and found.words == "8 crops of the bundled photographs"
    assert calibration(None, (28, 28, 1), GIVEN).x.shape == (8, 28, 28, 1)


def test_digits_for_networks_for_digits():
    pytest.importorskip("sklearn")
    found = calibration(None, (8, 8, 1), GIVEN)
    assert found.x.shape == (MOST, 8, 8, 1) and found.words == f"{MOST} samples of the bundled digits"


def test_inputs_for_others():
    found = calibration(None, (1,), GIVEN)
    assert found.x.dtype == np.float32 and len(np.unique(found.x)) == MOST
    assert (found.x[0], found.x[-1]) == (0, 99) and found.words == f"{MOST} samples of the inputs"


def test_what_the_user_names(tmp_path):
    np.save(tmp_path / "some.npy", np.arange(6.0).reshape(3, 2))
    found = calibration(str(tmp_path / "some.npy"), (2,), GIVEN)
    assert found.x.tolist() == [[0, 1], [2, 3], [4, 5]] and found.words == str(tmp_path / "some.npy")

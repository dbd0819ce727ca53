"""Shared by the tests of commands: the command line as a function, small data, and one trained network."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from smalldata import small_data

from spinntensor import cli


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A file with the small data."""
    path = tmp_path_factory.mktemp("data") / "small.npz"
    x, y = small_data()
    np.savez(path, x=x, y=y)
    return path


@pytest.fixture(scope="session")
def trained(small, tmp_path_factory):
    """A file with a perceptron that was trained on the small data."""
    path = tmp_path_factory.mktemp("trained") / "small.safetensors"
    assert cli.main(["train", "mlp", "--data", str(small), "--epochs", "4", "--save", str(path)]) == 0
    return path


@pytest.fixture
def spinntensor(capsys):
    """The command line: gives exit code, standard output and standard error."""

    def run(*words):
        capsys.readouterr()
        code = cli.main(list(map(str, words)))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture(autouse=True)
def _quiet_again():
    yield
    logging.getLogger("spinntensor").setLevel(logging.NOTSET)

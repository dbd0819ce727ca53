"""The package's own face: names that are there, loaded when they are asked for."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from spinntensor import nn


def test_every_name_is_there():
    for module, names in nn.PUBLIC.items():
        home = importlib.import_module(f"spinntensor.nn.{module}")
        assert list(names) == sorted(names)
        for name in names:
            assert getattr(nn, name) is getattr(home, name)
            assert name in home.__all__
    assert set(nn.__all__) == {n for names in nn.PUBLIC.values() for n in names} <= set(dir(nn))


def test_modules_are_attributes_too():
    assert nn.initializers.__name__ == "spinntensor.nn.initializers"
    with pytest.raises(AttributeError, match=r"no attribute 'Danse'"):
        _ = nn.Danse


def test_importing_it_loads_nothing_heavy():
    code = (
        "import sys; from spinntensor import nn; assert 'numpy' not in sys.modules; "
        "assert nn.Dense(3).units == 3; "
        "assert not {'torch', 'rich', 'sklearn', 'PIL', 'safetensors'} & set(sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr

"""Energy: each term is a figure of the machine times what a period takes of it."""

import pytest

from spinntensor.machine.geometry import chip, spinn5
from spinntensor.plan.energy import energy


def test_energy_has_named_terms():
    found = energy(chip(), 200e6, 16 * 200e6, 1000, 2)
    assert found.idle == pytest.approx(0.35 / 2)
    assert found.cores == pytest.approx(16 * 0.034 / 2)
    assert found.packets == pytest.approx(1000 * 40 * 25e-12 / 2)
    assert found.total == pytest.approx(found.idle + found.cores + found.packets)
    assert energy(spinn5(), 200e6, 0, 0, 1).idle == pytest.approx(26.84)

"""Shared by all tests: one hypothesis profile and one seeded generator."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import settings

# Cores of emulated chips check every access, but where a run is timed.
os.environ.setdefault("SPINNTENSOR_STRICT", "1")

# The first call of a host twin compiles it, so an example has no deadline; equal runs draw equal examples.
settings.register_profile("spinntensor", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("spinntensor")


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed, fresh for every test."""
    return np.random.default_rng(20200117)

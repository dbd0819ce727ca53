"""Numbers of spans: what an array with one number for each address says."""

import numpy as np
import pytest

from spinntensor.image.spans import Spans


def span(rng, size):
    start, stop = sorted(rng.choice(size + 1, 2, replace=False).tolist())
    return start, stop


@pytest.mark.parametrize("seed", range(10))
def test_spans_are_an_array(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(4, 60))
    spans, array = Spans(), np.zeros(size, int)
    for number in range(1, 200):
        start, stop = span(rng, size)
        spans.put(start, stop, number % 7)
        array[start:stop] = number % 7
        start, stop = span(rng, size)
        part = array[start:stop]
        assert spans.most(start, stop) == part.max()
        assert spans.only(start, stop) == (part[0] if (part == part[0]).all() else 0)

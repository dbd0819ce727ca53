"""The pairwise tree from parts: any spans give the bits of the tree over all."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spinntensor.kernels.kernel import equal_bits
from spinntensor.lower.pairwise import blocks, total
from spinntensor.ops._tree import tree_along


@given(st.integers(1, 300), st.integers(0, 99))
def test_any_spans(count, seed):
    rng = np.random.default_rng(seed)
    x = (rng.standard_normal((count, 2)) * np.exp2(rng.integers(-20, 20, (count, 2)))).astype(np.float32)
    ends = sorted({0, count, *rng.integers(0, count, 4).tolist()})
    parts = [block for a, b in pairwise(ends) for block in blocks(x[a:b], (a, b))]
    assert equal_bits(total(parts), tree_along(x, (0,)))
    assert len(parts) <= 2 * (len(ends) - 1) * count.bit_length()

"""What cores count of float32 and of bytes, beside what the host counts."""

import numpy as np
import pytest

import spinntensor as st
from spinntensor.image.counts import ARITHMETIC
from spinntensor.kernels import kernels

pytest.importorskip("unicorn")

BIG, INFINITE, ZERO = (np.full((4, 6), x, np.float32) for x in (3e38, np.inf, 0.0))


def counted(fn, *operands, machine):
    """What a function gives and what it counts, by name."""
    with st.counting() as counts:
        y = st.compile(fn, machine=machine)(*map(st.tensor, operands)).numpy()
    return y.tobytes(), {
        name: counts[name] for name in ("overflowed", "invalid", "uncounted") if counts[name]
    }


@pytest.mark.parametrize(
    ("fn", "operands", "found"),
    [
        (lambda x: x + x, (BIG,), {"overflowed": 24}),
        (lambda x: x * x, (BIG,), {"overflowed": 24}),
        (lambda x, y: x / y, (BIG, ZERO), {"overflowed": 24}),
        (lambda x: x / x, (ZERO,), {"invalid": 24}),
        (lambda x: x - x, (INFINITE,), {"invalid": 24}),
        (lambda x, y: x * y, (INFINITE, ZERO), {"invalid": 24}),
        (st.exp, (BIG,), {"overflowed": 24}),
        (st.log, (ZERO,), {"overflowed": 24}),
        (lambda x: st.sqrt(-x), (BIG,), {"invalid": 24}),
        (lambda x: 1 / (1 + st.exp(x)), (BIG,), {"overflowed": 24}),  # nothing of it is left in the result
        (st.softmax, (INFINITE,), {"invalid": 24}),
        (lambda x: x @ st.transpose(x), (BIG,), {"overflowed": 16}),
        (lambda x: x + 1, (INFINITE,), {}),
        (lambda x: x * x, (BIG[:, :5],), {"overflowed": 20}),
    ],
)
def test_overflows_are_counted_as_on_the_host(fn, operands, found):
    host, chip = (counted(fn, *operands, machine=machine) for machine in ("host", "chip"))
    assert host == (chip[0], found)
    padded = operands[0].shape[-1] % 2
    assert chip[1] == ({"uncounted": 1} if padded and found else found)


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_sums_count_their_additions(axis):
    """The host counts results; a sum that overflows early overflows in each addition that follows, or becomes NaN."""
    host, chip = (counted(lambda x: x.sum(axis=axis), BIG, machine=machine) for machine in ("host", "chip"))
    assert host[0] == chip[0]
    assert set(host[1]) == set(chip[1]) == {"overflowed"}
    assert chip[1]["overflowed"] >= host[1]["overflowed"]


def test_padding_alone_is_not_called_exact():
    """Rows of five lie in six: a division of the padding by itself is not told from one of the row."""
    host, chip = (counted(lambda x: x / x, ZERO[:, :5] + 2, machine=machine) for machine in ("host", "chip"))
    assert host[0] == chip[0]
    assert host[1] == {}
    assert chip[1] in ({}, {"uncounted": 1})


def test_all_kernels_that_count_overflows_are_known():
    """Of float32 those with something to count for extreme operands."""
    found = set()
    for name, kernel in kernels().items():
        if not name.startswith("f32_"):
            continue
        rng, largest = np.random.default_rng(3), {d: high for d, (_, high) in kernel.dims.items()}
        if any(any(kernel.clamped(kernel.sample(rng, largest, True))) for _ in range(200)):
            found.add(name)
    assert found == ARITHMETIC

"""The loader: every sample once, in an order of seed and epoch; bounded, and clean when it fails or is left."""

from __future__ import annotations

import threading
import time
import weakref
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from spinntensor.errors import OperandError
from spinntensor.nn.data import Arrays, Joined, Loader, Part, prefetched, split


def threads():
    return [t for t in threading.enumerate() if t.name == "prefetch"]


@given(
    count=some.integers(1, 40),
    size=some.integers(1, 45),
    shuffle=some.booleans(),
    prefetch=some.integers(0, 4),
    epoch=some.integers(0, 3),
)
def test_every_sample_comes_once_with_its_label(count, size, shuffle, prefetch, epoch):
    x = np.arange(count, dtype=np.float32)[:, None] * [1, 2]
    loader = Loader((x, np.arange(count)), size, shuffle, 5, prefetch)
    batches = list(loader.batches(epoch))
    assert len(batches) == len(loader) and loader.samples == count
    assert all(len(b[1]) == size for b in batches[:-1])
    seen = np.concatenate([y for _, y in batches])
    assert sorted(seen) == list(range(count))
    assert shuffle or seen.tolist() == list(range(count))
    np.testing.assert_array_equal(np.concatenate([b for b, _ in batches]), x[seen])


def test_the_order_is_that_of_seed_and_epoch_whatever_was_asked_before():
    x = np.arange(50)
    labels = {
        key: np.concatenate([b for b, _ in Loader(x, 7, True, key[0], key[2]).batches(key[1])]).tolist()
        for key in [(1, 0, 2), (1, 0, 0), (1, 1, 2), (2, 0, 2)]
    }
    assert labels[1, 0, 2] == labels[1, 0, 0]
    assert len({tuple(order) for order in labels.values()}) == 3
    rest = np.concatenate([b for b, _ in Loader(x, 7, True, 1).batches(0, first=3)]).tolist()
    assert rest == labels[1, 0, 2][21:]
    assert list(Loader(x, 7).batches(0, first=8)) == []


def test_parts_of_a_source():
    whole = Arrays(np.arange(40) * 10, np.arange(40))
    parts = [Part(whole, indices) for indices in split(40)]
    assert [len(part) for part in parts] == [30, 10]
    np.testing.assert_array_equal(parts[1].labels, parts[1].indices)
    assert Part(Arrays(np.zeros(3)), np.array([1])).labels is None
    ((x, y),) = Loader(parts[1], 99)
    np.testing.assert_array_equal(x, y * 10)


def test_sources_one_after_the_other(rng):
    parts = [Arrays(np.arange(a, b) * 10, np.arange(a, b)) for a, b in ((0, 3), (3, 4), (4, 9))]
    whole = Joined(tuple(parts))
    assert len(whole) == 9
    indices = rng.permutation(9)
    x, y = whole.take(indices)
    assert y.tolist() == indices.tolist() and x.tolist() == (indices * 10).tolist()
    np.testing.assert_array_equal(whole.labels, np.arange(9))
    x, y = Joined((parts[0], Arrays(np.arange(30, 40)))).take(np.array([4, 0]))
    assert x.tolist() == [31, 0] and y is None
    assert whole.take(np.array([3]))[1].tolist() == [3]


class Counted:
    """A source that knows how many of its batches are alive."""

    def __init__(self, count, delay=0.0):
        self.count, self.delay, self.alive, self.most, self.lock = count, delay, 0, 0, threading.Lock()

    labels = None

    def __len__(self):
        return self.count

    def take(self, indices):
        batch = np.zeros(len(indices))
        with self.lock:
            self.alive += 1
            self.most = max(self.most, self.alive)
        weakref.finalize(batch, self.died)
        time.sleep(self.delay)
        return batch, None

    def died(self):
        with self.lock:
            self.alive -= 1


@pytest.mark.parametrize("prefetch", [0, 1, 2, 3])
@pytest.mark.parametrize(("make", "use"), [(0.0, 0.002), (0.002, 0.0)])
def test_never_more_than_one_batch_beyond_those_ahead(prefetch, make, use):
    source = Counted(20, make)
    for batch, _ in Loader(source, 1, prefetch=prefetch):
        time.sleep(use)
        del batch
    assert source.most <= prefetch + 1
    assert source.alive == 0 and not threads()


def test_it_does_read_ahead():
    source = Counted(10)
    with closing(Loader(source, 1, prefetch=2).batches()) as batches:
        next(batches)
        deadline = time.monotonic() + 5
        while source.most < 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert source.most >= 2


@pytest.mark.parametrize("prefetch", [0, 1, 2])
def test_leaving_early_ends_the_thread(prefetch):
    for batch, _ in Loader(Counted(1000), 1, prefetch=prefetch):
        assert len(batch) == 1
        break
    assert not threads()
    with closing(Loader(Counted(1000), 1, prefetch=prefetch).batches()) as batches:
        next(batches)
    assert not threads()
    with pytest.raises(KeyError):
        for _ in Loader(Counted(1000), 1, prefetch=prefetch):
            raise KeyError
    assert not threads()


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_an_error_comes_where_its_item_would_have(ahead):
    def make(i):
        if i == 2:
            raise OSError("disk gone")
        return i

    items = prefetched(make, 9, ahead)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(OSError, match="disk gone"):
        next(items)
    assert list(items) == [] and not threads()


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 0}, {"batch_size": 2.5}, {"prefetch": -1}, {"batch_size": True}]
)
def test_wrong_sizes_are_refused(wrong):
    with pytest.raises(OperandError, match="expected an integer from"):
        Loader(np.arange(3), **wrong)


def test_different_counts_are_refused():
    with pytest.raises(OperandError, match=r"received shape \[2\] for 3 samples"):
        Loader((np.zeros((3, 2)), np.zeros(2)))

"""Several cores on one SDRAM: shares of time, constants in common, and what is refused."""

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.emulator.memory import SDRAM_BASES, new_sdram
from spinntensor.errors import OperandError
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile
from spinntensor.machine.several import Task, together

SDRAM = SDRAM_BASES[0]
FREE = SDRAM + 0x8000


def task(source, target, n=64):
    """The sum of n words at `source` and of n ones, to `target`."""
    words = {"a": At("a"), "b": At("b"), "y": At("y"), "pairs": n // 2, "step": 4}
    fetches = Fetch("a", At("a"), np.zeros(n, np.int32)), Fetch("ones", At("b"), np.ones(n, np.int32))
    store = Store("y", At("y"), (n,), np.dtype(np.int32))
    regions = {"a": 4 * n, "b": 4 * n, "y": 4 * n}
    tile = Tile("sum", regions, (*fetches, Step("eltwise_add_s32", words), store))
    return Task(tile, {"a": SDRAM + source, "y": SDRAM + target})


@pytest.fixture
def cores():
    sdram = new_sdram(1 << 20)
    return [Core(strict=True, sdram=sdram) for _ in range(3)]


def test_cores_work_on_one_memory(cores):
    x = np.arange(4 * 64, dtype=np.int32)
    cores[0].write(SDRAM, x.tobytes())
    tasks = [[task(256 * i, 0x1000 + 256 * i) for i in own] for own in ((0, 1), (2,), (3,))]
    first = together(cores, tasks, FREE)
    second = together(cores, [[task(0x1000, 0x2000)]], first.free)
    got = np.frombuffer(cores[2].read(SDRAM + 0x1000, 1024), np.int32)
    np.testing.assert_array_equal(got, x + 1)
    np.testing.assert_array_equal(np.frombuffer(cores[2].read(SDRAM + 0x2000, 256), np.int32), x[:64] + 2)
    assert first.tasks == (2, 1, 1) and second.tasks == (1, 0, 0)
    assert first.cycles == max(e.counters.cycles for e in first.executions)
    assert 0 < second.busy < first.busy < 1
    assert second.free > first.free > FREE


def test_constants_lie_in_memory_once(cores):
    done = together(cores, [[task(0, 0x1000)], [task(256, 0x1100)]], FREE)
    content = cores[0].read(FREE, done.free - FREE)
    assert content.count(np.ones(64, np.int32).tobytes()) == 1


@pytest.mark.parametrize(
    "other",
    [task(0x1000 + 128, 0x2000), task(0, 0x1000 + 128), task(0, 0x1000 - 8), task(0x1000 + 248, 0x3000)],
)
def test_a_race_is_refused(cores, other):
    with pytest.raises(OperandError, match="put a barrier between them"):
        together(cores, [[task(0, 0x1000)], [other]], FREE)


def test_one_core_may_go_on_with_its_own_results(cores):
    cores[0].write(SDRAM, np.zeros(64, np.int32).tobytes())
    together(cores, [[task(0, 0x1000), task(0x1000, 0x2000)], [task(0, 0x3000)]], FREE)
    assert not np.frombuffer(cores[0].read(SDRAM + 0x2000, 256), np.int32).any() - 1


def test_refuses_what_cannot_work(cores):
    with pytest.raises(OperandError, match="deal them to fewer cores"):
        together(cores[:1], [[], []], FREE)
    with pytest.raises(OperandError, match="give each Core the same sdram"):
        together([*cores, Core()], [[]], FREE)
    lost = task(0, 0x1000)
    with pytest.raises(OperandError, match="give it one"):
        together(cores, [[Task(lost.tile, {"a": SDRAM})]], FREE)


def test_no_tasks_at_all(cores):
    done = together(cores, [], FREE)
    assert done.cycles == 0 and done.busy == 0 and done.tasks == (0, 0, 0)

"""Runs on an emulated chip under disturbances, and runs that go wrong: nothing is lost, nothing silent."""

import struct
from itertools import pairwise

import numpy as np
import pytest
from chips import image, tiny, values

from spinntensor.emulator.disturb import Disturbance
from spinntensor.machine.failures import CoreDiedError, LostPacketsError, StalledError
from spinntensor.machine.runner import HostRunner
from spinntensor.machine.session import Session

pytest.importorskip("unicorn")

DEAD = (3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17)
"""Cores without which a chip has two workers and a spare one."""
FEW = (3, 4, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17)
BATCHES = 2


def results(session, graph, seed=0):
    given = values(graph, BATCHES, seed)
    return [outputs[0] for outputs, _ in session.run(given)]


def expected(graph, seed=0):
    given = values(graph, BATCHES, seed)
    return [result.outputs[0] for one in given for result in HostRunner(graph).run([one])]


def disturbed(seed):
    """A random schedule of faults: slow memory and packets, small waits, stalls, late interrupts."""
    rng = np.random.default_rng(seed)
    return Disturbance(
        seed=seed,
        sdram_factor=float(rng.choice([0.1, 0.3, 1.0])),
        packet_cycles=int(rng.choice([0, 10, 300])),
        wait1=int(rng.choice([0x00, 0x01, 0x10, 0x2F, 0x40])) if rng.integers(2) else None,
        stall_probability=float(rng.choice([0.0, 0.05, 0.3])),
        stall_cycles=int(rng.choice([100, 3000])),
        interrupt_delay=int(rng.choice([0, 20, 400])),
    )


def survived(made, graph, seeds):
    """Runs under random schedules, on one chip until packets are lost there: how many of them came through.

    Each is right, or it stops with an error that names what was lost.
    """
    session, wanted, count = None, [expected(graph, i) for i in range(3)], 0
    for seed in seeds:
        session = session or Session(made, threads=1)
        session.chip.disturb(disturbed(seed))
        try:
            got = results(session, graph, seed % 3)
        except (LostPacketsError, StalledError) as error:
            assert error.dropped and "packet" in str(error)
            session = None
        else:
            np.testing.assert_array_equal(got, wanted[seed % 3], f"schedule {seed}")
            count += 1
    return count


SCHEDULES = [("int8", FEW, 50), ("int8", (), 20), ("float32", DEAD, 20), ("bfp16", DEAD, 10)]
"""Formats, cores that are missing, and schedules of a part."""


@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize(("format", "dead", "count"), SCHEDULES)
def test_disturbed_runs_are_right_or_say_what_was_lost(format, dead, count, part):
    assert survived(*tiny(format, dead), range(count * part, count * (part + 1))) >= count // 3


@pytest.mark.slow
@pytest.mark.parametrize("part", range(100))
@pytest.mark.parametrize(("format", "dead", "count"), SCHEDULES)
def test_ten_thousand_disturbed_runs(format, dead, count, part):
    first = 1000 + count * part
    assert survived(*tiny(format, dead), range(first, first + count))


@pytest.mark.slow
def test_disturbed_steps_of_training():
    assert survived(*tiny("bfp16", DEAD, train=True), range(40))


def test_slow_memory_and_packets_only_take_longer():
    made, graph = image(1, 2, "int8", "throughput", FEW)
    plain, slow = Session(made), Session(made, disturbance=Disturbance(sdram_factor=0.1, packet_cycles=12))
    np.testing.assert_array_equal(results(slow, graph), results(plain, graph))
    assert slow.ended - slow.began > plain.ended - plain.began


def test_a_core_that_dies_is_named_with_its_layer():
    made, graph = image(1, 2, "int8", "throughput", FEW)
    session = Session(made)
    kernel = "gemm_s16_3x3_outer_u32"
    core = session.chip.core_of(made.workers[2].core)
    core.place(made.code.entries[kernel], struct.pack("<I", 0xE7F000F0))  # undefined
    with pytest.raises(CoreDiedError, match="undefined instruction") as caught:
        results(session, graph)
    error = caught.value
    assert error.core == made.workers[2].core and kernel in error.where
    assert error.layer in {layer.name for layer in made.plan.layers}
    assert set(error.registers) >= {"r0", "r7", "sp", "lr"}


def test_an_image_of_another_version_is_refused_by_the_core():
    made, graph = image(1, 2, "int8", "throughput", FEW)
    session = Session(made)
    program = made.program

    class Other:
        def __getattr__(self, name):
            return getattr(made, name)

        def program(self, worker, sdram, batches):
            return b"\0\0\0\0" + program(worker, sdram, batches)[4:]

    session.image = Other()
    with pytest.raises(CoreDiedError, match="RUN_LAYOUT"):
        results(session, graph)


def test_a_transfer_to_nowhere_is_named():
    made, graph = image(1, 2, "int8", "throughput", FEW)
    session = Session(made)
    worker = made.workers[1]
    first = struct.unpack("<I", session.monitor.read(session.sdram + worker.shares + 8, 4))[0]
    task = session.sdram + first
    words = bytearray(session.monitor.read(task, worker.task_bytes))
    words[4:8] = struct.pack("<I", 0x07FF_FFF8)
    session.monitor.write(task, bytes(words))
    with pytest.raises(CoreDiedError, match="RUN_DMA_ERROR") as caught:
        results(session, graph)
    assert "stop" in caught.value.log and "detail" in caught.value.log


def test_a_run_without_doorbells_stands_still_and_says_who_waits():
    made, graph = image(1, 2, "int8", "throughput", FEW)
    session = Session(made)
    session.monitor.clear_routes()
    with pytest.raises(StalledError, match="who waits for whom") as caught:
        results(session, graph)
    assert caught.value.done == 0 and caught.value.expected == BATCHES
    assert {w.core for w in caught.value.waiting} == {w.core for w in made.workers}


def test_shares_are_logged_in_order():
    made, graph = image(1, 2, "int8", "throughput", FEW)
    session = Session(made)
    results(session, graph)
    taken = session.taken()
    assert taken
    for one in taken:
        assert 0 <= one.start <= one.ready <= one.end and one.dma <= one.end - one.ready
    for worker in range(len(made.workers)):
        mine = [one for one in taken if one.worker == worker]
        assert all(a.end <= b.start for a, b in pairwise(mine))

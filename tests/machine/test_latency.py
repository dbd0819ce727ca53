"""Doorbells while kernels run: no kernel masks them or is disturbed by them, and none holds one up for too long.

A blocked packet is dropped after 240 cycles of the router, 361 of a core; the handler takes some fifty of these.
"""

import numpy as np
import pytest

from spinntensor.abi.runtime import KEY_BASE
from spinntensor.emulator.decode import decode
from spinntensor.emulator.packets import Packet
from spinntensor.image.overlap import Call, Row
from spinntensor.image.store import blob
from spinntensor.kernels import kernel, kernels
from spinntensor.kernels.kernel import draw_shape, equal_bits
from spinntensor.machine.alone import Alone
from spinntensor.machine.call import layout, read
from spinntensor.machine.facts import facts
from spinntensor.plan.recipes.parts import OPERANDS_AT

pytest.importorskip("unicorn")

NAMES = tuple(kernels())
WAIT = 361
"""Cycles of a core in which the router waits for it."""
HANDLER = 60
"""Cycles of the handler, device accesses included, and some to spare."""
PACKETS, GAP, SOURCE = 40, 500, 7
MSR = ((0x0FB1_00F0, 0x0121_0000), (0x0FB1_0000, 0x0321_0000))
"""Mask and bits of MSR with the control field, of a register and of a constant: what changes the interrupt mask."""


def words(name):
    return np.frombuffer(blob(name).code, "<u4")


@pytest.mark.parametrize("name", NAMES)
def test_no_kernel_touches_the_interrupt_mask(name):
    found = [hex(w) for w in map(int, words(name)) if w >> 28 != 15 and any(w & m == b for m, b in MSR)]
    assert not found


@pytest.mark.parametrize("name", NAMES)
def test_no_instruction_holds_a_packet_up_for_long(name):
    longest = max(decode(int(w)).issue for w in words(name) if int(w) >> 28 != 15)
    assert longest + HANDLER < WAIT


@pytest.mark.parametrize("name", NAMES)
def test_packets_are_counted_while_a_kernel_runs_and_disturb_it_not(name):
    k, rng = kernel(name), np.random.default_rng(5)
    operands = k.sample(rng, draw_shape(k, rng, 1.0), False)
    call = k.lower(operands)
    addresses = layout(k, call, OPERANDS_AT)
    record = {**call.words, **{n: addresses[n] for n in call.buffers}}
    data = {addresses[n]: b.data.tobytes() for n, b in call.buffers.items() if b.data is not None}
    alone = Alone(Row((Call(0, name, record, None),), (1,)), facts().chip(), data, quantum=200)
    key = KEY_BASE | SOURCE << 8
    alone.monitor.route([(key, 0xFFFF_FFFF, [1])])
    chip, start = alone.chip, alone.chip.cycles
    for i in range(PACKETS):
        at = start + 4000 + GAP * i + int(rng.integers(GAP // 2))
        chip.post(2, at, lambda cycle: chip.router.arrive(Packet(0, key, source=2), cycle))
    alone.run()
    outputs = {n: read(alone.core, b, addresses[n]) for n, b in call.buffers.items() if b.role != "in"}
    assert equal_bits(k.result(operands, outputs), k.twin(operands))
    counted = int.from_bytes(alone.core.read(0x0040_F800 + 4 * SOURCE, 4), "little")
    assert counted == PACKETS and not chip.lost
    assert alone.core.latency.fiq + HANDLER < 2 * WAIT  # taken at the head of a block: see docs/machine.md

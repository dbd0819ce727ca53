"""Every rule of the cycle model, as a short sequence counted by hand and executed on the core."""

from __future__ import annotations

import numpy as np
import pytest
from asm import assemble

pytest.importorskip("unicorn", reason="unicorn is in the extra [emulator]")

from spinntensor.emulator.core import Core
from spinntensor.emulator.timing import timing

# BL to the sequence and BX back, 3 cycles each.
OVERHEAD = 6
DATA = 0x00400100

T222 = "ARM9EJ-S TRM DDI 0222B, table 8.2"
P165 = "ARM9E-S TRM DDI 0165B, page 8-22"
F7EJ = "ARM7EJ-S TRM DDI 0214B, 9.9-9.10"
GENERAL = "general ARM9 behaviour"
MODEL = "follows from the other rules"

# Sequence, its cycles, and what that rests on. r0 points to 16 words, the first an address; flags are clear.
SEQUENCES = [
    # Data processing.
    ("mov r1, #1; add r2, r1, #1", 1 + 1, T222),
    ("mov r1, r2, lsl #3; add r2, r1, r1, asr #2", 1 + 1, T222),
    ("mov r2, #1; mov r1, r2, lsl r2; add r3, r1, r1", 1 + 2 + 1, T222),
    ("clz r1, r2; add r3, r1, #1", 1 + 1, T222),
    # Word loads: one later.
    ("ldr r1, [r0]; add r2, r1, #1", 1 + 1 + 1, T222),
    ("ldr r1, [r0]; mov r3, #0; add r2, r1, #1", 1 + 1 + 1, T222),
    ("ldr r1, [r0]; ldr r2, [r1]", 1 + 1 + 1, T222),
    ("ldr r1, [r0], #4; ldr r2, [r0], #4", 1 + 1, T222),
    # Bytes and halfwords: two later.
    ("ldrb r1, [r0]; add r2, r1, #1", 1 + 2 + 1, P165),
    ("ldrh r1, [r0]; add r2, r1, #1", 1 + 2 + 1, P165),
    ("ldrsb r1, [r0]; add r2, r1, #1", 1 + 2 + 1, P165),
    ("ldrsh r1, [r0]; mov r3, #0; add r2, r1, #1", 1 + 1 + 1 + 1, P165),
    ("ldrb r1, [r0]; mov r3, #0; mov r4, #0; add r2, r1, #1", 1 + 1 + 1 + 1, P165),
    # Addressing.
    ("mov r2, #1; ldr r1, [r0, r2, lsl #2]", 1 + 2, T222),
    ("mov r2, #4; ldr r1, [r0, r2]", 1 + 1, T222),
    ("mov r2, #1; ldr r1, [r0, r2, lsl #2]; add r3, r1, #1", 1 + 2 + 1 + 1, T222),
    ("mov r2, #1; str r1, [r0, r2, lsl #2]", 1 + 2, T222),
    ("mov r2, #4; strb r1, [r0, r2]", 1 + 1, T222),
    ("ldr r1, =0x12345678", 2, GENERAL),
    # No bypass from a load to store data or addend.
    ("ldr r1, [r0]; str r1, [r0]", 1 + 1 + 1, P165),
    ("ldrb r1, [r0]; strb r1, [r0]", 1 + 2 + 1, P165),
    ("ldr r1, [r0]; smlabb r2, r3, r4, r1", 1 + 1 + 1, P165),
    ("ldrh r1, [r0]; smlabb r2, r3, r4, r1", 1 + 2 + 1, P165),
    ("ldr r1, [r0]; mla r2, r3, r4, r1", 1 + 1 + 2, P165),
    # Multiple loads and stores.
    ("ldm r0, {r1-r3}", 3, T222),
    ("ldm r0!, {r1-r3}; add r4, r0, r1", 3 + 1, T222),
    ("ldm r0, {r1-r3}; add r4, r3, #1", 3 + 1 + 1, T222),
    (".word 0xe8900002; add r4, r1, #1", 2 + 1, T222),  # ldm r0, {r1}
    ("ldrd r2, r3, [r0]", 2, T222),
    ("ldrd r2, r3, [r0]; add r4, r2, #1", 2 + 1, T222),
    ("ldrd r2, r3, [r0]; add r4, r3, #1", 2 + 1 + 1, T222),
    ("stm r0, {r1-r3}", 3, GENERAL),
    (".word 0xe8800002", 2, GENERAL),  # stm r0, {r1}
    ("strd r2, r3, [r0]", 2, T222),
    ("ldr r1, [r0]; stm r0, {r1, r2}", 1 + 1 + 2, P165),
    ("ldr r2, [r0]; stm r0, {r1, r2}", 1 + 2, P165),
    ("ldrb r2, [r0]; stm r0, {r1, r2}", 1 + 1 + 2, P165),
    ("ldrb r3, [r0]; stm r0, {r1-r3}", 1 + 3, P165),
    ("ldr r3, [r0]; strd r2, r3, [r0]", 1 + 2, P165),
    # Multiplies.
    ("mul r1, r2, r3", 2, T222),
    ("mul r1, r2, r3; add r4, r1, #1", 2 + 1 + 1, T222),
    ("mul r1, r2, r3; mov r5, #0; add r4, r1, #1", 2 + 1 + 1, T222),
    ("mul r1, r2, r3; mla r4, r2, r3, r1", 2 + 2, F7EJ),
    ("mul r1, r2, r3; mla r4, r1, r2, r3", 2 + 1 + 2, F7EJ),
    ("mla r1, r2, r3, r4; str r1, [r0]", 2 + 1 + 1, T222),
    ("muls r1, r2, r3; add r4, r1, #1", 4 + 1, T222),
    ("mlas r1, r2, r3, r4; add r4, r1, #1", 4 + 1, T222),
    ("smull r1, r2, r3, r4; add r5, r1, #1", 3 + 1, T222),
    ("smull r1, r2, r3, r4; add r5, r2, #1", 3 + 1 + 1, T222),
    ("umull r1, r2, r3, r4; umlal r1, r2, r3, r4", 3 + 3, F7EJ),
    ("smlal r1, r2, r3, r4; smlal r1, r2, r3, r4", 3 + 3, F7EJ),
    ("smlal r1, r2, r3, r4; smlal r5, r6, r2, r3", 3 + 1 + 3, F7EJ),
    ("smulls r1, r2, r3, r4; add r5, r2, #1", 5 + 1, T222),
    ("umlals r1, r2, r3, r4; add r5, r2, #1", 5 + 1, T222),
    ("smulbb r1, r2, r3", 1, T222),
    ("smulbb r1, r2, r3; add r4, r1, #1", 1 + 1 + 1, T222),
    ("smulwt r1, r2, r3; add r4, r1, #1", 1 + 1 + 1, T222),
    ("smlatt r1, r2, r3, r1; smlatt r1, r2, r3, r1", 1 + 1, F7EJ),
    ("smlawb r1, r2, r3, r1; smlawb r1, r2, r3, r1", 1 + 1, F7EJ),
    ("smlabb r1, r2, r3, r4; smlabb r4, r1, r2, r3", 1 + 1 + 1, F7EJ),
    ("smlabb r1, r2, r3, r4; str r1, [r0]", 1 + 1 + 1, T222),
    ("smlalbb r1, r2, r3, r4; smlalbb r1, r2, r3, r4", 2 + 2, F7EJ),
    ("smlalbb r1, r2, r3, r4; add r5, r1, #1", 2 + 1, T222),
    ("smlalbb r1, r2, r3, r4; add r5, r2, #1", 2 + 1 + 1, T222),
    ("qadd r1, r2, r3; add r4, r1, #1", 1 + 1 + 1, T222),
    ("qdsub r1, r2, r3; mov r5, #0; add r4, r1, #1", 1 + 1 + 1, T222),
    ("qadd r1, r2, r3; smlabb r4, r2, r3, r1", 1 + 1 + 1, "no forwarding is stated for QADD"),
    # Status, coprocessor, swap.
    ("mrs r1, cpsr; msr cpsr_f, r1", 2 + 1, T222),
    ("mrs r1, cpsr; msr cpsr_c, r1", 2 + 3, T222),
    ("msr cpsr_f, #0", 1, T222),
    ("mrc p15, 0, r1, c0, c0, 0", 1, T222),
    ("swp r1, r2, [r0]; add r3, r1, #1", 2 + 1, T222),
    ("swpb r1, r2, [r0]; add r3, r1, #1", 2 + 1 + 1, "as a byte load whose second cycle is the store"),
    # Latency hidden by multi-cycle instructions, and stalls that shift what follows.
    ("ldr r1, [r0]; mul r2, r3, r4; add r5, r1, #0", 1 + 2 + 1, P165),
    ("ldrb r1, [r0]; mul r2, r3, r4; add r5, r1, #0", 1 + 2 + 1, P165),
    ("ldrb r1, [r0]; ldrb r2, [r0]; add r3, r1, #0; add r4, r2, #0", 1 + 1 + 1 + 1 + 1, MODEL),
    ("ldr r1, [r0]; mov r1, #0; add r2, r1, #0", 1 + 1 + 1, MODEL),
    # Branches.
    ("b 1f; nop; 1:", 3, GENERAL),
    ("b 1f; 1:", 3, GENERAL),
    ("cmp r0, #0; beq 1f; mov r1, #0; 1:", 1 + 1 + 1, GENERAL),
    ("cmp r0, r0; beq 1f; mov r1, #0; 1:", 1 + 3, GENERAL),
    ("mov r2, #3; 1: subs r2, r2, #1; bne 1b", 1 + 3 * 1 + 2 * 3 + 1, GENERAL),
    ("mov r4, lr; .word 0xeb000001; mov lr, r4; b 2f; 1: bx lr; 2:", 1 + 3 + 3 + 1 + 3, GENERAL),  # bl 1f
    ("mov r4, lr; adr r1, 1f; blx r1; mov lr, r4; b 2f; 1: bx lr; 2:", 1 + 1 + 3 + 3 + 1 + 3, GENERAL),
    ("adr r1, 1f; mov pc, r1; nop; 1:", 1 + 3, T222),
    ("adr r1, 1f; mov r2, #0; .word 0xe1a0f211; nop; 1:", 1 + 1 + 4, T222),  # mov pc, r1, lsl r2
    ("adr r1, 1f; str r1, [r0]; ldr pc, [r0]; nop; 1:", 1 + 1 + 5, T222),
    ("adr r1, 1f; str r1, [r0, #4]; mov r2, #1; ldr pc, [r0, r2, lsl #2]; nop; 1:", 1 + 1 + 1 + 6, T222),
    ("adr r1, 1f; str r1, [r0, #4]; ldm r0, {r2, pc}; nop; 1:", 1 + 1 + 6, GENERAL),
    ("adr r1, 1f; str r1, [r0]; .word 0xe8908000; nop; 1:", 1 + 1 + 5, GENERAL),  # ldm r0, {pc}
    # Interlocks over untaken branches; none from what a taken branch jumped over.
    ("ldrb r1, [r0]; beq 1f; add r2, r1, #1; 1:", 1 + 1 + 1 + 1, MODEL),
    ("b 1f; ldr r1, [r0]; 1: add r2, r1, #1", 3 + 1, MODEL),
    ("b 1f; ldrb r1, [r0]; 1: nop; add r2, r1, #1", 3 + 1 + 1, MODEL),
    ("b 1f; ldrb r1, [r0]; 1: beq 2f; add r2, r1, #1; 2:", 3 + 1 + 1, MODEL),
    ("b 1f; ldrb r9, [r0]; 1: ldrb r1, [r0]; add r2, r9, #0; add r3, r1, #0", 3 + 1 + 1 + 1 + 1, MODEL),
    ("b 1f; mul r1, r2, r3; 1: add r2, r1, #1", 3 + 1, MODEL),
    ("ldrb r1, [r0]; b 1f; nop; 1: add r2, r1, #1", 1 + 3 + 1, MODEL),
    # Conditions that fail: one cycle, interlocks stay.
    ("muleq r1, r2, r3", 1, GENERAL),
    ("mulne r1, r2, r3", 2, GENERAL),
    ("smlaleq r1, r2, r3, r4", 1, GENERAL),
    ("smlabbeq r1, r2, r3, r4", 1, GENERAL),
    ("ldmeq r0, {r1-r4}", 1, GENERAL),
    ("ldmne r0, {r1-r4}", 4, GENERAL),
    ("stmeq r0, {r1-r4}", 1, GENERAL),
    ("ldmeq r0, {r1, pc}", 1, GENERAL),
    ("ldrdeq r2, r3, [r0]", 1, GENERAL),
    ("strdeq r2, r3, [r0]", 1, GENERAL),
    ("moveq r1, r2, lsl r3", 1, GENERAL),
    ("swpeq r1, r2, [r0]", 1, GENERAL),
    ("ldreq r1, [r0, r2, lsl #2]", 1, GENERAL),
    ("ldreq r1, [r0]; add r2, r1, #0", 1 + 1 + 1, "interlocks are found at decode"),
    # Outside the TCMs.
    ("mov r1, #0x60000000; ldr r2, [r1]; add r3, r2, #1", 1 + 20 + 1 + 1, "CoreFacts.sdram_cycles"),
    ("mov r1, #0x70000000; stm r1, {r2, r3}", 1 + 2 + 2 * 19, "CoreFacts.sdram_cycles"),
    ("mov r1, #0x30000000; ldr r2, [r1, #4]", 1 + 5, "CoreFacts.peripheral_cycles"),
]


@pytest.fixture(scope="module")
def core() -> Core:
    return Core()


def program(sequence: str) -> bytes:
    """The sequence as a function."""
    return assemble(sequence.replace("; ", "\n").replace(":", ":\n") + "\nbx lr\n.ltorg")


def prepare(core: Core, code: bytes) -> None:
    core.load(code, {"sequence": 0})
    core.write(DATA, np.array([DATA + 32, *range(1, 16)], "<u4").tobytes())


@pytest.mark.parametrize(("sequence", "cycles", "source"), SEQUENCES, ids=[s[0] for s in SEQUENCES])
def test_sequence_takes_the_cycles_counted_by_hand(core, sequence, cycles, source):
    prepare(core, program(sequence))
    counters = core.call("sequence", DATA)
    assert counters.cycles == cycles + OVERHEAD, source


def test_all_sequences_have_parts_that_add_up(core):
    for sequence, *_ in SEQUENCES:
        prepare(core, program(sequence))
        before = core.cycles
        c = core.call("sequence", DATA)
        assert c.cycles == c.issue + c.load_use + c.multiply + c.branch + c.peripheral, sequence
        assert c.cycles == core.cycles - before, sequence


@pytest.mark.parametrize(
    ("sequence", "parts"),
    [
        ("ldm r0, {r1-r3}; add r4, r3, #1", {"issue": 6, "load_use": 1, "multiply": 0, "branch": 4}),
        ("mul r1, r2, r3; add r4, r1, #1", {"issue": 4, "load_use": 0, "multiply": 2, "branch": 4}),
        ("smlal r1, r2, r3, r4; qadd r5, r2, r3", {"issue": 4, "multiply": 3, "multiplies": 1}),
        ("muleq r1, r2, r3; mulne r1, r2, r3", {"issue": 4, "multiply": 1, "multiplies": 1}),
        ("b 1f; ldrb r1, [r0]; 1: nop; add r2, r1, #1", {"issue": 5, "load_use": 0, "branch": 6}),
        ("mov r1, #0x60000000; ldr r2, [r1]", {"issue": 4, "peripheral": 19}),
    ],
)
def test_cycles_are_booked_under_their_cause(core, sequence, parts):
    prepare(core, program(sequence))
    counters = core.call("sequence", DATA)
    assert {name: getattr(counters, name) for name in parts} == parts


def test_tables_of_a_full_itcm_are_quick_and_read_only():
    code = np.random.default_rng(1).integers(0, 1 << 32, 8192, dtype=np.uint32).tobytes()
    tables = timing(code)
    assert len(tables) == 8192 and tables.prefix.shape == (8193,)
    assert timing(bytes(bytearray(code))) is tables
    with pytest.raises(ValueError, match="read-only"):
        tables.prefix[0] = 1


def test_part_of_a_word_is_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        timing(b"\0\0")

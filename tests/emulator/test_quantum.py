"""Random programs: where a run is cut changes no count, and counts equal a walk along the trace."""

from __future__ import annotations

import numpy as np
import pytest
from asm import assemble
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("unicorn", reason="unicorn is in the extra [emulator]")

from conditions import holds

from spinntensor.emulator.core import Core
from spinntensor.emulator.counters import Counters
from spinntensor.emulator.decode import decode

DATA = 0x00400100

# r0 is the data pointer, r8 the loop counter; the rest is fair game.
REGISTERS = ["r1", "r2", "r3", "r4", "r5", "r6", "r7"]
CONDITIONS = ["", "", "", "eq", "ne", "ge", "lt"]
FORMS = [
    "add{c} {a}, {b}, {d}",
    "sub{c}s {a}, {b}, {d}, lsr #3",
    "mov{c} {a}, {b}, lsl {d}",
    "cmp{c} {a}, {b}",
    "clz{c} {a}, {b}",
    "qadd{c} {a}, {b}, {d}",
    "mul{c} {a}, {b}, {d}",
    "mla{c}s {a}, {b}, {d}, {e}",
    "smlabb{c} {a}, {b}, {d}, {e}",
    "smulwt{c} {a}, {b}, {d}",
    "smull{c} {p}, {q}, {b}, {d}",
    "smlal{c} {p}, {q}, {b}, {d}",
    "smlalbt{c} {p}, {q}, {b}, {d}",
    "ldr{c} {a}, [r0]",
    "ldr{c}b {a}, [r0, #5]",
    "ldr{c}sh {a}, [r0, #6]",
    "str{c} {a}, [r0, #8]",
    "str{c}h {a}, [r0, #10]",
    "ldrd{c} r2, r3, [r0]",
    "strd{c} r4, r5, [r0, #16]",
    "ldm{c} r0, {{r1-r4}}",
    "stm{c} r0, {{{p}, {q}, r7}}",
    "swp{c} {a}, {b}, [r0]",
    "mrs{c} {a}, cpsr",
    "msr{c} cpsr_f, {a}",
    "b{c} {to}f",
]


@st.composite
def programs(draw) -> str:
    """A loop of three rounds over up to 24 random instructions, some of them branches ahead."""
    lines = ["mov r8, #3", "0:"]
    for _ in range(draw(st.integers(4, 24))):
        p, q = draw(st.sampled_from([("r1", "r2"), ("r3", "r4"), ("r5", "r6")]))
        names = {k: draw(st.sampled_from(REGISTERS)) for k in "abde"}
        if names["a"] == names["b"]:  # MUL wants them different
            names["b"] = "r1" if names["a"] != "r1" else "r2"
        names |= {"p": p, "q": q, "c": draw(st.sampled_from(CONDITIONS)), "to": draw(st.sampled_from("12"))}
        lines.append(draw(st.sampled_from(FORMS)).format(**names))
        if draw(st.integers(0, 3)) == 0:
            lines.append(draw(st.sampled_from("12")) + ":")
    return "\n".join([*lines, "1:", "2:", "subs r8, r8, #1", "bne 0b", "bx lr"])


def fixed(line: str) -> str:
    """Unified syntax wants conditions behind size and flag letters."""
    for c in ("eq", "ne", "ge", "lt"):
        for tail in ("sh", "s ", "b ", "h "):
            line = line.replace(f"{c}{tail}", f"{tail.strip()}{c}" + " " * tail.endswith(" "))
    return line


def new_core(code: bytes) -> Core:
    core = Core(sdram_bytes=0)
    core.load(code, {"program": 0})
    core.write(DATA, np.arange(16, dtype="<u4").tobytes())
    return core


def walked(code: bytes) -> int:
    """Cycles of the trace, one instruction at a time, by a scoreboard that knows nothing of blocks."""
    core = new_core(code)
    core.start("program", DATA)
    words = np.frombuffer(code, "<u4")
    ready, addend, now, given_back = [0] * 16, [0] * 16, 3, 0  # the call's BL
    core.run(1)
    while not core.halted:
        pc, flags = core.registers[15:]
        insn = decode(int(words[pc >> 2]))
        core.run(1)
        stored = [r for r in range(16) if insn.late_reads >> r & 1]
        start = max(
            [now]
            + [ready[r] for r in range(16) if insn.reads >> r & 1]
            + [addend[r] for r in range(16) if insn.accumulates >> r & 1]
            + [ready[r] - j for j, r in enumerate(stored)]
        )
        left = core.registers[15] != pc + 4 or not insn.conditional
        now = start + insn.issue + (insn.taken_extra if left else 0)
        if not holds(insn.cond, flags):
            given_back += insn.issue - 1
        for r in range(16):
            if insn.writes >> r & 1:
                late = insn.latency if insn.late_writes >> r & 1 else 0
                ready[r], addend[r] = now + late, now if insn.forwards else now + late
    return now - given_back


def counted(code: bytes, quantum: int) -> Counters:
    core = new_core(code)
    core.start("program", DATA)
    while not core.run(quantum):
        assert core.counters.cycles == core.cycles
    assert core.counters.cycles == core.cycles == sum(core.profile().values())
    return core.counters


@settings(max_examples=40)
@given(programs())
def test_random_programs(text):
    code = assemble("\n".join(map(fixed, text.splitlines())))
    whole = counted(code, 1_000_000)
    parts = (whole.issue, whole.load_use, whole.multiply, whole.branch, whole.peripheral)
    assert sum(parts) == whole.cycles
    # A conditional branch to the next instruction cannot be told from one that is not taken.
    assert whole.cycles == walked(code)
    for quantum in (1, 2, 3, 7, 20):
        assert counted(code, quantum) == whole, f"quantum {quantum}"


EVERYTHING = """
    mov r8, #5
0:  ldrb r1, [r0]
    beq 1f
    add r2, r1, #1
1:  ldrb r3, [r0, #1]
    ldrsh r4, [r0, #2]
    muleq r5, r3, r4
    mulne r6, r3, r4
    ldmeq r0, {r1-r4}
    smlal r1, r2, r3, r4
    stm r0, {r1-r4}
    tst r8, #1
    beq 2f
    mov r9, lr
    .word 0xeb000002            @ bl 3f
    mov lr, r9
2:  subs r8, r8, #1
    bne 0b
    bx lr
3:  ldrd r2, r3, [r0]
    mov r7, #0x60000000
    ldr r7, [r7]
    add r2, r2, r3
    bx lr
"""


@pytest.fixture(scope="module")
def everything() -> bytes:
    code = assemble(EVERYTHING)
    return code


@pytest.mark.parametrize("quantum", range(1, 51))
def test_every_quantum_gives_the_same_counts(everything, quantum):
    results = []
    for q in (10_000, quantum):
        core = Core(sdram_bytes=4096)
        core.load(everything, {"program": 0})
        core.start("program", DATA)
        while not core.run(q):
            pass
        results.append((core.counters, core.cycles, core.profile(), core.registers))
    assert results[0] == results[1]


def test_the_clock_between_quanta_is_that_of_the_executed_instructions(everything):
    """Stopped after any number of instructions, the clock is the same as when stepping there one by one."""
    stepped, clock = Core(sdram_bytes=4096), []
    stepped.load(everything, {"program": 0})
    stepped.start("program", DATA)
    while not stepped.run(1):
        clock.append(stepped.cycles)
    assert clock == sorted(clock)
    for count in range(1, len(clock), 3):
        core = Core(sdram_bytes=4096)
        core.load(everything, {"program": 0})
        core.start("program", DATA)
        core.run(count)
        assert core.cycles == clock[count - 1], f"after {count} instructions"

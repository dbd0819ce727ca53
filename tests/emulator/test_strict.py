"""Each violation strict mode knows, and the same access done right."""

from __future__ import annotations

import pytest
from asm import assemble

pytest.importorskip("unicorn", reason="unicorn is in the extra [emulator]")

from spinntensor.emulator.core import Core
from spinntensor.emulator.faults import CoreFault, StrictError

# 64 bytes that may be read, and 64 that may be stored to.
INPUT, OUTPUT = 0x00400100, 0x00400200

# Access, index of the guilty instruction, address, kind.
VIOLATIONS = [
    ("ldr r1, [r0, #1]", 0, INPUT + 1, "unaligned access"),
    ("ldrh r1, [r0, #3]", 0, INPUT + 3, "unaligned access"),
    ("add r0, r0, #0x100; str r1, [r0, #2]", 1, OUTPUT + 2, "unaligned access"),
    ("add r0, r0, #2; ldm r0, {r1-r3}", 1, INPUT + 2, "unaligned access"),
    ("add r0, r0, #0x100; add r0, r0, #1; stm r0, {r1-r3}", 2, OUTPUT + 1, "unaligned access"),
    ("ldrd r2, r3, [r0, #4]", 0, INPUT + 4, "unaligned access"),
    ("add r0, r0, #0x100; strd r2, r3, [r0, #12]", 1, OUTPUT + 12, "unaligned access"),
    ("mov r1, #0x60000000; ldr r1, [r1, #2]", 1, 0x60000002, "unaligned access"),
    ("ldr r1, [r0, #64]", 0, INPUT + 64, "read of uninitialised memory"),
    ("ldrb r1, [r0, #0x100]", 0, OUTPUT, "read of uninitialised memory"),
    ("add r0, r0, #60; ldm r0, {r1, r2}", 1, INPUT + 64, "read of uninitialised memory"),
    ("mov r0, #0x400000; ldr r1, [r0]", 1, 0x00400000, "read of uninitialised memory"),
    ("ldr r1, [sp, #-4]", 0, 0x0040FFFC, "read of uninitialised memory"),
    ("mov r0, #0x1000; ldr r1, [r0]", 1, 0x1000, "read of uninitialised memory"),
    ("str r1, [r0]", 0, INPUT, "store outside the allowed memory"),
    ("strb r1, [r0, #0x140]", 0, OUTPUT + 64, "store outside the allowed memory"),
    ("add r0, r0, #0x13c; stm r0, {r1, r2}", 1, OUTPUT + 64, "store outside the allowed memory"),
    ("mov r0, #0; str r1, [r0, #4]", 1, 4, "store to code"),
    ("sub sp, sp, #2048; push {r4, lr}", 1, 0x0040F7F8, "stack overflow"),
    ("sub sp, sp, #2048; str r4, [sp, #-4]!", 1, 0x0040F7FC, "stack overflow"),
    ("sub sp, sp, #4096; str r4, [sp, #8]", 1, 0x0040F008, "stack overflow"),
    ("mov r0, #0x50000000; ldr r1, [r0]", 1, 0x50000000, "read of unmapped memory"),
    ("mov r0, #0x50000000; str r1, [r0]", 1, 0x50000000, "write to unmapped memory"),
]

ALLOWED = [
    "ldm r0, {r1-r8}",
    "ldrd r2, r3, [r0, #8]",
    "ldrb r1, [r0, #3]",
    "ldrh r1, [r0, #2]",
    "ldrdeq r2, r3, [r0, #4]; ldr r1, [r0, #4]",  # skipped, so its rule must not stick to the next access
    "add r0, r0, #0x100; str r1, [r0]; ldr r2, [r0]",
    "add r0, r0, #0x100; strb r1, [r0, #63]; ldrb r2, [r0, #63]",
    "mov r0, #0x400000; str r1, [r0, #252]; ldr r2, [r0, #252]",
    "push {r4-r11}; pop {r4-r11}",
    "sub sp, sp, #64; str r4, [sp, #8]; ldr r4, [sp, #8]; add sp, sp, #64",
    "ldr r1, =0x12345678",
    "mov r1, #0x60000000; str r2, [r1]; ldr r3, [r1]",
]


def program(text: str) -> bytes:
    return assemble(text.replace("; ", "\n") + "\nbx lr\n.ltorg")


def new_core(text: str, strict: bool = True) -> Core:
    core = Core(strict=strict)
    core.load(program(text), {"main": 0})
    core.forget()
    core.write(INPUT, bytes(range(64)))
    core.allow_store(OUTPUT, 64)
    return core


@pytest.mark.parametrize(("text", "index", "address", "kind"), VIOLATIONS, ids=[v[0] for v in VIOLATIONS])
def test_violation_is_found_at_its_instruction(text, index, address, kind):
    core = new_core(text)
    with pytest.raises(StrictError) as caught:
        core.call("main", INPUT)
    error = caught.value
    assert (error.kind, error.pc, error.address) == (kind, 4 * index, address)
    assert error.symbol == ("main" if index == 0 else f"main+0x{4 * index:x}")
    assert error.instruction.split()[0] == text.split("; ")[index].split()[0]
    assert error.mend


@pytest.mark.parametrize("text", ALLOWED)
def test_what_is_right_passes_and_costs_the_same(text):
    strict, plain = new_core(text), new_core(text, strict=False)
    assert strict.call("main", INPUT) == plain.call("main", INPUT)
    assert strict.registers == plain.registers


def test_without_strict_mode_they_pass_unseen():
    core = new_core("ldr r1, [r0, #1]; ldr r2, [r0, #64]; str r1, [r0]", strict=False)
    core.call("main", INPUT)


def test_the_core_is_usable_after_a_violation():
    core = new_core("ldr r1, [r0]")
    clean = core.call("main", INPUT)
    for _ in range(2):
        with pytest.raises(StrictError):
            core.call("main", INPUT + 64)
        assert core.call("main", INPUT) == clean


def test_forget_closes_everything_but_state_block_and_stack():
    core = new_core("ldr r1, [r0]")
    core.forget()
    with pytest.raises(StrictError, match="uninitialised"):
        core.call("main", INPUT)
    core.load(program("str r1, [r0]"), {"main": 0})
    with pytest.raises(StrictError, match="outside"):
        core.call("main", OUTPUT)
    core.call("main", 0x00400000)
    core.call("main", 0x0040FFFC)


def test_nothing_of_an_earlier_call_is_left_in_state_block_and_stack():
    core = new_core("str r1, [r0]")
    core.call("main", 0x00400010)
    core.call("main", 0x0040FF00)
    core.load(program("ldr r1, [r0]"), {"main": 0})
    for address in (0x00400010, 0x0040FF00):
        with pytest.raises(StrictError, match="uninitialised"):
            core.call("main", address)


def test_results_of_an_earlier_call_stay_initialised():
    core = new_core("str r1, [r0]")
    core.call("main", OUTPUT)
    core.load(program("ldr r1, [r0]"), {"main": 0})
    core.call("main", OUTPUT)


def test_the_stack_can_be_moved():
    core = new_core("push {r4, lr}; pop {r4, lr}")
    core.set_stack(0x00404000, 0x00404008)
    core.call("main", sp=0x00404008)
    with pytest.raises(StrictError, match="stack overflow"):
        core.call("main", sp=0x00404004)


def test_a_push_below_the_limit_is_an_overflow_even_into_an_open_buffer():
    core = new_core("push {r4, lr}; pop {r4, lr}")
    core.set_stack(0x00404000, 0x00404800)
    core.allow_store(0x00403000, 0x1000)
    with pytest.raises(StrictError, match="stack overflow"):
        core.call("main", sp=0x00404004)


def test_strict_error_is_a_core_fault():
    assert issubclass(StrictError, CoreFault)

"""The decoder's registers and classes against capstone's, over generated words of every ARMv5TE class."""

from __future__ import annotations

import numpy as np
import pytest

from spinntensor.emulator.decode import decode

capstone = pytest.importorskip("capstone", reason="capstone is in the extra [emulator]")

PC, SP, LR = 15, 13, 14

# Class, fixed bits, free bits. Every bit outside the free ones is as given.
CLASSES = {
    "alu immediate": (0xE2000000, 0x01FFFFFF),
    "alu shifted": (0xE0000000, 0x01FFFFEF),
    "alu shifted by register": (0xE0000010, 0x01FFFF6F),
    "mul": (0xE0000090, 0x001F0F0F),
    "mla": (0xE0200090, 0x001FFF0F),
    "long multiply": (0xE0800090, 0x007FFF0F),
    "smlaxy": (0xE1000080, 0x000FFF6F),
    "smlawy": (0xE1200080, 0x000FFF4F),
    "smulwy": (0xE12000A0, 0x000F0F4F),
    "smlalxy": (0xE1400080, 0x000FFF6F),
    "smulxy": (0xE1600080, 0x000F0F6F),
    "qadd": (0xE1000050, 0x006FF00F),
    "clz": (0xE16F0F10, 0x0000F00F),
    "load store immediate": (0xE4000000, 0x01FFFFFF),
    "load store register": (0xE6000000, 0x01FFFFEF),
    "halfword immediate": (0xE0400090, 0x01BFFF6F),
    "halfword register": (0xE0000090, 0x01BFF06F),
    "block transfer": (0xE8000000, 0x01BFFFFF),
    "branch": (0xEA000000, 0x01FFFFFF),
    "branch register": (0xE12FFF10, 0x0000002F),
    "mrs": (0xE10F0000, 0x0000F000),
    "msr": (0xE120F000, 0x000F000F),
    "swap": (0xE1000090, 0x004FF00F),
}


def words(fixed: int, free: int, count: int = 400) -> list[int]:
    """Random words of a class, conditions included."""
    rng = np.random.default_rng(5)
    drawn = rng.integers(0, 1 << 32, size=count, dtype=np.uint64)
    conditions = rng.integers(0, 15, size=count)
    return [fixed & 0x0FFFFFFF | int(w) & free | int(c) << 28 for w, c in zip(drawn, conditions, strict=True)]


def predictable(word: int) -> bool:
    """Whether the architecture defines it (ARM DDI 0100E, notes of each instruction in A4)."""
    insn = decode(word)
    rn, rd, rs, rm = (word >> at & 15 for at in (16, 12, 8, 0))
    writeback = not word >> 24 & 1 or bool(word >> 21 & 1)
    match insn.kind:
        case "undefined" | "trap":
            return False
        case "alu_shift_reg":
            return PC not in (rn, rd, rs, rm)
        case "mul" | "mla" | "smulxy" | "smlaxy":
            return PC not in (rn, rd, rs, rm)
        case "mull" | "mlal" | "smlalxy":
            return PC not in (rn, rd, rs, rm) and rn != rd and rm not in (rn, rd)
        case "qadd" | "clz":
            return PC not in ((rn, rd, rm) if insn.kind == "qadd" else (rd, rm))
        case "load" | "load_narrow" | "store" | "ldrd" | "strd":
            register = bool(insn.reads & ~(1 << rn)) or (insn.kind in ("ldrd", "strd", "load_narrow"))
            double = insn.kind in ("ldrd", "strd")
            if double and (rd % 2 or rd == LR):
                return False
            if not word >> 24 & 1 and word >> 21 & 1:  # LDRT and its like
                return False
            if writeback and (rn in (PC, rd) or (double and rn == rd + 1)):
                return False
            narrow = insn.kind == "load_narrow" or (insn.kind == "store" and word >> 22 & 1)
            halfword = word >> 25 & 7 == 0
            return not ((narrow or halfword) and rd == PC) and not (register and rm == PC) and rd != PC
        case "ldm" | "stm":
            listed = word & 0xFFFF
            return listed != 0 and rn != PC and not (word >> 21 & 1 and listed >> rn & 1)
        case "swp":
            return PC not in (rn, rd, rm) and rn not in (rd, rm)
        case "branch":
            return word >> 25 & 7 == 5 or rm != PC
        case "mrs":
            return rd != PC
        case "msr":
            return rm != PC and bool(word >> 16 & 15)
    return True


@pytest.fixture(scope="module")
def disassembler():
    engine = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_ARM)
    engine.detail = True
    return engine


NUMBERS = {f"r{n}": n for n in range(13)}
NUMBERS |= {"sb": 9, "sl": 10, "fp": 11, "ip": 12, "sp": 13, "lr": 14, "pc": 15}


def registers(insn, ids) -> int:
    """Capstone's register numbers as a mask; flags and status registers are left out."""
    return sum({1 << NUMBERS[n] for n in map(insn.reg_name, ids) if n in NUMBERS})


def expected(insn, kind: str) -> tuple[int, int]:
    """Registers read and written: capstone's access lists, and its operands where those lists are short."""
    reads, writes = (registers(insn, ids) for ids in insn.regs_access())
    named = [registers(insn, [o.reg]) for o in insn.operands if o.type == capstone.arm.ARM_OP_REG]
    if kind in ("mlal", "smlalxy"):  # the accumulators are read as well
        reads |= named[0] | named[1]
    if kind == "alu_shift_reg":  # so is the shift
        reads |= registers(insn, [insn.operands[-1].shift.value])
    if kind == "stm":  # so are the stored registers
        reads |= sum(set(named[1:]))
    if kind == "branch" and named:  # so is the target of BX
        reads |= named[0]
    if "]," in insn.op_str or "!" in insn.op_str:  # a base that moves is written
        bases = [registers(insn, [o.mem.base]) for o in insn.operands if o.type == capstone.arm.ARM_OP_MEM]
        writes |= (bases or named)[0]
    if kind == "branch":
        reads, writes = reads & ~(1 << PC), writes | 1 << PC
    return reads, writes


@pytest.mark.parametrize("name", CLASSES)
def test_registers_agree_with_capstone(name, disassembler):
    compared = 0
    for word in words(*CLASSES[name]):
        if not predictable(word):
            continue
        found = list(disassembler.disasm(word.to_bytes(4, "little"), 0))
        if not found:
            continue
        insn = decode(word)
        reads, writes = expected(found[0], insn.kind)
        text = f"{word:08x} {found[0].mnemonic} {found[0].op_str}"
        got = insn.reads | insn.late_reads | insn.accumulates
        assert f"{got:016b}" == f"{reads:016b}", f"reads of {text}"
        assert f"{insn.writes:016b}" == f"{writes:016b}", f"writes of {text}"
        compared += 1
    assert compared >= 10, f"only {compared} words of {name} were compared"

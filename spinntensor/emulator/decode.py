"""Decodes ARMv5TE words in ARM state to their registers and cycle costs; it does not interpret them.

Encodings: ARM Architecture Reference Manual, DDI 0100E, chapters A3 and A10.
Cycle costs, by the tag used below:

* 222B: ARM9EJ-S Technical Reference Manual, DDI 0222B, table 8.2.
* 165B: ARM9E-S Technical Reference Manual, DDI 0165B, page 8-22 (interlocks).
* 7EJ: ARM7EJ-S Technical Reference Manual, DDI 0214B, 9.9-9.10 (same multiplier; accumulator forwarding).
* general: common ARM9 behaviour which no manual we could read confirms; checked by nothing but consistency.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from spinntensor.emulator.insn import ALWAYS, LOAD, MULTIPLY, Insn

PC, LR = 15, 14
_PC_BIT = 1 << PC


@lru_cache(maxsize=1 << 16)
def decode(word: int) -> Insn:
    """The instruction ``word`` encodes in ARM state.

    Parameters
    ----------
    word : int
        Unsigned 32 bits.

    Returns
    -------
    Insn
        Of kind ``undefined`` where ARMv5TE without coprocessors defines none.
    """
    cond = word >> 28
    if cond == 15:
        return Insn(word, **_unconditional(word))
    fields = _CLASSES[word >> 25 & 7](word)
    return Insn(word, cond=cond, **fields)


def _bit(word: int, position: int) -> int:
    return word >> position & 1


def _reg(word: int, position: int) -> int:
    """The mask of the register named by the four bits at ``position``."""
    return 1 << (word >> position & 15)


def _unconditional(word: int) -> dict[str, Any]:
    if word >> 25 & 7 == 5:  # BLX to Thumb: 3 cycles (general)
        return {"kind": "branch", "writes": _PC_BIT | 1 << LR, "taken_extra": 2, "interworks": True}
    if word & 0xFD70F000 == 0xF550F000:
        return {"kind": "pld", "reads": _reg(word, 16) | (_reg(word, 0) if _bit(word, 25) else 0)}
    return {"kind": "undefined"}


def _register_space(word: int) -> dict[str, Any]:
    if word & 0x90 == 0x90:
        if word & 0x60:
            return _halfword_or_double(word)
        return _swap(word) if _bit(word, 24) else _multiply(word)
    if word & 0x01900000 == 0x01000000:
        return _halfword_multiply(word) if word & 0x90 == 0x80 else _miscellaneous(word)
    if _bit(word, 4):
        # Register-specified shift: 2 cycles (222B).
        return _alu(word, _reg(word, 0) | _reg(word, 8), kind="alu_shift_reg", issue=2)
    return _alu(word, _reg(word, 0))


def _immediate_space(word: int) -> dict[str, Any]:
    if word & 0x01900000 == 0x01000000:
        return _msr(word, 0) if _bit(word, 21) else {"kind": "undefined"}
    return _alu(word, 0)


def _alu(word: int, operands: int, kind: str = "alu", issue: int = 1) -> dict[str, Any]:
    """Data processing: 1 cycle (222B)."""
    opcode = word >> 21 & 15
    reads = operands if opcode in (13, 15) else operands | _reg(word, 16)
    writes = 0 if 8 <= opcode <= 11 else _reg(word, 12)
    # Writing the program counter: 3 cycles, and one more with a register-specified shift (222B).
    taken_extra = 2 if writes & _PC_BIT else 0
    return {"kind": kind, "issue": issue, "reads": reads, "writes": writes, "taken_extra": taken_extra}


def _multiply(word: int) -> dict[str, Any]:
    operation, flags = word >> 21 & 7, _bit(word, 20)
    fields: dict[str, Any] = {"reads": _reg(word, 0) | _reg(word, 8), "multiplies": True}
    if operation in (0, 1):
        # MUL, MLA: 2 cycles, result one later except as the addend of the next one (222B, 7EJ).
        # Setting flags: 4 cycles, result at once (222B).
        fields |= {"kind": ("mul", "mla")[operation], "issue": 4 if flags else 2, "writes": _reg(word, 16)}
        fields["accumulates"] = _reg(word, 12) if operation else 0
        late = _reg(word, 16)
    elif operation >= 4:
        # SMULL, UMULL, SMLAL, UMLAL: 3 cycles, the high word one later; 5 when they set flags (222B).
        both = _reg(word, 12) | _reg(word, 16)
        fields |= {"kind": "mlal" if operation & 1 else "mull", "issue": 5 if flags else 3, "writes": both}
        fields["accumulates"] = both if operation & 1 else 0
        late = _reg(word, 16)
    else:
        return {"kind": "undefined"}
    return fields if flags else fields | _late(late)


def _late(registers: int) -> dict[str, Any]:
    """One more cycle to a multiplier result, forwarded to the accumulator port (222B, 7EJ)."""
    return {"late_writes": registers, "latency": 1, "late_kind": MULTIPLY, "forwards": True}


def _halfword_multiply(word: int) -> dict[str, Any]:
    """SMULxy, SMLAxy, SMULWy, SMLAWy: 1 cycle, result one later; SMLALxy: 2, high word one later (222B)."""
    operation = word >> 21 & 3
    fields: dict[str, Any] = {"reads": _reg(word, 0) | _reg(word, 8), "multiplies": True}
    fields |= _late(_reg(word, 16))
    if operation == 2:
        both = _reg(word, 12) | _reg(word, 16)
        return fields | {"kind": "smlalxy", "issue": 2, "writes": both, "accumulates": both}
    fields["writes"] = _reg(word, 16)
    if operation == 3 or (operation == 1 and _bit(word, 5)):
        return fields | {"kind": "smulxy"}
    return fields | {"kind": "smlaxy", "accumulates": _reg(word, 12)}


def _miscellaneous(word: int) -> dict[str, Any]:
    which, operation = word >> 4 & 15, word >> 21 & 3
    if which == 0:
        if operation & 1:
            return _msr(word, _reg(word, 0))
        return {"kind": "mrs", "issue": 2, "writes": _reg(word, 12)}  # 2 cycles (222B)
    if which in (1, 3) and operation == 1:
        # BX, BLX: 3 cycles taken (general).
        link = 1 << LR if which == 3 else 0
        writes = _PC_BIT | link
        return {
            "kind": "branch",
            "reads": _reg(word, 0),
            "writes": writes,
            "taken_extra": 2,
            "interworks": True,
        }
    if which == 1 and operation == 3:
        return {"kind": "clz", "reads": _reg(word, 0), "writes": _reg(word, 12)}  # 1 cycle (222B)
    if which == 5:
        # QADD, QSUB, QDADD, QDSUB: 1 cycle, result one later (222B); nothing says it is forwarded.
        result = _reg(word, 12)
        late = {"late_writes": result, "latency": 1, "late_kind": MULTIPLY}
        return {"kind": "qadd", "reads": _reg(word, 0) | _reg(word, 16), "writes": result, **late}
    return {"kind": "trap" if which == 7 and operation == 1 else "undefined"}


def _msr(word: int, operand: int) -> dict[str, Any]:
    """1 cycle for the flags alone, 3 for the control fields (222B)."""
    return {"kind": "msr", "reads": operand, "issue": 3 if word >> 16 & 7 else 1}


def _swap(word: int) -> dict[str, Any]:
    """2 cycles (222B); the byte comes one cycle later, as in a byte load whose second cycle is the store."""
    if word & 0x01B00000 != 0x01000000:
        return {"kind": "undefined"}
    fields: dict[str, Any] = {"kind": "swp", "issue": 2, "reads": _reg(word, 16), "late_reads": _reg(word, 0)}
    fields["writes"] = _reg(word, 12)
    if _bit(word, 22):
        fields |= {"late_writes": _reg(word, 12), "latency": 1, "late_kind": LOAD}
    return fields


def _address(word: int, offset: int) -> dict[str, int]:
    """Base and offset registers read, base written back."""
    writeback = not _bit(word, 24) or _bit(word, 21)
    return {"reads": _reg(word, 16) | offset, "writes": _reg(word, 16) if writeback else 0}


def _literal(word: int) -> int:
    """A load relative to the program counter reads the ITCM, which fetches too: 1 more cycle (general)."""
    return 1 if word >> 16 & 15 == PC else 0


def _halfword_or_double(word: int) -> dict[str, Any]:
    fields = _address(word, 0 if _bit(word, 22) else _reg(word, 0))
    data, which = _reg(word, 12), word >> 5 & 3
    if _bit(word, 20):
        return {"kind": "load_narrow", **_loaded(fields, data, 2), "issue": 1 + _literal(word)}
    if which == 1:
        return {"kind": "store", **fields, "late_reads": data}
    pair = (data | data << 1) & 0xFFFF
    if which == 3:
        return {"kind": "strd", **fields, "late_reads": pair, "issue": 2}  # 2 cycles (222B)
    # LDRD: 2 cycles, the second word one later (222B).
    doubled = _loaded(fields, pair, 1)
    return {"kind": "ldrd", **doubled, "late_writes": data << 1 & 0xFFFF, "issue": 2 + _literal(word)}


def _loaded(fields: dict[str, int], data: int, latency: int) -> dict[str, Any]:
    """A load's result: one cycle late for words, two for bytes and halfwords (165B, 222B)."""
    late = {"late_writes": data, "latency": latency, "late_kind": LOAD}
    return {**fields, "writes": fields["writes"] | data, **late}


def _load_store(word: int) -> dict[str, Any]:
    """LDR, LDRB, STR, STRB: 1 cycle, 2 with a scaled register offset (222B)."""
    register = _bit(word, 25)
    if register and _bit(word, 4):
        return {"kind": "undefined"}
    fields = _address(word, _reg(word, 0) if register else 0)
    issue = 2 if register and word & 0xFE0 else 1
    data = _reg(word, 12)
    if not _bit(word, 20):
        return {"kind": "store", **fields, "late_reads": data, "issue": issue}
    issue += _literal(word)
    if _bit(word, 22):
        return {"kind": "load_narrow", **_loaded(fields, data, 2), "issue": issue}
    loaded = {"kind": "load", **_loaded(fields, data, 1), "issue": issue}
    if data & _PC_BIT:  # LDR to the program counter: 5 cycles, scaled 6 (222B)
        loaded |= {"taken_extra": 4, "interworks": True}
    return loaded


def _block_transfer(word: int) -> dict[str, Any]:
    """LDM, STM of n: n cycles, 2 for one register; last register loaded one later (222B; STM general)."""
    registers = word & 0xFFFF
    count = registers.bit_count()
    base = _reg(word, 16)
    issue = max(count, 2)
    writes = base if _bit(word, 21) else 0
    if not _bit(word, 20):
        return {"kind": "stm", "reads": base, "late_reads": registers, "writes": writes, "issue": issue}
    fields: dict[str, Any] = {"kind": "ldm", "reads": base, "writes": writes | registers}
    fields["issue"] = issue + _literal(word)
    if registers & _PC_BIT:  # n + 4 cycles (general)
        return fields | {"taken_extra": count + 4 - issue, "interworks": True}
    if count > 1:
        fields |= {"late_writes": 1 << (registers.bit_length() - 1), "latency": 1, "late_kind": LOAD}
    return fields


def _branch(word: int) -> dict[str, Any]:
    """B, BL: 3 cycles taken, 1 not taken (general)."""
    return {"kind": "branch", "writes": _PC_BIT | (1 << LR if _bit(word, 24) else 0), "taken_extra": 2}


def _coprocessor_transfer(word: int) -> dict[str, Any]:
    return {"kind": "undefined"}


def _coprocessor(word: int) -> dict[str, Any]:
    """SWI as a branch to its vector; MCR, MRC: 1 cycle (222B, bus wait left out)."""
    if _bit(word, 24):
        return {"kind": "trap", "taken_extra": 2}
    if not _bit(word, 4):
        return {"kind": "undefined"}
    data = _reg(word, 12)
    if not _bit(word, 20):
        return {"kind": "mcr", "late_reads": data}
    return {"kind": "mrc", "writes": data & ~_PC_BIT}  # register 15 means the flags


_CLASSES = (
    _register_space,
    _immediate_space,
    _load_store,
    _load_store,
    _block_transfer,
    _branch,
    _coprocessor_transfer,
    _coprocessor,
)

__all__ = ["ALWAYS", "LR", "PC", "decode"]

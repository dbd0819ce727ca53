"""What can go wrong on an emulated core, told with the place, the instruction and the registers."""

from __future__ import annotations

from collections.abc import Mapping

from spinntensor.errors import SpinnTensorError

MEND = {
    "read of unmapped memory": "check the pointer: a core reaches ITCM, DTCM, SDRAM and its attached devices",
    "write to unmapped memory": "check the pointer: a core reaches DTCM, SDRAM and its attached devices",
    "fetch from unmapped memory": "a function pointer or return address was lost: check what popped it",
    "store to code": "the ITCM is write-protected: its cycle tables would be stale; keep data in DTCM",
    "undefined instruction": "build for ARMv5TE (-mcpu=arm968e_s -marm): no VFP, no ARMv6",
    "trap": "SWI and BKPT have no handler on a bare core: remove them, or look for a compiled-in trap",
    "untimed code": "execute ARM code inside the loaded code only: no Thumb state, no jumps past its end",
    "instruction limit": "raise max_instructions, or look for a loop that does not end",
    "wait for interrupt": "a bare core has no interrupt sources: poll the device instead",
    "bus error": "the device's rules are in its module",
}


class BusError(SpinnTensorError):
    """A device refused an access; the core turns it into a fault with the place.

    Parameters
    ----------
    address : int
        Where the access went.
    reason : str
        What was received and what the device expected.
    """

    def __init__(self, address: int, reason: str) -> None:
        super().__init__(address, reason)
        self.address = address
        self.reason = reason

    def __str__(self) -> str:
        return f"bus error at 0x{self.address:08x}: {self.reason}"


class AddressError(SpinnTensorError, ValueError):
    """The host named memory that a core does not have.

    Parameters
    ----------
    address, nbytes : int
        What was asked for.
    expected : str
        The memory there is.
    """

    def __init__(self, address: int, nbytes: int, expected: str) -> None:
        super().__init__(address, nbytes, expected)
        self.address = address
        self.nbytes = nbytes
        self.expected = expected

    def __str__(self) -> str:
        last = self.address + max(self.nbytes, 1) - 1
        return (
            f"no memory at 0x{self.address:08x}-0x{last:08x} ({self.nbytes} bytes); there is {self.expected}"
        )


class CoreFault(SpinnTensorError):
    """The program on a core cannot go on.

    Parameters
    ----------
    kind : str
        What happened, in words.
    pc : int
        Address of the instruction.
    symbol : str
        ``name+offset`` of the nearest symbol before it; empty when there is none.
    instruction : str
        The instruction, disassembled.
    address : int or None
        The memory address it used, where it used one.
    registers : tuple of int
        r0 to r15, then CPSR.
    detail : str
        More, for this one.
    mend : str
        What to do about it; the usual remedy of ``kind`` when empty.
    """

    def __init__(
        self,
        kind: str,
        pc: int,
        symbol: str = "",
        instruction: str = "",
        address: int | None = None,
        registers: tuple[int, ...] = (),
        detail: str = "",
        mend: str = "",
    ) -> None:
        mend = mend or MEND.get(kind, "")
        super().__init__(kind, pc, symbol, instruction, address, registers, detail, mend)
        self.kind = kind
        self.pc = pc
        self.symbol = symbol
        self.instruction = instruction
        self.address = address
        self.registers = registers
        self.detail = detail
        self.mend = mend

    def __str__(self) -> str:
        place = f"pc 0x{self.pc:08x}" + (f" ({self.symbol})" if self.symbol else "")
        text = f"{self.kind} at {place}"
        text += f": {self.instruction}" if self.instruction else ""
        text += f", address 0x{self.address:08x}" if self.address is not None else ""
        text += f", {self.detail}" if self.detail else ""
        text += f"; {self.mend}" if self.mend else ""
        return text + (f"\n{register_table(self.registers)}" if self.registers else "")


class StrictError(CoreFault):
    """The program did what the emulator lets pass and silicon punishes, now or on another day."""


def register_table(registers: tuple[int, ...]) -> str:
    """Registers as four lines of text."""
    names = [f"r{n}" for n in range(13)] + ["sp", "lr", "pc", "cpsr"]
    cells = [f"{name:>4} {value:08x}" for name, value in zip(names, registers, strict=False)]
    return "\n".join("  ".join(cells[i : i + 6]) for i in range(0, len(cells), 6))


def nearest_symbol(symbols: Mapping[str, int], address: int) -> str:
    """``name+0xoffset`` of the last symbol at or before ``address``; empty when there is none."""
    before = [(at, name) for name, at in symbols.items() if at <= address]
    if not before:
        return ""
    at, name = max(before)
    return f"{name}+0x{address - at:x}" if address > at else name


def disassemble(word: int, address: int) -> str:
    """The instruction as text; its hexadecimal digits when capstone is not installed or does not know it."""
    try:
        from capstone import CS_ARCH_ARM, CS_MODE_ARM, Cs
    except ImportError:
        return f".word 0x{word:08x}"
    for insn in Cs(CS_ARCH_ARM, CS_MODE_ARM).disasm(word.to_bytes(4, "little"), address):
        return f"{insn.mnemonic} {insn.op_str}".strip()
    return f".word 0x{word:08x}"

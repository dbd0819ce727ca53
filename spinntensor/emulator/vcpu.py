"""What a core tells of itself in its ``vcpu`` block, decoded: state, error code, registers, user words."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from spinntensor.emulator.sv import VCPU_BYTES, VCPU_FIELDS

STATES = {
    0: "DEAD", 1: "PWRDN", 2: "RTE", 3: "WDOG", 4: "INIT", 5: "WAIT", 6: "SARK", 7: "RUN", 8: "SYNC0", 9: "SYNC1",
    10: "PAUSE", 11: "EXIT", 15: "IDLE",
}  # fmt: skip
ERRORS = (
    "none", "reset", "undefined instruction", "SVC", "prefetch abort", "data abort", "IRQ", "FIQ", "VIC", "abort",
    "malloc", "division by 0", "event", "software error", "iobuf", "enable", "null pointer", "packet", "timer",
    "API", "version",
)  # fmt: skip


@dataclass(frozen=True)
class Vcpu:
    """The block of one virtual core.

    Parameters
    ----------
    state : str
        Name of the state: "RUN", "SYNC0", "RTE", "EXIT" and so on.
    rt_code : int
        Why it is in RTE; ``error`` has the name.
    registers : tuple of int
        r0 to r7, as dumped when an error happened; then ``psr``, ``sp``, ``lr``.
    user : tuple of int
        The four user words.
    """

    core: int
    state: str
    app_id: int
    name: str
    rt_code: int
    phys_cpu: int
    registers: tuple[int, ...]
    psr: int
    sp: int
    lr: int
    sw_count: int
    sw_file: int
    sw_line: int
    time: int
    iobuf: int
    sw_ver: int
    user: tuple[int, ...]

    @property
    def error(self) -> str:
        """The error code as words."""
        return ERRORS[self.rt_code] if self.rt_code < len(ERRORS) else f"code {self.rt_code}"

    @property
    def user0(self) -> int:
        return self.user[0]

    @property
    def user1(self) -> int:
        return self.user[1]

    @property
    def user2(self) -> int:
        return self.user[2]

    @property
    def user3(self) -> int:
        return self.user[3]

    def __str__(self) -> str:
        why = f", {self.error}" if self.rt_code else ""
        return f"core {self.core} {self.name!r} (app {self.app_id}): {self.state}{why}"


def decode(core: int, block: bytes) -> Vcpu:
    """A ``vcpu`` block of 128 bytes."""
    if len(block) != VCPU_BYTES:
        raise ValueError(f"a vcpu block of {len(block)} bytes; expected {VCPU_BYTES}")

    def field(name: str) -> int:
        offset, kind = VCPU_FIELDS[name]
        return int(struct.unpack_from("<" + kind, block, offset)[0])

    state = block[0x2E]
    return Vcpu(
        core=core,
        state=STATES.get(state, f"state {state}"),
        app_id=field("app_id"),
        name=block[0x48:0x58].split(b"\0")[0].decode("latin-1"),
        rt_code=field("rt_code"),
        phys_cpu=field("phys_cpu"),
        registers=struct.unpack_from("<8I", block),
        psr=field("psr"),
        sp=field("sp"),
        lr=field("lr"),
        sw_count=field("sw_count"),
        sw_file=field("sw_file"),
        sw_line=field("sw_line"),
        time=field("time"),
        iobuf=field("iobuf"),
        sw_ver=field("sw_ver"),
        user=struct.unpack_from("<4I", block, 0x70),
    )

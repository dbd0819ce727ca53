"""The monitor's half of the mailboxes: messages and signals to application cores, messages from them.

As SC&MP does it (scamp-3.c, scamp-isr.c, sark_base.c of spinnaker_tools 4.0.0): shared buffers of 292 bytes, a
command byte that the receiver clears, an interrupt. A mailbox that is still full keeps later ones waiting here.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from spinntensor.emulator import sysctl
from spinntensor.emulator.chip import Chip
from spinntensor.emulator.sv import SV, SV_FIELDS, VCPU, VCPU_BYTES, VCPU_FIELDS, Fields

IDLE, MESSAGE, PING, SIGNAL = 0, 1, 2, 3
LOCK_MESSAGES, LOCK_MAILBOX = 1 << 0, 1 << 1
BUFFER_BYTES, BUFFERS = 292, 7
DATA_BYTES = 256
_HEADER = (
    "<IHHBBBBHHHHIII"  # next, length, checksum, flags, tag, two ports, two addresses, cmd, seq, three args
)
_HEADER_BYTES = struct.calcsize(_HEADER)
_SDP_AND_SCP = 24
_AGAIN = 200  # cycles until a lock that is held is tried again


@dataclass(frozen=True)
class Message:
    """An SDP message with its SCP part.

    Parameters
    ----------
    core : int
        Virtual core that sent it, or that it is for.
    port : int
        Destination port.
    cmd, seq, arg1, arg2, arg3 : int
        The SCP header; ``cmd`` is the return code in answers.
    data : bytes
    flags, tag, dest_cpu, source_port : int
        The SDP header.
    cycle : int
        When the monitor took it.
    """

    core: int
    port: int
    cmd: int
    seq: int = 0
    arg1: int = 0
    arg2: int = 0
    arg3: int = 0
    data: bytes = b""
    flags: int = 0x07
    tag: int = 0xFF
    dest_cpu: int = 0
    source_port: int = 0xFF
    cycle: int = 0


class Mailboxes:
    """All mailboxes of a chip.

    Parameters
    ----------
    chip : Chip
    physical : callable
        Physical number of a virtual core.
    """

    def __init__(self, chip: Chip, physical: Callable[[int], int]) -> None:
        self.received: list[Message] = []
        self._chip, self._physical = chip, physical
        self._waiting: dict[int, deque[Message | int]] = {}
        self._sv = Fields(chip.memory, SV, SV_FIELDS)

    def vcpu(self, core: int) -> Fields:
        """The block of a virtual core."""
        return Fields(self._chip.memory, VCPU + VCPU_BYTES * core, VCPU_FIELDS)

    # To cores.

    def send(self, core: int, what: Message | int) -> None:
        """Deliver a message, or a signal by its number, as soon as the mailbox is free."""
        if isinstance(what, Message) and len(what.data) > DATA_BYTES:
            raise ValueError(f"{len(what.data)} bytes of data; expected at most {DATA_BYTES}")
        self._waiting.setdefault(core, deque()).append(what)
        self.pump(self._chip.cycles)

    def drop(self, core: int) -> None:
        """Forget what waits for a core."""
        self._waiting.pop(core, None)

    def pump(self, cycle: int) -> None:
        """Deliver what waits and can be delivered."""
        for core, waiting in self._waiting.items():
            box = self.vcpu(core)
            if not waiting or box["mbox_ap_cmd"] != IDLE:
                continue
            what = waiting[0]
            if isinstance(what, Message):
                buffer = self._take()
                if buffer is None:
                    continue
                self._write(buffer, what)
                box["mbox_ap_msg"], box["mbox_ap_cmd"] = buffer, MESSAGE
            else:
                box["mbox_ap_msg"], box["mbox_ap_cmd"] = what, SIGNAL
            waiting.popleft()
            self.interrupt(core, cycle)

    def interrupt(self, core: int, cycle: int) -> None:
        """Raise the interrupt of a virtual core."""
        bit = sysctl.CODE | 1 << self._physical(core)
        self._chip.system_controller.write(sysctl.SET_IRQ, 4, bit, cycle, -1)

    def _take(self) -> int | None:
        """A shared buffer; None when there is none, or a core is just taking one."""
        if self._chip.system_controller.locks & LOCK_MESSAGES or not self._sv["shm_free"]:
            return None
        buffer: int = self._sv["shm_free"]
        self._sv["shm_free"] = struct.unpack("<I", self._chip.memory(buffer, 4).tobytes())[0]
        self._sv["shm_count"] += 1
        return buffer

    def free(self, buffer: int) -> None:
        """Give a shared buffer back."""
        self._chip.memory(buffer, 4)[:] = list(struct.pack("<I", self._sv["shm_free"]))
        self._sv["shm_free"] = buffer
        self._sv["shm_count"] = max(self._sv["shm_count"] - 1, 0)

    def _write(self, buffer: int, message: Message) -> None:
        length = _SDP_AND_SCP + len(message.data)
        ports = (message.port << 5 | message.core, message.source_port)
        scp = (message.cmd, message.seq, message.arg1, message.arg2, message.arg3)
        header = struct.pack(_HEADER, 0, length, 0, message.flags, message.tag, *ports, 0, 0, *scp)
        body = header + message.data
        self._chip.memory(buffer, len(body))[:] = list(body)

    # From cores.

    def drain(self, cycle: int) -> None:
        """The monitor's interrupt: take what cores have sent."""
        if not self._sv["mbox_flags"]:
            return
        if self._chip.system_controller.locks & (LOCK_MAILBOX | LOCK_MESSAGES):
            self._chip.post(-1, cycle + _AGAIN, self.drain)
            return
        flags = self._sv["mbox_flags"]
        for core in range(18):
            if flags >> core & 1:
                box = self.vcpu(core)
                if box["mbox_mp_cmd"] == MESSAGE:
                    self.received.append(self._read(core, box["mbox_mp_msg"], cycle))
                    self.free(box["mbox_mp_msg"])
                box["mbox_mp_cmd"] = IDLE
        self._sv["mbox_flags"] = 0

    def _read(self, core: int, buffer: int, cycle: int) -> Message:
        raw = self._chip.memory(buffer, BUFFER_BYTES).tobytes()
        _, length, _, flags, tag, dest, source, _, _, cmd, seq, a1, a2, a3 = struct.unpack_from(_HEADER, raw)
        data = raw[_HEADER_BYTES : _HEADER_BYTES + max(0, min(length - _SDP_AND_SCP, DATA_BYTES))]
        return Message(core, dest >> 5, cmd, seq, a1, a2, a3, data, flags, tag, dest & 31, source, cycle)

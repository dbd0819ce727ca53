"""The communications controller of a core: one packet being sent, one to be read, and what waits behind them.

Registers: SpiNNaker datasheet 2.02, 8.5 and 8.6. Sending takes ``send_cycles`` (``ChipFacts``); a packet written
meanwhile is lost and sets the sticky overrun bit. The router hands packets over by ``offer``; see ``router`` for
when a core that has not read its last packet still counts as able to take one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from spinntensor.emulator.faults import BusError
from spinntensor.emulator.packets import FR, LOCAL, MC, NN, P2P, PAYLOAD, Lost, Packet
from spinntensor.emulator.vic import (
    CC_ANY,
    CC_EMPTY,
    CC_FR,
    CC_FULL,
    CC_MC,
    CC_NN,
    CC_NOT_FULL,
    CC_OVERFLOW,
    CC_P2P,
    Vic,
)

BASES = (0x1000_0000, 0x2000_0000)

TCR, TDR, TKR, RSR, RDR, RKR, SAR, TSTR = range(0x00, 0x20, 4)

TX_EMPTY, TX_FULL, TX_OVERRUN, TX_NOT_FULL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
RECEIVED, ERROR_FREE = 1 << 31, 1 << 28

_SOURCE = {MC: CC_MC, P2P: CC_P2P, NN: CC_NN, FR: CC_FR}
_TRANSMIT = 1 << CC_EMPTY | 1 << CC_NOT_FULL
_RESET_SAR = 0x0700_0000


class Comms:
    """The controller of one core; a Device of its bus.

    Parameters
    ----------
    core : int
        Physical number.
    vic : Vic
        Where its interrupts go.
    send_cycles : int
        Time to send one packet.
    sent : callable
        Given each packet and the cycle at which it has left.
    lost : callable
        Given each packet that a careless program overwrote.
    take_cycles : int
        How long a core is thought to need for a packet that is handed over late.
    """

    def __init__(
        self,
        core: int,
        vic: Vic,
        send_cycles: int,
        sent: Callable[[Packet, int], None],
        lost: Callable[[Lost], None],
        take_cycles: int = 0,
    ) -> None:
        self.sent_count = self.received_count = 0
        self._held = False
        self._allowance = 0  # packets that may still be written while held
        self.visible_since = 0  # when the packet that can be read came into the register
        self.ready = 0  # from when on it can take the next packet
        self.inbox: deque[tuple[int, Packet, bool]] = deque()  # handed over, not visible: cycle, packet, late
        self._core, self._vic, self._send_cycles, self._take_cycles = core, vic, send_cycles, take_cycles
        self._sent, self._lost = sent, lost
        self._visible: Packet | None = None
        self._late = False
        self._last = Packet(0, 0)
        self._control = self._sticky = 0
        self._payload: int | None = None
        self._busy_until = 0
        self._empty = False  # as the lines tell; they are brought up to date by the first advance
        self._source_address = _RESET_SAR
        self._test = 0

    def reset(self, cycle: int) -> None:
        """A soft reset: nothing is received or being sent."""
        self.inbox.clear()
        self._visible, self._payload = None, None
        self._control = self._sticky = self._test = self._busy_until = 0
        self._source_address = _RESET_SAR
        self._vic.line(CC_OVERFLOW, False, cycle)
        self._receive_lines(cycle)
        self._transmit_lines(cycle)

    # Receiving.

    @property
    def occupied(self) -> bool:
        """Whether a packet waits to be read."""
        return self._visible is not None

    def offer(self, packet: Packet, cycle: int, now: int) -> None:
        """Take a packet that the router hands over for this cycle, while the core's clock stands at ``now``."""
        late = cycle < now
        if late:
            self.ready = max(cycle, self.ready) + self._take_cycles
        self.inbox.append((max(cycle, now), packet, late))

    def show(self, cycle: int) -> None:
        """Bring the next packet into the empty register, if it has arrived."""
        if self._visible is None and self.inbox and self.inbox[0][0] <= cycle:
            _, self._visible, self._late = self.inbox.popleft()
            self._last, self.visible_since = self._visible, cycle
            self._receive_lines(cycle)

    def chance_until(self, cycle: int, wait: int) -> int:
        """Until when a packet that has waited since ``cycle`` may still be taken, if patience lasts ``wait``."""
        if self._visible is not None:
            return max(cycle, self.visible_since) + wait
        return max(cycle, self.inbox[0][0] if self.inbox else 0) + wait

    def congested(self, cycle: int, wait: int) -> bool:
        """Whether packets that could have been read have waited for so long."""
        if self._visible is not None and cycle - self.visible_since >= wait:
            return True
        return bool(self.inbox) and cycle - self.inbox[0][0] >= wait

    def next_arrival(self) -> int | None:
        """When the next packet comes into the empty register."""
        return self.inbox[0][0] if self.inbox and self._visible is None else None

    def _receive_lines(self, cycle: int) -> None:
        packet = self._visible
        self._vic.line(CC_ANY, packet is not None, cycle)
        kind = -1 if packet is None else packet.kind
        for which, source in _SOURCE.items():
            self._vic.line(source, which == kind, cycle)

    # Sending.

    @property
    def held(self) -> bool:
        """Whether the router has not taken the last packet yet, so that the transmit buffer stays full.

        It becomes known between stretches. A program that saw the buffer empty just before may write one more
        packet, which waits like the last one.
        """
        return self._held

    def hold(self, held: bool, cycle: int) -> None:
        """The router has no room for the last packet, or has again."""
        self._held, self._allowance = held, int(held)
        self._transmit_lines(cycle)

    def sendable(self, cycle: int) -> bool:
        """Whether the transmit buffer is empty."""
        return not self._held and cycle >= self._busy_until

    def next_empty(self) -> int | None:
        """When the transmit buffer becomes empty, if an enabled interrupt waits for it."""
        if self._empty or self._held:
            return None
        return self._busy_until if self._vic.enable & _TRANSMIT else None

    def advance(self, cycle: int) -> None:
        """Bring the lines up to this cycle."""
        if self.inbox:
            self.show(cycle)
        if not self._empty:
            self._transmit_lines(cycle)

    def _transmit_lines(self, cycle: int) -> None:
        empty = self.sendable(cycle)
        if empty == self._empty:
            return
        self._empty = empty
        self._vic.line(CC_EMPTY, empty, cycle)
        self._vic.line(CC_NOT_FULL, empty, cycle)
        self._vic.line(CC_FULL, not empty, cycle)

    def _send(self, key: int, cycle: int) -> None:
        control = self._control & (0xFF ^ PAYLOAD)
        if self._payload is not None:
            control |= PAYLOAD
        if control >> 6 == P2P:
            key = key & 0xFFFF | (self._source_address & 0xFFFF) << 16
        route = self._source_address >> 24 & 7
        packet = Packet(control, key, self._payload, self._core, route if route < LOCAL else LOCAL)
        self._payload = None
        self._control &= ~PAYLOAD
        if self._held and self._allowance and cycle >= self._busy_until:
            self._allowance = 0
        elif not self.sendable(cycle):
            self._sticky |= TX_OVERRUN
            self._vic.line(CC_OVERFLOW, True, cycle)
            self._lost(Lost("overrun", packet, (), (), cycle))
            return
        self.sent_count += 1
        self._sticky |= TX_FULL
        self._busy_until = cycle + self._send_cycles
        self._transmit_lines(cycle)
        self._sent(packet, self._busy_until)

    # Registers.

    def read(self, offset: int, size: int, cycle: int) -> int:
        self._word(offset, size)
        if offset == RSR:
            return self._status()
        if offset == RDR:
            return self._last.payload or 0
        if offset == RKR:
            return self._take(cycle)
        if offset == TCR:
            self._transmit_lines(cycle)
            empty = self.sendable(cycle)
            return self._control << 16 | self._sticky | (TX_EMPTY | TX_NOT_FULL if empty else TX_FULL)
        if offset == SAR:
            return self._source_address
        if offset == TSTR:
            return self._test
        raise BusError(offset, "the register cannot be read; read TCR, RSR, RDR, RKR or SAR")

    def _status(self) -> int:
        status = 0
        packet = self._visible
        if packet is not None:
            status = RECEIVED | ERROR_FREE | packet.link << 24 | packet.control << 16 | 1 << packet.kind
        return status

    def _take(self, cycle: int) -> int:
        """Reading RKR consumes the packet."""
        packet = self._last
        if self._visible is not None:
            self._visible = None
            self.received_count += 1
            if not self._late:
                self.ready = cycle
            self.show(cycle)
            if self._visible is None:
                self._receive_lines(cycle)
        return packet.key

    def write(self, offset: int, size: int, value: int, cycle: int) -> None:
        self._word(offset, size)
        value &= 0xFFFF_FFFF
        if offset == TKR:
            self._send(value, cycle)
        elif offset == TDR:
            self._payload = value
        elif offset == TCR:
            self._control = value >> 16 & 0xFF
            self._sticky &= value
            self._vic.line(CC_OVERFLOW, bool(self._sticky & TX_OVERRUN), cycle)
            if self._control & PAYLOAD and self._payload is None:
                self._payload = 0
        elif offset == SAR:
            self._source_address = value
        elif offset == TSTR:
            self._test = value & 1
        elif offset != RSR:  # its sticky error bits are never set here
            raise BusError(offset, "the register cannot be written; write TCR, TDR, TKR or SAR")

    def _word(self, offset: int, size: int) -> None:
        if size != 4 or offset & 3 or offset > TSTR:
            raise BusError(offset, f"{size} bytes; the communications controller has words below 0x20")

"""What travels through the router: packets, where they come from, and what became of those that were lost."""

from __future__ import annotations

from dataclasses import dataclass

MC, P2P, NN, FR = range(4)
KINDS = ("MC", "P2P", "NN", "FR")
PAYLOAD = 0x02

LOCAL = 7  # route field of packets that did not come over a link


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet.

    Parameters
    ----------
    control : int
        The control byte (datasheet 8.2): type in 7:6, payload present in bit 1.
    key : int
        Routing key, address or opcode.
    payload : int or None
        The extra word.
    source : int
        Physical core that sent it; negative when it came over a link.
    link : int
        Link it came over, or LOCAL.
    """

    control: int
    key: int
    payload: int | None = None
    source: int = -1
    link: int = LOCAL

    @property
    def kind(self) -> int:
        """MC, P2P, NN or FR."""
        return self.control >> 6 & 3


@dataclass(frozen=True)
class Lost:
    """A packet that did not arrive where it should.

    Parameters
    ----------
    why : str
        "blocked" (an output stayed blocked for the whole wait), "no route" (a local packet that no entry matches),
        "no link" (a link that leads nowhere), "overrun" (its core wrote it while the last one was being sent),
        "no core" (nothing runs there).
    packet : Packet
    cores, links : tuple of int
        Physical cores and links that did not get it.
    cycle : int
        When it was dropped.
    """

    why: str
    packet: Packet
    cores: tuple[int, ...]
    links: tuple[int, ...]
    cycle: int

    def __str__(self) -> str:
        origin = f"core {self.packet.source}" if self.packet.source >= 0 else f"link {self.packet.link}"
        parts = [f"core {n}" for n in self.cores] + [f"link {n}" for n in self.links]
        missed = f", not taken by {', '.join(parts)}" if parts else ""
        kind = KINDS[self.packet.kind]
        return f"{kind} packet 0x{self.packet.key:08x} from {origin} lost at cycle {self.cycle}: {self.why}{missed}"

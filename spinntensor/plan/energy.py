"""Energy of an image, in few named terms, by the power figures of the machine."""

from __future__ import annotations

from dataclasses import dataclass, fields

from spinntensor.machine.geometry import Machine


@dataclass(frozen=True)
class Energy:
    """Joules for each image.

    Parameters
    ----------
    idle : of the chips or boards while all cores sleep, their SDRAM included, over the initiation interval.
    cores : what busy cores add, `core_active_w` for each cycle of kernels, tile engine and doorbells. Cores that wait
        sleep. The figure was measured with another kind of program: dense arithmetic may take more.
    packets : of doorbells in the routers, `router_pj_per_bit`.

    What DMA transfers add to the SDRAM's idle power has no published figure and is not in it.
    """

    idle: float
    cores: float
    packets: float

    @property
    def total(self) -> float:
        return sum(getattr(self, term.name) for term in fields(self))


def energy(machine: Machine, interval: float, busy: float, packets: int, images: int) -> Energy:
    """Energy of an image in the steady state.

    Parameters
    ----------
    interval : cycles from one batch to the next.
    busy : cycles of kernels, tile engine and doorbells in a period, summed over the workers.
    packets : doorbells in a period, a packet to several targets on the chip once: it passes one router.
    images : of a batch.
    """
    facts = machine.facts
    return Energy(
        machine.idle_w * interval / facts.clock_hz / images,
        facts.core_active_w * busy / facts.clock_hz / images,
        packets * facts.packet_hop_j / images,
    )

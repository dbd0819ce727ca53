"""Runs that went wrong on a machine: a core that died, and a run in which nothing goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spinntensor.errors import SpinnTensorError


@dataclass(frozen=True)
class Waiting:
    """A core that sleeps: which share it is in, of which layer, and what it still waits for, in words."""

    core: int
    share: int
    layer: str
    waits: tuple[str, ...]


class CoreDiedError(SpinnTensorError, RuntimeError):
    """A core stopped by itself; the others were stopped as well.

    Parameters
    ----------
    core : virtual core.
    kind : what happened, such as "data abort".
    layer, tile : what it was computing, in words.
    where : symbol and offset of the instruction.
    registers : r0 to r15 and CPSR, by name.
    log : what the core wrote.
    detail : what else is known.
    """

    def __init__(
        self,
        core: int,
        kind: str,
        layer: str,
        tile: str,
        where: str,
        registers: Mapping[str, int],
        log: str,
        detail: str = "",
    ) -> None:
        super().__init__(core, kind, layer, tile, where, dict(registers), log, detail)
        self.core = core
        self.kind = kind
        self.layer = layer
        self.tile = tile
        self.where = where
        self.registers = dict(registers)
        self.log = log
        self.detail = detail

    def __str__(self) -> str:
        held = " ".join(f"{name}={value:08x}" for name, value in self.registers.items())
        text = f"; it wrote:\n{self.log.rstrip()}" if self.log else ""
        return (
            f"core {self.core} died of {self.kind} at {self.where} while it computed {self.layer}, {self.tile}"
            f"{f' ({self.detail})' if self.detail else ''}; the other cores were stopped and the memory was released; "
            f"registers {held}{text}"
        )


class StalledError(SpinnTensorError, RuntimeError):
    """A run in which nothing goes on although it is not done.

    Parameters
    ----------
    done, expected : batches.
    waiting : every core with what it waits for.
    dropped : packets that the router dropped, in words.
    """

    def __init__(
        self, done: int, expected: int, waiting: Sequence[Waiting], dropped: Sequence[str] = ()
    ) -> None:
        super().__init__(done, expected, tuple(waiting), tuple(dropped))
        self.done = done
        self.expected = expected
        self.waiting = tuple(waiting)
        self.dropped = tuple(dropped)

    def __str__(self) -> str:
        lines = [
            f"core {w.core}, share {w.share} of {w.layer}: waits for {', '.join(w.waits) or 'nothing it names'}"
            for w in self.waiting
        ]
        lost = f"; packets lost: {'; '.join(self.dropped)}" if self.dropped else ""
        return (
            f"the run stands still: {self.done} of {self.expected} batches are done and no core goes on{lost}; "
            "who waits for whom:\n  " + "\n  ".join(lines)
        )


class LostPacketsError(SpinnTensorError, RuntimeError):
    """A run that came to its end although packets were dropped: its results are not to be used.

    Parameters
    ----------
    dropped : the packets, in words.
    """

    def __init__(self, dropped: Sequence[str]) -> None:
        super().__init__(tuple(dropped))
        self.dropped = tuple(dropped)

    def __str__(self) -> str:
        return (
            f"the router dropped {len(self.dropped)} packets: {'; '.join(self.dropped[:8])}; "
            "expected none: results are not to be used; raise the router's wait or use fewer workers"
        )

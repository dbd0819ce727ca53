"""Counts: what kernels say of the numbers that they clamped or lost, and where in SDRAM they say it.

A tile of a stage that counts stores the record of each of its blocks in a place of its own, which holds zeros before
the first run; nothing is added up on a core. The host sums the records after a run: they are those of the last batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spinntensor.graph.graph import Graph
from spinntensor.image.constants import Constants
from spinntensor.image.emit.action import Where
from spinntensor.image.places import Places, Turn
from spinntensor.lower.stage import Stage
from spinntensor.plan.layout import DOUBLE

ARITHMETIC = frozenset(
    f"f32_{name}"
    for name in ("add", "sub", "mul", "div", "sqrt", "exp", "log", "softmax", "log_softmax", "reduce_sum")
    + ("add_rows", "sub_rows", "mul_rows", "axpy", "scal", "ger")
)
"""Kernels of float32 that count overflows and results that are not valid."""
_OPERATIONS = frozenset(
    {"add", "subtract", "multiply", "divide", "sqrt", "exp", "log", "sum", "prod", "scatter_add"}
    | {"sum_pool", "softmax", "log_softmax", "matmul", "conv2d", "conv2d_input", "conv2d_weight"}
)


def answering(graph: Graph, stage: Stage) -> int | None:
    """The node that answers for what a stage's arithmetic on float32 counts: its last one that may overflow."""
    nodes = [i for i in stage.nodes if graph[i].op in _OPERATIONS]
    return nodes[-1] if nodes else None


@dataclass(frozen=True)
class Counted:
    """Records of one tile.

    Parameters
    ----------
    address : of the first record in SDRAM, in its first place.
    apart : bytes from place to place.
    records, stride : how many there are, and bytes from one to the next.
    node : whose numbers are counted.
    offset, names : byte of a record where its words begin, and what each of them counts.
    of : how many there should be; reported is what lacks. None where the words themselves are reported.
    """

    address: int
    apart: int
    records: int
    stride: int
    node: int
    offset: int
    names: tuple[str, ...]
    of: int | None = None


class Counts:
    """The places of all records.

    Parameters
    ----------
    constants : where there is room.
    places : knows how addresses move from batch to batch.
    phases : of the stages.
    copies : places of each record: as many batches may be under way before the host has read them.

    `uncounted` has the nodes whose kernels clamp without counting, `padded` those whose kernels count padding as well:
    of these, too, is said that they are not counted, where there is anything but 0.
    """

    def __init__(self, constants: Constants, places: Places, phases: Sequence[int], copies: int) -> None:
        self._constants, self._places, self._phases = constants, places, phases
        self.copies = copies
        self._known: dict[object, Where] = {}
        self.table: list[Counted] = []
        self.uncounted: set[int] = set()
        self.padded: set[int] = set()

    def place(
        self,
        key: tuple[int, object],
        records: int,
        stride: int,
        counters: Mapping[int, tuple[int, tuple[str, ...]]],
        of: int | None = None,
    ) -> Where:
        """Where the records of a tile lie, one behind the other.

        key : number of the stage, and what tells its tiles apart; the same key has the same place.
        counters : by the byte of a record where their words begin: the node, and what the words count.
        of : see `Counted`.
        """
        if key not in self._known:
            nbytes = 1 << (max(records * stride, DOUBLE) - 1).bit_length()
            turn = Turn(nbytes, self.copies, -self._phases[key[0]] % self.copies)
            at = self._constants.zeros(self.copies * nbytes).address
            self._known[key] = Where(at, self._places.turn(turn) if self.copies > 1 else 0)
            for offset, (node, names) in counters.items():
                self.table.append(Counted(at, nbytes, records, stride, node, offset, names, of))
        return self._known[key]

    def summed(self, read: Callable[[int, int], bytes], batch: int = 0) -> dict[int, dict[str, int]]:
        """What was counted in each node, by its id; what is 0 is left out.

        read : bytes of the SDRAM from an address on.
        batch : whose numbers were counted, from the first of all runs.
        """
        found: dict[int, Counter[str]] = {node: Counter(uncounted=1) for node in self.uncounted}
        for entry in self.table:
            if entry.node in self.uncounted:
                continue
            address = entry.address + batch % self.copies * entry.apart
            content = np.frombuffer(read(address, entry.records * entry.stride), np.uint32)
            words = content.reshape(entry.records, -1)[:, entry.offset // 4 :].sum(0, dtype=np.int64)
            for name, number in zip(entry.names, words[: len(entry.names)].tolist(), strict=True):
                reported = number if entry.of is None else entry.of - number
                found.setdefault(entry.node, Counter())[name] += reported
        kept = {node: {name: n for name, n in names.items() if n} for node, names in found.items()}
        unsure = {node: {"uncounted": 1} for node in self.padded if kept.get(node)}
        return {node: names for node, names in (kept | unsure).items() if names}

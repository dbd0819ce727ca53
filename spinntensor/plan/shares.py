"""Shares of a period and their waits: needs, buffers that are written again, and the host, turned into waits.

The order in which a worker does its shares is made in `schedule`; waits that others imply are dropped in `waits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product

from spinntensor.errors import OperandError
from spinntensor.lower.stage import Lowered
from spinntensor.plan.cut import Cut
from spinntensor.plan.needs import HOST, HOST_IN, HOST_OUT, Key, Need, Place, images_of, last_step
from spinntensor.plan.sdram import Reuse
from spinntensor.plan.share import JOIN, TILES, Share, Wait
from spinntensor.plan.work import Work

WorkOf = Callable[[int, str, int], Work]
"""What a worker does in a step of a stage: stage, step, worker."""


def shares(
    lowered: Lowered,
    cuts: Sequence[Cut],
    work: WorkOf,
    needs: Sequence[Need],
    copies: Mapping[Place, int],
    reuses: Iterable[Reuse] = (),
    phases: Sequence[int] = (),
    host: tuple[float, float] = (0.0, 0.0),
) -> tuple[Share, ...]:
    """The shares of a period with all their waits, by stage, step and worker; the host's two transfers come last.

    Parameters
    ----------
    copies : places that each value has in SDRAM: the maker of a batch waits until all have read what the batch so many
        before left there. 1 for those not named.
    reuses : pairs of values that lie on the same bytes at different times.
    phases : of each stage, 0 for all by default: a stage of phase p works on the batch that began p periods ago.
    host : cycles in which the host writes the inputs of a batch, and reads its outputs; see `resident`.

    OperandError when a stage would have to work on a batch before what it reads is made.
    """
    phases = tuple(phases) or (0,) * len(lowered.stages)
    keys = _keys(lowered, cuts)
    numbers = {key: i for i, key in enumerate(keys)}
    numbers[HOST_IN], numbers[HOST_OUT] = len(keys), len(keys) + 1
    found: dict[Key, dict[tuple[Key, int], None]] = {key: {} for key in numbers}

    def wait(waiter: Key, other: Key, batches: int) -> None:
        found[waiter][other, batches] = None

    for need in needs:
        wait(need.reader, need.maker, need.batches)
        if need.batches == 0:  # what a maker writes again must have been read
            wait(need.maker, need.reader, copies.get(need.place, 1))
        else:  # a variable: in place, its readers of this batch come before
            wait(need.maker, need.reader, copies.get(need.place, 1) - 1)
    makers = _makers(lowered, cuts)
    users = _last_users(needs, makers)
    shared = _Images(cuts)
    for reuse in reuses:
        for maker, user in product(makers.get(reuse.behind, ()), users.get(reuse.ahead, ())):
            if not reuse.images or shared.meet(maker, user):
                wait(maker, user, reuse.batches)

    phase = {key: phases[key[0]] for key in keys}
    phase[HOST_IN], phase[HOST_OUT] = 0, max(phases, default=0) + 1
    made = []
    for key, number in numbers.items():
        waits: dict[tuple[int, int], None] = {}
        for other, batches in found[key]:
            periods = phase[key] - phase[other] + batches
            if periods < 0 or (periods == 0 and phase[key] != phase[other]):
                raise OperandError(
                    "shares",
                    "phases",
                    f"stage {key[0]} in phase {phase[key]}, stage {other[0]} in phase {phase[other]}, "
                    f"which it waits for, {batches} batches ago",
                    "no stage in a phase before what it reads",
                    "plan graphs with variables in one phase, or give the value more copies",
                )
            if (
                other != key or periods
            ):  # its own last results count, too: it may load while it still computes
                waits[numbers[other], periods] = None
        done = tuple(Wait(*one) for one in sorted(waits))
        made.append(_share(number, key, cuts, work, host, done))
    return tuple(made)


def resident(made: Sequence[Share]) -> tuple[Share, ...]:
    """The shares without the host's: inputs lie in SDRAM when they are needed, and outputs may be written."""
    kept = {share.number for share in made if share.worker != HOST}
    return tuple(
        Share(**{**vars(share), "waits": tuple(w for w in share.waits if w.share in kept)})
        for share in made
        if share.worker != HOST
    )


def _keys(lowered: Lowered, cuts: Sequence[Cut]) -> list[Key]:
    """The workers' shares, by stage, step and worker."""
    keys: list[Key] = []
    for stage in lowered.stages:
        cut = cuts[stage.number]
        keys += [(stage.number, TILES, worker) for worker in sorted(set(cut.owners))]
        if cut.partial:
            keys += [(stage.number, JOIN, worker) for worker in sorted(set(cut.joiners))]
    return keys


def _share(
    number: int,
    key: Key,
    cuts: Sequence[Cut],
    work: WorkOf,
    host: tuple[float, float],
    waits: tuple[Wait, ...],
) -> Share:
    stage, step, worker = key
    if worker == HOST:
        return Share(number, stage, step, worker, 0, 0.0, host[key == HOST_OUT], 0.0, 0.0, 0, 0, waits)
    cut = cuts[stage]
    tiles = (cut.owners if step == TILES else cut.joiners).count(worker)
    return Share(number, stage, step, worker, tiles, **vars(work(*key)), waits=waits)


def _makers(lowered: Lowered, cuts: Sequence[Cut]) -> dict[Place, list[Key]]:
    """For each value, the shares that write it to SDRAM, whether or not anyone reads all of it."""
    found: dict[Place, list[Key]] = {}
    for key in _keys(lowered, cuts):
        stage, step, _ = key
        if step == last_step(cuts[stage]):
            for number in lowered.stages[stage].results:
                found.setdefault(("value", number), []).append(key)
        else:
            found.setdefault(("partial", stage), []).append(key)
    return found


def _last_users(needs: Iterable[Need], makers: Mapping[Place, Iterable[Key]]) -> dict[Place, list[Key]]:
    """For each value, the last share of each worker that reads or writes it; those before it are done by then."""
    found: dict[Place, dict[int, Key]] = {
        place: {key[2]: key for key in keys} for place, keys in makers.items()
    }
    for need in needs:
        last = found.setdefault(need.place, {})
        last[need.reader[2]] = max(last.get(need.reader[2], need.reader), need.reader, key=_place)
    return {place: list(last.values()) for place, last in found.items()}


def _place(key: Key) -> tuple[int, bool]:
    """Keys of a worker, in the order in which it does them."""
    return key[0], key[1] == JOIN


class _Images:
    """The images of a batch of which each share computes a part, looked up once for each step."""

    def __init__(self, cuts: Sequence[Cut]) -> None:
        self._cuts = cuts
        self._found: dict[tuple[int, str], dict[int, frozenset[int]]] = {}

    def meet(self, one: Key, other: Key) -> bool:
        """Whether two shares work on the same image."""
        return bool(self._of(one) & self._of(other))

    def _of(self, key: Key) -> frozenset[int]:
        step = key[:2]
        if step not in self._found:
            self._found[step] = images_of(self._cuts[key[0]], key[1])
        return self._found[step][key[2]]

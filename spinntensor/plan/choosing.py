"""Choosing: for each stage the candidate that is taken, so that all kernels fit the ITCM and constants the SDRAM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from spinntensor.errors import ITCMError, UnsupportedError
from spinntensor.lower.stage import Lowered, Stage
from spinntensor.machine.facts import Facts
from spinntensor.plan import code
from spinntensor.plan.code import Option
from spinntensor.plan.partition import Choice, Context, Draft, drafts, laid_out
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.missing import MISSING, reason
from spinntensor.plan.share import JOIN, TILES
from spinntensor.plan.ways.setting import Setting
from spinntensor.plan.ways.table import ways
from spinntensor.plan.work import Work

CONSTANTS = "w"
"""Name of the operand that holds a stage's constants, in recipes."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """All stages with their choices."""

    lowered: Lowered
    setting: Setting
    context: Context
    choices: tuple[Choice, ...]
    runners: tuple[Choice | None, ...]
    roles: Mapping[int, str]

    def works(self, facts: Facts) -> dict[tuple[int, str], tuple[Work, ...]]:
        """What each worker does in each step of each stage, under these figures."""
        return {
            (number, step): choice.works(facts, step)
            for number, choice in enumerate(self.choices)
            for step in (TILES, JOIN)
        }

    @property
    def packed(self) -> dict[int, int]:
        """Bytes of the constants that stages want packed, by their numbers."""
        pairs = zip(self.lowered.stages, self.choices, strict=True)
        return {s.number: nbytes for s, c in pairs if (nbytes := packed_bytes(s, c))}

    @property
    def kernels(self) -> frozenset[str]:
        """All kernels that any tile calls."""
        return frozenset(kernel for recipe, _ in self.procedures for kernel in recipe.code)

    @property
    def procedures(self) -> frozenset[tuple[Recipe, frozenset[str]]]:
        """Tiles that differ in more than their addresses: recipe, and operands that are loaded.

        The commands of such a tile lie in SDRAM once; a task of a worker names them, with addresses of its own.
        """
        rows = [row for c in self.choices for row in (*c.tiles, *c.joins)]
        return frozenset((run.recipe, run.fresh) for row in rows for run in row)

    def tasks(self, worker: int) -> int:
        """Tasks of a worker in a period: one for each tile, and for each box whose partial sums it joins."""
        rows = [rows[worker] for c in self.choices for rows in (c.tiles, c.joins)]
        return sum(run.count for row in rows for run in row)


def candidates(setting: Setting, context: Context) -> list[tuple[Draft, ...]]:
    """The candidates of each stage; UnsupportedError for stages without any."""
    found: list[tuple[Draft, ...]] = []
    missing: dict[tuple[str, str], None] = {}
    known: dict[object, tuple[Draft, ...]] = {}
    for stage in setting.lowered.stages:
        mine = ways(setting, stage)
        key = mine, stage.axes, stage.sums
        some = known[key] = known[key] if key in known else drafts(stage, mine, context)
        if not some:
            for i in stage.nodes:
                node = setting.lowered.graph[i]
                form = setting.form(node.inputs[0] if node.inputs else node.id)
                words = "no tile of it fits the DTCM" if mine else ""
                words = reason(node.op, form) or "" if (node.op, form) in MISSING else words
                missing[f"{node.op} {node.type}{words and f' ({words})'}", node.source] = None
        found.append(some)
    if missing:
        raise UnsupportedError(missing)
    return found


def picked(facts: Facts, offers: Sequence[tuple[Draft, ...]]) -> list[Draft]:
    """A candidate for each stage, all their kernels together within the ITCM."""
    options = {
        number: [Option(draft.kernels, draft.score) for draft in some] for number, some in enumerate(offers)
    }
    limit = code.room(facts)
    taken = code.chosen(options, limit)
    found = [some[taken[number]] for number, some in enumerate(offers)]
    names = sorted({kernel for draft in found for kernel in draft.kernels})
    if code.code_bytes(names) > limit:
        raise ITCMError(code.code_bytes(names), limit, {kernel: code.size_of(kernel) for kernel in names})
    return found


def leaner(
    lowered: Lowered, offers: Sequence[tuple[Draft, ...]], taken: Sequence[Draft], excess: int
) -> list[Draft] | None:
    """Other candidates, by the same kernels, whose constants are smaller; those first that cost least for a byte."""
    allowed = {kernel for draft in taken for kernel in draft.kernels}
    swaps = []
    for number, some in enumerate(offers):
        stage, now = lowered.stages[number], taken[number]
        for draft in some:
            saved = packed_bytes(stage, now) - packed_bytes(stage, draft)
            if saved > 0 and draft.kernels <= allowed:
                swaps.append((max(0.0, draft.score - now.score) / saved, number, -saved, draft))
    made, saved, done = list(taken), 0, set()
    for _, number, less, draft in sorted(swaps, key=lambda s: s[:3]):
        if saved >= excess:
            break
        if number not in done:
            made[number], saved = draft, saved - less
            done.add(number)
    return made if done else None


def packed_bytes(stage: Stage, draft: Draft | Choice) -> int:
    """Bytes of the stage's constants in SDRAM, packed as this candidate wants them."""
    axes = dict(draft.way.operands).get(CONSTANTS, frozenset[int]())
    parts = prod(-(-stage.axes[a].size // draft.sizes[a]) for a in axes if a < len(stage.axes))
    plain = sum(t.nbytes for t in draft.recipe.loads if t.operand == CONSTANTS)
    return parts * max(draft.recipe.packed, plain) if draft.recipe.packed else 0


def cut_up(
    setting: Setting,
    context: Context,
    offers: Sequence[tuple[Draft, ...]],
    taken: Sequence[Draft],
    roles: Mapping[int, str],
) -> Chosen:
    """Each stage laid out tile by tile; what is left over goes to the workers that have least so far. UnsupportedError
    for a stage that no cut suits."""
    allowed = frozenset(kernel for draft in taken for kernel in draft.kernels)
    loads = [0.0] * context.workers
    choices: list[Choice] = []
    runners: list[Choice | None] = []
    for stage, some, draft in zip(setting.lowered.stages, offers, taken, strict=True):
        most = packed_bytes(stage, draft)
        usable = [d for d in some if d.kernels <= allowed and packed_bytes(stage, d) <= most]
        found = laid_out(stage, usable, context, loads) or laid_out(stage, some, context, loads, allowed)
        if not found:
            node = setting.lowered.graph[stage.nodes[-1]]
            words = "its operands lie so that no kernel takes what cuts leave over"
            raise UnsupportedError({(f"{node.op} {node.type} ({words})", node.source): None})
        choices.append(found[0])
        runners.append(next((c for c in found[1:] if c.recipe != found[0].recipe), None))
        for worker, busy in enumerate(found[0].busy(context.facts)):
            loads[worker] += busy
    return Chosen(setting.lowered, setting, context, tuple(choices), tuple(runners), roles)

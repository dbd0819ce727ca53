"""The rows of commands of a plan: what each worker does in each of its shares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spinntensor.abi.memory import CLAMPED_BYTES
from spinntensor.abi.struct import WORD
from spinntensor.graph.graph import Graph
from spinntensor.image.constants import Constants
from spinntensor.image.counts import ARITHMETIC, Counts, answering
from spinntensor.image.emit import table
from spinntensor.image.emit.action import TileCode, Where
from spinntensor.image.emit.site import Site
from spinntensor.image.places import Places
from spinntensor.lower.stage import Lowered
from spinntensor.machine.geometry import Machine
from spinntensor.plan.keep import lowered_with
from spinntensor.plan.layout import DOUBLE
from spinntensor.plan.plan import Plan
from spinntensor.plan.share import JOIN, Share
from spinntensor.plan.ways.setting import Setting


@dataclass(frozen=True, eq=False)
class Sites:
    """A plan's stages as emitters see them.

    Parameters
    ----------
    plan, lowered : what is emitted.
    setting : how values lie.
    sites : of each stage.
    places, constants : where values lie, and what lies in SDRAM from the start.
    counts : where tiles say what they clamped or lost.
    """

    plan: Plan
    lowered: Lowered
    setting: Setting
    sites: tuple[Site, ...]
    places: Places
    constants: Constants
    counts: Counts

    def clamped(self, share: Share) -> Where | None:
        """Where a share says what its kernels clamped, or what overflowed; None where nobody asks."""
        site = self.sites[share.stage]
        words = clamped_words(site, share.step == JOIN)
        if not words:
            return None
        return self.counts.place((share.stage, ("clamped", share.number)), 1, CLAMPED_BYTES, words)

    def tiles(self, share: Share) -> Iterator[TileCode]:
        """The tiles of a share, in its worker's order."""
        site = self.sites[share.stage]
        if share.step == JOIN:
            for box, worker in site.cut.joins():
                if worker == share.worker:
                    yield table.join(site, box)
            return
        for task, worker in site.cut:
            if worker == share.worker:
                yield table.tile(site, task)


def clamped_words(site: Site, join: bool) -> dict[int, tuple[int, tuple[str, ...]]]:
    """What the two words mean in which kernels of a stage count, as `Counts.place` takes it.

    Bytes: results that were clamped, and sums of branches. float32: overflows and results that are not valid, of all
    the stage's arithmetic together.
    """
    words: dict[int, tuple[int, tuple[str, ...]]] = {}
    recipes = (site.joins if join else site.recipes).values()
    overflowing = answering(site.lowered.graph, site.stage)
    if overflowing is not None and any(c.kernel in ARITHMETIC for recipe in recipes for c in recipe.calls):
        words[0] = overflowing, ("overflowed", "invalid")
        return words
    for offset, names in ((0, ("requantize", "avg_pool_q")), (WORD, ("add_q",))):
        node = site.node(*names)
        if node is not None and node.id not in site.counts.uncounted:
            words[offset] = node.id, ("saturated",)
    return words


def sites_of(plan: Plan, graph: Graph, machine: Machine) -> Sites:
    """The stages of a plan of `graph` on `machine`; constants are put behind everything else in SDRAM."""
    lowered = lowered_with(graph, plan.recomputed)
    setting = Setting(lowered, machine.facts, machine.workers)
    homes = {b.node for b in plan.buffers if b.node >= 0} | set(lowered.maker)
    places = Places(lowered, plan.buffers, {i: setting.layout(i) for i in homes})
    constants = Constants(plan.totals.sdram_bytes + -plan.totals.sdram_bytes % DOUBLE, _free(plan))
    phases = [layer.phase for layer in plan.layers]
    counts = Counts(constants, places, phases, 1 if graph.updates else 2)
    made = tuple(
        Site(
            setting,
            stage,
            layer.cut,
            places,
            constants,
            dict(layer.recipes),
            dict(layer.joins),
            counts,
            layer.phase,
        )
        for stage, layer in zip(lowered.stages, plan.layers, strict=True)
    )
    return Sites(plan, lowered, setting, made, places, constants, counts)


def _free(plan: Plan) -> Iterator[tuple[int, int]]:
    """What a plan keeps free for packed constants, programs and code: they are put there one by one."""
    for buffer in plan.buffers:
        if buffer.node < 0 and buffer.role in ("weights", "program", "code"):
            yield buffer.address, buffer.address + buffer.nbytes

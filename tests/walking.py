"""Walks the rows of a plan on one emulated core, one share after the other.

The kernels are the compiled ARM code, and transfers happen as early, as late, or at times as random as the commands
allow: what the commands fail to wait for shows.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from spinntensor import abi
from spinntensor.abi import memory
from spinntensor.emulator.core import Core
from spinntensor.graph.graph import CONSTANT, INPUT, VARIABLE
from spinntensor.image.contents import from_bytes, to_bytes
from spinntensor.image.emit.action import converted
from spinntensor.image.link import link
from spinntensor.image.overlap import Move, overlapped
from spinntensor.image.rows import sites_of
from spinntensor.lower.site import dtype_of
from spinntensor.plan.recipes.parts import OPERANDS_AT
from spinntensor.plan.share import JOIN

ARGUMENTS_AT = memory.OPERANDS_BASE
EARLY, LATE, RANDOM = "early", "late", "random"


class Chip:
    """One core and an SDRAM that only this class moves."""

    def __init__(self, nbytes, kernels):
        self.core = Core(sdram_bytes=8)
        self.sdram = np.zeros(nbytes, np.uint8)
        self.linked = link(sorted(kernels))
        self.core.load(self.linked.code, self.linked.symbols)
        self.calls = 0
        self.counts = {}  # what was counted, by node, once all is done

    def move(self, move, offsets):
        tcm = self.core.memories.find(move.tcm, move.nbytes)
        at = move.system.address + offsets[move.system.turn]
        if move.to_system:
            self.sdram[at : at + move.nbytes] = tcm
        else:
            tcm[:] = self.sdram[at : at + move.nbytes]

    def call(self, call):
        names, words = abi.KERNELS[call.kernel].names, dict(call.words)
        for patch in call.patches:
            there = np.frombuffer(self.core.memories.find(patch.address, 4 * patch.count).tobytes(), "<u4")
            words[names[patch.field]] = converted(patch.conversion, *there.tolist()) + patch.add & 0xFFFFFFFF
        record = abi.KERNELS[call.kernel].pack(words)
        self.core.write(ARGUMENTS_AT, record)
        self.core.call(self.linked.entries[call.kernel], ARGUMENTS_AT)
        self.calls += 1


def run_row(chip, row, offsets, when, rng):
    """The commands of a row; `when` says when transfers happen."""
    queue = deque()
    for command in row.commands:
        if isinstance(command, Move):
            queue.append(command)
            if when == EARLY:
                chip.move(queue.popleft(), offsets)
            continue
        left = len(queue) if command.left is None else command.left
        if when == RANDOM:
            left = int(rng.integers(0, min(left, len(queue)) + 1))
        while len(queue) > left:
            chip.move(queue.popleft(), offsets)
        chip.call(command)
    while queue:
        chip.move(queue.popleft(), offsets)


def order_of(plan):
    """Shares so that those of a batch come stage by stage, also where a worker does them in different periods."""
    return sorted(plan.shares, key=lambda share: (share.stage, share.step == JOIN, share.number))


def walk(plan, graph, where, values, when=LATE, seed=0, batch=0):
    """One batch of a plan: (outputs, updates by variable, the chip).

    values : of inputs and variables by id, as the host executor takes them.
    """
    sites = sites_of(plan, graph, where)
    rng = np.random.default_rng(seed)
    rows = [(share, overlapped(tuple(sites.tiles(share)), OPERANDS_AT)) for share in order_of(plan)]
    clamped = {share.number: sites.clamped(share) for share, _ in rows}
    kernels = {c.kernel for _, row in rows for c in row.commands if not isinstance(c, Move)}
    chip = Chip(sites.constants.end, kernels)

    def offsets(phase):
        period = batch + phase
        return [t.stride * ((period + t.first) % t.copies) for t in sites.places.turns]

    chip.sdram[:] = rng.integers(0, 256, len(chip.sdram), np.uint8)  # what nobody wrote is anything
    for at, content in sites.constants.pieces:
        chip.sdram[at : at + len(content)] = np.frombuffer(content, np.uint8)

    def place(home, new=False):
        return sites.places.of_batch(home, batch + new)

    setting = sites.sites[0].setting
    held = {b.node for b in plan.buffers if b.node >= 0}
    for node in sites.lowered.graph.nodes:
        if node.id in held and node.op in (INPUT, VARIABLE, CONSTANT):
            value = sites.lowered.graph.constants[node.id] if node.op == CONSTANT else values[node.id]
            content = to_bytes(value, setting.layout(node.id))
            chip.sdram[place(node.id) : place(node.id) + len(content)] = content
    for share, row in rows:
        turned, place_of_counts = offsets(plan.layers[share.stage].phase), clamped[share.number]
        chip.core.write(memory.CLAMPED, bytes(memory.CLAMPED_BYTES))
        run_row(chip, row, turned, when, rng)
        if place_of_counts is not None:
            at = place_of_counts.address + turned[place_of_counts.turn]
            words = chip.core.read(memory.CLAMPED, memory.CLAMPED_BYTES)
            chip.sdram[at : at + len(words)] = np.frombuffer(words, np.uint8)
    chip.counts = sites.counts.summed(lambda at, n: bytes(chip.sdram[at : at + n]), batch)

    def read(number, new=False):
        home = sites.lowered.home(number)
        layout, kind = setting.layout(home), sites.lowered.graph[number].type
        at = place(home, new)
        if home in held and sites.places.by_image(home):
            raise AssertionError("outputs lie in one piece")
        data = from_bytes(chip.sdram[at : at + layout.nbytes], layout, dtype_of(kind.format))
        return data.reshape(kind.shape)

    graph_ = sites.lowered.graph
    return [read(i) for i in graph_.outputs], {v: read(i, True) for v, i in graph_.updates}, chip

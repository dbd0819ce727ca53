"""Runs a tile on one emulated core: its kernels back to back, operands put in place by the host.

What it counts is computing alone, as in the microbenchmarks; the tile engine adds the transfers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spinntensor import abi
from spinntensor.abi import memory
from spinntensor.emulator.core import Core
from spinntensor.emulator.counters import Counters
from spinntensor.errors import DTCMError
from spinntensor.image.link import link
from spinntensor.image.store import Blob, blob
from spinntensor.kernels.tile import Fetch, Step, Store, Tile, resolve

ARGS_BYTES = 64


@dataclass(frozen=True)
class TileRun:
    """What the tile stored (label -> array), the counters of all calls, and model cycles by kernel."""

    stored: dict[str, np.ndarray]
    counters: Counters
    by_kernel: dict[str, int]


def run_tile(core: Core, tile: Tile, pick: Callable[[str], Blob] = blob) -> TileRun:
    """Execute `tile`, with the kernels' code that `pick` chooses.

    DTCMError when its regions do not fit; CoreFault and StrictError from the core.
    """
    addresses = tile.addresses(memory.OPERANDS_BASE + ARGS_BYTES)
    needed = ARGS_BYTES + sum(-(-n // 8) * 8 for n in tile.regions.values())
    if needed > memory.OPERANDS_BYTES:
        raise DTCMError(tile.name, needed, memory.OPERANDS_BYTES, tile.regions)
    linked = link(tile.kernels, pick)
    core.load(linked.code, linked.symbols)
    core.forget()
    core.write(memory.CLAMPED, bytes(memory.CLAMPED_BYTES))
    core.set_stack(memory.STACK_LIMIT, memory.DTCM_END)
    for name, nbytes in tile.regions.items():
        core.allow_store(addresses[name], nbytes)
    stored: dict[str, np.ndarray] = {}
    total, by_kernel = Counters(), dict.fromkeys(tile.kernels, 0)
    for action in tile.actions:
        if isinstance(action, Fetch):
            core.write(addresses[action.to.region] + action.to.offset, action.data.tobytes())
        elif isinstance(action, Store):
            at = addresses[action.source.region] + action.source.offset
            stored[action.label] = np.frombuffer(core.read(at, action.nbytes), action.dtype).reshape(
                action.shape
            )
        else:
            assert isinstance(action, Step)
            record = abi.KERNELS[action.kernel].pack(resolve(action.words, addresses))
            core.write(memory.OPERANDS_BASE, record)
            spent = core.call(linked.entries[action.kernel], memory.OPERANDS_BASE, sp=memory.DTCM_END)
            total += spent
            by_kernel[action.kernel] += spent.cycles
    return TileRun(stored, total, by_kernel)

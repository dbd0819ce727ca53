"""Runs one kernel on one emulated core: lays its operands out in the DTCM, enters the ARM code, reads the result.

The unit of tests and microbenchmarks. Longer programs go through the tile engine, which calls the same code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spinntensor.abi import memory
from spinntensor.emulator.core import Core
from spinntensor.emulator.counters import Counters
from spinntensor.errors import DTCMError, OperandError
from spinntensor.image.store import Blob, blob
from spinntensor.kernels.kernel import Buffer, Call, Kernel, Operands, Shape, equal_bits

ALIGN = 8
"""Every operand starts on a double word, as LDRD and the DMA controller's widest bursts want it."""


@dataclass(frozen=True)
class Run:
    """One finished call: its result in logical layout, what the core counted, and what the kernel did.

    clamped : the words in which it counts, as `Kernel.clamped` has them.
    """

    result: np.ndarray
    counters: Counters
    clamped: tuple[int, int]


def _up(nbytes: int) -> int:
    return -(-nbytes // ALIGN) * ALIGN


def layout(kernel: Kernel, call: Call, base: int = memory.OPERANDS_BASE) -> dict[str, int]:
    """DTCM address of the argument record (under the name `args`) and of every buffer, from `base` on.

    Raises DTCMError when they do not fit between the kernels' state block and the stack, and OperandError when the
    call does not give just the fields of the record.
    """
    fields, words = set(call.buffers) | set(call.words), kernel.args.names
    if fields != set(words) or set(call.buffers) & set(call.words):
        raise OperandError(
            kernel.name, "call", sorted(fields), sorted(words), "give each field of the record once"
        )
    addresses, at = {"args": base}, base + _up(kernel.args.size)
    for name, buffer in call.buffers.items():
        addresses[name] = at
        at += _up(buffer.nbytes)
    if at > memory.STACK_LIMIT:
        sizes = {name: b.nbytes for name, b in call.buffers.items()}
        raise DTCMError(kernel.name, at - base, memory.STACK_LIMIT - base, sizes)
    return addresses


def place(core: Core, kernel: Kernel, call: Call, addresses: Mapping[str, int]) -> None:
    """Write the argument record and the operands; on a strict core, allow stores to the call's outputs alone."""
    if any(addresses[name] % 4 for name in ("args", *call.buffers)):
        raise OperandError(
            kernel.name, "addresses", dict(addresses), "multiples of 4", "align every operand to a word"
        )
    core.forget()
    core.write(memory.CLAMPED, bytes(memory.CLAMPED_BYTES))
    core.set_stack(memory.STACK_LIMIT, memory.DTCM_END)
    pointers = {name: addresses[name] for name in call.buffers}
    core.write(addresses["args"], kernel.args.pack({**call.words, **pointers}))
    for name, buffer in call.buffers.items():
        if buffer.data is not None:
            core.write(addresses[name], buffer.data.tobytes())
        if buffer.role != "in":
            core.allow_store(addresses[name], buffer.nbytes)


def read(core: Core, buffer: Buffer, address: int) -> np.ndarray:
    """An array out of the core's memory."""
    return np.frombuffer(core.read(address, buffer.nbytes), buffer.dtype).reshape(buffer.shape)


def run_blob(kernel: Kernel, operands: Operands, code: Blob, core: Core) -> Run:
    """As `run`, with code of the caller's choice: another compiler's build of the reference, say."""
    call = kernel.lower(operands)
    addresses = layout(kernel, call)
    core.load(code.code, dict(code.symbols))
    place(core, kernel, call, addresses)
    counters = core.call(code.entry, addresses["args"], sp=memory.DTCM_END)
    outputs = {n: read(core, b, addresses[n]) for n, b in call.buffers.items() if b.role in ("out", "inout")}
    results, sums = np.frombuffer(core.read(memory.CLAMPED, memory.CLAMPED_BYTES), np.uint32).tolist()
    return Run(kernel.result(operands, outputs), counters, (results, sums))


def run(
    kernel: Kernel, operands: Operands, variant: str = "used", core: Core | None = None, strict: bool = False
) -> Run:
    """Lower `operands`, execute the kernel's ARM code on one core and bring the result back.

    Parameters
    ----------
    variant : `hand`, `reference`, or `used` (hand-written where there is one).
    core : a core to reuse; else a new one, with strict memory checks if `strict`.

    Errors
    ------
    OperandError, RangeError, DTCMError before anything runs; CoreFault and StrictError from the core.
    """
    return run_blob(kernel, operands, blob(kernel.name, variant), core or Core(strict=strict))


def check(kernel: Kernel, shape: Shape, rng: np.random.Generator, variant: str = "used") -> bool:
    """Whether the ARM code and the host twin agree to the last bit on operands drawn for `shape`."""
    operands = kernel.sample(rng, shape, False)
    return equal_bits(run(kernel, operands, variant, strict=True).result, kernel.twin(operands))

"""Measures the emulated core: what counting cycles costs, what two threads give, what a core weighs.

Run ``python bench/emulator.py``. The loop is the inside of an int16 matrix product: words of two panels,
sixteen multiply-accumulates, one branch. "Bare" is Unicorn with the same memories and quantum and no hooks.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from spinntensor.emulator import engine
from spinntensor.emulator.core import HALT, Core
from spinntensor.emulator.memory import Memories, new_sdram

# r0 counts rounds. Encoded by hand, so that no assembler is needed; bits 5 and 6 choose the halves of smlaxy.
_POINTER = 0xE3A01501  # mov r1, #0x00400000
_LOADS = [
    0xE5910000 | rd << 12 | offset for rd, offset in ((2, 0), (3, 4), (4, 8), (5, 12))
]  # ldr rd, [r1, #offset]
_MACS = [
    0xE1000080 | accumulator << 16 | accumulator << 12 | b << 8 | halves << 5 | a
    for a in (2, 3)
    for b in (4, 5)
    for halves, accumulator in enumerate((6, 7, 8, 9))
]
_COUNT, _RETURN = 0xE2500001, 0xE12FFF1E  # subs r0, r0, #1; bx lr
_ROUND = [*_LOADS, *_MACS, _COUNT]
_BRANCH = 0x1A000000 | -(len(_ROUND) + 2) & 0xFFFFFF  # bne to the first load
ROUND = len(_ROUND) + 1
CODE = np.array([_POINTER, *_ROUND, _BRANCH, _RETURN], "<u4").tobytes()


def best(work: Callable[[], int], repeats: int = 5) -> float:
    """The best rate of several runs, in millions of instructions per second."""
    rates = []
    for _ in range(repeats):
        start = time.perf_counter()
        done = work()
        rates.append(done / (time.perf_counter() - start) / 1e6)
    return max(rates)


def counted(rounds: int, quantum: int) -> Callable[[], int]:
    """A core that counts."""
    core = Core(sdram_bytes=0)
    core.load(CODE)

    def work() -> int:
        before = core.counters
        core.start(0, rounds)
        while not core.run(quantum):
            pass
        return (core.counters - before).instructions

    work()
    return work


def bare(rounds: int, quantum: int) -> Callable[[], int]:
    """The same code and quantum in Unicorn alone."""
    memories = Memories(new_sdram(0))
    uc, library = engine.open_engine(memories.itcm.ctypes.data, memories.dtcm.ctypes.data), engine.library()
    from unicorn import arm_const

    memories.itcm[: len(CODE)] = np.frombuffer(CODE, np.uint8)

    def work() -> int:
        uc.reg_write(arm_const.UC_ARM_REG_R0, rounds)
        uc.reg_write(arm_const.UC_ARM_REG_LR, HALT)
        pc = 0
        while pc != HALT:
            library.uc_emu_start(uc._uch, pc, HALT, 0, quantum)
            pc = uc.reg_read(arm_const.UC_ARM_REG_PC)
        return rounds * ROUND + 2

    work.memories = memories  # type: ignore[attr-defined]  # mapped by address: they must live as long
    work()
    return work


def together(pool: ThreadPoolExecutor, workers: list[Callable[[], int]]) -> int:
    """Instructions of all workers, each in a thread of its own."""
    return sum(pool.map(lambda work: work(), workers))


def main() -> None:
    """Print one line per figure."""
    rounds = 400_000
    for quantum in (1_000, 10_000, 100_000, 10_000_000):
        plain, counting = bare(rounds, quantum), counted(rounds, quantum)
        # Alternating, so that a busy machine slows both.
        pairs = [(best(plain, 1), best(counting, 1)) for _ in range(5)]
        without, rate = (max(rates) for rates in zip(*pairs, strict=True))
        rates = f"bare {without:.0f}, counting {rate:.0f} MIPS, ratio {rate / without:.2f}"
        print(f"quantum {quantum:>10,}: {rates}")

    # The bare engine beside it shows what the machine itself can give to a second thread just now.
    for name, make in (("counting", counted), ("bare", bare)):
        for quantum in (10_000, 100_000, 10_000_000):
            workers = [make(4 * rounds, quantum) for _ in range(2)]
            with ThreadPoolExecutor(2) as pool:
                pairs = [(best(workers[0], 1), best(partial(together, pool, workers), 1)) for _ in range(4)]
            one, two = (max(rates) for rates in zip(*pairs, strict=True))
            rates = f"one thread {one:.0f}, two {two:.0f} MIPS, ratio {two / one:.2f}"
            print(f"quantum {quantum:>10,}: {name}, {rates}")

    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    sdram, cores = new_sdram(0), []
    for _ in range(200):
        cores.append(Core(sdram=sdram))
        cores[-1].load(CODE)
        cores[-1].call(0, 3)
    elapsed = time.perf_counter() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"200 cores: {grown / 200:.2f} MB and {1000 * elapsed / 200:.1f} ms each, first call included")
    start = time.perf_counter()
    for _ in range(2000):
        cores[0].call(0, 3)
    print(f"a call of 70 instructions: {(time.perf_counter() - start) / 2000 * 1e6:.0f} us")


if __name__ == "__main__":
    main()

"""Splits the rows of a host computation over threads; the work must release the GIL, as numba's nogil code does."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import Any

from spinntensor.errors import OperandError

VARIABLE = "SPINNTENSOR_THREADS"
SMALL = 100_000
"""Elements up to which one thread is faster than handing work over."""


def threads() -> int:
    """The value of SPINNTENSOR_THREADS, or the number of CPUs that this process may use."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if not text.isdecimal() or int(text) == 0:
        raise OperandError("parallel", VARIABLE, repr(text), "a whole number from 1 on", f"unset {VARIABLE}")
    return int(text)


@lru_cache(maxsize=4)
def _pool(count: int, process: int) -> ThreadPoolExecutor:
    """Threads of this process: those of a parent do not live on after a fork."""
    return ThreadPoolExecutor(count, "spinntensor")


def split(work: Callable[..., Any], rows: int, elements: int, *arguments: Any) -> list[Any]:
    """`work(first, last, *arguments)` on ranges that make up 0..rows; what each returned, in order.

    One range unless `elements`, the size of the whole work, is large; else one for every thread. Ranges of rows
    must not write the same places. Work must not split again.
    """
    count = min(threads(), rows) if elements > SMALL else 1
    if count <= 1:
        return [work(0, rows, *arguments)]
    ends = [rows * i // count for i in range(count + 1)]
    pool = _pool(count - 1, os.getpid())
    others = [pool.submit(work, a, b, *arguments) for a, b in pairwise(ends[1:])]
    first = work(0, ends[1], *arguments)
    return [first, *(other.result() for other in others)]

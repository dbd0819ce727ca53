"""Makes items in a thread while earlier ones are used; bounded, ordered, passes errors on, ends with its reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import TypeVar

T = TypeVar("T")


def prefetched(make: Callable[[int], T], count: int, ahead: int) -> Iterator[T]:
    """make(0), ..., make(count - 1), made in a thread, at most `ahead` before they are asked for.

    At any time at most ahead + 1 items exist: the one that the reader has, those that wait, and the one being made.
    ahead 0 makes each when it is asked for, without a thread. An exception of `make` is raised where its item would
    have come. Closing the iterator, also by leaving a loop over it, ends the thread after the item it is making.
    """
    if ahead == 0:
        for i in range(count):
            yield make(i)
        return
    ready: SimpleQueue[list[T] | BaseException] = SimpleQueue()
    room, stop = Semaphore(ahead + 1), Event()
    thread = Thread(target=_fill, args=(make, count, ready, room, stop), name="prefetch", daemon=True)
    thread.start()
    try:
        for i in range(count):
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            if i:
                room.release()  # the reader lets go of the item before as soon as it gets this one
            yield item.pop()  # popped, so that nobody here holds what the reader has
    finally:
        stop.set()
        room.release()
        thread.join()


def _fill(
    make: Callable[[int], T],
    count: int,
    ready: SimpleQueue[list[T] | BaseException],
    room: Semaphore,
    stop: Event,
) -> None:
    """The thread: make the next item as soon as there is room for it."""
    for i in range(count):
        room.acquire()
        if stop.is_set():
            return
        try:
            ready.put([make(i)])
        except BaseException as error:  # raised again by the reader
            ready.put(error)
            return

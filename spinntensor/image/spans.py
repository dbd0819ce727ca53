"""Numbers of spans of addresses: what was said last of each byte, kept by span."""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class Spans:
    """A number for every address from 0 on, 0 at first; asking and saying take the time of the spans they meet."""

    def __init__(self) -> None:
        self._starts = [0]
        self._numbers = [0]

    def put(self, start: int, stop: int, number: int) -> None:
        """Addresses `start` to `stop` have this number."""
        starts, numbers = self._starts, self._numbers
        first = bisect_left(starts, start)
        last = bisect_left(starts, stop, first)
        if last == first + 1 < len(starts) and starts[first] == start and starts[last] == stop:
            numbers[first] = number
        elif last < len(starts) and starts[last] == stop:
            starts[first:last] = (start,)
            numbers[first:last] = (number,)
        else:  # the end of the last span that is met stays as it was
            numbers[first:last] = number, numbers[last - 1]
            starts[first:last] = start, stop

    def most(self, start: int, stop: int) -> int:
        """The largest number of some addresses."""
        first = bisect_right(self._starts, start) - 1
        last = bisect_left(self._starts, stop, first + 1)
        return self._numbers[first] if last - first == 1 else max(self._numbers[first:last])

    def only(self, start: int, stop: int) -> int:
        """The number that all of some addresses have, 0 where they have several."""
        first = bisect_right(self._starts, start) - 1
        some = self._numbers[first : bisect_left(self._starts, stop, first + 1)]
        return some[0] if some.count(some[0]) == len(some) else 0

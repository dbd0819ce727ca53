"""Groups of nodes on their way to stages: who depends on whom, so that no fusion makes a cycle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Group:
    """Nodes that become one stage. `open` groups take more element-wise nodes."""

    kind: str
    members: list[int] = field(default_factory=list)
    open: bool = False


class Groups:
    """Groups by number; what each depends on is a set of bits, kept closed as edges are added."""

    def __init__(self) -> None:
        self.found: dict[int, Group] = {}
        self.of: dict[int, int] = {}
        self._above: dict[int, int] = {}

    def add(self, group: Group, operands: Iterable[int]) -> int:
        """A new group that depends on groups `operands`."""
        number = len(self._above)
        self.found[number] = group
        self._above[number] = 0
        for member in group.members:
            self.of[member] = number
        self.follow(number, operands)
        return number

    def depends(self, number: int, other: int) -> bool:
        """Whether a group needs, directly or not, what another one makes."""
        return bool(self._above[number] >> other & 1)

    def follow(self, number: int, operands: Iterable[int]) -> None:
        """More dependencies, which must not be a cycle."""
        more = 0
        for other in operands:
            if other != number:
                more |= self._above[other] | 1 << other
        self._above[number] |= more
        for below, above in self._above.items():
            if above >> number & 1:
                self._above[below] = above | more

    def can_merge(self, one: int, other: int) -> bool:
        """Whether no third group lies between two: then they can be one."""
        first, second = self._above[one], self._above[other]
        for number, above in self._above.items():
            if number not in (one, other) and number in self.found:
                if above >> one & 1 and second >> number & 1:
                    return False
                if above >> other & 1 and first >> number & 1:
                    return False
        return True

    def merge(self, one: int, other: int) -> None:
        """All of the second group into the first."""
        gone = self.found.pop(other)
        self.found[one].members += gone.members
        for member in gone.members:
            self.of[member] = one
        both = (self._above[one] | self._above[other]) & ~(1 << one | 1 << other)
        self._above[one] = both
        self._above[other] = 0
        for below, above in self._above.items():
            if above >> one & 1 or above >> other & 1:
                self._above[below] = (above | both | 1 << one) & ~(1 << other)

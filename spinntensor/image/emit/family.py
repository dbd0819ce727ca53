"""A family of emitters: which recipes it writes, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from spinntensor.image.emit.action import Action
from spinntensor.image.emit.site import Site
from spinntensor.lower.box import Box
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe

Emit = Callable[[Site, Task, Recipe], Iterable[Action]]
"""The actions of one tile."""
Join = Callable[[Site, Box, Recipe], Iterable[Action]]
"""The actions that join the partial sums of one box."""


@dataclass(frozen=True)
class Family:
    """Emitters of one kind of recipe.

    Parameters
    ----------
    matches : whether a recipe of a stage is of this family.
    tile, join : the actions of a tile, and of joining a box; None where there is nothing to join.
    """

    matches: Callable[[Site, Recipe], bool]
    tile: Emit | None = None
    join: Join | None = None

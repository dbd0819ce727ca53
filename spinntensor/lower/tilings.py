"""The rules of all operations of a lowered graph, by name."""

from __future__ import annotations

from collections.abc import Mapping

from spinntensor.lower import rules_map, rules_move, rules_pool, rules_product, rules_reduce, rules_rows
from spinntensor.lower.site import Tiling

TILINGS: Mapping[str, Tiling] = {
    name: tiling
    for family in (rules_map, rules_move, rules_pool, rules_product, rules_reduce, rules_rows)
    for name, tiling in family.TILINGS.items()
}

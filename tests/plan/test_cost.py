"""Costs: rows of tiles take what a walk through every event gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinntensor.machine.facts import facts
from spinntensor.plan.cost import Run, rates, row, tile_cost
from spinntensor.plan.engine import engine_cycles
from spinntensor.plan.recipe import STREAM, Call, Recipe, Region, Transfer

GEMM = "gemm_s16_3x3_outer_u32"


def recipe(m, loaded, weights, stored, streamed=0):
    shape = (("accumulate", 0), ("k", 32), ("m", m), ("n", 3))
    loads = (Transfer("x", loaded), Transfer("w", weights, 2))
    loads += (Transfer(STREAM, streamed, 5),) if streamed else ()
    return Recipe("gemm", (Region("c", 8),), (Call(GEMM, shape, 2),), loads, (Transfer("y", stored),))


def walk(runs, rules, workers):
    """The same row, one event after the other."""
    tiles = [(tile_cost(r.recipe, rules, workers), r.fresh) for r in runs for _ in range(r.count)]
    loads = [sum(c for name, c in cost.loads if name in fresh) for cost, fresh in tiles]
    done = [loads[0]]
    start, end, dma = [], [], loads[0]
    for i, (cost, _) in enumerate(tiles):
        start.append(max(done[i], end[-1] if end else 0.0))
        dma = max(dma, start[-1]) + cost.parts
        end.append(max(start[-1] + cost.compute, dma))
        if i + 1 < len(tiles):
            dma += loads[i + 1]
            done.append(dma)
        dma = max(dma, end[-1]) + cost.store
    return start[0], end[-1] - start[0], dma - end[-1]


runs_ = st.lists(
    st.builds(
        lambda m, x, w, y, z, fresh, count: Run(
            recipe(m, 8 * x, 8 * w, 8 * y, 40 * z),
            frozenset([STREAM, *(n for n in "xw" if n in fresh)]),
            count,
        ),
        st.integers(1, 12),
        st.integers(1, 400),
        st.integers(1, 400),
        st.integers(1, 200),
        st.integers(0, 60),
        st.sampled_from(["x", "w", "xw", ""]),
        st.integers(1, 30),
    ),
    min_size=1,
    max_size=5,
)


@given(runs_, st.integers(1, 17))
def test_a_row_takes_what_its_events_take(runs, workers):
    rules = facts()
    work = row(runs, rules, workers)
    assert (work.lead, work.body, work.tail) == pytest.approx(walk(runs, rules, workers), abs=0.1)
    count = sum(r.count for r in runs)
    assert work.issue == pytest.approx(
        sum(r.count * tile_cost(r.recipe, rules, workers).compute for r in runs)
    )
    assert work.body >= work.issue - 1e-6
    assert work.stored == sum(r.count * r.recipe.stores[0].nbytes for r in runs)
    assert count > 0


def test_a_steady_row_takes_the_larger_of_computing_and_moving():
    rules = facts()
    for one in (recipe(12, 8, 8, 8), recipe(1, 4000, 4000, 800), recipe(1, 400, 400, 80, 4000)):
        run = Run(one, frozenset(["x", "w", STREAM]), 1000)
        cost = tile_cost(one, rules, 16)
        assert row([run], rules, 16).body / 1000 == pytest.approx(cost.steady(cost.load), rel=2e-3)


def test_the_terms_of_a_tile():
    rules = facts()
    one = recipe(3, 80, 160, 40)
    cost, rate = tile_cost(one, rules, 16), rates(rules, 16)
    assert cost.kernels == sum(call.cycles for call in one.calls)
    assert cost.engine == engine_cycles(4, 1, 2, rules)
    assert dict(cost.loads) == {"x": rate.setup + 80 * rate.byte, "w": 2 * rate.setup + 160 * rate.byte}
    assert cost.store == rate.setup + 40 * rate.byte


def test_a_worker_alone_gets_what_its_controller_moves():
    rules = facts()
    assert rates(rules, 1).byte == rules.dma_word_cycles / 4
    assert rates(rules, 16).byte == pytest.approx(16 * rules.clock_hz / (rules.sdram_mb_per_s * 1e6))


def test_an_empty_row_takes_nothing():
    assert row([], facts(), 16).body == 0

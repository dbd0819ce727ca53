"""Builds the tile of a chain's program, one block of it, with its arrays: what an image would run on a core."""

from __future__ import annotations

import numpy as np

from spinntensor.kernels._float_tables import exp_table, log_table, sigmoid_table, tanh_table
from spinntensor.kernels.tile import At, Fetch, Step, Store, Tile
from spinntensor.plan.recipes import maps
from spinntensor.plan.recipes.chain import COPY, SCALAR, Chain, Instruction, Program
from spinntensor.plan.recipes.parts import up

TABLES = {
    "f32_exp": exp_table,
    "f32_log": log_table,
    "f32_tanh": tanh_table,
    "f32_sigmoid": sigmoid_table,
}
TYPES = {"float32": np.float32, "int32": np.int32, "bfp16": np.int16, "int8": np.int8, "bool": np.uint8}
TYPES |= {"uint8": np.uint8, "int64": np.int32}
LANES = {"8": 8, "16": 4, "32": 2}


def tile(chain: Chain, block: int, arrays: list[np.ndarray], bias: int = 0) -> Tile:
    """One block of `chain` on `arrays` (one for each operand, of its extent's elements), results by their number."""
    p = maps.planned(chain)
    sizes = {name: up(n) for name, n, _ in maps.region_sizes(p, block) if n}
    actions: list = []
    for i, at in p.loads:
        actions.append(Fetch(f"x{i}", At(f"v{at}"), arrays[i]))
    for number, form, at in p.constants:
        count = 8 // np.dtype(TYPES[form]).itemsize
        actions.append(Fetch(f"constant {number} {form}", At(f"v{at}"), np.full(count, number, TYPES[form])))
    for kernel in dict.fromkeys(step.kernel for step in p.instructions):
        if kernel in TABLES:
            actions.append(Fetch(kernel, At(f"table {kernel}"), TABLES[kernel]()))
    for step in p.instructions:
        actions += _steps(p, step, block, bias)
    for i, at in p.stores:
        form = (*(v.format for v in chain.operands), *(link.format for link in chain.links))[i]
        count = p.places[at].extent.count(block)
        actions.append(Store(f"y{i}", At(f"v{at}"), (count,), np.dtype(TYPES[form])))
    return Tile("map", sizes, tuple(actions))


def _steps(p: Program, step: Instruction, block: int, bias: int) -> list[Step]:
    n = step.extent.count(block)
    y, a = f"v{step.target}", f"v{step.sources[0]}"
    if step.kernel == COPY and len(set(step.sources)) == 1:
        source = p.places[step.sources[0]].extent
        if source == step.extent:
            return [_copy(a, 0, y, 0, n)]
        run = source.run
        have = 1 if run > 1 else min(source.period, n)
        found = []
        for i in range(n // run if run > 1 else 1):
            base = 4 * i * run
            found.append(_copy(a, 4 * i if run > 1 else 0, y, base, have))
            done = have
            for size in maps.copies(have, run if run > 1 else n):
                found.append(_copy(y, base, y, base + 4 * done, size))
                done += size
        return found
    if step.run:
        return [
            _call(
                step,
                At(a, 4 * i * step.run),
                At(f"v{step.sources[1]}", 4 * i),
                At(y, 4 * i * step.run),
                step.run,
                bias,
            )
            for i in range(n // step.run)
        ]
    if step.kernel == "select_s32":
        steps = {
            f"{name}_step": 0 if p.places[at].extent == SCALAR and step.extent != SCALAR else 4
            for name, at in zip("ab", step.sources[1:], strict=True)
        }
        places = {name: At(f"v{at}") for name, at in zip(("condition", "a", "b"), step.sources, strict=True)}
        return [Step(step.kernel, {**places, "y": At(y), "count": n, **steps})]
    b = At(f"v{step.sources[1]}") if len(step.sources) > 1 else None
    return [_call(step, At(a), b, At(y), n, bias)]


def _copy(a: str, a_at: int, y: str, y_at: int, n: int) -> Step:
    words = {"a": At(a, a_at), "b": At(a, a_at), "y": At(y, y_at), "pairs": -(-n // 2), "step": 4}
    return Step(COPY, words)


def _call(step: Instruction, a: At, b: At | None, y: At, n: int, bias: int) -> Step:
    kernel = step.kernel
    if kernel == "bfp16_from_f32":
        return Step(kernel, {"x": a, "q": y, "counts": At("counts"), "pairs": -(-n // 2), "bias": 158 + bias})
    if kernel == "bfp16_to_f32":
        return Step(kernel, {"q": a, "y": y, "pairs": -(-n // 2), "bias": 141 + bias})
    if kernel.startswith("eltwise"):
        lanes = LANES["".join(c for c in kernel.rsplit("_", 1)[1] if c.isdigit())]
        words = {"a": a, "b": b, "y": y, "pairs": -(-n // lanes), "step": 0 if step.scalar else 4}
        return Step(kernel, words | ({"saturated": At("clamped")} if "sub_s8" in kernel else {}))
    if b is not None:
        return Step(kernel, {"a": a, "b": b, "y": y, "count": n, "step": 0 if step.scalar else 4})
    words = {"x": a, "y": y, "count": n}
    return Step(kernel, words | ({"table": At(f"table {kernel}")} if kernel in TABLES else {}))

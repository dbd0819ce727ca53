"""Recipes of element-wise int8 work by itself, where no product takes it along: sums, softmax, other formats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from spinntensor.plan.recipe import Call, Recipe, Region, Transfer
from spinntensor.plan.recipes import int8_calls as calls
from spinntensor.plan.recipes.conv import PLAIN, Use
from spinntensor.plan.recipes.parts import call, up

PAIR = 8
"""Bytes of a pair of words."""
COUNTER = 4
TABLE = 1024
"""Bytes of the exponentials of softmax."""
WORD, ROW = 4, 16
"""Bytes of a sum, and of the constants of a channel."""
FILL = 4
"""Bytes from one word of an operand to the next."""
STEPS, COUNTS, RESULTS = 4 * 257, 4 * 3, 4 * 256
"""Bytes of the table of a quantisation, of its counts, and of the table of bytes that become float32."""
COUNTED = ("add", "sub")
"""Operations on bytes that count what they clamp."""

MISSING = {
    "uint8 add, sub, mul": "eltwise kernels of these are for int8; add_q of uint8 is residual_add",
}
"""What no kernel does, and why the nearest one does not."""


def _made(
    name: str, sizes: dict[str, int], twice: Iterable[str], one: Call, loads: tuple[Transfer, ...]
) -> Recipe:
    return Recipe(name, calls.regions(sizes, twice), (one,), loads, (Transfer("y", up(sizes["y"])),))


@lru_cache(1 << 14)
def add_q(n: int, use: Use = PLAIN) -> Recipe:
    """Sum of two arrays of n bytes, each with its scale and zero point."""
    sizes = dict.fromkeys("aby", n)
    loads = (Transfer("a", up(n)), Transfer("b", up(n)))
    return _made("add_q", sizes, "aby", calls.residual_add(n, use.signed[1]), loads)


@lru_cache(1 << 14)
def requantize(m: int, n: int, use: Use = PLAIN) -> Recipe:
    """Sums int32 [n, m] of n pixels to bytes [n, m], a call for each: those of a pixel are one column of channels."""
    sizes = {"c": n * up(WORD * m), "y": n * up(m), "rows": ROW * m}
    loads = (Transfer("c", sizes["c"]), Transfer("w", ROW * m))
    twice = {"c", "y"} | (set() if use.same_w else {"rows"})
    return _made("requantize", sizes, twice, calls.requantize(m, 1, use.signed[1], n), loads)


@lru_cache(1 << 14)
def softmax_q(m: int, n: int) -> Recipe:
    """Softmax of m int8 rows of n columns, rows of whole double words; what fills them up is made the least first."""
    pitch = up(n)
    loads = (Transfer("x", m * pitch), Transfer("w", TABLE))
    one = call("softmax_s8_u8", m=m, n=pitch)
    made = _made("softmax_q", {"x": m * pitch, "y": m * pitch, "lut": TABLE}, "xy", one, loads)
    if pitch == n:
        return made
    return replace(
        made,
        regions=(*made.regions, Region("most", m * pitch)),
        calls=(call("eltwise_min_s8", n=m * pitch, scalar=0), *made.calls),
        loads=(*made.loads, Transfer("w", m * pitch)),
    )


@lru_cache(1 << 14)
def quantize(n: int, signed: bool) -> Recipe:
    """n float32 to bytes by one scale and zero point; what is clamped, lost or not finite is counted."""
    sizes = {"x": WORD * n, "y": n, "table": STEPS, "counts": COUNTS}
    loads = (Transfer("x", up(WORD * n)), Transfer("w", up(STEPS)))
    one = call("f32_quantize_8", n=n, signed=int(signed))
    made = _made("quantize", sizes, ("x", "y", "counts"), one, loads)
    return replace(made, stores=(*made.stores, Transfer("counts", up(COUNTS))))


@lru_cache(1 << 14)
def dequantize(n: int, signed: bool) -> Recipe:
    """n bytes to float32 by one scale and zero point."""
    sizes = {"x": n, "y": WORD * n, "table": RESULTS}
    loads = (Transfer("x", up(n)), Transfer("w", RESULTS))
    one = call("f32_dequantize_8", n=n, signed=int(signed))
    return _made("dequantize", sizes, "xy", one, loads)


def read_back(recipe: Recipe, n: int, signed: bool) -> Recipe:
    """A tile whose n result bytes leave as float32: they are read back from where it would store them."""
    after = dequantize(n, signed)
    own = tuple(r for r in after.regions if r.name != "x")
    found = tuple(Region("f" if r.name == "y" else r.name, r.nbytes, r.places) for r in own)
    (left,) = (t for t in recipe.stores if t.operand == "y")
    return replace(
        recipe,
        kernel=f"{recipe.kernel} + dequantize",
        regions=recipe.regions + found,
        calls=recipe.calls + after.calls,
        loads=recipe.loads + tuple(t for t in after.loads if t.operand != "x"),
        stores=(replace(left, nbytes=WORD * left.nbytes),),
    )


def summed(recipe: Recipe, signed: bool) -> Recipe:
    """A tile that adds another branch, which lies as its result bytes do, before they leave."""
    (y,) = (r for r in recipe.regions if r.name == "y")
    (store,) = (t for t in recipe.stores if t.operand == "y")
    return replace(
        recipe,
        kernel=f"{recipe.kernel} + add",
        regions=(*recipe.regions, Region("r", y.nbytes, 2)),
        calls=(*recipe.calls, calls.residual_add(y.nbytes, signed)),
        loads=(*recipe.loads, replace(store, operand="r")),
    )


@lru_cache(1 << 14)
def dequantize_s32(n: int) -> Recipe:
    """n int32 to float32 by one scale."""
    sizes = dict.fromkeys("xy", WORD * n)
    loads = (Transfer("x", up(WORD * n)),)
    return _made("dequantize int32", sizes, "xy", call("f32_dequantize_s32", n=n), loads)


@lru_cache(1 << 14)
def eltwise(op: str, n: int, signed: bool, scalar: bool = False) -> Recipe:
    """`op` of two arrays of n bytes, or of one and a scalar: add, sub and mul of int8, max and min of both types."""
    kind = "s8" if signed else "u8"
    size = -(-n // PAIR) * PAIR
    sizes = {"a": size, "b": COUNTER if scalar else size, "y": size * (2 if op == "mul" else 1)}
    sizes |= {"saturated": COUNTER} if op in COUNTED else {}
    loads = (Transfer("a", size), Transfer("b", up(sizes["b"])))
    twice = "ay" if scalar else "aby"
    one = call(f"eltwise_{op}_{kind}", n=n, scalar=int(scalar))
    return _made(f"{op} of bytes", sizes, twice, one, loads)

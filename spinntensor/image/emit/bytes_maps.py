"""Tiles of `add_q` and `requantize` by themselves, where no product takes them along."""

from __future__ import annotations

import numpy as np

from spinntensor.image.emit.action import Action, Fetch, Spot, Step, Store
from spinntensor.image.emit.box_lines import lines, whole
from spinntensor.image.emit.epilogue import sum_words
from spinntensor.image.emit.family import Family
from spinntensor.image.emit.quantized import integers, requantisation
from spinntensor.image.emit.site import Site
from spinntensor.image.emit.translate import kept
from spinntensor.kernels import requantize_s32
from spinntensor.kernels.quantize import limits
from spinntensor.kernels.requantize_common import clamp_words
from spinntensor.lower.box import Box, Span, count
from spinntensor.plan.cut import Task
from spinntensor.plan.recipe import Recipe
from spinntensor.plan.recipes.bytes_maps import ROW, WORD
from spinntensor.plan.recipes.parts import up
from spinntensor.plan.ways.bytes_maps import alike, single
from spinntensor.plan.ways.setting import BYTES

INT32, BYTE = (1 << 31) - 1, 255


def matches(site: Site, recipe: Recipe) -> bool:
    """A requantisation whose constants are there beforehand, or a sum of two branches."""
    node = kept(site, "node", lambda: single(site.setting, site.stage))
    return node is not None and recipe.kernel == node.op


def tile(site: Site, task: Task, recipe: Recipe) -> list[Action]:
    """One tile; RangeError where 32 bits cannot hold what requantisation makes of any sum."""
    node = single(site.setting, site.stage)
    assert node is not None
    return _sum(site, task.box) if node.op == "add_q" else _requantized(site, task.box)


def _sum(site: Site, box: Box) -> list[Action]:
    node = site.node("add_q")
    assert node is not None
    y = site.stage.results[0]
    same = alike(site.setting, (*node.inputs, y))
    values = {name: (number, name == "y") for name, number in zip("aby", (*node.inputs, y), strict=True)}
    moved = {
        name: whole(site, number, box, write)
        if same
        else lines(site, number, box, up(box[-1][1] - box[-1][0]), write)
        for name, (number, write) in values.items()
    }
    n = moved["y"][-1].at + moved["y"][-1].nbytes
    if n != count(box):  # padding is added up as well
        site.counts.padded.add(node.id)
    kernel, words = kept(site, n, lambda: sum_words(node, 0, n))
    actions: list[Action] = [
        Fetch(name, line.where, Spot(name, line.at, line.nbytes), line.nbytes)
        for name in "ab"
        for line in moved[name]
    ]
    actions.append(Step(kernel, {**words, **{name: Spot(name, 0, n) for name in "aby"}}))
    return [*actions, *(Store("y", Spot("y", m.at, m.nbytes), m.where, m.nbytes) for m in moved["y"])]


def _requantized(site: Site, box: Box) -> list[Action]:
    """Pixel by pixel: the kernel takes channels for rows, and those of a pixel lie side by side."""
    node = site.node("requantize")
    assert node is not None
    channels = box[-1]
    m, pixels = channels[1] - channels[0], count(box[:-1])
    c_pitch, y_pitch = up(WORD * m), up(m)
    rows, clamp = kept(site, channels, lambda: _rows(site, channels))
    kind = "s8" if node.type.format == "int8" else "u8"
    sizes = {"m": m, "n": 1, "ldc": 1, "y_step": m, "y_row": 1, **clamp}
    actions: list[Action] = [
        Fetch("c", line.where, Spot("c", line.at, line.nbytes), line.nbytes)
        for line in lines(site, node.inputs[0], box, c_pitch)
    ]
    actions.append(Fetch("w", site.put(rows), Spot("rows", 0, rows.nbytes), rows.nbytes))
    for pixel in range(pixels):
        spots = {
            "c": Spot("c", pixel * c_pitch, WORD * m),
            "y": Spot("y", pixel * y_pitch, m),
            "rows": Spot("rows", 0, ROW * m),
        }
        actions.append(Step(f"requantize_s32_{kind}_x16", {**spots, **sizes}))
    leave = lines(site, site.stage.results[0], box, y_pitch, write=True)
    return [
        *actions,
        *(Store("y", Spot("y", line.at, line.nbytes), line.where, line.nbytes) for line in leave),
    ]


def _rows(site: Site, channels: Span) -> tuple[np.ndarray, dict[str, int]]:
    """Constants of requantisation, and the words of the clamp."""
    node = site.node("requantize")
    assert node is not None
    given = requantisation(site, node, channels)
    kernel = f"requantize_s32_{'s8' if limits(given['dtype'])[0] else 'u8'}_x16"
    sums = _bounds(site, node.inputs[0], channels)
    bounds = [most + abs(int(bias)) for most, bias in zip(sums, given["bias"], strict=True)]
    requantize_s32.prove(kernel, bounds, given["p"])
    zp, low, high = given["zp"], given["low"], given["high"]
    words = clamp_words(zp, low, high, given["counts"])
    rows = requantize_s32.row_words(given["dtype"], given["bias"], given["m"], given["p"], zp, words, bounds)
    return rows, words


def _bounds(site: Site, number: int, channels: Span) -> list[int]:
    """What the sums of each channel reach at most: those of bytes and known weights, else any int32."""
    node = site.lowered.graph[site.lowered.home(number)]
    product = node.op in ("conv2d", "matmul") and site.setting.form(node.inputs[0]) in BYTES
    if not product or not site.is_constant(node.inputs[1]) or site.setting.form(node.inputs[1]) != "int8":
        return [INT32] * (channels[1] - channels[0])
    w = integers(site, node.inputs[1]).astype(np.int64)
    sums = np.abs(w).reshape(-1, w.shape[-1]).sum(axis=0)[slice(*channels)]
    return [int(total) * BYTE for total in sums]


FAMILY = Family(matches, tile)

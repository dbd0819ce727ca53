"""The table of ways: which of them compute a stage, by its kind and formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spinntensor.lower import kinds
from spinntensor.lower.stage import Stage
from spinntensor.plan.ways.bytes_maps import bytes_maps
from spinntensor.plan.ways.convolution import conv2d
from spinntensor.plan.ways.dense import matmul
from spinntensor.plan.ways.depthwise import depthwise
from spinntensor.plan.ways.float_products import float_conv2d, float_conv2d_input, float_conv2d_weight
from spinntensor.plan.ways.float_windows import windows
from spinntensor.plan.ways.maps import maps
from spinntensor.plan.ways.matrices import bfp16_matmul, float_matmul
from spinntensor.plan.ways.moves import moves
from spinntensor.plan.ways.products import bfp16_conv2d, bfp16_conv2d_input, bfp16_conv2d_weight
from spinntensor.plan.ways.reductions import reductions
from spinntensor.plan.ways.rows import gather, scatter, softmax
from spinntensor.plan.ways.setting import BYTES, Setting
from spinntensor.plan.ways.way import Way
from spinntensor.plan.ways.windows import pool

Maker = Callable[[Setting, Stage], tuple[Way, ...]]


def _of_bytes(maker: Maker) -> Maker:
    """A maker that is asked where the first operand is of bytes alone."""
    return lambda setting, stage: maker(setting, stage) if setting.form(stage.inputs[0]) in BYTES else ()


MAKERS: Mapping[str, tuple[Maker, ...]] = {
    kinds.CONV: (_of_bytes(conv2d), bfp16_conv2d, float_conv2d),
    kinds.CONV_INPUT: (bfp16_conv2d_input, float_conv2d_input),
    kinds.CONV_WEIGHT: (bfp16_conv2d_weight, float_conv2d_weight),
    kinds.DEPTHWISE: (depthwise,),
    kinds.MATMUL: (_of_bytes(matmul), bfp16_matmul, float_matmul),
    kinds.POOL: (pool, windows),
    kinds.SOFTMAX: (softmax,),
    kinds.MOVE: (moves,),
    kinds.GATHER: (gather,),
    kinds.SCATTER: (scatter,),
    kinds.MAP: (maps, bytes_maps),
    **dict.fromkeys((kinds.REDUCE, kinds.EXPONENT), (reductions,)),
}


def ways(setting: Setting, stage: Stage) -> tuple[Way, ...]:
    """All ways to compute a stage; () where no kernel does it."""
    return tuple(way for maker in MAKERS.get(stage.kind, ()) for way in maker(setting, stage))

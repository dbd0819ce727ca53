"""The speeds the kernels are held to: what must be reached, what is aimed at, and what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spinntensor.report.line import Line


@dataclass(frozen=True)
class Goal:
    """A figure of one benchmark line; `must` and `aim` are in the units of `metric`."""

    label: str
    kernel: str
    shape: str
    metric: str
    must: float | None
    aim: float

    @property
    def less_is_better(self) -> bool:
        return self.metric == "cycles_per_element"


@dataclass(frozen=True)
class Score:
    """A goal with its figure, and the figure at the kernel's issue bound: no code for this block can pass it."""

    goal: Goal
    value: float
    at_bound: float

    @property
    def verdict(self) -> str:
        """`aim`, `must`, or `missed`."""
        sign = -1 if self.goal.less_is_better else 1
        if sign * self.value >= sign * self.goal.aim:
            return "aim"
        return (
            "must" if self.goal.must is not None and sign * self.value >= sign * self.goal.must else "missed"
        )


_RATE, _EACH, _PEER = "mac_per_cycle", "cycles_per_element", "times_plain_c"
_GEMM, _FOLD, _S8 = "gemm_s16_3x3_outer_u32", "gemm_s16_fold_3x3_outer_u32", "gemm_s8_2x4_outer_u32"
_GEMV_S16, _GEMV_S8, _DEPTHWISE = "gemv_s16_9_u16", "gemv_s8_8_u16", "depthwise_3x3_s16_u8_s1"
_WINOGRAD_SHAPE = "rows3 columns4 c64 m64 group6 width2"
_CONV_SHAPE = "3x3 c64 m64 5x6, weights resident"
_PLANE = "c4 oh28 ow28"

GOALS = (
    Goal("gemm s16, K=64", _GEMM, "m30 n30 k64", _RATE, 0.68, 0.70),
    Goal("gemm s16, K=256", _GEMM, "m30 n30 k256", _RATE, 0.72, 0.735),
    Goal("gemm s16, K=512", _GEMM, "m21 n21 k512", _RATE, 0.73, 0.74),
    Goal("gemm s16 folded to 64 bits, K=256", _FOLD, "m24 n24 k256", _RATE, 0.66, 0.70),
    Goal("gemm s8, K=256", _S8, "m32 n32 k256", _RATE, 0.69, 0.71),
    Goal("int8 3x3 tile end to end, C=M=64", "conv2d_tile", _CONV_SHAPE, _RATE, 0.58, 0.66),
    Goal("the same by Winograd, equivalent MACs", "winograd_tile", _WINOGRAD_SHAPE, _RATE, 1.2, 1.45),
    Goal("int8 1x1 with a Strassen step", "strassen_step", "m256 n36 k256", _RATE, None, 0.78),
    Goal("float32 tile with conversions", "gemm_f32_tile", "m32 n32 k256", _RATE, 1 / 5.5, 1 / 4.7),
    Goal("gemv s16, K=512", _GEMV_S16, "m45 k512", _RATE, 0.60, 0.62),
    Goal("gemv s8, K=512", _GEMV_S8, "m48 k512", _RATE, 0.58, 0.61),
    Goal("depthwise 3x3 with requantise", _DEPTHWISE, _PLANE, _RATE, 0.45, 0.55),
    Goal("the same, any multiplier", f"{_DEPTHWISE}_wide", _PLANE, _RATE, 0.45, 0.55),
    Goal("requantise to u8", "requantize_s32_u8_x16", "m64 n48 nhwc1 counts3", _EACH, 11, 10),
    Goal("requantise to s8", "requantize_s32_s8_x16", "m64 n48 nhwc1 counts3", _EACH, 11, 10),
    Goal("residual add", "residual_add_u8_x16", "n4096 counts3", _EACH, 12, 10),
    Goal("maxpool 2x2 u8", "maxpool_u8_2x2s2", "rows12 columns12 c64", _EACH, 8, 7),
    Goal("maxpool 2x2 s8", "maxpool_s8_2x2s2", "rows12 columns12 c64", _EACH, 8, 7),
    Goal("maxpool 2x2 u7", "maxpool_u7_2x2s2", "rows12 columns12 c64", _EACH, 8, 7),
    Goal("softmax", "softmax_s8_u8", "m1 n1000", _EACH, 18, 16),
    Goal("gemm s16 against plain C", _GEMM, "m30 n30 k256", _PEER, 2.5, 3),
    Goal("gemm s8 against plain C", _S8, "m32 n32 k256", _PEER, 2.5, 3),
    Goal("gemv s16 against plain C", _GEMV_S16, "m45 k512", _PEER, 2.5, 3),
    Goal("gemv s8 against plain C", _GEMV_S8, "m48 k512", _PEER, 2.5, 3),
    Goal("3x3 tile against plain C", "conv2d_tile", _CONV_SHAPE, _PEER, 2.5, 3),
    Goal("depthwise against plain C", _DEPTHWISE, _PLANE, _PEER, 2.5, 3),
    Goal("Winograd tile against plain C", "winograd_tile", _WINOGRAD_SHAPE, _PEER, 2.5, 3),
)


def scores(lines: Iterable[Line]) -> Iterator[Score]:
    """The goals whose lines were measured, in the order of GOALS."""
    known = {(m.kernel, m.shape): m for m in lines}
    for goal in GOALS:
        line = known.get((goal.kernel, goal.shape))
        if line is not None:
            value = float(getattr(line, goal.metric))
            at_bound = value * line.bound_fraction if goal.less_is_better else value / line.bound_fraction
            yield Score(goal, value, at_bound)

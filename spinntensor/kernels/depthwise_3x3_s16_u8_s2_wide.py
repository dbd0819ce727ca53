"""Depthwise 3x3 convolution of int16 planes at stride 2, requantised to bytes with any multiplier."""

from __future__ import annotations

from spinntensor.kernels.depthwise_wide import depthwise_wide

SHAPES = ((2, 28, 28, 0), (2, 28, 28, 1), (1, 28, 28, 2), (8, 14, 14, 0), (16, 7, 7, 0))

KERNEL = depthwise_wide(
    "depthwise_3x3_s16_u8_s2_wide",
    2,
    29,
    tuple({"c": c, "oh": h, "ow": w, "route": r} for c, h, w, r in SHAPES),
)

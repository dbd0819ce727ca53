"""Depthwise 3x3 convolution of int16 planes at stride 1, requantised to bytes with any multiplier."""

from __future__ import annotations

from spinntensor.kernels.depthwise_wide import depthwise_wide

SHAPES = ((4, 28, 28, 0), (4, 28, 28, 1), (2, 28, 28, 2), (16, 14, 14, 0), (2, 30, 56, 0), (32, 7, 7, 0))

KERNEL = depthwise_wide(
    "depthwise_3x3_s16_u8_s1_wide",
    1,
    28,
    tuple({"c": c, "oh": h, "ow": w, "route": r} for c, h, w, r in SHAPES),
)

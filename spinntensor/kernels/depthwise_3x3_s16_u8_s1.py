"""Depthwise 3x3 convolution of int16 planes at stride 1, requantised to bytes in the same pass."""

from __future__ import annotations

from spinntensor.kernels.depthwise import depthwise

SHAPES = ((4, 28, 28), (16, 14, 14), (2, 30, 56), (32, 7, 7))

KERNEL = depthwise("depthwise_3x3_s16_u8_s1", 1, 30, tuple({"c": c, "oh": h, "ow": w} for c, h, w in SHAPES))

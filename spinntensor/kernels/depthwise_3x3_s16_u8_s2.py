"""Depthwise 3x3 convolution of int16 planes at stride 2, requantised to bytes in the same pass."""

from __future__ import annotations

from spinntensor.kernels.depthwise import depthwise

SHAPES = ((2, 28, 28), (8, 14, 14), (16, 7, 7))

KERNEL = depthwise("depthwise_3x3_s16_u8_s2", 2, 29, tuple({"c": c, "oh": h, "ow": w} for c, h, w in SHAPES))

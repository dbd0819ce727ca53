"""The kinds of stages, and what each stands for.

| kind | what it computes |
|---|---|
| `conv2d`, `grouped`, `depthwise` | `conv2d` with one group, with several, with one for each channel; and an epilogue |
| `conv2d_input`, `conv2d_weight` | the adjoints of `conv2d`, whatever their groups |
| `matmul` | matrix products, and an epilogue |
| `pool` | windows: maxima, their places, sums, means; and an epilogue |
| `map` | element-wise operations of one shape, several of them together |
| `reduce` | sums, extremes, products and conditions along axes, with the element-wise operations they alone read |
| `exponent` | largest magnitudes of whole tensors, which bfp16 is rounded by |
| `softmax` | rows of softmax |
| `move` | transposed, sliced, joined, padded, repeated or filled tensors; reshaped ones where a view does not do |
| `gather`, `scatter`, `scan`, `random` | `take`, `scatter_add`, `cumsum`, and random tensors |

An epilogue is what follows a product or window and is fused with it: `requantize`, `add_q`, `dequantize`.
"""

from __future__ import annotations

from collections.abc import Callable

from spinntensor.lower.site import Site

CONV, GROUPED, DEPTHWISE, CONV_INPUT, CONV_WEIGHT = (
    "conv2d",
    "grouped",
    "depthwise",
    "conv2d_input",
    "conv2d_weight",
)
MATMUL, POOL, MAP, REDUCE, EXPONENT = "matmul", "pool", "map", "reduce", "exponent"
SOFTMAX, MOVE, GATHER, SCATTER, SCAN, RANDOM = "softmax", "move", "gather", "scatter", "scan", "random"
KINDS = (
    CONV,
    GROUPED,
    DEPTHWISE,
    CONV_INPUT,
    CONV_WEIGHT,
    MATMUL,
    POOL,
    MAP,
    REDUCE,
    EXPONENT,
    SOFTMAX,
    MOVE,
    GATHER,
    SCATTER,
    SCAN,
    RANDOM,
)
WITH_EPILOGUE = (CONV, GROUPED, DEPTHWISE, MATMUL, POOL)
"""Kinds that an epilogue may follow."""
WITH_PROLOGUE = (REDUCE, EXPONENT)
"""Kinds that element-wise operations may be fused in front of."""


def kind(name: str) -> Callable[[Site], str]:
    """A kind that does not depend on the operation's sizes."""
    return lambda site: name

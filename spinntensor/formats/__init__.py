"""Number formats on the host: what a tensor's integers stand for, how they are chosen, made and read back."""

from spinntensor.formats.calibrate import mean_square_error, min_max, percentile
from spinntensor.formats.convert import Loss, dequantize, quantize
from spinntensor.formats.description import (
    Bfp16,
    Float32,
    Format,
    Grid,
    Int8,
    Int32,
    Quantized,
    bfp16_grid,
    grid,
    limits,
    storage,
)
from spinntensor.formats.observe import Observed, observe
from spinntensor.formats.philox import Stochastic, random_words

__all__ = [
    "Bfp16",
    "Float32",
    "Format",
    "Grid",
    "Int8",
    "Int32",
    "Loss",
    "Observed",
    "Quantized",
    "Stochastic",
    "bfp16_grid",
    "dequantize",
    "grid",
    "limits",
    "mean_square_error",
    "min_max",
    "observe",
    "percentile",
    "quantize",
    "random_words",
    "storage",
]

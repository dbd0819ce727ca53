"""Argument records of the Winograd kernels: exact integer F(2x2,3x3) and F(2x4,3x3)."""

from spinntensor.abi.struct import struct

WINOGRAD_INPUT = struct(
    "winograd_input",
    "V, the transform of the patch of every tile of an NHWC image, into outer panels of three tiles, all positions.",
    (
        "x",
        "const void *",
        "image of bytes, pixel (0, 0) of tile 0; three bytes behind its last pixel are read",
    ),
    ("v", "uint32_t *", "ceil(tiles/3) x positions x 3*pairs words, then one word of padding"),
    ("tiles", "uint32_t", "tiles, >= 1, counted along the rows"),
    ("columns", "uint32_t", "tiles in a row of tiles, >= 1"),
    ("pairs", "uint32_t", "pairs of channels in a panel: even, >= 2"),
    ("x_step", "uint32_t", "bytes from pixel to pixel"),
    ("x_row", "uint32_t", "bytes from row to row of pixels"),
)

WINOGRAD_WEIGHT = struct(
    "winograd_weight",
    "U = (2G) g (2G)^T of 3x3 weights, into outer panels of three output channels, 16 products each.",
    ("w", "const int8_t *", "weights [m][channels][3][3]"),
    ("u", "uint32_t *", "ceil(m/3) x positions x (3*pairs + chunks) words"),
    ("m", "uint32_t", "output channels, >= 1"),
    ("channels", "uint32_t", "input channels, >= 1"),
)

WINOGRAD_PRODUCT = struct(
    "winograd_product",
    "The products of U and V, output transform, bias, requantisation: bytes of an NHWC image.",
    ("u", "const uint32_t *", "ceil(m/3) x positions x (3*pairs + chunks) words"),
    ("v", "const uint32_t *", "ceil(tiles/3) x positions x 3*pairs words, then one word of padding"),
    ("y", "void *", "image of bytes, whole tiles; its first channel is the first of this call"),
    ("rows", "const uint32_t *", "constants of each output channel: K1, K2, m, path | p << 8 | odd << 16"),
    ("sums", "uint32_t *", "scratch: positions x 9 words"),
    ("m", "uint32_t", "output channels, >= 1"),
    ("tiles", "uint32_t", "tiles, >= 1"),
    ("columns", "uint32_t", "tiles in a row of tiles, >= 1"),
    ("pairs", "uint32_t", "pairs of channels in a panel: even, >= 2"),
    ("y_step", "uint32_t", "bytes from pixel to pixel"),
    ("y_row", "uint32_t", "bytes from row to row of pixels"),
    ("range", "uint32_t", "high - low of the clamp"),
    ("low", "int32_t", "lower end of the clamp"),
    ("counts", "uint32_t", "what is counted in CLAMPED: results above the clamp 1, below 2, both 3"),
)

WINOGRAD_PRODUCT_S32 = struct(
    "winograd_product_s32",
    "The products of U and V and the output transform: int32 sums of every pixel, or added to such.",
    ("u", "const uint32_t *", "ceil(m/3) x positions x (3*pairs + chunks) words"),
    ("v", "const uint32_t *", "ceil(tiles/3) x positions x 3*pairs words, then one word of padding"),
    ("c", "int32_t *", "[m][rows of pixels][pixels] of whole tiles"),
    ("sums", "uint32_t *", "scratch: positions x 9 words"),
    ("m", "uint32_t", "output channels, >= 1"),
    ("tiles", "uint32_t", "tiles, >= 1"),
    ("columns", "uint32_t", "tiles in a row of tiles, >= 1"),
    ("pairs", "uint32_t", "pairs of channels in a panel: even, >= 2"),
    ("ldc", "uint32_t", "words from channel to channel of c"),
    ("c_row", "uint32_t", "words from row to row of pixels of c"),
    ("accumulate", "uint32_t", "0: c = sums, 1: c += sums"),
)

STRUCTS = (WINOGRAD_INPUT, WINOGRAD_WEIGHT, WINOGRAD_PRODUCT, WINOGRAD_PRODUCT_S32)
KERNELS = {
    "winograd_input_u8_2x2": WINOGRAD_INPUT,
    "winograd_input_s8_2x2": WINOGRAD_INPUT,
    "winograd_input_u8_2x4": WINOGRAD_INPUT,
    "winograd_input_s8_2x4": WINOGRAD_INPUT,
    "winograd_weight_s8_2x2": WINOGRAD_WEIGHT,
    "winograd_product_s16_2x2_u32": WINOGRAD_PRODUCT,
    "winograd_product_s16_2x4_u32": WINOGRAD_PRODUCT,
    "winograd_product_s16_2x2_s32_u32": WINOGRAD_PRODUCT_S32,
    "winograd_product_s16_2x4_s32_u32": WINOGRAD_PRODUCT_S32,
}

"""Convolutions of images and sequences, in every format that has products; weights are [window, channels, outputs]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spinntensor.ops.operation import family
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.grids import BYTES, constants, product
from spinntensor.tensors.moves import repeated
from spinntensor.tensors.operands import operand, refuse, stretched, tensor
from spinntensor.tensors.windows import Padding, borders, layout, several

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

__all__ = ["conv1d", "conv2d", "conv2d_transpose"]

Sizes = int | Sequence[int]


def conv2d(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    groups: int = 1,
    data_format: str = "NHWC",
    format: str | None = None,
) -> Tensor:
    """Correlation of images with weights: what networks call a convolution; nothing is flipped.

    Parameters
    ----------
    x : images [N, H, W, C]; [N, C, H, W] with `data_format="NCHW"`.
    w : weights [KH, KW, C / groups, O], in every layout of `x`.
    bias : [O], added to every pixel; float32 and bfp16 only.
    stride, dilation : one number, or one for H and one for W.
    padding : "valid" (none), "same" (ceil(size / stride) results, the odd row or column of zeros at the end), a number
        for all sides, or one number or (before, after) for H and for W.
    groups : the channels are cut into so many runs, each with its own O / groups outputs; C of them: depthwise.
    format : of the result for bfp16 operands, "bfp16" (default) or "float32".

    **Shape** result [N, OH, OW, O], OH = (H + before + after - (KH - 1) dilation - 1) // stride + 1.

    Formats: float32; bfp16 (weights may have an exponent for each output channel); int8 or uint8 images with int8
    weights, which gives int32: the exact sums, on the grid of the product of both scales. A border holds the images'
    zero point. A bias of integers joins the sums where they are rounded: `st.quantize(sums, grid, bias=bias)`.
    """
    return _convolve("conv2d", 2, x, w, bias, stride, padding, dilation, groups, data_format, format)


def conv1d(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    groups: int = 1,
    data_format: str = "NWC",
    format: str | None = None,
) -> Tensor:
    """`conv2d` of sequences: x [N, W, C] ([N, C, W] with `data_format="NCW"`), w [K, C / groups, O]."""
    return _convolve("conv1d", 1, x, w, bias, stride, padding, dilation, groups, data_format, format)


def conv2d_transpose(
    x: Any,
    w: Any,
    bias: Any = None,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    output_padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    data_format: str = "NHWC",
    format: str | None = None,
) -> Tensor:
    """The transpose of `conv2d` by the same weights: each pixel adds a multiple of them to the field it stands for.

    Parameters
    ----------
    x : images [N, H, W, C], as `conv2d` would give them; float32 or bfp16.
    w : weights [KH, KW, O / groups, C] of that `conv2d`, whose images have O channels.
    bias : [O].
    padding : of that `conv2d`: cut off from the result. "same": the result has H stride rows.
    output_padding : rows and columns added at the end of the result, less than the stride; not with "same".

    **Shape** result [N, (H - 1) stride + (KH - 1) dilation + 1 - before - after + output_padding, ..., O].
    """
    op = "conv2d_transpose"
    x = tensor(x)
    w = operand(op, w, x)
    kind = _kind(op, x, w, format)
    if kind in BYTES:
        raise refuse(op, str(x.node.type), "float32 or bfp16", "st.dequantize it first")
    place = layout(op, data_format, 2)
    images = place.last(op, x)
    steps, spread = several(op, "stride", stride, 2), several(op, "dilation", dilation, 2)
    more = several(op, "output_padding", output_padding, 2, 0)
    _weights(op, w, 2)
    reach = [(k - 1) * d + 1 for k, d in zip(w.shape[:2], spread, strict=True)]
    if any(m >= s for m, s in zip(more, steps, strict=True)) or (padding == "same" and any(more)):
        expected = "less than the stride, and 0 with padding 'same'"
        raise refuse(op, f"output_padding {output_padding!r}", expected, "choose a larger stride, or 0")
    if padding == "same":
        size = [n * s for n, s in zip(images.shape[1:3], steps, strict=True)]
        rim = borders(op, padding, size, w.shape[:2], steps, spread)
    else:
        rim = borders(op, padding, (0, 0), w.shape[:2], steps, spread)
        axes = zip(images.shape[1:3], steps, reach, rim, more, strict=True)
        size = [(n - 1) * s + r - sum(cut) + m for n, s, r, cut, m in axes]
    attributes: dict[str, Any] = _attributes(steps, spread, rim, groups) | {"size": tuple(size)}
    return place.back(_finished(op, kind, "conv2d_input", images, w, bias, format, attributes))


def _convolve(
    op: str,
    spatial: int,
    x: Any,
    w: Any,
    bias: Any,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
    data_format: str,
    format: str | None,
) -> Tensor:
    x = tensor(x)
    w = operand(op, w, x)
    kind = _kind(op, x, w, format)
    place = layout(op, data_format, spatial)
    images = place.last(op, x)
    _weights(op, w, spatial)
    window, steps = w.shape[:spatial], several(op, "stride", stride, spatial)
    spread = several(op, "dilation", dilation, spatial)
    rim = borders(op, padding, place.sizes(images), window, steps, spread)
    if spatial == 1:
        steps, spread, rim = (1, *steps), (1, *spread), [(0, 0), *rim]
    attributes = _attributes(steps, spread, rim, groups)
    if kind in BYTES:
        grid = product(op, images, w)
        attributes["x_zero"] = constants(op, images)[1]
        if bias is not None:
            raise refuse(
                op,
                "a bias beside integers",
                "none: it joins the sums before their only rounding",
                "give it to st.quantize(sums, grid, bias=bias)",
            )
    if spatial == 1:
        w = repeated(w, (1, *w.shape))
    if kind in BYTES:
        return place.back(apply("conv2d", images, w, grid=grid, **attributes))
    return place.back(_finished(op, kind, "conv2d", images, w, bias, format, attributes))


def _attributes(
    stride: tuple[int, ...], dilation: tuple[int, ...], rim: list[tuple[int, int]], groups: int
) -> dict[str, Any]:
    padding = (*rim[0], *rim[1])
    return {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups}


def _weights(op: str, w: Base, spatial: int) -> None:
    """ShapeError unless weights have a window of so many axes, and two of channels."""
    if w.ndim != spatial + 2:
        expected = f"{spatial + 2} axes: the window, channels, outputs"
        raise refuse(op, f"weights of shape {w.shape}", expected, "reshape them")


def _finished(
    op: str,
    kind: str,
    name: str,
    x: Base,
    w: Base,
    bias: Any,
    format: str | None,
    attributes: dict[str, Any],
) -> Tensor:
    """The operation `name` of float32 or bfp16 operands, plus a bias: bfp16 results are rounded after it, once."""
    if kind == "bfp16":
        attributes["format"] = "float32" if bias is not None else format or "bfp16"
    y = apply(name, x, w, **attributes)
    if bias is None:
        return y
    y = _biased(op, y, bias)
    return apply("quantize_bfp16", y) if kind == "bfp16" and format != "float32" else y


def _kind(op: str, x: Base, w: Base, format: str | None) -> str:
    """The family of the images' format; ShapeError when the weights' does not go with it."""
    kind = family(x.format)
    goes = {"float32": "float32", "bfp16": "bfp16", "int8": "int8", "uint8": "int8"}
    if goes.get(kind) != family(w.format):
        raise refuse(
            op,
            f"images {x.node.type}, weights {w.node.type}",
            "both float32, both bfp16, or int8 or uint8 images with int8 weights",
            "convert one of them with st.quantize or st.dequantize",
        )
    if format is not None and (kind != "bfp16" or format not in ("bfp16", "float32")):
        raise refuse(
            op,
            f"format {format!r} for {kind} operands",
            "'bfp16' or 'float32', for bfp16 operands",
            "leave format out, or convert the result",
        )
    return kind


def _biased(op: str, y: Base, bias: Any) -> Tensor:
    """`y` [N, H, W, O] plus a bias for each output channel, float32."""
    bias = operand(op, bias, y)
    if family(bias.format) == "bfp16":
        bias = apply("dequantize", bias)
    if bias.shape != y.shape[-1:] or bias.format != "float32":
        raise refuse(
            op, f"bias {bias.node.type}", f"[{y.shape[-1]}] float32", "give one for each output channel"
        )
    return apply("add", y, stretched(bias, y.shape))

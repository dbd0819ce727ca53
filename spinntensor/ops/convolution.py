"""Two-dimensional convolutions and their two adjoints, channels last: exact sums, each rounded once.

The three are the three ways to leave one tensor out of the same trilinear sum, so the gradients of each are the
other two, and gradients of any order stay among them. With x [N,H,W,C], w [KH,KW,C/groups,O], c [N,OH,OW,O]:
`conv2d` makes c of x and w, `conv2d_input` makes x of c and w, `conv2d_weight` makes w of x and c.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from spinntensor.errors import ShapeError
from spinntensor.graph.builder import Builder
from spinntensor.graph.graph import Attribute, Node, TensorType
from spinntensor.ops._convolve import out_size, run_conv2d, run_conv2d_input, run_conv2d_weight
from spinntensor.ops._products import BYTES, no_gradient, prove_bfp16, prove_int32, reach, working, zero_point
from spinntensor.ops._rules import signature
from spinntensor.ops.operation import Operation, family, integers
from spinntensor.ops.shape import bfp16_axis

Types = tuple[TensorType, ...]
Attributes = Mapping[str, Attribute]
GEOMETRY = ("stride", "dilation", "padding", "groups")


class Geometry(NamedTuple):
    """How a kernel moves: attributes of all three. padding : (top, bottom, left, right)."""

    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[int, ...]
    groups: int


def _sizes(op: str, name: str, value: Attribute, count: int, least: int) -> tuple[int, ...]:
    found = integers(op, name, value)
    if len(found) != count or min(found) < least:
        raise ShapeError(op, f"{name} = {found}", f"{count} integers from {least} on", f"choose {name}")
    return found


def _geometry(op: str, a: Attributes) -> Geometry:
    groups = a["groups"]
    if type(groups) is not int or groups < 1:
        raise ShapeError(op, f"groups = {groups!r}", "an integer from 1 on", "choose groups")
    return Geometry(
        _sizes(op, "stride", a["stride"], 2, 1),
        _sizes(op, "dilation", a["dilation"], 2, 1),
        _sizes(op, "padding", a["padding"], 4, 0),
        groups,
    )


def _four(op: str, **tensors: TensorType) -> None:
    for name, x in tensors.items():
        if len(x.shape) != 4:
            raise ShapeError(op, f"{name} of shape {x.shape}", "four axes", "reshape it; H = 1 makes it 1-D")


def _outputs(op: str, size: tuple[int, ...], kernel: tuple[int, ...], g: Geometry) -> tuple[int, ...]:
    """Rows and columns of the output; ShapeError where the kernel does not fit."""
    top, bottom, left, right = g.padding
    both = top + bottom, left + right
    out = tuple(map(out_size, size, kernel, g.stride, g.dilation, both))
    if min(out) < 1 or min(kernel) < 1:
        received = f"a kernel of {kernel} taps, dilation {g.dilation}, on {size} pixels, padding {g.padding}"
        raise ShapeError(op, received, "a kernel that fits in once at least", "pad more, or dilate less")
    return out


def _channels(op: str, inner: int, w: tuple[int, ...], groups: int) -> None:
    """ShapeError unless weights [KH,KW,C/groups,O] take `inner` channels and O falls into groups."""
    if w[2] * groups != inner or w[3] % groups:
        received = f"{inner} channels and weights of shape {w} in {groups} groups"
        expected = f"weights [KH, KW, {inner}/{groups}, a multiple of {groups}]"
        raise ShapeError(op, received, expected, "make the channels agree, or choose groups")


def _form(op: str, operands: Types, k: int, a: Attributes, names: tuple[str, ...], axis: int | None) -> str:
    """The result's format; the second operand of bfp16 may have an exponent for each index of `axis`."""
    x, w = operands
    forms = family(x.format), family(w.format)
    if forms == ("float32", "float32"):
        signature(op, operands, 2, a, *names)
        return "float32"
    if forms[0] in BYTES and forms[1] == "int8" and op == "conv2d":
        signature(op, operands, 2, a, *names, "x_zero")
        prove_int32(op, k, reach(forms[0], zero_point(op, "x_zero", forms[0], a["x_zero"])) * 128)
        return "int32"
    if forms != ("bfp16", "bfp16"):
        expected = "float32 or bfp16 on both sides" + (", or 8-bit x and int8 w" if op == "conv2d" else "")
        raise ShapeError(op, f"{x} and {w}", expected, "convert one of them")
    signature(op, operands, 2, a, *names, "format")
    if x.format != "bfp16" or bfp16_axis(w.format) not in (None, axis):
        expected = "bfp16 with one exponent" + (f", or bfp16(axis={axis}) for w" if axis is not None else "")
        raise ShapeError(op, f"{x} and {w}", expected, "quantize with that axis, or none")
    return prove_bfp16(op, k, a["format"])


def _pair(op: str, operands: Types) -> tuple[TensorType, TensorType]:
    if len(operands) != 2:
        raise ShapeError(op, f"{len(operands)} operands", "two", "give both factors")
    return operands[0], operands[1]


def _named(op: str, a: Attributes, *names: str) -> None:
    """ShapeError for an attribute that is missing."""
    for name in names:
        if name not in a:
            raise ShapeError(op, f"no attribute {name}", ", ".join(names), f"give {name}")


def _forward_rule(operands: Types, a: Attributes) -> TensorType:
    op = "conv2d"
    x, w = _pair(op, operands)
    _named(op, a, *GEOMETRY)
    _four(op, x=x, w=w)
    g = _geometry(op, a)
    _channels(op, x.shape[3], w.shape, g.groups)
    out = _outputs(op, x.shape[1:3], w.shape[:2], g)
    k = w.shape[0] * w.shape[1] * w.shape[2]
    return TensorType((x.shape[0], *out, w.shape[3]), _form(op, operands, k, a, GEOMETRY, 3))


def _input_rule(operands: Types, a: Attributes) -> TensorType:
    op = "conv2d_input"
    c, w = _pair(op, operands)
    _named(op, a, *GEOMETRY, "size")
    _four(op, c=c, w=w)
    g, size = _geometry(op, a), _sizes(op, "size", a["size"], 2, 0)
    inner = w.shape[2] * g.groups
    _channels(op, inner, w.shape, g.groups)
    _agree(op, c, (c.shape[0], *_outputs(op, size, w.shape[:2], g), w.shape[3]))
    k = w.shape[0] * w.shape[1] * (w.shape[3] // g.groups)
    return TensorType((c.shape[0], *size, inner), _form(op, operands, k, a, (*GEOMETRY, "size"), None))


def _weight_rule(operands: Types, a: Attributes) -> TensorType:
    op = "conv2d_weight"
    x, c = _pair(op, operands)
    _named(op, a, *GEOMETRY, "kernel")
    _four(op, x=x, c=c)
    g, kernel = _geometry(op, a), _sizes(op, "kernel", a["kernel"], 2, 1)
    shape = (*kernel, x.shape[3] // g.groups, c.shape[3])
    _channels(op, x.shape[3], shape, g.groups)
    _agree(op, c, (x.shape[0], *_outputs(op, x.shape[1:3], kernel, g), c.shape[3]))
    k = c.shape[0] * c.shape[1] * c.shape[2]
    return TensorType(shape, _form(op, operands, k, a, (*GEOMETRY, "kernel"), None))


def _agree(op: str, c: TensorType, shape: tuple[int, ...]) -> None:
    if c.shape != shape:
        raise ShapeError(op, f"c of shape {c.shape}", f"{shape}", "give the cotangent of that convolution")


Shared = Mapping[str, Attribute]
Pair = tuple[int, int]
Pull = Callable[[Builder, str, Pair, int, Shared], Pair]
"""`(builder, source, factors, cotangent, shared attributes) -> cotangents of the factors`"""


def _gradient(pull: Pull) -> Callable[[Builder, Node, int], tuple[int, int]]:
    """The gradient of one of the three by the other two; of bfp16 with one exponent, and with results in float32."""

    def gradient(b: Builder, node: Node, cotangent: int) -> tuple[int, int]:
        first, second = node.inputs
        form, source = family(b[first].type.format), node.source
        if form in BYTES:
            raise no_gradient(node, form)
        shared: dict[str, Attribute] = {name: node.attribute(name) for name in GEOMETRY}
        if form == "bfp16":
            shared["format"] = "float32"
            first, second, cotangent = (working(b, number, source) for number in (first, second, cotangent))
        return pull(b, source, (first, second), cotangent, shared)

    return gradient


def _of_input(b: Builder, source: str, c: int, w: int, x: int, shared: Shared) -> int:
    return b.add("conv2d_input", c, w, source=source, size=b[x].type.shape[1:3], **shared)


def _of_weight(b: Builder, source: str, x: int, c: int, w: int, shared: Shared) -> int:
    return b.add("conv2d_weight", x, c, source=source, kernel=b[w].type.shape[:2], **shared)


def _pull_forward(b: Builder, source: str, factors: Pair, c: int, shared: Shared) -> Pair:
    x, w = factors
    return _of_input(b, source, c, w, x, shared), _of_weight(b, source, x, c, w, shared)


def _pull_input(b: Builder, source: str, factors: Pair, x: int, shared: Shared) -> Pair:
    c, w = factors
    return b.add("conv2d", x, w, source=source, **shared), _of_weight(b, source, x, c, w, shared)


def _pull_weight(b: Builder, source: str, factors: Pair, w: int, shared: Shared) -> Pair:
    x, c = factors
    return _of_input(b, source, c, w, x, shared), b.add("conv2d", x, w, source=source, **shared)


OPERATIONS = (
    Operation(
        "conv2d",
        _forward_rule,
        run_conv2d,
        _gradient(_pull_forward),
        ("float32", "bfp16", *BYTES),
        "convolution of x [N,H,W,C] with w [KH,KW,C/groups,O]; 8-bit integers are not rounded",
    ),
    Operation(
        "conv2d_input",
        _input_rule,
        run_conv2d_input,
        _gradient(_pull_input),
        ("float32", "bfp16"),
        "the adjoint of conv2d with respect to x, of c and w (a transposed convolution)",
    ),
    Operation(
        "conv2d_weight",
        _weight_rule,
        run_conv2d_weight,
        _gradient(_pull_weight),
        ("float32", "bfp16"),
        "the adjoint of conv2d with respect to w, of x and c",
    ),
)

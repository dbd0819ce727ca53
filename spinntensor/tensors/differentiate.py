"""`st.grad`, `st.value_and_grad`, `st.vjp`: derivatives of functions of tensors, as lazy tensors.

The function is traced, its graph is differentiated from graph to graph, and the result is put in the place of the
call; so derivatives can be differentiated again, compiled, and planned like anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from spinntensor.graph.autodiff import gradients, pullback
from spinntensor.graph.builder import caller
from spinntensor.graph.graph import INPUT, Graph, Node, TensorType
from spinntensor.ops import GRADIENTS, RULES, family
from spinntensor.tensors.base import Base
from spinntensor.tensors.expression import Expression, placeholder
from spinntensor.tensors.lowering import instantiate, lower
from spinntensor.tensors.operands import refuse, tensor
from spinntensor.tensors.structure import LEAF, flatten, unflatten
from spinntensor.tensors.trace import State, Trace
from spinntensor.tensors.variable import Variable

__all__ = ["grad", "value_and_grad", "vjp"]

REAL = ("float32", "bfp16")
"""Formats by which, and of which, there are derivatives."""


@dataclass(frozen=True)
class Call:
    """A traced call: its graph, and what stands outside for each of the graph's inputs.

    wanted : ids of the nodes to differentiate by: operands first, then variables.
    structure : of the operands that are differentiated by.
    returned, shape : leaves and structure of what the function returned.
    ends : id of each leaf's node, None for what is no tensor.
    states : variables and the id of the new value of those that were assigned.
    """

    graph: Graph
    leaves: dict[int, Expression]
    wanted: list[int]
    structure: Any
    operands: int
    returned: list[Any]
    shape: Any
    ends: list[int | None]
    states: list[tuple[Variable, int]]

    def outputs(self, made: dict[int, Expression]) -> Any:
        """What the function returned, over new expressions."""
        leaves = [
            x if end is None else Base.result(made[end], x.grid)
            for x, end in zip(self.returned, self.ends, strict=True)
        ]
        return unflatten(self.shape, iter(leaves))

    def derivatives(self, made: list[Expression]) -> tuple[Any, list[Any]]:
        """Those by operands in the operands' structure, and those by variables."""
        tensors = [Base.result(x) for x in made]
        return unflatten(self.structure, iter(tensors[: self.operands])), tensors[self.operands :]

    def assign(self, made: dict[int, Expression]) -> None:
        """Do outside what the function assigned."""
        for variable, now in self.states:
            variable.assign(Base.result(made[now], variable.grid))


def value_and_grad(
    function: Callable[..., Any],
    argnums: int | Sequence[int] | None = None,
    variables: Sequence[Variable] | None = None,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """A function that returns what `function` returns and its gradient.

    Parameters
    ----------
    function : returns a float32 scalar; with `has_aux`, a pair of it and anything else.
    argnums : the positions of the operands to differentiate by; one number, or several for a tuple of gradients.
        0 unless `variables` are given. An operand may be a list, tuple or dictionary of tensors.
    variables : the variables to differentiate by; their gradients come as a list.
    has_aux : the value comes as the pair that `function` returns.

    Returns `(value, gradient)`: the gradient by operands, by variables, or a pair of both when both are asked for.
    Gradients are float32 tensors of the operands' shapes. Raises ShapeError for an operand of an integer format,
    GraphError for an operation without a gradient on the way.
    """
    if argnums is None and variables is None:
        argnums = 0
    chosen = () if argnums is None else (argnums,) if isinstance(argnums, int) else tuple(argnums)
    by = list(variables) if variables is not None else []

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        call = _trace(function, args, kwargs, chosen, by)
        first = _scalar(call, has_aux)
        graph = gradients(call.graph, first, call.wanted, RULES, GRADIENTS)
        ends = graph.outputs[len(call.graph.outputs) :]
        made = instantiate(graph, call.leaves, (*call.graph.outputs, *ends))
        call.assign(made)
        by_operands, by_variables = call.derivatives([made[i] for i in ends])
        if isinstance(argnums, int):
            by_operands = by_operands[0]
        slopes = by_operands
        if variables is not None:
            slopes = by_variables if argnums is None else (by_operands, by_variables)
        return call.outputs(made), slopes

    return differentiated


def _scalar(call: Call, has_aux: bool) -> int:
    """The id of the node to differentiate."""
    alone = call.shape == LEAF
    pair = not alone and call.shape[0] is tuple and len(call.shape[-1]) == 2 and call.shape[-1][0] == LEAF
    first = call.ends[0] if call.ends and (pair if has_aux else alone) else None
    if first is None or call.graph[first].type != TensorType((), "float32"):
        got = f"structure {call.shape}" if first is None else str(call.graph[first].type)
        wanted = "a pair of a float32 scalar and anything" if has_aux else "a float32 scalar"
        raise refuse("grad", f"a function that returns {got}", wanted, _MEND)
    return first


_MEND = "reduce it with st.sum or st.mean, say has_aux=True for a pair, or use st.vjp"


def grad(
    function: Callable[..., Any],
    argnums: int | Sequence[int] | None = None,
    variables: Sequence[Variable] | None = None,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """A function that returns the gradient of `function`; see `value_and_grad`.

    With `has_aux` it returns the gradient and the second part of what `function` returns.
    """
    both = value_and_grad(function, argnums, variables, has_aux)

    def differentiated(*args: Any, **kwargs: Any) -> Any:
        value, slopes = both(*args, **kwargs)
        return (slopes, value[1]) if has_aux else slopes

    return differentiated


def vjp(function: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], Any]]:
    """What `function(*args)` returns, and the function from its cotangents to those of the operands.

    The second takes tensors or arrays in the structure of the result, float32 and of its shapes, and returns a tuple
    with one entry for each operand. Operands and results are tensors or nested structures of them.
    """
    call = _trace(function, args, {}, tuple(range(len(args))), [])
    made = instantiate(call.graph, call.leaves, call.graph.outputs)
    call.assign(made)
    results = [end for end in call.ends if end is not None]

    def pull(cotangents: Any) -> Any:
        given, shape = flatten(cotangents)
        if shape != call.shape:
            raise refuse(
                "vjp", f"cotangents {shape}", f"the structure of the result, {call.shape}", "match it"
            )
        return _pull(call, results, [tensor(x) for x in given])

    return call.outputs(made), pull


def _pull(call: Call, results: list[int], cotangents: list[Base]) -> Any:
    """Cotangents of the operands; one result's node may come several times."""
    merged: dict[int, Base] = {}
    for end, c in zip(results, cotangents, strict=True):
        wanted = call.graph[end].type.shape
        if c.shape != wanted or c.format != "float32":
            raise refuse("vjp", f"a cotangent {c.node.type}", f"float32 of shape {wanted}", "convert it")
        merged[end] = merged[end] + c if end in merged else c  # type: ignore[operator]  # both are Tensors
    inputs = [placeholder(c.node.type) for c in merged.values()]
    graph, seeds = call.graph, {}
    leaves = dict(call.leaves)
    number = graph.next_id
    nodes = list(graph.nodes)
    for end, holder, c in zip(merged, inputs, merged.values(), strict=True):
        nodes.insert(0, Node(number, INPUT, (), holder.type, (("name", f"cotangent{number}"),), caller()))
        seeds[end], leaves[number] = number, c.node
        number += 1
    seeded = Graph(tuple(nodes), graph.outputs, (), graph.constants)
    pulled = pullback(seeded, seeds, call.wanted, RULES, GRADIENTS)
    ends = pulled.outputs[len(graph.outputs) :]
    made = instantiate(pulled, leaves, ends)
    return call.derivatives([made[i] for i in ends])[0]


def _trace(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    argnums: tuple[int, ...],
    variables: list[Variable],
) -> Call:
    for i in argnums:
        if not -len(args) <= i < len(args):
            raise refuse(
                "grad", f"argnums {i} for {len(args)} operands", "a position among them", "choose one"
            )
    positions = [i % len(args) for i in argnums]
    leaves, structure = flatten(tuple(args[i] for i in positions))
    outside = [tensor(x) for x in leaves]
    for x in [*outside, *variables]:
        if family(x.format) not in REAL:
            raise refuse("grad", f"an operand {x.node.type}", "float32 or bfp16", "convert it with astype")
    source = caller()
    with Trace() as trace:
        holders = [placeholder(x.node.type, source) for x in outside]
        inside = unflatten(
            structure, iter([Base.result(h, x.grid) for h, x in zip(holders, outside, strict=True)])
        )
        places = {i: x for i, x in zip(positions, inside, strict=True)}
        by: list[State] = [trace.state(v) for v in variables]
        wanted = [*holders, *(s.before for s in by)]
        returned, shape = flatten(function(*(places.get(i, x) for i, x in enumerate(args)), **kwargs))
        ends = [x.node if isinstance(x, Base) else None for x in returned]
        states = list(trace.states.values())
    written = [s for s in states if s.now is not s.before]
    roots = [x for x in ends if x is not None]
    inputs = [*holders, *(s.before for s in states)]
    lowered = lower([*roots, *(s.now for s in written)], (), inputs, trace.first)
    stands_for = {id(h): x.node for h, x in zip(holders, outside, strict=True)}
    stands_for.update((id(s.before), s.variable.node) for s in states)
    given = iter(lowered.graph.outputs)
    number = {id(x): i for i, x in lowered.leaves.items()}
    return Call(
        lowered.graph,
        {i: stands_for.get(id(x), x) for i, x in lowered.leaves.items()},
        [number[id(x)] for x in wanted],
        structure,
        len(holders),
        returned,
        shape,
        [None if x is None else next(given) for x in ends],
        [(s.variable, i) for s, i in zip(written, given, strict=True)],
    )

"""Writes docs/tensors.md from the code: what tensors, the graph's operations and NumPy's protocols support.

python -m spinntensor.report.tensors docs/tensors.md
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from spinntensor import tensors
from spinntensor.ops import FORMATS, OPERATIONS
from spinntensor.report.files import writable, write_whole
from spinntensor.tensors import operands, protocols, report

HEAD = """# Tensors: what is supported

This page is generated: `python -m spinntensor.report.tensors docs/tensors.md`. A test holds it to the code.

```python
import spinntensor as st

x = st.tensor([[1.0, 2.0], [3.0, 4.0]])
y = st.tanh(x @ x.T) + 1
print(y)
```

**Lazy.** An expression is recorded and computed when a value is asked for: `numpy()`, `np.asarray`, `print`, `float`,
`int`, `bool`, `item`, `tolist`. Shapes and formats are checked when it is recorded; an error says what came, what was
expected, what mends it, and names the line of your program. What a tensor names is kept once it was computed. Arrays
that come out may not be written; `np.array(x)` copies.

**Formats.** {formats}

{table}

Formats never change by themselves: two tensors of different formats have no common one, `astype`, `st.quantize` and
`st.dequantize` convert.

**Variables.** `st.Variable(value)` holds what `assign` gives it; what was computed from it before keeps the old value.

**Functions.** `st.compile(f)` traces `f` once for each kind of operands and runs one optimised graph with the same
bits; `compiled.graph(...)` gives the graph: `print_graph`, `parse_graph` and `graph.show().save("f.svg")`.
`st.grad`, `st.value_and_grad` and `st.vjp` differentiate from graph to graph, as often as you like. Asking for a value
inside a traced function is an error.

**Nothing is silent.** Each of these is a `NumericWarning` with operation and source line, or is collected:
`with st.counting() as counts: ...; print(counts)`. Elements that a conversion rounds to 0 (`lost`) are only collected.

| count | means |
|---|---|
{counts}
"""


TABLE = {
    "`float32`": (
        "IEEE 754 single",
        "element-wise operations are rounded once; products are block floating point, sums a fixed tree: "
        "[numerics](numerics.md)",
    ),
    "`bfp16`": (
        "16-bit mantissas, one power-of-two exponent for the tensor or for each index of one axis",
        "products are exact in 13-bit operands; element-wise operations are those of float32, converted back",
    ),
    "`int8`, `uint8`": (
        "(q - zero point) * scale on a grid, by tensor or channel; plain integers without one",
        "products and convolutions give `int32` sums, which `st.quantize` requantises",
    ),
    "`int32`": (
        "plain integers, or sums of products on a grid",
        "exact; a result that does not fit is an error",
    ),
    "`int64`, `bool`": ("indices and conditions, on the host only", "exact"),
}
"""What each format is, and how it computes."""


def page() -> str:
    """The whole page."""
    rule = " ".join((operands.__doc__ or "").split("\n\n", 1)[1].split())
    counts = "\n".join(f"| `{name}` | {words} |" for name, words in report.WORDS.items())
    rows = [f"| {name} | {' | '.join(cells)} |" for name, cells in TABLE.items()]
    table = "\n".join(["| format | is | arithmetic |", "|---|---|---|", *rows])
    parts = [HEAD.format(formats=rule, counts=counts, table=table), "## Functions\n"]
    for module in tensors.MODULES:
        parts.append(f"### {_first_line(module)}\n\n| | |\n|---|---|\n{_functions(module)}\n")
    parts += ["## Methods and operators of `Tensor`\n", f"{_methods()}\n"]
    parts += ["## NumPy's functions on tensors\n", f"{_protocols()}\n"]
    parts += ["## Operations of the graph\n", _operations()]
    return "\n".join(parts)


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").split("\n", 1)[0].rstrip(".").replace("|", "\\|")


def _functions(module: ModuleType) -> str:
    """One row a function, with its signature."""
    rows = []
    for name in module.__all__:
        thing = getattr(module, name)
        called = f"{name}{_signature(thing)}" if callable(thing) else name
        rows.append(f"| `st.{called}` | {_first_line(thing)} |")
    return "\n".join(rows)


def _signature(thing: Any) -> str:
    """Names of the operands, with defaults, without types."""
    found = inspect.signature(thing)
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    return str(found.replace(parameters=plain, return_annotation=inspect.Signature.empty)).replace("|", "\\|")


def _methods() -> str:
    names = sorted({n for kind in tensors.Tensor.__mro__[:-1] for n in vars(kind)} - {"result"})
    plain = [n for n in names if not n.startswith("_")]
    operators = [n for n in names if n in OPERATORS]
    signs = ", ".join(f"`{OPERATORS[n]}`" for n in operators)
    return f"{_listed(f'`{n}`' for n in plain)}\n\nOperators: {signs}, `x[...]`."


OPERATORS = {
    "__add__": "+",
    "__sub__": "-",
    "__mul__": "*",
    "__truediv__": "/",
    "__floordiv__": "//",
    "__mod__": "%",
    "__pow__": "**",
    "__matmul__": "@",
    "__neg__": "-x",
    "__abs__": "abs",
    "__eq__": "==",
    "__ne__": "!=",
    "__lt__": "<",
    "__le__": "<=",
    "__gt__": ">",
    "__ge__": ">=",
    "__and__": "&",
    "__or__": "\\|",
    "__xor__": "^",
    "__invert__": "~",
}
"""Python's operators by the name of their method."""


def _protocols() -> str:
    ufuncs = _listed(f"`np.{f.__name__}`" for f in protocols.UFUNCS)
    methods = _listed(f"`np.{f.__name__}.{method}`" for f, method in protocols.METHODS)
    functions = _listed(f"`{protocols.name_of(f)}`" for f in protocols.FUNCTIONS)
    return (
        f"Ufuncs: {ufuncs}.\n\nTheir methods: {methods}.\n\nOther functions: {functions}.\n\n"
        "Anything else raises TypeError by name; `np.asarray(x)` converts when you want an array."
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _operations() -> str:
    """One row an operation, one column a format."""
    head = "| operation | what it computes | gradient | " + " | ".join(FORMATS) + " |"
    rows = [head, "|---|---|:-:|" + ":-:|" * len(FORMATS)]
    for name, operation in sorted(OPERATIONS.items()):
        marks = " | ".join("x" if form in operation.formats else "" for form in FORMATS)
        summary = operation.summary.rstrip(".").replace("|", "\\|")
        rows.append(f"| `{name}` | {summary} | {'x' if operation.gradient else ''} | {marks} |")
    return "\n".join(rows) + "\n"


def main(path: str) -> None:
    """Write the page to `path`."""
    write_whole(writable(path, (".md",)), lambda part: part.write_text(page()))


if __name__ == "__main__":
    main(*sys.argv[1:])

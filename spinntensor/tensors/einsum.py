"""Einstein summation: any equation, as moves, sums and products of two tensors at a time.

Labels that one operand has alone are summed before the product, those of both in it, so a result is a function of
the equation, the operands and the order of contraction; nothing chooses an order behind the user's back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from spinntensor.tensors.alike import widened
from spinntensor.tensors.base import Base, apply
from spinntensor.tensors.contraction import BYTES, contracted, factors
from spinntensor.tensors.moves import mixed, part, reshaped, scale_axis, transposed
from spinntensor.tensors.operands import refuse, tensor
from spinntensor.tensors.reduction import sum as total

if TYPE_CHECKING:
    from spinntensor.tensors.tensor import Tensor

Labels = tuple[str, ...]
Term = tuple[Base, Labels]
"""A tensor and the labels of its axes."""


def einsum(
    equation: str, *operands: Any, format: str | None = None, path: Sequence[Sequence[int]] | None = None
) -> Tensor:
    """The sum of products that an equation describes: `einsum("ij,jk->ik", a, b)` is a @ b.

    Parameters
    ----------
    equation : a letter for each axis of each operand. Axes with one letter go together; letters behind `->` are the
        result's, others are summed. Without `->` the result has the letters that occur once, sorted. A letter twice in
        one operand takes its diagonal; `...` stands for more axes, which are broadcast.
    operands : as many as the equation has; formats as in `matmul`. Sizes of a letter are equal, or 1.
    format : of the result for bfp16 operands, "bfp16" (default) or "float32".
    path : the order of contraction, as in `numpy.einsum_path`: each step names places in the list of operands, takes
        them out and puts its result at the end. None contracts from left to right.

    Two int8 or uint8 operands give int32, more of them are refused. ShapeError for an equation that is not one, or
    that operands do not fit.
    """
    if not isinstance(equation, str):
        received = f"{type(equation).__name__} for the equation"
        raise refuse("einsum", received, "a text such as 'ij,jk->ik'", "write the equation with letters")
    tensors = factors("einsum", format, *operands) if len(operands) > 1 else [tensor(v) for v in operands]
    if len(tensors) > 2 and tensors[0].format in BYTES:
        received = f"{len(tensors)} operands of 8 bits"
        raise refuse("einsum", received, "two at most", "contract two at a time, and st.quantize between")
    inputs, output = _parsed(equation, tuple([t.ndim for t in tensors]))
    terms = _sized(equation, list(zip(tensors, inputs, strict=True)))
    if len(terms) == 1 and format == "float32":
        terms = [(widened(terms[0][0]), terms[0][1])]
    for step, places in enumerate(_order(path, len(terms))):
        group = [terms[i] for i in places]
        terms = [t for i, t in enumerate(terms) if i not in places]
        last = step == len(inputs) - 2 and not terms
        needed = {*output, *(label for _, labels in terms for label in labels)}
        terms.append(_pair(group[0], group[1], needed, format if last else None))
    x, labels = _summed(terms[0], set(output))
    return transposed(x, tuple([labels.index(label) for label in output]))


@lru_cache(512)
def _parsed(equation: str, ranks: tuple[int, ...]) -> tuple[tuple[Labels, ...], Labels]:
    """Labels of the axes of operands and result: letters, and '.n' for the n-th axis from the end that dots mean."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    letters = left.replace(",", "").replace("...", "") + right.replace("...", "")
    if not all("a" <= c.lower() <= "z" for c in letters) or any(p.count("...") > 1 for p in (*parts, right)):
        expected = "letters, commas, '->' and '...' once in each part"
        raise refuse("einsum", f"equation {equation!r}", expected, "correct the equation")
    if len(parts) != len(ranks):
        received = f"{len(ranks)} operands for {equation!r}"
        raise refuse("einsum", received, f"{len(parts)} operands", "give one for each part")
    inputs = []
    for place, (labels, rank) in enumerate(zip(parts, ranks, strict=True)):
        dots = rank - len(labels.replace("...", ""))
        if dots < 0 or (dots and "..." not in labels):
            received = f"operand {place} with {rank} axes for {labels!r}"
            raise refuse("einsum", received, "a letter for each axis", "correct the equation, or use '...'")
        inputs.append(_spelled(labels, dots))
    wide = max((len([c for c in labels if c[0] == "."]) for labels in inputs), default=0)
    if arrow:
        output = _spelled(right, wide)
        counts = Counter(output)
        unknown = [c for c in output if counts[c] > 1 or not any(c in labels for labels in inputs)]
        if unknown or (wide and "..." not in right):
            what = f"{unknown[0]!r} in the result" if unknown else "no '...' in the result"
            expected = "letters of operands, each once, and their '...'"
            raise refuse("einsum", f"{what} of {equation!r}", expected, "correct the equation")
    else:
        counts = Counter(c for labels in inputs for c in labels)
        output = (*_spelled("...", wide), *sorted(c for c, n in counts.items() if n == 1 and c[0] != "."))
    return tuple(inputs), output


def _spelled(labels: str, dots: int) -> Labels:
    """The labels one by one, with those that dots stand for."""
    before, found, after = labels.partition("...")
    middle = [f".{n}" for n in range(dots, 0, -1)] if found else []
    return (*before, *middle, *after)


def _sized(equation: str, terms: Sequence[Term]) -> list[Term]:
    """Terms with each label once and in its full size: diagonals taken, axes of size 1 dropped where others are not."""
    sizes: dict[str, int] = {}
    for x, labels in terms:
        own: dict[str, int] = {}
        for label, size in zip(labels, x.shape, strict=True):
            known, mine = sizes.setdefault(label, size), own.setdefault(label, size)
            if (size not in (1, known) and known != 1) or size != mine:
                name = "an axis of '...'" if label[0] == "." else f"letter {label!r}"
                received = f"sizes {known} and {size} of {name} in {equation!r}"
                raise refuse("einsum", received, "equal sizes, or 1 in one operand", "reshape an operand")
            sizes[label] = size if known == 1 else known
    result = []
    for x, labels in terms:
        full = [i for i, label in enumerate(labels) if x.shape[i] == sizes[label]]
        if len(full) < len(labels):
            x, labels = reshaped(x, tuple([x.shape[i] for i in full])), tuple([labels[i] for i in full])
        result.append(_diagonals(x, labels))
    return result


def _diagonals(x: Base, labels: Labels) -> Term:
    """The diagonal of the axes that share a label."""
    if len(set(labels)) == len(labels):
        return x, labels
    for label, count in Counter(labels).items():
        if count > 1:
            rest = [i for i, other in enumerate(labels) if other != label]
            twice = [i for i, other in enumerate(labels) if other == label]
            x = transposed(x, (*rest, *twice))
            shape, n = x.shape[: len(rest)], x.shape[-1]
            step = sum(n**i for i in range(count))  # from (i, i, ...) to (i + 1, i + 1, ...), row-major
            x = part(reshaped(x, (*shape, n**count)), len(rest), 0, n, step if n > 1 else 1)
            labels = (*[labels[i] for i in rest], label)
    return x, labels


def _order(path: Sequence[Sequence[int]] | None, count: int) -> list[tuple[int, int]]:
    """Steps with two places each; ShapeError for a path that does not end with one tensor."""
    if path is None:
        return [(0, 1)] + [(count - 2 - i, 0) for i in range(count - 2)] if count > 1 else []
    steps = []
    left = count
    for places in [p for p in path if not isinstance(p, str)]:
        chosen = list(places)
        if len(set(chosen)) < len(chosen) or not all(isinstance(i, int) and 0 <= i < left for i in chosen):
            left = 0
            break
        if len(chosen) > 1:
            steps += _steps(chosen, left)
            left -= len(chosen) - 1
    if left != 1:
        expected = f"steps of places in the list, which leave one of {count} operands"
        raise refuse("einsum", f"path {path!r}", expected, "use what numpy.einsum_path gives")
    return steps


def _steps(chosen: Sequence[int], left: int) -> list[tuple[int, int]]:
    """Steps with two places each for one that contracts several from left to right."""
    names = list(range(left))
    found = []
    held = chosen[0]
    for other in chosen[1:]:
        found.append((names.index(held), names.index(other)))
        names = [n for n in names if n not in (held, other)] + [-1]
        held = -1
    return found


def _pair(one: Term, other: Term, needed: set[str], format: str | None) -> Term:
    """The product of two terms, summed over the labels that nobody else needs."""
    a, b = one, other
    if a[0].format not in BYTES:  # of bytes the exact sums of products are summed
        a, b = _summed(a, needed | set(b[1])), _summed(b, needed | set(a[1]))
    (x, mine), (y, others) = a, b
    shared = [label for label in mine if label in others]
    kept = [label for label in shared if label in needed]
    common = [label for label in shared if label not in needed]
    z = contracted(
        "einsum",
        x,
        y,
        [(mine.index(c), others.index(c)) for c in common],
        [(mine.index(c), others.index(c)) for c in kept],
        format,
    )
    labels = (*kept, *[c for c in mine if c not in shared], *[c for c in others if c not in shared])
    return _summed((z, labels), needed)


def _summed(term: Term, needed: set[str]) -> Term:
    """A term after the sum over the labels that nobody needs."""
    x, labels = term
    axes = tuple([i for i, label in enumerate(labels) if label not in needed])
    if not axes:
        return term
    left = tuple([label for label in labels if label in needed])
    if x.format == "int32" and x.grid is not None:  # a grid of sums has zero point 0
        scales = scale_axis(x)
        if scales is not None:
            raise mixed("einsum", x)
        return apply("sum", x, grid=x.grid, axes=axes), left
    return total(x, axis=axes), left

"""The errors spinntensor raises: each carries its facts as attributes and composes its message from them.

A message says what was received, what was expected, and the one knob that mends it. The facts are the
exception's ``args``, so every error survives pickling on its way between processes. Standard library only.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping


class SpinnTensorError(Exception):
    """Base of every error raised by spinntensor; catch this to catch them all."""


class CompileError(SpinnTensorError):
    """The ARM cross compiler refused a source file, or could not be started.

    Parameters
    ----------
    compiler : str
        The command that was run, or the name of the compiler that was looked for.
    source : str
        The source file it was given; empty when it could not be started at all.
    message : str
        What the compiler printed, or what is missing and how to get it.
    """

    def __init__(self, compiler: str, source: str, message: str) -> None:
        super().__init__(compiler, source, message)
        self.compiler = compiler
        self.source = source
        self.message = message

    def __str__(self) -> str:
        where = f"{self.compiler} on {self.source}:\n" if self.source else f"{self.compiler}: "
        return where + self.message.rstrip()


class UnknownNameError(SpinnTensorError, KeyError):
    """Nothing of this kind has this name; a KeyError too, so that mappings behave like mappings.

    Parameters
    ----------
    kind : str
        What was looked for, such as `layer`; its plural has an s.
    name : str
        The name that was asked for.
    known : iterable of str
        The names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(sorted(known))
        super().__init__(kind, name, self.known)

    @property
    def close(self) -> tuple[str, ...]:
        """Known names that resemble the one asked for, best first (at most three)."""
        return tuple(difflib.get_close_matches(str(self.name), self.known, n=3, cutoff=0.5))

    def __str__(self) -> str:
        if self.close:
            mend = f"did you mean {' or '.join(map(repr, self.close))}?"
        elif self.known:
            mend = f"known {self.kind}s: {', '.join(self.known)}"
        else:
            mend = f"no {self.kind}s are registered"
        return f"unknown {self.kind} {self.name!r}; {mend}"


class UnknownKernelError(UnknownNameError):
    """No kernel has this name.

    Parameters
    ----------
    name : str
        The name that was asked for.
    known : iterable of str
        The names that exist.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__("kernel", name, known)
        self.args = (self.name, self.known)


class OperandError(SpinnTensorError, ValueError):
    """An operand has the wrong shape, type, range or alignment for the kernel it was given to.

    Parameters
    ----------
    kernel, operand : str
        The kernel, and the name of the operand as its signature spells it.
    received, expected : object
        What came and what was wanted, printed as they are: a shape, a dtype, a range, or words.
    mend : str
        The one change that makes the call valid.
    """

    def __init__(self, kernel: str, operand: str, received: object, expected: object, mend: str) -> None:
        super().__init__(kernel, operand, received, expected, mend)
        self.kernel = kernel
        self.operand = operand
        self.received = received
        self.expected = expected
        self.mend = mend

    def __str__(self) -> str:
        return (
            f"{self.kernel}: operand {self.operand!r}: "
            f"received {self.received}, expected {self.expected}; {self.mend}"
        )


class DTCMError(SpinnTensorError):
    """The operands of one kernel call do not fit the data memory of a core.

    Parameters
    ----------
    kernel : str
    needed, available : int
        Bytes that the call needs, and bytes that the core has for operands.
    operands : mapping of str to int
        Bytes of each operand.
    """

    def __init__(self, kernel: str, needed: int, available: int, operands: Mapping[str, int]) -> None:
        self.kernel = kernel
        self.needed = needed
        self.available = available
        self.operands = dict(operands)
        super().__init__(kernel, needed, available, self.operands)

    def __str__(self) -> str:
        by_size = sorted(self.operands.items(), key=lambda item: (-item[1], item[0]))
        parts = ", ".join(f"{name} {size:,}" for name, size in by_size)
        largest = f"; shrink {by_size[0][0]!r}, the largest, by a smaller tile" if by_size else ""
        return (
            f"{self.kernel}: needs {self.needed:,} bytes of DTCM, {self.available:,} are available"
            f"{f' ({parts})' if parts else ''}{largest or '; shrink the tile'}"
        )


class ITCMError(SpinnTensorError):
    """The code that a core needs does not fit its instruction memory.

    Parameters
    ----------
    needed, available : int
        Bytes of code, and bytes that an application may fill.
    pieces : mapping of str to int
        Bytes of each program and kernel.
    """

    def __init__(self, needed: int, available: int, pieces: Mapping[str, int]) -> None:
        self.needed = needed
        self.available = available
        self.pieces = dict(pieces)
        super().__init__(needed, available, self.pieces)

    def __str__(self) -> str:
        parts = ", ".join(
            f"{name} {size:,}" for name, size in sorted(self.pieces.items(), key=lambda p: -p[1])
        )
        return (
            f"code needs {self.needed:,} bytes of ITCM, {self.available:,} are available ({parts}); "
            "give this core fewer different kernels"
        )


class RangeError(SpinnTensorError, ValueError):
    """An integer result leaves its type, or the proof that it cannot does not hold for this call.

    Parameters
    ----------
    kernel : str
    bound : int
        What a sum or a result may reach, from the shapes and the operands' ranges, or does reach.
    limit : int
        The largest number that its type holds.
    mend : str
        The one change that makes the proof hold.
    """

    def __init__(self, kernel: str, bound: int, limit: int, mend: str) -> None:
        super().__init__(kernel, bound, limit, mend)
        self.kernel = kernel
        self.bound = bound
        self.limit = limit
        self.mend = mend

    def __str__(self) -> str:
        return (
            f"{self.kernel}: results may reach {self.bound:,}, their type ends at {self.limit:,}; {self.mend}"
        )


class GraphError(SpinnTensorError):
    """A graph breaks one of its rules.

    Parameters
    ----------
    node : int
        Id of the node.
    op : str
        Its operation.
    source : str
        The user's `file:line` that made it, or empty.
    received, expected : str
        What the graph holds, and what the rule asks for.
    """

    def __init__(self, node: int, op: str, source: str, received: str, expected: str) -> None:
        super().__init__(node, op, source, received, expected)
        self.node = node
        self.op = op
        self.source = source
        self.received = received
        self.expected = expected

    def __str__(self) -> str:
        where = f" from {self.source}" if self.source else ""
        return f"node %{self.node} ({self.op}){where}: received {self.received}, expected {self.expected}"


class ShapeError(SpinnTensorError, ValueError):
    """Operands or attributes of an operation do not fit each other.

    Parameters
    ----------
    op : str
        The operation.
    received, expected : str
        What came, and what the operation takes.
    mend : str
        The one change that makes it fit.
    source : str
        The user's `file:line`, or empty.
    """

    def __init__(self, op: str, received: str, expected: str, mend: str, source: str = "") -> None:
        super().__init__(op, received, expected, mend, source)
        self.op = op
        self.received = received
        self.expected = expected
        self.mend = mend
        self.source = source

    def at(self, source: str) -> ShapeError:
        """The same error at a line of the user's program, unless it has one already."""
        return type(self)(self.op, self.received, self.expected, self.mend, self.source or source)

    def __str__(self) -> str:
        where = f" at {self.source}" if self.source else ""
        return f"{self.op}{where}: received {self.received}, expected {self.expected}; {self.mend}"


class PlaceError(ShapeError, IndexError):
    """A ShapeError about an index that an axis does not have; an IndexError too, as sequences raise it."""


class TraceError(SpinnTensorError, TypeError):
    """A value was asked for that a trace does not know: inside st.compile, st.grad or st.vjp.

    Parameters
    ----------
    kind : str
        Shape and format of the tensor.
    source : str
        The user's `file:line`, or empty.
    """

    def __init__(self, kind: str, source: str) -> None:
        super().__init__(kind, source)
        self.kind = kind
        self.source = source

    def __str__(self) -> str:
        where = f" at {self.source}" if self.source else ""
        return (
            f"the value of {self.kind} was asked for{where} while a function is traced, received none, expected "
            "operations on tensors alone; use st.where in place of if, or compute that value outside"
        )


class NumericWarning(RuntimeWarning):
    """Something happened to numbers that a result alone does not show: an overflow, a saturation, a lost range.

    Parameters
    ----------
    name : str
        `overflowed`, `nonfinite`, `invalid`, `saturated` or `lost`.
    count : int
        How often.
    op, source : str
        The operation, and the user's `file:line` that made it, or empty.
    words : str
        What happened, in words.
    """

    def __init__(self, name: str, count: int, op: str, source: str, words: str) -> None:
        super().__init__(name, count, op, source, words)
        self.name = name
        self.count = count
        self.op = op
        self.source = source
        self.words = words

    def __str__(self) -> str:
        where = f" at {self.source}" if self.source else ""
        return f"{self.op}{where}: {self.count:,} {self.words}"


class ParseError(SpinnTensorError, ValueError):
    """A text is not a graph's.

    Parameters
    ----------
    line : int
        Number of the line, from 1.
    text : str
        The line.
    expected : str
        What may stand there.
    """

    def __init__(self, line: int, text: str, expected: str) -> None:
        super().__init__(line, text, expected)
        self.line = line
        self.text = text
        self.expected = expected

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        return f"line {self.line}: received {shown!r}, expected {self.expected}; print the graph again"


class OutputError(SpinnTensorError, OSError):
    """A file that was asked for cannot be written.

    Parameters
    ----------
    path : str
    reason : str
        What stands in the way.
    mend : str
        The one change that makes it possible.
    """

    def __init__(self, path: str, reason: str, mend: str) -> None:
        super().__init__(path, reason, mend)
        self.path = path
        self.reason = reason
        self.mend = mend

    def __str__(self) -> str:
        return f"cannot write {self.path}: {self.reason}; {self.mend}"


class InputError(SpinnTensorError, OSError):
    """A file that was given cannot be read, or does not hold what its name promises.

    Parameters
    ----------
    path : str
    reason : str
        What stands in the way, or what is wrong inside.
    mend : str
        The one change that makes it readable.
    """

    def __init__(self, path: str, reason: str, mend: str) -> None:
        super().__init__(path, reason, mend)
        self.path = path
        self.reason = reason
        self.mend = mend

    def __str__(self) -> str:
        return f"cannot read {self.path}: {self.reason}; {self.mend}"


class WeightsError(SpinnTensorError, ValueError):
    """Weights that were given do not fit a layer.

    Parameters
    ----------
    layer : str
        Name of the layer.
    weight : str
        Name of the weight, or empty when all of the layer's are meant.
    received, expected : str
        What came and what the layer takes: numbers of arrays, shapes, or words.
    mend : str
        The one change that makes them fit.
    """

    def __init__(self, layer: str, weight: str, received: str, expected: str, mend: str) -> None:
        super().__init__(layer, weight, received, expected, mend)
        self.layer = layer
        self.weight = weight
        self.received = received
        self.expected = expected
        self.mend = mend

    def __str__(self) -> str:
        where = f", weight {self.weight!r}" if self.weight else ""
        return f"layer {self.layer!r}{where}: received {self.received}, expected {self.expected}; {self.mend}"


class DivergenceError(SpinnTensorError, ArithmeticError):
    """Something that training computed is not finite; the weights are those before the step.

    Parameters
    ----------
    epoch, step : int
        Where it happened, both from 0; the step counts from the start of the epoch.
    value : float
        The loss.
    where : str
        What was not finite first: a layer's output, the loss, a gradient.
    mend : str
        The one change to try.
    """

    def __init__(self, epoch: int, step: int, value: float, where: str, mend: str) -> None:
        super().__init__(epoch, step, value, where, mend)
        self.epoch = epoch
        self.step = step
        self.value = value
        self.where = where
        self.mend = mend

    def __str__(self) -> str:
        return (
            f"training stopped in epoch {self.epoch}, step {self.step}, at loss {self.value}: expected finite numbers, "
            f"the first that is none: {self.where}; {self.mend}"
        )


class EstimateError(SpinnTensorError):
    """The fitted weights of a kernel's cycle estimator are missing or were fitted for another version of it.

    Parameters
    ----------
    kernel : str
    weights, counts : int
        Weights that the data file has for it, and counts that the kernel gives.
    """

    def __init__(self, kernel: str, weights: int, counts: int) -> None:
        super().__init__(kernel, weights, counts)
        self.kernel = kernel
        self.weights = weights
        self.counts = counts

    def __str__(self) -> str:
        return (
            f"{self.kernel}: the estimator has {self.weights} fitted weights for {self.counts} counts; "
            f"run python bench/fit.py --only {self.kernel!r}"
        )


class EngineError(SpinnTensorError):
    """The tile engine stopped before the end of its program; what it computed must not be used.

    Parameters
    ----------
    status : str
        The engine's own word for it, `ENGINE_...`.
    at : int
        Index of the command at which it stopped.
    label : str
        What that command was for.
    dma_status : int
        The DMA controller's STAT register, 0 when no transfer failed.
    """

    def __init__(self, status: str, at: int, label: str, dma_status: int) -> None:
        super().__init__(status, at, label, dma_status)
        self.status = status
        self.at = at
        self.label = label
        self.dma_status = dma_status

    def __str__(self) -> str:
        dma = f", DMA STAT {self.dma_status:#010x}" if self.dma_status else ""
        mend = (
            "check the transfer's SDRAM and DTCM addresses"
            if self.dma_status
            else "build the program and the image with the same version"
        )
        return f"tile engine: {self.status} at command {self.at} ({self.label}){dma}; {mend}"


class MissingDependencyError(SpinnTensorError, ImportError):
    """A package that only an extra installs is not there.

    Parameters
    ----------
    package : str
        The package that could not be imported.
    extra : str
        The extra of spinntensor that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(package, extra)
        self.package = package
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.package} is not installed; pip install 'spinntensor[{self.extra}]'"


class MissingImageError(SpinnTensorError):
    """The built ARM images are not where the package keeps them.

    Parameters
    ----------
    path : str or os.PathLike
        The file that was looked for.
    """

    def __init__(self, path: object) -> None:
        self.path = str(path)
        super().__init__(self.path)

    def __str__(self) -> str:
        return (
            f"no ARM image at {self.path}; build it with: python -m spinntensor.image.build "
            "(a checkout needs pip install ziglang==0.17.1 for that; a wheel carries its images)"
        )


class SDRAMError(SpinnTensorError):
    """What a plan keeps in the SDRAM of a chip does not fit.

    Parameters
    ----------
    needed, available : int
        Bytes at the fullest moment, and bytes that applications may have.
    consumers : mapping of str to int
        Bytes by what they are for.
    machine : str
        The smallest machine that would do, as the grammar of machines spells it, or empty when none is known.
    reason : str
        The arithmetic that says so, in words.
    """

    def __init__(
        self, needed: int, available: int, consumers: Mapping[str, int], machine: str, reason: str
    ) -> None:
        self.needed = needed
        self.available = available
        self.consumers = dict(consumers)
        self.machine = machine
        self.reason = reason
        super().__init__(needed, available, self.consumers, machine, reason)

    @property
    def largest(self) -> tuple[tuple[str, int], ...]:
        """The three largest consumers."""
        return tuple(sorted(self.consumers.items(), key=lambda item: (-item[1], item[0]))[:3])

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {size:,}" for name, size in self.largest)
        mend = f"take machine {self.machine}" if self.machine else "make the batch or the model smaller"
        return (
            f"the plan needs {self.needed:,} bytes of SDRAM, sdram_usable_bytes gives {self.available:,} on a chip; "
            f"the largest: {parts}; {mend}: {self.reason}"
        )


class UnsupportedError(SpinnTensorError):
    """Operations of a graph that cannot be lowered to tiles, all of them at once.

    Parameters
    ----------
    operations : iterable of (str, str)
        Each operation's name and the user's line that asked for it, empty where it is not known.
    """

    def __init__(self, operations: Iterable[tuple[str, str]]) -> None:
        self.operations = tuple(operations)
        super().__init__(self.operations)

    def __str__(self) -> str:
        listed = "; ".join(f"{op} at {source}" if source else op for op, source in self.operations)
        return (
            f"received {len(self.operations)} operations that no tiles compute: {listed}; "
            "expected operations that have a rule and kernels; compute these on the host, outside the graph"
        )


class CutError(SpinnTensorError, ValueError):
    """A cut does not divide its stage: a plan that would compute an element twice, or never.

    Parameters
    ----------
    stage : str
        Name of the stage.
    received, expected, mend : str
        What was found, what is needed, and what to do.
    """

    def __init__(self, stage: str, received: str, expected: str, mend: str) -> None:
        super().__init__(stage, received, expected, mend)
        self.stage = stage
        self.received = received
        self.expected = expected
        self.mend = mend

    def __str__(self) -> str:
        return f"stage {self.stage!r}: received {self.received}, expected {self.expected}; {self.mend}"

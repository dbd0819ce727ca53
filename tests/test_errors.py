"""Every error carries its facts, says what mends it, and survives pickling."""

from __future__ import annotations

import pickle

import pytest

from spinntensor import errors
from spinntensor.errors import (
    CompileError,
    CutError,
    DivergenceError,
    DTCMError,
    EngineError,
    EstimateError,
    GraphError,
    InputError,
    ITCMError,
    MissingDependencyError,
    MissingImageError,
    NumericWarning,
    OperandError,
    OutputError,
    ParseError,
    PlaceError,
    RangeError,
    SDRAMError,
    ShapeError,
    SpinnTensorError,
    TraceError,
    UnknownKernelError,
    UnknownNameError,
    UnsupportedError,
    WeightsError,
)

CASES = [
    (
        CompileError("ziglang", "gemm.c", "gemm.c:3: error: no\n"),
        {"compiler": "ziglang", "source": "gemm.c", "message": "gemm.c:3: error: no\n"},
        "ziglang on gemm.c:\ngemm.c:3: error: no",
    ),
    (
        CompileError("ziglang", "", "no ARM compiler: pip install ziglang"),
        {"source": ""},
        "ziglang: no ARM compiler: pip install ziglang",
    ),
    (
        UnknownKernelError("gem_s16", ["pool_s16", "gemm_s16"]),
        {"name": "gem_s16", "known": ("gemm_s16", "pool_s16"), "close": ("gemm_s16", "pool_s16")},
        "unknown kernel 'gem_s16'; did you mean 'gemm_s16' or 'pool_s16'?",
    ),
    (
        UnknownKernelError("x", ["gemm", "add"]),
        {"close": ()},
        "unknown kernel 'x'; known kernels: add, gemm",
    ),
    (UnknownKernelError("x", []), {"known": ()}, "unknown kernel 'x'; no kernels are registered"),
    (
        UnknownNameError("layer", "Danse", ["Dense", "Add"]),
        {"kind": "layer", "name": "Danse", "known": ("Add", "Dense"), "close": ("Dense",)},
        "unknown layer 'Danse'; did you mean 'Dense'?",
    ),
    (
        InputError("w.safetensors", "it ends after 3 of 8 bytes", "copy it again"),
        {"path": "w.safetensors", "reason": "it ends after 3 of 8 bytes", "mend": "copy it again"},
        "cannot read w.safetensors: it ends after 3 of 8 bytes; copy it again",
    ),
    (
        WeightsError("dense_1", "kernel", "shape (3, 4)", "shape (4, 3)", "transpose it"),
        {"layer": "dense_1", "weight": "kernel", "received": "shape (3, 4)", "expected": "shape (4, 3)"},
        "layer 'dense_1', weight 'kernel': received shape (3, 4), expected shape (4, 3); transpose it",
    ),
    (
        WeightsError("dense", "", "1 array", "2 arrays", "add the bias"),
        {"weight": "", "mend": "add the bias"},
        "layer 'dense': received 1 array, expected 2 arrays; add the bias",
    ),
    (
        DivergenceError(2, 7, float("inf"), "output of dense_1", "lower the learning rate"),
        {"epoch": 2, "step": 7, "value": float("inf"), "where": "output of dense_1"},
        "training stopped in epoch 2, step 7, at loss inf: expected finite numbers, "
        "the first that is none: output of dense_1; lower the learning rate",
    ),
    (
        OperandError("gemm", "b", "int64", "int16", "b.astype(np.int16)"),
        {
            "kernel": "gemm",
            "operand": "b",
            "received": "int64",
            "expected": "int16",
            "mend": "b.astype(np.int16)",
        },
        "gemm: operand 'b': received int64, expected int16; b.astype(np.int16)",
    ),
    (
        DTCMError("gemm", 70000, 60000, {"a": 30000, "c": 40000}),
        {"kernel": "gemm", "needed": 70000, "available": 60000, "operands": {"a": 30000, "c": 40000}},
        "gemm: needs 70,000 bytes of DTCM, 60,000 are available (c 40,000, a 30,000); "
        "shrink 'c', the largest, by a smaller tile",
    ),
    (
        DTCMError("gemm", 2, 1, {}),
        {"operands": {}},
        "gemm: needs 2 bytes of DTCM, 1 are available; shrink the tile",
    ),
    (
        ITCMError(40000, 32736, {"engine": 1000, "gemm": 39000}),
        {"needed": 40000, "available": 32736, "pieces": {"engine": 1000, "gemm": 39000}},
        "code needs 40,000 bytes of ITCM, 32,736 are available (gemm 39,000, engine 1,000); "
        "give this core fewer different kernels",
    ),
    (
        RangeError("gemm", 2**31, 2**31 - 1, "narrow a"),
        {"kernel": "gemm", "bound": 2**31, "limit": 2**31 - 1, "mend": "narrow a"},
        "gemm: results may reach 2,147,483,648, their type ends at 2,147,483,647; narrow a",
    ),
    (
        OutputError("a/b.json", "there is no folder a", "create it first"),
        {"path": "a/b.json", "reason": "there is no folder a", "mend": "create it first"},
        "cannot write a/b.json: there is no folder a; create it first",
    ),
    (
        GraphError(3, "matmul", "model.py:7", "type [2] float32", "[4] float32"),
        {"node": 3, "op": "matmul", "source": "model.py:7", "received": "type [2] float32"},
        "node %3 (matmul) from model.py:7: received type [2] float32, expected [4] float32",
    ),
    (
        ShapeError("reshape", "6 elements", "8 elements", "correct one of the sizes"),
        {"op": "reshape", "received": "6 elements", "expected": "8 elements"},
        "reshape: received 6 elements, expected 8 elements; correct one of the sizes",
    ),
    (
        ShapeError("reshape", "6 elements", "8", "correct one").at("model.py:3").at("other.py:4"),
        {"source": "model.py:3"},
        "reshape at model.py:3: received 6 elements, expected 8; correct one",
    ),
    (
        PlaceError("getitem", "index 3 for axis 0", "-3 to 2", "choose another", "m.py:1"),
        {"op": "getitem", "source": "m.py:1"},
        "getitem at m.py:1: received index 3 for axis 0, expected -3 to 2; choose another",
    ),
    (
        TraceError("[2] float32", "model.py:9"),
        {"kind": "[2] float32", "source": "model.py:9"},
        "the value of [2] float32 was asked for at model.py:9 while a function is traced, received none, expected "
        "operations on tensors alone; use st.where in place of if, or compute that value outside",
    ),
    (
        ParseError(2, "x" * 70, "a node"),
        {"line": 2, "text": "x" * 70, "expected": "a node"},
        f"line 2: received {'x' * 57 + '...'!r}, expected a node; print the graph again",
    ),
    (
        EstimateError("gemm", 3, 4),
        {"kernel": "gemm", "weights": 3, "counts": 4},
        "gemm: the estimator has 3 fitted weights for 4 counts; run python bench/fit.py --only 'gemm'",
    ),
    (
        EngineError("ENGINE_DMA", 3, "load a", 0x80),
        {"status": "ENGINE_DMA", "at": 3, "label": "load a", "dma_status": 0x80},
        "tile engine: ENGINE_DMA at command 3 (load a), DMA STAT 0x00000080; "
        "check the transfer's SDRAM and DTCM addresses",
    ),
    (
        EngineError("ENGINE_OP", 0, "start", 0),
        {"dma_status": 0},
        "tile engine: ENGINE_OP at command 0 (start); build the program and the image with the same version",
    ),
    (
        SDRAMError(
            300, 120, {"weights": 90, "state": 70, "activations": 130, "code": 10}, "spinn3", "3 chips"
        ),
        {"needed": 300, "available": 120, "machine": "spinn3", "reason": "3 chips"},
        "the plan needs 300 bytes of SDRAM, sdram_usable_bytes gives 120 on a chip; the largest: activations 130, "
        "weights 90, state 70; take machine spinn3: 3 chips",
    ),
    (
        SDRAMError(300, 120, {"weights": 300}, "", "one value alone is too large"),
        {"machine": "", "consumers": {"weights": 300}},
        "the plan needs 300 bytes of SDRAM, sdram_usable_bytes gives 120 on a chip; the largest: weights 300; "
        "make the batch or the model smaller: one value alone is too large",
    ),
    (
        MissingDependencyError("unicorn", "emulator"),
        {"package": "unicorn", "extra": "emulator"},
        "unicorn is not installed; pip install 'spinntensor[emulator]'",
    ),
    (
        MissingImageError("images/kernels.bin"),
        {"path": "images/kernels.bin"},
        "no ARM image at images/kernels.bin; build it with: python -m spinntensor.image.build "
        "(a checkout needs pip install ziglang==0.17.1 for that; a wheel carries its images)",
    ),
    (
        UnsupportedError([("fft", "model.py:3"), ("sort", "")]),
        {"operations": (("fft", "model.py:3"), ("sort", ""))},
        "received 2 operations that no tiles compute: fft at model.py:3; sort; "
        "expected operations that have a rule and kernels; compute these on the host, outside the graph",
    ),
    (
        CutError("conv2d_3", "spans to 7 of axis h", "spans to 8", "cut it again"),
        {
            "stage": "conv2d_3",
            "received": "spans to 7 of axis h",
            "expected": "spans to 8",
            "mend": "cut it again",
        },
        "stage 'conv2d_3': received spans to 7 of axis h, expected spans to 8; cut it again",
    ),
]


@pytest.mark.parametrize(("error", "facts", "message"), CASES, ids=lambda case: type(case).__name__)
def test_facts_message_and_pickle(error, facts, message):
    for again in (error, pickle.loads(pickle.dumps(error))):
        assert str(again) == message
        assert {name: getattr(again, name) for name in facts} == facts
        assert isinstance(again, SpinnTensorError)


def test_every_error_is_tested():
    made = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert {type(error) for error, _, _ in CASES} == made - {SpinnTensorError, NumericWarning}


def test_a_warning_carries_its_facts():
    warning = NumericWarning("saturated", 1200, "quantize", "model.py:7", "elements were clamped")
    for again in (warning, pickle.loads(pickle.dumps(warning))):
        assert str(again) == "quantize at model.py:7: 1,200 elements were clamped"
        assert (again.name, again.count, again.op) == ("saturated", 1200, "quantize")
    assert issubclass(NumericWarning, RuntimeWarning)


@pytest.mark.parametrize(
    ("ours", "builtin"),
    [
        (UnknownKernelError, KeyError),
        (UnknownNameError, KeyError),
        (InputError, OSError),
        (WeightsError, ValueError),
        (DivergenceError, ArithmeticError),
        (OperandError, ValueError),
        (RangeError, ValueError),
        (CutError, ValueError),
        (MissingDependencyError, ImportError),
        (PlaceError, IndexError),
        (TraceError, TypeError),
    ],
)
def test_errors_are_also_what_python_calls_them(ours, builtin):
    assert issubclass(ours, builtin)

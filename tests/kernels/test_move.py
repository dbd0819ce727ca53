"""Moves of words: channels last to blocks of channels and back, sums of columns level by level, refusals."""

import numpy as np
import pytest

from spinntensor.emulator.core import Core
from spinntensor.errors import OperandError
from spinntensor.kernels import kernel
from spinntensor.machine.call import run
from spinntensor.ops.reduce import OPERATIONS as REDUCTIONS


@pytest.fixture(scope="module")
def core():
    return Core(strict=True)


def called(core, name, **operands):
    return run(kernel(name), operands, core=core).result


@pytest.mark.parametrize("block", [8, 16])
def test_blocks_of_channels_and_back(block, core, rng):
    x = rng.integers(-32768, 32768, (5, 7, 32), dtype=np.int16)
    words, blocks, pixels = x.view(np.uint32).reshape(35, 32 // block, -1), 32 // block, 35
    run_of = (blocks, pixels, block // 2)
    empty = np.zeros(run_of, np.uint32)
    apart = called(core, "copy_s32", x=words, y=empty, run=run_of, swap=True)
    want = x.reshape(5, 7, blocks, block).transpose(2, 0, 1, 3)
    np.testing.assert_array_equal(apart.view(np.int16).reshape(want.shape), want)
    back = called(
        core,
        "copy_s32",
        x=apart,
        y=np.zeros(words.shape, np.uint32),
        run=(pixels, blocks, block // 2),
        swap=True,
    )
    np.testing.assert_array_equal(back, words)


@pytest.mark.parametrize("rows", [1, 2, 3, 6, 7, 13])
def test_levels_of_pairs_are_the_tree_of_sums(rows, core, rng):
    x = rng.standard_normal((rows, 5)).astype(np.float32)
    (total,) = (op for op in REDUCTIONS if op.name == "sum")
    want = total.run(x, axes=(0,))
    while len(x) > 1:
        even = len(x) // 2 * 2
        level = called(core, "f32_add_rows", a=x[:even], pairs=True)
        x = np.concatenate([level, x[even:]])
    np.testing.assert_array_equal(
        x[0].view(np.uint32), np.asarray(getattr(want, "value", want)).view(np.uint32)
    )


WORDS = np.zeros((2, 3, 4), np.uint32)


@pytest.mark.parametrize(
    "name, operands, wanted",
    [
        ("copy_s32", {"x": WORDS, "y": WORDS, "run": (2, 3, 5)}, r"three sizes from 1 to"),
        ("copy_s32", {"x": WORDS, "y": WORDS, "run": (2, 3)}, r"three sizes from 1 to"),
        ("fill_s32", {"y": WORDS[0], "value": -1}, "from 0 to 4294967295"),
        ("fill_s32", {"y": WORDS[0], "value": 0, "words": 5}, "from 1 to 4"),
        ("select_s32", {"condition": np.zeros(3, np.uint8), "a": WORDS[0, 0], "b": 0}, "size 3 on axis 0"),
        ("f32_add_rows", {"a": np.zeros((3, 2), np.float32), "pairs": True}, "an even number"),
        ("f32_mul_rows", {"a": np.zeros((3, 2), np.float32), "b": np.zeros((2, 2), np.float32)}, "repeat it"),
    ],
)
def test_bad_operands_are_refused(name, operands, wanted):
    with pytest.raises(OperandError, match=wanted):
        kernel(name).lower(operands)

"""Building images: equal bytes every time, equal results from both compilers, clear refusals."""

import numpy as np
import pytest

from spinntensor import abi
from spinntensor.emulator.core import Core
from spinntensor.errors import CompileError, MissingImageError, UnknownKernelError
from spinntensor.image import compilers, store
from spinntensor.image.build import SOURCE, build_images, compile_code, entry_symbol, sources
from spinntensor.image.store import Blob
from spinntensor.kernels import kernel
from spinntensor.machine.call import run_blob

needs_zig = pytest.mark.skipif(compilers.zig() is None, reason="ziglang is not installed")
needs_gcc = pytest.mark.skipif(compilers.gcc() is None, reason="arm-none-eabi-gcc is not installed")
needs_sources = pytest.mark.skipif(not SOURCE.is_dir(), reason="the ARM sources are not at hand")


@needs_zig
@needs_sources
def test_two_builds_are_identical(tmp_path):
    for folder in ("one", "two"):
        build_images(out=tmp_path / folder, compiler=compilers.zig())
    for file in ("kernels.bin", "kernels.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@needs_gcc
@needs_sources
@pytest.mark.parametrize("name,variant", [(n, v) for n, v, _ in sources(SOURCE) if n in abi.KERNELS])
def test_gcc_gives_the_same_results(name, variant):
    file = next(f for n, v, f in sources(SOURCE, name) if v == variant)
    entry = entry_symbol(name, variant)
    code = compile_code(compilers.gcc(), file, entry)
    built = Blob(name, "gcc", code.code, code.symbols[entry], tuple(code.symbols.items()))
    k, rng = kernel(name), np.random.default_rng(5)
    for extreme in (False, True):
        shape = {d: int(rng.integers(lo, hi + 1)) for d, (lo, hi) in k.dims.items()}
        operands = k.sample(rng, shape, extreme)
        np.testing.assert_array_equal(run_blob(k, operands, built, Core()).result, k.twin(operands))


@needs_zig
def test_a_failed_compile_shows_the_compilers_message(tmp_path):
    bad = tmp_path / "bad.c"
    bad.write_text("void bad(void) { undeclared = 1; }\n")
    with pytest.raises(CompileError, match="undeclared") as caught:
        compile_code(compilers.zig(), bad, "bad")
    assert caught.value.source == str(bad)


@needs_zig
@pytest.mark.parametrize(
    "text,complaint",
    [
        ("int other(int); int bad(int x) { return other(x); }", "refers to \\['other'\\]"),
        ("int bad(int x) { return x / 3.5f > 2; }", "self-contained"),
        (
            "static const int t[9] = {4, 7, 1, 9, 2, 8, 3, 3, 1}; int bad(int x) { return t[x]; }",
            "self-contained|data in",
        ),
        ("int good(void) { return 0; }", "expected bad"),
    ],
)
def test_code_that_cannot_be_moved_is_refused(tmp_path, text, complaint):
    source = tmp_path / "bad.c"
    source.write_text(text)
    with pytest.raises(CompileError, match=complaint):
        compile_code(compilers.zig(), source, "bad")


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setenv(compilers.ENVIRONMENT, "no-such-gcc")
    with pytest.raises(CompileError, match="no-such-gcc is not on the path; install it or unset"):
        compilers.default()


def test_without_any_compiler_the_mend_is_said(monkeypatch):
    monkeypatch.delenv(compilers.ENVIRONMENT, raising=False)
    monkeypatch.setattr(compilers, "zig", lambda: None)
    with pytest.raises(CompileError, match="pip install ziglang"):
        compilers.default()


def test_unknown_kernels_and_variants():
    with pytest.raises(UnknownKernelError, match="gemm_s16"):
        store.blob("gemm_s16_3x3_outer_u23")
    with pytest.raises(UnknownKernelError, match="reference"):
        store.blob("gemm_s16_3x3_outer_u32", "refrence")


def test_missing_images_are_said(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "IMAGES", tmp_path)
    store.manifest.cache_clear()
    try:
        with pytest.raises(MissingImageError):
            store.manifest()
    finally:
        store.manifest.cache_clear()


def test_two_kernels_of_any_kind_fit_the_itcm():
    for name in abi.KERNELS:
        assert len(store.blob(name).code) <= abi.memory.ITCM_BYTES // 2, name

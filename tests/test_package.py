"""The package as it is shipped: files of wheel and sdist, equal images from both, and a cheap import."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "spinntensor/__init__.py").read_text())[1]


def python(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=cwd, capture_output=True, text=True)


def tracked(folder: str) -> set[str]:
    """Source files of the checkout below a folder, as paths from the root."""
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in {".pyc", ".nbi", ".nbc"}
    }


# What is in the tree ---------------------------------------------------------------------------------


def test_every_package_is_listed():
    """The list in pyproject.toml is explicit, so a new folder must be added there by hand."""
    folders = {path.parent for top in ("spinntensor", "nn") for path in (ROOT / top).rglob("__init__.py")}
    names = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    there = {re.sub(r"^nn\b", "spinntensor.nn", name) for name in names}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == there


def test_the_link_leads_to_nn():
    link = ROOT / "spinntensor" / "nn"
    if not link.exists():
        pytest.skip("a checkout without symbolic links")
    assert link.resolve() == ROOT / "nn"


def test_one_version_everywhere():
    import spinntensor

    assert spinntensor.__version__ == VERSION
    assert f"\nversion: {VERSION}\n" in (ROOT / "CITATION.cff").read_text()


def test_build_compiler_is_pinned_alike():
    pinned = [line for line in PROJECT["build-system"]["requires"] if line.startswith("ziglang")]
    assert len(pinned) == 1 and "==" in pinned[0]
    assert pinned[0] in PROJECT["project"]["optional-dependencies"]["dev"]
    assert not any("ziglang" in line for line in PROJECT["project"]["dependencies"])


def test_the_examples_of_the_readme_run():
    pytest.importorskip("unicorn")
    pytest.importorskip("sklearn")
    found = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for example, start in zip(found, ("20.0 [", "True\n", "True\n"), strict=True):
        run = python("-c", example)
        assert run.returncode == 0, run.stderr
        assert run.stdout.startswith(start), run.stdout


# Importing -------------------------------------------------------------------------------------------


def test_import_is_lazy():
    """Importing spinntensor loads nothing heavy, and asking for a subpackage loads that one."""
    heavy = {"numpy", "numba", "llvmlite", "unicorn", "capstone", "matplotlib", "rich"}
    code = (
        "import sys, spinntensor; "
        f"loaded = {heavy} & set(sys.modules); "
        "assert not loaded, loaded; "
        "assert spinntensor.nn.__name__ == 'spinntensor.nn'; "
        "assert 'nn' in dir(spinntensor)"
    )
    run = python("-c", code)
    assert run.returncode == 0, run.stderr


def test_unknown_attribute():
    import spinntensor

    with pytest.raises(AttributeError, match="no attribute 'nm'"):
        _ = spinntensor.nm


def test_plain_nn_is_refused():
    run = python("-c", "import nn", cwd=ROOT)
    assert run.returncode == 1
    assert "ImportError" in run.stderr and "from spinntensor import nn" in run.stderr


# Building --------------------------------------------------------------------------------------------


def build(*arguments: str, out: Path) -> None:
    run = python("-m", "build", "--no-isolation", "--outdir", str(out), *arguments)
    assert run.returncode == 0, run.stdout + run.stderr


def need_build_tools() -> None:
    """Skip where a build without isolation cannot work."""
    for package, oldest in (("build", 1), ("setuptools", 77), ("ziglang", 0)):
        try:
            major = int(importlib.metadata.version(package).split(".")[0])
        except importlib.metadata.PackageNotFoundError:
            major = -1
        if major < oldest:
            pytest.skip(f"{package} is missing or too old; pip install -e '.[dev]'")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> tuple[Path, Path, Path]:
    """(sdist, wheel from the tree, wheel from the sdist)."""
    need_build_tools()
    out = tmp_path_factory.mktemp("shipped")
    (out / "tree").mkdir()
    copy = out / "checkout"
    copy_checkout(copy)
    build("--sdist", "--wheel", str(copy), out=out / "tree")
    sdist = next((out / "tree").glob("*.tar.gz"))
    with tarfile.open(sdist) as archive:
        archive.extractall(out / "unpacked", filter="data")
    unpacked = next((out / "unpacked").iterdir())
    build("--wheel", str(unpacked), out=out / "from-sdist")
    return sdist, next((out / "tree").glob("*.whl")), next((out / "from-sdist").glob("*.whl"))


def copy_checkout(target: Path) -> None:
    """Copy the checkout without what was built, with the link: a build leaves the tree under test alone."""
    built = (".git", ".venv*", "build", "dist", "*.egg-info", "images", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, target, symlinks=True, ignore=shutil.ignore_patterns(*built))


def wheel_names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def sdist_names(sdist: Path) -> list[str]:
    with tarfile.open(sdist) as archive:
        members = archive.getmembers()
    assert not [member.name for member in members if member.issym() or member.islnk()]
    return [member.name.split("/", 1)[1] for member in members if member.isfile()]


def test_wheel_holds_the_package_and_its_images_once(shipped):
    for wheel in shipped[1:]:
        names = wheel_names(wheel)
        assert len(names) == len(set(names))
        sources = {name for name in tracked("spinntensor") if name.endswith(".py")}
        nn = {f"spinntensor/{name}" for name in tracked("nn") if name.endswith(".py")}
        images = {"spinntensor/images/kernels.bin", "spinntensor/images/kernels.json"}
        data = {
            name
            for name in tracked("spinntensor")
            if name.endswith((".json", ".toml", ".html", ".css", ".js"))
        }
        meta = {name for name in names if name.startswith(f"spinntensor-{VERSION}.dist-info/")}
        assert set(names) - meta == sources | nn | data | images
        assert names.count("spinntensor/nn/__init__.py") == 1


def test_sdist_holds_the_sources_and_no_image(shipped):
    names = sdist_names(shipped[0])
    assert len(names) == len(set(names))
    kept = [
        *tracked("blas_arm"),
        *tracked("nn"),
        *(name for name in tracked("tests") if name.endswith(".py")),
        *("pyproject.toml", "setup.py", "LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "Makefile"),
    ]
    assert set(kept) <= set(names)
    built = re.compile(r"^spinntensor/(images|nn)/|__pycache__|\.pyc$|\.nb[ic]$|\.o$")
    assert [name for name in names if built.search(name)] == []


def test_wheel_metadata(shipped):
    with zipfile.ZipFile(shipped[1]) as archive:
        info = f"spinntensor-{VERSION}.dist-info"
        metadata = archive.read(f"{info}/METADATA").decode()
        entry = archive.read(f"{info}/entry_points.txt").decode()
        licence = archive.read(f"{info}/licenses/LICENSE").decode()
    assert "License-Expression: Apache-2.0\n" in metadata
    assert not re.search(r"^Requires-Dist: (unicorn|ziglang)[^;]*$", metadata, re.MULTILINE)
    assert "spinntensor = spinntensor.cli:main" in entry
    assert "Apache License" in licence


def test_images_are_equal_from_tree_and_sdist(shipped):
    def images(wheel: Path) -> dict[str, bytes]:
        with zipfile.ZipFile(wheel) as archive:
            return {name: archive.read(name) for name in archive.namelist() if "/images/" in name}

    from_tree, from_sdist = map(images, shipped[1:])
    assert len(from_tree) == 2
    assert from_tree == from_sdist


def test_a_source_that_does_not_compile_stops_the_build(tmp_path):
    """The build fails with the compiler's own message instead of shipping without images."""
    need_build_tools()
    copy = tmp_path / "checkout"
    copy_checkout(copy)
    source = next((copy / "blas_arm" / "reference").glob("*.c"))
    source.write_text(source.read_text() + "\nint broken(void) { return undeclared_name; }\n")
    run = python("-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path / "out"), str(copy))
    assert run.returncode != 0
    assert "undeclared_name" in run.stdout + run.stderr
    assert source.name in run.stdout + run.stderr

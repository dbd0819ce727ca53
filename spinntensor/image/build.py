"""Cross-compiles `blas_arm/` into the images that the package carries: every kernel as movable code.

`build_images` writes `kernels.bin` (all code, one piece after the other) and `kernels.json` (where each piece lies).
Equal sources and compiler give equal bytes. Standard library only; run by the build of the package, or by hand:
`python -m spinntensor.image.build [--only PATTERN] [--out FOLDER]`.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from spinntensor import abi
from spinntensor.errors import CompileError
from spinntensor.image.compilers import Compiler, default
from spinntensor.image.elf import Code, read_code

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "blas_arm"
IMAGES = ROOT / "spinntensor" / "images"


def sources(source: Path, only: str = "*") -> Iterator[tuple[str, str, Path]]:
    """(name, variant, file) of all there is to compile.

    Every kernel of the contract has a `reference` and, where there is one, a `hand`; programs have a `runtime`.
    """
    for name in fnmatch.filter(abi.KERNELS, only):
        reference = source / "reference" / f"{name}.c"
        if not reference.is_file():
            raise CompileError(
                "sources", str(reference), f"kernel {name} has no plain-C reference; add this file"
            )
        yield name, "reference", reference
        for hand in (source / "kernels" / f"{name}.S", source / "kernels" / f"{name}.c"):
            if hand.is_file():
                yield name, "hand", hand
    for name in fnmatch.filter(abi.PROGRAMS, only):
        yield name, "runtime", source / "runtime" / f"{name}.c"


def entry_symbol(name: str, variant: str) -> str:
    """The C symbol of a kernel: its name, with `_ref` for the plain-C reference."""
    return name + ("_ref" if variant == "reference" else "")


def compile_code(compiler: Compiler, file: Path, entry: str, source: Path = SOURCE) -> Code:
    """Compile one file to movable code that defines `entry`: kernels for speed, the runtime for size."""
    optimise = "-Os" if file.parent.name == "runtime" else "-O3"
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "abi.h").write_text(abi.header(abi.STRUCTS, abi.CONSTANTS))
        target = work / "kernel.o"
        compiler.compile(file, target, (work, source / "include"), optimise)
        code = read_code(target)
    if entry not in code.symbols:
        raise CompileError(
            compiler.name, str(file), f"the file defines {sorted(code.symbols)}, expected {entry}"
        )
    if len(code.code) > abi.memory.ITCM_BYTES:
        raise CompileError(
            compiler.name, str(file), f"{len(code.code)} bytes of code do not fit the ITCM's 32,768"
        )
    return code


def build_images(
    source: Path = SOURCE, out: Path = IMAGES, compiler: Compiler | None = None, only: str = "*"
) -> None:
    """Compile every kernel below `source` and write the two image files to `out`; nothing is half written."""
    compiler = compiler or default()
    chosen = list(sources(source, only))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pieces = list(
            pool.map(lambda c: compile_code(compiler, c[2], entry_symbol(c[0], c[1]), source), chosen)
        )
    blob, kernels = bytearray(), dict[str, dict[str, object]]()
    for (name, variant, _), piece in zip(chosen, pieces, strict=True):
        code = piece.code + bytes(-len(piece.code) % 4)
        kernels.setdefault(name, {})[variant] = {
            "offset": len(blob),
            "size": len(code),
            "entry": piece.symbols[entry_symbol(name, variant)],
            "symbols": dict(sorted(piece.symbols.items(), key=lambda kv: (kv[1], kv[0]))),
        }
        blob += code
    out.mkdir(parents=True, exist_ok=True)
    manifest = json.dumps({"compiler": compiler.name, "kernels": kernels}, indent=1, sort_keys=True) + "\n"
    _replace(out / "kernels.bin", bytes(blob))
    _replace(out / "kernels.json", manifest.encode())


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m spinntensor.image.build", description=__doc__)
    parser.add_argument("--only", default="*", help="build the kernels whose name matches this pattern")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder for kernels.bin and kernels.json")
    options = parser.parse_args()
    try:
        build_images(out=options.out, only=options.only)
    except CompileError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"wrote {options.out}/kernels.bin ({(options.out / 'kernels.bin').stat().st_size:,} bytes)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

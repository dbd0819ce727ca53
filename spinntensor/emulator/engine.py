"""Opens the CPU emulator that executes ARM instructions (Unicorn); nothing else imports it."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from spinntensor.abi.memory import DTCM_BASE, DTCM_BYTES, ITCM_BASE, ITCM_BYTES
from spinntensor.errors import MissingDependencyError

# Translated code per core. Unicorn's default reserves 1 GB; 1 MB holds an ITCM several times over.
_TRANSLATION_BYTES = 1 << 20


def unicorn() -> Any:
    """The unicorn package."""
    try:
        import unicorn as package
    except ImportError as error:
        raise MissingDependencyError("unicorn", "emulator") from error
    return package


def library() -> Any:
    """Unicorn's C library: called directly, it releases the interpreter lock and costs half a microsecond."""
    from unicorn.unicorn_py3.unicorn import uclib

    return uclib


@cache
def registers() -> tuple[Any, Any]:
    """uc_reg_read and uc_reg_write for calls that keep the interpreter lock: they take less time than giving it up."""
    held = ctypes.PyDLL(library()._name)
    for function in (held.uc_reg_read, held.uc_reg_write):
        function.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    return held.uc_reg_read, held.uc_reg_write


def open_engine(itcm: int, dtcm: int) -> Any:
    """An ARMv5TE engine with the two memories at these host addresses mapped in.

    The ARM946 model is Unicorn's nearest to the ARM968: ARMv5TE, no VFP, no paging. The ITCM is mapped
    without write permission, because code that changes would be timed by the tables of what it was.
    """
    package = unicorn()
    from unicorn import arm_const

    engine = package.Uc(package.UC_ARCH_ARM, package.UC_MODE_ARM)
    engine.ctl_set_cpu_model(arm_const.UC_CPU_ARM_946)
    engine.ctl_set_tcg_buffer_size(_TRANSLATION_BYTES)
    engine.mem_map_ptr(ITCM_BASE, ITCM_BYTES, package.UC_PROT_READ | package.UC_PROT_EXEC, itcm)
    engine.mem_map_ptr(DTCM_BASE, DTCM_BYTES, package.UC_PROT_READ | package.UC_PROT_WRITE, dtcm)
    return engine


def fault_kind(status: int) -> str:
    """What a Unicorn error code means for the program that runs."""
    from unicorn import unicorn_const as const

    return {
        const.UC_ERR_READ_UNMAPPED: "read of unmapped memory",
        const.UC_ERR_WRITE_UNMAPPED: "write to unmapped memory",
        const.UC_ERR_FETCH_UNMAPPED: "fetch from unmapped memory",
        const.UC_ERR_FETCH_PROT: "fetch from unmapped memory",
        const.UC_ERR_WRITE_PROT: "store to code",
        const.UC_ERR_INSN_INVALID: "undefined instruction",
        const.UC_ERR_EXCEPTION: "trap",
    }.get(status, f"emulator error {status}")


def hook_compiled(
    engine: Any, kind: int, callback: int | None, state: Any, begin: int = 1, end: int = 0
) -> int:
    """Register a compiled callback by its address; it is given ``state``, an array that must outlive it.

    Returns a handle for ``unhook``.
    """
    handle = ctypes.c_size_t()
    status = library().uc_hook_add(
        engine._uch,
        ctypes.byref(handle),
        kind,
        callback,
        state.ctypes.data,
        ctypes.c_uint64(begin),
        ctypes.c_uint64(end),
    )
    if status:
        raise RuntimeError(f"unicorn refused a hook of kind {kind}: error {status}")
    return handle.value or 0


def unhook(engine: Any, handle: int) -> None:
    """Remove a compiled callback."""
    library().uc_hook_del(engine._uch, ctypes.c_size_t(handle))

"""Where SC&MP keeps its variables in System RAM: ``sv``, one ``vcpu`` block per virtual core, heaps, buffers.

Layouts: sark.h and sark.struct of spinnaker_tools 4.0.0. Offsets in bytes; formats are those of ``struct``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from spinntensor.emulator.memory import Bytes

SYSTEM_RAM = 0xE500_0000
VCPU, VCPU_BYTES = SYSTEM_RAM + 0x7000, 128
SV = SYSTEM_RAM + 0x7F00
SDRAM = 0x6000_0000

SV_FIELDS = {
    "p2p_addr": (0x00, "H"), "p2p_dims": (0x02, "H"), "dbg_addr": (0x04, "H"), "p2p_up": (0x06, "B"),
    "last_id": (0x07, "B"), "eth_addr": (0x08, "H"), "hw_ver": (0x0A, "B"), "eth_up": (0x0B, "B"),
    "p2pb_repeats": (0x0C, "B"), "p2p_sql": (0x0D, "B"), "clk_div": (0x0E, "B"), "tp_scale": (0x0F, "B"),
    "clock_ms": (0x10, "Q"), "time_ms": (0x18, "H"), "ltpc_period": (0x1A, "H"), "unix_time": (0x1C, "I"),
    "tp_timer": (0x20, "I"), "cpu_clk": (0x24, "H"), "mem_clk": (0x26, "H"), "forward": (0x28, "B"),
    "retry": (0x29, "B"), "peek_time": (0x2A, "B"), "led_period": (0x2B, "B"), "netinit_bc_wait": (0x2C, "B"),
    "netinit_phase": (0x2D, "B"), "p2p_root": (0x2E, "H"), "led0": (0x30, "I"), "led1": (0x34, "I"),
    "clock_drift": (0x38, "i"), "random": (0x3C, "I"), "root_chip": (0x40, "B"), "num_buf": (0x41, "B"),
    "boot_delay": (0x42, "B"), "soft_wdog": (0x43, "B"), "sync_alignment": (0x44, "I"),
    "sysram_heap": (0x48, "I"), "sdram_heap": (0x4C, "I"), "iobuf_size": (0x50, "I"), "sdram_bufs": (0x54, "I"),
    "sysbuf_size": (0x58, "I"), "boot_sig": (0x5C, "I"), "mem_ptr": (0x60, "I"), "lock": (0x64, "B"),
    "link_en": (0x65, "B"), "shm_free": (0x68, "I"), "shm_count": (0x6C, "H"), "shm_max": (0x6E, "H"),
    "num_cpus": (0xBC, "B"), "rom_cpus": (0xBD, "B"), "board_addr": (0xBE, "H"), "sdram_base": (0xC0, "I"),
    "sysram_base": (0xC4, "I"), "sdram_sys": (0xC8, "I"), "vcpu_base": (0xCC, "I"), "sys_heap": (0xD0, "I"),
    "rtr_copy": (0xD4, "I"), "hop_table": (0xD8, "I"), "alloc_tag": (0xDC, "I"), "rtr_free": (0xE0, "H"),
    "p2p_active": (0xE2, "H"), "app_data": (0xE4, "I"), "shm_buf": (0xE8, "I"), "mbox_flags": (0xEC, "I"),
    "fr_copy": (0xF4, "I"), "board_info": (0xF8, "I"), "sw_ver": (0xFC, "I"),
}  # fmt: skip
STATUS_MAP, P2V_MAP, V2P_MAP, IP_ADDRESS = 0x80, 0x94, 0xA8, 0xF0  # bytes: one per core, and 4

VCPU_FIELDS = {
    "psr": (0x20, "I"), "sp": (0x24, "I"), "lr": (0x28, "I"), "rt_code": (0x2C, "B"), "phys_cpu": (0x2D, "B"),
    "cpu_state": (0x2E, "B"), "app_id": (0x2F, "B"), "mbox_ap_msg": (0x30, "I"), "mbox_mp_msg": (0x34, "I"),
    "mbox_ap_cmd": (0x38, "B"), "mbox_mp_cmd": (0x39, "B"), "sw_count": (0x3A, "H"), "sw_file": (0x3C, "I"),
    "sw_line": (0x40, "I"), "time": (0x44, "I"), "app_name": (0x48, "16s"), "iobuf": (0x58, "I"),
    "sw_ver": (0x5C, "I"), "user0": (0x70, "I"), "user1": (0x74, "I"), "user2": (0x78, "I"), "user3": (0x7C, "I"),
}  # fmt: skip


class Fields:
    """Named fields of a block of memory that programs share with us.

    Parameters
    ----------
    memory : callable
        Bytes at an address, as a view.
    address : int
        Where the block lies.
    layout : dict
        Offset and format by name.
    """

    def __init__(
        self, memory: Callable[[int, int], Bytes], address: int, layout: dict[str, tuple[int, str]]
    ) -> None:
        self._memory, self._address, self._layout = memory, address, layout

    def __getitem__(self, name: str) -> Any:
        offset, kind = self._layout[name]
        return struct.unpack("<" + kind, self._at(offset, kind).tobytes())[0]

    def __setitem__(self, name: str, value: Any) -> None:
        offset, kind = self._layout[name]
        self._at(offset, kind)[:] = list(struct.pack("<" + kind, value))

    def _at(self, offset: int, kind: str) -> Bytes:
        return self._memory(self._address + offset, struct.calcsize("<" + kind))

"""Small programs for emulated chips: start-up, vectors and handlers around the few lines that a test is about.

In ``main``: r4 VIC, r5 DMA controller, r8 own vcpu block, r9 virtual core, r10 communications controller; SYS mode,
interrupts open. The packet handler (FIQ) appends payload words at PACKETS and counts at COUNT. IRQ handlers have
r0 to r3 to themselves and are given in place of the default ones, which acknowledge and nothing else.
"""

from __future__ import annotations

from asm import assemble

from spinntensor.emulator.aplx import pack
from spinntensor.emulator.chip import Chip
from spinntensor.emulator.monitor import Monitor

COUNT, PACKETS, DATA = 0x00401000, 0x00401100, 0x00402000
SDRAM = 0x60300000

_START = """
    b reset
    b undefined
    b supervisor
    b prefetch
    b abort
    b .
    ldr pc, [pc, #-0xff0]
    b fiq
reset:
    mov r11, r0
    mov r0, #0xd1
    msr cpsr_c, r0
    mov r8, #0x10000000
    ldr r9, =0x00401100
    mov r10, #0
    mov r0, #0xd2
    msr cpsr_c, r0
    ldr sp, =0x0040ff00
    mov r0, #0xd7
    msr cpsr_c, r0
    ldr sp, =0x0040fe80
    mov r0, #0xdb
    msr cpsr_c, r0
    ldr sp, =0x0040fe80
    mov r0, #0xdf
    msr cpsr_c, r0
    ldr sp, =0x0040fe00
    ldr r0, =0x1f7e
    mcr p15, 0, r0, c1, c0, 0
    mov r10, #0x10000000
    ldr r4, =0x1f000000
    mvn r0, #0
    str r0, [r4, #0x14]
    mov r0, #1 << 24
    str r0, [r4, #0x0c]
    adr r0, cpu
    str r0, [r4, #0x100]
    mov r0, #0x20 | 18
    str r0, [r4, #0x200]
    adr r0, dma
    str r0, [r4, #0x104]
    mov r0, #0x20 | 12
    str r0, [r4, #0x204]
    adr r0, timer
    str r0, [r4, #0x108]
    mov r0, #0x20 | 4
    str r0, [r4, #0x208]
    adr r0, soft
    str r0, [r4, #0x10c]
    mov r0, #0x20 | 1
    str r0, [r4, #0x20c]
    ldr r0, ={enable}
    str r0, [r4, #0x10]
    mov r5, #0x30000000
    mov r0, #0x3f
    str r0, [r5, #0x10]
    mov r0, #0x0d
    str r0, [r5, #0x10]
    mov r0, #0xc00
    str r0, [r5, #0x18]
    ldr r0, [r5, #0x14]
    ldr r1, =0xe5007f94
    ldrb r9, [r1, r0, lsr #24]
    ldr r8, =0xe5007000
    add r8, r8, r9, lsl #7
    mov r0, #7
    strb r0, [r8, #0x2e]
    mov r0, #0x1f
    msr cpsr_c, r0
"""

_END = """
done:
    mov r0, #11
    strb r0, [r8, #0x2e]
sleep:
    mcr p15, 0, r0, c7, c0, 4
    b sleep
fiq:
    {fiq}
    subs pc, lr, #4
cpu:
    stmdb sp!, {{r0-r3, r12, lr}}
    mov r0, #0x30000000
    ldr r0, [r0, #0x14]
    mov r0, r0, lsr #24
    mov r1, #1
    mov r1, r1, lsl r0
    ldr r2, =0x5ec00000
    orr r1, r1, r2
    ldr r0, =0xe2000000
    str r1, [r0, #0x0c]
    {cpu}
    b end
dma:
    stmdb sp!, {{r0-r3, r12, lr}}
    mov r0, #0x30000000
    mov r1, #8
    str r1, [r0, #0x10]
    {dma}
    b end
timer:
    stmdb sp!, {{r0-r3, r12, lr}}
    ldr r0, =0x11000000
    str r0, [r0, #0x0c]
    {timer}
    b end
soft:
    stmdb sp!, {{r0-r3, r12, lr}}
    ldr r0, =0x1f000000
    mov r1, #2
    str r1, [r0, #0x1c]
    {soft}
end:
    ldr r0, =0x1f000000
    str r0, [r0, #0x30]
    ldmia sp!, {{r0-r3, r12, lr}}
    subs pc, lr, #4
undefined:
    mov r0, #2
    b failed
supervisor:
    {supervisor}
    movs pc, lr
prefetch:
    mov r0, #4
    b failed
abort:
    mov r0, #5
failed:
    str lr, [r8, #0x28]
    strb r0, [r8, #0x2c]
    mov r0, #2
    strb r0, [r8, #0x2e]
    b sleep
    .ltorg
"""

TAKE = """
    ldr r11, [r8, #0x10]
    ldr r12, [r8, #0x14]
    str r11, [r9], #4
    add r10, r10, #1
    mov r11, #0x00400000
    add r11, r11, #0x1000
    str r10, [r11]
"""

# Sends r1 as payload with key r0, when the last packet has left; spoils r2.
SEND = """
9:  ldr r2, [r10]
    tst r2, #1 << 31
    beq 9b
    mov r2, #0x20000
    str r2, [r10]
    str r1, [r10, #4]
    str r0, [r10, #8]
"""

WAIT = "mcr p15, 0, r0, c7, c0, 4\n"

ENABLE = 1 << 24 | 1 << 18 | 1 << 12 | 1 << 4 | 1 << 1


def program(main: str, *, enable: int = ENABLE, fiq: str = TAKE, **handlers: str) -> bytes:
    """An APLX file that runs ``main`` and then sleeps in state EXIT."""
    parts = {"cpu": "", "dma": "", "timer": "", "soft": "", "supervisor": "", **handlers}
    text = _START.format(enable=enable) + main + _END.format(fiq=fiq, **parts)
    return pack(assemble(text))


def booted(**options) -> tuple[Chip, Monitor]:
    """A chip with its monitor."""
    chip = Chip(**options)
    monitor = Monitor(chip)
    monitor.boot()
    return chip, monitor


def word(core, address: int) -> int:
    """A word of a core's memory."""
    return int.from_bytes(core.read(address, 4), "little")


def words(core, address: int, count: int) -> list[int]:
    """Some of them."""
    return [word(core, address + 4 * n) for n in range(count)]

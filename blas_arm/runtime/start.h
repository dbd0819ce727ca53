/* Vectors, start, and what happens when a core goes wrong: registers into the vcpu block, state RTE, sleep.
 *
 * SC&MP enters at 0 in SVC mode, interrupts off, r0 = flags << 8 | app_id. Kernels run in SYS mode and may use every
 * register, the stack pointer included; IRQ and FIQ have their own. The doorbell handler keeps its pointers in the
 * banked registers of FIQ.
 */
#ifndef SPINNTENSOR_START_H
#define SPINNTENSOR_START_H
#include "state.h"

_Static_assert((uint32_t)DTCM_BASE + DTCM_BYTES - STACK_BYTES == 0x0040f800, "bells, in the vectors");
_Static_assert(IRQ_STACK_TOP == 0x0040fd80, "stack of interrupts, in the vectors");
_Static_assert(KEY_BASE >> 16 == 0x5354, "keys, in the vectors");

__asm__(
    ".text\n"
    ".balign 4\n"
    ".global runtime\n"
    ".type runtime, %function\n"
    "runtime:\n"
    "    b start\n"
    "    b undefined\n"
    "    b software\n"
    "    b prefetch\n"
    "    b data\n"
    "    b data\n"
    "    ldr pc, [pc, #-0xff0]\n" /* the VIC's vector */
    /* FIQ: a doorbell. r10 communications controller, r11 counters, r12 upper half of the keys. */
    "doorbell:\n"
    "    ldr r8, [r10, #0x14]\n"
    "    eor r9, r8, r12, lsl #16\n"
    "    movs r9, r9, lsr #16\n"
    "    strne r8, [r11, #128]\n" /* STATE->stray */
    "    and r8, r8, #0x1f00\n"
    "    ldreq r9, [r11, r8, lsr #6]\n"
    "    addeq r9, r9, #1\n"
    "    streq r9, [r11, r8, lsr #6]\n"
    "    ldr r8, [r10, #0x0c]\n"
    "    cmp r8, #0\n"
    "    bmi doorbell\n"
    "    subs pc, lr, #4\n"

    "start:\n"
    "    mov r4, r0\n"
    "    mov r0, #0x1f00\n"
    "    orr r0, r0, #0x7e\n" /* TCMs, write buffer, alignment faults, low vectors */
    "    mcr p15, 0, r0, c1, c0, 0\n"
    "    mov r0, #0x30000000\n"
    "    ldr r0, [r0, #0x14]\n"
    "    mov r0, r0, lsr #24\n" /* physical core */
    "    mov r1, #0xf5000000\n"
    "    orr r1, r1, #0x7000\n"
    "    add r2, r1, #0xf00\n"
    "    add r2, r2, #0x94\n"
    "    ldrb r2, [r2, r0]\n" /* virtual core */
    "    add r5, r1, r2, lsl #7\n"
    "    mrs r6, cpsr\n"
    "    bic r6, r6, #0x1f\n"
    "    orr r0, r6, #0x17\n"
    "    msr cpsr_c, r0\n"
    "    mov sp, r5\n" /* aborts: the vcpu block */
    "    orr r0, r6, #0x1b\n"
    "    msr cpsr_c, r0\n"
    "    mov sp, r5\n"
    "    orr r0, r6, #0x13\n"
    "    msr cpsr_c, r0\n"
    "    mov sp, r5\n"
    "    orr r0, r6, #0x11\n"
    "    msr cpsr_c, r0\n"
    "    ldr r11, =0x0040f800\n" /* STATE->bells */
    "    mov r10, #0x10000000\n"
    "    ldr r12, =0x5354\n" /* KEY_BASE >> 16 */
    "    orr r0, r6, #0x12\n"
    "    msr cpsr_c, r0\n"
    "    ldr sp, =0x0040fd80\n" /* IRQ_STACK_TOP */
    "    orr r0, r6, #0x1f\n"
    "    msr cpsr_c, r0\n"
    "    mov sp, #0x00410000\n"
    "    mov r0, r4\n"
    "    mov r1, r5\n"
    "    bl runtime_main\n"
    "    .ltorg\n"

    /* The core's own error: lr points behind the instruction by as much as the mode says. */
    "undefined:\n"
    "    stmia sp, {r0-r7}\n"
    "    sub r1, lr, #4\n"
    "    mov r0, #2\n"
    "    b failed\n"
    "software:\n"
    "    stmia sp, {r0-r7}\n"
    "    sub r1, lr, #4\n"
    "    mov r0, #3\n"
    "    b failed\n"
    "prefetch:\n"
    "    stmia sp, {r0-r7}\n"
    "    sub r1, lr, #4\n"
    "    mov r0, #4\n"
    "    b failed\n"
    "data:\n"
    "    stmia sp, {r0-r7}\n"
    "    sub r1, lr, #8\n"
    "    mov r0, #5\n"
    "failed:\n"
    "    mrs r2, spsr\n"
    "    str r2, [sp, #0x20]\n"
    "    str r1, [sp, #0x28]\n" /* lr: where it happened */
    "    add r3, sp, #0x24\n"
    "    stmia r3, {sp}^\n"
    "    nop\n"
    "    strb r0, [sp, #0x2c]\n"
    "    mov r0, #2\n"
    "    strb r0, [sp, #0x2e]\n"
    "2:  mcr p15, 0, r0, c7, c0, 4\n"
    "    b 2b\n");
#endif

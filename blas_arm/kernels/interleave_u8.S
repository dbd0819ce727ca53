/* Planes of bytes to pixels: four planes, four pixels at a time, 1.6 cycles an element.
 *
 * Words a, b, c, d of four planes swap halves (a with c, b with d), then bytes, by exclusive-ors. The last pixels, less
 * than four, come byte by byte.
 *
 * r0 first of four planes   r1 y   r2, r3, r4 bytes of one, two, three planes   r5 bytes of a pixel   r6 mask
 * r7-r10 words   r11 work   r12 fours of pixels left   lr words of channels left   sp state block
 */
#include "asm.h"

#define S_X      0    /* to the next four planes: x, y */
#define S_Y      4
#define S_FOURS  8    /* | one LDM */
#define S_REST  12    /* | pixels behind the last four */
#define S_SP    16

.macro HALVES a, b
    eor     \a, \a, \b, lsl #16
    eor     \b, \b, \a, lsr #16
    eor     \a, \a, \b, lsl #16
.endm
.macro BYTES a, b
    eor     r11, \b, \a, lsr #8
    and     r11, r11, r6
    eor     \b, \b, r11
    eor     \a, \a, r11, lsl #8
.endm
.macro TRANSPOSE
    ldr     r9, [r0, r3]
    ldr     r8, [r0, r2]
    ldr     r10, [r0, r4]
    ldr     r7, [r0], #4
    HALVES  r8, r10
    HALVES  r7, r9
    BYTES   r7, r8                  @ pixels 0, 1
    BYTES   r9, r10                 @ pixels 2, 3
.endm

FUNCTION interleave_u8
    push    {r4-r11, lr}
    mov     r12, #STATE_BASE
    str     sp, [r12, #S_SP]
    mov     sp, r12
    ldmia   r0, {r0-r5}             @ x y pixels words x_plane y_pixel
    mov     lr, r3
    and     r6, r2, #3
    str     r6, [sp, #S_REST]
    mov     r6, r2, lsr #2
    str     r6, [sp, #S_FOURS]
    mul     r6, r2, r5
    rsb     r6, r6, #4
    str     r6, [sp, #S_Y]
    rsb     r6, r2, r4, lsl #2
    str     r6, [sp, #S_X]
    mov     r2, r4
    mov     r3, r4, lsl #1
    add     r4, r4, r3
    mov     r6, #0xff
    orr     r6, r6, #0xff0000
group:
    ldr     r12, [sp, #S_FOURS]
    cmp     r12, #0
    beq     rest
four:
    TRANSPOSE
    subs    r12, r12, #1
    str     r7, [r1], r5
    str     r8, [r1], r5
    str     r9, [r1], r5
    str     r10, [r1], r5
    bne     four
rest:
    ldr     r12, [sp, #S_REST]
    cmp     r12, #0
    beq     next
one:
    ldrb    r8, [r0, r2]
    ldrb    r9, [r0, r3]
    ldrb    r10, [r0, r4]
    ldrb    r7, [r0], #1
    subs    r12, r12, #1
    orr     r8, r8, r9, lsl #8
    orr     r7, r7, r10, lsl #24
    orr     r7, r7, r8, lsl #8
    str     r7, [r1], r5
    bne     one
next:
    ldr     r7, [sp, #S_X]
    ldr     r8, [sp, #S_Y]
    subs    lr, lr, #1
    add     r0, r0, r7
    add     r1, r1, r8
    bne     group
    ldr     sp, [sp, #S_SP]
    pop     {r4-r11, pc}

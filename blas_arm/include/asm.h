/* What every assembly kernel starts with: ARM state, one entry point, the shared records. */
#ifndef SPINNTENSOR_ASM_H
#define SPINNTENSOR_ASM_H
#include "abi.h"

    .syntax unified
    .arm
    .text

.macro FUNCTION name
    .global \name
    .type \name, %function
    .balign 4
\name:
.endm

#endif

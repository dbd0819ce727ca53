/* Doorbells: multicast packets counted by source in the FIQ handler of `start.h`. */
#ifndef SPINNTENSOR_PACKETS_H
#define SPINNTENSOR_PACKETS_H
#include "state.h"

static void packets_begin(void)
{
    CC->tcr = CC_MULTICAST;
    VIC->select = 1u << SOURCE_MULTICAST;
    VIC->enable = 1u << SOURCE_MULTICAST;
}

__attribute__((noinline)) static void ring(uint32_t key)
{
    while (!(CC->tcr & CC_ROOM))
        ;
    CC->tcr = CC_MULTICAST;
    CC->tkr = key;
}

/* Whether the source of a wait word has rung so often as the word says, in a period. */
static inline int has_rung(uint32_t wait, uint32_t period)
{
    struct state *s = STATE;
    uint32_t source = wait >> 24, ago = wait >> 16 & 0xff;
    if (period < ago)
        return 1;
    return (int32_t)(s->bells[source] - (period - ago) * s->rates[source] - (wait & 0xffff)) >= 0;
}
#endif

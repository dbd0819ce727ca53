/* What the runtime keeps in the DTCM, and where. Kernels own everything else but the stacks.
 *
 * OPERANDS_BASE    struct walk    blocks of commands, tasks and shares as they arrive
 * STACK_LIMIT      struct state   counters and the queue of transfers
 *                  IRQ stack
 * DTCM_END         stack of kernels and of the tile engine, downwards
 */
#ifndef SPINNTENSOR_STATE_H
#define SPINNTENSOR_STATE_H
#include "abi.h"
#include "device.h"

#define IRQ_STACK_TOP (DTCM_BASE + DTCM_BYTES - 640)
#define IRQ_STACK_LEAST 160
#define STACK_FLOOR 0x51ac51ac /* written at the end of the stack: gone when it grew too far */
#define FLAG_WAIT 1            /* of the start argument: wait for the signal START */

struct transfer {
    uint32_t system, tcm, descriptor;
};

enum { COMMANDS, OWN, OWN_QUEUE = 4 };

struct queue { /* transfers of commands, or of what the engine needs for itself, which go before */
    uint32_t issued, done, first, waiting, size;
    struct transfer *transfers;
};

struct state {
    uint32_t bells[32]; /* packets received, by source */
    uint32_t stray;     /* a key that is no doorbell's, behind the bells */
    volatile struct vcpu *vcpu;
    uint32_t running, kinds; /* in the controller; bit i: the queue that the i-th of them came from */
    struct queue queues[2];
    uint32_t dma_error;
    uint32_t granted, credits; /* batches that the host lets in; those that were handed on */
    uint32_t exits, starts;
    uint32_t waited, last_ring;
    struct program program;
    uint32_t rates[SOURCES];
    struct turn turns[TURNS];
    struct transfer transfers[DMA_QUEUE + OWN_QUEUE];
};
#define STATE ((struct state *)(DTCM_BASE + DTCM_BYTES - STACK_BYTES))
_Static_assert(sizeof(struct state) + IRQ_STACK_LEAST + 640 <= STACK_BYTES, "no room for the stacks");
#define STACK_END ((volatile uint32_t *)IRQ_STACK_TOP) /* last word of the stack of kernels */

struct walk {
    uint32_t blocks[2][BLOCK_WORDS];
    uint32_t tasks[2][TASK_WORDS];
    struct share shares[2];
    struct log_record logs[2];
};
#define WALK ((struct walk *)(STATE_BASE + STATE_BYTES))

static inline uint32_t now(void)
{
    return ~TIMER1->count;
}

/* Interrupts off, or as they were. FIQ stays on but for `sleep`. */
static inline uint32_t masked(uint32_t bits)
{
    uint32_t before;
    __asm__ volatile("mrs %0, cpsr\n\torr r12, %0, %1\n\tmsr cpsr_c, r12" : "=&r"(before) : "I"(bits) : "r12", "memory");
    return before;
}

static inline void restore(uint32_t before)
{
    __asm__ volatile("msr cpsr_c, %0" : : "r"(before) : "memory");
}

static inline void wait_for_interrupt(void)
{
    __asm__ volatile("mcr p15, 0, %0, c7, c0, 4" : : "r"(0) : "memory");
}

/* Sleeps until `condition` holds; an interrupt between the test and the sleep ends the sleep at once. */
#define SLEEP_UNTIL(condition)                 \
    for (;;) {                                 \
        uint32_t before_ = masked(0xc0);       \
        int over_ = (condition);               \
        if (!over_)                            \
            wait_for_interrupt();              \
        restore(before_);                      \
        if (over_)                             \
            break;                             \
    }
#endif

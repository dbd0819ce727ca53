/* The queue of DMA transfers: two in the controller, more here; the done interrupt starts the next one.
 *
 * Transfers end in the order in which they started. Those of commands are counted by themselves; what the engine needs
 * for itself (commands, tasks, shares) goes before what waits here.
 */
#ifndef SPINNTENSOR_TRANSFERS_H
#define SPINNTENSOR_TRANSFERS_H
#include "state.h"

#define TO_DTCM (DMA_DOUBLE | DMA_BURST_16)
#define TO_SDRAM (DMA_DOUBLE | DMA_BURST_16 | DMA_TO_SYSTEM)
#define DMA_INTERRUPTS 0x0011ec00 /* GCTL: done, done twice, all errors */

enum { IN_CONTROLLER = 2 };

/* With interrupts off: fills the controller from the queues, the engine's own first. */
__attribute__((noinline)) static void start_waiting(void)
{
    struct state *s = STATE;
    while (s->running < IN_CONTROLLER && !s->dma_error) {
        uint32_t own = s->queues[OWN].waiting != 0;
        struct queue *q = s->queues + own;
        if (!q->waiting)
            return;
        struct transfer *t = q->transfers + q->first;
        q->first = q->first + 1 < q->size ? q->first + 1 : 0;
        q->waiting--;
        DMA->adrs = t->system;
        DMA->adrt = t->tcm;
        DMA->desc = t->descriptor; /* commits */
        s->kinds |= own << s->running++;
    }
}

__attribute__((interrupt("IRQ"), used)) static void dma_done(void)
{
    struct state *s = STATE;
    DMA->ctrl = DMA_CLEAR_DONE;
    s->queues[s->kinds & 1].done++;
    s->kinds >>= 1;
    s->running--;
    start_waiting();
    VIC->vector = 0;
}

__attribute__((interrupt("IRQ"), used)) static void dma_error(void)
{
    STATE->dma_error = DMA->stat;
    VIC->disable = 1u << SOURCE_DMA_ERROR;
    VIC->vector = 0;
}

static void transfers_begin(void)
{
    struct state *s = STATE;
    s->queues[COMMANDS].transfers = s->transfers;
    s->queues[COMMANDS].size = DMA_QUEUE;
    s->queues[OWN].transfers = s->transfers + DMA_QUEUE;
    s->queues[OWN].size = OWN_QUEUE;
    DMA->ctrl = DMA_STOP;
    DMA->ctrl = DMA_CLEAN;
    DMA->gctl = DMA_INTERRUPTS;
}

/* Holds until at most `left` of the transfers of a kind are under way. */
__attribute__((noinline)) static void hold(struct queue *q, uint32_t left)
{
    struct state *s = STATE;
    if (q->issued - q->done <= left)
        return;
    uint32_t start = now();
    SLEEP_UNTIL(q->issued - q->done <= left || s->dma_error);
    s->waited += now() - start;
}

/* Starts a transfer, or puts it where it waits for its turn. */
__attribute__((noinline)) static void enqueue(struct queue *q, uint32_t system, void *tcm, uint32_t descriptor)
{
    hold(q, q->size - 1);
    uint32_t before = masked(0x80), at = q->first + q->waiting;
    struct transfer *t = q->transfers + (at < q->size ? at : at - q->size);
    t->system = system;
    t->tcm = (uint32_t)tcm;
    t->descriptor = descriptor;
    q->issued++;
    q->waiting++;
    start_waiting();
    restore(before);
}

/* A transfer of a command. */
static inline void move(uint32_t system, uint32_t tcm, uint32_t descriptor)
{
    enqueue(STATE->queues + COMMANDS, system, (void *)tcm, descriptor);
}

/* Holds until at most `left` transfers of commands are under way. */
static inline void settle(uint32_t left)
{
    hold(STATE->queues + COMMANDS, left);
}

/* Starts a transfer of the engine's own and says how many of these there have been. */
static inline uint32_t request(uint32_t system, void *tcm, uint32_t descriptor)
{
    enqueue(STATE->queues + OWN, system, tcm, descriptor);
    return STATE->queues[OWN].issued;
}

/* Holds until so many transfers of the engine's own have come to their end. */
static inline void receive(uint32_t ordinal)
{
    struct queue *q = STATE->queues + OWN;
    hold(q, q->issued - ordinal);
}
#endif

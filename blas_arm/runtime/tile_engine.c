/* The tile engine: walks one core's program out of SDRAM.
 *
 * A program is a list of fixed-size commands. OP_MOVE starts a DMA transfer and goes on; OP_WAIT holds until the
 * first so many moves are done; OP_CALL enters a kernel with the command's own words as argument record; OP_END
 * drains the DMA queue and returns. The host orders the commands so that the moves of the next tile are under way
 * while this one computes. Commands come in blocks, the next block fetched while one is walked.
 *
 * Transfers finish in the order in which they start, so a count of finished transfers says which those are.
 */
#include "abi.h"
#include "device.h"

enum { QUEUE = 2 };

struct dma {
    uint32_t issued, done; /* transfers, commands fetched included */
    uint32_t error;
};

static void dma_poll(struct dma *d)
{
    uint32_t status = DMA->stat;
    if (status & DMA_FAILED)
        d->error = status;
    if (status & DMA_DONE) {
        DMA->ctrl = DMA_CLEAR_DONE;
        d->done++;
    }
}

static void dma_issue(struct dma *d, uint32_t system, uint32_t tcm, uint32_t descriptor)
{
    while (d->issued - d->done == QUEUE && !d->error)
        dma_poll(d);
    if (d->error)
        return;
    DMA->adrs = system;
    DMA->adrt = tcm;
    DMA->desc = descriptor; /* commits */
    d->issued++;
}

static void dma_wait(struct dma *d, uint32_t ordinal)
{
    while ((int32_t)(ordinal - d->done) > 0 && !d->error)
        dma_poll(d);
}

uint32_t tile_engine(struct engine *e)
{
    struct dma dma = {0, 0, 0};
    uint32_t moves = 0, fetched = 0, ordinal[RECENT_MOVES]; /* of the latest moves */
    uint32_t status = ENGINE_RAN_OFF, at = 0;
    const uint32_t block_bytes = BLOCK_COMMANDS * sizeof(struct command);
    const uint32_t fetch = DMA_DOUBLE | DMA_BURST_16 | block_bytes;
    uint32_t system = e->program;

    DMA->ctrl = DMA_STOP;
    DMA->ctrl = DMA_CLEAN;
    TIMER1->load = 0xffffffff;
    TIMER1->control = TIMER_FREE_RUN;
    dma_issue(&dma, system, (uint32_t)e->blocks, fetch);
    fetched = dma.issued;
    for (; at < e->count; at++) {
        uint32_t slot = at / BLOCK_COMMANDS % 2, start = TIMER1->count;
        if (at % BLOCK_COMMANDS == 0) {
            dma_wait(&dma, fetched);
            system += block_bytes;
            if (at + BLOCK_COMMANDS < e->count) {
                dma_issue(&dma, system, (uint32_t)(e->blocks + (1 - slot) * BLOCK_COMMANDS), fetch);
                fetched = dma.issued;
            }
        }
        const struct command *c = e->blocks + slot * BLOCK_COMMANDS + at % BLOCK_COMMANDS;
        if (dma.error) {
            status = ENGINE_DMA_ERROR;
            break;
        }
        if (c->op == OP_CALL) {
            ((void (*)(const uint32_t *))c->entry)(&c->w0);
        } else if (c->op == OP_MOVE) {
            dma_issue(&dma, c->entry, c->w0, c->w1);
            ordinal[moves++ % RECENT_MOVES] = dma.issued;
        } else if (c->op == OP_WAIT) {
            if (c->entry > moves || moves - c->entry >= RECENT_MOVES) {
                status = ENGINE_BAD_OP;
                break;
            }
            if (c->entry)
                dma_wait(&dma, ordinal[(c->entry - 1) % RECENT_MOVES]);
        } else {
            status = c->op == OP_END ? ENGINE_OK : ENGINE_BAD_OP;
            dma_wait(&dma, dma.issued);
            if (dma.error)
                status = ENGINE_DMA_ERROR;
            break;
        }
        if (e->trace) {
            e->trace[2 * at] = ~start;
            e->trace[2 * at + 1] = ~TIMER1->count;
        }
    }
    e->status = status;
    e->at = at;
    e->dma_status = dma.error;
    e->moves = dma.done;
    return status;
}

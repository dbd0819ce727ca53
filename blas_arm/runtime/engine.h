/* The tile engine: walks the shares of its program, period by period.
 *
 * A share waits for its doorbells, walks its tasks, lets all results reach SDRAM and rings. A task names a procedure, a
 * row of commands that other tasks may name too, and the bases that its addresses count from. Shares, tasks and blocks of
 * commands are fetched while those before them are walked.
 */
#ifndef SPINNTENSOR_ENGINE_H
#define SPINNTENSOR_ENGINE_H
#include "clamped.h"
#include "packets.h"
#include "text.h"
#include "transfers.h"

struct cursor { /* blocks of commands as they arrive */
    uint32_t system;    /* address of the block that is fetched next */
    uint32_t ready;     /* transfers that must have arrived for it to be there */
    uint32_t slot;      /* where it arrives */
};

static inline void fetch_block(struct cursor *c, uint32_t system)
{
    c->slot ^= 1;
    c->ready = request(system, WALK->blocks[c->slot], TO_DTCM | sizeof WALK->blocks[0]);
    c->system = system + sizeof WALK->blocks[0];
}

/* The exponent, with a bias of 141, that bits of a magnitude are rounded to 16 bits by. */
static uint32_t exponent_of(uint32_t bits)
{
    uint32_t e = (bits + 0x100) >> 23;
    return e < 16 ? 16 : e > 238 ? 238 : e;
}

/* round(x / 2**e), half to even, x by its bits and e its exponent. */
static uint32_t mantissa_of(uint32_t bits)
{
    int32_t own = bits >> 23, right = exponent_of(bits) - (own ? own : 1) + 9;
    bits = (bits & 0x7fffff) | (own ? 0x800000 : 0);
    if (right <= 0)
        return bits << -right;
    return (bits + (1u << (right - 1)) - 1 + (bits >> right & 1)) >> right;
}

/* Where a base lies for the batch that is worked on. */
static inline uint32_t place_of(uint32_t base)
{
    return (base & 0x07ffffff) + STATE->turns[base >> 27].at;
}

/* What OP_WORD makes of words. */
__attribute__((noinline)) static uint32_t converted(const uint32_t *words, uint32_t conversion, uint32_t count)
{
    uint32_t largest = 0;
    if (conversion == WORD_PLAIN)
        return *words;
    if (conversion == WORD_EXPONENT)
        return exponent_of(*words) - 141;
    while (count--) {
        uint32_t mantissa = mantissa_of(*words++);
        if (mantissa > largest)
            largest = mantissa;
    }
    return (largest > 4095) + (largest > 8190) + (largest > 16381) + (largest > 32763);
}

/* One procedure, whose first block is on its way; with its last block begins that of the `next` task, if there is one,
 * which has arrived when `ready` transfers have. */
__attribute__((noinline)) static uint32_t walk_procedure(struct cursor *c, const uint32_t *task, const uint32_t *next, uint32_t ready, struct log_record *log)
{
    struct state *s = STATE;
    uint32_t sdram = s->program.sdram, patches = 0, arguments[MOST_PATCHES], values[MOST_PATCHES];
    for (;;) {
        receive(c->ready);
        if (s->dma_error)
            return RUN_DMA_ERROR;
        uint32_t *at = WALK->blocks[c->slot];
        if (at[BLOCK_WORDS - 1]) {
            fetch_block(c, c->system);
        } else if (next) {
            receive(ready);
            fetch_block(c, sdram + next[0]);
        }
        for (;;) {
            uint32_t header = *at, op = header & 255;
            if (op == OP_MOVE) {
                move(sdram + place_of(task[1 + (header >> 24)]) + at[1], at[2], at[3]);
                log->moves++;
                at += 4;
            } else if (op == OP_CALL) {
                uint32_t left = header >> 16 & 255;
                for (uint32_t i = 0; i < patches; i++)
                    at[2 + arguments[i]] = values[i];
                patches = 0;
                if (left != NO_WAIT) {
                    settle(left);
                    if (s->dma_error)
                        return RUN_DMA_ERROR;
                }
                ((void (*)(const uint32_t *))at[1])(at + 2);
                log->calls++;
                at += header >> 8 & 255;
            } else if (op == OP_NEXT) {
                break;
            } else if (op == OP_DONE) {
                return RUN_OK;
            } else if (op == OP_WORD && patches < MOST_PATCHES) {
                uint32_t left = header >> 16 & 255;
                if (left != NO_WAIT)
                    settle(left);
                arguments[patches] = at[2] & 255;
                values[patches++] = converted((const uint32_t *)at[1], at[2] >> 8 & 255, at[2] >> 16) + at[3];
                at += 4;
            } else {
                return RUN_BAD_OP;
            }
        }
    }
}

__attribute__((noinline)) static uint32_t walk_tasks(const struct share *share, struct log_record *log)
{
    struct state *s = STATE;
    uint32_t bytes = s->program.task_bytes, count = share->count, status = RUN_OK;
    uint32_t system = s->program.sdram + share->tasks;
    struct cursor cursor = {0, 0, 0};
    receive(request(system, WALK->tasks[0], TO_DTCM | bytes));
    fetch_block(&cursor, s->program.sdram + WALK->tasks[0][0]);
    for (uint32_t i = 0; i < count && status == RUN_OK; i++) {
        const uint32_t *next = i + 1 < count ? WALK->tasks[~i & 1] : 0;
        uint32_t ready = next ? request(system += bytes, WALK->tasks[~i & 1], TO_DTCM | bytes) : 0;
        status = walk_procedure(&cursor, WALK->tasks[i & 1], next, ready, log);
    }
    return status;
}

__attribute__((noinline)) static uint32_t walk_share(const struct share *share, uint32_t period, struct log_record *log)
{
    struct state *s = STATE;
    int active = period - share->phase < s->program.batches;
    uint32_t status = RUN_OK;
    s->vcpu->user3 = share->mark;
    s->waited = 0;
    log->mark = share->mark;
    log->period = period;
    log->start = now();
    log->calls = log->moves = 0;
    for (uint32_t i = 0; i < share->waits; i++) {
        uint32_t wait = (&share->wait0)[i];
        if (wait >> 24 != HOST_SOURCE || active)
            SLEEP_UNTIL(has_rung(wait, period) || s->stray);
    }
    log->ready = now();
    if (active) {
        CLAMPED_NOW[0] = CLAMPED_NOW[1] = 0;
        status = walk_tasks(share, log);
        if (share->clamped)
            move(s->program.sdram + place_of(share->clamped), CLAMPED, TO_SDRAM | CLAMPED_BYTES);
    }
    settle(0);
    if (s->dma_error)
        return RUN_DMA_ERROR;
    if (share->ring) {
        while (now() - s->last_ring < s->program.spacing)
            ;
        ring(share->ring);
        s->last_ring = now();
    }
    log->end = now();
    log->dma = s->waited;
    if (CC->tcr & CC_OVERRUN)
        return RUN_PACKET_LOST;
    if (s->stray)
        return RUN_STRAY_PACKET;
    return *STACK_END == STACK_FLOOR ? status : RUN_STACK;
}

static void turn_all(void)
{
    struct state *s = STATE;
    for (uint32_t i = 1; i < TURNS && s->turns[i].wrap; i++) {
        uint32_t at = s->turns[i].at + s->turns[i].stride;
        s->turns[i].at = at < s->turns[i].wrap ? at : 0;
    }
}

/* Takes the rings of a run, all of which come sooner or later, off the counters. */
static void forget_rings(uint32_t periods)
{
    struct state *s = STATE;
    for (uint32_t i = 0; i < SOURCES; i++) {
        uint32_t rings = i == HOST_SOURCE ? s->program.batches : periods * s->rates[i];
        uint32_t before = masked(0xc0);
        s->bells[i] -= rings;
        restore(before);
    }
}

/* All periods of a run. */
__attribute__((noinline)) static uint32_t walk(void)
{
    struct state *s = STATE;
    uint32_t shares = s->program.sdram + s->program.shares, count = s->program.count, status = RUN_OK;
    uint32_t periods = s->program.batches ? s->program.batches + s->program.phases : 0, logged = 0;
    uint32_t ready = count ? request(shares, WALK->shares, TO_DTCM | sizeof(struct share)) : 0, slot = 0;
    s->last_ring = now() - s->program.spacing;
    for (uint32_t period = 0; period < periods && status == RUN_OK; period++) {
        for (uint32_t i = 0; i < count && status == RUN_OK; i++, slot ^= 1) {
            struct log_record *log = WALK->logs + slot;
            receive(ready);
            uint32_t next = i + 1 < count ? i + 1 : 0;
            if (next || period + 1 < periods)
                ready = request(shares + next * sizeof(struct share), WALK->shares + (slot ^ 1), TO_DTCM | sizeof(struct share));
            status = walk_share(WALK->shares + slot, period, log);
            if (logged < s->program.log_count)
                move(s->program.sdram + s->program.log + logged++ * sizeof *log, (uint32_t)log, TO_SDRAM | sizeof *log);
        }
        turn_all();
        settle(0);
        s->vcpu->user1 = period + 1;
    }
    forget_rings(periods);
    return s->dma_error ? RUN_DMA_ERROR : status;
}
#endif

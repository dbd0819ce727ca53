/* The program of every worker: bare metal, an ordinary application to SC&MP and its host.
 *
 * It lies at the bottom of the ITCM, kernels behind it, and keeps all it knows in `struct state`. Between two runs it
 * stands at a barrier (SYNC0, then SYNC1, in turn); user0 of its vcpu block then names its program, user1 counts the
 * periods it has done, user2 is its error, user3 the share it works on.
 */
#include "start.h"
#include "engine.h"
#include "mailbox.h"

#define ADDRESS_OF(function)                                                                                 \
    ({                                                                                                       \
        uint32_t address_;                                                                                   \
        __asm__("ldr %0, 1f\n0: add %0, pc, %0\n b 2f\n1: .word " #function " - (0b + 8)\n2:" : "=r"(address_)); \
        address_;                                                                                            \
    })

#define SOFTWARE_VERSION 0x00040000

static void interrupts_begin(void)
{
    VIC->disable = 0xffffffff;
    VIC->select = 0;
    for (int i = 0; i < 16; i++)
        VIC->control[i] = 0;
    VIC->address[0] = ADDRESS_OF(dma_done);
    VIC->control[0] = VIC_SLOT | SOURCE_DMA_DONE;
    VIC->address[1] = ADDRESS_OF(dma_error);
    VIC->control[1] = VIC_SLOT | SOURCE_DMA_ERROR;
    VIC->address[2] = ADDRESS_OF(cpu_called);
    VIC->control[2] = VIC_SLOT | SOURCE_CPU;
    VIC->enable = 1u << SOURCE_DMA_DONE | 1u << SOURCE_DMA_ERROR | 1u << SOURCE_CPU;
}

__attribute__((noinline)) static void state_begin(uint32_t argument, volatile struct vcpu *v)
{
    uint32_t time = v->time, iobuf = v->iobuf;
    /* Zeros everywhere but in the stacks: kernels read padding along with values, and it shall always be something. */
    for (volatile uint32_t *word = (volatile uint32_t *)DTCM_BASE; word < (uint32_t *)(STATE + 1); word++)
        *word = 0;
    *STACK_END = STACK_FLOOR;
    STATE->vcpu = v;
    for (volatile uint32_t *at = v->r; at < &v->user0; at++)
        *at = 0;
    v->phys_cpu = DMA->stat >> 24;
    v->app_id = argument & 0xff;
    v->time = time;
    v->iobuf = iobuf;
    v->sw_ver = SOFTWARE_VERSION;
    v->name[0] = FOUR('s', 'p', 'i', 'n');
    v->name[1] = FOUR('n', 't', 'e', 'n');
    v->name[2] = FOUR('s', 'o', 'r', 0);
}

/* Holds at the host's barrier. */
__attribute__((noinline)) static void barrier(uint32_t turn)
{
    volatile struct vcpu *v = STATE->vcpu;
    uint32_t mine = 1u << ((uint32_t)(v - VCPU));
    v->cpu_state = turn ? STATE_SYNC1 : STATE_SYNC0;
    SLEEP_UNTIL(((SYSCTL->flags_set & mine) != 0) == turn || STATE->exits);
    v->cpu_state = STATE_RUN;
}

/* The program record and its tables into the DTCM; whether host and core see them alike. */
__attribute__((noinline)) static uint32_t take_program(void)
{
    struct state *s = STATE;
    uint32_t program = s->vcpu->user0;
    receive(request(program, &s->program, TO_DTCM | sizeof(struct program)));
    if (s->program.layout != LAYOUT_ID)
        return RUN_LAYOUT;
    uint32_t tables = s->program.sdram + s->program.tables;
    receive(request(tables, s->rates, TO_DTCM | sizeof s->rates));
    receive(request(tables + sizeof s->rates, s->turns, TO_DTCM | sizeof s->turns));
    uint32_t before = masked(0x80);
    hand_on_credits();
    restore(before);
    return s->dma_error ? RUN_DMA_ERROR : RUN_OK;
}

__attribute__((noinline)) static void fail(uint32_t status)
{
    struct state *s = STATE;
    volatile struct vcpu *v = s->vcpu;
    uint32_t detail = status == RUN_DMA_ERROR ? s->dma_error : status == RUN_STRAY_PACKET ? s->stray : 0;
    v->user2 = status;
    v->rt_code = RTE_SOFTWARE;
    text_line(FOUR('s', 't', 'o', 'p'), FOUR(' ', ' ', ' ', ' '), status);
    text_line(FOUR('d', 'e', 't', 'a'), FOUR('i', 'l', ' ', ' '), detail);
    text_line(FOUR('s', 'h', 'a', 'r'), FOUR('e', ' ', ' ', ' '), v->user3);
    v->cpu_state = STATE_RTE;
    masked(0xc0);
    for (;;)
        wait_for_interrupt();
}

__attribute__((used, noreturn)) void runtime_main(uint32_t argument, volatile struct vcpu *v)
{
    struct state *s = STATE;
    state_begin(argument, v);
    interrupts_begin();
    transfers_begin();
    packets_begin();
    TIMER1->load = 0xffffffff;
    TIMER1->control = TIMER_FREE_RUN;
    restore(0x1f); /* SYS mode, interrupts on */
    if (argument >> 8 & FLAG_WAIT) {
        v->cpu_state = STATE_WAIT;
        SLEEP_UNTIL(s->starts || s->exits);
    }
    for (uint32_t turn = 0; !s->exits; turn ^= 1) {
        barrier(turn);
        if (s->exits)
            break;
        v->user1 = 0;
        uint32_t status = take_program();
        if (status == RUN_OK)
            status = walk();
        if (status != RUN_OK)
            fail(status);
    }
    v->cpu_state = STATE_EXIT;
    masked(0xc0);
    for (;;)
        wait_for_interrupt();
}

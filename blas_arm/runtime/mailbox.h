/* What the monitor sends: pings, signals and messages, by the interrupt of the system controller. */
#ifndef SPINNTENSOR_MAILBOX_H
#define SPINNTENSOR_MAILBOX_H
#include "packets.h"

static void give_back(volatile struct message *m)
{
    while (SYSCTL->take[LOCK_MESSAGES] >> 31)
        ;
    m->next = SV->messages_free;
    SV->messages_free = (uint32_t)m;
    SV->messages_used--;
    (void)SYSCTL->free[LOCK_MESSAGES];
}

/* The host lets more batches in; the core that it tells hands it on, itself included, once it has its program. */
static void hand_on_credits(void)
{
    struct state *s = STATE;
    while ((int32_t)(s->granted - s->credits) > 0 && s->program.credit_key) {
        s->credits++;
        ring(s->program.credit_key);
    }
}

__attribute__((interrupt("IRQ"), used)) static void cpu_called(void)
{
    struct state *s = STATE;
    volatile struct vcpu *v = s->vcpu;
    SYSCTL->clear_irq = SYSCTL_CODE | 1u << v->phys_cpu;
    uint32_t command = v->mbox_ap_cmd, word = v->mbox_ap_msg;
    if (command == COMMAND_PING) {
        v->mbox_ap_msg = 0;
        v->mbox_ap_cmd = COMMAND_IDLE;
    } else if (command == COMMAND_SIGNAL) {
        v->mbox_ap_cmd = COMMAND_IDLE;
        if (word == SIGNAL_START)
            s->starts++;
        if (word == SIGNAL_EXIT)
            s->exits++;
    } else if (command == COMMAND_MESSAGE) {
        volatile struct message *m = (volatile struct message *)word;
        uint32_t port = m->dest_port >> 5, total = m->argument[0];
        v->mbox_ap_cmd = COMMAND_IDLE;
        give_back(m);
        if (port == CREDIT_PORT) {
            s->granted = total;
            hand_on_credits();
        }
    }
    VIC->vector = 0;
}
#endif

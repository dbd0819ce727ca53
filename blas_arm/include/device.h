/* The registers of a core's own devices and of its chip, and what SC&MP keeps in System RAM.
 *
 * Sources: SpiNNaker datasheet 2.02, sections 5 (VIC), 6 (timers), 7 (DMA), 8 (communications controller), 14 (system
 * controller); spinnaker_tools, sark.h, for the blocks in System RAM.
 */
#ifndef SPINNTENSOR_DEVICE_H
#define SPINNTENSOR_DEVICE_H
#include <stdint.h>

struct dma_registers {
    uint32_t reserved0;
    uint32_t adrs, adrt, desc; /* writing desc commits the transfer */
    uint32_t ctrl, stat, gctl;
};
#define DMA ((volatile struct dma_registers *)0x30000000)

#define DMA_DOUBLE (1u << 24)    /* double words */
#define DMA_BURST_16 (4u << 21)  /* the longest burst: 16 double words */
#define DMA_TO_SYSTEM (1u << 19) /* TCM to system; 0: system to TCM */
#define DMA_CLEAR_DONE (1u << 3)
#define DMA_STOP 0x3f              /* abort, uncommit, restart, clear */
#define DMA_CLEAN 0x0d             /* what the stop left: restart, clear the done count */
#define DMA_DONE (1u << 10)
#define DMA_FAILED ((1u << 20) | (1u << 16) | (1u << 15) | (1u << 14) | (1u << 13))

struct timer_registers {
    uint32_t load, count, control;
};
#define TIMER1 ((volatile struct timer_registers *)0x11000000)

#define TIMER_FREE_RUN 0x82 /* enabled, 32 bit, no interrupt, wraps */

struct vic_registers {
    uint32_t irq, fiq, raw, select, enable, disable, soft, soft_clear, protect;
    uint32_t reserved0[3];
    uint32_t vector, standard; /* of the interrupt being served; of those without a slot */
    uint32_t reserved1[50];
    uint32_t address[16];
    uint32_t reserved2[48];
    uint32_t control[16];
};
#define VIC ((volatile struct vic_registers *)0x1f000000)
#define VIC_SLOT 0x20 /* enables a slot for the source in the bits below */
enum { SOURCE_DMA_DONE = 12, SOURCE_DMA_ERROR = 13, SOURCE_CPU = 18, SOURCE_MULTICAST = 24 };

struct cc_registers {
    uint32_t tcr, tdr, tkr; /* control, payload, key of what is sent: writing the key sends */
    uint32_t rsr, rdr, rkr; /* reading the key takes the packet */
};
#define CC ((volatile struct cc_registers *)0x10000000)
#define CC_ROOM (1u << 28)     /* TCR: another packet may be sent */
#define CC_OVERRUN (1u << 29)  /* TCR: a packet was lost */
#define CC_MULTICAST 0         /* TCR: a multicast packet without payload */

struct sysctl_registers {
    uint32_t chip_id, cpu_disable, set_irq, clear_irq, set_ok, clear_ok;
    uint32_t reserved0[16];
    uint32_t flags_set, flags_clear; /* reading the first gives all flags */
    uint32_t reserved1[40];
    uint32_t take[32]; /* test and set: bit 31 is the old value */
    uint32_t free[32]; /* test and clear */
};
#define SYSCTL ((volatile struct sysctl_registers *)0xf2000000)
#define SYSCTL_CODE 0x5ec00000
enum { LOCK_MESSAGES = 0 };

struct vcpu { /* of a virtual core */
    uint32_t r[8], psr, sp, lr;
    uint8_t rt_code, phys_cpu, cpu_state, app_id;
    uint32_t mbox_ap_msg, mbox_mp_msg;
    uint8_t mbox_ap_cmd, mbox_mp_cmd;
    uint16_t sw_count;
    uint32_t sw_file, sw_line, time;
    uint32_t name[4];
    uint32_t iobuf, sw_ver;
    uint32_t spare[4];
    uint32_t user0, user1, user2, user3;
};
_Static_assert(sizeof(struct vcpu) == 128, "vcpu block");
#define VCPU ((volatile struct vcpu *)0xf5007000)

enum { STATE_RTE = 2, STATE_WAIT = 5, STATE_RUN = 7, STATE_SYNC0, STATE_SYNC1, STATE_PAUSE, STATE_EXIT };
enum { RTE_UNDEFINED = 2, RTE_SWI, RTE_PREFETCH, RTE_DATA, RTE_SOFTWARE = 13 };
enum { COMMAND_IDLE, COMMAND_MESSAGE, COMMAND_PING, COMMAND_SIGNAL };
enum { SIGNAL_STOP = 2, SIGNAL_START = 3, SIGNAL_EXIT = 8 };

struct message { /* SDP with an SCP command */
    uint32_t next;
    uint16_t length, checksum;
    uint8_t flags, tag, dest_port, srce_port;
    uint16_t dest_addr, srce_addr, command, sequence;
    uint32_t argument[3];
};

struct system_variables {
    uint32_t reserved0[26];
    uint32_t messages_free; /* shared message buffers */
    uint16_t messages_used, messages_most;
    uint32_t reserved1[9];
    uint8_t virtual_of[20]; /* by physical core */
};
#define SV ((volatile struct system_variables *)0xf5007f00)

struct iobuf {
    uint32_t next, unix_time, time_ms, used; /* bytes used; text behind */
};
#endif

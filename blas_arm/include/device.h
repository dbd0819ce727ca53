/* The registers of a core's own devices. Source: SpiNNaker datasheet 2.02, sections 6 (timers) and 7 (DMA). */
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
#endif

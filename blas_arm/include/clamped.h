/* The words in which kernels count what they clamp. */
#ifndef SPINNTENSOR_CLAMPED_H
#define SPINNTENSOR_CLAMPED_H
#include "abi.h"

#define CLAMPED_NOW ((volatile uint32_t *)CLAMPED)

#endif

/* Plain C: see maxpool_2x2s2_ref.h. */
#define KERNEL maxpool_u7_2x2s2_ref
#define TYPE uint8_t
#include "maxpool_2x2s2_ref.h"

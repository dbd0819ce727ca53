/* Plain C: see maxpool_3x3s2_ref.h. */
#define KERNEL maxpool_u7_3x3s2_ref
#define TYPE uint8_t
#include "maxpool_3x3s2_ref.h"

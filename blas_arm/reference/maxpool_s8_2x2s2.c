/* Plain C: see maxpool_2x2s2_ref.h. */
#define KERNEL maxpool_s8_2x2s2_ref
#define TYPE int8_t
#include "maxpool_2x2s2_ref.h"

/* Plain C: see maxpool_3x3s2_ref.h. */
#define KERNEL maxpool_s8_3x3s2_ref
#define TYPE int8_t
#include "maxpool_3x3s2_ref.h"

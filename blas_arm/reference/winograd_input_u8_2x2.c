/* Plain C: the same transform into the same panels as the hand-written kernel, pixels unsigned. */
#include "winograd_input_ref.h"

WINOGRAD_INPUT_2X2_REF(winograd_input_u8_2x2_ref, uint8_t)

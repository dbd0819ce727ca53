"""Where things lie in a core's private memory: constants that host, C and assembly agree on.

Sources: SpiNNaker datasheet 2.02 section 3.3 (ITCM, DTCM); the split of the DTCM is ours.
"""

ITCM_BASE = 0x0000_0000
ITCM_BYTES = 32 * 1024
DTCM_BASE = 0x0040_0000
DTCM_BYTES = 64 * 1024
DTCM_END = DTCM_BASE + DTCM_BYTES

# The first bytes of the DTCM belong to the kernel that runs: hand-written kernels use all sixteen registers,
# stack pointer included, and park what does not fit here. One `mov rX, #DTCM_BASE` reaches it.
STATE_BASE = DTCM_BASE
STATE_BYTES = 256

# Two words of the state outlive a call: a kernel adds to them the numbers that it clamped and was asked to count, or
# that overflowed.
CLAMPED_BYTES = 8
CLAMPED = STATE_BASE + STATE_BYTES - CLAMPED_BYTES
"""Bytes: results of sums (requantisation, means), then sums of two branches. float32: infinities of finite operands,
then NaN of operands that are none."""
ABOVE, BELOW = 1, 2
"""What a kernel is asked to count: results above its clamp, or below it."""

STACK_BYTES = 2048
STACK_LIMIT = DTCM_END - STACK_BYTES

OPERANDS_BASE = STATE_BASE + STATE_BYTES
OPERANDS_BYTES = STACK_LIMIT - OPERANDS_BASE

CONSTANTS = {
    "DTCM_BASE": DTCM_BASE,
    "DTCM_BYTES": DTCM_BYTES,
    "STATE_BASE": STATE_BASE,
    "STATE_BYTES": STATE_BYTES,
    "STACK_BYTES": STACK_BYTES,
    "CLAMPED": CLAMPED,
    "CLAMPED_BYTES": CLAMPED_BYTES,
    "COUNT_ABOVE": ABOVE,
    "COUNT_BELOW": BELOW,
}

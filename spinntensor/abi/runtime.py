"""The contract of the on-core runtime: what lies in SDRAM for each worker, and how the tile engine reads it.

A worker has a program record, a list of shares for one period, a list of tasks for each share, and procedures: rows of
commands that many tasks name, stored once. All addresses of a record count from `program.sdram`, so that an image does
not depend on where the host puts it.
"""

from spinntensor.abi.struct import WORD, struct

OPS = {"OP_DONE": 0, "OP_MOVE": 1, "OP_CALL": 2, "OP_WORD": 3, "OP_NEXT": 4}
"""Commands. The header is op | words of the command << 8 | moves left under way << 16 | base << 24.

OP_DONE ends a procedure. OP_MOVE: offset, TCM address, DMA descriptor; the system address is that of the task's base
number `base`, plus the offset. OP_CALL: entry, argument words; waits first until at most so many moves are under way
(NO_WAIT: it does not). OP_WORD: DTCM address, argument number | conversion << 8 | words << 16, what is added: makes a
word of one or more that lie in the DTCM for the arguments of the next OP_CALL, after the same wait.
OP_NEXT: what follows begins the next block.
"""

NO_WAIT = 255
CONVERSIONS = {"WORD_PLAIN": 0, "WORD_EXPONENT": 1, "WORD_SHIFT": 2}
"""What OP_WORD makes of words: see `image.emit.action.Word`."""
MOST_PATCHES = 4
"""OP_WORD before one OP_CALL."""

BLOCK_WORDS = 64
"""Words of a block of commands, fetched by one transfer; no command lies in two blocks."""
TASK_WORDS = 40
"""Words of a task at most: the procedure, then its bases."""
SHARE_WAITS = 17
"""Doorbells that a share may wait for: one for each other worker, of 17 beside the monitor, and the host's."""
TURNS = 32
"""Ways in which addresses move from batch to batch; number 0 stays."""
SOURCES = 20
"""Sources of doorbells: workers, then the host."""
HOST_SOURCE = 18
QUEUE = 32
"""Transfers that wait in software behind the two in the controller."""

LOGGED = 4
"""Periods of a run of which a share's times are kept."""
KEY_BASE = 0x5354_0000
"""Upper half of the routing keys of doorbells; bits 12:8 are the source."""
CREDIT_PORT = 1
"""SDP port on which a core takes the host's credits: argument 1 is the number of batches that may be worked on."""

PROGRAM = struct(
    "program",
    "What a worker does; in SDRAM, its address in user0 of the worker's vcpu block.",
    ("layout", "uint32_t", "LAYOUT_ID: host and core were built from the same records"),
    ("sdram", "uint32_t", "what all other addresses are counted from"),
    ("shares", "uint32_t", "address of the shares of a period, in order"),
    ("count", "uint32_t", "shares of a period"),
    ("batches", "uint32_t", "to be worked on"),
    ("phases", "uint32_t", "periods from the first share of a batch to its last, less one"),
    ("tables", "uint32_t", "address of the tables: rates[SOURCES], then struct turn[TURNS]"),
    ("task_bytes", "uint32_t", "bytes from task to task"),
    ("log", "uint32_t", "address of the log"),
    ("log_count", "uint32_t", "records that the log has room for"),
    ("credit_key", "uint32_t", "routing key by which the clerk hands on the host's credits"),
    ("spacing", "uint32_t", "cycles from one ring of this core to its next at least"),
)
TURN = struct(
    "turn",
    "How an address moves from batch to batch.",
    ("at", "uint32_t", "bytes that are added now"),
    ("stride", "uint32_t", "bytes from place to place"),
    ("wrap", "uint32_t", "bytes of all places"),
)
SHARE = struct(
    "share",
    "What a worker does between two doorbells.",
    ("mark", "uint32_t", "number of the share in the plan"),
    ("phase", "uint32_t", "in period p it works on batch p - phase"),
    ("tasks", "uint32_t", "address of its tasks"),
    ("count", "uint32_t", "tasks"),
    ("ring", "uint32_t", "routing key that is sent when all results lie in SDRAM; 0: none"),
    ("clamped", "uint32_t", "base of the place for what its kernels counted; 0: nobody asks"),
    ("waits", "uint32_t", "doorbells that it waits for"),
    *(
        (f"wait{i}", "uint32_t", "source << 24 | periods ago << 16 | rings of that period")
        for i in range(SHARE_WAITS)
    ),
)
LOG = struct(
    "log_record",
    "What a share took; model cycles of the core's own timer.",
    ("mark", "uint32_t", "number of the share"),
    ("period", "uint32_t", "counted from 0 in each run"),
    ("start", "uint32_t", "when the core turned to it"),
    ("ready", "uint32_t", "when all doorbells had rung"),
    ("end", "uint32_t", "when all results lay in SDRAM"),
    ("dma", "uint32_t", "cycles of it that were spent waiting for transfers"),
    ("calls", "uint32_t", "kernels entered"),
    ("moves", "uint32_t", "transfers started"),
)

WALK_BYTES = 2 * (WORD * BLOCK_WORDS + WORD * TASK_WORDS + SHARE.size + LOG.size)
"""What the tile engine has of the DTCM behind the kernels' state: two of each of what it fetches or stores."""

ERRORS = {
    "RUN_OK": 0,
    "RUN_LAYOUT": 1,
    "RUN_BAD_OP": 2,
    "RUN_DMA_ERROR": 3,
    "RUN_STRAY_PACKET": 4,
    "RUN_PACKET_LOST": 5,
    "RUN_STACK": 6,
}
"""What user2 of the vcpu block says when the runtime stops by itself; user3 then holds a detail."""

CONSTANTS = {
    **OPS,
    **CONVERSIONS,
    **ERRORS,
    "NO_WAIT": NO_WAIT,
    "MOST_PATCHES": MOST_PATCHES,
    "BLOCK_WORDS": BLOCK_WORDS,
    "TASK_WORDS": TASK_WORDS,
    "MOST_WAITS": SHARE_WAITS,
    "TURNS": TURNS,
    "SOURCES": SOURCES,
    "HOST_SOURCE": HOST_SOURCE,
    "DMA_QUEUE": QUEUE,
    "KEY_BASE": KEY_BASE,
    "CREDIT_PORT": CREDIT_PORT,
}
STRUCTS = (PROGRAM, TURN, SHARE, LOG)
PROGRAMS = {"runtime": PROGRAM}

"""The contract of the tile engine: its own record, and the commands of a core's program."""

from spinntensor.abi.struct import struct

OPS = {"OP_END": 0, "OP_MOVE": 1, "OP_WAIT": 2, "OP_CALL": 3}
"""What a command may ask for; the words behind the operation are listed with COMMAND."""

ERRORS = {"ENGINE_OK": 0, "ENGINE_BAD_OP": 1, "ENGINE_DMA_ERROR": 2, "ENGINE_RAN_OFF": 3}

BLOCK = 8
"""Commands fetched by one DMA transfer; the next block is under way while one is executed."""

RECENT = 16
"""Moves whose transfers the engine remembers: an OP_WAIT may leave fewer moves than that under way."""

COMMAND = struct(
    "command",
    "One fixed-size step of a core's program, in SDRAM.",
    ("op", "uint32_t", "OP_*"),
    (
        "entry",
        "uint32_t",
        "OP_CALL: address of the kernel; OP_MOVE: system address; OP_WAIT: moves that must be done",
    ),
    *(
        (f"w{i}", "uint32_t", f"OP_CALL: argument word {i}; OP_MOVE: w0 TCM address, w1 descriptor")
        for i in range(14)
    ),
)

ENGINE = struct(
    "engine",
    "What the host tells the tile engine, and what it reports back; in DTCM.",
    ("program", "uint32_t", "SDRAM address of the commands, a whole number of blocks"),
    ("count", "uint32_t", "commands, OP_END included"),
    ("blocks", "struct command *", "DTCM room for two blocks of commands"),
    ("trace", "uint32_t *", "DTCM room for 2 * count words (start and end of each command), or 0"),
    ("status", "uint32_t", "written at the end: ENGINE_*"),
    ("at", "uint32_t", "written at the end: index of the last command"),
    ("dma_status", "uint32_t", "written at the end: the DMA controller's STAT when it went wrong, else 0"),
    ("moves", "uint32_t", "written at the end: transfers done, commands fetched included"),
)

CONSTANTS = {**OPS, **ERRORS, "BLOCK_COMMANDS": BLOCK, "RECENT_MOVES": RECENT}
STRUCTS = (COMMAND, ENGINE)
PROGRAMS = {"tile_engine": ENGINE}

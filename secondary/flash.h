/* The flash port: NOR flash that holds everything a Secondary keeps. Adapters: flash_posix.c (a file that
 * behaves like NOR flash), tests/lib_flash.c (memory, with power cuts), a microcontroller's driver.
 *
 * Promises of the port: read returns what was programmed, or 0xFF after erase; program works on whole,
 * aligned units that are erased, each once per erase (automotive flash with ECC knows no second program); a
 * power cut during program or erase leaves any bytes in the unit or sector under way, nothing elsewhere. sync
 * returns when all before is durable. */
#ifndef SECONDARY_FLASH_H
#define SECONDARY_FLASH_H

#include "metadata/err.h"
#include "metadata/span.h"

struct sec_flash {
    void *ctx;
    uint32_t size;   /* bytes */
    uint32_t sector; /* erase unit, bytes */
    uint32_t program_unit;
    const uint8_t *mapped; /* the whole flash, readable in place; every port has it: a file is mapped */
    bool (*erase)(void *ctx, uint32_t offset);                        /* one sector */
    bool (*program)(void *ctx, uint32_t offset, struct up_span data); /* whole units */
    bool (*sync)(void *ctx);
    /* READ has been read through and will not be again soon: a port that pays for what was read, as a mapped
     * file does with memory, may let go of it. NULL: reading costs nothing. */
    void (*passed)(void *ctx, struct up_span read);
};

#endif

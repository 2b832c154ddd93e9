/* Bytes of any length into flash that wants whole units: what does not fill a unit waits in RAM.
 * Every program is read back, so a failing flash is an error and not a surprise at the next boot. */
#ifndef SECONDARY_WRITER_H
#define SECONDARY_WRITER_H

#include "secondary/layout.h"

struct sec_writer {
    const struct sec_flash *flash;
    uint32_t at, end; /* next unit; first byte that is not ours */
    bool erases;      /* a sector is erased when its first unit is written */
    uint32_t held;    /* bytes of the unit that is not full yet */
    uint8_t unit[SEC_UNIT_MAX];
};

/* AT: at a unit; with ERASES, at a sector. Nothing is written yet. */
void sec_writer_begin(struct sec_writer *w, const struct sec_flash *flash, uint32_t at, uint32_t end,
                      bool erases);
/* STORAGE_FULL: beyond the end, nothing of BYTES is taken. STORAGE_WRITE: flash failed; begin anew. */
enum up_err sec_writer_add(struct sec_writer *w, struct up_span bytes) UP_NODISCARD;
/* Fills the last unit with 0xFF and writes it. */
enum up_err sec_writer_flush(struct sec_writer *w) UP_NODISCARD;

/* Erases whole sectors. */
enum up_err sec_flash_erase(const struct sec_flash *flash, struct sec_region r) UP_NODISCARD;
enum up_err sec_flash_sync(const struct sec_flash *flash) UP_NODISCARD;
bool sec_flash_erased(const struct sec_flash *flash, uint32_t at, uint32_t n);

#endif

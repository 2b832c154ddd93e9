/* A file that behaves like NOR flash: sectors erased to 0xFF, whole units programmed once per erase, read in
 * place through a mapping. sync is fdatasync(), so a power cut or a kill leaves what the flash port promises.
 */
#ifndef SECONDARY_FLASH_POSIX_H
#define SECONDARY_FLASH_POSIX_H

#include "secondary/flash.h"

struct sec_flash_posix {
    struct sec_flash port; /* its ctx is this struct: do not move it while open */
    int fd;
    bool fast;
};

/* Opens PATH, which this process then has for itself. An absent file is made, mode 0600, SIZE bytes, erased,
 * if CREATE says so. FAST: sync does nothing; for simulations, where a crash of the host may cost the state.
 * False: WHY says what, where, and what to do. */
bool sec_flash_posix_open(struct sec_flash_posix *f, const char *path, uint32_t size, uint32_t sector,
                          uint32_t program_unit, bool create, bool fast, char *why, size_t why_size);
void sec_flash_posix_close(struct sec_flash_posix *f);

#endif

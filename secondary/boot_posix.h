/* What boot stage and agent share as Linux processes: the geometry of the flash file, the key, and the jump,
 * which is an exec: each takes the other's place in the same process. */
#ifndef SECONDARY_BOOT_POSIX_H
#define SECONDARY_BOOT_POSIX_H

#include "secondary/boot.h"
#include "secondary/config_posix.h"
#include "secondary/flash_posix.h"

/* KEY: where the policy's key is kept, if there is one. False: WHY says what, where, and what to do. */
bool sec_posix_boot_config(const struct sec_config *c, struct up_key *key, struct sec_boot_config *out,
                           char *why, size_t why_size);
bool sec_posix_open_flash(const struct sec_config *c, bool create, bool fast, struct sec_flash_posix *f,
                          char *why, size_t why_size);
/* Runs the program NAME that lies beside this one, in this process. Returns only when it cannot: WHY. */
void sec_posix_jump(const char *name, const char *const argv[], char *why, size_t why_size);

#endif

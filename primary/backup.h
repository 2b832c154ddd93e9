/* Backups for Secondaries with one slot: the image that such an ECU runs is kept before another one is
 * written over it, and is sent back after a failure (Uptane Standard 2.1, 5.4.3.3).
 *
 * The image lies with the downloads, by its hash; the state knows which: "backup/SERIAL" ->
 * {"length":...,"name":"...","sha256":"..."}. The Secondary takes nothing back but the very image that it
 * recorded, so nothing here need be trusted. */
#ifndef PRIMARY_BACKUP_H
#define PRIMARY_BACKUP_H

#include "primary/plan.h"

struct pri_backup {
    char name[UP_NAME_MAX + 1];
    uint64_t length;
    uint8_t sha256[UP_SHA256_BYTES];
};
/* Durable when OK. */
enum up_err pri_backup_put(struct pri_state *s, const char *serial, const struct pri_backup *b) UP_NODISCARD;
/* False: there is none. */
bool pri_backup_get(struct pri_state *s, const char *serial, struct pri_backup *out);
/* A file of this name, without its folder, is somebody's backup. */
bool pri_backup_is_file(struct pri_state *s, const char *name);
/* As something to download; the name stays B's. */
struct up_target pri_backup_target(const struct pri_backup *b);

#endif

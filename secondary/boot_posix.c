#include "secondary/boot_posix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECTOR 4096u
#define UNIT   8u

static bool read_key(const char *path, struct up_key *key, char *why, size_t why_size)
{
    uint8_t pem[UP_PEM_BYTES];
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        (void)snprintf(why, why_size, "%s: %s", path, strerror(errno));
        return false;
    }
    size_t n = fread(pem, 1, sizeof pem, f);
    (void)fclose(f);
    if (up_key_from_pem(UP_ECDSA_P256_SHA256, (struct up_span){pem, n}, key)) return true;
    (void)snprintf(why, why_size,
                   "%s: expected a public ECDSA P-256 key in PEM, as `isoctane-repo image key` makes", path);
    return false;
}

bool sec_posix_boot_config(const struct sec_config *c, struct up_key *key, struct sec_boot_config *out,
                           char *why, size_t why_size)
{
    *out = (struct sec_boot_config){.layout = c->layout, .staging_bytes = c->staging_bytes};
    if (c->boot_key[0] == '\0') return true;
    out->policy.key = key;
    return read_key(c->boot_key, key, why, why_size);
}

bool sec_posix_open_flash(const struct sec_config *c, bool create, bool fast, struct sec_flash_posix *f,
                          char *why, size_t why_size)
{
    const uint32_t size = sec_layout_size(c->layout, SECTOR, c->staging_bytes, c->slot_bytes);
    if (size != 0) return sec_flash_posix_open(f, c->flash, size, SECTOR, UNIT, create, fast, why, why_size);
    (void)snprintf(why, why_size, "[storage] slot_bytes and staging_bytes: more than 4 GiB together");
    return false;
}

void sec_posix_jump(const char *name, const char *const argv[], char *why, size_t why_size)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    char *slash = n > 0 && n < (ssize_t)sizeof path ? memrchr(path, '/', (size_t)n) : NULL;
    size_t room = slash != NULL ? sizeof path - (size_t)(slash + 1 - path) : 0;
    if (slash != NULL && (size_t)snprintf(slash + 1, room, "%s", name) < room)
        (void)execv(path, (char *const *)(uintptr_t)argv);
    (void)snprintf(why, why_size, "%s cannot be started from beside this program: %s", name, strerror(errno));
}

#include "tests/lib_folder.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

struct folder folder_make(void)
{
    static const char *const places[] = {"/dev/shm", "/tmp"}; /* in memory, if there is such a place */
    struct folder f;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(f.path, sizeof f.path, "%s/isoctane-test-XXXXXX", places[i]);
        if (mkdtemp(f.path) != NULL) return f;
    }
    ck_abort_msg("no place for a temporary folder");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void folder_remove(const struct folder *f)
{
    (void)nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

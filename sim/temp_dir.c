#include "sim/temp_dir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

bool sim_temp_dir(char *out, size_t cap)
{
    const char *base = getenv("TMPDIR");
    int n = snprintf(out, cap, "%s/isoctane-XXXXXX", base != NULL && base[0] == '/' ? base : "/tmp");
    return n > 0 && (size_t)n < cap && mkdtemp(out) != NULL;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void sim_remove_dir(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

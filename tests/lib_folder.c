#include "tests/lib_folder.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static struct folder work;
static int before = -1;

void folder_enter(void)
{
    before = open(".", O_RDONLY | O_CLOEXEC);
    work = folder_make();
    ck_assert_int_eq(chdir(work.path), 0);
}

const char *folder_path(void)
{
    return work.path;
}

void folder_leave(void)
{
    ck_assert_int_eq(fchdir(before), 0);
    close(before);
    folder_remove(&work);
}

void folder_write(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "w");
    ck_assert_msg(f != NULL, "cannot write %s", path);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

void folder_write_text(const char *path, const char *text)
{
    folder_write(path, text, strlen(text));
}

char *folder_read(const char *path, size_t *n)
{
    FILE *f = fopen(path, "r");
    if (f == NULL) return NULL;
    char *bytes = NULL;
    size_t got = 0, cap = 0;
    do {
        cap += 65536;
        bytes = realloc(bytes, cap + 1);
        ck_assert_ptr_nonnull(bytes);
        got += fread(bytes + got, 1, cap - got, f);
    } while (got == cap);
    fclose(f);
    bytes[got] = '\0';
    if (n != NULL) *n = got;
    return bytes;
}

#include "tests/lib_cutvfs.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 256
#define WRITES_MAX 4096

struct file { /* SQLite's view; the real file follows it in memory */
    sqlite3_file base;
    char path[PATH_BYTES];
    sqlite3_file *real;
};
struct write { /* not synced yet */
    char path[PATH_BYTES];
    sqlite3_int64 offset, size_before;
    int n, n_before;
    uint8_t *new, *old;
};

static struct write writes[WRITES_MAX];
static int write_count, operations, cut_at, fail_at, fail_code;
static enum cut_keeps cut_keeps;
static sqlite3_vfs cut_vfs, *real_vfs;

/* --- what the disk holds after the cut --- */

static void put_back(const struct write *w, bool keep, int n)
{
    int fd = open(w->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    bool ok = keep ? pwrite(fd, w->new, (size_t)n, w->offset) == n
                   : pwrite(fd, w->old, (size_t)w->n_before, w->offset) == w->n_before &&
                         ftruncate(fd, w->size_before) == 0;
    close(fd);
    if (!ok) _exit(1);
}

static void power_off(void)
{
    int last = write_count - 1;
    for (int i = last; i >= 0; i--) put_back(&writes[i], false, 0);
    for (int i = 0; i <= last; i++) {
        bool keep = cut_keeps == CUT_KEEPS_ALL || (cut_keeps == CUT_KEEPS_LAST && i == last) ||
                    (cut_keeps == CUT_LOSES_LAST && i < last) || cut_keeps == CUT_TEARS_LAST ||
                    (cut_keeps == CUT_KEEPS_ODD && i % 2 == 1);
        bool half = cut_keeps == CUT_TEARS_LAST && i == last;
        if (keep) put_back(&writes[i], true, half ? writes[i].n / 2 : writes[i].n);
    }
    _exit(CUT_STATUS);
}

/* SQLITE_OK: go on; else the operation fails. */
static int count_operation(void)
{
    operations++;
    if (operations == cut_at) power_off();
    return fail_at != 0 && operations >= fail_at ? fail_code : SQLITE_OK;
}

static void remember(struct file *f, const void *bytes, int n, sqlite3_int64 offset)
{
    if (write_count == WRITES_MAX) _exit(1);
    struct write *w = &writes[write_count++];
    *w = (struct write){.offset = offset, .n = n, .new = malloc((size_t)n), .old = calloc(1, (size_t)n)};
    memcpy(w->path, f->path, sizeof w->path);
    memcpy(w->new, bytes, (size_t)n);
    f->real->pMethods->xFileSize(f->real, &w->size_before);
    if (offset < w->size_before)
        w->n_before = n < w->size_before - offset ? n : (int)(w->size_before - offset);
    if (w->n_before > 0) f->real->pMethods->xRead(f->real, w->old, w->n_before, offset);
}

static void forget(const char *path)
{
    int kept = 0;
    for (int i = 0; i < write_count; i++) {
        if (strcmp(writes[i].path, path) != 0) {
            writes[kept++] = writes[i];
            continue;
        }
        free(writes[i].new);
        free(writes[i].old);
    }
    write_count = kept;
}

/* --- the methods that matter --- */

static struct file *of(sqlite3_file *f)
{
    return (struct file *)f;
}

static int on_write(sqlite3_file *f, const void *bytes, int n, sqlite3_int64 offset)
{
    if (cut_at != 0) remember(of(f), bytes, n, offset);
    int rc = count_operation();
    return rc != SQLITE_OK ? rc : of(f)->real->pMethods->xWrite(of(f)->real, bytes, n, offset);
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = count_operation();
    return rc != SQLITE_OK ? rc : of(f)->real->pMethods->xTruncate(of(f)->real, size);
}

static int on_sync(sqlite3_file *f, int flags)
{
    (void)flags;
    int rc = count_operation();
    if (rc != SQLITE_OK) return rc;
    forget(of(f)->path); /* only the process ends, never the machine: no real sync */
    return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *v, const char *path, int sync)
{
    (void)v, (void)sync;
    int rc = count_operation();
    if (rc != SQLITE_OK) return rc;
    forget(path);
    return real_vfs->xDelete(real_vfs, path, 0);
}

/* --- the others are the real file's --- */

static int on_close(sqlite3_file *f)
{
    return of(f)->real->pMethods->xClose(of(f)->real);
}
static int on_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return of(f)->real->pMethods->xRead(of(f)->real, p, n, at);
}
static int on_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return of(f)->real->pMethods->xFileSize(of(f)->real, size);
}
static int on_lock(sqlite3_file *f, int l)
{
    return of(f)->real->pMethods->xLock(of(f)->real, l);
}
static int on_unlock(sqlite3_file *f, int l)
{
    return of(f)->real->pMethods->xUnlock(of(f)->real, l);
}
static int on_reserved(sqlite3_file *f, int *out)
{
    return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, out);
}
static int on_control(sqlite3_file *f, int op, void *arg)
{
    return of(f)->real->pMethods->xFileControl(of(f)->real, op, arg);
}
static int on_sector(sqlite3_file *f)
{
    return of(f)->real->pMethods->xSectorSize(of(f)->real);
}
static int on_character(sqlite3_file *f)
{
    (void)f;
    return 0; /* promise nothing: no atomic or ordered writes */
}
static int on_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **p)
{
    return of(f)->real->pMethods->xShmMap(of(f)->real, page, size, extend, p);
}
static int on_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return of(f)->real->pMethods->xShmLock(of(f)->real, at, n, flags);
}
static void on_shm_barrier(sqlite3_file *f)
{
    of(f)->real->pMethods->xShmBarrier(of(f)->real);
}
static int on_shm_unmap(sqlite3_file *f, int drop)
{
    return of(f)->real->pMethods->xShmUnmap(of(f)->real, drop);
}

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = on_close,
                                           .xRead = on_read,
                                           .xWrite = on_write,
                                           .xTruncate = on_truncate,
                                           .xSync = on_sync,
                                           .xFileSize = on_size,
                                           .xLock = on_lock,
                                           .xUnlock = on_unlock,
                                           .xCheckReservedLock = on_reserved,
                                           .xFileControl = on_control,
                                           .xSectorSize = on_sector,
                                           .xDeviceCharacteristics = on_character,
                                           .xShmMap = on_shm_map,
                                           .xShmLock = on_shm_lock,
                                           .xShmBarrier = on_shm_barrier,
                                           .xShmUnmap = on_shm_unmap};

static int on_open(sqlite3_vfs *v, const char *path, sqlite3_file *file, int flags, int *out_flags)
{
    (void)v;
    struct file *f = of(file);
    f->real = (sqlite3_file *)(f + 1);
    snprintf(f->path, sizeof f->path, "%s", path == NULL ? "" : path);
    int rc = real_vfs->xOpen(real_vfs, path, f->real, flags, out_flags);
    f->base.pMethods = f->real->pMethods == NULL ? NULL : &methods;
    return rc;
}

static void install(void)
{
    operations = 0;
    if (real_vfs != NULL) return;
    real_vfs = sqlite3_vfs_find(NULL);
    cut_vfs = *real_vfs;
    cut_vfs.szOsFile += (int)sizeof(struct file);
    cut_vfs.zName = "cut";
    cut_vfs.xOpen = on_open;
    cut_vfs.xDelete = on_delete;
    sqlite3_vfs_register(&cut_vfs, 1);
}

void cutvfs_cut(int at, enum cut_keeps keeps)
{
    install();
    cut_at = at;
    cut_keeps = keeps;
}

void cutvfs_fail(int at, int code)
{
    install();
    fail_at = at;
    fail_code = code;
}

void cutvfs_heal(void)
{
    fail_at = 0;
}

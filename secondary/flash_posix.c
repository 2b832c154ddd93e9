#include "secondary/flash_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DROP_BYTES 65536u /* of what is programmed, stay in memory */

static bool write_all(int fd, const uint8_t *p, size_t n, off_t at)
{
    while (n > 0) {
        ssize_t done = pwrite(fd, p, n, at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        p += done;
        n -= (size_t)done;
        at += done;
    }
    return true;
}

static bool write_erased(int fd, uint32_t at, uint32_t n)
{
    uint8_t blank[4096];
    memset(blank, 0xFF, sizeof blank);
    while (n > 0) {
        uint32_t part = n < sizeof blank ? n : (uint32_t)sizeof blank;
        if (!write_all(fd, blank, part, at)) return false;
        at += part;
        n -= part;
    }
    return true;
}

static bool erase(void *ctx, uint32_t offset)
{
    struct sec_flash_posix *f = ctx;
    if (offset % f->port.sector != 0 || offset >= f->port.size) return false;
    return write_erased(f->fd, offset, f->port.sector);
}

/* The file's pages leave this process's memory; the system keeps them as long as it likes. */
static void drop(const struct sec_flash_posix *f, uint32_t offset, uint32_t n)
{
    const uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE), from = offset / page * page;
    (void)madvise((void *)(uintptr_t)(f->port.mapped + from), n + (offset - from), MADV_DONTNEED);
}

static void passed(void *ctx, struct up_span read)
{
    const struct sec_flash_posix *f = ctx;
    drop(f, (uint32_t)(read.p - f->port.mapped), (uint32_t)read.n);
}

/* Programming clears bits, and only in units that are erased: what NOR flash with ECC would refuse is
 * refused. */
static bool program(void *ctx, uint32_t offset, struct up_span data)
{
    struct sec_flash_posix *f = ctx;
    if (offset % f->port.program_unit != 0 || data.n % f->port.program_unit != 0) return false;
    if (offset > f->port.size || data.n > f->port.size - offset) return false;
    for (size_t i = 0; i < data.n; i++)
        if (f->port.mapped[offset + i] != 0xFF) return false;
    if (offset % DROP_BYTES == 0 && offset > 0)
        drop(f, offset - DROP_BYTES, DROP_BYTES); /* read back since */
    return write_all(f->fd, data.p, data.n, offset);
}

static bool sync_file(void *ctx)
{
    struct sec_flash_posix *f = ctx;
    return f->fast || fdatasync(f->fd) == 0;
}

/* A new file is durable when its directory knows it. */
static bool sync_directory(const char *path)
{
    char *copy = strdup(path);
    int fd = copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    free(copy);
    if (fd < 0) return false;
    bool ok = fsync(fd) == 0;
    (void)close(fd);
    return ok;
}

/* Made under another name and renamed: never half a file. */
static bool create_file(const char *path, uint32_t size, char *why, size_t why_size)
{
    char name[4096];
    if (snprintf(name, sizeof name, "%s.new", path) >= (int)sizeof name) {
        (void)snprintf(why, why_size, "%s: name too long", path);
        return false;
    }
    (void)unlink(name);
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write_erased(fd, 0, size) && fsync(fd) == 0 && rename(name, path) == 0 &&
              sync_directory(path);
    if (!ok) {
        (void)snprintf(why, why_size, "%s: cannot make the flash file: %s", path, strerror(errno));
        if (fd >= 0) (void)unlink(name);
    }
    if (fd >= 0) (void)close(fd);
    return ok;
}

static bool fail(struct sec_flash_posix *f, char *why, size_t why_size, const char *path, const char *what)
{
    (void)snprintf(why, why_size, "%s: %s", path, what);
    sec_flash_posix_close(f);
    return false;
}

bool sec_flash_posix_open(struct sec_flash_posix *f, const char *path, uint32_t size, uint32_t sector,
                          uint32_t program_unit, bool create, bool fast, char *why, size_t why_size)
{
    *f = (struct sec_flash_posix){.fd = -1, .fast = fast};
    if (create && access(path, F_OK) != 0 && !create_file(path, size, why, why_size)) return false;
    f->fd = open(path, O_RDWR | O_CLOEXEC);
    if (f->fd < 0) return fail(f, why, why_size, path, strerror(errno));
    if (flock(f->fd, LOCK_EX | LOCK_NB) != 0)
        return fail(f, why, why_size, path, "in use by another process: stop it first");
    struct stat st;
    if (fstat(f->fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size != (off_t)size)
        return fail(f, why, why_size, path, "not a flash file of the configured size");
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, f->fd, 0);
    if (map == MAP_FAILED) return fail(f, why, why_size, path, strerror(errno));
    f->port = (struct sec_flash){.ctx = f,
                                 .size = size,
                                 .sector = sector,
                                 .program_unit = program_unit,
                                 .mapped = map,
                                 .erase = erase,
                                 .program = program,
                                 .sync = sync_file,
                                 .passed = passed};
    return true;
}

void sec_flash_posix_close(struct sec_flash_posix *f)
{
    if (f->port.mapped != NULL) (void)munmap((void *)(uintptr_t)f->port.mapped, f->port.size);
    if (f->fd >= 0) (void)close(f->fd);
    *f = (struct sec_flash_posix){.fd = -1};
}

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "primary/tuf_files.h"

#define ROOM_FACTOR 8 /* what up_signed_open needs at most */

/* ---- memory ---- */

void tuf_blob_free(struct tuf_blob *b)
{
    free(b->file);
    free(b->room);
    *b = (struct tuf_blob){0};
}

bool tuf_blob_take(struct tuf_blob *b, struct up_span bytes)
{
    *b = (struct tuf_blob){.file = malloc(bytes.n + 1), .bytes = bytes.n};
    if (b->file == NULL) return false;
    if (bytes.n > 0) memcpy(b->file, bytes.p, bytes.n);
    return true;
}

struct up_buf tuf_blob_room(struct tuf_blob *b)
{
    size_t cap = ROOM_FACTOR * b->bytes;
    free(b->room);
    b->room = malloc(cap + 1);
    return (struct up_buf){.p = b->room, .cap = b->room == NULL ? 0 : cap};
}

/* ---- reading ---- */

bool tuf_path(char out[TUF_PATH_MAX], const char *folder, const char *name)
{
    int n = snprintf(out, TUF_PATH_MAX, "%s/%s", folder, name);
    return n > 0 && n < TUF_PATH_MAX;
}

enum up_err tuf_file_read(const char *folder, const char *name, size_t max, struct tuf_blob *out)
{
    char path[TUF_PATH_MAX];
    struct stat st;
    struct tuf_blob b = {0};
    FILE *f = tuf_path(path, folder, name) ? fopen(path, "rbe") : NULL;
    if (f == NULL) return errno == ENOENT ? UP_UNAVAILABLE : UP_STORAGE_CORRUPT;
    enum up_err e = UP_STORAGE_CORRUPT;
    if (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode)) {
        e = (uint64_t)st.st_size > max ? UP_TOO_LARGE : UP_OK;
        if (e == UP_OK && (b.file = malloc((size_t)st.st_size + 1)) == NULL) e = UP_STORAGE_FULL;
    }
    if (e == UP_OK) {
        b.bytes = fread(b.file, 1, (size_t)st.st_size, f);
        if (b.bytes != (size_t)st.st_size) e = UP_STORAGE_CORRUPT;
    }
    (void)fclose(f);
    if (e != UP_OK) tuf_blob_free(&b);
    *out = b;
    return e;
}

static bool has_digests(FILE *f, const struct up_target *t)
{
    struct up_hashes is = {.has_sha256 = t->hashes.has_sha256, .has_sha512 = t->hashes.has_sha512};
    struct up_hash sha256, sha512;
    uint8_t bytes[65536];
    uint64_t length = 0;
    up_hash_begin(&sha256, UP_SHA256);
    up_hash_begin(&sha512, UP_SHA512);
    for (size_t n; length <= t->length && (n = fread(bytes, 1, sizeof bytes, f)) > 0; length += n) {
        if (is.has_sha256) up_hash_add(&sha256, (struct up_span){bytes, n});
        if (is.has_sha512) up_hash_add(&sha512, (struct up_span){bytes, n});
    }
    uint8_t digest256[UP_SHA256_BYTES], digest512[UP_SHA512_BYTES];
    up_hash_end(&sha256, digest256);
    up_hash_end(&sha512, digest512);
    if (is.has_sha256) memcpy(is.sha256, digest256, sizeof digest256);
    if (is.has_sha512) memcpy(is.sha512, digest512, sizeof digest512);
    return !ferror(f) && length == t->length && up_hashes_equal(&t->hashes, &is);
}

bool tuf_file_is(const char *path, const struct up_target *t)
{
    FILE *f = up_hashes_any(&t->hashes) ? fopen(path, "rbe") : NULL;
    if (f == NULL) return false;
    bool is = has_digests(f, t);
    (void)fclose(f);
    return is;
}

/* ---- writing ---- */

static enum up_err storage_error(void)
{
    return errno == ENOSPC || errno == EDQUOT ? UP_STORAGE_FULL : UP_STORAGE_WRITE;
}

static bool write_all(int fd, struct up_span bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes = (struct up_span){bytes.p + n, bytes.n - (size_t)n};
    }
    return true;
}

/* FOLDER, and those above it. */
static bool make_folder(const char *folder)
{
    char path[TUF_PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s", folder) >= sizeof path) return false;
    for (char *c = path + 1; *c != '\0'; c++) {
        if (*c != '/') continue;
        *c = '\0';
        if (mkdir(path, 0755) != 0 && errno != EEXIST) return false;
        *c = '/';
    }
    return mkdir(path, 0755) == 0 || errno == EEXIST;
}

static bool sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) (void)close(fd);
    return good;
}

/* Names of roles and targets never begin with a dot: primary/tuf_names.h. */
static int open_temp(const char *folder, char path[TUF_PATH_MAX])
{
    if (!make_folder(folder) || !tuf_path(path, folder, ".isoctane-tuf-XXXXXX")) return -1;
    int fd = mkostemp(path, O_CLOEXEC);
    mode_t mask = umask(0);
    (void)umask(mask);
    if (fd >= 0) (void)fchmod(fd, 0666 & ~mask);
    return fd;
}

enum up_err tuf_temp_make(const char *folder, char path[TUF_PATH_MAX])
{
    int fd = open_temp(folder, path);
    if (fd < 0) return storage_error();
    (void)close(fd);
    return UP_OK;
}

enum up_err tuf_temp_become(const char *folder, const char *temp, const char *name)
{
    char path[TUF_PATH_MAX];
    if (tuf_path(path, folder, name) && rename(temp, path) == 0)
        return sync_folder(folder) ? UP_OK : storage_error();
    enum up_err e = storage_error();
    (void)unlink(temp);
    return e;
}

enum up_err tuf_file_write(const char *folder, const char *name, struct up_span bytes)
{
    char temp[TUF_PATH_MAX];
    int fd = open_temp(folder, temp);
    if (fd < 0) return storage_error();
    bool good = write_all(fd, bytes) && fsync(fd) == 0;
    enum up_err e = good ? UP_OK : storage_error();
    (void)close(fd);
    if (good) return tuf_temp_become(folder, temp, name);
    (void)unlink(temp);
    return e;
}

void tuf_file_remove(const char *folder, const char *name)
{
    char path[TUF_PATH_MAX];
    if (tuf_path(path, folder, name)) (void)unlink(path);
}

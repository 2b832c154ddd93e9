#include "primary/download.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "metadata/encode.h"
#include "primary/backup.h"

#define RESERVE_BYTES (1u << 20) /* the system keeps this much, whatever we download */
#define PIECE_BYTES   65536
#define PART          ".part"

struct up_span pri_map(const char *path)
{
    struct up_span s = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p != MAP_FAILED) s = (struct up_span){p, (size_t)st.st_size};
    }
    if (fd >= 0) (void)close(fd);
    return s;
}

void pri_unmap(struct up_span s)
{
    if (s.p != NULL) (void)munmap((void *)(uintptr_t)s.p, s.n);
}

void pri_download_path(const char *dir, const struct up_target *t, char out[PRI_FILE_PATH_MAX])
{
    char hex[2 * UP_SHA512_BYTES + 1];
    size_t n = t->hashes.has_sha256 ? UP_SHA256_BYTES : UP_SHA512_BYTES;
    up_hex_encode(t->hashes.has_sha256 ? t->hashes.sha256 : t->hashes.sha512, n, hex);
    hex[2 * n] = '\0';
    (void)snprintf(out, PRI_FILE_PATH_MAX, "%s/%s", dir, hex);
}

/* Reads piece by piece: memory does not grow with the image. */
static enum up_err check(const char *path, const struct up_target *t)
{
    const struct up_hashes *want = &t->hashes;
    struct up_hashes is = {.has_sha256 = want->has_sha256, .has_sha512 = want->has_sha512};
    struct up_hash h256, h512;
    uint8_t piece[PIECE_BYTES];
    uint64_t total = 0;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return UP_IMG_LENGTH;
    up_hash_begin(&h256, UP_SHA256);
    up_hash_begin(&h512, UP_SHA512);
    while ((n = read(fd, piece, sizeof piece)) > 0) {
        total += (uint64_t)n;
        up_hash_add(&h256, (struct up_span){piece, (size_t)n});
        if (want->has_sha512) up_hash_add(&h512, (struct up_span){piece, (size_t)n});
    }
    (void)close(fd);
    up_hash_end(&h256, is.sha256);
    up_hash_end(&h512, is.sha512);
    if (n < 0) return UP_STORAGE_CORRUPT;
    if (total != t->length) return UP_IMG_LENGTH;
    return up_hashes_equal(want, &is) ? UP_OK : UP_IMG_HASH;
}

void pri_download_begin(struct pri_download *d, const char *dir, struct pri_fetch *fetch,
                        const struct up_target *t)
{
    *d = (struct pri_download){.dir = dir, .fetch = fetch, .target = t};
    pri_download_path(dir, t, d->path);
    (void)snprintf(d->part, sizeof d->part, "%s" PART, d->path);
}

static enum pri_verdict fail(struct pri_download *d, enum up_err e, const char *detail)
{
    pri_problem_set(&d->problem, e, "image %.*s: %s%s%s", (int)d->target->name.n,
                    (const char *)d->target->name.p, up_err_text(e), detail[0] ? ": " : "", detail);
    pri_download_cancel(d);
    return PRI_FAILED;
}

static bool has_room(const struct pri_download *d)
{
    struct statvfs v;
    if (statvfs(d->dir, &v) != 0) return true; /* no answer is no refusal: the write will tell */
    uint64_t room = (uint64_t)v.f_bavail * v.f_frsize;
    return room > RESERVE_BYTES && room - RESERVE_BYTES >= d->target->length - d->held;
}

/* The part is all that will come. What is wrong with it is not worth keeping. */
static enum pri_verdict conclude(struct pri_download *d)
{
    enum up_err e = check(d->part, d->target);
    if (e == UP_OK) return rename(d->part, d->path) == 0 ? PRI_DONE : fail(d, UP_STORAGE_WRITE, d->path);
    (void)unlink(d->part);
    d->held = 0;
    return fail(d, e, "");
}

static enum pri_verdict start(struct pri_download *d, const struct pri_chain *images)
{
    struct stat st;
    if (check(d->path, d->target) == UP_OK) return PRI_DONE;
    (void)unlink(d->path);
    d->held = stat(d->part, &st) == 0 ? (uint64_t)st.st_size : 0;
    if (d->held >= d->target->length) { /* cut off before it was renamed; or not ours: from the start */
        if (conclude(d) == PRI_DONE) return PRI_DONE;
        d->problem = (struct pri_problem){0};
    }
    if (!has_room(d)) return fail(d, UP_STORAGE_FULL, d->dir);
    char path[PRI_PATH_MAX];
    pri_image_path(images, d->target, path);
    struct pri_request rq = {.server = PRI_IMAGE,
                             .method = "GET",
                             .path = path,
                             .max_bytes = d->target->length,
                             .to_file = d->part,
                             .from = d->held};
    d->transfer = d->fetch->start(d->fetch, &rq);
    return d->transfer == NULL ? fail(d, UP_STORAGE_FULL, "out of memory") : PRI_WAIT;
}

enum pri_verdict pri_download_step(struct pri_download *d, const struct pri_chain *images)
{
    if (d->transfer == NULL) {
        enum pri_verdict v = start(d, images);
        if (v != PRI_WAIT) return v;
    }
    struct pri_answer a;
    if (!d->fetch->done(d->fetch, d->transfer, &a)) return PRI_WAIT;
    pri_download_cancel(d);
    if (a.err == UP_OK) return conclude(d);
    if (a.err == UP_TOO_LARGE) (void)unlink(d->part); /* what else has come is where the next try goes on */
    return fail(d, a.err, a.detail);
}

uint64_t pri_download_done(const struct pri_download *d)
{
    return d->transfer == NULL ? d->held : d->fetch->received(d->transfer);
}

void pri_download_cancel(struct pri_download *d)
{
    if (d->transfer != NULL) d->fetch->drop(d->fetch, d->transfer);
    d->transfer = NULL;
}

/* NAME is that of an image that PLAN waits for, whole or in part. */
static bool is_wanted(const char *name, const struct pri_plan *plan)
{
    char path[PRI_FILE_PATH_MAX];
    for (unsigned i = 0; i < plan->count; i++) {
        pri_download_path("", &plan->orders[i].director, path);
        const char *wanted = path + 1; /* behind the slash */
        size_t n = strlen(wanted);
        if (plan->orders[i].pending && strncmp(name, wanted, n) == 0 &&
            (name[n] == '\0' || strcmp(name + n, PART) == 0))
            return true;
    }
    return false;
}

void pri_download_prune(const char *dir, const struct pri_plan *plan, struct pri_state *state)
{
    DIR *d = opendir(dir);
    if (d == NULL) return;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && !is_wanted(e->d_name, plan) && !pri_backup_is_file(state, e->d_name))
            (void)unlinkat(dirfd(d), e->d_name, 0);
    (void)closedir(d);
}

/* Two slot files and a record in the state. The record is the truth: a slot's file counts only as far as the
 * record says, and every record is durable before anything relies on it.
 *
 *     {"armed":..,"floor":N,"order":"..","running":0,"slot":[{IMAGE},{IMAGE}],"trial":..}
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metadata/encode.h"
#include "metadata/json.h"
#include "primary/installer.h"
#include "primary/state.h"

#define PIECE      (256u * 1024u)
#define RECORD_MAX 2048

struct image {
    char name[UP_NAME_MAX + 1];
    uint64_t length;
    uint8_t sha256[UP_SHA256_BYTES];
    uint32_t release_counter;
};
struct record {
    unsigned running; /* slot */
    bool trial;       /* it runs unconfirmed */
    bool prepared;    /* the other slot is whole and checked, for order */
    uint32_t floor;
    uint8_t order[UP_SHA256_BYTES];
    struct image slot[2];
};
struct slots {
    struct pri_installer port;
    struct pri_state *state;
    struct record now;
    char path[2][512];
    int from, to; /* copying: descriptors; -1: not under way */
    uint8_t buffer[PIECE];
};

/* ---- record ---- */

static void write_image(struct up_writer *w, const struct image *i)
{
    up_write(w, "{\"counter\":");
    up_write_int(w, i->release_counter);
    up_write(w, ",\"length\":");
    up_write_int(w, (int64_t)i->length);
    up_write(w, ",\"name\":");
    up_write_string(w, up_span_of(i->name));
    up_write(w, ",\"sha256\":");
    up_write_hex(w, i->sha256, sizeof i->sha256);
    up_write(w, "}");
}

static enum up_err save(struct slots *s, const struct record *r)
{
    uint8_t text[RECORD_MAX];
    struct up_writer w = {.p = text, .cap = sizeof text};
    up_write(&w, "{\"floor\":");
    up_write_int(&w, r->floor);
    up_write(&w, ",\"order\":");
    up_write_hex(&w, r->order, sizeof r->order);
    up_write(&w, r->prepared ? ",\"prepared\":true" : ",\"prepared\":false");
    up_write(&w, ",\"running\":");
    up_write_int(&w, r->running);
    up_write(&w, ",\"slot\":[");
    write_image(&w, &r->slot[0]);
    up_write(&w, ",");
    write_image(&w, &r->slot[1]);
    up_write(&w, r->trial ? "],\"trial\":true}" : "],\"trial\":false}");
    if (w.full) return UP_LIMIT;
    UP_TRY(pri_state_put(s->state, "installer", up_written(&w)));
    s->now = *r;
    return UP_OK;
}

static void read_digest(struct up_json *j, uint8_t out[UP_SHA256_BYTES])
{
    if (up_hex_decode(up_json_string(j), out, UP_SHA256_BYTES) != UP_SHA256_BYTES) up_json_fail(j, UP_SCHEMA);
}

static void read_image(struct up_json *j, struct image *i)
{
    struct up_span key;
    for (up_json_object(j); up_json_member(j, &key);) {
        if (up_span_is(key, "counter")) {
            i->release_counter = (uint32_t)up_json_int(j, 0, UP_COUNTER_MAX);
        } else if (up_span_is(key, "length")) {
            i->length = (uint64_t)up_json_int(j, 0, INT64_MAX / 2);
        } else if (up_span_is(key, "name")) {
            if (up_json_unescape(up_json_string(j), (uint8_t *)i->name, UP_NAME_MAX) < 0)
                up_json_fail(j, UP_SCHEMA);
        } else if (up_span_is(key, "sha256")) {
            read_digest(j, i->sha256);
        } else {
            (void)up_json_value(j);
        }
    }
}

static enum up_err load(struct slots *s)
{
    struct record r = {0};
    struct up_span text, key;
    UP_TRY(pri_state_get(s->state, "installer", &text));
    struct up_json j;
    up_json_open(&j, text);
    for (up_json_object(&j); up_json_member(&j, &key);) {
        if (up_span_is(key, "floor")) {
            r.floor = (uint32_t)up_json_int(&j, 0, UP_COUNTER_MAX);
        } else if (up_span_is(key, "order")) {
            read_digest(&j, r.order);
        } else if (up_span_is(key, "prepared")) {
            r.prepared = up_json_bool(&j);
        } else if (up_span_is(key, "running")) {
            r.running = (unsigned)up_json_int(&j, 0, 1);
        } else if (up_span_is(key, "trial")) {
            r.trial = up_json_bool(&j);
        } else if (up_span_is(key, "slot")) {
            unsigned i = 0;
            for (up_json_array(&j); up_json_item(&j); i++) read_image(&j, &r.slot[i < 2 ? i : 1]);
        } else {
            (void)up_json_value(&j);
        }
    }
    up_json_close(&j);
    free((void *)(uintptr_t)text.p);
    if (j.err != UP_OK) return UP_STORAGE_CORRUPT;
    s->now = r;
    return UP_OK;
}

/* ---- slot files ---- */

static enum up_err write_failed(void)
{
    return errno == ENOSPC || errno == EDQUOT ? UP_STORAGE_FULL : UP_STORAGE_WRITE;
}

static void stop_copying(struct slots *s)
{
    if (s->from >= 0) (void)close(s->from);
    if (s->to >= 0) (void)close(s->to);
    s->from = s->to = -1;
}

/* What is really in the file. */
static enum up_err check_file(struct slots *s, const char *path, uint64_t length,
                              const struct up_hashes *hashes, uint8_t sha256[UP_SHA256_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return UP_STORAGE_CORRUPT;
    struct up_hash h256, h512;
    uint8_t d512[UP_SHA512_BYTES];
    uint64_t total = 0;
    ssize_t n;
    up_hash_begin(&h256, UP_SHA256);
    up_hash_begin(&h512, UP_SHA512);
    while ((n = read(fd, s->buffer, sizeof s->buffer)) > 0) {
        total += (uint64_t)n;
        up_hash_add(&h256, (struct up_span){s->buffer, (size_t)n});
        if (hashes->has_sha512) up_hash_add(&h512, (struct up_span){s->buffer, (size_t)n});
    }
    up_hash_end(&h256, sha256);
    up_hash_end(&h512, d512);
    (void)close(fd);
    if (n < 0) return UP_STORAGE_CORRUPT;
    if (total != length) return UP_IMG_LENGTH;
    if (hashes->has_sha256 && memcmp(hashes->sha256, sha256, UP_SHA256_BYTES) != 0) return UP_IMG_HASH;
    if (hashes->has_sha512 && memcmp(hashes->sha512, d512, UP_SHA512_BYTES) != 0) return UP_IMG_HASH;
    return UP_OK;
}

static enum up_err copy_piece(struct slots *s, bool *more)
{
    ssize_t n = read(s->from, s->buffer, sizeof s->buffer);
    *more = n > 0;
    if (n < 0) return UP_STORAGE_CORRUPT;
    for (ssize_t at = 0; at < n;) {
        ssize_t w = write(s->to, s->buffer + at, (size_t)(n - at));
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return write_failed();
        at += w;
    }
    return n > 0 || fsync(s->to) == 0 ? UP_OK : write_failed();
}

/* ---- verbs ---- */

static bool same_order(const struct record *r, const uint8_t *order)
{
    return memcmp(r->order, order, sizeof r->order) == 0;
}

static enum up_err begin_copy(struct slots *s, const char *file)
{
    struct record r = s->now;
    if (r.trial) return UP_PRECONDITION; /* the other slot is what we fall back to */
    r.prepared = false;
    if (s->now.prepared) UP_TRY(save(s, &r)); /* before the slot changes */
    s->from = open(file, O_RDONLY | O_CLOEXEC);
    s->to = open(s->path[1 - r.running], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (s->from >= 0 && s->to >= 0) return UP_OK;
    enum up_err e = s->from < 0 ? UP_STORAGE_CORRUPT : write_failed();
    stop_copying(s);
    return e;
}

static enum up_err prepare(struct pri_installer *i, const struct up_target *t, const char *file,
                           const uint8_t order[UP_SHA256_BYTES], bool *more)
{
    struct slots *s = (struct slots *)i;
    *more = false;
    if (s->now.prepared && same_order(&s->now, order)) return UP_OK;
    if (s->from < 0) UP_TRY(begin_copy(s, file));
    enum up_err e = copy_piece(s, more);
    if (e == UP_OK && *more) return UP_OK;
    stop_copying(s);
    if (e != UP_OK) return e;

    struct record r = s->now;
    struct image *image = &r.slot[1 - r.running];
    *image = (struct image){.length = t->length,
                            .release_counter = t->has_release_counter ? t->release_counter : 0};
    if (t->name.n > UP_NAME_MAX) return UP_STRING;
    memcpy(image->name, t->name.p, t->name.n);
    UP_TRY(check_file(s, s->path[1 - r.running], t->length, &t->hashes, image->sha256));
    memcpy(r.order, order, sizeof r.order);
    r.prepared = true;
    return save(s, &r);
}

static enum up_err activate(struct pri_installer *i, const uint8_t order[UP_SHA256_BYTES])
{
    struct slots *s = (struct slots *)i;
    struct record r = s->now;
    if (!same_order(&r, order)) return UP_PRECONDITION;
    if (!r.prepared) return UP_OK; /* runs already: on trial, or confirmed */
    const struct image *image = &r.slot[1 - r.running];
    uint8_t sha256[UP_SHA256_BYTES];
    struct up_hashes hashes = {.has_sha256 = true};
    memcpy(hashes.sha256, image->sha256, sizeof hashes.sha256);
    UP_TRY(check_file(s, s->path[1 - r.running], image->length, &hashes,
                      sha256)); /* what starts is what was checked */
    r.running = 1 - r.running;
    r.trial = true;
    r.prepared = false;
    return save(s, &r);
}

static enum up_err confirm(struct pri_installer *i, const uint8_t order[UP_SHA256_BYTES])
{
    struct slots *s = (struct slots *)i;
    struct record r = s->now;
    if (!same_order(&r, order) || r.prepared) return UP_PRECONDITION;
    if (!r.trial) return UP_OK;
    r.trial = false;
    if (r.slot[r.running].release_counter > r.floor) r.floor = r.slot[r.running].release_counter;
    return save(s, &r);
}

static enum up_err revert(struct pri_installer *i, const uint8_t order[UP_SHA256_BYTES])
{
    struct slots *s = (struct slots *)i;
    struct record r = s->now;
    if (!same_order(&r, order)) return UP_OK;
    if (!r.trial && !r.prepared) return UP_OK;
    if (r.trial) {
        r.running = 1 - r.running;
        r.trial = false;
        r.prepared = true; /* whole still: the bundle may be brought forward */
        return save(s, &r);
    }
    return UP_OK;
}

static enum up_err state(struct pri_installer *i, struct pri_installed *out)
{
    const struct slots *s = (const struct slots *)i;
    const struct image *image = &s->now.slot[s->now.running];
    *out = (struct pri_installed){.length = image->length,
                                  .release_counter = image->release_counter,
                                  .release_floor = s->now.floor,
                                  .trial = s->now.trial,
                                  .prepared = s->now.prepared};
    (void)snprintf(out->name, sizeof out->name, "%s", image->name[0] ? image->name : "unknown");
    memcpy(out->sha256, image->sha256, sizeof out->sha256);
    if (image->name[0] == '\0') up_sha256((struct up_span){(const uint8_t *)"", 0}, out->sha256);
    memcpy(out->order, s->now.order, sizeof out->order);
    return UP_OK;
}

static void close_slots(struct pri_installer *i)
{
    stop_copying((struct slots *)i);
    free(i);
}

/* ---- opening ---- */

struct pri_installer *pri_installer_slots(const char *dir, struct pri_state *st, char *why, size_t why_size)
{
    struct slots *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)snprintf(why, why_size, "out of memory");
        return NULL;
    }
    s->port = (struct pri_installer){prepare, activate, confirm, revert, state, close_slots};
    s->state = st;
    s->from = s->to = -1;
    for (int n = 0; n < 2; n++) (void)snprintf(s->path[n], sizeof s->path[n], "%s/slot-%c", dir, 'a' + n);
    enum up_err e = mkdir(dir, 0700) == 0 || errno == EEXIST ? load(s) : UP_STORAGE_WRITE;
    if (e == UP_OK || e == UP_UNAVAILABLE) return &s->port;
    (void)snprintf(why, why_size, "%s: %s", dir, up_err_text(e));
    free(s);
    return NULL;
}

enum up_err pri_installer_provision(struct pri_installer *i, const char *name, struct up_span image,
                                    uint32_t release_counter)
{
    struct slots *s = (struct slots *)i;
    if (s->now.slot[s->now.running].name[0] != '\0') return UP_OK; /* the plant comes first, and once */
    struct record r = {.floor = release_counter};
    struct image *first = &r.slot[0];
    if (strlen(name) > UP_NAME_MAX) return UP_STRING;
    (void)snprintf(first->name, sizeof first->name, "%s", name);
    first->length = image.n;
    first->release_counter = release_counter;
    up_sha256(image, first->sha256);
    int fd = open(s->path[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0;
    for (size_t at = 0; good && at < image.n;) {
        ssize_t n = write(fd, image.p + at, image.n - at);
        good = n > 0;
        if (good) at += (size_t)n;
    }
    good = good && fsync(fd) == 0;
    if (fd >= 0) good = close(fd) == 0 && good;
    return good ? save(s, &r) : write_failed();
}

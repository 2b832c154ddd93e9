/* Two slot files and a record in the state. The record is the truth: a slot's file counts only as far as the
 * record says, and every record is durable before anything relies on it.
 *
 *     {"floor":N,"prepared":false,"running":0,"slot":[{"counter":N,"length":N,"name":"..","order":"..",
 *      "sha256":".."},{..}],"trial":false}
 *
 * prepared: the slot that does not run is whole and checked. trial: the slot that runs is not confirmed, the
 * other one is what it falls back to. Never both: a trial's other slot is taken by its fallback. */
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

struct slot {
    char name[UP_NAME_MAX + 1]; /* "": nothing was ever installed in it */
    uint64_t length;
    uint8_t sha256[UP_SHA256_BYTES];
    uint8_t order[UP_SHA256_BYTES]; /* that brought it; zeros: the plant */
    uint32_t release_counter;
};
struct record {
    unsigned running; /* slot */
    bool trial, prepared;
    uint32_t floor;
    struct slot slot[2];
};
struct copy { /* an image on its way into the slot that does not run */
    enum { IDLE, COPYING, CHECKING } step;
    int from, to; /* CHECKING: from is the slot */
    uint64_t bytes;
    struct up_hash sha256, sha512;
    uint8_t order[UP_SHA256_BYTES];
};
struct slots {
    struct pri_installer port;
    struct pri_state *state;
    struct record now;
    struct copy copy;
    bool checked; /* the prepared slot has been read back by this process */
    char dir[512], path[2][520];
    uint8_t buffer[PIECE];
};

/* --- record --- */

static void write_slot(struct up_writer *w, const struct slot *s)
{
    up_write(w, "{\"counter\":");
    up_write_int(w, s->release_counter);
    up_write(w, ",\"length\":");
    up_write_int(w, (int64_t)s->length);
    up_write(w, ",\"name\":");
    up_write_string(w, up_span_of(s->name));
    up_write(w, ",\"order\":");
    up_write_hex(w, s->order, sizeof s->order);
    up_write(w, ",\"sha256\":");
    up_write_hex(w, s->sha256, sizeof s->sha256);
    up_write(w, "}");
}

static enum up_err save(struct slots *s, const struct record *r)
{
    uint8_t text[RECORD_MAX];
    struct up_writer w = {.p = text, .cap = sizeof text};
    up_write(&w, "{\"floor\":");
    up_write_int(&w, r->floor);
    up_write(&w, r->prepared ? ",\"prepared\":true" : ",\"prepared\":false");
    up_write(&w, ",\"running\":");
    up_write_int(&w, r->running);
    up_write(&w, ",\"slot\":[");
    write_slot(&w, &r->slot[0]);
    up_write(&w, ",");
    write_slot(&w, &r->slot[1]);
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

static void read_name(struct up_json *j, char out[UP_NAME_MAX + 1])
{
    if (up_json_unescape(up_json_string(j), (uint8_t *)out, UP_NAME_MAX) < 0) up_json_fail(j, UP_SCHEMA);
}

static void read_slot(struct up_json *j, struct slot *s)
{
    struct up_span key;
    for (up_json_object(j); up_json_member(j, &key);) {
        if (up_span_is(key, "counter"))
            s->release_counter = (uint32_t)up_json_int(j, 0, UP_COUNTER_MAX);
        else if (up_span_is(key, "length"))
            s->length = (uint64_t)up_json_int(j, 0, INT64_MAX / 2);
        else if (up_span_is(key, "name"))
            read_name(j, s->name);
        else if (up_span_is(key, "order"))
            read_digest(j, s->order);
        else if (up_span_is(key, "sha256"))
            read_digest(j, s->sha256);
        else
            (void)up_json_value(j);
    }
}

static enum up_err read_record(struct up_span text, struct record *r)
{
    struct up_json j;
    struct up_span key;
    unsigned slots = 0;
    up_json_open(&j, text);
    for (up_json_object(&j); up_json_member(&j, &key);) {
        if (up_span_is(key, "floor"))
            r->floor = (uint32_t)up_json_int(&j, 0, UP_COUNTER_MAX);
        else if (up_span_is(key, "prepared"))
            r->prepared = up_json_bool(&j);
        else if (up_span_is(key, "running"))
            r->running = (unsigned)up_json_int(&j, 0, 1);
        else if (up_span_is(key, "trial"))
            r->trial = up_json_bool(&j);
        else if (up_span_is(key, "slot"))
            for (up_json_array(&j); up_json_item(&j); slots++)
                if (slots < 2)
                    read_slot(&j, &r->slot[slots]);
                else
                    up_json_fail(&j, UP_SCHEMA);
        else
            (void)up_json_value(&j);
    }
    up_json_close(&j);
    return j.err == UP_OK && slots == 2 ? UP_OK : UP_STORAGE_CORRUPT;
}

static enum up_err load(struct slots *s)
{
    struct record r = {0};
    struct up_span text;
    enum up_err e = pri_state_get(s->state, "installer", &text);
    if (e == UP_UNAVAILABLE) return UP_OK; /* fresh from the plant, or not even that */
    UP_TRY(e);
    e = read_record(text, &r);
    free((void *)(uintptr_t)text.p);
    if (e == UP_OK) s->now = r;
    return e;
}

/* --- slot files --- */

static struct slot *running(struct record *r)
{
    return &r->slot[r->running];
}

static struct slot *other(struct record *r)
{
    return &r->slot[1 - r->running];
}

static bool is_of(const struct slot *s, const uint8_t order[UP_SHA256_BYTES])
{
    return s->name[0] != '\0' && memcmp(s->order, order, sizeof s->order) == 0;
}

static enum up_err write_failed(void)
{
    return errno == ENOSPC || errno == EDQUOT ? UP_STORAGE_FULL : UP_STORAGE_WRITE;
}

static enum up_err write_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return write_failed();
        p += w;
        n -= (size_t)w;
    }
    return UP_OK;
}

static enum up_err read_piece(struct slots *s, int fd, size_t *n)
{
    ssize_t got;
    do got = read(fd, s->buffer, sizeof s->buffer);
    while (got < 0 && errno == EINTR);
    *n = got < 0 ? 0 : (size_t)got;
    return got < 0 ? UP_STORAGE_CORRUPT : UP_OK;
}

static bool sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) (void)close(fd);
    return good;
}

/* --- from file to slot, in pieces --- */

static void stop_copy(struct copy *c)
{
    if (c->from >= 0) (void)close(c->from);
    if (c->to >= 0) (void)close(c->to);
    if (c->step == CHECKING) {
        up_hash_drop(&c->sha256);
        up_hash_drop(&c->sha512);
    }
    *c = (struct copy){.step = IDLE, .from = -1, .to = -1};
}

static enum up_err begin_copy(struct slots *s, const char *file, const uint8_t order[UP_SHA256_BYTES])
{
    struct copy *c = &s->copy;
    struct record r = s->now;
    const char *path = s->path[1 - r.running];
    if (r.trial) return UP_PRECONDITION; /* the other slot is what it falls back to */
    r.prepared = false;
    *other(&r) = (struct slot){0};
    UP_TRY(save(s, &r)); /* before the file changes */
    c->step = COPYING;
    memcpy(c->order, order, sizeof c->order);
    if ((c->from = open(file, O_RDONLY | O_CLOEXEC)) < 0) return UP_STORAGE_CORRUPT;
    if ((c->to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0) return write_failed();
    return sync_folder(s->dir) ? UP_OK : write_failed();
}

/* Reads what the disk has, not what the kernel remembers having written. */
static enum up_err begin_check(struct slots *s, int fd)
{
    struct copy *c = &s->copy;
    c->from = fd;
    if (fd < 0) return UP_STORAGE_CORRUPT;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    c->step = CHECKING;
    c->bytes = 0;
    up_hash_begin(&c->sha256, UP_SHA256);
    up_hash_begin(&c->sha512, UP_SHA512);
    return UP_OK;
}

static enum up_err copy_piece(struct slots *s)
{
    struct copy *c = &s->copy;
    size_t n;
    UP_TRY(read_piece(s, c->from, &n));
    if (n > 0) return write_all(c->to, s->buffer, n);
    if (fsync(c->to) != 0) return write_failed();
    (void)close(c->from);
    (void)close(c->to);
    c->to = -1;
    return begin_check(s, open(s->path[1 - s->now.running], O_RDONLY | O_CLOEXEC));
}

/* WHOLE: the end was reached; the hashes are then those of the file. */
static enum up_err check_piece(struct slots *s, bool sha512, struct up_hashes *found, bool *whole)
{
    struct copy *c = &s->copy;
    size_t n;
    UP_TRY(read_piece(s, c->from, &n));
    c->bytes += n;
    up_hash_add(&c->sha256, (struct up_span){s->buffer, n});
    if (sha512) up_hash_add(&c->sha512, (struct up_span){s->buffer, n});
    *whole = n == 0;
    if (!*whole) return UP_OK;
    up_hash_end(&c->sha256, found->sha256);
    up_hash_end(&c->sha512, found->sha512);
    c->step = IDLE;
    return UP_OK;
}

static enum up_err compare(const struct up_target *t, uint64_t bytes, const struct up_hashes *found)
{
    const struct up_hashes *h = &t->hashes;
    if (bytes != t->length) return UP_IMG_LENGTH;
    if (h->has_sha256 && memcmp(h->sha256, found->sha256, sizeof h->sha256) != 0) return UP_IMG_HASH;
    if (h->has_sha512 && memcmp(h->sha512, found->sha512, sizeof h->sha512) != 0) return UP_IMG_HASH;
    return h->has_sha256 || h->has_sha512 ? UP_OK : UP_IMG_HASH;
}

static enum up_err finish_copy(struct slots *s, const struct up_target *t, const struct up_hashes *found)
{
    UP_TRY(compare(t, s->copy.bytes, found));
    struct record r = s->now;
    struct slot *to = other(&r);
    *to = (struct slot){.length = t->length,
                        .release_counter = t->has_release_counter ? t->release_counter : 0};
    memcpy(to->name, t->name.p, t->name.n);
    memcpy(to->sha256, found->sha256, sizeof to->sha256);
    memcpy(to->order, s->copy.order, sizeof to->order);
    r.prepared = true;
    UP_TRY(save(s, &r));
    s->checked = true;
    return UP_OK;
}

static enum up_err prepare_piece(struct slots *s, const struct up_target *t, bool *more)
{
    *more = true;
    if (s->copy.step == COPYING) return copy_piece(s);
    struct up_hashes found = {0};
    bool whole = false;
    UP_TRY(check_piece(s, t->hashes.has_sha512, &found, &whole));
    *more = !whole;
    return whole ? finish_copy(s, t, &found) : UP_OK;
}

/* --- verbs --- */

static enum up_err prepare(struct pri_installer *i, const struct up_target *t, const char *file,
                           const uint8_t order[UP_SHA256_BYTES], bool *more)
{
    struct slots *s = (struct slots *)i;
    struct copy *c = &s->copy;
    *more = false;
    if (t->name.n == 0 || t->name.n > UP_NAME_MAX) return UP_STRING;
    if (s->now.prepared && is_of(other(&s->now), order)) return UP_OK;
    if (c->step != IDLE && memcmp(c->order, order, sizeof c->order) != 0) stop_copy(c);
    enum up_err e = c->step == IDLE ? begin_copy(s, file, order) : UP_OK;
    if (e == UP_OK) e = prepare_piece(s, t, more);
    if (e != UP_OK || !*more) stop_copy(c);
    if (e != UP_OK) *more = false;
    return e;
}

/* After a restart the slot is read once more: what starts is what was checked. */
static enum up_err check_prepared(struct slots *s)
{
    const struct slot *slot = other(&s->now);
    struct up_hashes found = {0};
    bool whole = false;
    if (s->checked) return UP_OK;
    enum up_err e = begin_check(s, open(s->path[1 - s->now.running], O_RDONLY | O_CLOEXEC));
    while (e == UP_OK && !whole) e = check_piece(s, false, &found, &whole);
    bool same = s->copy.bytes == slot->length && memcmp(found.sha256, slot->sha256, sizeof found.sha256) == 0;
    stop_copy(&s->copy);
    return e == UP_OK && !same ? UP_STORAGE_CORRUPT : e;
}

static enum up_err activate(struct pri_installer *i, const uint8_t order[UP_SHA256_BYTES])
{
    struct slots *s = (struct slots *)i;
    struct record r = s->now;
    if (is_of(running(&r), order)) return UP_OK; /* on trial, or confirmed */
    if (!r.prepared || !is_of(other(&r), order)) return UP_PRECONDITION;
    UP_TRY(check_prepared(s));
    r.running = 1 - r.running;
    r.trial = true;
    r.prepared = false;
    return save(s, &r);
}

static enum up_err confirm(struct pri_installer *i, const uint8_t order[UP_SHA256_BYTES])
{
    struct slots *s = (struct slots *)i;
    struct record r = s->now;
    if (!is_of(running(&r), order)) return UP_PRECONDITION;
    if (!r.trial) return UP_OK;
    r.trial = false;
    if (running(&r)->release_counter > r.floor) r.floor = running(&r)->release_counter;
    return save(s, &r);
}

/* The reverted image stays prepared: its bundle may be brought forward yet. */
static enum up_err revert(struct pri_installer *i, const uint8_t order[UP_SHA256_BYTES])
{
    struct slots *s = (struct slots *)i;
    struct record r = s->now;
    if (!is_of(running(&r), order)) return UP_OK;
    if (!r.trial) return UP_PRECONDITION;
    r.running = 1 - r.running;
    r.trial = false;
    r.prepared = true;
    return save(s, &r);
}

static enum up_err state(struct pri_installer *i, struct pri_installed *out)
{
    struct record r = ((struct slots *)i)->now;
    const struct slot *runs = running(&r);
    *out = (struct pri_installed){.length = runs->length,
                                  .release_counter = runs->release_counter,
                                  .release_floor = r.floor,
                                  .trial = r.trial,
                                  .prepared = r.prepared};
    (void)snprintf(out->name, sizeof out->name, "%s", runs->name[0] != '\0' ? runs->name : "unknown");
    memcpy(out->sha256, runs->sha256, sizeof out->sha256);
    if (runs->name[0] == '\0') up_sha256(UP_SPAN(""), out->sha256);
    if (r.trial || r.prepared) memcpy(out->order, (r.trial ? runs : other(&r))->order, sizeof out->order);
    return UP_OK;
}

static void close_slots(struct pri_installer *i)
{
    stop_copy(&((struct slots *)i)->copy);
    free(i);
}

/* --- opening --- */

struct pri_installer *pri_installer_slots(const char *dir, struct pri_state *st, char *why, size_t why_size)
{
    struct slots *s = calloc(1, sizeof *s);
    if (s == NULL) {
        (void)snprintf(why, why_size, "out of memory");
        return NULL;
    }
    s->port = (struct pri_installer){prepare, activate, confirm, revert, state, close_slots};
    s->state = st;
    s->copy.from = s->copy.to = -1;
    int n = snprintf(s->dir, sizeof s->dir, "%s", dir);
    for (int k = 0; k < 2; k++) (void)snprintf(s->path[k], sizeof s->path[k], "%s/slot-%c", s->dir, 'a' + k);
    enum up_err e = n >= (int)sizeof s->dir                    ? UP_LIMIT
                    : mkdir(dir, 0700) != 0 && errno != EEXIST ? write_failed()
                                                               : load(s);
    if (e == UP_OK) return &s->port;
    (void)snprintf(why, why_size, "%s: %s", dir, up_err_text(e));
    free(s);
    return NULL;
}

enum up_err pri_installer_provision(struct pri_installer *i, const char *name, struct up_span image,
                                    uint32_t release_counter)
{
    struct slots *s = (struct slots *)i;
    if (running(&s->now)->name[0] != '\0') return UP_OK; /* the plant comes first, and once */
    if (!up_is_printable_name(up_span_of(name)) || strlen(name) > UP_NAME_MAX) return UP_STRING;
    struct record r = {.floor = release_counter,
                       .slot[0] = {.length = image.n, .release_counter = release_counter}};
    (void)snprintf(r.slot[0].name, sizeof r.slot[0].name, "%s", name);
    up_sha256(image, r.slot[0].sha256);
    int fd = open(s->path[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return write_failed();
    enum up_err e = write_all(fd, image.p, image.n);
    if (e == UP_OK && (fsync(fd) != 0 || !sync_folder(s->dir))) e = write_failed();
    (void)close(fd);
    return e == UP_OK ? save(s, &r) : e;
}

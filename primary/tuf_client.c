#include "primary/tuf_client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "primary/tuf_names.h"

#define WAIT_MS   1000
#define FILES_MAX 64 /* of delegated roles, in one search: up_limits_tuf.roles_visited */

static enum up_err fail(struct tuf_client *c, enum up_err e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Servers and files speak in what is said: printable, whatever they sent. */
static enum up_err fail(struct tuf_client *c, enum up_err e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(c->why, sizeof c->why, format, args);
    va_end(args);
    for (char *p = c->why; *p != '\0'; p++)
        if (*p < ' ' || *p > '~') *p = '?';
    return e;
}

static enum up_err fail_with(struct tuf_client *c, enum up_err e, const char *what)
{
    return fail(c, e, "%s: %s (%s)", what, up_err_text(e), up_err_name(e));
}

/* ---- fetching ---- */

static enum up_err fetch(struct tuf_client *c, const struct pri_request *rq, struct tuf_blob *out)
{
    struct pri_answer a = {.err = UP_STORAGE_FULL};
    struct pri_transfer *t = c->fetch->start(c->fetch, rq);
    if (t == NULL) return fail(c, UP_STORAGE_FULL, "%s: out of memory", rq->path);
    while (!c->fetch->done(c->fetch, t, &a))
        if (!pri_fetch_curl_wait(c->fetch, NULL, 0, WAIT_MS)) break;
    enum up_err e = a.err;
    if (e != UP_OK) (void)fail(c, e, "%s: %s (%s): %s", rq->path, up_err_text(e), up_err_name(e), a.detail);
    if (e == UP_OK && out != NULL && !tuf_blob_take(out, a.body)) e = UP_STORAGE_FULL;
    c->fetch->drop(c->fetch, t);
    return e;
}

static enum up_err fetch_metadata(struct tuf_client *c, const char *name, uint64_t max, struct tuf_blob *out)
{
    const struct pri_request rq = {.server = PRI_DIRECTOR, .method = "GET", .path = name, .max_bytes = max};
    return fetch(c, &rq, out);
}

/* ---- what lies in the folder ---- */

static const char *const file_names[UP_TIME] = {"root.json", "timestamp.json", "snapshot.json",
                                                "targets.json"};

static void set_up(struct tuf_client *c)
{
    c->policy = (struct up_policy){.profile = &up_profile_tuf,
                                   .limits = &up_limits_tuf,
                                   .repo = UP_IMAGE,
                                   .full = true,
                                   .seen = c->seen};
}

static enum up_err trust_root(struct tuf_client *c, struct tuf_blob *b)
{
    enum up_err e = up_trust_init(&c->trust, &c->policy, tuf_blob_span(b), NULL);
    if (e == UP_NOT_CANONICAL) {
        struct up_buf room = tuf_blob_room(b);
        e = up_trust_init(&c->trust, &c->policy, tuf_blob_span(b), &room);
    }
    return e;
}

enum up_err tuf_client_init(struct tuf_client *c, const char *root_file)
{
    char folder[TUF_PATH_MAX];
    const char *slash = strrchr(root_file, '/'), *name = slash == NULL ? root_file : slash + 1;
    size_t n = slash == NULL ? 0 : (size_t)(slash - root_file);
    struct tuf_blob b;
    set_up(c);
    if (n >= sizeof folder) return fail(c, UP_CONFIG, "%.200s...: too long a path", root_file);
    (void)snprintf(folder, sizeof folder, slash == NULL ? "." : n == 0 ? "/" : "%.*s", (int)n, root_file);
    enum up_err e = tuf_file_read(folder, name, c->policy.limits->root_bytes, &b);
    if (e != UP_OK) return fail(c, e, "%s: cannot be read: %s", root_file, up_err_text(e));
    e = trust_root(c, &b);
    if (e != UP_OK) {
        tuf_blob_free(&b);
        return fail(c, e, "%s: not a Root that its own keys signed", root_file);
    }
    e = tuf_file_write(c->metadata_dir, file_names[UP_ROOT], tuf_blob_span(&b));
    tuf_blob_free(&b);
    return e == UP_OK ? e : fail(c, e, "%s: cannot store root.json: %s", c->metadata_dir, strerror(errno));
}

/* A stored file counts as far as the Root's keys stand behind it; else it is as if it were not there. */
static void restore(struct tuf_client *c, enum up_role role)
{
    struct tuf_blob b;
    struct up_floors floors = c->trust.floors;
    const size_t max =
        role == UP_TARGETS ? c->policy.limits->image_targets_bytes : c->policy.limits->snapshot_bytes;
    if (tuf_file_read(c->metadata_dir, file_names[role], max, &b) != UP_OK) return;
    struct up_buf room = tuf_blob_room(&b), again = room;
    bool good = up_trust_witness(&c->trust, role, tuf_blob_span(&b), &room, &floors) == UP_OK;
    if (good) {
        up_trust_restore(&c->trust, &floors);
        good = up_trust_restore_file(&c->trust, role, tuf_blob_span(&b), &again) == UP_OK;
    }
    if (good)
        c->trusted[role] = b;
    else
        tuf_blob_free(&b);
}

enum up_err tuf_client_open(struct tuf_client *c)
{
    struct tuf_blob b;
    set_up(c);
    enum up_err e = tuf_file_read(c->metadata_dir, file_names[UP_ROOT], c->policy.limits->root_bytes, &b);
    if (e != UP_OK)
        return fail(c, e, "%s/root.json: cannot be read; give the repository's first Root with init",
                    c->metadata_dir);
    c->trusted[UP_ROOT] = b;
    e = trust_root(c, &c->trusted[UP_ROOT]);
    if (e != UP_OK) return fail(c, e, "%s/root.json: not a Root that its own keys signed", c->metadata_dir);
    restore(c, UP_TIMESTAMP);
    restore(c, UP_SNAPSHOT);
    /* Without a Snapshot there is no floor for Targets (TUF 1.0, 5.5.5): its keys were replaced. */
    if (c->trusted[UP_SNAPSHOT].file != NULL) restore(c, UP_TARGETS);
    return UP_OK;
}

void tuf_client_close(struct tuf_client *c)
{
    for (enum up_role r = UP_ROOT; r < UP_TIME; r++) tuf_blob_free(&c->trusted[r]);
}

/* ---- the top-level roles ---- */

static enum up_err feed(struct tuf_client *c, struct tuf_blob *b, struct up_trust *next)
{
    enum up_err e = up_trust_feed(&c->trust, tuf_blob_span(b), NULL, c->now_s, next);
    if (e == UP_NOT_CANONICAL) {
        struct up_buf room = tuf_blob_room(b);
        e = up_trust_feed(&c->trust, tuf_blob_span(b), &room, c->now_s, next);
    }
    return e;
}

/* B is trusted as ROLE in NEXT: durable first. */
static enum up_err commit(struct tuf_client *c, enum up_role role, struct tuf_blob *b,
                          const struct up_trust *next)
{
    enum up_err e = tuf_file_write(c->metadata_dir, file_names[role], tuf_blob_span(b));
    if (e != UP_OK) return fail(c, e, "%s/%s: %s", c->metadata_dir, file_names[role], up_err_text(e));
    c->trust = *next;
    tuf_blob_free(&c->trusted[role]);
    c->trusted[role] = *b;
    *b = (struct tuf_blob){0};
    for (enum up_role r = UP_TIMESTAMP; r < UP_TIME && role == UP_ROOT; r++) {
        if (c->trust.file[r].file.p != NULL) continue;
        tuf_file_remove(c->metadata_dir, file_names[r]);
        tuf_blob_free(&c->trusted[r]);
    }
    return UP_OK;
}

static enum up_err take(struct tuf_client *c, const struct up_want *w, const char *name, struct tuf_blob *b)
{
    struct up_trust next;
    enum up_err e = feed(c, b, &next);
    if (e != UP_OK) return fail_with(c, e, name);
    if (next.file[w->role].file.p == b->file) return commit(c, w->role, b, &next);
    c->trust = next; /* the Timestamp that is held was kept */
    return UP_OK;
}

enum up_err tuf_client_refresh(struct tuf_client *c)
{
    struct up_want w;
    char name[UP_FILE_NAME_MAX];
    up_trust_begin(&c->trust);
    while (up_trust_want(&c->trust, &w)) {
        struct tuf_blob b = {0};
        struct up_trust next;
        (void)up_file_name(c->policy.profile, up_span_of(up_role_name(w.role)), w.version, name);
        enum up_err e = fetch_metadata(c, name, w.max_bytes, &b);
        if (e == UP_OK) {
            e = take(c, &w, name, &b);
        } else if (e == UP_UNAVAILABLE && w.may_be_absent) {
            e = up_trust_absent(&c->trust, c->now_s, &next);
            if (e == UP_OK)
                c->trust = next;
            else
                (void)fail_with(c, e, file_names[w.role]);
        }
        tuf_blob_free(&b);
        if (e != UP_OK) return e;
    }
    return UP_OK;
}

/* ---- delegated roles ---- */

struct found { /* files that a search has read: they must outlive it */
    struct tuf_blob file[FILES_MAX];
    unsigned n;
};

static void feed_search(struct up_search *s, struct tuf_blob *b, int64_t now_s)
{
    struct up_buf room = tuf_blob_room(b);
    up_search_feed(s, tuf_blob_span(b), &room, now_s);
}

/* The file that was trusted before serves again, if it passes every check for who delegates to it now. */
static bool feed_stored(struct tuf_client *c, struct up_search *s, const char *file, uint64_t max,
                        struct tuf_blob *b)
{
    struct up_search trial = *s;
    if (tuf_file_read(c->metadata_dir, file, max, b) != UP_OK) return false;
    feed_search(&trial, b, c->now_s);
    if (trial.cause == UP_OK) {
        *s = trial;
        return true;
    }
    tuf_blob_free(b);
    return false;
}

static enum up_err next_role(struct tuf_client *c, struct up_search *s, struct found *f, struct up_span role,
                             const struct up_want *w)
{
    char file[NAME_MAX + 1], name[UP_FILE_NAME_MAX];
    struct tuf_blob *b = &f->file[f->n++];
    tuf_file_name(role, ".json", file);
    if (feed_stored(c, s, file, w->max_bytes, b)) return UP_OK;
    (void)up_file_name(c->policy.profile, role, w->version, name);
    UP_TRY(fetch_metadata(c, name, w->max_bytes, b));
    feed_search(s, b, c->now_s);
    if (s->cause != UP_OK) return fail_with(c, s->cause, name);
    enum up_err e = tuf_file_write(c->metadata_dir, file, tuf_blob_span(b));
    return e == UP_OK ? e : fail(c, e, "%s/%s: %s", c->metadata_dir, file, up_err_text(e));
}

static enum up_err search(struct tuf_client *c, const char *name, struct up_search *s, struct found *f,
                          struct up_target *target)
{
    static const char no_name[] = "a target's name is 1 to 200 bytes of UTF-8";
    static char text[TUF_JSON_MAX];
    struct up_span role;
    struct up_want w;
    if (!tuf_json_name(name, text)) return fail(c, UP_STRING, "%.200s: %s", name, no_name);
    up_search_begin(s, &c->trust, up_span_of(text), (struct up_span){0});
    while (up_search_needs(s, &role, &w) && f->n < FILES_MAX) UP_TRY(next_role(c, s, f, role, &w));
    enum up_err e = up_search_verdict(s, target, &role);
    if (e == UP_TARGET_NOT_FOUND) return fail(c, e, "%s: no role that may speak for it lists it", name);
    return e == UP_OK ? e : fail_with(c, e, name);
}

/* ---- targets ---- */

static enum up_err fetch_target(struct tuf_client *c, const struct up_target *t, const char *dir,
                                const char *file)
{
    char temp[TUF_PATH_MAX], url[TUF_URL_MAX];
    tuf_target_url(t, c->trust.root.versioned, url);
    enum up_err e = tuf_temp_make(dir, temp);
    if (e != UP_OK) return fail(c, e, "%s: %s", dir, strerror(errno));
    const struct pri_request rq = {
        .server = PRI_IMAGE, .method = "GET", .path = url, .max_bytes = t->length, .to_file = temp};
    e = fetch(c, &rq, NULL);
    if (e == UP_OK && !tuf_file_is(temp, t)) e = fail_with(c, UP_IMG_HASH, url);
    if (e != UP_OK) {
        (void)unlink(temp);
        return e;
    }
    e = tuf_temp_become(dir, temp, file);
    return e == UP_OK ? e : fail(c, e, "%s/%s: %s", dir, file, strerror(errno));
}

enum up_err tuf_client_download(struct tuf_client *c, const char *name, const char *target_dir)
{
    struct found *f = calloc(1, sizeof *f);
    struct up_search s;
    struct up_target target = {0};
    char file[NAME_MAX + 1], path[TUF_PATH_MAX];
    if (f == NULL) return fail(c, UP_STORAGE_FULL, "%s: out of memory", name);
    enum up_err e = search(c, name, &s, f, &target);
    if (e == UP_OK) {
        tuf_file_name(target.name, "", file);
        bool there = tuf_path(path, target_dir, file) && tuf_file_is(path, &target);
        if (!there) e = fetch_target(c, &target, target_dir, file);
    }
    for (unsigned i = 0; i < f->n; i++) tuf_blob_free(&f->file[i]);
    free(f);
    return e;
}

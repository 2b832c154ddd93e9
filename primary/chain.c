#include "primary/chain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "metadata/encode.h"
#include "metadata/json.h"

#define FLOORS_TEXT_MAX 1024
#define ROOM_FACTOR     8 /* what up_signed_open may need at most */

void pri_blob_free(struct pri_blob *b)
{
    free(b->file);
    free(b->room);
    *b = (struct pri_blob){0};
}

bool pri_blob_take(struct pri_blob *b, struct up_span bytes)
{
    *b = (struct pri_blob){.file = malloc(bytes.n + 1), .bytes = bytes.n};
    if (b->file == NULL) return false;
    if (bytes.n > 0) memcpy(b->file, bytes.p, bytes.n);
    return true;
}

void pri_problem_set(struct pri_problem *p, enum up_err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    p->err = err;
    (void)vsnprintf(p->what, sizeof p->what, format, args);
    va_end(args);
    for (char *c = p->what; *c != '\0'; c++) /* servers and files speak in here */
        if (*c < ' ' || *c > '~') *c = '?';
}

/* ---- keys and records in the state ---- */

static const char *key_of(char *out, size_t cap, enum up_repo repo, enum up_role role, uint32_t version)
{
    if (role == UP_ROOT && version > 0)
        (void)snprintf(out, cap, "%s/root/%010u", up_repo_name(repo), (unsigned)version);
    else
        (void)snprintf(out, cap, "%s/%s", up_repo_name(repo), up_role_name(role));
    return out;
}

static enum up_err save_floors(struct pri_chain *c, const struct up_floors *f)
{
    uint8_t text[FLOORS_TEXT_MAX];
    struct up_writer w = {.p = text, .cap = sizeof text};
    up_write(&w, "{\"named_snapshot\":");
    up_write_int(&w, f->named_snapshot);
    for (enum up_role r = UP_ROOT; r < UP_TIME; r++) {
        up_write(&w, ",\"");
        up_write(&w, up_role_name(r));
        up_write(&w, "\":{\"digest\":");
        up_write_hex(&w, f->mark[r].digest, UP_SHA256_BYTES);
        up_write(&w, ",\"version\":");
        up_write_int(&w, f->mark[r].version);
        up_write(&w, "}");
    }
    up_write(&w, "}");
    char key[64];
    (void)snprintf(key, sizeof key, "%s/floors", up_repo_name(c->policy.repo));
    return w.full ? UP_STORAGE_WRITE : pri_state_put(c->state, key, up_written(&w));
}

static bool read_mark(struct up_span text, struct up_mark *m)
{
    struct up_json j;
    struct up_span name;
    bool digest = false;
    up_json_open(&j, text);
    for (up_json_object(&j); up_json_member(&j, &name);) {
        if (up_span_is(name, "version"))
            m->version = (uint32_t)up_json_int(&j, 0, UP_VERSION_MAX);
        else if (up_span_is(name, "digest"))
            digest = up_hex_decode(up_json_string(&j), m->digest, sizeof m->digest) == UP_SHA256_BYTES;
        else
            (void)up_json_value(&j);
    }
    up_json_close(&j);
    return j.err == UP_OK && digest;
}

static enum up_err load_floors(struct pri_chain *c, struct up_floors *f)
{
    char key[64];
    struct up_span text, value;
    *f = (struct up_floors){0};
    (void)snprintf(key, sizeof key, "%s/floors", up_repo_name(c->policy.repo));
    enum up_err e = pri_state_get(c->state, key, &text);
    if (e != UP_OK) return e;
    bool good = true;
    for (enum up_role r = UP_ROOT; r < UP_TIME && good; r++)
        good = up_json_find(text, up_role_name(r), &value) && read_mark(value, &f->mark[r]);
    if (good && (good = up_json_find(text, "named_snapshot", &value))) {
        struct up_json j;
        up_json_open(&j, value);
        f->named_snapshot = (uint32_t)up_json_int(&j, 0, UP_VERSION_MAX);
        good = j.err == UP_OK;
    }
    free((void *)(uintptr_t)text.p);
    return good ? UP_OK : UP_STORAGE_CORRUPT;
}

/* ---- opening ---- */

static enum up_err read_file(const char *path, size_t max, struct pri_blob *out)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) return UP_UNAVAILABLE;
    *out = (struct pri_blob){.file = malloc(max + 1)};
    if (out->file != NULL) out->bytes = fread(out->file, 1, max + 1, f);
    bool good = out->file != NULL && !ferror(f) && out->bytes <= max;
    (void)fclose(f);
    if (!good) pri_blob_free(out);
    return good ? UP_OK : UP_CONFIG;
}

/* Some files are served unsorted: they are read once more, with room. */
static struct up_buf make_room(struct pri_blob *b)
{
    size_t cap = ROOM_FACTOR * b->bytes;
    free(b->room);
    b->room = malloc(cap);
    return (struct up_buf){.p = b->room, .cap = b->room == NULL ? 0 : cap};
}

static enum up_err trust_root(struct pri_chain *c, struct pri_blob *b)
{
    enum up_err e = up_trust_init(&c->trust, &c->policy, pri_blob_span(b), NULL);
    if (e == UP_NOT_CANONICAL) {
        struct up_buf room = make_room(b);
        e = up_trust_init(&c->trust, &c->policy, pri_blob_span(b), &room);
    }
    if (e == UP_OK) {
        pri_blob_free(&c->trusted[UP_ROOT]);
        c->trusted[UP_ROOT] = *b;
        *b = (struct pri_blob){0};
    }
    return e;
}

static enum up_err get_blob(struct pri_chain *c, enum up_role role, uint32_t version, struct pri_blob *out)
{
    char key[64];
    struct up_span value;
    *out = (struct pri_blob){0};
    UP_TRY(pri_state_get(c->state, key_of(key, sizeof key, c->policy.repo, role, version), &value));
    out->file = (uint8_t *)(uintptr_t)value.p;
    out->bytes = value.n;
    return UP_OK;
}

static void restore_file(struct pri_chain *c, enum up_role role)
{
    struct pri_blob b;
    if (get_blob(c, role, 0, &b) != UP_OK) return;
    enum up_err e = up_trust_restore_file(&c->trust, role, pri_blob_span(&b), NULL);
    if (e == UP_NOT_CANONICAL) {
        struct up_buf room = make_room(&b);
        e = up_trust_restore_file(&c->trust, role, pri_blob_span(&b), &room);
    }
    if (e == UP_OK)
        c->trusted[role] = b;
    else
        pri_blob_free(&b); /* damaged: fetched again, its floor stays */
}

enum up_err pri_chain_open(struct pri_chain *c, enum up_repo repo, const struct pri_repo_config *config,
                           struct pri_state *state, struct pri_fetch *fetch)
{
    c->state = state;
    c->fetch = fetch;
    c->policy.repo = repo;
    c->policy.full = true;
    c->policy.profile = config->profile;
    c->policy.limits = &up_limits_primary;

    struct up_floors floors;
    enum up_err had = load_floors(c, &floors);
    struct pri_blob b = {0};
    enum up_err e = UP_UNAVAILABLE;
    if (floors.mark[UP_ROOT].version > 0 && get_blob(c, UP_ROOT, floors.mark[UP_ROOT].version, &b) == UP_OK)
        e = trust_root(c, &b);
    pri_blob_free(&b);
    if (e !=
        UP_OK) { /* first start, or a damaged store: from the plant's Root; the walk goes through all again */
        e = read_file(config->root, c->policy.limits->root_bytes, &b);
        if (e == UP_OK) e = trust_root(c, &b);
        pri_blob_free(&b);
        if (e != UP_OK) {
            pri_problem_set(&c->problem, UP_CONFIG, "%s: %s", config->root,
                            e == UP_UNAVAILABLE ? "cannot be read; provision the vehicle's first Root there"
                                                : up_err_text(e));
            return UP_CONFIG;
        }
        if (had == UP_UNAVAILABLE) { /* keep the plant's Root for Secondaries that are as old */
            char key[64];
            uint32_t version = c->trust.root.head.version;
            UP_TRY(pri_state_put(state, key_of(key, sizeof key, repo, UP_ROOT, version),
                                 pri_blob_span(&c->trusted[UP_ROOT])));
        }
    }
    if (had == UP_OK) (void)up_trust_restore(&c->trust, &floors);
    for (enum up_role r = UP_TIMESTAMP; r < UP_TIME; r++) restore_file(c, r);
    return UP_OK;
}

static void drop_fresh(struct pri_chain *c)
{
    if (c->transfer != NULL) c->fetch->drop(c->fetch, c->transfer);
    c->transfer = NULL;
    for (enum up_role r = UP_ROOT; r < UP_TIME; r++) pri_blob_free(&c->fresh[r]);
}

void pri_chain_close(struct pri_chain *c)
{
    if (c->fetch != NULL) drop_fresh(c);
    for (enum up_role r = UP_ROOT; r < UP_TIME; r++) pri_blob_free(&c->trusted[r]);
}

/* ---- the walk ---- */

void pri_chain_begin(struct pri_chain *c, int64_t now_s)
{
    drop_fresh(c);
    c->now_s = now_s;
    c->problem = (struct pri_problem){0};
    c->work = c->trust;
    up_trust_begin(&c->work);
}

static enum pri_verdict give_up(struct pri_chain *c, enum up_err e, const char *file, const char *detail)
{
    pri_problem_set(&c->problem, e, "%s %s: %s%s%s", up_repo_name(c->policy.repo), file, up_err_text(e),
                    detail[0] ? ": " : "", detail);
    drop_fresh(c);
    return PRI_FAILED;
}

/* The files of roles FIRST..LAST that are fresh become durable, with the floors, as one. */
static enum up_err commit(struct pri_chain *c, enum up_role first, enum up_role last)
{
    char key[64];
    UP_TRY(pri_state_begin(c->state));
    enum up_err e = save_floors(c, &c->work.floors);
    for (enum up_role r = first; r <= last && e == UP_OK; r++) {
        if (c->fresh[r].file == NULL) continue;
        uint32_t version = r == UP_ROOT ? c->work.root.head.version : 0;
        e = pri_state_put(c->state, key_of(key, sizeof key, c->policy.repo, r, version),
                          pri_blob_span(&c->fresh[r]));
    }
    if (e == UP_OK) e = pri_state_commit(c->state);
    if (e != UP_OK) {
        pri_state_rollback(c->state);
        return e;
    }
    for (enum up_role r = first; r <= last; r++) {
        if (c->fresh[r].file == NULL) continue;
        pri_blob_free(&c->trusted[r]);
        c->trusted[r] = c->fresh[r];
        c->fresh[r] = (struct pri_blob){0};
    }
    c->trust = c->work;
    return UP_OK;
}

/* A file passed every check; what must be durable now? */
static enum up_err accepted(struct pri_chain *c, enum up_role role)
{
    if (role == UP_ROOT) {
        UP_TRY(commit(c, UP_ROOT, UP_ROOT));
        if (c->on_root != NULL) c->now_s = c->on_root(c->ctx, &c->work.root);
        return UP_OK;
    }
    return c->policy.repo == UP_IMAGE ? commit(c, role, role) : UP_OK;
}

static enum up_err feed(struct pri_chain *c, struct up_span body)
{
    struct pri_blob b;
    struct up_trust next;
    if (!pri_blob_take(&b, body)) return UP_STORAGE_FULL;
    enum up_err e = up_trust_feed(&c->work, pri_blob_span(&b), NULL, c->now_s, &next);
    if (e == UP_NOT_CANONICAL) {
        struct up_buf room = make_room(&b);
        e = up_trust_feed(&c->work, pri_blob_span(&b), &room, c->now_s, &next);
    }
    if (e != UP_OK) {
        pri_blob_free(&b);
        return e;
    }
    enum up_role role = c->want.role;
    pri_blob_free(&c->fresh[role]);
    c->fresh[role] = b;
    c->work = next;
    return accepted(c, role);
}

static enum up_err take(struct pri_chain *c, const struct pri_answer *a)
{
    if (a->err == UP_OK) return feed(c, a->body);
    if (a->err != UP_UNAVAILABLE || !c->want.may_be_absent) return a->err;
    struct up_trust next;
    UP_TRY(up_trust_absent(&c->work, c->now_s, &next)); /* the only answer that ends the walk of Roots */
    c->work = next;
    return UP_OK;
}

static void wanted_name(const struct pri_chain *c, char name[UP_FILE_NAME_MAX + 1])
{
    struct up_span role = up_span_of(up_role_name(c->want.role));
    name[up_file_name(c->policy.profile, role, c->want.version, name)] = '\0';
}

static struct pri_transfer *request(struct pri_chain *c, const char *name)
{
    struct pri_request rq = {.server = c->policy.repo == UP_DIRECTOR ? PRI_DIRECTOR : PRI_IMAGE,
                             .method = "GET",
                             .path = name,
                             .max_bytes = c->want.max_bytes};
    return c->fetch->start(c->fetch, &rq);
}

enum pri_verdict pri_chain_step(struct pri_chain *c)
{
    char name[UP_FILE_NAME_MAX + 1];
    for (;;) {
        if (c->transfer == NULL) {
            if (!up_trust_want(&c->work, &c->want)) break;
            wanted_name(c, name);
            c->transfer = request(c, name);
            if (c->transfer == NULL) return give_up(c, UP_STORAGE_FULL, name, "out of memory");
        }
        struct pri_answer a;
        if (!c->fetch->done(c->fetch, c->transfer, &a)) return PRI_WAIT;
        enum up_err e = take(c, &a);
        c->fetch->drop(c->fetch, c->transfer);
        c->transfer = NULL;
        if (e != UP_OK) {
            wanted_name(c, name);
            return give_up(c, e, name, a.err != UP_OK ? a.detail : "");
        }
    }
    bool news = !c->work.unchanged;
    bool unsaved = memcmp(&c->trust.floors, &c->work.floors, sizeof c->work.floors) != 0;
    enum up_err e = unsaved ? commit(c, UP_TIMESTAMP, UP_TARGETS) : UP_OK;
    if (e != UP_OK) return give_up(c, e, "set", "");
    c->trust = c->work;
    return news ? PRI_DONE : PRI_NOTHING;
}

enum up_err pri_chain_file(const struct pri_chain *c, enum up_role role, uint32_t version,
                           struct pri_blob *out)
{
    struct pri_chain *reader =
        (struct pri_chain *)(uintptr_t)c; /* reading the state changes nothing of the chain */
    return get_blob(reader, role, role == UP_ROOT ? version : 0, out);
}

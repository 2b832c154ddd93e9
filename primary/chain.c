#include "primary/chain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "primary/chain_store.h"

#define ROOM_FACTOR 3 /* what up_signed_open needs at most */

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

struct up_buf pri_blob_room(struct pri_blob *b)
{
    size_t cap = ROOM_FACTOR * b->bytes;
    if (b->room == NULL) b->room = malloc(cap + 1);
    return (struct up_buf){.p = b->room, .cap = b->room == NULL ? 0 : cap};
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

static void drop_fresh(struct pri_chain *c)
{
    if (c->transfer != NULL) c->fetch->drop(c->fetch, c->transfer);
    c->transfer = NULL;
    for (enum up_role r = UP_ROOT; r < UP_TIME; r++) pri_blob_free(&c->fresh[r]);
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
    return pri_store_restore(c, config->root);
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

static enum up_err store(struct pri_chain *c, enum up_role first, enum up_role last)
{
    UP_TRY(pri_state_begin(c->state));
    enum up_err e = pri_store_floors(c, &c->work.floors);
    for (enum up_role r = first; r <= last && e == UP_OK; r++)
        if (c->fresh[r].file != NULL)
            e = pri_store_put(c, r, c->work.root.head.version, pri_blob_span(&c->fresh[r]));
    if (e == UP_OK) e = pri_state_commit(c->state);
    if (e != UP_OK) pri_state_rollback(c->state);
    return e;
}

/* The fresh files of roles FIRST..LAST become durable with the floors, as one; then they are trusted. */
static enum up_err commit(struct pri_chain *c, enum up_role first, enum up_role last)
{
    UP_TRY(store(c, first, last));
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
    if (role != UP_ROOT) return c->policy.repo == UP_IMAGE ? commit(c, role, role) : UP_OK;
    UP_TRY(commit(c, UP_ROOT, UP_ROOT));
    if (c->on_root != NULL) c->now_s = c->on_root(c->ctx, &c->work.root, c->now_s);
    return UP_OK;
}

/* Some files are served unsorted: they are read once more, with room. */
static enum up_err feed(struct pri_chain *c, struct up_span body)
{
    const enum up_role role = c->want.role;
    struct pri_blob b = {.file = c->fetch->keep(c->transfer), .bytes = body.n};
    struct up_trust next;
    if (b.file == NULL && !pri_blob_take(&b, (struct up_span){0})) return UP_STORAGE_FULL;
    enum up_err e = up_trust_feed(&c->work, pri_blob_span(&b), NULL, c->now_s, &next);
    if (e == UP_NOT_CANONICAL) {
        struct up_buf room = pri_blob_room(&b);
        e = up_trust_feed(&c->work, pri_blob_span(&b), &room, c->now_s, &next);
    }
    if (e != UP_OK) {
        pri_blob_free(&b);
        return e;
    }
    const bool taken = next.file[role].file.p == b.file;
    c->work = next;
    if (!taken) { /* the one that is held stays (same-timestamp-kept) */
        pri_blob_free(&b);
        return UP_OK;
    }
    pri_blob_free(&c->fresh[role]);
    c->fresh[role] = b;
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

static void name_wanted(const struct pri_chain *c, char name[UP_FILE_NAME_MAX])
{
    up_file_name(c->policy.profile, up_span_of(up_role_name(c->want.role)), c->want.version, name);
}

static void request(struct pri_chain *c, const char *name)
{
    struct pri_request rq = {.server = c->policy.repo == UP_DIRECTOR ? PRI_DIRECTOR : PRI_IMAGE,
                             .method = "GET",
                             .path = name,
                             .max_bytes = c->want.max_bytes};
    c->transfer = c->fetch->start(c->fetch, &rq);
}

/* The next file that is wanted, fetched and fed. NOTHING: no more is. */
static enum pri_verdict take_next(struct pri_chain *c)
{
    char name[UP_FILE_NAME_MAX];
    if (c->transfer == NULL) {
        if (!up_trust_want(&c->work, &c->want)) return PRI_NOTHING;
        name_wanted(c, name);
        request(c, name);
        if (c->transfer == NULL) return give_up(c, UP_STORAGE_FULL, name, "out of memory");
    }
    struct pri_answer a;
    if (!c->fetch->done(c->fetch, c->transfer, &a)) return PRI_WAIT;
    name_wanted(c, name);
    enum up_err e = take(c, &a);
    c->fetch->drop(c->fetch, c->transfer);
    c->transfer = NULL;
    return e == UP_OK ? PRI_DONE : give_up(c, e, name, a.err != UP_OK ? a.detail : "");
}

enum pri_verdict pri_chain_step(struct pri_chain *c)
{
    enum pri_verdict v;
    while ((v = take_next(c)) == PRI_DONE) {
    }
    if (v != PRI_NOTHING) return v;
    enum up_err e = commit(c, UP_TIMESTAMP, UP_TARGETS);
    if (e != UP_OK) return give_up(c, e, "set", "");
    return c->work.unchanged ? PRI_NOTHING : PRI_DONE;
}

enum up_err pri_chain_file(const struct pri_chain *c, enum up_role role, uint32_t version,
                           struct pri_blob *out)
{
    return pri_store_file(c, role, version, out);
}

/* The chains of trust in flash: restored from what is trusted, fed with what is staged, committed. */
#include "metadata/json.h"
#include "secondary/agent_state.h"

static struct sec_verify *run(struct sec_agent *a)
{
    return &a->w.verify;
}

static struct up_span path_of(struct sec_agent *a)
{
    return (struct up_span){run(a)->path, run(a)->path_bytes};
}

/* "director/root/7", "image/targets" */
static void set_path(struct sec_agent *a, enum up_repo repo, const char *what, int64_t version)
{
    struct sec_verify *v = run(a);
    struct up_writer w = {.p = v->path, .cap = sizeof v->path};
    up_write(&w, up_repo_name(repo));
    up_write(&w, "/");
    up_write(&w, what);
    if (version > 0) {
        up_write(&w, "/");
        up_write_int(&w, version);
    }
    v->path_bytes = (uint8_t)w.n;
}

/* ---- coming back ---- */

/* A Root that is older than its floor is on the way up to it again. */
static enum up_err begin_at(struct sec_agent *a, enum up_repo repo, uint32_t at)
{
    struct sec_verify *v = run(a);
    struct up_trust *t = &v->trust[repo];
    const struct up_floors *floors = &a->trusted.floors[repo];
    struct sec_file f;
    memset(t, 0, sizeof *t);
    if (!sec_trusted_file(a->flash, &a->layout, at, &f)) return UP_STORAGE_CORRUPT;
    UP_TRY(up_trust_init(t, &v->policy[repo], f.bytes, a->id->room));
    enum up_err e = up_trust_restore(t, floors);
    return t->root.head.version < floors->mark[UP_ROOT].version ? UP_OK : e;
}

/* While the present Root is the plant's, the two copies mend each other. */
static void mend_plant_root(struct sec_agent *a, enum up_repo repo)
{
    struct sec_verify *v = run(a);
    const uint32_t present = v->at[repo][UP_ROOT];
    struct sec_file root, plant;
    if (!sec_trusted_file(a->flash, &a->layout, present, &root)) return;
    const bool there = sec_trusted_file(a->flash, &a->layout, v->at[repo][SEC_PLANT_ROOT], &plant);
    if (there && (!up_span_eq(plant.path, root.path) || up_span_eq(plant.bytes, root.bytes))) return;
    sec_note(a, UP_STORAGE_CORRUPT, path_of(a));
    v->at[repo][SEC_PLANT_ROOT] = v->accepted.at[repo][SEC_PLANT_ROOT] = present;
}

/* A damaged Root is replaced by the plant's, from which newer ones are walked over once more. The floors
 * stay. */
static enum up_err restore_root(struct sec_agent *a, enum up_repo repo)
{
    struct sec_verify *v = run(a);
    const uint32_t plant = v->at[repo][SEC_PLANT_ROOT];
    enum up_err e = begin_at(a, repo, v->at[repo][UP_ROOT]);
    if (e == UP_OK) {
        mend_plant_root(a, repo);
        return UP_OK;
    }
    sec_note(a, UP_STORAGE_CORRUPT, path_of(a));
    if (begin_at(a, repo, plant) != UP_OK) return e == UP_NOT_CANONICAL ? e : UP_STORAGE_CORRUPT;
    v->at[repo][UP_ROOT] = plant;
    v->accepted.at[repo][UP_ROOT] = plant;
    v->accepted.root_version[repo] = v->trust[repo].root.head.version;
    return UP_OK;
}

/* What is damaged is fetched again. */
static void restore_file(struct sec_agent *a, enum up_repo repo, enum up_role role)
{
    struct sec_verify *v = run(a);
    struct sec_file f;
    if (v->at[repo][role] == SEC_NONE) return;
    if (a->trusted.floors[repo].mark[role].version == 0) { /* its keys were replaced */
        v->at[repo][role] = v->accepted.at[repo][role] = SEC_NONE;
        return;
    }
    set_path(a, repo, up_role_name(role), 0);
    bool there = sec_trusted_file(a->flash, &a->layout, v->at[repo][role], &f);
    if (there && up_trust_restore_file(&v->trust[repo], role, f.bytes, a->id->room) == UP_OK) return;
    sec_note(a, UP_STORAGE_CORRUPT, path_of(a));
    v->at[repo][role] = v->accepted.at[repo][role] = SEC_NONE;
}

enum up_err sec_chain_restore(struct sec_agent *a, enum up_repo repo)
{
    struct sec_verify *v = run(a);
    v->policy[repo] = (struct up_policy){.profile = a->id->profile,
                                         .limits = a->id->limits,
                                         .repo = repo,
                                         .full = a->id->full,
                                         .vehicle_id = a->id->vehicle_id};
    set_path(a, repo, "root", 0);
    UP_TRY(restore_root(a, repo));
    for (unsigned r = UP_TIMESTAMP; r <= UP_TARGETS; r++) restore_file(a, repo, (enum up_role)r);
    up_trust_begin(&v->trust[repo]);
    return UP_OK;
}

/* ---- going on ---- */

/* The staged file at the path; the stored one, when it is the same or when none was sent. */
static bool locate(struct sec_agent *a, enum up_repo repo, const struct up_want *w, uint32_t *at,
                   struct up_span *bytes)
{
    const struct sec_verify *v = run(a);
    const uint32_t stored_at = v->at[repo][w->role];
    const uint32_t version = v->trust[repo].floors.mark[w->role].version;
    struct sec_file staged, stored;
    const uint32_t staged_at = sec_bank_find(&a->staging, v->staged, path_of(a));
    const bool sent = sec_file_at(a->flash, a->staging.region, staged_at, &staged);
    const bool kept = w->role != UP_ROOT && sec_trusted_file(a->flash, &a->layout, stored_at, &stored) &&
                      (w->version == 0 || w->version == version);
    if (!sent && !kept) return false;
    const bool use_stored = kept && (!sent || up_span_eq(staged.bytes, stored.bytes));
    *at = use_stored ? stored_at : staged_at;
    *bytes = use_stored ? stored.bytes : staged.bytes;
    return true;
}

/* Files that a new Root has made worthless go. */
static void follow(struct sec_agent *a, enum up_repo repo)
{
    struct sec_verify *v = run(a);
    v->trust[repo] = v->u.next;
    for (unsigned r = UP_TIMESTAMP; r <= UP_TARGETS; r++)
        if (v->trust[repo].file[r].body.p == NULL) v->at[repo][r] = SEC_NONE;
}

static void accept(struct sec_agent *a, enum up_repo repo)
{
    struct sec_verify *v = run(a);
    memcpy(v->accepted.at[repo], v->at[repo], sizeof v->accepted.at[repo]);
    v->accepted.floors[repo] = v->trust[repo].floors;
    v->accepted.root_version[repo] = v->trust[repo].root.head.version;
}

enum up_err sec_chain_commit(struct sec_agent *a)
{
    struct sec_verify *v = run(a);
    UP_TRY(sec_trusted_commit(&v->accepted, &a->trusted, &a->staging, &a->layout, &a->store));
    a->trusted = v->accepted;
    return UP_OK;
}

/* Durable before the next one is looked at; what else was restored stays as it was, where it is now. */
static enum up_err root_accepted(struct sec_agent *a, enum up_repo repo)
{
    struct sec_verify *v = run(a);
    accept(a, repo);
    UP_TRY(sec_chain_commit(a));
    memcpy(v->at, v->accepted.at, sizeof v->at);
    if (repo != UP_DIRECTOR) return UP_OK;
    sec_time_on_root(a, &v->trust[repo].root);
    v->now_s = up_clock_now(&a->clock, a->now_ms);
    return UP_OK;
}

/* The staged attestation, if there is one. */
enum up_err sec_chain_time(struct sec_agent *a)
{
    struct sec_verify *v = run(a);
    struct up_writer w = {.p = v->path, .cap = sizeof v->path};
    up_write(&w, "time");
    v->path_bytes = (uint8_t)w.n;
    struct sec_file f;
    uint32_t at = sec_bank_find(&a->staging, v->staged, path_of(a));
    enum up_err e = UP_OK;
    if (sec_file_at(a->flash, a->staging.region, at, &f))
        e = sec_time_feed(a, &v->trust[UP_DIRECTOR].root, f.bytes);
    v->now_s = up_clock_now(&a->clock, a->now_ms);
    return e;
}

enum up_err sec_chain_step(struct sec_agent *a, enum up_repo repo, bool *more)
{
    struct sec_verify *v = run(a);
    struct up_trust *t = &v->trust[repo];
    struct up_want w;
    struct up_span bytes;
    uint32_t at;
    *more = up_trust_want(t, &w);
    if (!*more) {
        accept(a, repo);
        return UP_OK;
    }
    set_path(a, repo, up_role_name(w.role), w.role == UP_ROOT ? w.version : 0);
    if (!locate(a, repo, &w, &at, &bytes)) {
        if (w.role == UP_ROOT &&
            v->time_failed) { /* signed by the keys of a new Root? It counts before expiry does */
            v->time_failed = false;
            UP_TRY(sec_chain_time(a));
        }
        UP_TRY(up_trust_absent(t, v->now_s, &v->u.next));
        follow(a, repo);
        return UP_OK;
    }
    UP_TRY(up_trust_feed(t, bytes, a->id->room, v->now_s, &v->u.next));
    follow(a, repo);
    v->at[repo][w.role] = at;
    if (w.role == UP_ROOT) return root_accepted(a, repo);
    if (repo == UP_IMAGE) accept(a, repo);
    return UP_OK;
}

/* ---- delegated roles ---- */

/* Kept from an earlier cycle? */
static bool kept_role(struct sec_agent *a, uint32_t *at, struct sec_file *f)
{
    const struct sec_verify *v = run(a);
    for (unsigned i = 0; i < v->accepted.roles; i++) {
        *at = v->accepted.role_at[i];
        if (sec_trusted_file(a->flash, &a->layout, *at, f) && up_span_eq(f->path, path_of(a))) return true;
    }
    return false;
}

void sec_chain_role(struct sec_agent *a, struct up_span role)
{
    struct sec_verify *v = run(a);
    struct up_writer w = {.p = v->path, .cap = sizeof v->path};
    up_write(&w, "image/role/");
    up_write_span(&w, role);
    v->path_bytes = (uint8_t)w.n;
    struct sec_file f;
    uint32_t at = sec_bank_find(&a->staging, v->staged, path_of(a));
    if (w.full || (!sec_file_at(a->flash, a->staging.region, at, &f) && !kept_role(a, &at, &f))) {
        up_search_absent(&v->u.search);
        return;
    }
    up_search_feed(&v->u.search, f.bytes, a->id->room, v->now_s);
    if (v->roles < SEC_ROLES_KEPT) v->role_at[v->roles++] = at;
}

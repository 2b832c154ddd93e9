/* The steps that run bundles: those that an earlier cycle left in the middle, and those of this cycle's
 * orders. */
#include <stdio.h>
#include <stdlib.h>

#include "metadata/json.h"
#include "primary/cycle.h"

/* ---- members ---- */

static struct pri_member *member_named(struct pri *p, struct up_span serial)
{
    for (unsigned m = 0; m < p->outcome.rows; m++)
        if (up_span_is(serial, p->outcome.row[m].serial)) return &p->members[m];
    return NULL;
}

void pri_release_parcels(struct pri *p)
{
    for (unsigned m = 0; m <= PRI_ECUS_MAX; m++) {
        pri_unmap(p->members[m].parcel.image);
        pri_parcel_free(&p->members[m].parcel);
    }
}

static void begin_bundles(struct pri *p)
{
    p->bundle_count = 0;
    p->again = false;
    pri_release_parcels(p);
    for (unsigned m = 0; m < p->outcome.rows; m++)
        p->members[m] = (struct pri_member){.serial = p->outcome.row[m].serial,
                                            .ecu = m == 0 ? NULL : &p->fleet.ecus[m - 1],
                                            .installer = p->ports.installer};
}

static unsigned index_of(const struct pri *p, const struct pri_member *m)
{
    return (unsigned)(m - p->members);
}

enum up_err pri_build_parcel(struct pri *p, unsigned m, const struct pri_order *order)
{
    struct up_span attestation = {0};
    if (p->attested) attestation = (struct up_span){p->attestation, p->attestation_bytes};
    return pri_parcel_build(&p->members[m].parcel, &p->shelf, &p->plan, order, &p->fleet.ecus[m - 1],
                            attestation, p->clock.attested_s);
}

/* ---- records ---- */

/* The record of bundle NAME; its members are gone with the value. */
static bool read_record(struct pri *p, const char *name, struct pri_bundle_record *r)
{
    char key[UP_ID_MAX + 16];
    struct up_span value;
    (void)snprintf(key, sizeof key, "bundle/%s", name);
    if (pri_state_get(p->ports.state, key, &value) != UP_OK) return false;
    bool good = pri_bundle_record_read(key, value, r);
    free((void *)(uintptr_t)value.p);
    r->members = (struct up_span){0};
    return good;
}

static bool is_present_order(const struct pri *p, const struct pri_bundle_record *r)
{
    return memcmp(r->order, p->plan.digest, sizeof r->order) == 0;
}

bool pri_bundle_is(struct pri *p, const char *name, enum pri_bundle_state state)
{
    struct pri_bundle_record r;
    return read_record(p, name, &r) && r.state == state && is_present_order(p, &r);
}

/* Members of it are neither confirmed nor taken back. */
static bool is_unsettled(struct pri *p, const char *name)
{
    struct pri_bundle_record r;
    return read_record(p, name, &r) &&
           (r.state == PRI_ACTIVATING || r.state == PRI_REVERTING || r.state == PRI_POSTPONING);
}

struct names {
    const struct pri *p;
    char name[PRI_ECUS_MAX + 1][UP_ID_MAX + 2];
    unsigned n;
};
static bool add_superseded(void *ctx, const char *key, struct up_span value)
{
    struct names *all = ctx;
    struct pri_bundle_record r;
    bool over = pri_bundle_record_read(key, value, &r) &&
                (r.state == PRI_BUNDLE_FAILED || r.state == PRI_CONFIRMING) && !is_present_order(all->p, &r);
    if (over) memcpy(all->name[all->n++], r.name, sizeof r.name);
    return all->n <= PRI_ECUS_MAX;
}

void pri_forget_superseded(struct pri *p)
{
    char key[UP_ID_MAX + 16];
    struct names all = {.p = p};
    enum up_err e = pri_state_each(p->ports.state, "bundle/", add_superseded, &all);
    for (unsigned i = 0; i < all.n; i++) {
        (void)snprintf(key, sizeof key, "bundle/%s", all.name[i]);
        e = pri_state_remove(p->ports.state, key);
    }
    (void)e; /* what could not be removed is superseded still in the next cycle */
}

/* ---- what came of them ---- */

static void account_member(struct pri *p, struct pri_bundle *b, struct pri_member *m, enum pri_verdict v)
{
    struct pri_row *r = &p->outcome.row[index_of(p, m)];
    const bool updated = v == PRI_DONE || pri_bundle_confirmed(b, m), own = m->problem.err != UP_OK;
    const char *why = own ? m->problem.what : b->problem.err != UP_OK ? b->problem.what : "taken back";
    if (updated && m->target.length > 0) pri_keep_backup(p, index_of(p, m), &m->target);
    p->unsettled[index_of(p, m)] = pri_bundle_unsettled(b, m);
    r->ordered = true;
    r->updated = updated;
    r->err = updated ? UP_OK : own ? m->problem.err : UP_PARTIAL_BUNDLE;
    (void)snprintf(r->detail, sizeof r->detail, "%s", updated ? "" : why);
    pri_tell(p, r->serial,
             updated            ? "updated"
             : v == PRI_NOTHING ? "waits"
                                : "failed",
             r->err, updated ? r->to : r->detail);
    pri_show(p, r->serial, updated ? "updated" : "failed", 0, 0);
}

/* One bundle has come to its end in this cycle: rows, history, outcome. */
static void account(struct pri *p, struct pri_bundle *b, enum pri_verdict v)
{
    for (unsigned i = 0; i < b->count; i++) account_member(p, b, b->members[i], v);
    p->changed = true;
    if (v == PRI_DONE) return;
    pri_remember_attack(p, &b->problem);
    const bool may = b->last == PRI_CONFIRMING || b->last == PRI_POSTPONING;
    bool goes_on = v == PRI_NOTHING && may && !p->recovered; /* in this very cycle */
    if (p->outcome.err != UP_OK || goes_on) return;
    p->outcome.err = b->problem.err != UP_OK ? b->problem.err : UP_PARTIAL_BUNDLE;
    (void)snprintf(p->outcome.detail, sizeof p->outcome.detail, "%s", b->problem.what);
}

static void show_members(struct pri *p, const struct pri_bundle *b)
{
    for (unsigned i = 0; i < b->count; i++) {
        const struct pri_member *m = b->members[i];
        bool image = m->ecu != NULL && m->errand == PRI_PREPARE;
        if (m->verdict == PRI_WAIT || image)
            pri_show(p, m->serial, pri_errand_name(m->errand),
                     !image                   ? 0
                     : m->verdict == PRI_WAIT ? pri_ecu_moved(m->ecu)
                                              : m->target.length,
                     image ? m->target.length : 0);
    }
}

/* A Secondary that was reset in the middle has lost its clock and the nonce that we hold: with a new
 * attestation it goes on where its flash says. */
static bool needs_new_time(const struct pri *p, const struct pri_bundle *b)
{
    return (b->problem.err == UP_TIME_NONCE || b->problem.err == UP_TIME_UNAVAILABLE) &&
           p->rounds < PRI_ROUNDS_MAX;
}

/* WAIT; DONE: all have ended; AGAIN: one of them goes on with a new attestation. */
static enum pri_verdict run_bundles(struct pri *p)
{
    bool waiting = false;
    for (unsigned i = 0; i < p->bundle_count; i++) {
        if (p->ended[i]) continue;
        struct pri_bundle *b = &p->bundles[i];
        enum pri_verdict v = pri_bundle_step(b, p->now_us);
        show_members(p, b);
        p->ended[i] = v != PRI_WAIT;
        if (v == PRI_WAIT)
            waiting = true;
        else if (v == PRI_NOTHING && needs_new_time(p, b))
            p->again = true;
        else
            account(p, b, v);
    }
    return waiting ? PRI_WAIT : p->again ? PRI_AGAIN : PRI_DONE;
}

/* ---- recover ---- */

static bool is_taken(const struct pri *p, const struct pri_member *m)
{
    for (unsigned i = 0; i < p->bundle_count; i++)
        for (unsigned k = 0; k < p->bundles[i].count; k++)
            if (p->bundles[i].members[k] == m) return true;
    return false;
}

static bool recover_one(void *ctx, const char *key, struct up_span value)
{
    struct pri *p = ctx;
    struct pri_bundle_record r;
    if (!pri_bundle_record_read(key, value, &r) || r.state == PRI_BUNDLE_FAILED) return true;
    struct pri_bundle *b = &p->bundles[p->bundle_count];
    *b = (struct pri_bundle){.store = p->ports.state};
    memcpy(b->name, r.name, sizeof b->name);
    memcpy(b->order, r.order, sizeof b->order);
    struct up_json j;
    up_json_open(&j, r.members);
    for (up_json_array(&j); up_json_item(&j);) {
        struct pri_member *m = member_named(p, up_json_string(&j));
        if (m != NULL && !is_taken(p, m) && b->count <= PRI_ECUS_MAX) b->members[b->count++] = m;
    }
    pri_bundle_begin(b, r.state);
    p->ended[p->bundle_count++] = false;
    return p->bundle_count <= PRI_ECUS_MAX;
}

/* Once in a cycle; then everybody is asked again: who has restarted has another nonce, and runs something
 * else. */
enum pri_verdict pri_step_recover(struct pri *p, bool enter)
{
    if (p->recovered) return PRI_NOTHING;
    if (enter) {
        begin_bundles(p);
        if (pri_state_each(p->ports.state, "bundle/", recover_one, p) != UP_OK) {
            pri_problem_set(&p->problem, UP_STORAGE_CORRUPT, "records of bundles");
            pri_tell_problem(p, &p->problem); /* those that can be read are recovered */
        }
        for (unsigned i = 0; i < p->bundle_count; i++)
            for (unsigned k = 0; k < p->bundles[i].count; k++)
                p->outcome.row[index_of(p, p->bundles[i].members[k])].ordered = true;
    }
    if (p->goal != PRI_CHECK && run_bundles(p) == PRI_WAIT) return PRI_WAIT;
    p->recovered = true;
    return p->goal != PRI_CHECK && p->bundle_count > 0 ? PRI_AGAIN : PRI_NOTHING;
}

/* ---- update ---- */

/* A bundle that is committed stays so: a member that lost its image gets it once more. */
static struct pri_bundle *bundle_of(struct pri *p, const struct pri_order *o)
{
    for (unsigned i = 0; i < p->bundle_count; i++)
        if (strcmp(p->bundles[i].name, o->bundle) == 0) return &p->bundles[i];
    struct pri_bundle *b = &p->bundles[p->bundle_count];
    *b = (struct pri_bundle){.store = p->ports.state};
    _Static_assert(sizeof b->name == sizeof o->bundle, "the same name");
    memcpy(b->name, o->bundle, sizeof b->name);
    memcpy(b->order, p->plan.digest, sizeof b->order);
    pri_bundle_begin(b, pri_bundle_is(p, o->bundle, PRI_CONFIRMING) ? PRI_RENEWING : PRI_PREPARING);
    p->ended[p->bundle_count++] = false;
    return b;
}

/* Which Roots an ECU holds is its own word: who lies about it gets nothing, and costs nobody else an update.
 */
static enum up_err give_parcel(struct pri *p, struct pri_member *m, const struct pri_order *o)
{
    UP_TRY(pri_build_parcel(p, o->member, o));
    m->parcel.image = pri_map(m->image_file);
    return m->parcel.image.p == NULL ? UP_STORAGE_CORRUPT : UP_OK;
}

/* Whoever cannot be served makes its bundle wait, and no other. */
static void join(struct pri *p, struct pri_order *o)
{
    struct pri_member *m = &p->members[o->member];
    struct pri_bundle *b = bundle_of(p, o);
    m->target = o->director;
    m->image_file = p->image_files[o->member];
    b->members[b->count++] = m;
    if (p->unsettled[o->member] || is_unsettled(p, b->name)) {
        pri_bundle_hold(b, m, UP_PRECONDITION, "an older bundle is still being taken back");
    } else if (m->ecu != NULL && !m->ecu->online) {
        pri_bundle_hold(b, m, UP_UNAVAILABLE, "does not answer");
    } else if (p->no_backup[o->member]) {
        pri_bundle_hold(b, m, UP_PRECONDITION, "it has one slot, and there is no backup of what it runs");
    } else if (m->ecu != NULL) {
        enum up_err e = give_parcel(p, m, o);
        if (e != UP_OK) pri_bundle_hold(b, m, e, up_err_text(e));
    }
}

enum pri_verdict pri_step_update(struct pri *p, bool enter)
{
    if (enter) {
        begin_bundles(p);
        for (unsigned i = 0; i < p->plan.count; i++)
            if (p->plan.orders[i].pending) join(p, &p->plan.orders[i]);
    }
    return run_bundles(p);
}

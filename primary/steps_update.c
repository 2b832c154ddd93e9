/* The steps that change something: from what the Director orders to images that run. */
#include <stdio.h>
#include <stdlib.h>

#include "metadata/json.h"
#include "metadata/report.h"
#include "primary/cycle.h"

/* ---- recover ---- */

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

static void set_up_members(struct pri *p)
{
    pri_release_parcels(p);
    for (unsigned m = 0; m < p->outcome.rows; m++)
        p->members[m] = (struct pri_member){.serial = p->outcome.row[m].serial,
                                            .ecu = m == 0 ? NULL : &p->fleet.ecus[m - 1],
                                            .installer = p->ports.installer};
}

static bool recover_one(void *ctx, const char *key, struct up_span value)
{
    struct pri *p = ctx;
    struct pri_bundle_record r;
    if (!pri_bundle_record_read(key, value, &r) || r.state == PRI_BUNDLE_FAILED ||
        p->bundle_count > PRI_ECUS_MAX)
        return true;
    struct pri_bundle *b = &p->bundles[p->bundle_count];
    *b = (struct pri_bundle){.store = p->ports.state};
    memcpy(b->name, r.name, sizeof b->name);
    memcpy(b->order, r.order, sizeof b->order);
    struct up_json j;
    up_json_open(&j, r.members);
    for (up_json_array(&j); up_json_item(&j) && b->count <= PRI_ECUS_MAX;) {
        struct pri_member *m = member_named(p, up_json_string(&j));
        if (m != NULL) b->members[b->count++] = m;
    }
    pri_bundle_begin(b, r.state);
    p->ended[p->bundle_count++] = false;
    return true;
}

static struct pri_row *row_of(struct pri *p, const struct pri_member *m)
{
    return &p->outcome.row[m - p->members];
}

/* One bundle has come to its end in this cycle: rows, history, outcome. */
static void account(struct pri *p, struct pri_bundle *b, enum pri_verdict v)
{
    for (unsigned i = 0; i < b->count; i++) {
        struct pri_row *r = row_of(p, b->members[i]);
        r->updated = v == PRI_DONE;
        p->outcome.updated += v == PRI_DONE;
        p->outcome.pending += v == PRI_NOTHING;
        if (v != PRI_DONE) {
            bool own = b->members[i]->problem.err != UP_OK;
            r->err = own ? b->members[i]->problem.err : UP_PARTIAL_BUNDLE;
            (void)snprintf(r->detail, sizeof r->detail, "%s",
                           own ? b->members[i]->problem.what : b->problem.what);
        }
        pri_tell(p, r->serial,
                 v == PRI_DONE      ? "updated"
                 : v == PRI_NOTHING ? "waits"
                                    : "failed",
                 r->err, v == PRI_DONE ? r->to : r->detail);
        pri_show(p, r->serial, v == PRI_DONE ? "updated" : "failed", 0, 0);
    }
    if (v != PRI_DONE) {
        pri_remember_attack(p, &b->problem);
        if (p->outcome.err == UP_OK) {
            p->outcome.err = b->problem.err;
            (void)snprintf(p->outcome.detail, sizeof p->outcome.detail, "%s", b->problem.what);
        }
    }
    p->changed = true;
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

/* The Primary's own image is written in pieces: nobody else will wake us for the next one. */
static bool works_here(const struct pri_bundle *b)
{
    for (unsigned i = 0; i < b->count; i++)
        if (b->members[i]->ecu == NULL && b->members[i]->verdict == PRI_WAIT) return true;
    return false;
}

static enum pri_verdict run_bundles(struct pri *p)
{
    bool waiting = false, failed = false;
    p->own_work = false;
    for (unsigned i = 0; i < p->bundle_count; i++) {
        if (p->ended[i]) continue;
        struct pri_bundle *b = &p->bundles[i];
        enum pri_verdict v = pri_bundle_step(b, p->now_us);
        show_members(p, b);
        if (v == PRI_WAIT) {
            waiting = true;
            p->own_work = p->own_work || works_here(b);
            continue;
        }
        p->ended[i] = true;
        if (v == PRI_NOTHING && needs_new_time(p, b))
            p->again = true;
        else
            account(p, b, v);
    }
    for (unsigned i = 0; i < p->bundle_count && !waiting; i++)
        failed |= p->bundles[i].state != PRI_BUNDLE_DONE;
    return waiting ? PRI_WAIT : p->again ? PRI_AGAIN : failed ? PRI_NOTHING : PRI_DONE;
}

enum pri_verdict pri_step_recover(struct pri *p, bool enter)
{
    if (enter) {
        p->bundle_count = 0;
        p->again = false;
        set_up_members(p);
        if (pri_state_each(p->ports.state, "bundle/", recover_one, p) != UP_OK) {
            pri_problem_set(&p->problem, UP_STORAGE_CORRUPT, "records of bundles");
            return PRI_FAILED;
        }
    }
    return run_bundles(p);
}

/* ---- plan ---- */

/* The report says what a member runs; one that is silent is believed to run what it ran last. */
static void read_report(struct pri *p, const struct pri_ecu *e, struct pri_installed_image *out)
{
    struct pri_blob stored = {0};
    struct up_span report;
    struct up_report r;
    pri_last_report(p, e, &stored, &report);
    if (up_report_read(report, e->config->profile, &r) == UP_OK && r.image_name.n <= UP_NAME_MAX) {
        out->known = true;
        out->length = r.image_length;
        memcpy(out->name, r.image_name.p, r.image_name.n);
        memcpy(out->sha256, r.image_sha256, sizeof out->sha256);
    }
    pri_blob_free(&stored);
}

static void look_at(struct pri *p, unsigned m, struct pri_installed_image *out)
{
    *out = (struct pri_installed_image){.known = m == 0};
    if (m == 0) {
        (void)snprintf(out->name, sizeof out->name, "%s", p->own.name);
        memcpy(out->sha256, p->own.sha256, sizeof out->sha256);
        out->length = p->own.length;
        out->has_release_counter = true;
        out->release_counter = p->own.release_counter;
        out->release_floor = p->own.release_floor;
        return;
    }
    const struct pri_ecu *e = &p->fleet.ecus[m - 1];
    read_report(p, e, out);
    if (!e->online) return;
    out->has_release_counter = true;
    out->release_counter = e->release_counter;
    out->release_floor = e->versions.release_counter;
}

static bool failed_before(struct pri *p, const char *bundle)
{
    char key[UP_ID_MAX + 16];
    struct up_span value;
    struct pri_bundle_record r;
    (void)snprintf(key, sizeof key, "bundle/%s", bundle);
    if (pri_state_get(p->ports.state, key, &value) != UP_OK) return false;
    bool same = pri_bundle_record_read(key, value, &r) && r.state == PRI_BUNDLE_FAILED &&
                memcmp(r.order, p->plan.digest, sizeof r.order) == 0;
    free((void *)(uintptr_t)value.p);
    return same;
}

/* What failed is not tried again until its order changes. */
static void set_aside_failed(struct pri *p)
{
    for (unsigned i = 0; i < p->plan.count; i++) {
        struct pri_order *o = &p->plan.orders[i];
        if (!o->pending || !failed_before(p, o->bundle)) continue;
        o->pending = false;
        p->plan.pending--;
        p->outcome.pending++;
        pri_tell(p, p->outcome.row[o->member].serial, "waits", UP_PRECONDITION,
                 "failed before; waits for a new order");
    }
}

static void note_orders(struct pri *p)
{
    for (unsigned i = 0; i < p->plan.count; i++) {
        const struct pri_order *o = &p->plan.orders[i];
        struct pri_row *r = &p->outcome.row[o->member];
        if (!o->pending) continue;
        r->ordered = true;
        r->bytes = o->director.length;
        memcpy(r->to, o->name, sizeof r->to);
    }
}

enum pri_verdict pri_step_plan(struct pri *p, bool enter)
{
    (void)enter;
    struct pri_installed_image installed[PRI_ECUS_MAX + 1];
    for (unsigned m = 0; m < p->outcome.rows; m++) look_at(p, m, &installed[m]);
    pri_plan_close(&p->plan);
    pri_shelf_clear(&p->shelf);
    enum pri_verdict v = pri_plan_read(&p->plan, &p->director, &p->images, p->config, installed);
    struct up_span id = p->director.trust.targets.correlation_id;
    (void)snprintf(p->correlation_id, sizeof p->correlation_id, "%.*s", (int)id.n, (const char *)id.p);
    if (v == PRI_FAILED) p->problem = p->plan.problem;
    if (v != PRI_DONE) return v;
    if (p->plan.problem.err != UP_OK) pri_tell_problem(p, &p->plan.problem);
    set_aside_failed(p);
    note_orders(p);
    return p->plan.pending > 0 ? PRI_DONE : PRI_NOTHING;
}

enum pri_verdict pri_step_resolve(struct pri *p, bool enter)
{
    (void)enter;
    enum pri_verdict v = pri_plan_resolve(&p->plan, p->images.now_s);
    if (v == PRI_FAILED) p->problem = p->plan.problem;
    return v;
}

/* ---- download ---- */

enum pri_verdict pri_step_download(struct pri *p, bool enter)
{
    if (p->goal == PRI_CHECK) {
        p->outcome.pending += p->plan.pending;
        return PRI_NOTHING;
    }
    if (enter) {
        enum up_err e = up_clock_fresh(&p->clock, pri_ms(p), p->config->time_max_age_s);
        if (e != UP_OK) { /* dropping time messages must not freeze us into old orders */
            pri_problem_set(&p->problem, e, "no install: %s", up_err_text(e));
            return PRI_FAILED;
        }
        p->downloading = 0;
        p->download = (struct pri_download){0};
        pri_download_prune(p->images_dir, &p->plan);
    }
    for (; p->downloading < p->plan.count; p->downloading++) {
        struct pri_order *o = &p->plan.orders[p->downloading];
        if (!o->pending) continue;
        if (p->download.target != &o->director)
            pri_download_begin(&p->download, p->images_dir, p->ports.fetch, &o->director);
        enum pri_verdict v = pri_download_step(&p->download, &p->images);
        pri_show(p, o->name, "download", v == PRI_DONE ? o->director.length : pri_download_done(&p->download),
                 o->director.length);
        if (v == PRI_FAILED) p->problem = p->download.problem;
        if (v != PRI_DONE) return v;
        memcpy(p->image_files[o->member], p->download.path, sizeof p->download.path);
    }
    return PRI_DONE;
}

/* ---- update ---- */

static struct pri_bundle *bundle_of(struct pri *p, const struct pri_order *o)
{
    for (unsigned i = 0; i < p->bundle_count; i++)
        if (strcmp(p->bundles[i].name, o->bundle) == 0) return &p->bundles[i];
    struct pri_bundle *b = &p->bundles[p->bundle_count];
    *b = (struct pri_bundle){.store = p->ports.state};
    _Static_assert(sizeof b->name == sizeof o->bundle, "the same name");
    memcpy(b->name, o->bundle, sizeof b->name);
    memcpy(b->order, p->plan.digest, sizeof b->order);
    pri_bundle_begin(b, PRI_PREPARING);
    p->ended[p->bundle_count++] = false;
    return b;
}

static struct up_span attestation(const struct pri *p)
{
    return p->attested ? (struct up_span){p->attestation, p->attestation_bytes} : (struct up_span){0};
}

/* The member cannot be served: its bundle waits for it, the others do not. */
static void hold_back(struct pri_bundle *b, struct pri_member *m, enum up_err e, const char *why)
{
    pri_problem_set(&b->problem, e, "%s: %s", m->serial, why);
    m->problem = b->problem;
    b->state = PRI_BUNDLE_LATER;
}

/* Which Roots an ECU holds is its own word: who lies about it gets nothing, and costs nobody else an update.
 */
static void join(struct pri *p, struct pri_order *o)
{
    struct pri_member *m = &p->members[o->member];
    struct pri_bundle *b = bundle_of(p, o);
    m->target = o->director;
    m->image_file = p->image_files[o->member];
    b->members[b->count++] = m;
    if (m->ecu == NULL) return;
    if (!m->ecu->online) {
        hold_back(b, m, UP_UNAVAILABLE, "does not answer");
        return;
    }
    enum up_err e =
        pri_parcel_build(&m->parcel, &p->shelf, &p->plan, o, m->ecu, attestation(p), p->clock.attested_s);
    if (e == UP_OK) m->parcel.image = pri_map(m->image_file);
    if (e == UP_OK && m->parcel.image.p == NULL) e = UP_STORAGE_CORRUPT;
    if (e != UP_OK) hold_back(b, m, e, up_err_text(e));
}

enum pri_verdict pri_step_update(struct pri *p, bool enter)
{
    if (enter) {
        p->bundle_count = 0;
        p->again = false;
        set_up_members(p);
        for (unsigned i = 0; i < p->plan.count; i++)
            if (p->plan.orders[i].pending) join(p, &p->plan.orders[i]);
    }
    return run_bundles(p);
}

/* ---- inform ---- */

/* Image repository files go with an order only: see parcel.c. */
static bool lags(const struct pri *p, const struct pri_ecu *e)
{
    const struct up_mark *d = p->director.trust.floors.mark;
    return e->versions.director_root < d[UP_ROOT].version ||
           e->versions.director_targets < d[UP_TARGETS].version ||
           (e->config->full && e->versions.director_snapshot < d[UP_SNAPSHOT].version);
}

enum pri_verdict pri_step_inform(struct pri *p, bool enter)
{
    if (p->goal == PRI_CHECK || !p->attested) return PRI_NOTHING;
    if (!enter) {
        if (pri_fleet_busy(&p->fleet)) return PRI_WAIT;
        for (unsigned m = 1; m < p->outcome.rows; m++) {
            struct pri_ecu *e = &p->fleet.ecus[m - 1];
            if (e->errand != PRI_INFORM || e->verdict != PRI_FAILED) continue;
            pri_remember_attack(p, &e->problem);
            pri_tell(p, p->outcome.row[m].serial, "inform", e->problem.err, e->problem.what);
        }
        return PRI_DONE;
    }
    unsigned sent = 0;
    for (unsigned m = 1; m < p->outcome.rows; m++) {
        struct pri_ecu *e = &p->fleet.ecus[m - 1];
        if (!e->online || p->members[m].parcel.files != NULL || !lags(p, e)) continue;
        enum up_err err = pri_parcel_build(&p->members[m].parcel, &p->shelf, &p->plan, NULL, e,
                                           attestation(p), p->clock.attested_s);
        if (err != UP_OK) {
            pri_tell(p, p->outcome.row[m].serial, "inform", err, up_err_text(err));
            continue;
        }
        pri_ecu_send(e, PRI_INFORM, &p->members[m].parcel, p->now_us);
        sent++;
    }
    return sent == 0 ? PRI_NOTHING : PRI_WAIT;
}

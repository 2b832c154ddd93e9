/* The steps that change something: from what the Director orders to images that run. */
#include <stdio.h>
#include <stdlib.h>

#include "metadata/json.h"
#include "metadata/report.h"
#include "primary/cycle.h"

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

/* What failed is not tried again until its order changes. */
static void set_aside_failed(struct pri *p)
{
    for (unsigned i = 0; i < p->plan.count; i++) {
        struct pri_order *o = &p->plan.orders[i];
        if (!o->pending || !pri_bundle_is(p, o->bundle, PRI_BUNDLE_FAILED)) continue;
        o->pending = false;
        p->plan.pending--;
        pri_tell(p, p->outcome.row[o->member].serial, "waits", UP_PRECONDITION,
                 "failed before; waits for a new order");
    }
}

/* Who does not run, confirmed, what is ordered for it. A check leaves open what an earlier cycle began. */
static void note_orders(struct pri *p)
{
    for (unsigned m = 0; m < p->outcome.rows; m++) {
        struct pri_row *r = &p->outcome.row[m];
        r->ordered = r->updated || p->unsettled[m] || (p->goal == PRI_CHECK && r->ordered);
    }
    for (unsigned i = 0; i < p->plan.count; i++) {
        const struct pri_order *o = &p->plan.orders[i];
        struct pri_row *r = &p->outcome.row[o->member];
        if (!o->pending && !o->refused) continue;
        r->ordered = true;
        r->updated = false;
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
    note_orders(p);
    if (v == PRI_FAILED) p->problem = p->plan.problem;
    if (v != PRI_FAILED) pri_forget_superseded(p);
    if (v != PRI_DONE) return v;
    if (p->plan.problem.err != UP_OK) pri_tell_problem(p, &p->plan.problem);
    set_aside_failed(p);
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
    if (p->goal == PRI_CHECK) return PRI_NOTHING;
    if (enter) {
        enum up_err e = up_clock_fresh(&p->clock, pri_ms(p), p->config->time_max_age_s);
        if (e != UP_OK) { /* dropping time messages must not freeze us into old orders */
            pri_problem_set(&p->problem, e, "no install: %s", up_err_text(e));
            return PRI_FAILED;
        }
        p->downloading = 0;
        p->download = (struct pri_download){0};
        pri_download_prune(p->images_dir, &p->plan, p->ports.state);
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
        bool waits = p->outcome.row[m].ordered && !p->outcome.row[m].updated; /* it gets all with its image */
        if (!e->online || waits || p->members[m].parcel.files != NULL || !lags(p, e)) continue;
        enum up_err err = pri_build_parcel(p, m, NULL);
        if (err != UP_OK) {
            pri_tell(p, p->outcome.row[m].serial, "inform", err, up_err_text(err));
            continue;
        }
        pri_ecu_send(e, PRI_INFORM, &p->members[m].parcel, p->now_us);
        sent++;
    }
    return sent == 0 ? PRI_NOTHING : PRI_WAIT;
}

/* The steps for Secondaries with one slot: a backup of what they run before they are updated, and its return
 * after a failure. */
#include <stdio.h>

#include "metadata/encode.h"
#include "metadata/report.h"
#include "primary/cycle.h"

static bool has_one_slot(const struct pri *p, unsigned m)
{
    const struct pri_ecu *e = m == 0 ? NULL : &p->fleet.ecus[m - 1];
    return e != NULL && e->online && e->capabilities.layout == UDS_LAYOUT_ONE_SLOT;
}

/* ---- before the update ---- */

/* What it runs, by its own word: it takes nothing else back. False: it runs nothing. */
static bool read_installed(const struct pri_ecu *e, struct pri_backup *out)
{
    struct up_report r;
    if (up_report_read(pri_blob_span(&e->report), e->config->profile, &r) != UP_OK) return false;
    if (r.image_length == 0 || r.image_name.n > UP_NAME_MAX || !up_is_printable_name(r.image_name))
        return false;
    *out = (struct pri_backup){.length = r.image_length};
    memcpy(out->name, r.image_name.p, r.image_name.n);
    memcpy(out->sha256, r.image_sha256, sizeof out->sha256);
    return true;
}

/* Whoever cannot have a backup is not written over: see join(). */
static void give_up(struct pri *p, unsigned m, const struct pri_problem *why)
{
    p->no_backup[m] = true;
    pri_tell(p, p->outcome.row[m].serial, "backup", why->err, why->what);
}

/* DONE: it has one, or needs none. */
static enum pri_verdict back_up(struct pri *p, unsigned m)
{
    const struct pri_ecu *e = &p->fleet.ecus[m - 1];
    if (e->slots.running == UDS_SLOT_AWAY) return PRI_DONE; /* since then */
    if (p->download.target != &p->backup_target) {
        if (!read_installed(e, &p->backup)) return PRI_DONE;
        p->backup_target = pri_backup_target(&p->backup);
        if (p->backup.length > p->config->image_max_bytes) {
            give_up(p, m, &(struct pri_problem){.err = UP_TOO_LARGE, .what = "what it runs is too large"});
            return PRI_DONE;
        }
        pri_download_begin(&p->download, p->images_dir, p->ports.fetch, &p->backup_target);
    }
    enum pri_verdict v = pri_download_step(&p->download, &p->images);
    if (v == PRI_WAIT) return PRI_WAIT;
    if (v == PRI_FAILED) give_up(p, m, &p->download.problem);
    p->download.target = NULL;
    if (v != PRI_DONE) return PRI_DONE;
    enum up_err err = pri_backup_put(p->ports.state, p->outcome.row[m].serial, &p->backup);
    if (err != UP_OK) give_up(p, m, &(struct pri_problem){.err = err, .what = "backup not recorded"});
    return PRI_DONE;
}

enum pri_verdict pri_step_backup(struct pri *p, bool enter)
{
    if (enter) p->downloading = 0;
    for (; p->downloading < p->plan.count; p->downloading++) {
        const struct pri_order *o = &p->plan.orders[p->downloading];
        if (o->pending && has_one_slot(p, o->member) && back_up(p, o->member) == PRI_WAIT) return PRI_WAIT;
    }
    return PRI_DONE;
}

/* What M runs now is what has to be there when it is updated next. */
void pri_keep_backup(struct pri *p, unsigned m, const struct up_target *t)
{
    struct pri_backup b = {.length = t->length};
    if (!has_one_slot(p, m) || !t->hashes.has_sha256 || t->name.n > UP_NAME_MAX) return;
    memcpy(b.name, t->name.p, t->name.n);
    memcpy(b.sha256, t->hashes.sha256, sizeof b.sha256);
    enum up_err e = pri_backup_put(p->ports.state, p->outcome.row[m].serial, &b);
    (void)e; /* if not, it is downloaded once more */
}

/* ---- after it ---- */

/* It will be brought forward, or taken back, in a later cycle. */
static bool goes_on(const struct pri *p, unsigned m)
{
    for (unsigned i = 0; i < p->bundle_count; i++)
        for (unsigned k = 0; k < p->bundles[i].count; k++)
            if (p->bundles[i].members[k] == &p->members[m] && p->bundles[i].state == PRI_BUNDLE_LATER)
                return true;
    return p->unsettled[m];
}

/* An update of it has failed, or an earlier one had. */
static bool may_be_away(const struct pri *p, unsigned m)
{
    const struct pri_row *r = &p->outcome.row[m];
    return p->fleet.ecus[m - 1].slots.running == UDS_SLOT_AWAY || (r->ordered && !r->updated);
}

static bool send_back(struct pri *p, unsigned m)
{
    struct pri_backup b;
    struct up_target t;
    char path[PRI_FILE_PATH_MAX];
    struct pri_parcel *parcel = &p->members[m].parcel;
    if (!pri_backup_get(p->ports.state, p->outcome.row[m].serial, &b)) return false;
    t = pri_backup_target(&b);
    pri_download_path(p->images_dir, &t, path);
    pri_unmap(parcel->image);
    pri_parcel_free(parcel);
    parcel->image = pri_map(path);
    if (parcel->image.p == NULL) return false;
    pri_ecu_send(&p->fleet.ecus[m - 1], PRI_RESTORE, parcel, p->now_us);
    return true;
}

static void account(struct pri *p, unsigned m)
{
    struct pri_ecu *e = &p->fleet.ecus[m - 1];
    if (e->errand != PRI_RESTORE) return;
    if (e->verdict == PRI_FAILED) {
        pri_tell(p, p->outcome.row[m].serial, "backup", e->problem.err, e->problem.what);
    } else if (e->returned) {
        pri_tell(p, p->outcome.row[m].serial, "backup", UP_OK, "the image before it runs again");
        p->changed = true;
    }
}

enum pri_verdict pri_step_restore(struct pri *p, bool enter)
{
    unsigned sent = 0;
    if (!enter) {
        if (pri_fleet_busy(&p->fleet)) return PRI_WAIT;
        for (unsigned m = 1; m < p->outcome.rows; m++) account(p, m);
        return PRI_DONE;
    }
    for (unsigned m = 1; m < p->outcome.rows && p->goal != PRI_CHECK; m++) {
        if (!has_one_slot(p, m) || !may_be_away(p, m) || goes_on(p, m)) continue;
        if (send_back(p, m))
            sent++;
        else if (p->fleet.ecus[m - 1].slots.running == UDS_SLOT_AWAY)
            pri_tell(p, p->outcome.row[m].serial, "backup", UP_STORAGE_CORRUPT, "there is no backup of it");
    }
    return sent > 0 ? PRI_WAIT : PRI_NOTHING;
}

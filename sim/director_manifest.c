/* Judging a vehicle version manifest against the inventory (Uptane Standard 2.1, 5.3.2.1). Read into a copy
 * of the inventory's records, check everything, store last. */
#include "sim/director_private.h"

#include "metadata/encode.h"
#include "metadata/report.h"

#include <stdio.h>
#include <stdlib.h>

struct judge {
    const char *vehicle;
    const struct up_profile *profile;
    struct sim_ecus *ecus; /* a report that passes goes in here */
    bool *seen, *fresh;    /* by ECU: has a report, and a new one */
    struct up_buf room;
    int64_t now_s;
    char *culprit; /* SIM_ID_MAX */
};

static struct sim_ecu *ecu_named(struct judge *j, struct up_span serial)
{
    for (size_t i = 0; i < j->ecus->n; i++)
        if (up_span_is(serial, j->ecus->ecu[i].serial)) return &j->ecus->ecu[i];
    return NULL;
}

static const struct sim_ecu *primary_of(const struct judge *j)
{
    for (size_t i = 0; i < j->ecus->n; i++)
        if (j->ecus->ecu[i].primary) return &j->ecus->ecu[i];
    return NULL;
}

static enum up_err verify(struct judge *j, struct up_span file, const struct up_key *key,
                          struct up_span *body)
{
    if (key->scheme == UP_SCHEME_NONE) return UP_MAN_SIG;
    return up_attest_verify(file, j->profile, key, &j->room, body);
}

static void copy_span(char *out, size_t size, struct up_span s)
{
    snprintf(out, size, "%.*s", (int)s.n, s.p != NULL ? (const char *)s.p : "");
}

static void take_report(struct judge *j, struct sim_ecu *e, struct up_span file,
                        const struct up_report *report)
{
    free(e->report.p);
    e->report = (struct sim_bytes){malloc(file.n + 1), file.n};
    if (e->report.p == NULL) abort();
    memcpy(e->report.p, file.p, file.n);
    e->counter = report->counter;
    e->reported_s = j->now_s;
    copy_span(e->image, sizeof e->image, report->image_name);
    copy_span(e->attacks, sizeof e->attacks, report->attacks);
    up_hex_encode(report->image_sha256, UP_SHA256_BYTES, e->sha256);
    e->sha256[2 * UP_SHA256_BYTES] = '\0';
}

static enum up_err judge_report(struct judge *j, struct up_span serial, struct up_span file)
{
    struct up_report report;
    struct up_span body;
    copy_span(j->culprit, SIM_ID_MAX, serial);
    struct sim_ecu *e = ecu_named(j, serial);
    if (e == NULL) return UP_MAN_UNKNOWN;
    size_t index = (size_t)(e - j->ecus->ecu);
    j->seen[index] = true;
    if (!e->primary && up_span_eq(file, sim_span(&e->report))) return UP_OK; /* a silent Secondary */

    UP_TRY(verify(j, file, &e->key, &body));
    UP_TRY(up_report_read(file, j->profile, &report));
    if (!up_span_eq(report.ecu_serial, serial)) return UP_MAN_UNKNOWN;
    if (report.counter <= e->counter) return UP_MAN_REPLAY;
    if (report.time_s > j->now_s + SIM_TIME_AHEAD_S || report.time_s < j->now_s - SIM_TIME_BEHIND_S)
        return UP_MAN_TIME;
    take_report(j, e, file, &report);
    j->fresh[index] = true;
    j->culprit[0] = '\0';
    return UP_OK;
}

static enum up_err judge_reports(struct judge *j, struct up_span reports)
{
    struct up_json json;
    struct up_span serial;
    up_json_open(&json, reports);
    for (up_json_object(&json); up_json_member(&json, &serial);) {
        struct up_span file = up_json_value(&json);
        if (json.err == UP_OK) UP_TRY(judge_report(j, serial, file));
    }
    j->culprit[0] = '\0';
    if (json.err != UP_OK) return UP_MAN_SCHEMA;
    for (size_t i = 0; i < j->ecus->n; i++) {
        if (j->seen[i]) continue;
        snprintf(j->culprit, SIM_ID_MAX, "%s", j->ecus->ecu[i].serial);
        return UP_MAN_ECU_MISSING;
    }
    return UP_OK;
}

/* VALUE is a JSON string of our alphabets: its text as it stands. */
static struct up_span text_of(struct up_span value)
{
    struct up_json json;
    up_json_open(&json, value);
    return up_json_string(&json);
}

static enum up_err judge_manifest(struct judge *j, struct up_span manifest)
{
    struct up_span body, vehicle, primary_serial, reports;
    const struct sim_ecu *primary = primary_of(j);
    if (primary == NULL) return UP_MAN_UNKNOWN;
    UP_TRY(verify(j, manifest, &primary->key, &body));
    /* Dialect A does not name the vehicle: its client certificate does. */
    bool named = up_json_find(body, "vehicle_id", &vehicle);
    if ((!named && !(j->profile->relax & UP_RELAX_NO_VEHICLE_ID)) ||
        !up_json_find(body, "primary_ecu_serial", &primary_serial) ||
        !up_json_find(body, "ecu_version_manifests", &reports))
        return UP_MAN_SCHEMA;
    if (named && !up_span_is(text_of(vehicle), j->vehicle)) return UP_MAN_SIG; /* signed for another */
    if (!up_span_is(text_of(primary_serial), primary->serial)) return UP_MAN_UNKNOWN;
    return judge_reports(j, reports);
}

enum up_err sim_manifest_judge(const struct up_profile *p, const char *vehicle, struct sim_ecus *ecus,
                               struct up_span manifest, int64_t now_s, bool *fresh, char culprit[SIM_ID_MAX])
{
    struct judge j = {
        .vehicle = vehicle, .profile = p, .ecus = ecus, .fresh = fresh, .now_s = now_s, .culprit = culprit};
    j.room =
        (struct up_buf){.p = malloc(16 * manifest.n + 1), .cap = 16 * manifest.n}; /* whole, and reports */
    j.seen = calloc(ecus->n + 1, sizeof *j.seen);
    if (j.room.p == NULL || j.seen == NULL) abort();
    memset(fresh, 0, ecus->n * sizeof *fresh);
    culprit[0] = '\0';
    enum up_err e = judge_manifest(&j, manifest);
    free(j.seen);
    free(j.room.p);
    return e;
}

static bool store_reports(struct sim_director *d, const struct sim_ecus *ecus, const bool *fresh)
{
    for (size_t i = 0; i < ecus->n; i++)
        if (fresh[i] && !sim_inventory_set_report(d->inventory, &ecus->ecu[i])) return false;
    return true;
}

static bool store(struct sim_director *d, const char *vehicle, struct up_span manifest, int64_t now_s,
                  const struct sim_decision *decision, const struct sim_ecus *ecus, const bool *fresh)
{
    struct sim_inventory *v = d->inventory;
    if (!sim_inventory_begin(v)) return sim_director_inventory_failed(d);
    bool ok = sim_inventory_add_manifest(v, vehicle, now_s, decision->verdict, decision->ecu, manifest) &&
              (decision->verdict != UP_OK || store_reports(d, ecus, fresh));
    if (ok) return sim_inventory_commit(v) || sim_director_inventory_failed(d);
    sim_director_inventory_failed(d);
    sim_inventory_rollback(v);
    return false;
}

bool sim_director_manifest(struct sim_director *d, const char *vehicle, struct up_span manifest,
                           int64_t now_s, struct sim_decision *out)
{
    struct sim_ecus ecus = {0};
    *out = (struct sim_decision){.verdict = UP_MAN_UNKNOWN};
    if (!sim_inventory_ecus(d->inventory, vehicle, &ecus)) return sim_director_inventory_failed(d);
    bool *fresh = calloc(ecus.n + 1, sizeof *fresh);
    if (fresh == NULL) abort();
    out->verdict = sim_manifest_judge(d->repo.profile, vehicle, &ecus, manifest, now_s, fresh, out->ecu);
    bool ok = store(d, vehicle, manifest, now_s, out, &ecus, fresh);
    free(fresh);
    sim_ecus_free(&ecus);
    return ok && (out->verdict != UP_OK || sim_director_issue(d, vehicle, now_s));
}

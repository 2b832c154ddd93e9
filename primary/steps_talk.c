/* The steps that talk: to the Secondaries about what they run, to the time server, to the Director. */
#include <stdio.h>
#include <stdlib.h>

#include "metadata/encode.h"
#include "metadata/json.h"
#include "primary/cycle.h"
#include "primary/manifest.h"

#define REPLY_MAX 65536

static struct pri_ecu *ecu_of(struct pri *p, unsigned member)
{
    return &p->fleet.ecus[member - 1];
}

/* ---- ask, report ---- */

static void note_rows(struct pri *p, bool first)
{
    for (unsigned m = 1; m < p->outcome.rows; m++) {
        struct pri_ecu *e = ecu_of(p, m);
        struct pri_row *r = &p->outcome.row[m];
        if (e->verdict == PRI_FAILED) {
            r->err = e->problem.err;
            (void)snprintf(r->detail, sizeof r->detail, "%s", e->problem.what);
            pri_remember_attack(p, &e->problem);
            pri_tell(p, r->serial, first ? "ask" : "report", e->problem.err, e->problem.what);
        }
        r->online = e->online;
        if (e->online && first) (void)snprintf(r->from, sizeof r->from, "%s", e->image_name);
        if (e->online) (void)snprintf(r->to, sizeof r->to, "%s", e->image_name);
        r->bus_us = e->bus_us;
    }
    if (p->ports.installer->state(p->ports.installer, &p->own) != UP_OK) return;
    if (first) (void)snprintf(p->outcome.row[0].from, sizeof p->outcome.row[0].from, "%s", p->own.name);
    (void)snprintf(p->outcome.row[0].to, sizeof p->outcome.row[0].to, "%s", p->own.name);
    p->outcome.row[0].online = true;
}

enum pri_verdict pri_step_ask(struct pri *p, bool enter)
{
    if (enter) {
        for (unsigned i = 0; i < p->config->ecu_count; i++) {
            p->fleet.ecus[i].online = p->fleet.ecus[i].has_nonce = false;
            p->fleet.ecus[i].bus_us = 0;
        }
        pri_fleet_send(&p->fleet, PRI_IDENTIFY, false, p->now_us);
    }
    if (pri_fleet_busy(&p->fleet)) return PRI_WAIT;
    note_rows(p, p->rounds == 1);
    return PRI_DONE;
}

enum pri_verdict pri_step_report(struct pri *p, bool enter)
{
    if (!p->changed) return PRI_NOTHING;
    if (enter) pri_fleet_send(&p->fleet, PRI_REPORT, true, p->now_us);
    if (pri_fleet_busy(&p->fleet)) return PRI_WAIT;
    note_rows(p, false);
    return PRI_DONE;
}

/* ---- time ---- */

static enum up_err take_attestation(struct pri *p)
{
    struct up_span file = {p->attestation, p->attestation_bytes};
    struct up_clock next;
    enum up_err e = up_clock_feed(&p->clock, &p->director.trust.root, p->config->director.profile, file, NULL,
                                  pri_ms(p), &next);
    if (e == UP_OK) {
        p->previous_time_s = p->clock.attested_s;
        p->clock = next;
    }
    return e;
}

/* A Root with other time keys: the clock starts anew before anything is judged by it (V-CLK-12). The
 * attestation at hand may be the new keys' first. */
int64_t pri_on_root(void *ctx, const struct up_root *root, int64_t now_s)
{
    struct pri *p = ctx;
    uint8_t keys[UP_SHA256_BYTES];
    memcpy(keys, p->clock.keys, sizeof keys);
    up_clock_on_root(&p->clock, root);
    if (memcmp(keys, p->clock.keys, sizeof keys) == 0) return now_s;
    p->attested = p->attestation_bytes > 0 && take_attestation(p) == UP_OK;
    return up_clock_now(&p->clock, pri_ms(p));
}

/* One nonce serves all who gave it: who repeats what he heard on the bus must not cost the others their time.
 */
static void add_nonce(struct pri *p, const uint8_t nonce[UP_NONCE_BYTES])
{
    for (unsigned i = 0; i < p->nonce_count; i++)
        if (memcmp(p->nonces[i], nonce, UP_NONCE_BYTES) == 0) return;
    memcpy(p->nonces[p->nonce_count++], nonce, UP_NONCE_BYTES);
}

/* Nonces of all who will judge the answer: ours first. */
static bool collect_nonces(struct pri *p)
{
    if (!p->ports.random(p->ports.ctx, p->nonces[0], UP_NONCE_BYTES)) return false;
    up_clock_ask(&p->clock, p->nonces[0]);
    p->nonce_count = 1;
    for (unsigned i = 0; i < p->config->ecu_count; i++)
        if (p->fleet.ecus[i].has_nonce) add_nonce(p, p->fleet.ecus[i].nonce);
    return true;
}

static void write_nonces(const struct pri *p, struct up_writer *w)
{
    up_write(w, "\"nonces\":[");
    for (unsigned i = 0; i < p->nonce_count; i++) {
        if (i > 0) up_write(w, ",");
        up_write_hex(w, p->nonces[i], UP_NONCE_BYTES);
    }
    up_write(w, "]");
}

static struct pri_transfer *ask_time(struct pri *p)
{
    uint8_t text[(PRI_ECUS_MAX + 1) * (2 * UP_NONCE_BYTES + 3) + 32];
    struct up_writer w = {.p = text, .cap = sizeof text};
    up_write(&w, "{");
    write_nonces(p, &w);
    up_write(&w, "}");
    struct pri_request rq = {.server = PRI_TIME,
                             .method = "POST",
                             .path = "",
                             .body = up_written(&w),
                             .max_bytes = PRI_ATTESTATION_MAX};
    return p->ports.fetch->start(p->ports.fetch, &rq);
}

/* time-from-primary: no time server; our own clock, unsigned, in the attestation's form. */
static void attest_ourselves(struct pri *p)
{
    struct up_writer w = {.p = p->attestation, .cap = sizeof p->attestation};
    char now[UP_TIME_TEXT];
    up_time_encode(p->ports.wall_clock(p->ports.ctx), now);
    up_write(&w, "{\"signatures\":[],\"signed\":{\"_type\":\"time\",");
    write_nonces(p, &w);
    up_write(&w, ",\"time\":\"");
    up_write_span(&w, (struct up_span){(const uint8_t *)now, sizeof now});
    up_write(&w, "\"}}");
    p->attestation_bytes = w.full ? 0 : w.n;
}

static enum pri_verdict judge_time(struct pri *p, enum up_err e, const char *detail)
{
    struct up_span file = {p->attestation, p->attestation_bytes};
    if (e == UP_OK) e = up_time_has_nonces(file, (const uint8_t(*)[UP_NONCE_BYTES])p->nonces, p->nonce_count);
    if (e == UP_OK) e = take_attestation(p);
    if (e != UP_OK && e != UP_TIME_SIG)
        p->attestation_bytes = 0; /* TIME_SIG: perhaps a rotated key, see pri_on_root */
    p->attested = e == UP_OK;
    p->time_doubt = (struct pri_problem){0};
    if (e == UP_OK) return PRI_DONE;
    pri_problem_set(&p->problem, e, "time: %s%s%s", up_err_text(e), detail[0] ? ": " : "", detail);
    if (e != UP_TIME_SIG) return PRI_FAILED;
    p->time_doubt = p->problem; /* no attack yet: the Director's next Root may know the key */
    return PRI_NOTHING;
}

enum pri_verdict pri_step_time(struct pri *p, bool enter)
{
    struct pri_fetch *fetch = p->ports.fetch;
    if (enter && !collect_nonces(p)) return judge_time(p, UP_TIME_UNAVAILABLE, "no random nonce");
    if (p->config->time_url == NULL) {
        attest_ourselves(p);
        return judge_time(p, UP_OK, "");
    }
    if (enter && (p->transfer = ask_time(p)) == NULL) return judge_time(p, UP_STORAGE_FULL, "out of memory");
    struct pri_answer a;
    if (!fetch->done(fetch, p->transfer, &a)) return PRI_WAIT;
    char detail[sizeof a.detail];
    (void)snprintf(detail, sizeof detail, "%s", a.err == UP_OK ? "" : a.detail);
    p->attestation_bytes = a.err == UP_OK ? a.body.n : 0;
    if (p->attestation_bytes > 0) memcpy(p->attestation, a.body.p, a.body.n);
    fetch->drop(fetch, p->transfer);
    p->transfer = NULL;
    return judge_time(p, a.err, detail);
}

/* ---- manifest ---- */

static void load_attacks(struct pri *p)
{
    struct up_span value;
    p->attacks[0] = '\0';
    if (pri_state_get(p->ports.state, "attacks", &value) != UP_OK) return;
    size_t n = value.n < UP_ATTACKS_MAX ? value.n : UP_ATTACKS_MAX;
    memcpy(p->attacks, value.p, n);
    p->attacks[n] = '\0';
    free((void *)(uintptr_t)value.p);
}

void pri_remember_attack(struct pri *p, const struct pri_problem *problem)
{
    if (up_err_class(problem->err) != UP_CLASS_ATTACK) return;
    char text[UP_ATTACKS_MAX + 1], was[UP_ATTACKS_MAX + 1];
    (void)snprintf(was, sizeof was, "%s", p->attacks);
    load_attacks(p);
    (void)snprintf(text, sizeof text, "%s: %.*s", up_err_name(problem->err), UP_ATTACKS_MAX - 30,
                   problem->what);
    for (char *c = text; *c != '\0'; c++)
        if (*c == '"' || *c == '\\') *c = '\'';
    bool known = strcmp(p->attacks, text) == 0;
    (void)snprintf(p->attacks, sizeof p->attacks, "%s", was);
    if (!known && pri_state_put(p->ports.state, "attacks", up_span_of(text)) != UP_OK &&
        p->outcome.err == UP_OK)
        p->outcome.err = UP_STORAGE_WRITE;
}

static size_t own_report(struct pri *p, uint8_t *out, size_t cap)
{
    if (p->ports.installer->state(p->ports.installer, &p->own) != UP_OK) return 0;
    load_attacks(p);
    struct up_report r = {.attacks = up_span_of(p->attacks),
                          .ecu_serial = up_span_of(p->config->serial),
                          .image_name = up_span_of(p->own.name),
                          .image_length = p->own.length,
                          .time_s = p->clock.attested_s,
                          .previous_time_s =
                              p->previous_time_s > 0 ? p->previous_time_s : p->clock.attested_s,
                          .counter = p->boots << 32 | ++p->sequence};
    memcpy(r.image_sha256, p->own.sha256, sizeof r.image_sha256);
    return up_report_write(&r, p->config->director.profile, p->ports.signer, out, cap);
}

void pri_last_report(struct pri *p, const struct pri_ecu *e, struct pri_blob *stored, struct up_span *report)
{
    char key[UP_ID_MAX + 16];
    struct up_span value;
    *report = pri_blob_span(&e->report);
    if (report->p != NULL) return;
    (void)snprintf(key, sizeof key, "report/%s", e->config->serial);
    if (pri_state_get(p->ports.state, key, &value) != UP_OK) return;
    *stored = (struct pri_blob){.file = (uint8_t *)(uintptr_t)value.p, .bytes = value.n};
    *report = value;
}

static uint8_t *write_manifest(struct pri *p, size_t *n)
{
    struct pri_manifest_entry entries[PRI_ECUS_MAX + 1];
    struct pri_blob stored[PRI_ECUS_MAX + 1] = {0};
    uint8_t own[UP_REPORT_MAX];
    size_t own_bytes = own_report(p, own, sizeof own);
    entries[0] = (struct pri_manifest_entry){.serial = p->config->serial, .report = {own, own_bytes}};
    for (unsigned i = 0; i < p->config->ecu_count; i++) {
        entries[i + 1] = (struct pri_manifest_entry){.serial = p->config->ecus[i].serial};
        pri_last_report(p, &p->fleet.ecus[i], &stored[i + 1], &entries[i + 1].report);
    }
    for (unsigned m = 0; m < p->outcome.rows; m++) {
        entries[m].has_result = p->outcome.row[m].updated || p->outcome.row[m].err != UP_OK;
        entries[m].result = p->outcome.row[m].err;
    }
    struct pri_manifest manifest = {.vehicle_id = p->config->vehicle_id,
                                    .primary_serial = p->config->serial,
                                    .correlation_id = p->correlation_id[0] ? p->correlation_id : NULL,
                                    .entries = entries,
                                    .count = p->config->ecu_count + 1};
    uint8_t *text = own_bytes == 0
                        ? NULL
                        : pri_manifest_write(&manifest, p->config->director.profile, p->ports.signer, n);
    for (unsigned m = 0; m <= p->config->ecu_count; m++) pri_blob_free(&stored[m]);
    return text;
}

bool pri_manifest(struct pri *p, uint64_t now_us, struct pri_blob *out)
{
    p->now_us = now_us;
    *out = (struct pri_blob){0};
    out->file = write_manifest(p, &out->bytes);
    return out->file != NULL;
}

static enum up_err put_all(struct pri *p)
{
    char key[UP_ID_MAX + 16], hex[2 * UP_SHA256_BYTES + 1], text[2 * UP_SHA256_BYTES + 80];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)p->boots);
    if (!p->booted) UP_TRY(pri_state_put(p->ports.state, "boots", up_span_of(text)));
    up_hex_encode(p->clock.keys, UP_SHA256_BYTES, hex);
    hex[2 * UP_SHA256_BYTES] = '\0';
    (void)snprintf(text, sizeof text, "{\"attested_s\":%lld,\"keys\":\"%s\"}", (long long)p->clock.attested_s,
                   hex);
    if (p->attested) UP_TRY(pri_state_put(p->ports.state, "clock", up_span_of(text)));
    for (unsigned i = 0; i < p->config->ecu_count; i++) {
        if (!p->fleet.ecus[i].online) continue;
        (void)snprintf(key, sizeof key, "report/%s", p->config->ecus[i].serial);
        UP_TRY(pri_state_put(p->ports.state, key, pri_blob_span(&p->fleet.ecus[i].report)));
    }
    return UP_OK;
}

/* All that this poll has learned, in one commit, before the Director hears of it: a counter that was sent is
 * never used again, a report that was sent can be sent again. */
static enum up_err save_poll(struct pri *p)
{
    UP_TRY(pri_state_begin(p->ports.state));
    enum up_err e = put_all(p);
    if (e == UP_OK) e = pri_state_commit(p->ports.state);
    if (e != UP_OK)
        pri_state_rollback(p->ports.state);
    else
        p->booted = true;
    return e;
}

static enum up_err send_manifest(struct pri *p)
{
    UP_TRY(save_poll(p));
    size_t n;
    uint8_t *text = write_manifest(p, &n);
    if (text == NULL) return UP_STORAGE_FULL;
    struct pri_request rq = {.server = PRI_DIRECTOR,
                             .method = "PUT",
                             .path = "manifest",
                             .body = {text, n},
                             .max_bytes = REPLY_MAX};
    p->transfer = p->ports.fetch->start(p->ports.fetch, &rq);
    free(text);
    return p->transfer == NULL ? UP_STORAGE_FULL : UP_OK;
}

enum pri_verdict pri_step_manifest(struct pri *p, bool enter)
{
    struct pri_fetch *fetch = p->ports.fetch;
    enum up_err e = enter ? send_manifest(p) : UP_OK;
    if (e != UP_OK) {
        pri_problem_set(&p->problem, e, "manifest: %s", up_err_text(e));
        return PRI_FAILED;
    }
    struct pri_answer a;
    if (!fetch->done(fetch, p->transfer, &a)) return PRI_WAIT;
    if (a.err != UP_OK) pri_problem_set(&p->problem, a.err, "manifest: %s: %s", up_err_text(a.err), a.detail);
    const bool delivered = a.err == UP_OK, refused = a.err == UP_REFUSED;
    fetch->drop(fetch, p->transfer);
    p->transfer = NULL;
    if (refused) { /* told, but no end: a clock that the Director does not believe needs its next Root to heal
                    */
        pri_tell_problem(p, &p->problem);
        return PRI_NOTHING;
    }
    if (!delivered) return PRI_FAILED;
    if (p->attacks[0] != '\0') { /* it has been told; a newer one stays */
        char told[UP_ATTACKS_MAX + 1];
        memcpy(told, p->attacks, sizeof told);
        load_attacks(p);
        if (strcmp(told, p->attacks) == 0 && pri_state_remove(p->ports.state, "attacks") != UP_OK) {
            pri_problem_set(&p->problem, UP_STORAGE_WRITE, "manifest: %s", up_err_text(UP_STORAGE_WRITE));
            return PRI_FAILED;
        }
    }
    return PRI_DONE;
}

/* ---- Director ---- */

enum pri_verdict pri_step_director(struct pri *p, bool enter)
{
    if (enter) pri_chain_begin(&p->director, up_clock_now(&p->clock, pri_ms(p)));
    enum pri_verdict v = pri_chain_step(&p->director);
    if (v == PRI_FAILED) p->problem = p->director.problem;
    if (v != PRI_WAIT && p->time_doubt.err != UP_OK && !p->attested) pri_tell_problem(p, &p->time_doubt);
    return v;
}

enum pri_verdict pri_step_images(struct pri *p, bool enter)
{
    if (enter) pri_chain_begin(&p->images, p->director.now_s);
    enum pri_verdict v = pri_chain_step(&p->images);
    if (v == PRI_FAILED) p->problem = p->images.problem;
    return v;
}

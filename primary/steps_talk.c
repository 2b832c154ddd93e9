/* The steps that ask: the Secondaries what they run, the time server, both repositories for metadata. */
#include <stdio.h>
#include <stdlib.h>

#include "metadata/encode.h"
#include "metadata/json.h"
#include "primary/cycle.h"

static struct pri_ecu *ecu_of(struct pri *p, unsigned member)
{
    return &p->fleet.ecus[member - 1];
}

/* ---- ask, report ---- */

/* The first failure of an ECU is the one that is shown. */
static void note_failure(struct pri *p, struct pri_row *r, const struct pri_ecu *e)
{
    pri_remember_attack(p, &e->problem);
    pri_tell(p, r->serial, pri_errand_name(e->errand), e->problem.err, e->problem.what);
    if (r->err != UP_OK) return;
    r->err = e->problem.err;
    (void)snprintf(r->detail, sizeof r->detail, "%s", e->problem.what);
}

/* What ERRAND has brought; FIRST: what there was before this cycle. */
static void note_rows(struct pri *p, enum pri_errand errand, bool first)
{
    for (unsigned m = 1; m < p->outcome.rows; m++) {
        struct pri_ecu *e = ecu_of(p, m);
        struct pri_row *r = &p->outcome.row[m];
        if (e->errand == errand && e->verdict == PRI_FAILED) note_failure(p, r, e);
        r->online = e->online;
        if (e->online && first) (void)snprintf(r->from, sizeof r->from, "%s", e->image_name);
        if (e->online) (void)snprintf(r->to, sizeof r->to, "%s", e->image_name);
        r->bus_us = e->bus_us;
    }
    if (p->ports.installer->state(p->ports.installer, &p->own) != UP_OK) return;
    struct pri_row *own = &p->outcome.row[0];
    if (first) (void)snprintf(own->from, sizeof own->from, "%s", p->own.name);
    (void)snprintf(own->to, sizeof own->to, "%s", p->own.name);
    own->online = true;
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
    note_rows(p, PRI_IDENTIFY, p->rounds == 1);
    return PRI_DONE;
}

enum pri_verdict pri_step_report(struct pri *p, bool enter)
{
    if (!p->changed) return PRI_NOTHING;
    if (enter) pri_fleet_send(&p->fleet, PRI_REPORT, true, p->now_us);
    if (pri_fleet_busy(&p->fleet)) return PRI_WAIT;
    note_rows(p, PRI_REPORT, false);
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
    if (a.err == UP_OK && a.body.n > sizeof p->attestation) a.err = UP_TOO_LARGE;
    p->attestation_bytes = a.err == UP_OK ? a.body.n : 0;
    if (p->attestation_bytes > 0) memcpy(p->attestation, a.body.p, a.body.n);
    fetch->drop(fetch, p->transfer);
    p->transfer = NULL;
    return judge_time(p, a.err, detail);
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

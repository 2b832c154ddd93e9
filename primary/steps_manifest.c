/* The steps that tell: what was detected, and the vehicle version manifest. */
#include <stdio.h>
#include <stdlib.h>

#include "metadata/encode.h"
#include "primary/cycle.h"
#include "primary/manifest.h"

#define REPLY_MAX 65536
#define TEXT_MAX  (UP_ATTACKS_MAX - 40) /* of an attack, behind its name: room for that, and for the count */
#define MORE_MAX  9999                  /* attacks counted behind the first */

/* ---- attacks ---- */

/* What was detected first since a report was delivered, and how much came after it: "ROLLBACK: director
 * timestamp.json: older than the trusted version +2". */
static void load_attacks(struct pri *p, char out[UP_ATTACKS_MAX + 1])
{
    struct up_span value;
    out[0] = '\0';
    if (pri_state_get(p->ports.state, "attacks", &value) != UP_OK) return;
    size_t n = value.n < UP_ATTACKS_MAX ? value.n : UP_ATTACKS_MAX;
    memcpy(out, value.p, n);
    out[n] = '\0';
    free((void *)(uintptr_t)value.p);
}

/* Cuts the count off TEXT. */
static unsigned long split_count(char *text)
{
    char *end, *plus = strrchr(text, '+');
    if (plus == NULL || plus == text || plus[-1] != ' ' || plus[1] < '0' || plus[1] > '9') return 0;
    unsigned long n = strtoul(plus + 1, &end, 10);
    if (*end != '\0') return 0;
    plus[-1] = '\0';
    return n;
}

void pri_remember_attack(struct pri *p, const struct pri_problem *problem)
{
    char text[UP_ATTACKS_MAX + 1], known[UP_ATTACKS_MAX + 1];
    if (up_err_class(problem->err) != UP_CLASS_ATTACK) return;
    (void)snprintf(text, sizeof text, "%s: %.*s", up_err_name(problem->err), TEXT_MAX, problem->what);
    for (char *c = text; *c != '\0'; c++)
        if (*c == '"' || *c == '\\') *c = '\'';
    load_attacks(p, known);
    unsigned long more = split_count(known);
    if (strcmp(known, text) == 0 || more == MORE_MAX) return;
    if (known[0] != '\0') (void)snprintf(text, sizeof text, "%.*s +%lu", TEXT_MAX + 30, known, more + 1);
    if (pri_state_put(p->ports.state, "attacks", up_span_of(text)) != UP_OK && p->outcome.err == UP_OK)
        p->outcome.err = UP_STORAGE_WRITE;
}

/* A report that carries P->attacks was delivered; what came after it stays. */
static enum up_err attacks_told(struct pri *p)
{
    char now[UP_ATTACKS_MAX + 1];
    if (p->attacks[0] == '\0') return UP_OK;
    load_attacks(p, now);
    return strcmp(now, p->attacks) == 0 ? pri_state_remove(p->ports.state, "attacks") : UP_OK;
}

/* ---- manifest ---- */

static size_t own_report(struct pri *p, uint8_t *out, size_t cap)
{
    if (p->ports.installer->state(p->ports.installer, &p->own) != UP_OK) return 0;
    load_attacks(p, p->attacks);
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
    const bool delivers = p->at == PRI_CY_DELIVER && p->correlation_id[0] != '\0';
    struct pri_manifest manifest = {.vehicle_id = p->config->vehicle_id,
                                    .primary_serial = p->config->serial,
                                    .correlation_id = delivers ? p->correlation_id : NULL,
                                    .entries = entries,
                                    .count = p->config->ecu_count + 1};
    uint8_t *text = own_bytes == 0
                        ? NULL
                        : pri_manifest_write(&manifest, p->config->director.profile, p->ports.signer, n);
    for (unsigned m = 0; m <= p->config->ecu_count; m++) pri_blob_free(&stored[m]);
    return text;
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
        struct up_span report = pri_blob_span(&p->fleet.ecus[i].report);
        if (report.p == NULL) continue;
        (void)snprintf(key, sizeof key, "report/%s", p->config->ecus[i].serial);
        UP_TRY(pri_state_put(p->ports.state, key, report));
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

bool pri_manifest(struct pri *p, uint64_t now_us, struct pri_blob *out)
{
    p->now_us = now_us;
    *out = (struct pri_blob){0};
    if (save_poll(p) != UP_OK) return false;
    out->file = write_manifest(p, &out->bytes);
    return out->file != NULL;
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
    if (attacks_told(p) == UP_OK) return PRI_DONE;
    pri_problem_set(&p->problem, UP_STORAGE_WRITE, "manifest: %s", up_err_text(UP_STORAGE_WRITE));
    return PRI_FAILED;
}

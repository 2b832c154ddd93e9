#include "primary/ecu.h"

#include <stdio.h>
#include <stdlib.h>

#include "metadata/report.h"

#define ATTEMPTS     5       /* of an errand that got no answer and did not move */
#define BACK_OFF_US  200000u /* times the attempt */
#define REBOOT_US    50000u  /* nobody boots faster */
#define BOOT_POLL_US 100000u

/* One request and what its answer means. */
struct pri_step {
    void (*ask)(struct pri_ecu *e, uint64_t now_us);
    enum up_err (*got)(struct pri_ecu *e, struct up_span data,
                       uint64_t now_us); /* NULL: any positive answer will do */
    uint16_t did;                        /* ask_did: data of the answer starts behind it */
    bool patient;                        /* no answer: ask again until patience ends (the ECU boots) */
};

static uint32_t short_us(uint64_t now_us)
{
    return (uint32_t)now_us;
}

const char *pri_errand_name(enum pri_errand e)
{
    static const char *const names[PRI_ERRANDS] = {"identify", "inform", "prepare", "activate",
                                                   "confirm",  "revert", "report"};
    return names[e];
}

static enum up_err problem(struct pri_ecu *e, enum up_err err, const char *what)
{
    pri_problem_set(&e->problem, err, "%s", what);
    return err;
}

/* ---- requests ---- */

static void ask_extended(struct pri_ecu *e, uint64_t now_us)
{
    uds_client_session(&e->client, UDS_EXTENDED, short_us(now_us));
}

static void ask_did(struct pri_ecu *e, uint64_t now_us)
{
    uds_client_read(&e->client, e->script[e->step].did, short_us(now_us));
}

static void ask_file(struct pri_ecu *e, uint64_t now_us)
{
    if (e->file >= e->parcel.count) {
        e->skipped = true;
        return;
    }
    const struct pri_file *f = &e->parcel.files[e->file];
    uds_client_put_file(&e->client, f->path, f->bytes.p, f->bytes.n, short_us(now_us));
}

static void ask_verify_metadata(struct pri_ecu *e, uint64_t now_us)
{
    uds_client_routine(&e->client, UDS_ROUTINE_VERIFY_METADATA, NULL, 0, short_us(now_us));
}

/* The Secondary's flash says how much of this very order is safe; nothing else is believed. */
static void ask_image(struct pri_ecu *e, uint64_t now_us)
{
    uint64_t offset = 0;
    bool same = memcmp(e->slots.order, e->parcel.order, UDS_ORDER_BYTES) == 0;
    if (same && e->slots.other == UDS_SLOT_VERIFIED) {
        e->skipped = true;
        return;
    }
    if (same && e->slots.other == UDS_SLOT_RECEIVING && e->slots.transported <= e->parcel.image.n)
        offset = e->slots.transported;
    e->moved = offset;
    if (offset == e->parcel.image.n && offset > 0) { /* all there, only the verification is missing */
        e->skipped = true;
        return;
    }
    uds_client_put_image(&e->client, 0, offset, e->parcel.image.p, e->parcel.image.n, short_us(now_us));
}

static void ask_verify_image(struct pri_ecu *e, uint64_t now_us)
{
    bool same = memcmp(e->slots.order, e->parcel.order, UDS_ORDER_BYTES) == 0;
    if (same && e->slots.other == UDS_SLOT_VERIFIED)
        e->skipped = true;
    else
        uds_client_routine(&e->client, UDS_ROUTINE_VERIFY_IMAGE, NULL, 0, short_us(now_us));
}

static void ask_routine(struct pri_ecu *e, uint16_t routine, uint64_t now_us)
{
    uds_client_routine(&e->client, routine, e->parcel.order, UDS_ORDER_BYTES, short_us(now_us));
}

static bool on_trial(const struct pri_ecu *e)
{
    return e->slots.running == UDS_SLOT_TRIAL &&
           memcmp(e->slots.order, e->parcel.order, UDS_ORDER_BYTES) == 0;
}

static void ask_activate(struct pri_ecu *e, uint64_t now_us)
{
    if (on_trial(e))
        e->skipped = true; /* a cut between activate and commit: it is there already */
    else
        ask_routine(e, UDS_ROUTINE_ACTIVATE, now_us);
}

static void ask_confirm(struct pri_ecu *e, uint64_t now_us)
{
    ask_routine(e, UDS_ROUTINE_CONFIRM, now_us);
}

static void ask_revert(struct pri_ecu *e, uint64_t now_us)
{
    if (on_trial(e) || e->slots.armed)
        ask_routine(e, UDS_ROUTINE_REVERT, now_us);
    else
        e->skipped = true;
}

static void ask_reset(struct pri_ecu *e, uint64_t now_us)
{
    bool needless = e->errand == PRI_ACTIVATE ? on_trial(e) : !on_trial(e);
    if (needless)
        e->skipped = true;
    else
        uds_client_reset(&e->client, UDS_HARD_RESET, short_us(now_us));
}

/* ---- answers ---- */

static enum up_err got_vehicle(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    return up_span_is(data, e->primary->vehicle_id)
               ? UP_OK
               : problem(e, UP_CONFIG, "the ECU that answers belongs to another vehicle (F190)");
}

static enum up_err got_serial(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    return up_span_is(data, e->config->serial)
               ? UP_OK
               : problem(e, UP_CONFIG,
                         "another ECU answers on its identifiers (F18C): check wiring and configuration");
}

static enum up_err got_hardware(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    return up_span_is(data, e->config->hardware_id)
               ? UP_OK
               : problem(e, UP_CONFIG, "its hardware id (F191) is not the configured one");
}

static enum up_err got_capabilities(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    return uds_decode_capabilities(data.p, data.n, &e->capabilities)
               ? UP_OK
               : problem(e, UP_BUS_SEQUENCE, "FD14 unreadable");
}

static enum up_err got_versions(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    return uds_decode_stored_versions(data.p, data.n, &e->versions)
               ? UP_OK
               : problem(e, UP_BUS_SEQUENCE, "FD12 unreadable");
}

static enum up_err got_slots(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    return uds_decode_slots(data.p, data.n, &e->slots) ? UP_OK
                                                       : problem(e, UP_BUS_SEQUENCE, "FD13 unreadable");
}

static enum up_err got_image(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    const uint8_t *semicolon = data.n == 0 ? NULL : memchr(data.p, ';', data.n);
    size_t n = semicolon == NULL ? 0 : (size_t)(semicolon - data.p);
    if (semicolon == NULL || n > UP_NAME_MAX || data.n - n > 12)
        return problem(e, UP_BUS_SEQUENCE, "F189 unreadable");
    char counter[16];
    memcpy(counter, semicolon + 1, data.n - n - 1);
    counter[data.n - n - 1] = '\0';
    char *end;
    unsigned long value = strtoul(counter, &end, 10);
    if (counter[0] == '\0' || *end != '\0' || value > UP_COUNTER_MAX)
        return problem(e, UP_BUS_SEQUENCE, "F189 unreadable");
    memcpy(e->image_name, data.p, n);
    e->image_name[n] = '\0';
    e->release_counter = (uint32_t)value;
    return UP_OK;
}

/* The report is the Director's to verify; but it must at least speak of the ECU that sent it. */
static enum up_err got_report(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    struct up_report r;
    uint8_t digest[UP_SHA256_BYTES];
    bool same = false;
    if (up_canon_digest(data, e->config->profile->dialect, digest, &same) != UP_OK || !same)
        return problem(e, UP_MAN_SCHEMA, "its version report is not canonical");
    if (up_report_read(data, e->config->profile, &r) != UP_OK)
        return problem(e, UP_MAN_SCHEMA, "its version report is malformed");
    if (!up_span_is(r.ecu_serial, e->config->serial))
        return problem(e, UP_MAN_UNKNOWN, "its version report claims another ECU's serial");
    struct pri_blob b;
    if (!pri_blob_take(&b, data)) return problem(e, UP_STORAGE_FULL, "out of memory");
    pri_blob_free(&e->report);
    e->report = b;
    return UP_OK;
}

static enum up_err got_nonce(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    if (data.n != UDS_NONCE_BYTES) return problem(e, UP_BUS_SEQUENCE, "FD11 is not a nonce");
    memcpy(e->nonce, data.p, data.n);
    e->has_nonce = true;
    return UP_OK;
}

static enum up_err got_file(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)data;
    (void)now_us;
    e->file++;
    if (e->file < e->parcel.count) e->step--; /* the same step for the next file */
    return UP_OK;
}

/* 0310 answers with the number of its verdict in our common list. */
static enum up_err got_verdict(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    if (data.n < 1 || data.p[0] >= UP_ERR_COUNT)
        return problem(e, UP_BUS_SEQUENCE, "its verdict on the metadata is unreadable");
    enum up_err verdict = (enum up_err)data.p[0];
    if (verdict == UP_OK || (verdict == UP_TARGET_NOT_FOUND && !e->parcel.must_order)) return UP_OK;
    pri_problem_set(&e->problem, verdict, "refused by the Secondary: %s", up_err_text(verdict));
    return verdict;
}

static enum up_err got_reset(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)data;
    e->not_before_us = now_us + REBOOT_US;
    e->patience_us = now_us + (uint64_t)e->primary->boot_deadline_s * 1000000u;
    return UP_OK;
}

static enum up_err got_trial(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    enum up_err err = got_slots(e, data, now_us);
    if (err != UP_OK) return err;
    return on_trial(e) ? UP_OK
                       : problem(e, UP_INSTALL,
                                 "the new image did not start, or failed its self-test; the old one runs");
}

static enum up_err got_old(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    enum up_err err = got_slots(e, data, now_us);
    if (err != UP_OK) return err;
    return on_trial(e) || e->slots.armed ? problem(e, UP_INSTALL, "it did not go back to its old image")
                                         : UP_OK;
}

/* ---- errands ---- */

#define DID(id, handler)                                                                                     \
    {                                                                                                        \
        ask_did, handler, id, false                                                                          \
    }
#define END                                                                                                  \
    {                                                                                                        \
        NULL, NULL, 0, false                                                                                 \
    }
#define VERSIONS DID(UDS_DID_STORED_VERSIONS, got_versions)
#define SLOTS    DID(UDS_DID_SLOTS, got_slots)
#define IMAGE    DID(UDS_DID_INSTALLED_IMAGE, got_image)
#define REPORT   DID(UDS_DID_VERSION_REPORT, got_report)
#define EXTENDED                                                                                             \
    {                                                                                                        \
        ask_extended, NULL, 0, false                                                                         \
    }

static const struct pri_step identify[] = {DID(UDS_DID_ECU_SERIAL, got_serial),
                                           DID(UDS_DID_VEHICLE_ID, got_vehicle),
                                           DID(UDS_DID_HARDWARE_ID, got_hardware),
                                           DID(UDS_DID_CAPABILITIES, got_capabilities),
                                           VERSIONS,
                                           SLOTS,
                                           IMAGE,
                                           REPORT,
                                           DID(UDS_DID_TIME_NONCE, got_nonce),
                                           END};
static const struct pri_step inform[] = {
    EXTENDED, {ask_file, got_file, 0, false}, {ask_verify_metadata, got_verdict, 0, false}, VERSIONS, END};
static const struct pri_step prepare[] = {
    EXTENDED, {ask_file, got_file, 0, false}, {ask_verify_metadata, got_verdict, 0, false}, VERSIONS,
    SLOTS,    {ask_image, NULL, 0, false},    {ask_verify_image, NULL, 0, false},           SLOTS,
    END};
static const struct pri_step activate[] = {EXTENDED,
                                           SLOTS,
                                           {ask_activate, NULL, 0, false},
                                           {ask_reset, got_reset, 0, false},
                                           {ask_did, got_trial, UDS_DID_SLOTS, true},
                                           END};
static const struct pri_step confirm[] = {EXTENDED, {ask_confirm, NULL, 0, false}, SLOTS, IMAGE, END};
static const struct pri_step revert[] = {EXTENDED,
                                         SLOTS,
                                         {ask_revert, NULL, 0, false},
                                         {ask_reset, got_reset, 0, false},
                                         {ask_did, got_old, UDS_DID_SLOTS, true},
                                         END};
static const struct pri_step report[] = {SLOTS, VERSIONS, IMAGE, REPORT, END};

static const struct pri_step *const scripts[PRI_ERRANDS] = {
    [PRI_IDENTIFY] = identify, [PRI_INFORM] = inform, [PRI_PREPARE] = prepare, [PRI_ACTIVATE] = activate,
    [PRI_CONFIRM] = confirm,   [PRI_REVERT] = revert, [PRI_REPORT] = report};

/* ---- the machine ---- */

void pri_ecu_init(struct pri_ecu *e, const struct pri_ecu_config *config, const struct pri_config *primary)
{
    *e = (struct pri_ecu){.config = config, .primary = primary, .verdict = PRI_DONE};
    isotp_init(&e->channel, &config->channel, e->receive, sizeof e->receive);
    uds_client_init(&e->client, &(struct uds_client_config){.repeats = 2}, &e->channel);
}

void pri_ecu_close(struct pri_ecu *e)
{
    pri_blob_free(&e->report);
}

void pri_ecu_send(struct pri_ecu *e, enum pri_errand errand, const struct pri_parcel *parcel, uint64_t now_us)
{
    uds_client_cancel(&e->client);
    e->errand = errand;
    e->script = scripts[errand];
    e->parcel = (struct pri_parcel){0};
    if (parcel != NULL) e->parcel = *parcel;
    e->step = e->file = e->attempts = 0;
    e->asked = e->skipped = false;
    e->not_before_us = e->patience_us = 0;
    e->moved = 0;
    e->began_us = e->moved_us = now_us;
    e->busy = true;
    e->verdict = PRI_WAIT;
    e->problem = (struct pri_problem){0};
}

static void finish(struct pri_ecu *e, enum pri_verdict v, uint64_t now_us)
{
    e->busy = false;
    e->verdict = v;
    if (e->errand == PRI_IDENTIFY || e->errand == PRI_REPORT) e->online = v == PRI_DONE;
    if (e->errand == PRI_PREPARE || e->errand == PRI_INFORM) e->bus_us += now_us - e->began_us;
    e->parcel = (struct pri_parcel){0};
}

/* No answer. Whoever moved since may go on from where flash says; who did not is asked a few times more. */
static void lost(struct pri_ecu *e, uint64_t now_us)
{
    if (e->script[e->step].patient && now_us < e->patience_us) {
        e->asked = false;
        e->not_before_us = now_us + BOOT_POLL_US;
        return;
    }
    uint64_t moved = pri_ecu_moved(e);
    if (moved > e->moved) {
        e->attempts = 0;
        e->moved_us = now_us;
    }
    char why[160];
    uds_client_explain(&e->client, why, sizeof why);
    bool late = now_us - e->moved_us > (uint64_t)e->primary->ecu_deadline_s * 1000000u;
    if (++e->attempts >= ATTEMPTS || late) {
        pri_problem_set(&e->problem, UP_UNAVAILABLE, "%s: %s", pri_errand_name(e->errand), why);
        finish(e, PRI_FAILED, now_us);
        return;
    }
    e->step = e->file =
        0; /* sessions end and resets happen: from the start, nothing that is safe is sent again */
    e->asked = false;
    e->not_before_us = now_us + e->attempts * BACK_OFF_US;
}

/* Codes of an ECU that was reset, or lost its session, behind our back; or that is busy. */
static bool worth_asking_again(uint8_t code)
{
    return code == UDS_SERVICE_NOT_IN_SESSION || code == UDS_SUBFUNCTION_NOT_IN_SESSION ||
           code == UDS_SEQUENCE_ERROR || code == UDS_BUSY_REPEAT;
}

static void refused(struct pri_ecu *e, uint64_t now_us)
{
    if (worth_asking_again(e->client.code)) {
        lost(e, now_us);
        return;
    }
    char why[160];
    uds_client_explain(&e->client, why, sizeof why);
    pri_problem_set(&e->problem, UP_BUS_REFUSED, "%s: %s", pri_errand_name(e->errand), why);
    finish(e, PRI_FAILED, now_us);
}

/* The data of a positive answer, behind what it echoes. */
static struct up_span answer_data(const struct pri_ecu *e)
{
    size_t echo = e->client.reply_bytes == 0                               ? 0
                  : e->client.reply[0] == UDS_READ_DATA + UDS_ANSWER       ? 3
                  : e->client.reply[0] == UDS_ROUTINE_CONTROL + UDS_ANSWER ? 4
                                                                           : 1;
    if (echo > e->client.reply_bytes) echo = e->client.reply_bytes;
    return (struct up_span){e->client.reply + echo, e->client.reply_bytes - echo};
}

static void advance(struct pri_ecu *e, uint64_t now_us)
{
    e->step++;
    e->asked = e->skipped = false;
    if (e->script[e->step].ask == NULL) finish(e, PRI_DONE, now_us);
}

static void answered(struct pri_ecu *e, uint64_t now_us)
{
    const struct pri_step *s = &e->script[e->step];
    if (s->got != NULL && s->got(e, answer_data(e), now_us) != UP_OK)
        finish(e, PRI_FAILED, now_us);
    else
        advance(e, now_us);
}

enum pri_verdict pri_ecu_step(struct pri_ecu *e, uint64_t now_us)
{
    struct isotp_event event;
    while (isotp_poll(&e->channel, &event)) uds_client_event(&e->client, &event, short_us(now_us));
    uds_client_poll(&e->client, short_us(now_us));
    while (e->busy && now_us >= e->not_before_us) {
        if (!e->asked) {
            e->asked = true;
            e->script[e->step].ask(e, now_us);
            if (e->skipped) {
                advance(e, now_us);
                continue;
            }
        }
        switch (uds_client_outcome(&e->client)) {
        case UDS_WAITING:
            return PRI_WAIT;
        case UDS_POSITIVE:
            answered(e, now_us);
            break;
        case UDS_REFUSED:
            refused(e, now_us);
            break;
        case UDS_NO_ANSWER:
        case UDS_BAD_ANSWER:
            lost(e, now_us);
            break;
        }
    }
    return e->busy ? PRI_WAIT : e->verdict;
}

uint32_t pri_ecu_due(const struct pri_ecu *e, uint64_t now_us)
{
    if (isotp_has_event(&e->channel)) return 0; /* an answer that came while the last frames left */
    if (!e->busy) return ISOTP_NEVER;
    if (now_us < e->not_before_us)
        return e->not_before_us - now_us > ISOTP_NEVER - 1 ? ISOTP_NEVER - 1
                                                           : (uint32_t)(e->not_before_us - now_us);
    return e->asked ? uds_client_due(&e->client, short_us(now_us)) : 0;
}

uint64_t pri_ecu_moved(const struct pri_ecu *e)
{
    bool image = e->busy && e->asked && e->script[e->step].ask == ask_image;
    return image && e->client.transfer.done > e->moved ? e->client.transfer.done : e->moved;
}

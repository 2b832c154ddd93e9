#include "primary/ecu_script.h"

#include <stdlib.h>

#include "metadata/report.h"

#define REBOOT_US 50000u /* nobody boots faster */

static uint32_t short_us(uint64_t now_us)
{
    return (uint32_t)now_us;
}

static enum up_err problem(struct pri_ecu *e, enum up_err err, const char *what)
{
    pri_problem_set(&e->problem, err, "%s", what);
    return err;
}

/* ---- what the slots say about the order at hand ---- */

static bool is_ours(const struct pri_ecu *e)
{
    return memcmp(e->slots.order, e->parcel.order, UDS_ORDER_BYTES) == 0;
}

/* The image has come, and was read back whole. */
static bool is_prepared(const struct pri_ecu *e)
{
    return is_ours(e) && e->slots.other == UDS_SLOT_VERIFIED;
}

static bool is_armed(const struct pri_ecu *e)
{
    return is_prepared(e) && e->slots.armed;
}

static bool is_on_trial(const struct pri_ecu *e)
{
    return is_ours(e) && e->slots.running == UDS_SLOT_TRIAL;
}

/* On trial, or confirmed since; as long as the order shown is not that of a transfer. */
static bool runs(const struct pri_ecu *e)
{
    bool transfer = e->slots.other == UDS_SLOT_RECEIVING || e->slots.other == UDS_SLOT_VERIFIED;
    return is_on_trial(e) || (is_ours(e) && e->slots.running == UDS_SLOT_CONFIRMED && !transfer);
}

/* ---- requests ---- */

static void ask_extended(struct pri_ecu *e, uint64_t now_us)
{
    e->authenticated = e->unlocked = false;
    uds_client_session(&e->client, UDS_EXTENDED, short_us(now_us));
}

/* Once per session, where the configuration says so. */
static bool is_known(const struct pri_ecu *e)
{
    return !e->config->authentication || e->badge == NULL || e->authenticated;
}

static void ask_certificate(struct pri_ecu *e, uint64_t now_us)
{
    uint8_t head[] = {UDS_AUTHENTICATION, UDS_VERIFY_UNIDIRECTIONAL, 0, 0, 0};
    e->skipped = is_known(e);
    if (e->skipped) return;
    uds_put(head + 3, e->badge->certificate_bytes, 2);
    uds_client_request(&e->client, head, sizeof head, e->badge->certificate, e->badge->certificate_bytes + 2,
                       short_us(now_us));
}

/* What is signed begins with a letter of its own, and the key is for nothing else. */
static void ask_proof(struct pri_ecu *e, uint64_t now_us)
{
    uint8_t message[UDS_PROOF_MESSAGE_MAX], head[] = {UDS_AUTHENTICATION, UDS_PROOF_OF_OWNERSHIP, 0, 0};
    e->skipped = is_known(e);
    if (e->skipped) return;
    const size_t bytes = uds_proof_message(message, 'C', e->challenge, sizeof e->challenge, NULL, 0);
    const size_t n = up_sign(&e->badge->signer, (struct up_span){message, bytes}, e->proof);
    uds_put(head + 2, n, 2);
    uds_put(e->proof + n, 0, 2); /* no ephemeral key */
    uds_client_request(&e->client, head, sizeof head, e->proof, n + 2, short_us(now_us));
}

#define LEVEL 1 /* of 27: 01 for the seed, 02 for the key */

static void ask_seed(struct pri_ecu *e, uint64_t now_us)
{
    static const uint8_t request[] = {UDS_SECURITY_ACCESS, 2 * LEVEL - 1};
    e->skipped = e->secret == NULL || e->unlocked;
    if (!e->skipped) uds_client_request(&e->client, request, sizeof request, NULL, 0, short_us(now_us));
}

static void ask_unlock(struct pri_ecu *e, uint64_t now_us)
{
    static const uint8_t head[] = {UDS_SECURITY_ACCESS, 2 * LEVEL};
    e->skipped = e->secret == NULL || e->unlocked;
    if (!e->skipped)
        uds_client_request(&e->client, head, sizeof head, e->key, sizeof e->key, short_us(now_us));
}

/* With one slot the application ends while another one is written over it. */
static void ask_programming(struct pri_ecu *e, uint64_t now_us)
{
    e->skipped = e->capabilities.layout != UDS_LAYOUT_ONE_SLOT;
    if (e->skipped) return;
    e->authenticated = e->unlocked = false;
    uds_client_session(&e->client, UDS_PROGRAMMING, short_us(now_us));
}

static void ask_did(struct pri_ecu *e, uint64_t now_us)
{
    uint8_t request[1 + 2 * (PRI_READ_MAX + 1)] = {UDS_READ_DATA};
    size_t n = 1;
    for (unsigned i = 0; i < e->together; i++) {
        const uint16_t did = pri_scripts[e->errand][e->step + i].did;
        request[n++] = (uint8_t)(did >> 8);
        request[n++] = (uint8_t)did;
    }
    e->check_asked = !e->singly && !e->plain;
    if (e->check_asked) {
        uds_put(request + n, UDS_DID_ANSWER_CHECK, 2);
        n += 2;
    }
    uds_client_request(&e->client, request, n, NULL, 0, short_us(now_us));
}

/* On trial for an order that nobody stands behind any longer, it could receive nothing: it goes back, by
 * itself soon, and is served next time. */
static void ask_leave_trial(struct pri_ecu *e, uint64_t now_us)
{
    if (e->slots.running == UDS_SLOT_TRIAL && !is_ours(e))
        uds_client_routine(&e->client, UDS_ROUTINE_REVERT, e->slots.order, UDS_ORDER_BYTES, short_us(now_us));
    else
        e->skipped = true;
}

/* After an answer that got lost: this much of the parcel has been accepted already. A nonce is good for once.
 */
static bool is_held(const struct pri_ecu *e, const struct pri_file *f)
{
    switch (f->kind) {
    case PRI_FILE_TIME:
        return e->attempts > 0 && e->versions.time_floor_s >= e->parcel.attested_s;
    case PRI_FILE_DIRECTOR_ROOT:
        return f->version <= e->versions.director_root;
    case PRI_FILE_IMAGE_ROOT:
        return f->version <= e->versions.image_root;
    default:
        return false;
    }
}

static void ask_file(struct pri_ecu *e, uint64_t now_us)
{
    while (e->file < e->parcel.count && is_held(e, &e->parcel.files[e->file])) e->file++;
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

/* The Secondary's flash says how much of this very order is safe; nothing else is believed. Whoever has more
 * of it than ever before gets all his attempts back. */
static void ask_image(struct pri_ecu *e, uint64_t now_us)
{
    uint64_t offset = 0;
    if (is_ours(e) && e->slots.other == UDS_SLOT_RECEIVING && e->slots.total == e->parcel.image.n)
        offset = e->slots.transported;
    bool whole = offset == e->parcel.image.n; /* only the verification is missing */
    if (is_prepared(e) || runs(e) || whole) {
        e->skipped = true;
        return;
    }
    if (offset > e->moved) e->attempts = 0;
    e->moved = offset;
    uds_client_put_image(&e->client, 0, offset, e->parcel.image.p, e->parcel.image.n, short_us(now_us));
}

static void ask_verify_image(struct pri_ecu *e, uint64_t now_us)
{
    if (is_prepared(e) || runs(e))
        e->skipped = true;
    else
        uds_client_routine(&e->client, UDS_ROUTINE_VERIFY_IMAGE, NULL, 0, short_us(now_us));
}

/* ---- what is away ---- */

static bool is_away(const struct pri_ecu *e)
{
    return e->slots.running == UDS_SLOT_AWAY;
}

/* It forgets which order it has accepted, and takes the image that is away instead. */
static void ask_reset_away(struct pri_ecu *e, uint64_t now_us)
{
    if (is_away(e))
        uds_client_reset(&e->client, UDS_HARD_RESET, short_us(now_us));
    else
        e->skipped = true;
}

static void ask_backup(struct pri_ecu *e, uint64_t now_us)
{
    const bool begun = e->slots.total == e->parcel.image.n && e->slots.other != UDS_SLOT_RECEIVING &&
                       e->slots.other != UDS_SLOT_VERIFIED;
    const uint64_t offset = begun ? e->slots.transported : 0;
    if (!is_away(e) || offset == e->parcel.image.n) {
        e->skipped = true;
        return;
    }
    if (offset > e->moved) e->attempts = 0;
    e->moved = offset;
    uds_client_put_image(&e->client, 0, offset, e->parcel.image.p, e->parcel.image.n, short_us(now_us));
}

static void ask_verify_backup(struct pri_ecu *e, uint64_t now_us)
{
    if (is_away(e))
        uds_client_routine(&e->client, UDS_ROUTINE_VERIFY_IMAGE, NULL, 0, short_us(now_us));
    else
        e->skipped = true;
}

static void ask_returned(struct pri_ecu *e, uint64_t now_us)
{
    if (is_away(e))
        uds_client_read(&e->client, UDS_DID_SLOTS, short_us(now_us));
    else
        e->skipped = true;
}

static void ask_routine(struct pri_ecu *e, uint16_t routine, uint64_t now_us)
{
    uds_client_routine(&e->client, routine, e->parcel.order, UDS_ORDER_BYTES, short_us(now_us));
}

static void ask_activate(struct pri_ecu *e, uint64_t now_us)
{
    if (runs(e))
        e->skipped = true; /* a cut between activate and commit, or after: it is there already */
    else
        ask_routine(e, UDS_ROUTINE_ACTIVATE, now_us);
}

static void ask_confirm(struct pri_ecu *e, uint64_t now_us)
{
    ask_routine(e, UDS_ROUTINE_CONFIRM, now_us);
}

static void ask_revert(struct pri_ecu *e, uint64_t now_us)
{
    if (is_on_trial(e) || is_armed(e))
        ask_routine(e, UDS_ROUTINE_REVERT, now_us);
    else
        e->skipped = true;
}

/* Taken back, but not restarted: the image that was on trial still runs. */
static bool has_to_go(const struct pri_ecu *e)
{
    return e->slots.running == UDS_SLOT_VERIFIED;
}

/* The slots are those from before the routine. */
static void ask_reset(struct pri_ecu *e, uint64_t now_us)
{
    bool needless = e->errand == PRI_ACTIVATE ? runs(e) : !is_on_trial(e) && !has_to_go(e);
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

/* Roots never get older: either this answer or the one that the files were chosen by was altered on the way.
 */
static enum up_err got_versions(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    if (!uds_decode_stored_versions(data.p, data.n, &e->versions))
        return problem(e, UP_BUS_SEQUENCE, "FD12 unreadable");
    const bool older =
        e->versions.director_root < e->parcel.director_root || e->versions.image_root < e->parcel.image_root;
    if (older && e->file == 0) /* later on a liar has been found out, and gets what it gets */
        return problem(e, UP_PRECONDITION, "it trusts an older Root than when it was asked before");
    return UP_OK;
}

static enum up_err got_slots(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    return uds_decode_slots(data.p, data.n, &e->slots) ? UP_OK
                                                       : problem(e, UP_BUS_SEQUENCE, "FD13 unreadable");
}

static enum up_err got_prepared(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    UP_TRY(got_slots(e, data, now_us));
    return is_prepared(e) || runs(e)
               ? UP_OK
               : problem(e, UP_BUS_SEQUENCE, "FD13 does not show the image that it has verified");
}

/* "NAME;COUNTER" */
static enum up_err got_image(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    char text[UP_NAME_MAX + 16], *end;
    if (data.n >= sizeof text || memchr(data.p, '\0', data.n) != NULL)
        return problem(e, UP_BUS_SEQUENCE, "F189 unreadable");
    memcpy(text, data.p, data.n);
    text[data.n] = '\0';
    char *semicolon = strchr(text, ';');
    if (semicolon == NULL || semicolon - text > UP_NAME_MAX || semicolon[1] < '0' || semicolon[1] > '9')
        return problem(e, UP_BUS_SEQUENCE, "F189 unreadable");
    *semicolon = '\0';
    unsigned long counter = strtoul(semicolon + 1, &end, 10);
    if (*end != '\0' || counter > UP_COUNTER_MAX) return problem(e, UP_BUS_SEQUENCE, "F189 unreadable");
    memcpy(e->image_name, text, (size_t)(semicolon - text) + 1);
    e->release_counter = (uint32_t)counter;
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

static enum up_err got_leaving(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)data;
    (void)now_us;
    return problem(e, UP_PRECONDITION, "it was on trial for an older order, and goes back now");
}

static enum up_err got_nonce(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    if (data.n != UDS_NONCE_BYTES) return problem(e, UP_BUS_SEQUENCE, "FD11 is not a nonce");
    memcpy(e->nonce, data.p, data.n);
    e->has_nonce = true;
    return UP_OK;
}

/* The same step for the next file, until the Secondary is to verify what it has. */
static enum up_err got_file(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)data;
    (void)now_us;
    const struct pri_file *f = &e->parcel.files[e->file++];
    if (e->file < e->parcel.count && !f->verify) e->step--;
    return UP_OK;
}

/* 0310 answers with the number of its verdict in our common list. While more is to come only what has been
 * stored on the way counts, which the next FD12 tells. */
static enum up_err got_verdict(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    if (data.n < 1 || data.p[0] >= UP_ERR_COUNT)
        return problem(e, UP_BUS_SEQUENCE, "its verdict on the metadata is unreadable");
    if (e->file < e->parcel.count) {
        e->step -= 2; /* back to the files */
        return UP_OK;
    }
    enum up_err verdict = (enum up_err)data.p[0];
    if (verdict == UP_OK || (verdict == UP_TARGET_NOT_FOUND && !e->parcel.must_order)) return UP_OK;
    pri_problem_set(&e->problem, verdict, "refused by the Secondary: %s", up_err_text(verdict));
    return verdict;
}

/* FF01 does so as well. */
static enum up_err got_image_verdict(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    if (data.n < 1 || data.p[0] >= UP_ERR_COUNT)
        return problem(e, UP_BUS_SEQUENCE, "its verdict on the image is unreadable");
    const enum up_err verdict = (enum up_err)data.p[0];
    if (verdict != UP_OK)
        pri_problem_set(&e->problem, verdict, "image refused by the Secondary: %s", up_err_text(verdict));
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
    UP_TRY(got_slots(e, data, now_us));
    if (runs(e)) return UP_OK;
    if (is_armed(e)) return PRI_NOT_YET;
    return problem(e, UP_INSTALL, "the new image did not start, or failed its self-test; the old one runs");
}

/* Restarted: the session that it is in is the default one again. */
static enum up_err got_restarted(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    return got_slots(e, data, now_us);
}

static enum up_err got_returned(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    UP_TRY(got_slots(e, data, now_us));
    if (is_away(e)) return problem(e, UP_INSTALL, "its backup did not start");
    e->returned = true;
    return UP_OK;
}

static enum up_err got_old(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    UP_TRY(got_slots(e, data, now_us));
    if (is_on_trial(e) || is_armed(e)) return problem(e, UP_INSTALL, "it did not go back to its old image");
    return has_to_go(e) ? PRI_NOT_YET : UP_OK;
}

/* ---- how long it is ---- */

static size_t serial_bytes(const struct pri_ecu *e)
{
    return strlen(e->config->serial); /* or it is another ECU */
}

static size_t vehicle_bytes(const struct pri_ecu *e)
{
    return strlen(e->primary->vehicle_id);
}

static size_t hardware_bytes(const struct pri_ecu *e)
{
    return strlen(e->config->hardware_id);
}

static size_t capabilities_bytes(const struct pri_ecu *e)
{
    (void)e;
    return UDS_CAPABILITIES_BYTES;
}

static size_t versions_bytes(const struct pri_ecu *e)
{
    (void)e;
    return UDS_STORED_VERSIONS_BYTES;
}

static size_t slots_bytes(const struct pri_ecu *e)
{
    (void)e;
    return UDS_SLOTS_BYTES;
}

static size_t nonce_bytes(const struct pri_ecu *e)
{
    (void)e;
    return UDS_NONCE_BYTES;
}

/* 11: it wants a proof over this challenge. */
static enum up_err got_challenge(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    if (data.n < 3 + sizeof e->challenge || uds_get(data.p + 1, 2) != sizeof e->challenge)
        return problem(e, UP_BUS_SEQUENCE, "its challenge is unreadable");
    memcpy(e->challenge, data.p + 3, sizeof e->challenge);
    return UP_OK;
}

static enum up_err got_access(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)data;
    (void)now_us;
    e->authenticated = true;
    return UP_OK;
}

/* All zero: nothing is locked. */
static enum up_err got_seed(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)now_us;
    static const uint8_t zero[UDS_SEED_BYTES];
    uint8_t message[UDS_SEED_MESSAGE], mac[UP_SHA256_BYTES];
    if (data.n != UDS_SEED_BYTES) return problem(e, UP_BUS_SEQUENCE, "its seed is unreadable");
    e->unlocked = memcmp(data.p, zero, sizeof zero) == 0;
    uds_seed_message(message, LEVEL, data.p);
    up_hmac_sha256((struct up_span){e->secret, UP_SECRET_BYTES}, (struct up_span){message, sizeof message},
                   mac);
    memcpy(e->key, mac, sizeof e->key);
    return UP_OK;
}

static enum up_err got_unlock(struct pri_ecu *e, struct up_span data, uint64_t now_us)
{
    (void)data;
    (void)now_us;
    e->unlocked = true;
    return UP_OK;
}

/* ---- errands ---- */

#define READ(id, handler, bytes)                                                                             \
    {                                                                                                        \
        .ask = ask_did, .got = handler, .did = id, .size = bytes                                             \
    }
#define VERSIONS READ(UDS_DID_STORED_VERSIONS, got_versions, versions_bytes)
#define SLOTS    READ(UDS_DID_SLOTS, got_slots, slots_bytes)
#define IMAGE    READ(UDS_DID_INSTALLED_IMAGE, got_image, NULL)
#define REPORT   READ(UDS_DID_VERSION_REPORT, got_report, NULL)
#define KNOWN                                                                                                \
    {.ask = ask_certificate, .got = got_challenge, .disputes = true},                                        \
        {.ask = ask_proof, .got = got_access, .disputes = true},                                             \
        {.ask = ask_seed, .got = got_seed, .disputes = true},                                                \
    {                                                                                                        \
        .ask = ask_unlock, .got = got_unlock, .disputes = true                                               \
    }
#define EXTENDED    {.ask = ask_extended}, KNOWN
#define PROGRAMMING {.ask = ask_programming}, KNOWN
#define FILES                                                                                                \
    {                                                                                                        \
        .ask = ask_file, .got = got_file, .transfers = true                                                  \
    }
#define VERIFY                                                                                               \
    {                                                                                                        \
        .ask = ask_verify_metadata, .got = got_verdict, .disputes = true                                     \
    }
#define RESET                                                                                                \
    {                                                                                                        \
        .ask = ask_reset, .got = got_reset, .unheard = true                                                  \
    }
#define RESTARTED(handler)                                                                                   \
    {                                                                                                        \
        .ask = ask_did, .got = handler, .did = UDS_DID_SLOTS, .patient = true                                \
    }
#define END                                                                                                  \
    {                                                                                                        \
        .ask = NULL                                                                                          \
    }

/* In an order that needs two requests. */
static const struct pri_step identify[] = {READ(UDS_DID_ECU_SERIAL, got_serial, serial_bytes),
                                           READ(UDS_DID_VEHICLE_ID, got_vehicle, vehicle_bytes),
                                           READ(UDS_DID_HARDWARE_ID, got_hardware, hardware_bytes),
                                           READ(UDS_DID_CAPABILITIES, got_capabilities, capabilities_bytes),
                                           VERSIONS,
                                           SLOTS,
                                           IMAGE,
                                           READ(UDS_DID_TIME_NONCE, got_nonce, nonce_bytes),
                                           REPORT,
                                           END};
static const struct pri_step inform[] = {EXTENDED, VERSIONS, FILES, VERIFY, VERSIONS, END};
static const struct pri_step prepare[] = {
    EXTENDED,
    VERSIONS,
    {.ask = ask_leave_trial, .got = got_leaving},
    FILES,
    VERIFY,
    VERSIONS,
    SLOTS,
    PROGRAMMING,
    {.ask = ask_image, .transfers = true},
    {.ask = ask_verify_image, .got = got_image_verdict, .disputes = true},
    READ(UDS_DID_SLOTS, got_prepared, slots_bytes),
    END};
static const struct pri_step activate[] = {
    EXTENDED, SLOTS, {.ask = ask_activate}, RESET, RESTARTED(got_trial), END};
static const struct pri_step confirm[] = {EXTENDED, {.ask = ask_confirm}, SLOTS, IMAGE, END};
static const struct pri_step revert[] = {EXTENDED,           SLOTS, {.ask = ask_revert}, RESET,
                                         RESTARTED(got_old), END};
static const struct pri_step restore[] = {
    EXTENDED,
    SLOTS,
    {.ask = ask_reset_away, .got = got_reset, .unheard = true},
    {.ask = ask_returned, .got = got_restarted, .patient = true},
    PROGRAMMING,
    {.ask = ask_backup, .transfers = true},
    {.ask = ask_verify_backup, .got = got_image_verdict, .disputes = true},
    {.ask = ask_reset_away, .got = got_reset, .unheard = true},
    {.ask = ask_returned, .got = got_returned, .patient = true},
    END};
static const struct pri_step report[] = {SLOTS, VERSIONS, IMAGE, REPORT, END};

const struct pri_step *const pri_scripts[PRI_ERRANDS] = {
    [PRI_IDENTIFY] = identify, [PRI_INFORM] = inform, [PRI_PREPARE] = prepare, [PRI_ACTIVATE] = activate,
    [PRI_CONFIRM] = confirm,   [PRI_REVERT] = revert, [PRI_REPORT] = report,   [PRI_RESTORE] = restore};

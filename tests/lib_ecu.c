#include "tests/lib_ecu.h"

#include "metadata/encode.h"
#include "tests/lib_slots.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK 1500u

/* ---- the ECU ---- */

static bool self_test(void *ctx, struct up_span image)
{
    struct ecu *e = ctx;
    e->self_tests++;
    return e->healthy && image.n > 0;
}

static bool stop(void *ctx)
{
    const struct ecu *e = ctx;
    return !e->driving;
}

static bool random_bytes(void *ctx, uint8_t *out, size_t n)
{
    struct ecu *e = ctx;
    for (size_t i = 0; i < n; i++) {
        e->random = e->random * 1664525u + 1013904223u;
        out[i] = (uint8_t)(e->random >> 24);
    }
    return !e->mute;
}

/* Lives until the test program ends. */
struct up_span ecu_image(uint32_t bytes, uint32_t seed)
{
    static struct kept {
        struct kept *next;
        uint8_t *bytes;
    } * all;
    struct kept *k = malloc(sizeof *k);
    *k = (struct kept){all, lib_image_bytes(bytes, seed)};
    all = k;
    return (struct up_span){k->bytes, bytes};
}

enum up_err ecu_boot(struct ecu *e)
{
    if (e->flash->dead) lib_flash_power(e->flash);
    sec_agent_drop(&e->agent);
    enum up_err err = sec_boot(&e->agent, &e->flash->port, &e->id, &e->platform, e->now_ms);
    const struct uds_server_config config = {.max_message = ECU_MESSAGE,
                                             .download_sessions = sec_agent_download_sessions(&e->id)};
    uds_server_init(&e->server, &config, sec_agent_owner(), &e->agent, e->reply);
    return err;
}

void ecu_new(struct ecu *e, bool full, uint32_t sector, uint32_t unit)
{
    ecu_new_as(e, full, SEC_TWO_SLOTS, sector, unit);
}

void ecu_new_as(struct ecu *e, bool full, enum sec_layout_kind layout, uint32_t sector, uint32_t unit)
{
    ecu_new_with(e, full, layout, sector, unit, full ? 49152 : 32768);
}

void ecu_new_with(struct ecu *e, bool full, enum sec_layout_kind layout, uint32_t sector, uint32_t unit,
                  uint32_t staging)
{
    memset(e, 0, sizeof *e);
    e->flash = lib_flash_new(sec_layout_size(layout, sector, staging, 16384), sector, unit);
    e->director = author_of(&up_profile_strict, ECU_VEHICLE);
    e->image = author_of(&up_profile_strict, NULL);
    for (unsigned r = 0; r < UP_ROLES; r++) e->image.ring[r].keys = KEY(8 + r);
    e->image.ring[UP_TIME].keys = 0;
    e->healthy = true;
    e->random = 1;
    e->now_ms = 1000;
    e->time_s = AUTHOR_NOW;
    e->id = (struct sec_identity){.vehicle_id = UP_SPAN(ECU_VEHICLE),
                                  .serial = UP_SPAN(ECU_SERIAL),
                                  .hardware_id = UP_SPAN(ECU_HARDWARE),
                                  .name_pattern = UP_SPAN("fw/*"),
                                  .profile = &up_profile_strict,
                                  .limits = full ? &up_limits_posix : &up_limits_mcu,
                                  .full = full,
                                  .signer = author_key(24),
                                  .base_time_s = AUTHOR_NOW - 86400,
                                  .time_max_age_s = 3600,
                                  .trial_limit_s = 600,
                                  .max_message = ECU_MESSAGE,
                                  .layout = layout,
                                  .staging_bytes = staging};
    e->platform =
        (struct sec_platform){.ctx = e, .self_test = self_test, .stop = stop, .random = random_bytes};
    e->plant = (struct sec_provisioning){.director_root = author_root(&e->director, 1),
                                         .image_root = author_root(&e->image, 1),
                                         .image = ecu_image(3000, 1),
                                         .image_name = UP_SPAN("fw/old"),
                                         .release_counter = 1};
    ck_assert_int_eq(sec_provision(&e->flash->port, &e->id, &e->plant), UP_OK);
    ck_assert_int_eq(ecu_boot(e), UP_OK);
}

void ecu_free(struct ecu *e)
{
    sec_agent_drop(&e->agent);
    lib_flash_free(e->flash);
    memset(e, 0, sizeof *e);
}

static uint32_t now_us(const struct ecu *e)
{
    return (uint32_t)(e->now_ms * 1000);
}

void ecu_pass(struct ecu *e, uint64_t ms)
{
    e->now_ms += ms;
    uds_server_poll(&e->server, now_us(e));
    if (sec_agent_tick(&e->agent, e->now_ms)) ck_assert_int_eq(ecu_boot(e), UP_OK);
}

/* ---- requests ---- */

unsigned ecu_ask(struct ecu *e, const void *request, size_t n)
{
    const uint8_t *reply;
    size_t bytes;
    memcpy(e->request, request, n);
    bool reset = sec_agent_tick(&e->agent, e->now_ms);
    ck_assert(!reset);
    uds_server_request(&e->server, e->request, n, false, now_us(e));
    for (;;) {
        while (!uds_server_reply(&e->server, &reply, &bytes)) {
            ck_assert(uds_server_busy(&e->server));
            e->now_ms++;
            uds_server_poll(&e->server, now_us(e));
        }
        bool pending = reply[0] == UDS_NEGATIVE && reply[2] == UDS_RESPONSE_PENDING;
        uint8_t code = reply[0] == UDS_NEGATIVE ? reply[2] : 0;
        size_t echo = 1 + uds_echo_bytes(e->request[0]);
        e->answer = (struct up_span){reply + echo, code == 0 ? bytes - echo : 0};
        uds_server_sent(&e->server, now_us(e));
        if (!pending) return code;
    }
}

unsigned ecu_session(struct ecu *e, uint8_t session)
{
    return ecu_ask(e, (uint8_t[]){UDS_SESSION_CONTROL, session}, 2);
}

unsigned ecu_read(struct ecu *e, uint16_t did)
{
    return ecu_ask(e, (uint8_t[]){UDS_READ_DATA, (uint8_t)(did >> 8), (uint8_t)did}, 3);
}

unsigned ecu_begin_put(struct ecu *e, const char *path, uint32_t bytes)
{
    uint8_t q[300] = {UDS_REQUEST_FILE_TRANSFER, UDS_FILE_REPLACE};
    size_t n = strlen(path);
    uds_put(q + 2, n, 2);
    memcpy(q + 4, path, n);
    q[4 + n] = 0;
    q[5 + n] = 4;
    uds_put(q + 6 + n, bytes, 4);
    uds_put(q + 10 + n, bytes, 4);
    return ecu_ask(e, q, 14 + n);
}

unsigned ecu_begin_image(struct ecu *e, uint8_t format, uint32_t from, uint32_t bytes)
{
    uint8_t q[11] = {UDS_REQUEST_DOWNLOAD, format, 0x44};
    uds_put(q + 3, from, 4);
    uds_put(q + 7, bytes, 4);
    return ecu_ask(e, q, sizeof q);
}

unsigned ecu_blocks(struct ecu *e, struct up_span bytes, uint32_t block)
{
    uint8_t q[ECU_MESSAGE] = {UDS_TRANSFER_DATA};
    uint8_t counter = 1;
    for (size_t at = 0; at < bytes.n; at += block, counter++) {
        size_t n = bytes.n - at < block ? bytes.n - at : block;
        q[1] = counter;
        memcpy(q + 2, bytes.p + at, n);
        unsigned code = ecu_ask(e, q, 2 + n);
        if (code != 0) return code;
    }
    return 0;
}

unsigned ecu_exit(struct ecu *e)
{
    return ecu_ask(e, (uint8_t[]){UDS_TRANSFER_EXIT}, 1);
}

unsigned ecu_put(struct ecu *e, const char *path, struct up_span file)
{
    unsigned code = ecu_begin_put(e, path, (uint32_t)file.n);
    if (code == 0) code = ecu_blocks(e, file, BLOCK);
    return code != 0 ? code : ecu_exit(e);
}

unsigned ecu_routine(struct ecu *e, uint16_t routine, const uint8_t *order)
{
    uint8_t q[4 + UDS_ORDER_BYTES] = {UDS_ROUTINE_CONTROL, UDS_START, (uint8_t)(routine >> 8),
                                      (uint8_t)routine};
    if (order != NULL) memcpy(q + 4, order, UDS_ORDER_BYTES);
    return ecu_ask(e, q, order != NULL ? sizeof q : 4);
}

unsigned ecu_reset(struct ecu *e)
{
    unsigned code = ecu_ask(e, (uint8_t[]){UDS_ECU_RESET, UDS_HARD_RESET}, 2);
    if (code == 0) {
        ck_assert(uds_server_reset_due(&e->server));
        ck_assert_int_eq(ecu_boot(e), UP_OK);
    }
    return code;
}

enum up_err ecu_verify(struct ecu *e)
{
    ck_assert_uint_eq(ecu_routine(e, UDS_ROUTINE_VERIFY_METADATA, NULL), 0);
    ck_assert_uint_eq(e->answer.n, 1);
    return (enum up_err)e->answer.p[0];
}

struct uds_slots ecu_slots(struct ecu *e)
{
    struct uds_slots s;
    ck_assert_uint_eq(ecu_read(e, UDS_DID_SLOTS), 0);
    ck_assert(uds_decode_slots(e->answer.p, e->answer.n, &s));
    return s;
}

struct uds_stored_versions ecu_versions(struct ecu *e)
{
    struct uds_stored_versions v;
    ck_assert_uint_eq(ecu_read(e, UDS_DID_STORED_VERSIONS), 0);
    ck_assert(uds_decode_stored_versions(e->answer.p, e->answer.n, &v));
    return v;
}

struct up_report ecu_report(struct ecu *e)
{
    struct up_report r;
    struct up_span body, file;
    ck_assert_uint_eq(ecu_read(e, UDS_DID_VERSION_REPORT), 0);
    file = up_span_of(author_text("%.*s", TEXT(e->answer)));
    ck_assert_int_eq(up_attest_verify(file, e->id.profile, &e->id.signer->key, NULL, &body), UP_OK);
    ck_assert_int_eq(up_report_read(file, e->id.profile, &r), UP_OK);
    ck_assert(up_span_is(r.ecu_serial, ECU_SERIAL));
    return r;
}

bool ecu_runs(struct ecu *e, const char *name)
{
    return up_span_is(ecu_report(e).image_name, name);
}

/* ---- the repositories ---- */

static char *hex(const uint8_t *p, size_t n)
{
    char text[2 * UP_SHA512_BYTES + 1];
    up_hex_encode(p, n, text);
    text[2 * n] = '\0';
    return author_text("%s", text);
}

char *ecu_target(const char *name, unsigned counter, struct up_span image, const char *serial)
{
    const struct sec_image i = lib_image(name, counter, image);
    const char *ecus = serial == NULL ? ""
                                      : author_text("\"ecuIdentifiers\":{\"%s\":{\"hardwareId\":\"%s\"}},",
                                                    serial, ECU_HARDWARE);
    return author_text("\"%s\":{\"custom\":{%s\"hardwareIds\":[\"%s\"],\"releaseCounter\":%u},"
                       "\"hashes\":{\"sha256\":\"%s\",\"sha512\":\"%s\"},\"length\":%u}",
                       name, ecus, ECU_HARDWARE, counter, hex(i.hashes.sha256, UP_SHA256_BYTES),
                       hex(i.hashes.sha512, UP_SHA512_BYTES), i.length);
}

void ecu_replace(struct ecu *e, const char *path, struct up_span bytes)
{
    unsigned i = 0;
    while (i < e->files && strcmp(e->file[i].path, path) != 0) i++;
    if (bytes.p == NULL) {
        ck_assert_uint_lt(i, e->files);
        e->file[i] = e->file[--e->files];
        return;
    }
    if (i == e->files) ck_assert_uint_lt(e->files++, ECU_FILES);
    e->file[i] = (struct ecu_file){author_text("%s", path), bytes};
    if (strcmp(path, "director/targets") == 0) up_sha256(bytes, e->order);
}

struct up_span ecu_issued(struct ecu *e, const char *path)
{
    for (unsigned i = 0; i < e->files; i++)
        if (strcmp(e->file[i].path, path) == 0) return e->file[i].bytes;
    ck_abort_msg("%s was not issued", path);
    return (struct up_span){NULL, 0};
}

static void issue(struct ecu *e, const char *repo, const struct author *a, const char *images)
{
    struct up_span targets = author_targets(a, e->version, images);
    struct up_span snapshot =
        author_snapshot(a, e->version, author_meta_bound("targets", e->version, targets));
    ecu_replace(e, author_text("%s/targets", repo), targets);
    if (!e->id.full) return;
    ecu_replace(e, author_text("%s/snapshot", repo), snapshot);
    ecu_replace(e, author_text("%s/timestamp", repo), author_timestamp(a, e->version, snapshot, e->version));
}

void ecu_issue(struct ecu *e, const char *name, unsigned counter, struct up_span image)
{
    e->version++;
    e->new_image = image;
    issue(e, "director", &e->director, name != NULL ? ecu_target(name, counter, image, ECU_SERIAL) : "");
    if (e->id.full) issue(e, "image", &e->image, name != NULL ? ecu_target(name, counter, image, NULL) : "");
}

/* ---- the Primary ---- */

struct up_span ecu_attest(struct ecu *e)
{
    char time[UP_TIME_TEXT + 1] = "";
    ck_assert_uint_eq(ecu_read(e, UDS_DID_TIME_NONCE), 0);
    const char *nonce = hex(e->answer.p, e->answer.n);
    up_time_encode(e->time_s, time);
    const char *body = author_text("{\"_type\":\"time\",\"nonces\":[\"%s\"],\"time\":\"%s\"}", nonce, time);
    return author_sign(e->id.profile, e->time_keys != 0 ? e->time_keys : e->director.ring[UP_TIME].keys,
                       body);
}

enum up_err ecu_send(struct ecu *e)
{
    ck_assert_uint_eq(ecu_session(e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_put(e, "time", ecu_attest(e)), 0);
    for (unsigned i = 0; i < e->files; i++)
        ck_assert_uint_eq(ecu_put(e, e->file[i].path, e->file[i].bytes), 0);
    return ecu_verify(e);
}

static unsigned send_image(struct ecu *e, struct up_span image, uint32_t from)
{
    const struct up_span rest = {image.p + from, image.n - from};
    unsigned code = 0;
    if (rest.n == 0) return 0;
    if (e->id.layout == SEC_ONE_SLOT) code = ecu_session(e, UDS_PROGRAMMING);
    if (code == 0) code = ecu_begin_image(e, 0, from, (uint32_t)rest.n);
    if (code == 0) code = ecu_blocks(e, rest, BLOCK);
    return code != 0 ? code : ecu_exit(e);
}

unsigned ecu_verify_image(struct ecu *e)
{
    const unsigned code = ecu_routine(e, UDS_ROUTINE_VERIFY_IMAGE, NULL);
    if (code != 0) return code;
    ck_assert_uint_eq(e->answer.n, 1);
    return e->answer.p[0] == UP_OK ? 0 : ECU_VERDICT + e->answer.p[0];
}

unsigned ecu_transfer(struct ecu *e)
{
    struct uds_slots s = ecu_slots(e);
    const bool same = memcmp(s.order, e->order, sizeof s.order) == 0;
    if (same && s.other == UDS_SLOT_VERIFIED) return 0;
    const uint32_t from = same && s.other == UDS_SLOT_RECEIVING ? s.transported : 0;
    unsigned code = send_image(e, e->new_image, from);
    return code != 0 ? code : ecu_verify_image(e);
}

enum up_err ecu_restore(struct ecu *e, struct up_span backup)
{
    if (ecu_session(e, UDS_PROGRAMMING) != 0 || ecu_reset(e) != 0) return UP_BUS_REFUSED;
    struct uds_slots s = ecu_slots(e);
    if (s.running == UDS_SLOT_CONFIRMED) return UP_OK;
    if (s.running != UDS_SLOT_AWAY) return UP_PRECONDITION;
    const bool begun = s.other != UDS_SLOT_RECEIVING && s.other != UDS_SLOT_VERIFIED;
    if (ecu_session(e, UDS_PROGRAMMING) != 0) return UP_BUS_REFUSED;
    if (send_image(e, backup, begun ? s.transported : 0) != 0) return UP_BUS_REFUSED;
    if (ecu_verify_image(e) != 0) return UP_IMG_HASH;
    if (ecu_reset(e) != 0) return UP_BUS_REFUSED;
    return ecu_slots(e).running == UDS_SLOT_CONFIRMED ? UP_OK : UP_INSTALL;
}

enum up_err ecu_update(struct ecu *e)
{
    UP_TRY(ecu_send(e));
    struct uds_slots s = ecu_slots(e);
    const bool there = memcmp(s.order, e->order, sizeof s.order) == 0;
    if (!there || s.running != UDS_SLOT_TRIAL) {
        if (there && s.running == UDS_SLOT_CONFIRMED && s.other != UDS_SLOT_RECEIVING &&
            s.other != UDS_SLOT_VERIFIED)
            return UP_OK;
        if (ecu_transfer(e) != 0) return UP_IMG_HASH;
        if (ecu_routine(e, UDS_ROUTINE_ACTIVATE, e->order) != 0) return UP_BUS_REFUSED;
        if (ecu_reset(e) != 0) return UP_BUS_REFUSED;
        s = ecu_slots(e);
        if (s.running != UDS_SLOT_TRIAL) return UP_INSTALL;
    }
    return ecu_routine(e, UDS_ROUTINE_CONFIRM, e->order) == 0 ? UP_OK : UP_BUS_REFUSED;
}

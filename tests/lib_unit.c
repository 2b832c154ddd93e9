#include "tests/lib_unit.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>

#include "metadata/crypto_openssl.h"
#include "metadata/json.h"

#define GRACE_US 5000000u

static void note(struct unit *u, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct unit *u, const char *format, ...)
{
    va_list args;
    size_t used = strlen(u->log);
    va_start(args, format);
    int n = vsnprintf(u->log + used, sizeof u->log - used, format, args);
    va_end(args);
    ck_assert_uint_lt((size_t)n + 1, sizeof u->log - used);
}

const char *unit_log(struct unit *u)
{
    static char log[sizeof u->log];
    memcpy(log, u->log, sizeof log);
    u->log[0] = '\0';
    return log;
}

/* A service that is refused, as the script says. */
static enum uds_code judge(struct unit *u, uint8_t service)
{
    if (u->refused != service || u->refusals == 0) return UDS_OK;
    u->refusals--;
    return (enum uds_code)u->code;
}

/* ---- reading ---- */

static struct uds_slots slots_of(const struct unit *u)
{
    bool transfer = u->other.state == UDS_SLOT_RECEIVING || u->other.state == UDS_SLOT_VERIFIED;
    struct uds_slots s = {.running = u->running.state, .other = u->other.state, .armed = u->armed};
    if (transfer) {
        s.transported = u->transported;
        s.total = u->total;
    }
    memcpy(s.order, transfer ? u->other.order : u->running.order, sizeof s.order);
    return s;
}

static size_t write_report(struct unit *u, uint8_t *out, size_t cap)
{
    struct up_report r = {.ecu_serial = up_span_of(u->serial),
                          .image_name = up_span_of(u->running.name),
                          .image_length = u->running.bytes,
                          .time_s = u->versions.time_floor_s,
                          .previous_time_s = u->versions.time_floor_s,
                          .counter = ++u->reports};
    memcpy(r.image_sha256, u->running.sha256, sizeof r.image_sha256);
    return up_report_write(&r, &up_profile_strict, &u->signer, out, cap);
}

static size_t put(struct up_span s, uint8_t *out, size_t cap)
{
    ck_assert_uint_le(s.n, cap);
    memcpy(out, s.p, s.n);
    return s.n;
}

static enum uds_code on_read(void *ctx, uint16_t did, uint8_t *out, size_t cap, size_t *n)
{
    static const struct uds_capabilities can = {.full = 1,
                                                .filters = 1,
                                                .max_message = UNIT_MESSAGE,
                                                .staging_bytes = 65536,
                                                .slot_bytes = UNIT_IMAGE};
    struct unit *u = ctx;
    char text[96];
    note(u, "22:%04X ", did);
    enum uds_code code = judge(u, UDS_READ_DATA);
    if (code != UDS_OK) return code;
    struct uds_slots slots = slots_of(u);
    if (u->odd_did == did) {
        *n = put(u->odd, out, cap);
        return UDS_OK;
    }
    switch (did) {
    case UDS_DID_VEHICLE_ID:
        *n = put(up_span_of(u->vehicle), out, cap);
        return UDS_OK;
    case UDS_DID_ECU_SERIAL:
        *n = put(up_span_of(u->serial), out, cap);
        return UDS_OK;
    case UDS_DID_HARDWARE_ID:
        *n = put(up_span_of(u->hardware_id), out, cap);
        return UDS_OK;
    case UDS_DID_INSTALLED_IMAGE:
        (void)snprintf(text, sizeof text, "%s;%u", u->running.name, (unsigned)u->running.counter);
        *n = put(up_span_of(text), out, cap);
        return UDS_OK;
    case UDS_DID_VERSION_REPORT:
        *n = write_report(u, out, cap);
        return UDS_OK;
    case UDS_DID_TIME_NONCE:
        *n = put(UP_SPAN("sixteen bytes..."), out, cap);
        return UDS_OK;
    case UDS_DID_STORED_VERSIONS:
        *n = uds_encode_stored_versions(&u->versions, out, cap);
        return UDS_OK;
    case UDS_DID_SLOTS:
        *n = uds_encode_slots(&slots, out, cap);
        return UDS_OK;
    case UDS_DID_CAPABILITIES:
        *n = uds_encode_capabilities(&can, out, cap);
        return UDS_OK;
    default:
        return UDS_OUT_OF_RANGE;
    }
}

/* ---- transfers ---- */

static enum uds_code on_session(void *ctx, uint8_t session)
{
    struct unit *u = ctx;
    note(u, "10:%02X ", session);
    return judge(u, UDS_SESSION_CONTROL);
}

static enum uds_code on_file(void *ctx, const struct uds_file_request *f)
{
    struct unit *u = ctx;
    (void)snprintf(u->path, sizeof u->path, "%.*s", (int)f->path_bytes, (const char *)f->path);
    note(u, "38:%s ", u->path);
    u->is_image = false;
    u->arrived = 0;
    if (f->bytes > sizeof u->file) return UDS_DOWNLOAD_NOT_ACCEPTED;
    return judge(u, UDS_REQUEST_FILE_TRANSFER);
}

static enum uds_code on_download(void *ctx, uint8_t format, uint64_t address, uint64_t bytes)
{
    struct unit *u = ctx;
    (void)format;
    note(u, "34:%u ", (unsigned)address);
    enum uds_code code = judge(u, UDS_REQUEST_DOWNLOAD);
    if (code != UDS_OK) return code;
    if (!u->accepted) return UDS_DOWNLOAD_NOT_ACCEPTED;
    if (u->running.state == UDS_SLOT_TRIAL) return UDS_CONDITIONS_NOT_CORRECT;
    if (address != 0 && address != u->transported) return UDS_OUT_OF_RANGE;
    u->is_image = true;
    u->total = (uint32_t)(address + bytes);
    u->transported = (uint32_t)address;
    u->arrived = (uint32_t)address;
    u->other.state = UDS_SLOT_RECEIVING;
    memcpy(u->other.order, u->order, sizeof u->order);
    return UDS_OK;
}

static enum uds_code on_block(void *ctx, const uint8_t *data, size_t n)
{
    struct unit *u = ctx;
    if (u->block_us > 0 && u->done_us == 0) {
        u->done_us = u->now_us + u->block_us;
        return UDS_PENDING;
    }
    if (u->now_us < u->done_us) return UDS_PENDING;
    u->done_us = 0;
    enum uds_code code = judge(u, UDS_TRANSFER_DATA);
    if (code != UDS_OK) return code;
    ck_assert_uint_le(n, UNIT_IMAGE - u->arrived);
    memcpy((u->is_image ? u->image : u->file) + u->arrived, data, n);
    u->arrived += (uint32_t)n;
    if (!u->is_image) return UDS_OK;
    u->transported = u->forgets ? 0 : u->arrived / UNIT_SECTOR * UNIT_SECTOR;
    if (u->cuts > 0 && u->arrived >= u->cut_at) {
        u->cuts--;
        unit_cut(u);
    }
    return UDS_OK;
}

static uint32_t version_of(struct up_span file)
{
    struct up_span body, value;
    struct up_json j;
    if (!up_json_find(file, "signed", &body) || !up_json_find(body, "version", &value)) return 0;
    up_json_open(&j, value);
    return (uint32_t)up_json_int(&j, 1, UP_VERSION_MAX);
}

/* It believes what it gets. */
static void trust_file(struct unit *u)
{
    struct up_span file = {u->file, u->arrived};
    struct uds_stored_versions *v = &u->versions;
    unsigned version = version_of(file);
    if (version == 0) return;
    if (strcmp(u->path, "director/targets") == 0) {
        v->director_targets = version;
        up_sha256(file, u->order);
    }
    if (strcmp(u->path, "director/snapshot") == 0) v->director_snapshot = version;
    if (strncmp(u->path, "director/root/", 14) == 0) v->director_root = version;
    if (strncmp(u->path, "image/root/", 11) == 0) v->image_root = version;
}

static enum uds_code on_exit(void *ctx)
{
    struct unit *u = ctx;
    note(u, "37 ");
    enum uds_code code = judge(u, UDS_TRANSFER_EXIT);
    if (code != UDS_OK) return code;
    if (u->is_image)
        u->transported = u->total;
    else
        trust_file(u);
    return UDS_OK;
}

/* ---- routines ---- */

static bool names(const struct unit_slot *s, const uint8_t *order)
{
    return memcmp(s->order, order, UDS_ORDER_BYTES) == 0;
}

static enum uds_code verify_metadata(struct unit *u, uint8_t *out, size_t *n)
{
    *n = 1;
    out[0] = (uint8_t)u->verdict;
    u->accepted = u->verdict == UP_OK;
    if (u->verdicts > 0 && --u->verdicts == 0) u->verdict = UP_OK;
    bool pending = u->other.state == UDS_SLOT_RECEIVING || u->other.state == UDS_SLOT_VERIFIED;
    if (pending && !names(&u->other, u->order)) u->other.state = UDS_SLOT_EMPTY;
    return UDS_OK;
}

static enum uds_code verify_image(struct unit *u, uint8_t *out, size_t *n)
{
    if (u->other.state != UDS_SLOT_RECEIVING || u->transported != u->total) return UDS_SEQUENCE_ERROR;
    *n = 1;
    out[0] = (uint8_t)u->image_verdict;
    u->other.state = u->image_verdict == UP_OK ? UDS_SLOT_VERIFIED : UDS_SLOT_BAD;
    if (u->image_verdicts > 0 && --u->image_verdicts == 0) u->image_verdict = UP_OK;
    if (u->other.state == UDS_SLOT_BAD) return UDS_OK;
    (void)snprintf(u->other.name, sizeof u->other.name, "%s", u->new_name);
    u->other.counter = u->new_counter;
    u->other.bytes = u->total;
    up_sha256((struct up_span){u->image, u->total}, u->other.sha256);
    return UDS_OK;
}

static enum uds_code activate(struct unit *u, const uint8_t *order)
{
    if (u->other.state != UDS_SLOT_VERIFIED) return UDS_SEQUENCE_ERROR;
    if (!names(&u->other, order)) return UDS_OUT_OF_RANGE;
    u->armed = true;
    return UDS_OK;
}

static enum uds_code confirm(struct unit *u, const uint8_t *order)
{
    if (u->running.state != UDS_SLOT_TRIAL && u->running.state != UDS_SLOT_CONFIRMED)
        return UDS_CONDITIONS_NOT_CORRECT;
    if (!names(&u->running, order)) return UDS_OUT_OF_RANGE;
    if (u->running.state == UDS_SLOT_TRIAL) u->other.state = UDS_SLOT_EMPTY;
    u->running.state = UDS_SLOT_CONFIRMED;
    if (u->running.counter > u->versions.release_counter) u->versions.release_counter = u->running.counter;
    return UDS_OK;
}

static enum uds_code revert(struct unit *u, const uint8_t *order)
{
    bool mine = names(&u->running, order) && u->running.state != UDS_SLOT_CONFIRMED;
    struct unit_slot *s = mine ? &u->running : &u->other;
    if (s->state != UDS_SLOT_TRIAL && s->state != UDS_SLOT_VERIFIED) return UDS_CONDITIONS_NOT_CORRECT;
    if (!names(s, order)) return UDS_OUT_OF_RANGE;
    s->state = UDS_SLOT_VERIFIED;
    u->armed = false;
    if (mine && !u->lame) u->goes_at_us = u->now_us + GRACE_US;
    return UDS_OK;
}

static enum uds_code on_routine(void *ctx, uint16_t routine, uint8_t control, const uint8_t *data, size_t n,
                                uint8_t *out, size_t cap, size_t *out_n)
{
    struct unit *u = ctx;
    bool order = n == UDS_ORDER_BYTES;
    note(u, "31:%04X ", routine);
    ck_assert_uint_eq(control, UDS_START);
    ck_assert_uint_ge(cap, 1);
    const bool judged = u->refused_routine == 0 || u->refused_routine == routine;
    enum uds_code code = judged ? judge(u, UDS_ROUTINE_CONTROL) : UDS_OK;
    if (code != UDS_OK) return code;
    code = routine == UDS_ROUTINE_VERIFY_METADATA     ? verify_metadata(u, out, out_n)
           : routine == UDS_ROUTINE_VERIFY_IMAGE      ? verify_image(u, out, out_n)
           : routine == UDS_ROUTINE_ACTIVATE && order ? activate(u, data)
           : routine == UDS_ROUTINE_CONFIRM && order  ? confirm(u, data)
           : routine == UDS_ROUTINE_REVERT && order   ? revert(u, data)
                                                      : UDS_OUT_OF_RANGE;
    if (u->cut_after == routine) {
        u->cut_after = 0;
        unit_cut(u);
    }
    return code;
}

static enum uds_code on_reset(void *ctx, uint8_t type)
{
    struct unit *u = ctx;
    (void)type;
    note(u, "11 ");
    return judge(u, UDS_ECU_RESET);
}

/* ---- power ---- */

static void swap(struct unit *u)
{
    struct unit_slot s = u->running;
    u->running = u->other;
    u->other = s;
}

static void listen(struct unit *u)
{
    static const struct uds_owner owner = {.read = on_read,
                                           .session = on_session,
                                           .file = on_file,
                                           .download = on_download,
                                           .block = on_block,
                                           .exit = on_exit,
                                           .routine = on_routine,
                                           .reset = on_reset,
                                           .checks_blocks = true};
    const struct uds_server_config config = {
        .max_message = UNIT_MESSAGE, .work_us = 10000, .download_sessions = 1u << UDS_EXTENDED};
    u->accepted = u->is_image = false;
    u->done_us = 0;
    u->on = true;
    if (u->port != NULL) {
        const uint8_t attempts = u->attempts != NULL ? sec_attempts(u->attempts) : 0;
        uds_guard_init(&u->guard, u->port, &owner, u, attempts, u->now_us / 1000);
    }
    sec_station_init(&u->station, &u->wire.b.link, &u->channel, &config, u->port ? &u->guard.owner : &owner,
                     u->port ? (void *)&u->guard : u, u->request, u->reply);
}

/* As a boot stage does: what is armed is tried, what is no longer on trial goes. */
static void boot(struct unit *u)
{
    if (u->armed && u->sick) {
        u->other.state = UDS_SLOT_BAD;
    } else if (u->armed) {
        swap(u);
        u->running.state = UDS_SLOT_TRIAL;
    } else if (u->running.state == UDS_SLOT_VERIFIED) {
        swap(u); /* reverted */
    }
    u->armed = false;
    listen(u);
}

void unit_cut(struct unit *u)
{
    u->on = false;
    u->goes_at_us = 0;
    u->boots_at_us = u->now_us + u->boot_us;
    note(u, "CUT ");
}

void unit_open(struct unit *u, const char *serial)
{
    uint8_t seed[UP_SHA256_BYTES];
    memset(u, 0, sizeof *u);
    lib_link_init(&u->wire, true);
    u->channel = isotp_config_default(0x7E8, 0x7E0, true);
    u->vehicle = "VIN-1";
    u->serial = serial;
    u->hardware_id = "hw";
    u->new_name = "new";
    u->new_counter = 2;
    u->boot_us = 300000;
    u->running = (struct unit_slot){.state = UDS_SLOT_CONFIRMED, .name = "old", .counter = 1, .bytes = 3};
    up_sha256(UP_SPAN("old"), u->running.sha256);
    u->versions.director_root = u->versions.image_root = 1;
    u->versions.release_counter = 1;
    up_sha256(up_span_of(serial), seed);
    ck_assert(up_signer_from_seed(UP_ED25519, seed, &u->signer));
    boot(u);
}

void unit_close(struct unit *u)
{
    up_signer_close(&u->signer);
}

/* ---- the wire ---- */

static void hear_nothing(struct unit *u)
{
    u->wire.b.queued = 0;
}

/* Takes what was just sent out of the Primary's queue again: but flow control must pass. */
static void lose_answer(struct unit *u, size_t before)
{
    struct lib_link_end *end = &u->wire.a;
    size_t kept = before;
    for (size_t i = before; i < end->queued; i++) {
        struct isotp_frame *f = &end->queue[(end->first + i) % LIB_LINK_CAPACITY];
        if (f->data[0] >> 4 == 3) end->queue[(end->first + kept++) % LIB_LINK_CAPACITY] = *f;
    }
    if (kept < end->queued) u->losses--;
    end->queued = kept;
}

static bool answers(const struct unit *u, uint8_t service)
{
    return u->station.server.request_bytes > 0 && u->request[0] == service;
}

uint64_t unit_pump(struct unit *u, uint64_t now_us)
{
    if (u->pump != NULL) return u->pump(u, now_us);
    u->now_us = now_us;
    if (u->on && u->goes_at_us != 0 && now_us >= u->goes_at_us) unit_cut(u);
    if (!u->on && now_us >= u->boots_at_us) boot(u);
    if (!u->on || u->silent) {
        hear_nothing(u);
        return !u->on ? u->boots_at_us : u->goes_at_us != 0 ? u->goes_at_us : UINT64_MAX;
    }
    size_t before = u->wire.a.queued;
    bool goes_on = sec_station_pump(&u->station, (uint32_t)now_us);
    if (u->losses > 0 && answers(u, u->unheard)) lose_answer(u, before);
    if (!u->on) { /* cut in the middle: what it would have said is never heard */
        u->wire.a.queued = before;
        return u->boots_at_us;
    }
    if (!goes_on && u->lame) listen(u);
    if (!goes_on && !u->lame) {
        unit_cut(u);
        return u->boots_at_us;
    }
    uint32_t due = sec_station_due(&u->station, (uint32_t)now_us);
    uint64_t at = due == UDS_NEVER ? UINT64_MAX : now_us + due;
    return u->goes_at_us != 0 && u->goes_at_us < at ? u->goes_at_us : at;
}

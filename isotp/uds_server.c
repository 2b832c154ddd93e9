#include "isotp/uds_server.h"

#include <string.h>

#define DEFAULT     (1u << UDS_DEFAULT)
#define PROGRAMMING (1u << UDS_PROGRAMMING)
#define EXTENDED    (1u << UDS_EXTENDED)
#define ALL         (DEFAULT | PROGRAMMING | EXTENDED)
#define OTHERS      (PROGRAMMING | EXTENDED) /* ISO 14229-1, 10.2: not in the default session */

#define READ_MAX 16 /* identifiers in one 22 */

enum { NOTHING, NEGATIVE, REPLY }; /* handed */

static bool reached(uint32_t at, uint32_t now)
{
    return now - at < 0x80000000u;
}

static uint32_t until(uint32_t at, uint32_t now)
{
    return reached(at, now) ? 0 : at - now;
}

/* ---- Transfers and sessions ---- */

static void end_transfer(struct uds_server *s)
{
    if (s->transfer && s->owner->abort != NULL) s->owner->abort(s->ctx);
    s->transfer = false;
}

static void begin_transfer(struct uds_server *s, uint64_t bytes, bool checked)
{
    s->transfer = true;
    s->checked = checked;
    s->transfer_left = bytes;
    s->any_block = false;
    s->last_counter = 0;
    s->check = uds_check(0, s->request, s->request_bytes);
}

/* 74 does not repeat the format, and an owner may take any: how wide the figure of the longest block is says
 * that there will be checks. */
static unsigned figure_bytes(const struct uds_server *s)
{
    return s->checked ? UDS_CHECKED_FIGURE_BYTES : 2;
}

/* Whether the blocks of a transfer of this FORMAT carry a check; the owner is told the rest of it. */
static bool split_format(const struct uds_server *s, uint8_t *format)
{
    const bool checked = s->owner->checks_blocks && (*format & UDS_FORMAT_CHECKED) != 0;
    if (checked) *format &= (uint8_t)~UDS_FORMAT_CHECKED;
    return checked;
}

static void enter_session(struct uds_server *s, uint8_t session)
{
    end_transfer(s);
    s->session = session;
    if (session == UDS_DEFAULT) {
        s->communication = 0;
        s->dtc_off = false;
    }
}

/* ---- Services: each may run again from the start after UDS_PENDING, so each changes state last. The echo is
 * in the reply already; a service appends to it. ---- */

static void append(struct uds_server *s, uint64_t value, unsigned bytes)
{
    uds_put(s->reply + s->reply_bytes, value, bytes);
    s->reply_bytes += bytes;
}

static uint8_t sub_function(const uint8_t *q)
{
    return q[1] & 0x7F;
}

/* What an owner has put behind the echo. */
static enum uds_code append_owners(struct uds_server *s, enum uds_code code, size_t n)
{
    if (code != UDS_OK) return code;
    if (n > s->config.max_message - s->reply_bytes) return UDS_RESPONSE_TOO_LONG;
    s->reply_bytes += n;
    return UDS_OK;
}

static enum uds_code session_control(struct uds_server *s, const uint8_t *q, size_t n)
{
    (void)n;
    uint8_t session = sub_function(q);
    if (s->owner->session != NULL) {
        enum uds_code code = s->owner->session(s->ctx, session);
        if (code != UDS_OK) return code;
    }
    enter_session(s, session);
    append(s, s->config.p2_us / 1000, 2);
    append(s, s->config.p2_star_us / 10000, 2);
    return UDS_OK;
}

static enum uds_code ecu_reset(struct uds_server *s, const uint8_t *q, size_t n)
{
    (void)n;
    enum uds_code code = s->owner->reset(s->ctx, sub_function(q));
    s->reset_armed = code == UDS_OK;
    return code;
}

static enum uds_code read_one(struct uds_server *s, uint16_t did, uint8_t *out, size_t cap, size_t *n)
{
    if (did == UDS_DID_ANSWER_CHECK && s->owner->checks_blocks) {
        if (cap < UDS_CHECK_BYTES) return UDS_RESPONSE_TOO_LONG;
        uds_put(out, uds_check(0, s->reply, s->reply_bytes), UDS_CHECK_BYTES);
        *n = UDS_CHECK_BYTES;
        return UDS_OK;
    }
    if (did != UDS_DID_SESSION) return s->owner->read(s->ctx, did, out, cap, n);
    if (cap < 1) return UDS_RESPONSE_TOO_LONG;
    out[0] = s->session;
    *n = 1;
    return UDS_OK;
}

/* Unknown identifiers are left out of the answer; when none is known, that is the answer (ISO 14229-1, 11.2).
 */
static enum uds_code read_data(struct uds_server *s, const uint8_t *q, size_t n)
{
    if (n % 2 == 0 || n > 1 + 2 * READ_MAX) return UDS_INCORRECT_LENGTH;
    if (s->read_at == 0) {
        s->read_at = 1;
        s->reply_bytes = 1;
    }
    for (; s->read_at < n; s->read_at += 2) {
        size_t room = s->config.max_message - s->reply_bytes, got = 0;
        if (room < 2) return UDS_RESPONSE_TOO_LONG;
        uint8_t *out = s->reply + s->reply_bytes;
        enum uds_code code = read_one(s, (uint16_t)uds_get(q + s->read_at, 2), out + 2, room - 2, &got);
        if (code == UDS_OUT_OF_RANGE) continue;
        if (code != UDS_OK) return code;
        if (got > room - 2) return UDS_RESPONSE_TOO_LONG;
        memcpy(out, q + s->read_at, 2);
        s->reply_bytes += 2 + got;
    }
    return s->reply_bytes > 1 ? UDS_OK : UDS_OUT_OF_RANGE;
}

static enum uds_code write_data(struct uds_server *s, const uint8_t *q, size_t n)
{
    return s->owner->write(s->ctx, (uint16_t)uds_get(q + 1, 2), q + 3, n - 3);
}

static enum uds_code security(struct uds_server *s, const uint8_t *q, size_t n)
{
    size_t got = 0;
    enum uds_code code = s->owner->security(s->ctx, q[0], q + 1, n - 1, s->reply + s->reply_bytes,
                                            s->config.max_message - s->reply_bytes, &got);
    return append_owners(s, code, got);
}

static enum uds_code communication_control(struct uds_server *s, const uint8_t *q, size_t n)
{
    (void)n;
    if ((q[2] & 0x03) == 0) return UDS_OUT_OF_RANGE; /* neither application nor network messages */
    s->communication = sub_function(q);
    return UDS_OK;
}

static enum uds_code control_dtc_setting(struct uds_server *s, const uint8_t *q, size_t n)
{
    (void)n;
    s->dtc_off = (sub_function(q)) == 2;
    return UDS_OK;
}

static enum uds_code tester_present(struct uds_server *s, const uint8_t *q, size_t n)
{
    (void)s, (void)q, (void)n;
    return UDS_OK;
}

static enum uds_code routine_control(struct uds_server *s, const uint8_t *q, size_t n)
{
    size_t got = 0;
    enum uds_code code =
        s->owner->routine(s->ctx, (uint16_t)uds_get(q + 2, 2), sub_function(q), q + 4, n - 4,
                          s->reply + s->reply_bytes, s->config.max_message - s->reply_bytes, &got);
    return append_owners(s, code, got);
}

static enum uds_code request_download(struct uds_server *s, const uint8_t *q, size_t n)
{
    unsigned address_bytes = q[2] & 0x0F, size_bytes = q[2] >> 4;
    if (address_bytes < 1 || address_bytes > 8 || size_bytes < 1 || size_bytes > 8) return UDS_OUT_OF_RANGE;
    if (n != 3 + address_bytes + size_bytes) return UDS_INCORRECT_LENGTH;
    uint64_t address = uds_get(q + 3, address_bytes), bytes = uds_get(q + 3 + address_bytes, size_bytes);
    if (bytes == 0 || bytes > UINT64_MAX - address) return UDS_OUT_OF_RANGE;

    end_transfer(s);
    uint8_t format = q[1];
    const bool checked = split_format(s, &format);
    enum uds_code code = s->owner->download(s->ctx, format, address, bytes);
    if (code != UDS_OK) return code;
    begin_transfer(s, bytes, checked);
    append(s, figure_bytes(s) << 4, 1);
    append(s, s->config.max_message, figure_bytes(s));
    return UDS_OK;
}

/* 38 03: path length (2), path, format, size length (1), size uncompressed, size as transported. */
static enum uds_code request_file_transfer(struct uds_server *s, const uint8_t *q, size_t n)
{
    struct uds_file_request f = {.mode = q[1], .path = q + 4};
    if (f.mode != UDS_FILE_REPLACE) return UDS_OUT_OF_RANGE;
    f.path_bytes = (size_t)uds_get(q + 2, 2);
    size_t rest = n - 4;
    if (f.path_bytes > rest || rest - f.path_bytes < 2) return UDS_INCORRECT_LENGTH;
    if (f.path_bytes == 0 || f.path_bytes > UDS_PATH_MAX) return UDS_OUT_OF_RANGE;
    rest -= f.path_bytes + 2;
    const uint8_t *p = f.path + f.path_bytes;
    f.format = p[0];
    const bool checked = split_format(s, &f.format);
    unsigned size_bytes = p[1];
    if (size_bytes < 1 || size_bytes > 8) return UDS_OUT_OF_RANGE;
    if (rest != 2 * size_bytes) return UDS_INCORRECT_LENGTH;
    uint64_t plain = uds_get(p + 2, size_bytes);
    f.bytes = uds_get(p + 2 + size_bytes, size_bytes);
    if (f.bytes == 0 || (f.format == 0 && f.bytes != plain)) return UDS_OUT_OF_RANGE;

    end_transfer(s);
    enum uds_code code = s->owner->file(s->ctx, &f);
    if (code != UDS_OK) return code;
    begin_transfer(s, f.bytes, checked);
    append(s, figure_bytes(s), 1); /* unlike in 34, a plain count of bytes */
    append(s, s->config.max_message, figure_bytes(s));
    append(s, p[0], 1);
    return UDS_OK;
}

/* A repeated block is known by its check, for its number alone may have been altered. Of a block that is not
 * as it was sent nothing is taken: flash is programmed once. */
static enum uds_code check_block(struct uds_server *s, const uint8_t *q, size_t n, bool again)
{
    const size_t head = 2 + UDS_CHECK_BYTES;
    if (n <= head) return UDS_INCORRECT_LENGTH;
    const uint32_t told = (uint32_t)uds_get(q + 2, UDS_CHECK_BYTES);
    if (!s->passed)
        s->passed = told == (again ? s->check : uds_check_block(s->check, q[1], q + head, n - head));
    return s->passed ? UDS_OK : UDS_OUT_OF_RANGE;
}

static enum uds_code transfer_data(struct uds_server *s, const uint8_t *q, size_t n)
{
    const uint8_t counter = q[1];
    const size_t head = s->checked ? 2 + UDS_CHECK_BYTES : 2;
    if (!s->transfer) return UDS_SEQUENCE_ERROR;
    const bool again = s->any_block && counter == s->last_counter; /* its answer was lost: answer again */
    if (!again && s->transfer_left == 0) return UDS_SEQUENCE_ERROR;
    if (!again && counter != (uint8_t)(s->last_counter + 1)) return UDS_WRONG_BLOCK_COUNTER;
    if (n > s->config.max_message) return UDS_OUT_OF_RANGE;
    enum uds_code code = s->checked ? check_block(s, q, n, again) : UDS_OK;
    if (code != UDS_OK || again) return code;
    if (n - head > s->transfer_left) return UDS_TRANSFER_SUSPENDED;
    code = s->owner->block(s->ctx, q + head, n - head);
    if (code != UDS_OK) return code;
    s->any_block = true;
    s->last_counter = counter;
    s->transfer_left -= n - head;
    if (s->checked) s->check = (uint32_t)uds_get(q + 2, UDS_CHECK_BYTES);
    return UDS_OK;
}

static enum uds_code transfer_exit(struct uds_server *s, const uint8_t *q, size_t n)
{
    (void)q, (void)n;
    if (!s->transfer || s->transfer_left > 0) return UDS_SEQUENCE_ERROR;
    enum uds_code code = s->owner->exit(s->ctx);
    if (code == UDS_OK) s->transfer = false;
    return code;
}

/* ---- From request to verdict ---- */

#define SUB(n)  (1u << (n))
#define SUB_ANY UINT32_MAX /* the owner's */

static const struct service {
    uint8_t sid;
    uint8_t least, most; /* bytes of a request; most 0: the service knows */
    uint8_t sessions;    /* 0: by configuration */
    uint32_t subs;       /* sub-functions known; 0: the service has none */
    enum uds_code (*handle)(struct uds_server *s, const uint8_t *q, size_t n);
} services[] = {
    {UDS_SESSION_CONTROL, 2, 2, ALL, SUB(1) | SUB(2) | SUB(3), session_control},
    {UDS_ECU_RESET, 2, 2, ALL, SUB(1) | SUB(2) | SUB(3), ecu_reset},
    {UDS_READ_DATA, 3, 0, ALL, 0, read_data},
    {UDS_SECURITY_ACCESS, 2, 0, OTHERS, SUB_ANY, security},
    {UDS_COMMUNICATION_CONTROL, 3, 3, OTHERS, SUB(0) | SUB(1) | SUB(2) | SUB(3), communication_control},
    {UDS_AUTHENTICATION, 2, 0, ALL, SUB_ANY, security},
    {UDS_WRITE_DATA, 4, 0, ALL, 0, write_data},
    {UDS_ROUTINE_CONTROL, 4, 0, ALL, SUB(1) | SUB(2) | SUB(3), routine_control},
    {UDS_REQUEST_DOWNLOAD, 5, 0, 0, 0, request_download},
    {UDS_TRANSFER_DATA, 3, 0, 0, 0, transfer_data},
    {UDS_TRANSFER_EXIT, 1, 1, 0, 0, transfer_exit},
    {UDS_REQUEST_FILE_TRANSFER, 5, 0, 0, 0, request_file_transfer},
    {UDS_TESTER_PRESENT, 2, 2, ALL, SUB(0), tester_present},
    {UDS_CONTROL_DTC_SETTING, 2, 0, OTHERS, SUB(1) | SUB(2), control_dtc_setting},
};

static const struct service *find(uint8_t sid)
{
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        if (services[i].sid == sid) return &services[i];
    return NULL;
}

static bool offered(const struct uds_owner *o, uint8_t sid)
{
    switch (sid) {
    case UDS_ECU_RESET:
        return o->reset != NULL;
    case UDS_READ_DATA:
        return o->read != NULL;
    case UDS_SECURITY_ACCESS:
        return o->security != NULL && !o->without_27;
    case UDS_AUTHENTICATION:
        return o->security != NULL && !o->without_29;
    case UDS_WRITE_DATA:
        return o->write != NULL;
    case UDS_ROUTINE_CONTROL:
        return o->routine != NULL;
    case UDS_REQUEST_DOWNLOAD:
        return o->download != NULL;
    case UDS_REQUEST_FILE_TRANSFER:
        return o->file != NULL;
    case UDS_TRANSFER_DATA:
        return o->block != NULL;
    case UDS_TRANSFER_EXIT:
        return o->exit != NULL;
    default:
        return true;
    }
}

static unsigned sessions_of(const struct uds_server *s, const struct service *v)
{
    if (v->sessions != 0) return v->sessions;
    if (v->sid == UDS_REQUEST_DOWNLOAD) return s->config.download_sessions;
    if (v->sid == UDS_REQUEST_FILE_TRANSFER) return s->config.file_sessions;
    return s->config.download_sessions | s->config.file_sessions;
}

static bool knows_sub(const struct service *v, uint8_t sub)
{
    return v->subs == SUB_ANY || (sub < 32 && (v->subs >> sub & 1) != 0);
}

/* The order of the checks is ISO 14229-1's (8.7, general server response behaviour); 24 and what follows it
 * is the service's. */
static enum uds_code serve(struct uds_server *s)
{
    const uint8_t *q = s->request;
    size_t n = s->request_bytes;
    const struct service *v = find(q[0]);
    if (v == NULL || !offered(s->owner, q[0])) return UDS_SERVICE_NOT_SUPPORTED;
    if ((sessions_of(s, v) >> s->session & 1) == 0) return UDS_SERVICE_NOT_IN_SESSION;
    enum uds_code code = s->owner->allow != NULL ? s->owner->allow(s->ctx, q[0]) : UDS_OK;
    if (code != UDS_OK) return code;
    if (n < v->least) return UDS_INCORRECT_LENGTH;
    if (v->subs != 0 && !knows_sub(v, sub_function(q))) return UDS_SUBFUNCTION_NOT_SUPPORTED;
    if (v->most != 0 && n > v->most) return UDS_INCORRECT_LENGTH;

    s->suppress = v->subs != 0 && (q[1] & UDS_SUPPRESS) != 0;
    if (s->read_at == 0) {
        unsigned echo = uds_echo_bytes(q[0]);
        s->reply[0] = q[0] | UDS_ANSWER;
        memcpy(s->reply + 1, q + 1, echo);
        if (v->subs != 0) s->reply[1] &= (uint8_t)~UDS_SUPPRESS;
        s->reply_bytes = 1 + echo;
    }
    return v->handle(s, q, n);
}

/* A request to all ECUs is answered only by those whom it concerns. */
static bool silent_when_functional(enum uds_code code)
{
    return code == UDS_SERVICE_NOT_SUPPORTED || code == UDS_SUBFUNCTION_NOT_SUPPORTED ||
           code == UDS_OUT_OF_RANGE || code == UDS_SUBFUNCTION_NOT_IN_SESSION ||
           code == UDS_SERVICE_NOT_IN_SESSION;
}

static void say_no(uint8_t *out, uint8_t sid, enum uds_code code)
{
    out[0] = UDS_NEGATIVE;
    out[1] = sid;
    out[2] = (uint8_t)code;
}

static void work(struct uds_server *s, uint32_t now)
{
    enum uds_code code = serve(s);
    if (code == UDS_PENDING) return;
    s->working = false;
    if (code == UDS_OK) {
        s->reply_ready = !s->suppress || s->pending_sent;
    } else {
        s->reply_ready = !(s->functional && silent_when_functional(code)) || s->pending_sent;
        say_no(s->reply, s->request[0], code);
        s->reply_bytes = 3;
    }
    if (!s->reply_ready) {
        s->reset_due = s->reset_armed;
        s->s3_at = now + s->config.s3_us;
    }
}

static void offer_negative(struct uds_server *s, uint8_t sid, enum uds_code code)
{
    say_no(s->negative, sid, code);
    s->negative_ready = true;
}

/* ---- The owner's side ---- */

static uint32_t or_default(uint32_t v, uint32_t otherwise)
{
    return v != 0 ? v : otherwise;
}

void uds_server_init(struct uds_server *s, const struct uds_server_config *config,
                     const struct uds_owner *owner, void *ctx, uint8_t *reply)
{
    *s = (struct uds_server){
        .config = *config, .owner = owner, .ctx = ctx, .reply = reply, .session = UDS_DEFAULT};
    struct uds_server_config *c = &s->config;
    c->p2_us = or_default(c->p2_us, 50000);
    c->p2_star_us = or_default(c->p2_star_us, 5000000);
    c->s3_us = or_default(c->s3_us, 5000000);
    c->work_us = or_default(c->work_us, 1000);
    c->download_sessions = (uint8_t)or_default(c->download_sessions, PROGRAMMING);
    c->file_sessions = (uint8_t)or_default(c->file_sessions, EXTENDED);
}

bool uds_server_busy(const struct uds_server *s)
{
    return s->working || s->reply_ready;
}

bool uds_server_reset_due(const struct uds_server *s)
{
    return s->reset_due;
}

static void check_s3(struct uds_server *s, uint32_t now)
{
    if (uds_server_busy(s) || s->session == UDS_DEFAULT || !reached(s->s3_at, now)) return;
    enter_session(s, UDS_DEFAULT);
    if (s->owner->session != NULL) (void)s->owner->session(s->ctx, UDS_DEFAULT);
}

void uds_server_request(struct uds_server *s, const uint8_t *q, size_t n, bool functional, uint32_t now)
{
    if (n == 0 || (q[0] & UDS_ANSWER) != 0 || s->reset_due) return;
    check_s3(s, now);
    if (uds_server_busy(s)) {
        bool answer =
            !functional && q[0] != s->request[0] && q[0] != UDS_TESTER_PRESENT && !s->negative_ready;
        if (answer) offer_negative(s, q[0], UDS_BUSY_REPEAT);
        return;
    }
    s->request = q;
    s->request_bytes = n;
    s->read_at = 0;
    s->functional = functional;
    s->suppress = s->pending_sent = s->reset_armed = s->passed = false;
    s->working = true;
    s->pending_at = now + s->config.p2_us - s->config.p2_us / 5;
    work(s, now);
}

void uds_server_receiving(struct uds_server *s, uint32_t now)
{
    check_s3(s, now);
    s->s3_at = now + s->config.s3_us;
}

void uds_server_poll(struct uds_server *s, uint32_t now)
{
    if (s->working) work(s, now);
    if (s->working && reached(s->pending_at, now) && !s->negative_ready) {
        offer_negative(s, s->request[0], UDS_RESPONSE_PENDING);
        s->pending_sent = true;
        s->pending_at = now + s->config.p2_star_us / 5 * 3;
    }
    check_s3(s, now);
}

uint32_t uds_server_due(const struct uds_server *s, uint32_t now)
{
    if (s->working) {
        uint32_t wait = s->negative_ready ? UDS_NEVER : until(s->pending_at, now);
        return wait < s->config.work_us ? wait : s->config.work_us;
    }
    return uds_server_busy(s) || s->session == UDS_DEFAULT ? UDS_NEVER : until(s->s3_at, now);
}

bool uds_server_reply(struct uds_server *s, const uint8_t **reply, size_t *n)
{
    if (s->handed == NOTHING) s->handed = s->negative_ready ? NEGATIVE : s->reply_ready ? REPLY : NOTHING;
    if (s->handed == NOTHING) return false;
    *reply = s->handed == NEGATIVE ? s->negative : s->reply;
    *n = s->handed == NEGATIVE ? sizeof s->negative : s->reply_bytes;
    return true;
}

void uds_server_sent(struct uds_server *s, uint32_t now)
{
    if (s->handed == NEGATIVE) s->negative_ready = false;
    if (s->handed == REPLY) {
        s->reply_ready = false;
        s->reset_due = s->reset_armed;
        s->s3_at = now + s->config.s3_us;
    }
    s->handed = NOTHING;
}

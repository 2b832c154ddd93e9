#include "isotp/uds_guard.h"

#include <string.h>

/* authenticationReturnParameter (ISO 14229-1:2020, annex B.5) */
enum { APCE = 0x02, DEAUTHENTICATED = 0x10, PROOF_WANTED = 0x11, AUTHENTICATED = 0x12 };

#define LEAST_CLIENT_CHALLENGE 16u

size_t uds_proof_message(uint8_t out[UDS_PROOF_MESSAGE_MAX], char signer, const uint8_t *theirs,
                         size_t theirs_n, const uint8_t *own, size_t own_n)
{
    out[0] = (uint8_t)signer;
    memcpy(out + 1, theirs, theirs_n);
    if (own_n > 0) memcpy(out + 1 + theirs_n, own, own_n);
    return 1 + theirs_n + own_n;
}

void uds_seed_message(uint8_t out[UDS_SEED_MESSAGE], uint8_t level, const uint8_t seed[UDS_SEED_BYTES])
{
    out[0] = level;
    memcpy(out + 1, seed, UDS_SEED_BYTES);
}

static void lock(struct uds_guard *g)
{
    g->unlocked = g->seed_level = 0;
    g->identity = UDS_UNKNOWN;
}

/* ---- 27 ---- */

static bool keep_attempts(struct uds_guard *g, uint8_t attempts)
{
    g->attempts = attempts;
    if (attempts == g->kept) return true;
    if (g->port->keep_attempts != NULL && !g->port->keep_attempts(g->port->ctx, attempts)) return false;
    g->kept = attempts;
    return true;
}

/* The next wrong key after a delay brings the next delay; and so does a reset, for what is kept stays. */
static bool is_delayed(struct uds_guard *g)
{
    if (g->attempts < UDS_ATTEMPTS) return false;
    if (g->now_ms < g->delay_until_ms) return true;
    g->attempts = UDS_ATTEMPTS - 1;
    return false;
}

static bool is_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) any |= p[i];
    return any == 0;
}

static enum uds_code request_seed(struct uds_guard *g, uint8_t level, uint8_t *out, size_t cap, size_t *out_n)
{
    if (cap < UDS_SEED_BYTES) return UDS_RESPONSE_TOO_LONG;
    if (g->unlocked == level) {
        memset(out, 0, UDS_SEED_BYTES); /* nothing to do */
    } else {
        if (is_delayed(g)) return UDS_DELAY_NOT_EXPIRED;
        g->seed_level = 0;
        if (!g->port->random(g->port->ctx, g->seed, sizeof g->seed) || is_zero(g->seed, sizeof g->seed))
            return UDS_CONDITIONS_NOT_CORRECT;
        memcpy(out, g->seed, UDS_SEED_BYTES);
        g->seed_level = level;
    }
    *out_n = UDS_SEED_BYTES;
    return UDS_OK;
}

/* Counted before it is judged, so that a power cut does not undo a wrong one. A seed is good for one key. */
static enum uds_code send_key(struct uds_guard *g, uint8_t level, const uint8_t *key, size_t n)
{
    if (g->seed_level != level) return UDS_SEQUENCE_ERROR;
    g->seed_level = 0;
    if (!keep_attempts(g, g->attempts + 1)) return UDS_CONDITIONS_NOT_CORRECT;
    if (g->port->key_fits(g->port->ctx, level, g->seed, key, n)) {
        (void)keep_attempts(g, 0); /* if it fails, the next wrong one counts for more */
        g->unlocked = level;
        return UDS_OK;
    }
    if (g->attempts < UDS_ATTEMPTS) return UDS_INVALID_KEY;
    g->delay_until_ms = g->now_ms + UDS_ATTEMPT_DELAY_MS;
    return UDS_TOO_MANY_ATTEMPTS;
}

static enum uds_code security_access(struct uds_guard *g, const uint8_t *q, size_t n, uint8_t *out,
                                     size_t cap, size_t *out_n)
{
    const uint8_t sub = q[0] & 0x7F, level = (uint8_t)((sub + 1) / 2);
    if (level == 0 || level > g->port->levels) return UDS_SUBFUNCTION_NOT_SUPPORTED;
    if (sub % 2 == 1) return n == 1 ? request_seed(g, level, out, cap, out_n) : UDS_INCORRECT_LENGTH;
    return n > 1 ? send_key(g, level, q + 1, n - 1) : UDS_INCORRECT_LENGTH;
}

/* ---- 29 ---- */

struct field {
    const uint8_t *p;
    size_t n;
};

/* A length of two bytes, and so many bytes. */
static bool take_field(const uint8_t **at, const uint8_t *end, struct field *f)
{
    if (end - *at < 2) return false;
    f->n = (size_t)uds_get(*at, 2);
    f->p = *at + 2;
    if (f->n > (size_t)(end - f->p)) return false;
    *at = f->p + f->n;
    return true;
}

struct answer {
    uint8_t *out;
    size_t cap, n;
    bool full;
};

static void put_byte(struct answer *a, uint8_t v)
{
    if (a->n < a->cap)
        a->out[a->n++] = v;
    else
        a->full = true;
}

static void put_field(struct answer *a, const uint8_t *p, size_t n)
{
    put_byte(a, (uint8_t)(n >> 8));
    put_byte(a, (uint8_t)n);
    for (size_t i = 0; i < n; i++) put_byte(a, p[i]);
}

/* Our certificate, and our proof over their challenge: each written in place behind its length. */
static bool put_ourselves(struct uds_guard *g, struct answer *a)
{
    uint8_t message[UDS_PROOF_MESSAGE_MAX];
    const struct uds_guard_port *port = g->port;
    const size_t bytes = uds_proof_message(message, 'S', g->client_challenge, g->client_challenge_bytes,
                                           g->challenge, sizeof g->challenge);
    for (unsigned part = 0; part < 2; part++) {
        if (a->cap - a->n < 2) return false;
        uint8_t *at = a->out + a->n + 2;
        const size_t room = a->cap - a->n - 2;
        size_t n = part == 0 ? port->own_certificate(port->ctx, at, room)
                             : port->own_proof(port->ctx, message, bytes, at, room);
        if (n == 0 || n > room || n > UINT16_MAX) return false;
        uds_put(at - 2, n, 2);
        a->n += 2 + n;
    }
    return true;
}

static enum uds_code verify_certificate(struct uds_guard *g, const uint8_t *q, size_t n, bool both,
                                        struct answer *a)
{
    struct field certificate, challenge;
    const uint8_t *at = q + 2, *end = q + n;
    g->identity = UDS_UNKNOWN;
    if (n < 2 || !take_field(&at, end, &certificate) || !take_field(&at, end, &challenge) || at != end)
        return UDS_INCORRECT_LENGTH;
    if (q[1] != 0 || challenge.n > UDS_CHALLENGE_MAX) return UDS_OUT_OF_RANGE; /* no secured communication */
    if (both && challenge.n < LEAST_CLIENT_CHALLENGE) return UDS_OUT_OF_RANGE;
    enum uds_code code = g->port->certificate(g->port->ctx, certificate.p, certificate.n);
    if (code != UDS_OK) return code;
    if (!g->port->random(g->port->ctx, g->challenge, sizeof g->challenge)) return UDS_CHALLENGE_FAILED;
    if (challenge.n > 0) memcpy(g->client_challenge, challenge.p, challenge.n);
    g->client_challenge_bytes = (uint8_t)challenge.n;
    put_byte(a, PROOF_WANTED);
    put_field(a, g->challenge, sizeof g->challenge);
    if (both && !put_ourselves(g, a)) return UDS_CONDITIONS_NOT_CORRECT;
    put_field(a, NULL, 0); /* no ephemeral key */
    g->identity = UDS_CERTIFIED;
    return UDS_OK;
}

/* A challenge is good for one proof. */
static enum uds_code prove(struct uds_guard *g, const uint8_t *q, size_t n, struct answer *a)
{
    uint8_t message[UDS_PROOF_MESSAGE_MAX];
    struct field proof, ephemeral;
    const uint8_t *at = q + 1, *end = q + n;
    if (n < 5) return UDS_INCORRECT_LENGTH;
    if (g->identity != UDS_CERTIFIED) return UDS_SEQUENCE_ERROR; /* before lengths in detail */
    if (!take_field(&at, end, &proof) || !take_field(&at, end, &ephemeral) || at != end)
        return UDS_INCORRECT_LENGTH;
    g->identity = UDS_UNKNOWN;
    const size_t bytes = uds_proof_message(message, 'C', g->challenge, sizeof g->challenge,
                                           g->client_challenge, g->client_challenge_bytes);
    if (!g->port->proves(g->port->ctx, message, bytes, proof.p, proof.n)) return UDS_OWNERSHIP_FAILED;
    g->identity = UDS_AUTHENTICATED;
    put_byte(a, AUTHENTICATED);
    put_field(a, NULL, 0); /* no session key */
    return UDS_OK;
}

static enum uds_code short_answer(size_t n, struct answer *a, uint8_t value)
{
    if (n != 1) return UDS_INCORRECT_LENGTH;
    put_byte(a, value);
    return UDS_OK;
}

static enum uds_code authentication(struct uds_guard *g, const uint8_t *q, size_t n, struct answer *a)
{
    switch (q[0] & 0x7F) {
    case UDS_DEAUTHENTICATE:
        if (n == 1) g->identity = UDS_UNKNOWN;
        return short_answer(n, a, DEAUTHENTICATED);
    case UDS_VERIFY_UNIDIRECTIONAL:
        return verify_certificate(g, q, n, false, a);
    case UDS_VERIFY_BIDIRECTIONAL:
        if (g->port->own_certificate == NULL || g->port->own_proof == NULL)
            return UDS_SUBFUNCTION_NOT_SUPPORTED;
        return verify_certificate(g, q, n, true, a);
    case UDS_PROOF_OF_OWNERSHIP:
        return prove(g, q, n, a);
    case UDS_AUTHENTICATION_CONFIGURATION:
        return short_answer(n, a, APCE);
    default:
        return UDS_SUBFUNCTION_NOT_SUPPORTED;
    }
}

static enum uds_code guard_security(void *ctx, uint8_t service, const uint8_t *q, size_t n, uint8_t *out,
                                    size_t cap, size_t *out_n)
{
    struct uds_guard *g = ctx;
    if (service == UDS_SECURITY_ACCESS) return security_access(g, q, n, out, cap, out_n);
    struct answer a = {.out = out, .cap = cap};
    enum uds_code code = authentication(g, q, n, &a);
    *out_n = a.n;
    return code == UDS_OK && a.full ? UDS_RESPONSE_TOO_LONG : code;
}

/* ---- the lock ---- */

static bool is_guarded(uint8_t service)
{
    static const uint8_t guarded[] = {
        UDS_ECU_RESET,     UDS_WRITE_DATA,    UDS_ROUTINE_CONTROL,      UDS_REQUEST_DOWNLOAD,
        UDS_TRANSFER_DATA, UDS_TRANSFER_EXIT, UDS_REQUEST_FILE_TRANSFER};
    for (size_t i = 0; i < sizeof guarded; i++)
        if (guarded[i] == service) return true;
    return false;
}

static enum uds_code guard_allow(void *ctx, uint8_t service)
{
    struct uds_guard *g = ctx;
    if (is_guarded(service)) {
        if (g->port->certificate != NULL && g->identity != UDS_AUTHENTICATED)
            return UDS_AUTHENTICATION_REQUIRED;
        if (g->port->key_fits != NULL && g->unlocked == 0) return UDS_SECURITY_DENIED;
    }
    return g->inner->allow != NULL ? g->inner->allow(g->inner_ctx, service) : UDS_OK;
}

static enum uds_code guard_session(void *ctx, uint8_t session)
{
    struct uds_guard *g = ctx;
    enum uds_code code = g->inner->session != NULL ? g->inner->session(g->inner_ctx, session) : UDS_OK;
    if (code == UDS_OK || session == UDS_DEFAULT) lock(g);
    return code;
}

/* ---- what is passed on ---- */

static enum uds_code guard_read(void *ctx, uint16_t did, uint8_t *out, size_t cap, size_t *n)
{
    const struct uds_guard *g = ctx;
    return g->inner->read(g->inner_ctx, did, out, cap, n);
}

static enum uds_code guard_write(void *ctx, uint16_t did, const uint8_t *data, size_t n)
{
    const struct uds_guard *g = ctx;
    return g->inner->write(g->inner_ctx, did, data, n);
}

static enum uds_code guard_routine(void *ctx, uint16_t routine, uint8_t control, const uint8_t *data,
                                   size_t n, uint8_t *out, size_t cap, size_t *out_n)
{
    const struct uds_guard *g = ctx;
    return g->inner->routine(g->inner_ctx, routine, control, data, n, out, cap, out_n);
}

static enum uds_code guard_download(void *ctx, uint8_t format, uint64_t address, uint64_t bytes)
{
    const struct uds_guard *g = ctx;
    return g->inner->download(g->inner_ctx, format, address, bytes);
}

static enum uds_code guard_file(void *ctx, const struct uds_file_request *f)
{
    const struct uds_guard *g = ctx;
    return g->inner->file(g->inner_ctx, f);
}

static enum uds_code guard_block(void *ctx, const uint8_t *data, size_t n)
{
    const struct uds_guard *g = ctx;
    return g->inner->block(g->inner_ctx, data, n);
}

static enum uds_code guard_exit(void *ctx)
{
    const struct uds_guard *g = ctx;
    return g->inner->exit(g->inner_ctx);
}

static void guard_abort(void *ctx)
{
    const struct uds_guard *g = ctx;
    g->inner->abort(g->inner_ctx);
}

static enum uds_code guard_reset(void *ctx, uint8_t type)
{
    const struct uds_guard *g = ctx;
    return g->inner->reset(g->inner_ctx, type);
}

void uds_guard_init(struct uds_guard *g, const struct uds_guard_port *port, const struct uds_owner *inner,
                    void *inner_ctx, uint8_t attempts, uint64_t now_ms)
{
    *g = (struct uds_guard){.inner = inner,
                            .inner_ctx = inner_ctx,
                            .port = port,
                            .now_ms = now_ms,
                            .delay_until_ms = now_ms + UDS_ATTEMPT_DELAY_MS,
                            .attempts = attempts < UDS_ATTEMPTS ? attempts : UDS_ATTEMPTS};
    g->kept = g->attempts;
    g->owner = (struct uds_owner){.allow = guard_allow,
                                  .read = inner->read != NULL ? guard_read : NULL,
                                  .write = inner->write != NULL ? guard_write : NULL,
                                  .routine = inner->routine != NULL ? guard_routine : NULL,
                                  .download = inner->download != NULL ? guard_download : NULL,
                                  .file = inner->file != NULL ? guard_file : NULL,
                                  .block = inner->block != NULL ? guard_block : NULL,
                                  .exit = inner->exit != NULL ? guard_exit : NULL,
                                  .abort = inner->abort != NULL ? guard_abort : NULL,
                                  .session = guard_session,
                                  .security = guard_security,
                                  .without_27 = port->key_fits == NULL,
                                  .without_29 = port->certificate == NULL,
                                  .checks_blocks = inner->checks_blocks,
                                  .reset = inner->reset != NULL ? guard_reset : NULL};
}

void uds_guard_tick(struct uds_guard *g, uint64_t now_ms)
{
    g->now_ms = now_ms;
}

/* isotp/uds_guard.c under any requests: nothing that is guarded reaches the owner behind it before the port
 * has been satisfied in this very session, however requests, time, sessions and failures are mixed. */
#include "isotp/uds_guard.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MAX 200

#define HOLDS(what)                                                                                          \
    do {                                                                                                     \
        if (!(what)) abort();                                                                                \
    } while (0)

struct world {
    struct uds_server s;
    struct uds_guard g;
    struct uds_guard_port port;
    const uint8_t *in;
    size_t left;
    uint32_t now;
    bool fits, proven, certified;
    uint8_t kept;
};

static uint8_t next(struct world *w)
{
    if (w->left == 0) return 0;
    w->left--;
    return *w->in++;
}

/* ---- the port: the input says what it thinks ---- */

static bool some_random(void *ctx, uint8_t *out, size_t n)
{
    struct world *w = ctx;
    const uint8_t v = next(w);
    memset(out, v & 3, n);
    return v != 0xFF;
}

static bool key_fits(void *ctx, uint8_t level, const uint8_t seed[UDS_SEED_BYTES], const uint8_t *key,
                     size_t n)
{
    struct world *w = ctx;
    uint8_t any = 0;
    for (size_t i = 0; i < UDS_SEED_BYTES; i++) any |= seed[i];
    HOLDS(any != 0 && level >= 1 && level <= 2 && key != NULL && n > 0);
    HOLDS(w->kept > 0 && w->kept <= UDS_ATTEMPTS);
    w->fits = next(w) & 1;
    return w->fits;
}

static bool keep_attempts(void *ctx, uint8_t attempts)
{
    struct world *w = ctx;
    w->kept = attempts;
    return true;
}

static enum uds_code judge(void *ctx, const uint8_t *certificate, size_t n)
{
    struct world *w = ctx;
    uint8_t sum = 0;
    for (size_t i = 0; i < n; i++) sum = (uint8_t)(sum + certificate[i]);
    w->proven = false;
    w->certified = (sum & 3) != 0;
    return w->certified ? UDS_OK : UDS_CERTIFICATE_CHAIN;
}

static bool proves(void *ctx, const uint8_t *message, size_t n, const uint8_t *proof, size_t proof_n)
{
    struct world *w = ctx;
    HOLDS(w->certified && n >= 1 + UDS_CHALLENGE_BYTES && n <= UDS_PROOF_MESSAGE_MAX && message[0] == 'C');
    w->certified = false; /* a challenge is good for one proof */
    uint8_t sum = 0;
    for (size_t i = 0; i < proof_n; i++) sum = (uint8_t)(sum + proof[i]);
    w->proven = sum & 1;
    return w->proven;
}

static size_t own_bytes(struct world *w, uint8_t *out, size_t cap)
{
    const size_t n = next(w);
    memset(out, 0x5A, n < cap ? n : cap);
    return n; /* may claim more than there is room for */
}

static size_t own_certificate(void *ctx, uint8_t *out, size_t cap)
{
    return own_bytes(ctx, out, cap);
}

static size_t own_proof(void *ctx, const uint8_t *message, size_t n, uint8_t *out, size_t cap)
{
    HOLDS(message[0] == 'S' && n > 1 + UDS_CHALLENGE_BYTES);
    return own_bytes(ctx, out, cap);
}

/* ---- the owner behind it ---- */

static void must_be_open(const struct world *w)
{
    HOLDS(w->port.key_fits == NULL || w->fits);
    HOLDS(w->port.certificate == NULL || w->proven);
}

static enum uds_code inner_write(void *ctx, uint16_t did, const uint8_t *data, size_t n)
{
    (void)did, (void)data, (void)n;
    must_be_open(ctx);
    return UDS_OK;
}

static enum uds_code inner_routine(void *ctx, uint16_t routine, uint8_t control, const uint8_t *data,
                                   size_t n, uint8_t *out, size_t cap, size_t *out_n)
{
    (void)routine, (void)control, (void)data, (void)n, (void)out, (void)cap, (void)out_n;
    must_be_open(ctx);
    return UDS_OK;
}

static enum uds_code inner_download(void *ctx, uint8_t format, uint64_t address, uint64_t bytes)
{
    (void)format, (void)address, (void)bytes;
    must_be_open(ctx);
    return UDS_OK;
}

static enum uds_code inner_block(void *ctx, const uint8_t *data, size_t n)
{
    (void)data, (void)n;
    must_be_open(ctx);
    return UDS_OK;
}

static enum uds_code inner_session(void *ctx, uint8_t session)
{
    struct world *w = ctx;
    (void)session;
    w->fits = w->proven = w->certified = false; /* a refused change would not lock; this owner refuses none */
    return UDS_OK;
}

static void ask(struct world *w)
{
    uint8_t request[MAX];
    const uint8_t *reply;
    size_t n = next(w) % (MAX + 1u), bytes;
    if (n > w->left) n = w->left;
    memcpy(request, w->in, n);
    w->in += n;
    w->left -= n;
    if (n == 2 && request[0] == UDS_AUTHENTICATION && (request[1] & 0x7F) == UDS_DEAUTHENTICATE)
        w->proven = w->certified = false;
    uds_server_request(&w->s, request, n, false, w->now);
    while (uds_server_reply(&w->s, &reply, &bytes)) {
        HOLDS(bytes >= 1 && bytes <= MAX);
        uds_server_sent(&w->s, w->now);
    }
    HOLDS(!uds_server_busy(&w->s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct uds_owner inner = {.write = inner_write,
                                           .routine = inner_routine,
                                           .download = inner_download,
                                           .block = inner_block,
                                           .session = inner_session};
    const struct uds_server_config config = {.max_message = MAX, .download_sessions = 1 << UDS_EXTENDED};
    struct world w = {.in = data, .left = n, .now = 0xFFF00000u};
    const uint8_t kind = next(&w);
    uint8_t *buffer = malloc(MAX);
    HOLDS(buffer != NULL);
    w.port = (struct uds_guard_port){
        .ctx = &w, .random = some_random, .levels = 2, .keep_attempts = keep_attempts};
    if ((kind & 3) != 1) w.port.key_fits = key_fits;
    if ((kind & 3) != 2) {
        w.port.certificate = judge;
        w.port.proves = proves;
        if (kind & 4) {
            w.port.own_certificate = own_certificate;
            w.port.own_proof = own_proof;
        }
    }
    uds_guard_init(&w.g, &w.port, &inner, &w, 0, 0);
    uds_server_init(&w.s, &config, &w.g.owner, &w.g, buffer);
    uint64_t now_ms = 0;
    while (w.left > 0) {
        const uint8_t op = next(&w);
        if (op >= 0xC0) {
            now_ms += (op & 63) * 200u;
            w.now += (op & 63) * 200000u;
            uds_guard_tick(&w.g, now_ms);
            uds_server_poll(&w.s, w.now);
        } else {
            ask(&w);
        }
    }
    free(buffer);
    return 0;
}

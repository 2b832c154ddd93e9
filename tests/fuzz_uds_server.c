/* isotp/uds_server.c under any requests, verdicts and pauses. The owner checks that the server keeps its
 * word. */
#include "isotp/uds_server.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MAX 32

#define HOLDS(what)                                                                                          \
    do {                                                                                                     \
        if (!(what)) abort();                                                                                \
    } while (0)

struct world {
    struct uds_server s;
    uint8_t *reply, *request; /* of exactly the right size, for AddressSanitizer */
    size_t request_bytes;
    bool functional, told_to_wait;
    const uint8_t *in;
    size_t left;
    uint32_t now;
    bool open; /* between an accepted 34 or 38 and its end */
    uint64_t size, got;
};

static uint8_t next(struct world *w)
{
    if (w->left == 0) return 0;
    w->left--;
    return *w->in++;
}

static enum uds_code verdict(struct world *w)
{
    static const enum uds_code codes[] = {UDS_OK,
                                          UDS_OK,
                                          UDS_OK,
                                          UDS_PENDING,
                                          UDS_PENDING,
                                          UDS_OUT_OF_RANGE,
                                          UDS_OK,
                                          UDS_CONDITIONS_NOT_CORRECT,
                                          UDS_SECURITY_DENIED,
                                          UDS_PROGRAMMING_FAILURE,
                                          UDS_DOWNLOAD_NOT_ACCEPTED,
                                          UDS_SUBFUNCTION_NOT_IN_SESSION};
    HOLDS(w->request != NULL);
    return w->left == 0 ? UDS_OK : codes[next(w) % (sizeof codes / sizeof *codes)];
}

static void fill(struct world *w, uint8_t *out, size_t cap, size_t *n)
{
    *n = next(w) % (MAX + 4u); /* may claim more than there is room for */
    memset(out, 0x5A, *n < cap ? *n : cap);
}

static enum uds_code own_allow(void *ctx, uint8_t service)
{
    (void)ctx;
    return service == UDS_WRITE_DATA ? UDS_SECURITY_DENIED : UDS_OK;
}

static enum uds_code own_read(void *ctx, uint16_t did, uint8_t *out, size_t cap, size_t *n)
{
    HOLDS(did != UDS_DID_SESSION);
    fill(ctx, out, cap, n);
    return verdict(ctx);
}

static enum uds_code own_write(void *ctx, uint16_t did, const uint8_t *data, size_t n)
{
    (void)ctx, (void)did, (void)data, (void)n;
    HOLDS(false); /* locked */
    return UDS_OK;
}

static enum uds_code own_routine(void *ctx, uint16_t routine, uint8_t control, const uint8_t *data, size_t n,
                                 uint8_t *out, size_t cap, size_t *out_n)
{
    struct world *w = ctx;
    (void)routine;
    HOLDS(control >= UDS_START && control <= UDS_RESULTS);
    HOLDS(data == w->request + 4 && n == w->request_bytes - 4);
    fill(w, out, cap, out_n);
    return verdict(w);
}

static enum uds_code begin(struct world *w, uint64_t bytes)
{
    HOLDS(!w->open && bytes > 0);
    enum uds_code code = verdict(w);
    if (code != UDS_OK) return code;
    w->open = true;
    w->size = bytes;
    w->got = 0;
    return UDS_OK;
}

static enum uds_code own_download(void *ctx, uint8_t format, uint64_t address, uint64_t bytes)
{
    (void)format;
    HOLDS(address + bytes > address);
    return begin(ctx, bytes);
}

static enum uds_code own_file(void *ctx, const struct uds_file_request *f)
{
    struct world *w = ctx;
    HOLDS(f->mode == UDS_FILE_REPLACE && f->path_bytes >= 1 && f->path_bytes <= UDS_PATH_MAX);
    HOLDS(f->path + f->path_bytes < w->request + w->request_bytes);
    return begin(w, f->bytes);
}

static enum uds_code own_block(void *ctx, const uint8_t *data, size_t n)
{
    struct world *w = ctx;
    HOLDS(w->open && n > 0 && n <= MAX - 2 && n <= w->size - w->got);
    HOLDS(data + n == w->request + w->request_bytes);
    enum uds_code code = verdict(w);
    if (code == UDS_OK) w->got += n;
    return code;
}

static enum uds_code own_exit(void *ctx)
{
    struct world *w = ctx;
    HOLDS(w->open && w->got == w->size);
    enum uds_code code = verdict(w);
    if (code == UDS_OK) w->open = false;
    return code;
}

static void own_abort(void *ctx)
{
    struct world *w = ctx;
    HOLDS(w->open);
    w->open = false;
}

static enum uds_code own_session(void *ctx, uint8_t session)
{
    struct world *w = ctx;
    HOLDS(session >= UDS_DEFAULT && session <= UDS_EXTENDED);
    return w->request != NULL ? verdict(w) : UDS_OK; /* no request: S3 has run out */
}

static enum uds_code own_security(void *ctx, uint8_t service, const uint8_t *data, size_t n, uint8_t *out,
                                  size_t cap, size_t *out_n)
{
    struct world *w = ctx;
    HOLDS(service == UDS_SECURITY_ACCESS || service == UDS_AUTHENTICATION);
    HOLDS(data == w->request + 1 && n == w->request_bytes - 1);
    fill(w, out, cap, out_n);
    return verdict(w);
}

static enum uds_code own_reset(void *ctx, uint8_t type)
{
    HOLDS(type >= 1 && type <= 3);
    return verdict(ctx);
}

static const struct uds_owner owner = {.allow = own_allow,
                                       .read = own_read,
                                       .write = own_write,
                                       .routine = own_routine,
                                       .download = own_download,
                                       .file = own_file,
                                       .block = own_block,
                                       .exit = own_exit,
                                       .abort = own_abort,
                                       .session = own_session,
                                       .security = own_security,
                                       .reset = own_reset,
                                       .checks_blocks = true};

static void let_go(struct world *w)
{
    if (uds_server_busy(&w->s)) return;
    free(w->request);
    w->request = NULL;
}

static void hear_reply(struct world *w)
{
    const uint8_t *r;
    size_t n;
    if (!uds_server_reply(&w->s, &r, &n)) return;
    HOLDS(n >= 1 && n <= MAX);
    if (r[0] != UDS_NEGATIVE) {
        HOLDS(w->request != NULL && r[0] == (w->request[0] | UDS_ANSWER));
    } else {
        HOLDS(n == 3);
        if (r[2] == UDS_RESPONSE_PENDING) w->told_to_wait = true;
        bool foreign = r[2] == UDS_SERVICE_NOT_SUPPORTED || r[2] == UDS_SUBFUNCTION_NOT_SUPPORTED ||
                       r[2] == UDS_OUT_OF_RANGE || r[2] == UDS_SERVICE_NOT_IN_SESSION ||
                       r[2] == UDS_SUBFUNCTION_NOT_IN_SESSION;
        HOLDS(!foreign || !w->functional || w->told_to_wait);
    }
    uds_server_sent(&w->s, w->now);
    HOLDS(r[0] == UDS_NEGATIVE || !uds_server_busy(&w->s));
}

static void make_request(struct world *w, bool functional)
{
    size_t n = next(w) % (MAX + 8u);
    if (n > w->left) n = w->left;
    uint8_t *request = malloc(n > 0 ? n : 1);
    HOLDS(request != NULL);
    if (n > 0) memcpy(request, w->in, n);
    w->in += n;
    w->left -= n;
    bool busy = uds_server_busy(&w->s), taken = !busy && n > 0 && (request[0] & UDS_ANSWER) == 0;
    if (taken && !uds_server_reset_due(&w->s)) {
        /* The session may end first, with no request at work: let it, as a well-kept loop does. */
        uds_server_poll(&w->s, w->now);
        w->request = request;
        w->request_bytes = n;
        w->functional = functional;
        w->told_to_wait = false;
    }
    uds_server_request(&w->s, request, n, functional, w->now);
    if (w->request != request) free(request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint32_t pauses[] = {0, 300, 1000, 45000, 400000, 3500000, 4999000, 6000000};
    const struct uds_server_config config = {.max_message = MAX,
                                             .download_sessions = 1 << UDS_EXTENDED | 1 << UDS_PROGRAMMING};
    struct world w = {.in = data, .left = n, .now = 0xFFF00000u, .reply = malloc(MAX)};
    HOLDS(w.reply != NULL);
    uds_server_init(&w.s, &config, &owner, &w, w.reply);
    while (w.left > 0) {
        uint8_t op = next(&w);
        if (op < 0x60) make_request(&w, op % 4 == 3);
        if (op >= 0x60 && op < 0xC0) w.now += pauses[op % 8];
        uds_server_poll(&w.s, w.now);
        if (op < 0xE0) hear_reply(&w);
        let_go(&w);
        HOLDS(w.open == w.s.transfer);
    }
    for (int i = 0; i < 3 && uds_server_busy(&w.s); i++) { /* the owner is willing now: nothing may hang */
        uds_server_poll(&w.s, w.now);
        hear_reply(&w);
    }
    HOLDS(!uds_server_busy(&w.s));
    free(w.request);
    free(w.reply);
    return 0;
}

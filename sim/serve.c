#include "sim/serve.h"

#include "metadata/encode.h"
#include "sim/fault.h"
#include "sim/pki.h"

#include <arpa/inet.h>
#include <gnutls/x509.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#define CONNECTIONS_MAX   64
#define IDLE_S            300
#define CERTIFICATE_FILES 3

struct sim_server {
    struct MHD_Daemon *daemon;
    struct sim_backend *backend;
    struct sim_server_config config;
    struct sim_bytes pem[CERTIFICATE_FILES];
    uint16_t port;
    atomic_bool stopping;
    atomic_uint connections, requests;
    pthread_mutex_t lock; /* of backend and faults */
    struct sim_fault *faults;
    size_t fault_count;
};

struct peer { /* one connection */
    unsigned number;
    bool known;
    char vehicle[UP_ID_MAX + 1];
};

struct upload { /* one request */
    struct sim_bytes body;
    size_t received; /* what is above the limit is counted, not kept */
};

/* Connections: the client certificate */

/* The common name of the verified certificate, if it is a vehicle id. */
static void identify(struct MHD_Connection *connection, struct peer *p)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    gnutls_session_t session = info->tls_session;
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t certificate;
    char name[UP_ID_MAX + 1];
    size_t n = sizeof name;
    if (chain == NULL || count == 0 || gnutls_session_get_verify_cert_status(session) != 0) return;
    if (gnutls_x509_crt_init(&certificate) < 0) return;
    if (gnutls_x509_crt_import(certificate, chain, GNUTLS_X509_FMT_DER) >= 0 &&
        gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &n) >= 0 &&
        up_is_id((struct up_span){(const uint8_t *)name, n})) {
        memcpy(p->vehicle, name, n);
        p->vehicle[n] = '\0';
        p->known = true;
    }
    gnutls_x509_crt_deinit(certificate);
}

/* Before the handshake, which asks for a certificate: without one that our authority signed it fails. */
static void on_connection(void *ctx, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct sim_server *s = ctx;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        free(*socket_context);
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    gnutls_session_set_verify_cert(info->tls_session, NULL, 0);
    struct peer *p = calloc(1, sizeof *p);
    if (p != NULL) p->number = atomic_fetch_add(&s->connections, 1) + 1;
    *socket_context = p;
}

static struct peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct peer *p = info->socket_context;
    if (p != NULL && !p->known) identify(connection, p);
    return p;
}

/* Faults */

static bool fits(const struct sim_fault *f, const char *path)
{
    size_t n = strlen(f->path);
    return n > 0 && f->path[n - 1] == '*' ? strncmp(f->path, path, n - 1) == 0 : strcmp(f->path, path) == 0;
}

/* Under the lock; uses up one time. */
static bool take_fault(struct sim_server *s, const char *path, struct sim_fault *out)
{
    for (size_t i = 0; i < s->fault_count; i++) {
        struct sim_fault *f = &s->faults[i];
        if (!fits(f, path)) continue;
        *out = *f;
        if (f->times > 0 && --f->times == 0) {
            s->fault_count--;
            memmove(f, f + 1, (s->fault_count - i) * sizeof *f);
        }
        return true;
    }
    return false;
}

bool sim_server_set_faults(struct sim_server *s, const struct sim_fault *faults, size_t n)
{
    struct sim_fault *copy = calloc(n + 1, sizeof *copy);
    if (copy == NULL) return false;
    if (n > 0) memcpy(copy, faults, n * sizeof *copy);
    pthread_mutex_lock(&s->lock);
    free(s->faults);
    s->faults = copy;
    s->fault_count = n;
    pthread_mutex_unlock(&s->lock);
    return true;
}

/* Requests */

/* "bytes=123-"; 0: no range, or one that we do not serve. */
static uint64_t range_from(struct MHD_Connection *connection)
{
    const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_RANGE);
    uint64_t from;
    int end = 0;
    if (text == NULL || sscanf(text, "bytes=%" SCNu64 "-%n", &from, &end) != 1 || end == 0 ||
        text[end] != '\0')
        return 0;
    return from;
}

static void log_request(struct sim_server *s, const struct sim_request *rq, unsigned connection,
                        unsigned status, size_t bytes)
{
    char at[UP_TIME_TEXT];
    if (s->config.log == NULL) return;
    up_time_encode(s->config.now(s->config.ctx), at);
    flockfile(s->config.log);
    fprintf(s->config.log, "time=%.*s connection=%u vehicle=%s method=%s path=", (int)sizeof at, at,
            connection, rq->vehicle != NULL ? rq->vehicle : "-", rq->method);
    for (const char *c = rq->path; *c != '\0'; c++) /* nothing that a terminal obeys */
        fprintf(s->config.log, *c > ' ' && *c < 0x7F ? "%c" : "%%%02X", (unsigned char)*c);
    if (rq->from > 0) fprintf(s->config.log, " from=%" PRIu64, rq->from);
    fprintf(s->config.log, " status=%u bytes=%zu\n", status, bytes);
    fflush(s->config.log);
    funlockfile(s->config.log);
}

static void add_headers(struct MHD_Response *r, const struct sim_request *rq, const struct sim_reply *reply)
{
    MHD_add_response_header(r, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (reply->status == MHD_HTTP_PARTIAL_CONTENT) {
        char range[96];
        uint64_t total = rq->from + reply->body_bytes;
        snprintf(range, sizeof range, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, rq->from, total - 1, total);
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_RANGE, range);
    }
}

static enum MHD_Result answer(struct sim_server *s, struct MHD_Connection *connection, unsigned number,
                              const struct sim_request *rq)
{
    struct sim_reply reply;
    struct sim_fault fault;
    pthread_mutex_lock(&s->lock);
    sim_backend_request(s->backend, rq, &reply);
    bool faulty = take_fault(s, rq->path, &fault);
    pthread_mutex_unlock(&s->lock);
    atomic_fetch_add(&s->requests, 1);

    if (faulty && fault.kind == SIM_FAULT_STATUS) reply.status = (unsigned)fault.value;
    if (faulty && fault.kind == SIM_FAULT_DELAY) sim_fault_sleep(fault.value, &s->stopping);
    log_request(s, rq, number, reply.status, reply.body_bytes);
    struct sim_bytes body = {reply.body, reply.body_bytes};
    if (faulty && fault.kind == SIM_FAULT_DROP) {
        sim_bytes_free(&body);
        return MHD_NO; /* closes the connection */
    }
    struct MHD_Response *r = sim_fault_response(faulty ? &fault : NULL, body, &s->stopping);
    if (r == NULL) return MHD_NO;
    add_headers(r, rq, &reply);
    enum MHD_Result queued = MHD_queue_response(connection, reply.status, r);
    MHD_destroy_response(r);
    return queued;
}

static bool take_upload(struct upload *u, const char *path, const char *data, size_t n)
{
    u->received += n;
    if (u->received > sim_backend_body_max(path)) return true;
    uint8_t *more = realloc(u->body.p, u->received);
    if (more == NULL) return false;
    memcpy(more + u->body.n, data, n);
    u->body.p = more;
    u->body.n = u->received;
    return true;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_bytes, void **request_context)
{
    (void)version;
    struct sim_server *s = ctx;
    struct upload *u = *request_context;
    if (u == NULL) { /* headers only: the body comes with further calls */
        *request_context = calloc(1, sizeof *u);
        return *request_context != NULL ? MHD_YES : MHD_NO;
    }
    if (*upload_bytes > 0) {
        bool ok = take_upload(u, url, upload_data, *upload_bytes);
        *upload_bytes = 0;
        return ok ? MHD_YES : MHD_NO;
    }
    const struct peer *p = peer_of(connection);
    const struct sim_request rq = {.method = method,
                                   .path = url,
                                   .vehicle = p != NULL && p->known ? p->vehicle : NULL,
                                   .body = u->body.p,
                                   .body_bytes = u->received,
                                   .from = range_from(connection)};
    return answer(s, connection, p != NULL ? p->number : 0, &rq);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    (void)ctx;
    (void)connection;
    (void)code;
    struct upload *u = *request_context;
    if (u != NULL) sim_bytes_free(&u->body);
    free(u);
    *request_context = NULL;
}

/* The backend decodes names itself, once. */
static size_t keep_escapes(void *ctx, struct MHD_Connection *connection, char *text)
{
    (void)ctx;
    (void)connection;
    return strlen(text);
}

/* Starting and stopping */

static bool read_certificates(struct sim_server *s, char why[SIM_WHY_MAX])
{
    static const char *const names[CERTIFICATE_FILES] = {"ca.pem", "server.pem", "server.key"};
    char path[SIM_PATH_MAX];
    if (!sim_path(path, "%s/pki", s->config.dir)) return sim_say(why, "%s: path too long", s->config.dir);
    if (!sim_pki_create(path, s->config.hosts, s->config.now(s->config.ctx), why)) return false;
    for (size_t i = 0; i < CERTIFICATE_FILES; i++)
        if (!sim_path(path, "%s/pki/%s", s->config.dir, names[i]) || !sim_file_read(path, &s->pem[i]))
            return sim_say(why, "%s: cannot read it", path);
    return true;
}

static bool listen_on(struct sim_server *s, char why[SIM_WHY_MAX])
{
    const char *address = s->config.address != NULL ? s->config.address : "127.0.0.1";
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(s->config.port)};
    if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
        return sim_say(why, "%s: not an IPv4 address to listen on", address);
    s->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_TLS, 0, NULL,
        NULL, on_request, s, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at, MHD_OPTION_HTTPS_MEM_TRUST,
        (const char *)s->pem[0].p, MHD_OPTION_HTTPS_MEM_CERT, (const char *)s->pem[1].p,
        MHD_OPTION_HTTPS_MEM_KEY, (const char *)s->pem[2].p, MHD_OPTION_HTTPS_PRIORITIES,
        "SECURE128:-VERS-ALL:+VERS-TLS1.3", MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (s->daemon == NULL) return sim_say(why, "%s:%u: cannot listen there", address, s->config.port);
    s->port = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    return true;
}

struct sim_server *sim_server_start(const struct sim_server_config *config, char why[SIM_WHY_MAX])
{
    struct sim_server *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->config = *config;
    pthread_mutex_init(&s->lock, NULL);
    s->backend = sim_backend_open(config->dir, config->now, config->ctx, why, SIM_WHY_MAX);
    if (s->backend != NULL && read_certificates(s, why) && listen_on(s, why)) return s;
    sim_server_stop(s);
    return NULL;
}

void sim_server_stop(struct sim_server *s)
{
    if (s == NULL) return;
    atomic_store(&s->stopping, true);
    if (s->daemon != NULL) MHD_stop_daemon(s->daemon);
    sim_backend_close(s->backend);
    for (size_t i = 0; i < CERTIFICATE_FILES; i++) sim_bytes_free(&s->pem[i]);
    pthread_mutex_destroy(&s->lock);
    free(s->faults);
    free(s);
}

uint16_t sim_server_port(const struct sim_server *s)
{
    return s->port;
}

struct sim_backend *sim_server_lock(struct sim_server *s)
{
    pthread_mutex_lock(&s->lock);
    return s->backend;
}

void sim_server_unlock(struct sim_server *s)
{
    pthread_mutex_unlock(&s->lock);
}

struct sim_server_counts sim_server_count(struct sim_server *s)
{
    return (struct sim_server_counts){atomic_load(&s->connections), atomic_load(&s->requests)};
}

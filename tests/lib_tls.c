#include "tests/lib_tls.h"

#include <arpa/inet.h>
#include <check.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define REQUEST_BYTES 65536

struct server {
    int listener;
    SSL_CTX *context; /* NULL: plain */
    tls_answer *answer;
    pthread_t thread;
    atomic_int peer; /* descriptor of the client at hand; -1: none */
};
static struct server servers[4];
static int count;
static atomic_bool stopping;

struct tls_peer {
    int fd;
    SSL *ssl;
    char cn[128];
};

bool tls_send(struct tls_peer *p, const void *bytes, size_t n)
{
    return p->ssl != NULL ? SSL_write(p->ssl, bytes, (int)n) == (int)n : write(p->fd, bytes, n) == (ssize_t)n;
}

bool tls_send_text(struct tls_peer *p, const char *text)
{
    return tls_send(p, text, strlen(text));
}

bool tls_wait_gone(struct tls_peer *p)
{
    char byte;
    while (read(p->fd, &byte, 1) > 0) continue;
    return false;
}

const char *tls_peer_cn(const struct tls_peer *p)
{
    return p->cn;
}

/* Bytes that the whole request has, as far as its head tells. */
static size_t request_bytes(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "content-length:");
    if (end == NULL) return REQUEST_BYTES;
    size_t head = (size_t)(end - request) + 4;
    return head + (length != NULL && length < end ? strtoul(length + 15, NULL, 10) : 0);
}

static bool read_request(struct tls_peer *p, char request[REQUEST_BYTES])
{
    size_t n = 0;
    request[0] = '\0';
    while (n < request_bytes(request)) {
        int got = SSL_read(p->ssl, request + n, (int)(REQUEST_BYTES - 1 - n));
        if (got <= 0) return false;
        n += (size_t)got;
        request[n] = '\0';
    }
    return true;
}

static void talk(const struct server *s, struct tls_peer *p)
{
    static char request[REQUEST_BYTES];
    if (s->context == NULL) {
        (void)s->answer(p, "");
        return;
    }
    p->ssl = SSL_new(s->context);
    SSL_set_fd(p->ssl, p->fd);
    if (SSL_accept(p->ssl) == 1) {
        X509 *x = SSL_get1_peer_certificate(p->ssl);
        if (x != NULL)
            X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, p->cn, sizeof p->cn);
        X509_free(x);
        while (read_request(p, request) && s->answer(p, request)) continue;
        SSL_shutdown(p->ssl);
    }
    SSL_free(p->ssl);
}

static void *serve(void *ctx)
{
    struct server *s = ctx;
    for (;;) {
        struct tls_peer p = {.fd = accept(s->listener, NULL, NULL)};
        if (p.fd < 0) return NULL;
        atomic_store(&s->peer, p.fd);
        if (!atomic_load(&stopping)) talk(s, &p);
        atomic_store(&s->peer, -1);
        close(p.fd);
    }
}

/* Before OpenSSL is taken down, which a thread in the middle of a handshake would not survive. */
static void stop_all(void)
{
    atomic_store(&stopping, true);
    for (int i = 0; i < count; i++) {
        int peer = atomic_load(&servers[i].peer);
        (void)shutdown(servers[i].listener, SHUT_RDWR);
        if (peer >= 0) (void)shutdown(peer, SHUT_RDWR);
        (void)pthread_join(servers[i].thread, NULL);
    }
}

static SSL_CTX *context_of(const struct tls_options *o)
{
    char path[256];
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    snprintf(path, sizeof path, "%s.pem", o->certificate);
    ck_assert_int_eq(SSL_CTX_use_certificate_file(c, path, SSL_FILETYPE_PEM), 1);
    snprintf(path, sizeof path, "%s.key", o->certificate);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(c, path, SSL_FILETYPE_PEM), 1);
    if (o->max_version != 0) ck_assert_int_eq(SSL_CTX_set_max_proto_version(c, o->max_version), 1);
    if (o->authority == NULL) return c;
    snprintf(path, sizeof path, "%s.pem", o->authority);
    ck_assert_int_eq(SSL_CTX_load_verify_locations(c, path, NULL), 1);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return c;
}

/* Servers live as long as the process of their test. */
int tls_serve(const struct tls_options *o, tls_answer *answer)
{
    ck_assert_int_lt(count, 4);
    if (count == 0) ck_assert(OPENSSL_init_ssl(0, NULL) == 1 && atexit(stop_all) == 0);
    struct server *s = &servers[count];
    atomic_store(&s->peer, -1);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    signal(SIGPIPE, SIG_IGN);
    s->answer = answer;
    s->context = o->certificate == NULL ? NULL : context_of(o);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->listener, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(listen(s->listener, 16), 0);
    ck_assert_int_eq(getsockname(s->listener, (struct sockaddr *)&a, &n), 0);
    ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
    count++;
    return ntohs(a.sin_port);
}

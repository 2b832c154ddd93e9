/* A TLS server on 127.0.0.1 that says to a client exactly what a test wants, well-formed or not. */
#ifndef TESTS_LIB_TLS_H
#define TESTS_LIB_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct tls_peer;
/* Answers one REQUEST (head and body). False: close the connection. */
typedef bool tls_answer(struct tls_peer *peer, const char *request);

struct tls_options {
    const char
        *certificate;      /* NAME.pem and NAME.key of the server; NULL: plain TCP, ANSWER gets no request */
    const char *authority; /* NAME.pem: clients must have its certificate; NULL: none is asked for */
    int max_version;       /* TLS1_2_VERSION...; 0: the newest */
};
/* Starts a thread; one connection after the other. Returns the port. */
int tls_serve(const struct tls_options *o, tls_answer *answer);

bool tls_send(struct tls_peer *p, const void *bytes, size_t n); /* false: the client has gone */
bool tls_send_text(struct tls_peer *p, const char *text);
/* Waits, without a word, until the client goes. */
bool tls_wait_gone(struct tls_peer *p);
const char *tls_peer_cn(const struct tls_peer *p);

#endif

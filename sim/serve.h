/* The backend behind HTTPS (docs/pouf.md, section 4): TLS 1.3 only, client certificates required, keep-alive;
 * and, for tests, a network that misbehaves as told. One thread per connection; the backend answers one
 * request at a time. */
#ifndef SIM_SERVE_H
#define SIM_SERVE_H

#include "sim/backend.h"

#include <stdio.h>

struct sim_server_config {
    const char *dir; /* repository, with certificates in DIR/pki (sim/pki.h); they are made when missing */
    const char *address; /* to listen on; NULL: 127.0.0.1 */
    uint16_t port;       /* 0: any free one */
    const char *hosts;   /* further names for a new server certificate, comma-separated; NULL: none */
    int64_t (*now)(void *ctx);
    void *ctx;
    FILE *log; /* a line of key=value for every request; NULL: none */
};
struct sim_server;
/* NULL: WHY. */
struct sim_server *sim_server_start(const struct sim_server_config *config, char why[SIM_WHY_MAX]);
void sim_server_stop(struct sim_server *s);
uint16_t sim_server_port(const struct sim_server *s);
/* The backend, while no request is being answered. Unlock soon. */
struct sim_backend *sim_server_lock(struct sim_server *s);
void sim_server_unlock(struct sim_server *s);

struct sim_server_counts {
    unsigned connections, requests;
};
struct sim_server_counts sim_server_count(struct sim_server *s);

/* What the network does to the answers for some paths. */
enum sim_fault_kind {
    SIM_FAULT_STATUS,   /* VALUE instead, with no body */
    SIM_FAULT_TRUNCATE, /* the connection ends after VALUE bytes of the body */
    SIM_FAULT_ENDLESS,  /* the body never ends */
    SIM_FAULT_TRICKLE,  /* VALUE bytes per second */
    SIM_FAULT_DELAY,    /* the answer comes VALUE ms later */
    SIM_FAULT_WRONG,    /* one bit in the middle of the body is flipped */
    SIM_FAULT_DROP,     /* the connection is closed instead of an answer */
    SIM_FAULT_KINDS
};
struct sim_fault {
    char path[256]; /* exact, or all that begin so when it ends with '*' */
    enum sim_fault_kind kind;
    uint64_t value;
    unsigned times; /* so often, then never again; 0: always */
};
/* In place of all earlier ones; copied. The first fault that fits an answer counts. */
bool sim_server_set_faults(struct sim_server *s, const struct sim_fault *faults, size_t n);
/* KIND:PATH[:VALUE][:TIMES], such as "status:/repo/timestamp.json:503" or, twice, "delay:/time:2000:2".
 * False: no such fault. */
bool sim_fault_parse(const char *text, struct sim_fault *out);

#endif

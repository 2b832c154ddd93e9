/* Everything that answers a vehicle, without HTTP: the Director, the Image repository and the time server as
 * one function from request to reply. serve.c puts it behind HTTPS; vehicle.c calls it under a virtual clock.
 *
 *   PUT  /director/manifest            200 {"verdict":"OK"}, 4xx {"ecu","error":"MAN_...","text"}
 *   POST /time                         {"nonces":["<32 hex>",...]} -> signed time attestation
 *   GET  /director/{N.root,timestamp,N.snapshot,N.targets}.json    of the asking vehicle
 *   GET  /repo/{N.root,timestamp,N.snapshot,N.targets,N.NAME}.json  NAME percent-encoded
 *   GET  /repo/targets/FOLDER/{sha256}.FILE                         Range: bytes=FROM-
 *
 * Names are decoded once and must be of the alphabets in docs/pouf.md, section 2: nothing else ever becomes
 * part of a path. */
#ifndef SIM_BACKEND_H
#define SIM_BACKEND_H

#include "sim/director.h"

struct sim_backend;

struct sim_request {
    const char *method;  /* "GET", "PUT", "POST" */
    const char *path;    /* decoded no further than it came: "/director/2.root.json" */
    const char *vehicle; /* CN of the client certificate; NULL: none */
    const uint8_t *body;
    size_t body_bytes;
    uint64_t from; /* Range: bytes=FROM- */
};
struct sim_reply {
    unsigned status; /* HTTP status; 206 when FROM was heeded */
    uint8_t *body;   /* free() it */
    size_t body_bytes;
};

/* DIR: as isoctane-repo lays it out (sim/repo.h). NOW tells the time of day in seconds. NULL: WHY says what
 * is wrong. */
struct sim_backend *sim_backend_open(const char *dir, int64_t (*now)(void *ctx), void *ctx, char *why,
                                     size_t why_size);
void sim_backend_request(struct sim_backend *b, const struct sim_request *rq, struct sim_reply *reply);
void sim_backend_close(struct sim_backend *b);
/* No request to PATH may have a longer body: 413. */
size_t sim_backend_body_max(const char *path);

/* For orders and twists; open as long as B is. */
struct sim_director *sim_backend_director(struct sim_backend *b);
/* A man in the middle: sees every request with its reply, and may change the reply (its body is malloc'd).
 * NULL: nobody. */
void sim_backend_tamper(struct sim_backend *b,
                        void (*tamper)(void *ctx, const struct sim_request *rq, struct sim_reply *reply),
                        void *ctx);

#endif

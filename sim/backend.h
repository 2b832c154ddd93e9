/* Everything that answers a vehicle, without HTTP: the Director, the Image repository and the time server as one
 * function from request to reply. serve.c puts it behind HTTPS; vehicle.c calls it under a virtual clock. */
#ifndef SIM_BACKEND_H
#define SIM_BACKEND_H

#include <stddef.h>
#include <stdint.h>

struct sim_backend;

struct sim_request {
    const char *method;  /* "GET", "PUT", "POST" */
    const char *path;    /* decoded no further than it came: "/director/2.root.json" */
    const char *vehicle; /* CN of the client certificate; NULL: none */
    const uint8_t *body;
    size_t body_bytes;
    uint64_t from;       /* Range: bytes=FROM- */
};
struct sim_reply {
    unsigned status;     /* HTTP status */
    uint8_t *body;       /* free() it */
    size_t body_bytes;
};

/* DIR: as isoctane-repo lays it out (sim/repo.h). NOW tells the time of day in seconds. NULL: WHY says what is wrong. */
struct sim_backend *sim_backend_open(const char *dir, int64_t (*now)(void *ctx), void *ctx, char *why, size_t why_size);
void sim_backend_request(struct sim_backend *b, const struct sim_request *rq, struct sim_reply *reply);
void sim_backend_close(struct sim_backend *b);

#endif

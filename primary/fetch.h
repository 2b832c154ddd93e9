/* The fetch port: bounded requests to the three servers. Nothing blocks: start, then ask whether it is done.
 * Adapters: fetch_curl.c (HTTPS, TLS 1.3, client certificate, one connection per server); the vehicle
 * simulation answers from sim/backend.h.
 *
 * Promises: no more than max_bytes are ever kept, whatever headers say (TOO_LARGE); no redirect to another
 * scheme or host, no transparent decompression, no proxy from the environment; a transfer below the speed
 * floor or past its deadline ends (TOO_SLOW); a definite "not there" (404, 403) is UNAVAILABLE with status
 * set, and differs from every failure to find out (TRANSPORT). */
#ifndef PRIMARY_FETCH_H
#define PRIMARY_FETCH_H

#include "metadata/err.h"
#include "metadata/span.h"

enum pri_server { PRI_DIRECTOR, PRI_IMAGE, PRI_TIME, PRI_SERVERS };

struct pri_request {
    enum pri_server server;
    const char *method; /* GET, PUT, POST */
    const char
        *path; /* below the server's URL, already percent-encoded: "2.root.json"; "" for the URL itself */
    struct up_span body; /* PUT, POST: copied */
    uint64_t max_bytes;
    const char *to_file; /* append the body to this file; NULL: keep it in memory */
    uint64_t from; /* with to_file: resume at this byte; a server that ignores it makes the file start over */
};

struct pri_answer {
    enum up_err err;     /* OK: 200, 201, 204, 206 and complete */
    unsigned status;     /* HTTP status; 0: none came */
    struct up_span body; /* valid until keep() or drop() */
    char detail[160];    /* for messages: what the library or the server said, printable */
};

struct pri_transfer; /* one under way */
struct pri_fetch {
    struct pri_transfer *(*start)(struct pri_fetch *f,
                                  const struct pri_request *rq); /* NULL: out of memory */
    bool (*done)(struct pri_fetch *f, struct pri_transfer *t, struct pri_answer *a);
    /* Bytes of the body so far, with to_file those before `from` included: for progress. */
    uint64_t (*received)(const struct pri_transfer *t);
    /* Of a good answer in memory: its body, malloc'd, is the caller's from now on, and not copied for it.
     * NULL: it is empty. */
    uint8_t *(*keep)(struct pri_transfer *t);
    void (*drop)(struct pri_fetch *f, struct pri_transfer *t); /* cancels when not done */
};

#endif

/* The fetch port in memory: three shelves of files, and a network that fails where it is told to. */
#ifndef TESTS_LIB_FETCH_H
#define TESTS_LIB_FETCH_H

#include "primary/fetch.h"
#include "tests/lib_author.h"

#define LIB_FAULTS 8

struct lib_fault {          /* of every request for PATH, until it is taken away */
    enum pri_server server; /* and */
    const char *path;
    enum up_err err;      /* the answer; OK: only the fields below */
    unsigned cut;         /* to a file: so many bytes arrive before ERR; 0: none */
    bool ignores_range;   /* 200 instead of 206: the file starts over */
    bool ignores_maximum; /* a port that broke its promise */
};
struct lib_fetch {
    struct pri_fetch port;
    struct shelf shelf[PRI_SERVERS];
    struct lib_fault fault[LIB_FAULTS];
    unsigned faults;
    unsigned patience;  /* so often done() says "not yet" */
    unsigned open;      /* transfers that were not dropped */
    bool out_of_memory; /* the next start() fails */
    char log[8192];     /* "director/2.root.json ", in order */
    uint64_t max_bytes; /* of the last request */
    uint64_t from;      /* of the last request */
    char body[16384];   /* of the last PUT */
    /* Answers PUT and POST; NULL: 200 without a body. */
    struct up_span (*reply)(void *ctx, const struct pri_request *rq);
    void *ctx;
};

/* Aborts the test when it was left with transfers under way: lib_fetch_end(). */
void lib_fetch_init(struct lib_fetch *f);
void lib_fetch_end(const struct lib_fetch *f);
void lib_fetch_fail(struct lib_fetch *f, struct lib_fault fault);
void lib_fetch_heal(struct lib_fetch *f);
/* What was asked for since the last call, each followed by a space. */
const char *lib_fetch_log(struct lib_fetch *f);

#endif

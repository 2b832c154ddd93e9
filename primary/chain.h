/* One repository's chain on the Primary: what up_trust wants is fetched, fed, stored, then trusted.
 *
 * Durable when: each accepted Root at once (every Root is kept: Secondaries walk the same chain); the
 * Director's other files as one set at the end; Image repository files one by one. A failure leaves trust and
 * store as they were before the file that failed. */
#ifndef PRIMARY_CHAIN_H
#define PRIMARY_CHAIN_H

#include "metadata/trust.h"
#include "primary/config.h"
#include "primary/fetch.h"
#include "primary/state.h"

enum pri_verdict { PRI_WAIT, PRI_DONE, PRI_NOTHING, PRI_FAILED, PRI_AGAIN };

struct pri_blob { /* a file in memory and the room its sorted form needed; both malloc'd */
    uint8_t *file, *room;
    size_t bytes;
};
void pri_blob_free(struct pri_blob *b);
/* A copy of BYTES. False: out of memory. */
bool pri_blob_take(struct pri_blob *b, struct up_span bytes);
/* The room in which up_signed_open can sort it, the same every time; a cap of 0: out of memory. */
struct up_buf pri_blob_room(struct pri_blob *b);
static inline struct up_span pri_blob_span(const struct pri_blob *b)
{
    return (struct up_span){b->file, b->bytes};
}

/* A failure, as it will be told: what, of which file. */
struct pri_problem {
    enum up_err err;
    char what[240]; /* "director timestamp.json: have 7, got 5"; printable */
};
void pri_problem_set(struct pri_problem *p, enum up_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct pri_chain {
    struct up_policy policy;
    struct up_trust trust; /* as committed */
    struct up_trust work;  /* of the cycle under way */
    struct pri_blob trusted[UP_TIME], fresh[UP_TIME];
    struct pri_state *state;
    struct pri_fetch *fetch;
    struct pri_transfer *transfer;
    struct up_want want;
    struct pri_problem problem;
    struct pri_problem damage; /* found at open(): fetched again, its floor stays; OK: none */
    int64_t now_s;             /* one for the whole cycle */
    /* A new Director Root is trusted: time keys may have changed. Returns the time to go on with: NOW_S,
     * unless the clock begins anew. */
    int64_t (*on_root)(void *ctx, const struct up_root *root, int64_t now_s);
    void *ctx;
};

/* From the state, or from the provisioned Root in CONFIG the first time. CHAIN is zeroed first. POLICY's
 * names must outlive the chain. CONFIG: no usable Root. */
enum up_err pri_chain_open(struct pri_chain *c, enum up_repo repo, const struct pri_repo_config *config,
                           struct pri_state *state, struct pri_fetch *fetch) UP_NODISCARD;
void pri_chain_close(struct pri_chain *c);

void pri_chain_begin(struct pri_chain *c, int64_t now_s);
/* DONE: new files are trusted; NOTHING: all as before, still valid; FAILED: see problem. */
enum pri_verdict pri_chain_step(struct pri_chain *c);

/* The stored file of a role as served, for Secondaries: "root" with VERSION, else the trusted one. Free it.
 */
enum up_err pri_chain_file(const struct pri_chain *c, enum up_role role, uint32_t version,
                           struct pri_blob *out) UP_NODISCARD;

#endif

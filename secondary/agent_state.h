/* The agent in memory, and what its parts offer each other. For who must place struct sec_agent in memory,
 * and for secondary/agent*.c; everyone else needs secondary/agent.h only. All fields are private. */
#ifndef SECONDARY_AGENT_STATE_H
#define SECONDARY_AGENT_STATE_H

#include "secondary/agent.h"
#include "secondary/boot.h"
#include "secondary/filter.h"
#include "secondary/trusted.h"

#define SEC_STAGED_BANKS                                                                                     \
    64u /* what is staged in one boot without anything new to trust, in banks: then no more */
#define SEC_NOTE_WRITES 16u /* writes for security events in one boot: a flood costs no flash */

/* How far events have come on their way to the Director. A report may be read by anybody on the bus; but who
 * has the time attested for a question that we asked after it was read has spoken to the servers since. */
enum sec_telling { SEC_UNTOLD, SEC_READ, SEC_ASKED, SEC_ANSWERED };

/* Security events since a report carried them to the Director. */
struct sec_notes {
    uint32_t total, unauthorised, refused, installs; /* for ever: all; 34 without an order; metadata and
                                                        images refused; new images that did not last */
    uint32_t more;                                   /* behind the first one */
    uint8_t text_bytes;
    uint8_t text[UP_ATTACKS_MAX]; /* the first: "ROLLBACK director/timestamp" */
    uint8_t writes;
    uint8_t telling; /* enum sec_telling; a new event begins anew */
};

enum sec_verify_step { SEC_V_TIME, SEC_V_DIRECTOR, SEC_V_ORDER, SEC_V_IMAGE, SEC_V_SEARCH, SEC_V_END };

#define SEC_CHAINS (UP_FULL ? 2 : 1) /* by enum up_repo */

/* One run of 0310. Nothing of it is needed afterwards: trust is restored from flash for every run. */
struct sec_verify {
    uint8_t step;       /* enum sec_verify_step */
    bool judged;        /* the Director has spoken: order, or none, is what it says about us */
    bool ordered;       /* order holds an image that is not installed */
    bool time_failed;   /* not signed by the time keys that we knew; perhaps by rotated ones */
    uint32_t staged;    /* newest staged entry when the run began */
    int64_t now_s;      /* one time for the whole run */
    uint8_t path_bytes; /* file at hand, for events */
    uint8_t path[SEC_PATH_MAX];
    struct sec_trusted accepted; /* what is to be trusted, so far */
    uint32_t at[2][SEC_FILES];   /* entries behind trust[], not all accepted yet */
    struct up_policy policy[SEC_CHAINS];
    struct up_trust trust[SEC_CHAINS];
    union {
        struct up_trust next;    /* candidate */
        struct up_search search; /* when both chains are done */
    } u;
    uint8_t roles;
    uint32_t role_at[SEC_ROLES_KEPT];
    struct up_target target; /* as the Director orders it */
    uint8_t digest[SEC_ORDER_BYTES];
};

struct sec_agent {
    const struct sec_flash *flash;
    const struct sec_identity *id;
    const struct sec_platform *platform;
    struct sec_layout layout;
    struct sec_store store;
    struct sec_slots slots;
    struct sec_trusted trusted;
    struct up_clock clock;
    int64_t previous_time_s;                 /* attested before the last */
    uint8_t attestation[UP_SHA256_BYTES];    /* digest of the last one accepted in this boot */
    uint32_t boots, sequence;                /* of version reports */
    unsigned running;                        /* slot; SEC_NO_SLOT */
    uint64_t now_ms, booted_ms, reset_at_ms; /* reset_at_ms 0: no reset is wanted */
    bool must_restart;                       /* at once: what was started is not well */
    bool in_session;                         /* not in the default one */
    struct sec_notes notes;
    bool crypto_works; /* tested in this boot */

    struct sec_bank staging;
    uint64_t staged_left; /* budget of this boot, bytes */
    uint32_t staged_end;  /* of the set before: sec_bank_end() */
    enum { SEC_NO_TRANSFER, SEC_FILE, SEC_IMAGE } transfer;
    uint8_t filling; /* slot */
    struct sec_filter filter;

    struct { /* accepted by 0310 in this boot */
        bool accepted;
        uint8_t digest[SEC_ORDER_BYTES];
        struct sec_image image;
    } order;
    enum {
        SEC_IDLE,
        SEC_VERIFYING, /* 0310 */
        SEC_CHECKING,  /* FF01: the hashes that were ordered */
        SEC_JUDGING,   /* FF01: what the boot stage will ask for */
    } work;
    union {
        struct sec_verify verify;
        struct sec_check check;
    } w;
};

_Static_assert(sizeof(void *) > 4 || sizeof(struct sec_agent) <= 7 * 1024,
               "a microcontroller has 32 KiB of RAM for everything");

struct sec_routine { /* one call of 31 01 */
    struct up_span data;
    uint8_t *out;
    size_t cap, *n;
};

/* The slot that does not run: where images are received. */
static inline unsigned sec_agent_other(const struct sec_agent *a)
{
    return sec_slot_other(&a->slots, a->running);
}
enum uds_code sec_agent_code(enum up_err e); /* for what went wrong in storage; else CONDITIONS_NOT_CORRECT */

/* provision.c: the record that ties a flash to an identity, and to the layout that it was made for. */
void sec_identity_digest(const struct sec_identity *id, const struct sec_layout *layout,
                         uint8_t digest[UP_SHA256_BYTES]);

/* agent_identify.c */
enum uds_code sec_agent_read(void *ctx, uint16_t did, uint8_t *out, size_t cap, size_t *n);
void sec_agent_slots(const struct sec_agent *a, struct uds_slots *out);
void sec_agent_versions(const struct sec_agent *a, struct uds_stored_versions *out);

/* agent_staging.c */
enum uds_code sec_agent_file(void *ctx, const struct uds_file_request *f);
void sec_agent_staging_begin(struct sec_agent *a);
void sec_agent_staging_refill(struct sec_agent *a);

/* agent_verify.c, agent_chain.c */
enum uds_code sec_agent_verify(struct sec_agent *a, const struct sec_routine *r);
enum up_err sec_chain_restore(struct sec_agent *a, enum up_repo repo);
/* The staged attestation, if there is one, under the Director Root as it is now. Sets the time of the run. */
enum up_err sec_chain_time(struct sec_agent *a);
/* One file of the chain; *MORE: call again. Roots are durable when this returns. */
enum up_err sec_chain_step(struct sec_agent *a, enum up_repo repo, bool *more);
/* The file of a delegated role that the search asks for. */
void sec_chain_role(struct sec_agent *a, struct up_span role);
/* All that was accepted so far becomes durable. */
enum up_err sec_chain_commit(struct sec_agent *a);

/* agent_time.c */
enum up_err sec_time_load(struct sec_agent *a);
enum up_err sec_time_save(struct sec_store *store, const struct up_clock *c, int64_t previous_s,
                          uint32_t staged_end) UP_NODISCARD;
/* FILE attests the time under ROOT. */
enum up_err sec_time_feed(struct sec_agent *a, const struct up_root *root, struct up_span file);
void sec_time_on_root(struct sec_agent *a, const struct up_root *root);

/* agent_download.c */
enum uds_code sec_agent_download(void *ctx, uint8_t format, uint64_t address, uint64_t bytes);
enum uds_code sec_agent_block(void *ctx, const uint8_t *data, size_t n);
enum uds_code sec_agent_exit(void *ctx);
void sec_agent_abort(void *ctx);
/* The application, if one runs, agrees. */
bool sec_agent_may_stop(struct sec_agent *a);
enum uds_code sec_agent_check(struct sec_agent *a, const struct sec_routine *r);

/* agent_activate.c */
enum uds_code sec_agent_activate(struct sec_agent *a, const struct sec_routine *r);
enum uds_code sec_agent_confirm(struct sec_agent *a, const struct sec_routine *r);
enum uds_code sec_agent_revert(struct sec_agent *a, const struct sec_routine *r);

/* agent_report.c */
void sec_notes_load(struct sec_agent *a);
/* E has happened, WHERE (a path, an image name). */
void sec_note(struct sec_agent *a, enum up_err e, struct up_span where);
/* From this step to the next, if they have come so far. */
void sec_notes_step(struct sec_agent *a, enum sec_telling from);
/* A cycle went well: what the Director has heard of need not be told again. */
void sec_notes_told(struct sec_agent *a);
/* "ROLLBACK director/timestamp +2" */
struct up_span sec_notes_text(const struct sec_agent *a, uint8_t text[UP_ATTACKS_MAX]);
enum uds_code sec_agent_report(struct sec_agent *a, uint8_t *out, size_t cap, size_t *n);

#endif

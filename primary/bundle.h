/* Bundles: members that change together or not at all (docs/pouf.md, section 6). An ECU in no bundle is a
 * bundle of one.
 *
 *     PREPARING --all--> ACTIVATING --all healthy on trial--> CONFIRMING --all--> DONE
 *         |                  |                                  |   ^
 *         | any fails        | any fails       a member fell back   | whoever came
 *         v                  v                                  v   |
 *       FAILED <--all-- REVERTING          RENEWING --all--> FORWARDING
 *                       POSTPONING             |                (once in a cycle)
 *                            +---> LATER <-----+
 *
 * The record of COMMIT is durable before the first confirm: before it any failure takes every member back,
 * after it the bundle is brought forward, in later cycles if need be; RENEWING sends a member its image once
 * more. POSTPONING is REVERTING for a member that may not install now: all goes back, and is tried again in a
 * later cycle. States that outlive a power cut are recorded on entry. Whoever is through leaves the record
 * when the rest goes on LATER: a silent member holds nobody else up. */
#ifndef PRIMARY_BUNDLE_H
#define PRIMARY_BUNDLE_H

#include "primary/ecu.h"
#include "primary/installer.h"
#include "primary/state.h"

struct pri_member { /* one ECU in its bundle: a Secondary on the bus, or the Primary itself */
    const char *serial;
    struct pri_ecu *ecu;             /* NULL: the Primary itself */
    struct pri_installer *installer; /* then this */
    /* what it is to get; for prepare only */
    struct up_target target;
    const char *image_file;
    struct pri_parcel parcel;
    /* the verb under way */
    enum pri_errand errand;
    enum pri_verdict verdict;
    struct pri_problem problem;
};

enum pri_bundle_state {
    PRI_PREPARING,
    PRI_ACTIVATING,
    PRI_CONFIRMING,
    PRI_FORWARDING,
    PRI_RENEWING,
    PRI_REVERTING,
    PRI_POSTPONING, /* working */
    PRI_BUNDLE_DONE,
    PRI_BUNDLE_FAILED,
    PRI_BUNDLE_LATER, /* ended; LATER: goes on in the next cycle */
    PRI_BUNDLE_STATES
};
const char *pri_bundle_state_name(enum pri_bundle_state s);

struct pri_bundle {
    char name[UP_ID_MAX + 2];
    uint8_t order[UDS_ORDER_BYTES];
    struct pri_member *members[PRI_ECUS_MAX + 1];
    unsigned count;
    enum pri_bundle_state state;
    enum pri_bundle_state last; /* that its members were told of */
    bool sent;                  /* the verb of this state has been given */
    bool forwarded;             /* tried to bring members forward in this cycle */
    struct pri_problem problem; /* the first one; names the member */
    struct pri_state *store;
};

/* Begins at PREPARING; where its record of an earlier cycle left off; at RENEWING when that was COMMIT and a
 * member does not have the image any longer. */
void pri_bundle_begin(struct pri_bundle *b, enum pri_bundle_state state);
/* One of its members cannot take part now: it ends LATER, with nothing done. */
void pri_bundle_hold(struct pri_bundle *b, struct pri_member *m, enum up_err err, const char *why);
/* WAIT; DONE: every member confirmed; NOTHING: LATER; FAILED. */
enum pri_verdict pri_bundle_step(struct pri_bundle *b, uint64_t now_us);
/* Of an ended bundle: M runs the new image, confirmed; M may hold one that is neither confirmed nor taken
 * back, and can take part in nothing else until it is. */
bool pri_bundle_confirmed(const struct pri_bundle *b, const struct pri_member *m);
bool pri_bundle_unsettled(const struct pri_bundle *b, const struct pri_member *m);

/* Records: "bundle/NAME" -> {"members":[...],"order":"...","state":"activating"}. */
struct pri_bundle_record {
    char name[UP_ID_MAX + 2];
    uint8_t order[UDS_ORDER_BYTES];
    enum pri_bundle_state state; /* ACTIVATING, CONFIRMING (COMMIT), REVERTING, POSTPONING or FAILED */
    struct up_span members;      /* JSON array of serials; points into the value */
};
bool pri_bundle_record_read(const char *key, struct up_span value, struct pri_bundle_record *out);

#endif

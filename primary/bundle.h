/* Bundles: members that change together or not at all (docs/pouf.md, section 6). An ECU in no bundle is a
 * bundle of one.
 *
 *     PREPARING --all--> ACTIVATING --all healthy on trial--> CONFIRMING --all--> DONE
 *         |                  |                                    |  a member fell back
 *         v any fails        v any fails                          v
 *       FAILED <------- REVERTING                             FORWARDING --all--> CONFIRMING
 *
 * The record of COMMIT is durable before the first confirm: before it any failure takes every member back,
 * after it the bundle is brought forward, in later cycles if need be. States that outlive a power cut are
 * recorded on entry. */
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
    PRI_REVERTING, /* working */
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
    bool sent;                  /* the verb of this state has been given */
    bool forwarded;             /* tried to bring members forward in this cycle */
    struct pri_problem problem; /* the first one; names the member */
    struct pri_state *store;
};

/* Begins at PREPARING, or where RECORD of an earlier cycle left off (pri_bundle_recorded). */
void pri_bundle_begin(struct pri_bundle *b, enum pri_bundle_state state);
/* WAIT; DONE: every member confirmed; NOTHING: LATER; FAILED. */
enum pri_verdict pri_bundle_step(struct pri_bundle *b, uint64_t now_us);

/* Records: "bundle/NAME" -> {"members":[...],"order":"...","state":"activating"}. */
struct pri_bundle_record {
    char name[UP_ID_MAX + 2];
    uint8_t order[UDS_ORDER_BYTES];
    enum pri_bundle_state state; /* ACTIVATING, CONFIRMING or FAILED */
    struct up_span members;      /* JSON array of serials; points into the value */
};
bool pri_bundle_record_read(const char *key, struct up_span value, struct pri_bundle_record *out);

#endif

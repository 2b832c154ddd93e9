/* Delegations of the Image repository: who may speak for an image (Uptane Standard 2.1, 5.4.4.7).
 *
 * Preorder, depth first, in listed order: a role's own list, then its delegations whose paths and hardware
 * ids both match. A terminating delegation ends the search after its role's own list. A role on the way that
 * is missing or fails any check ends the search: it is never skipped. Sans-I/O: asks for a role file, is fed
 * it.
 *
 * Under terminating-visits-children the order is that of TUF 1.0, 5.6.7: a terminating role's own delegations
 * are searched before the search ends, and no role is visited twice (which takes room: up_policy.seen). */
#ifndef METADATA_SEARCH_H
#define METADATA_SEARCH_H

#include "metadata/trust.h"

struct up_search {
    const struct up_trust *trust; /* Image repository, done */
    struct up_span name;          /* image */
    struct up_span hardware_id;
    uint16_t visited;
    uint8_t depth;
    enum up_err verdict; /* valid when !need() */
    enum up_err cause; /* what was wrong with the role on the way (SIG_THRESHOLD, EXPIRED...); OK: nothing */
    bool needs;
    struct up_search_level { /* private: one per role, or multi-role delegation, on the path */
        struct up_span role;
        struct up_span delegations;
        uint16_t next; /* delegation, or role of a multi-role delegation, to look at next */
        bool terminating, multi;
        uint8_t answers; /* multi: the first of its answers */
    } level[UP_SEARCH_DEPTH + 1];
    struct up_span
        answer[UP_AGREEMENT_MAX]; /* private: texts of images, as roles of multi-role delegations have it */
    uint8_t answers;
    struct up_span speaker; /* who said TARGET */
    struct up_span wanted;  /* role file asked for */
    struct up_named named;
    struct up_keyring ring;
    struct up_target target;
};

/* Names must outlive the search. TRUST: done, with Targets. */
void up_search_begin(struct up_search *s, const struct up_trust *trust, struct up_span name,
                     struct up_span hardware_id);
/* True: feed the file of role ROLE (delegated), VERSION, at most MAX_BYTES; false: verdict() stands. */
bool up_search_needs(const struct up_search *s, struct up_span *role, struct up_want *w);
/* FILE and ROOM must live until the search has ended. */
void up_search_feed(struct up_search *s, struct up_span file, struct up_buf *room, int64_t now_s);
void up_search_absent(struct up_search *s);
/* OK: TARGET is what the Image repository says of the image, ROLE who says it. Else TARGET_NOT_FOUND,
 * DELEGATION_INVALID (with what was wrong in cause), DELEGATION_LIMIT, NOT_IN_SNAPSHOT. */
enum up_err up_search_verdict(const struct up_search *s, struct up_target *target,
                              struct up_span *role) UP_NODISCARD;

/* Path pattern of a delegation: '*' and '?' never match '/'; case-sensitive; no classes. Both are JSON text
 * as it stands between its quotes. No recursion; at most |PATTERN| * |NAME| steps. */
bool up_path_match(struct up_span pattern, struct up_span name);

#endif

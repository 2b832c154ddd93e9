/* One repository's chain of trust (Uptane Standard 2.1, 5.4.4.1 to 5.4.4.6). Ask what is wanted, get it
 * anywhere, feed it. Never fetches, stores, allocates, or reads a clock.
 *
 *     up_trust_begin(&t);
 *     while (up_trust_want(&t, &w)) {
 *         get the file that W names;
 *         not there:  e = up_trust_absent(&t, now_s, &next);
 *         there:      e = up_trust_feed(&t, file, room, now_s, &next);
 *         if (e != UP_OK) give up: T is as it was;
 *         store what must be durable; t = next;
 *     }
 *
 * Candidate, store, commit: NEXT is the whole trust after FILE; nothing changes until the caller assigns it.
 * What is durable when: an accepted Root with its floors at once, before the next is asked for; the
 * Director's Timestamp, Snapshot and Targets with their floors as one set when want() says that all is done;
 * Image repository files one by one. Floors are kept apart from the files: damaged files are fetched again,
 * floors stay. The trust borrows the files it trusts (and ROOM, where a file was not sorted); they must
 * outlive it. */
#ifndef METADATA_TRUST_H
#define METADATA_TRUST_H

#include "metadata/role.h"

enum up_repo { UP_DIRECTOR, UP_IMAGE };
const char *up_repo_name(enum up_repo r); /* "director", "image" */

/* Provisioned; the same for the life of a trust. */
struct up_policy {
    const struct up_profile *profile;
    const struct up_limits *limits;
    enum up_repo repo;
    bool full; /* all four roles; false: Root and Targets only (partial verification, 5.4.4.1) */
    struct up_span vehicle_id; /* every Director file but Root must carry it */
    /* Judges an ECU that Director Targets names: OK, DIR_UNKNOWN_ECU, IMG_HWID. NULL: only the Primary can
     * judge. */
    enum up_err (*judge_ecu)(void *ctx, struct up_span serial, struct up_span hardware_id);
    void *ctx;
    /* For searches in TUF's order: room for roles_visited names, of one search at a time. NULL: cycles are
     * broken, but a role that several delegate to is visited for each. */
    struct up_span *seen;
};

/* What no file may go below. Persist it with every commit. */
struct up_mark {
    uint32_t version;                /* 0: none yet */
    uint8_t digest[UP_SHA256_BYTES]; /* of the canonical body: same version means same content */
};
struct up_floors {
    struct up_mark mark[UP_TIME]; /* by role: root, timestamp, snapshot, targets */
    uint32_t named_snapshot;      /* version that the trusted Timestamp names */
};

struct up_want {
    enum up_role role;
    uint32_t version;   /* 0: the newest (Timestamp; unversioned names) */
    uint32_t max_bytes; /* no more is ever read */
    bool may_be_absent; /* its absence is an answer, not a failure */
};

struct up_trust {
    const struct up_policy *policy;
    struct up_floors floors;
    struct up_signed file[UP_TIME]; /* trusted files; body.p NULL: none */
    struct up_root root;
    struct up_targets targets; /* of file[UP_TARGETS] */
    struct up_named snapshot;  /* as the Timestamp of this cycle names it */
    int64_t expires_s[UP_TIME];
    enum up_role step; /* wanted next; UP_ROLES: done */
    uint16_t roots;    /* accepted in this cycle */
    bool named;        /* snapshot above is set in this cycle */
    bool unchanged;    /* done, and nothing was newer than before */
};

/* From the provisioned or stored Root, whose own threshold must hold (its expiry is not looked at). CONFIG:
 * unusable; NOT_CANONICAL: only with more ROOM. */
enum up_err up_trust_init(struct up_trust *t, const struct up_policy *policy, struct up_span root,
                          struct up_buf *room) UP_NODISCARD;
/* Brings back what an earlier cycle committed. FLOORS count in any case. A file that is not the one the
 * floors describe, or whose floor a rotation has cleared, is left out (STORAGE_CORRUPT, the rest is
 * restored): the next cycle fetches it again. A Root below its floor is a start all the same: known Roots are
 * walked over once more, and the walk may not end (ROLLBACK) before the floor is reached. NOT_CANONICAL: only
 * with more ROOM. */
enum up_err up_trust_restore(struct up_trust *t, const struct up_floors *floors);
enum up_err up_trust_restore_file(struct up_trust *t, enum up_role role, struct up_span file,
                                  struct up_buf *room) UP_NODISCARD;

/* Floors that were lost, or never stored: what FILE, if the Root's keys signed it, says of its role goes into
 * FLOORS. STORAGE_CORRUPT: it says nothing. NOT_CANONICAL: only with more ROOM. */
enum up_err up_trust_witness(const struct up_trust *t, enum up_role role, struct up_span file,
                             struct up_buf *room, struct up_floors *floors);

/* A new cycle. A Director cycle that fails after its Timestamp was accepted goes on from the trust that was
 * last committed, not from the one in between: its set becomes durable, and binding, only as a whole. */
void up_trust_begin(struct up_trust *t);
bool up_trust_want(const struct up_trust *t, struct up_want *w); /* false: done */
/* NEXT, another object than T, is undefined on failure. FILE need not have been taken: under
 * same-timestamp-kept NEXT may trust the Timestamp that is held. LIMIT from a Root: as many as a cycle may
 * bring have been accepted, and stay; the next cycle goes on. */
enum up_err up_trust_feed(const struct up_trust *t, struct up_span file, struct up_buf *room, int64_t now_s,
                          struct up_trust *next) UP_NODISCARD;
enum up_err up_trust_absent(const struct up_trust *t, int64_t now_s, struct up_trust *next) UP_NODISCARD;

/* "3.root.json", "timestamp.json", "7.targets.json"; ROLE for delegated ones ("2.supplier.json"),
 * percent-encoded. */
#define UP_FILE_NAME_MAX (3 * UP_NAME_MAX + 20)
size_t up_file_name(const struct up_profile *p, struct up_span role, uint32_t version,
                    char out[UP_FILE_NAME_MAX]);

#endif

/* The `signed` bodies of Root, Timestamp, Snapshot and Targets (docs/pouf.md, section 3): form only, no
 * trust.
 *
 * Bodies are sorted JSON (metadata/canon.h) and stay where they are: results hold spans into them, large
 * lists are searched in place. */
#ifndef METADATA_ROLE_H
#define METADATA_ROLE_H

#include "metadata/sign.h"

enum up_role { UP_ROOT, UP_TIMESTAMP, UP_SNAPSHOT, UP_TARGETS, UP_TIME, UP_ROLES };
const char *up_role_name(enum up_role r); /* "root" */

struct up_head { /* what every role has */
    uint32_t version;
    int64_t expires_s;
    struct up_span vehicle_id; /* custom.vehicleId; absent: none */
};
struct up_hashes { /* unknown functions are skipped */
    bool has_sha256, has_sha512;
    uint8_t sha256[UP_SHA256_BYTES], sha512[UP_SHA512_BYTES];
};
struct up_named { /* how one file names another */
    uint32_t version;
    bool has_length;
    uint32_t length;
    struct up_hashes hashes; /* may be none in Snapshot */
};
struct up_root {
    struct up_head head;
    struct up_keyring ring[UP_ROLES]; /* [UP_TIME].keys.p NULL: no time role */
    bool versioned; /* consistent snapshots: the names of all but Timestamp carry versions */
};
struct up_targets {
    struct up_head head;
    struct up_span targets;     /* the object */
    struct up_span delegations; /* the object; absent: none */
    struct up_span correlation_id;
};

/* Every field present, typed, in range; every key ring checked (up_keyring_check). */
enum up_err up_root_read(struct up_span body, const struct up_profile *p, const struct up_limits *l,
                         struct up_root *out) UP_NODISCARD;
enum up_err up_timestamp_read(struct up_span body, const struct up_profile *p, struct up_head *head,
                              struct up_named *snapshot) UP_NODISCARD;
enum up_err up_snapshot_read(struct up_span body, const struct up_profile *p,
                             struct up_head *head) UP_NODISCARD;
enum up_err up_targets_read(struct up_span body, const struct up_profile *p,
                            struct up_targets *out) UP_NODISCARD;

/* The entry for role NAME ("targets", or a delegated role), without ".json". */
enum up_err up_snapshot_find(struct up_span body, struct up_span name, struct up_named *out) UP_NODISCARD;
/* No Targets entry of OLD is lower or missing in NEW (5.4.4.5 steps 5 and 6). One pass over both. JUDGE_TOP
 * false: the version of the top-level Targets starts anew, because a Root has replaced its keys. */
enum up_err up_snapshot_follows(struct up_span old_body, struct up_span new_body,
                                bool judge_top) UP_NODISCARD;

/* One image. Spans point into the body. */
struct up_target {
    struct up_span name;
    struct up_span text; /* the object itself */
    uint64_t length;
    struct up_hashes hashes;
    struct up_span hardware_ids; /* array of strings; absent in Director targets of `deployed` */
    bool has_release_counter;
    uint32_t release_counter;
    struct up_span ecus;    /* Director: the object ecuIdentifiers; absent on the Image side */
    struct up_span bundle;  /* Director, optional */
    struct up_span version; /* optional text */
    struct up_span uri;     /* optional */
};
/* Steps through all images of a file: iterate until false, then look at err. */
struct up_target_walk {
    struct up_json json;
    const struct up_profile *profile;
    enum up_err err;
};
void up_targets_open(struct up_target_walk *w, const struct up_targets *t, const struct up_profile *p);
bool up_targets_next(struct up_target_walk *w, struct up_target *out);
/* The image NAME; TARGET_NOT_FOUND; UNSUPPORTED: no digest that we know. Skips what it does not need. */
enum up_err up_targets_find(const struct up_targets *t, struct up_span name, const struct up_profile *p,
                            struct up_target *out) UP_NODISCARD;
/* An image that was read before, from its text. */
enum up_err up_target_read(struct up_span name, struct up_span text, const struct up_profile *p,
                           struct up_target *out) UP_NODISCARD;
/* Length, hashes, hardware ids (as sets) and release counter are the same: what two roles, or two
 * repositories, must agree on (5.2.3.1.1). */
bool up_target_agrees(const struct up_target *a, const struct up_target *b);
/* The hardware id under which a Director target names ECU serial; false: it does not. */
bool up_target_names_ecu(const struct up_target *t, struct up_span serial, struct up_span *hardware_id);
bool up_target_fits_hardware(const struct up_target *t, struct up_span hardware_id);
bool up_hashes_any(const struct up_hashes *h);                              /* of a function that we know? */
bool up_hashes_equal(const struct up_hashes *a, const struct up_hashes *b); /* same functions, same values */
/* FILE has every digest that H lists. */
bool up_hashes_match(const struct up_hashes *h, struct up_span file);

#endif

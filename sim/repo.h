/* The author of both repositories, working on one directory:
 *
 *   DIR/settings.json                           how long each role's files are valid
 *   DIR/versions.json                           last version given to each role of the Image repository
 *   DIR/keys/{director,image}/ROLE[-n].pem      private keys; .../image/delegated/NAME[-n].pem
 *   DIR/keys/time.pem                           the Director Root's `time` role
 *   DIR/director/N.root.json                    the Director's Roots; its other files are per vehicle, in
 * director.db DIR/repo/{N.root,timestamp,N.snapshot,N.targets,N.NAME}.json
 *   DIR/repo/targets/FOLDER/{sha256}.FILE       images
 *   DIR/director.db                             inventory, orders, manifests (sim/inventory.h)
 *
 * The files are the state: the current version of a role is what timestamp.json leads to. An interrupted call
 * leaves the published state as it was, because timestamp.json is replaced last. Versions always rise. Time
 * is an argument. Every bool function that returns false says why in r->why. */
#ifndef SIM_REPO_H
#define SIM_REPO_H

#include "metadata/trust.h"
#include "sim/author.h"

struct sim_repo {
    char dir[SIM_PATH_MAX];
    char keys[SIM_PATH_MAX];          /* DIR/keys */
    const struct up_profile *profile; /* how files are written and named: strict or deployed */
    bool sha512;                      /* beside sha256, wherever files and images are named */
    int64_t validity_s[UP_TIME];      /* by role; delegated roles as Targets */
    const struct sim_twist *twists;   /* see sim/author.h; none after opening */
    size_t twist_count;
    const uint8_t *seed; /* of new keys; NULL after opening: random ones */
    char why[SIM_WHY_MAX];
};

struct sim_role_plan {
    uint8_t keys, threshold; /* 0: one */
};
struct sim_plan {
    const struct up_profile *profile; /* NULL: strict */
    bool sha512;
    enum up_scheme scheme;       /* NONE: ECDSA P-256; Ed25519 where the dialect has no ECDSA */
    unsigned rsa_bits;           /* 0: 2048 */
    const uint8_t *seed;         /* 32 bytes: the same keys every time, for simulations; NULL: random keys */
    int64_t validity_s[UP_TIME]; /* 0: a year, 90 days for Targets, 30 for Snapshot, 7 for Timestamp */
    struct sim_role_plan role[2][UP_ROLES]; /* by enum up_repo; TIME counts for the Director only */
};
/* "strict" or "deployed". */
bool sim_profile_parse(const char *text, const struct up_profile **out);
/* ECDSA P-256; Ed25519 where the dialect has no ECDSA. */
enum up_scheme sim_scheme_default(const struct up_profile *p);
/* Both repositories, the Image repository with an empty Targets. DIR must not hold a repository yet. */
bool sim_repo_create(struct sim_repo *r, const char *dir, const struct sim_plan *plan, int64_t now_s);
/* R holds no resources: nothing to close. */
bool sim_repo_open(struct sim_repo *r, const char *dir);

typedef const char *const *sim_list; /* ends with NULL; NULL: empty */

struct sim_image {
    const char *name;
    struct up_span bytes;
    sim_list hardware_ids;
    uint32_t release_counter;
    const char *version;         /* text, optional */
    sim_list depends, conflicts; /* image names, optional (the Director's choice respects them) */
    const char *role;            /* delegated role that signs it; NULL: top-level Targets */
    bool force; /* even over another image of that name, or outside what the role may sign: for testers */
};
/* Stores the images and re-signs the roles concerned, once for all of them. Refuses what a client would
 * refuse. */
bool sim_repo_add(struct sim_repo *r, const struct sim_image *images, size_t n, int64_t now_s);

struct sim_delegation {
    const char *parent; /* NULL: top-level Targets */
    const char *name;
    sim_list names;               /* instead of a name: several roles, */
    unsigned agreement;           /* so many of which must say the same of an image (TAP 3) */
    sim_list paths, hardware_ids; /* no hardware ids: any */
    bool terminating;
    enum up_scheme scheme; /* NONE: the dialect's default */
    unsigned rsa_bits;     /* 0: 2048 */
    struct sim_role_plan plan;
};
/* A new delegated role, or several, empty, behind the others of its parent. */
bool sim_repo_delegate(struct sim_repo *r, const struct sim_delegation *d, int64_t now_s);

/* Re-signs roles of the Image repository. ROLE: "timestamp", "snapshot", "targets", a delegated name; NULL:
 * those that have less than half of their validity left. *SIGNED: how many files; 0: nothing to do. */
bool sim_repo_sign(struct sim_repo *r, const char *role, unsigned *signed_files, int64_t now_s);

/* New keys for a role: one of Root's ("root", "timestamp", "snapshot", "targets", Director: "time"), or a
 * delegated one of the Image repository. PLAN: zero keeps number and threshold. Writes the next Root (signed
 * by old and new Root keys), then the files that the new keys must sign. A Director's per-vehicle files
 * follow at the next manifest. */
bool sim_repo_rotate(struct sim_repo *r, enum up_repo repo, const char *role, struct sim_role_plan plan,
                     int64_t now_s);
/* The next Root, with the same content: a new expiry. */
bool sim_repo_sign_root(struct sim_repo *r, enum up_repo repo, int64_t now_s);

/* What is there: versions, expiries, keys, images. The caller owns it. NULL: r->why. */
cJSON *sim_repo_show(struct sim_repo *r, int64_t now_s);

/* Walks both repositories from their first Root with the verifier that vehicles use, searches every image of
 * every role and reads its bytes. OK, or the first verdict with the file in r->why. *IMAGES (may be NULL):
 * images found good. */
enum up_err sim_repo_verify(struct sim_repo *r, int64_t now_s, unsigned *images);

/* The image NAME as a client with HARDWARE_ID finds it: its Targets entry; the caller owns it. NULL: r->why.
 */
cJSON *sim_repo_find(struct sim_repo *r, const char *name, const char *hardware_id);

#endif

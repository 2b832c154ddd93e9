/* What the Director orders for this vehicle, ECU by ECU, and whether the Image repository agrees: every
 * ordered image is resolved through the delegations and matched before any is downloaded (Uptane
 * Standard 2.1, 5.4.4.2 step 10). One image that fails stops all: a freeze is less harmful than a mixed set
 * (P-MATCH-12). */
#ifndef PRIMARY_PLAN_H
#define PRIMARY_PLAN_H

#include "metadata/match.h"
#include "metadata/search.h"
#include "primary/chain.h"

#define PRI_ROLES_MAX  1024     /* delegated role files held in a cycle, */
#define PRI_ROLES_ROOM 67108864 /* and bytes of all of them */
#define PRI_BUNDLE_MAX UP_ID_MAX

struct pri_role_file { /* a delegated role, verified on its edge; kept until the plan is closed */
    char name[UP_NAME_MAX + 1];
    struct pri_blob blob;
    bool unsaved; /* fetched in this cycle, and verified */
};
struct pri_order {             /* one image for one ECU */
    unsigned member;           /* 0: the Primary itself; n: ECU n-1 of the configuration */
    struct up_target director; /* spans point into the trusted Director Targets */
    char name[UP_NAME_MAX + 1];
    char bundle[PRI_BUNDLE_MAX + 2];    /* "@SERIAL" for an ECU that stands alone */
    uint64_t roles[PRI_ROLES_MAX / 64]; /* bit n: role file n lies on the way, the Secondary needs it too */
    bool pending;                       /* not what is installed, and nothing speaks against it */
    bool refused;                       /* by what its ECU says of itself */
};
struct pri_installed_image { /* what a member runs, as far as we know */
    bool known;              /* false: only release_floor counts */
    char name[UP_NAME_MAX + 1];
    uint64_t length;
    uint8_t sha256[UP_SHA256_BYTES];
    bool has_release_counter; /* false: it has not told */
    uint32_t release_counter, release_floor;
};

struct pri_plan {
    struct pri_chain *director, *images;
    const struct pri_config *config;
    struct pri_order orders[PRI_ECUS_MAX + 1];
    unsigned count, pending;
    uint8_t digest[UP_SHA256_BYTES]; /* of the Director Targets file as served: names this order everywhere */
    struct pri_role_file *roles;
    unsigned role_count, role_room;
    size_t role_bytes;
    /* resolving */
    struct up_search search;
    struct pri_transfer *transfer;
    unsigned at;
    bool searching;
    int64_t now_s;
    struct pri_problem problem;
};

/* Reads the orders out of the trusted Director Targets. INSTALLED: by member. FAILED: an order that its ECU
 * may not install; NOTHING: everybody has what is ordered. What an ECU says of itself (its release floor, its
 * image) is taken for true about itself only: it keeps its own bundle from being updated, see problem, and
 * with DONE others are updated all the same. */
enum pri_verdict pri_plan_read(struct pri_plan *p, struct pri_chain *director, struct pri_chain *images,
                               const struct pri_config *config, const struct pri_installed_image *installed);
/* Resolves and matches all orders against the trusted Image repository. */
enum pri_verdict pri_plan_resolve(struct pri_plan *p, int64_t now_s);
void pri_plan_close(struct pri_plan *p);
/* Does role file N lie on the way of O? */
static inline bool pri_order_needs(const struct pri_order *o, unsigned n)
{
    return (o->roles[n / 64] >> n % 64 & 1) != 0;
}

/* The path below the Image repository's URL: "targets/dir/<sha256>.name", percent-encoded. */
#define PRI_PATH_MAX (3 * UP_NAME_MAX + 160)
void pri_image_path(const struct pri_chain *images, const struct up_target *t, char out[PRI_PATH_MAX]);

#endif

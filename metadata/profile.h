/* The wire profile that is provisioned for a repository and an ECU (docs/pouf.md, section 1). Never sniffed,
 * never negotiated. Every relaxation is one named bit, off in `strict`. */
#ifndef METADATA_PROFILE_H
#define METADATA_PROFILE_H

#include "metadata/limits.h"

#include <stdbool.h>

enum up_dialect {
    UP_DIALECT_TUF,     /* TUF 1.0 JSON, OLPC canonical form, hex signatures */
    UP_DIALECT_DEPLOYED /* the Uptane JSON of deployed backends: its own canonical form, base64 signatures */
};

enum up_relax {
    UP_RELAX_DIRECTOR_TWO_ROLES = 1, /* no Director Timestamp and Snapshot */
    UP_RELAX_UNVERSIONED_NAMES = 2,  /* file names without version, but for N.root.json */
    UP_RELAX_NO_VEHICLE_ID = 4,
    UP_RELAX_NO_RELEASE_COUNTER = 8,
    UP_RELAX_KEYID_OVER_VALUE = 16,  /* key id covers the public value only */
    UP_RELAX_TIME_FROM_PRIMARY = 32, /* Secondaries take the Primary's word for the time */
    UP_RELAX_OPAQUE_KEYIDS = 64,
    UP_RELAX_OPAQUE_NAMES = 128,
    UP_RELAX_TERMINATING_VISITS_CHILDREN = 256, /* TUF's order of search: a role is visited once */
    UP_RELAX_NO_CONSISTENT_SNAPSHOT = 512,  /* Root may say false, or nothing: then names have no version */
    UP_RELAX_UNREACHABLE_THRESHOLDS = 1024, /* a role may list too few keys, or ids without a key */
    UP_RELAX_SAME_TIMESTAMP_KEPT = 2048     /* another Timestamp of the trusted version is passed over */
};

struct up_profile {
    const char *name; /* "strict", "deployed", "tuf" */
    enum up_dialect dialect;
    unsigned relax; /* set of enum up_relax */
};

extern const struct up_profile up_profile_strict, up_profile_deployed, up_profile_tuf;

static inline bool up_relaxes(const struct up_profile *p, enum up_relax bit)
{
    return !UP_STRICT && (p->relax & bit) != 0;
}
static inline bool up_is_deployed(enum up_dialect d)
{
    return !UP_STRICT && d == UP_DIALECT_DEPLOYED;
}
/* Does this program know P? */
static inline bool up_profile_linked(const struct up_profile *p)
{
    return !UP_STRICT || p == &up_profile_strict;
}

/* By its name; NULL: no such profile. */
const struct up_profile *up_profile_named(const char *name);
/* The name of one relaxation bit, as shown in `status`: "no-vehicle-id". */
const char *up_relax_name(unsigned bit);

#endif

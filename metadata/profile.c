#include "metadata/profile.h"
#include "metadata/span.h"

const struct up_profile up_profile_strict = {.name = "strict", .dialect = UP_DIALECT_TUF, .relax = 0};

const struct up_profile up_profile_deployed = {
    .name = "deployed",
    .dialect = UP_DIALECT_DEPLOYED,
    .relax = UP_RELAX_DIRECTOR_TWO_ROLES | UP_RELAX_UNVERSIONED_NAMES | UP_RELAX_NO_VEHICLE_ID |
             UP_RELAX_NO_RELEASE_COUNTER | UP_RELAX_KEYID_OVER_VALUE | UP_RELAX_TIME_FROM_PRIMARY,
};

/* Uptane's own fields do not exist in TUF, so nothing can ask for them. */
const struct up_profile up_profile_tuf = {
    .name = "tuf",
    .dialect = UP_DIALECT_TUF,
    .relax = UP_RELAX_OPAQUE_KEYIDS | UP_RELAX_OPAQUE_NAMES | UP_RELAX_TERMINATING_VISITS_CHILDREN |
             UP_RELAX_NO_VEHICLE_ID | UP_RELAX_NO_RELEASE_COUNTER | UP_RELAX_NO_CONSISTENT_SNAPSHOT |
             UP_RELAX_UNREACHABLE_THRESHOLDS | UP_RELAX_SAME_TIMESTAMP_KEPT,
};

const struct up_profile *up_profile_named(const char *name)
{
    static const struct up_profile *const all[] = {&up_profile_strict, &up_profile_deployed, &up_profile_tuf};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (up_span_is(up_span_of(name), all[i]->name)) return all[i];
    return NULL;
}

const char *up_relax_name(unsigned bit)
{
    switch (bit) {
    case UP_RELAX_DIRECTOR_TWO_ROLES:
        return "director-two-roles";
    case UP_RELAX_UNVERSIONED_NAMES:
        return "unversioned-names";
    case UP_RELAX_NO_VEHICLE_ID:
        return "no-vehicle-id";
    case UP_RELAX_NO_RELEASE_COUNTER:
        return "no-release-counter";
    case UP_RELAX_KEYID_OVER_VALUE:
        return "keyid-over-value";
    case UP_RELAX_TIME_FROM_PRIMARY:
        return "time-from-primary";
    case UP_RELAX_OPAQUE_KEYIDS:
        return "opaque-keyids";
    case UP_RELAX_OPAQUE_NAMES:
        return "opaque-names";
    case UP_RELAX_TERMINATING_VISITS_CHILDREN:
        return "terminating-visits-children";
    case UP_RELAX_NO_CONSISTENT_SNAPSHOT:
        return "no-consistent-snapshot";
    case UP_RELAX_UNREACHABLE_THRESHOLDS:
        return "unreachable-thresholds";
    case UP_RELAX_SAME_TIMESTAMP_KEPT:
        return "same-timestamp-kept";
    default:
        return "";
    }
}

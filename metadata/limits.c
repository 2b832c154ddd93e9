#include "metadata/limits.h"

#define KI 1024u
#define MI (1024u * KI)

/* Small enough to receive into a staging bank and verify in place; no Image repository. */
const struct up_limits up_limits_mcu = {
    .root_bytes = 16 * KI, /* two keys of RSA-4096 for each role, and their signatures */
    .timestamp_bytes = 2 * KI,
    .director_targets_bytes = 32 * KI,
    .keys_per_role = 8,
    .signatures = 16,
    .roots_per_cycle = 8,
};

const struct up_limits up_limits_posix = {
    .root_bytes = 64 * KI,
    .timestamp_bytes = 64 * KI,
    .snapshot_bytes = 64 * KI,
    .director_targets_bytes = 128 * KI,
    .image_targets_bytes = 8 * MI,
    .keys_per_role = 16,
    .signatures = 32,
    .delegation_depth = 8,
    .roles_visited = 1024, /* as the Primary, who sends just the roles that its own search has visited */
    .roots_per_cycle = 64,
};

const struct up_limits up_limits_primary = {
    .root_bytes = 64 * KI,
    .timestamp_bytes = 16 * KI,
    .snapshot_bytes = 2 * MI,
    .director_targets_bytes = 128 * KI,
    .image_targets_bytes = 64 * MI,
    .keys_per_role = 32,
    .signatures = 64,
    .delegation_depth = 8,
    .roles_visited = 1024,
    .roots_per_cycle = 256,
};

const struct up_limits up_limits_tuf = {
    .root_bytes = 512 * KI,
    .timestamp_bytes = 16 * KI,
    .snapshot_bytes = 2 * MI,
    .image_targets_bytes = 64 * MI,
    .keys_per_role = 32,
    .signatures = 64,
    .delegation_depth = 32,
    .roles_visited = 64,
    .roots_per_cycle = 256,
};

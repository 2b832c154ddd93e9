/* Delegations of a Targets file (Uptane Standard 2.1, 5.2.3.2): form only, no trust. Private to metadata/. */
#ifndef METADATA_DELEGATION_H
#define METADATA_DELEGATION_H

#include "metadata/role.h"

struct up_delegation {
    struct up_span name;         /* absent: a multi-role delegation (TAP 3) */
    struct up_keyring ring;      /* who signs its file; multi-role: keys only */
    struct up_span roles;        /* multi-role: array of {name, keyids, threshold} */
    uint32_t agreement;          /* multi-role: so many of them must say the same */
    struct up_span paths;        /* array of patterns; absent: prefixes instead */
    struct up_span prefixes;     /* array of hex: the name's SHA-256 starts so (TUF path_hash_prefixes) */
    struct up_span hardware_ids; /* array; absent: any */
    bool terminating;
};

/* Every delegation in form; every key ring checked; siblings with distinct names, none of a top-level role;
 * within a multi-role delegation distinct names and key sets. At most UP_DELEGATIONS_MAX: LIMIT. */
enum up_err up_delegations_check(struct up_span delegations, const struct up_profile *p) UP_NODISCARD;
/* Number INDEX in the listed order, of delegations that were checked; false: no more. */
bool up_delegation_get(struct up_span delegations, unsigned index, struct up_delegation *out);
/* Role INDEX of a multi-role delegation; false: no more. */
bool up_delegation_role(const struct up_delegation *d, unsigned index, struct up_span *name,
                        struct up_keyring *ring);
/* Do paths and hardware ids both fit? HARDWARE_ID absent: any. */
bool up_delegation_applies(const struct up_delegation *d, struct up_span name, struct up_span hardware_id);

#endif

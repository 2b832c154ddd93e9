/* What a chain keeps in the state, and how it comes back. Private to chain.c.
 *
 * "director/root/0000000003" and all Roots before it, "director/timestamp", "director/snapshot",
 * "director/targets" as served; "director/floors" apart from them: a file that is damaged is fetched again,
 * its floor stays. */
#ifndef PRIMARY_CHAIN_STORE_H
#define PRIMARY_CHAIN_STORE_H

#include "primary/chain.h"

/* UNAVAILABLE: not there; STORAGE_CORRUPT: not as it was stored. VERSION counts for Roots only. */
enum up_err pri_store_file(const struct pri_chain *c, enum up_role role, uint32_t version,
                           struct pri_blob *out) UP_NODISCARD;
enum up_err pri_store_put(struct pri_chain *c, enum up_role role, uint32_t version,
                          struct up_span file) UP_NODISCARD;
enum up_err pri_store_floors(struct pri_chain *c, const struct up_floors *f) UP_NODISCARD;

/* Fills C's trust from the state; from the plant's Root in PLANT the first time, or when no stored one is
 * whole. What was damaged is in C's damage. */
enum up_err pri_store_restore(struct pri_chain *c, const char *plant) UP_NODISCARD;

#endif

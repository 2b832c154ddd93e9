/* The checks that every file passes, whoever it is asked by: the chain of top-level roles (trust.c) or the
 * search through delegations (search.c). Private to metadata/. */
#ifndef METADATA_ACCEPT_H
#define METADATA_ACCEPT_H

#include "metadata/trust.h"

/* FILE has the length and the hashes that NAMED gives; what NAMED does not give is not looked at. */
enum up_err up_accept_bytes(const struct up_named *named, struct up_span file) UP_NODISCARD;
/* A threshold of RING signed FILE. */
enum up_err up_accept_signatures(const struct up_policy *p, const struct up_keyring *ring,
                                 struct up_span file, struct up_buf *room,
                                 struct up_signed *out) UP_NODISCARD;
/* Meant for this vehicle, as far as the repository is the Director (E-DIR-07). */
enum up_err up_accept_vehicle(const struct up_policy *p, const struct up_head *head) UP_NODISCARD;
/* Strictly before its expiry (E-CLK-16). */
enum up_err up_accept_expiry(int64_t expires_s, int64_t now_s) UP_NODISCARD;

/* What the Targets procedure (5.4.4.6) checks of any file, top-level or delegated; floors, expiry and orders
 * come after it. NAMED: the Snapshot's entry; NULL: a partial verifier, or a Director without Snapshot. */
enum up_err up_accept_targets(const struct up_policy *p, const struct up_named *named,
                              const struct up_keyring *ring, struct up_span file, struct up_buf *room,
                              struct up_signed *out, struct up_targets *targets) UP_NODISCARD;
/* What only the Director's Targets must satisfy: no delegations, every image for an ECU, no ECU twice, every
 * ECU one of this vehicle (5.4.4.6 steps 6 to 8). */
enum up_err up_accept_orders(const struct up_policy *p, const struct up_targets *t) UP_NODISCARD;

#endif

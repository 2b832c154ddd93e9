/* Secure time (Uptane Standard 2.1, 5.4.2.2 and 5.4.3.1; docs/pouf.md, section 3): attestations signed by the
 * Director Root's time role, bound to a nonce of ours, never going back under the same key.
 *
 * Time is the attested time plus what a monotonic millisecond counter says has passed since. After a reset
 * nothing has been attested: the last attested time is then a floor for expiry, not enough for an install. */
#ifndef METADATA_CLOCK_H
#define METADATA_CLOCK_H

#include "metadata/role.h"

struct up_clock {
    int64_t attested_s;            /* persist: last attested time */
    uint8_t keys[UP_SHA256_BYTES]; /* persist: digest of the time keys that attested it */
    int64_t base_s; /* provisioning time: where a rotation of the time keys falls back to (E-CLK-14) */
    uint8_t nonce[UP_NONCE_BYTES]; /* of our last question */
    bool asked, fresh;             /* fresh: attested since the last reset */
    uint64_t accepted_ms;          /* monotonic time of acceptance */
};

void up_clock_init(struct up_clock *c, int64_t base_s, int64_t attested_s,
                   const uint8_t keys[UP_SHA256_BYTES]);
/* The nonce of the next attestation; a used one is never accepted again. */
void up_clock_ask(struct up_clock *c, const uint8_t nonce[UP_NONCE_BYTES]);
/* Nobody knows how much time has passed: a floor again, nothing attested. The question under way stays. */
void up_clock_slept(struct up_clock *c);
/* A new Root is trusted. Other time keys: back to base_s, nothing attested (V-CLK-11, V-CLK-12: before its
 * expiry is looked at). The question under way stays. */
void up_clock_on_root(struct up_clock *c, const struct up_root *root);
/* OK: *next is the clock after it; store attested_s and keys, then assign. TIME_SIG, TIME_NONCE,
 * TIME_BACKWARD... */
enum up_err up_clock_feed(const struct up_clock *c, const struct up_root *root, const struct up_profile *p,
                          struct up_span file, struct up_buf *room, uint64_t now_ms,
                          struct up_clock *next) UP_NODISCARD;
/* Best knowledge of the time, for expiry. */
int64_t up_clock_now(const struct up_clock *c, uint64_t now_ms);
/* Attested since the last reset and no longer than MAX_AGE_S ago: an install may begin. Else
 * TIME_UNAVAILABLE. */
enum up_err up_clock_fresh(const struct up_clock *c, uint64_t now_ms, uint32_t max_age_s) UP_NODISCARD;
/* The nonces of an attestation, for the Primary: exactly those N that it sent, in any order (P-CLK-07). */
enum up_err up_time_has_nonces(struct up_span file, const uint8_t (*nonces)[UP_NONCE_BYTES],
                               size_t n) UP_NODISCARD;

#endif

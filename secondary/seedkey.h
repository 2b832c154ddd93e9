/* SecurityAccess (27) with a secret that the tester shares with this one ECU: the key to a seed is the first
 * bytes of HMAC-SHA-256 over it (docs/pouf.md, section 5.8). And the count of wrong keys, durable: a reset
 * gives nobody another attempt. For the port of isotp/uds_guard.h. */
#ifndef SECONDARY_SEEDKEY_H
#define SECONDARY_SEEDKEY_H

#include "isotp/uds_guard.h"
#include "metadata/hmac.h"
#include "secondary/store.h"

bool sec_seedkey_fits(const uint8_t secret[UP_SECRET_BYTES], uint8_t level,
                      const uint8_t seed[UDS_SEED_BYTES], const uint8_t *key, size_t n);

/* As last kept. A record that makes no sense counts as too many. */
uint8_t sec_attempts(const struct sec_store *s);
/* False: not stored. */
bool sec_attempts_keep(struct sec_store *s, uint8_t attempts);

#endif

#include "secondary/seedkey.h"

bool sec_seedkey_fits(const uint8_t secret[UP_SECRET_BYTES], uint8_t level,
                      const uint8_t seed[UDS_SEED_BYTES], const uint8_t *key, size_t n)
{
    uint8_t message[UDS_SEED_MESSAGE], mac[UP_SHA256_BYTES], differs = 0;
    if (n != UDS_KEY_BYTES) return false;
    uds_seed_message(message, level, seed);
    up_hmac_sha256((struct up_span){secret, UP_SECRET_BYTES}, (struct up_span){message, sizeof message}, mac);
    for (size_t i = 0; i < UDS_KEY_BYTES; i++) differs |= mac[i] ^ key[i]; /* in the same time for any */
    up_wipe(mac, sizeof mac);
    return differs == 0;
}

uint8_t sec_attempts(const struct sec_store *s)
{
    const struct up_span record = sec_store_get(s, SEC_KEY_ATTEMPTS);
    if (record.p == NULL) return 0;
    return record.n == 1 ? record.p[0] : UINT8_MAX;
}

bool sec_attempts_keep(struct sec_store *s, uint8_t attempts)
{
    return sec_store_put(s, SEC_KEY_ATTEMPTS, (struct up_span){&attempts, 1}) == UP_OK;
}

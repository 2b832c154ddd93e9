#include "metadata/hmac.h"

#include <string.h>

#define BLOCK_BYTES 64u

static void hash_behind(const uint8_t block[BLOCK_BYTES], uint8_t pad, struct up_span bytes, uint8_t *digest)
{
    uint8_t padded[BLOCK_BYTES];
    struct up_hash h;
    for (size_t i = 0; i < BLOCK_BYTES; i++) padded[i] = block[i] ^ pad;
    up_hash_begin(&h, UP_SHA256);
    up_hash_add(&h, (struct up_span){padded, sizeof padded});
    up_hash_add(&h, bytes);
    up_hash_end(&h, digest);
    up_wipe(padded, sizeof padded);
}

void up_hmac_sha256(struct up_span key, struct up_span message, uint8_t mac[UP_SHA256_BYTES])
{
    uint8_t block[BLOCK_BYTES] = {0}, inner[UP_SHA256_BYTES];
    if (key.n > sizeof block)
        up_sha256(key, block);
    else if (key.n > 0)
        memcpy(block, key.p, key.n);
    hash_behind(block, 0x36, message, inner);
    hash_behind(block, 0x5C, (struct up_span){inner, sizeof inner}, mac);
    up_wipe(block, sizeof block);
}

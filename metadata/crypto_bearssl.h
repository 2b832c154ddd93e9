/* The cryptography port on BearSSL: ECDSA P-256 and SHA-2, with constant-time arithmetic and without a heap.
 * For microcontrollers; BearSSL has no Ed25519, and RSA is left out for its size. Public keys are read from
 * SubjectPublicKeyInfo with an uncompressed point only. */
#ifndef METADATA_CRYPTO_BEARSSL_H
#define METADATA_CRYPTO_BEARSSL_H

#include "metadata/crypto.h"

#define UP_BEARSSL_SECRET_BYTES 32

/* An ECDSA P-256 key whose private half is in memory, as a big-endian number. SECRET is borrowed for as long
 * as S is used, which is why its owner wipes it. S has no keyid yet. False: the number is not a private key.
 */
bool up_signer_from_secret(const uint8_t secret[UP_BEARSSL_SECRET_BYTES], struct up_signer *s);

/* HMAC-DRBG with SHA-256 (NIST SP 800-90A) behind up_random(), which fails before this was called. SEED: at
 * least 32 bytes that nobody knows and that never come again, for one secret and a count of boots will do. */
void up_random_seed(struct up_span seed);

#endif

/* HMAC with SHA-256 (RFC 2104), over the hash of the crypto port. */
#ifndef METADATA_HMAC_H
#define METADATA_HMAC_H

#include "metadata/crypto.h"

#define UP_SECRET_BYTES 32 /* of a shared secret, as configured */

/* A key of more than 64 bytes counts as its digest. */
void up_hmac_sha256(struct up_span key, struct up_span message, uint8_t mac[UP_SHA256_BYTES]);

#endif

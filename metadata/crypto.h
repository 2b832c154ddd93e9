/* The cryptography port: hash, verify, sign, random. One implementation is linked per program:
 * crypto_openssl.c on Linux, crypto_bearssl.c on a microcontroller. Verification is one-shot over bytes or
 * over their SHA-256.
 *
 * Strictness that every implementation owes (requirement E-KEY-18): canonical Ed25519 S, no small-order
 * Ed25519 keys, ECDSA signatures in minimal DER with 1 <= r,s < n, RSA of 2048 to 4096 bits with salt length
 * 32 on signing. */
#ifndef METADATA_CRYPTO_H
#define METADATA_CRYPTO_H

#include "metadata/err.h"
#include "metadata/limits.h"
#include "metadata/span.h"

#define UP_SHA256_BYTES 32
#define UP_SHA512_BYTES 64

enum up_hash_kind { UP_SHA256, UP_SHA512 };
struct up_hash { /* opaque; begin, add..., then end or drop exactly once */
    uint64_t space[32];
};
void up_hash_begin(struct up_hash *h, enum up_hash_kind kind);
void up_hash_add(struct up_hash *h, struct up_span bytes);
void up_hash_end(struct up_hash *h, uint8_t *digest); /* 32 or 64 bytes; ends the context */
void up_hash_drop(struct up_hash *h);
void up_sha256(struct up_span bytes, uint8_t digest[UP_SHA256_BYTES]);

enum up_scheme { UP_SCHEME_NONE, UP_ED25519, UP_ECDSA_P256_SHA256, UP_RSA_PSS_SHA256 };
const char *up_scheme_name(enum up_scheme s);        /* TUF: "ecdsa-sha2-nistp256" */
enum up_scheme up_scheme_named(struct up_span name); /* NONE: unknown */

bool up_scheme_linked(enum up_scheme s); /* does this implementation have it? */

/* A public key. BYTES is normal form, so that equal keys have equal bytes: Ed25519 32 bytes; ECDSA 65 bytes
 * 04 x y; RSA the DER SubjectPublicKeyInfo. */
struct up_key {
    enum up_scheme scheme;
    uint16_t n;
    uint8_t bytes[UP_KEY_BYTES];
};
/* The DER inside of PEM text: "-----BEGIN PUBLIC KEY-----", base64 in lines, "-----END PUBLIC KEY-----", and
 * nothing else. Bytes written, -1: not that, or more than CAP. For implementations. */
long up_pem_decode(struct up_span pem, uint8_t *der, size_t cap);
/* From PEM ("-----BEGIN PUBLIC KEY-----", escapes already decoded). False: not a key of that scheme, or too
 * weak. */
bool up_key_from_pem(enum up_scheme scheme, struct up_span pem, struct up_key *key);
/* Checks raw bytes (Ed25519, ECDSA point) and takes them. */
bool up_key_from_bytes(enum up_scheme scheme, struct up_span bytes, struct up_key *key);

/* MESSAGE whole in memory; every scheme. */
bool up_verify(const struct up_key *key, struct up_span message, struct up_span signature);
/* DIGEST is SHA-256 of the message: ECDSA and RSA-PSS verify over it as prehash; Ed25519 takes the 32 bytes
 * as its message. */
bool up_verify_digest(const struct up_key *key, const uint8_t digest[UP_SHA256_BYTES],
                      struct up_span signature);

/* A private key, as a handle: the key itself never crosses this port (file, HSM or TPM behind it). */
struct up_signer {
    struct up_key key;                   /* its public half */
    char keyid[2 * UP_SHA256_BYTES + 1]; /* TUF 1.0 form, see metadata/sign.h */
    void *handle;
};
/* Signs as up_verify / up_verify_digest check. Returns the signature length (<= UP_SIGNATURE_BYTES), 0:
 * failed. */
size_t up_sign(const struct up_signer *s, struct up_span message, uint8_t signature[UP_SIGNATURE_BYTES]);
size_t up_sign_digest(const struct up_signer *s, const uint8_t digest[UP_SHA256_BYTES],
                      uint8_t signature[UP_SIGNATURE_BYTES]);

bool up_random(uint8_t *out, size_t n);
void up_wipe(void *p, size_t n); /* never optimised away */
/* Known answers of every primitive that is linked: false disables updates (E-KEY-13). */
bool up_crypto_selftest(void);

#endif

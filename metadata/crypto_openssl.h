/* What only hosted programs can do with keys: files and generation. OpenSSL 3, EVP only. */
#ifndef METADATA_CRYPTO_OPENSSL_H
#define METADATA_CRYPTO_OPENSSL_H

#include "metadata/crypto.h"

/* Loads a PKCS#8 PEM private key file. False: WHY says what, where, and what to do. Free with
 * up_signer_close(). */
bool up_signer_open(const char *path, struct up_signer *s, char *why, size_t why_size);
/* A new key, written to PATH with mode 0600 (never over an existing file). BITS for RSA only. */
bool up_signer_create(const char *path, enum up_scheme scheme, unsigned bits, struct up_signer *s, char *why,
                      size_t why_size);
/* A key made from SEED: the same seed gives the same key, and the same signatures (ECDSA after RFC 6979,
 * which OpenSSL 3.0 lacks; not in constant time). For simulations and tests only. Ed25519 and ECDSA. */
bool up_signer_from_seed(enum up_scheme scheme, const uint8_t seed[32], struct up_signer *s);
/* Writes the private half of S to PATH (0600, PKCS#8 PEM; never over an existing file). */
bool up_signer_save(const struct up_signer *s, const char *path, char *why, size_t why_size);
void up_signer_close(struct up_signer *s);
/* "-----BEGIN PUBLIC KEY-----..." of a public key; characters written, 0: CAP too small. */
size_t up_key_to_pem(const struct up_key *key, char *out, size_t cap);
/* The TUF 1.0 key object of a public key, sorted JSON: what the key id in struct up_signer covers. Characters
 * written, 0: CAP too small (UP_KEY_OBJECT_MAX never is). Not terminated. */
#define UP_KEY_OBJECT_MAX (UP_PEM_BYTES + 128)
size_t up_key_to_json(const struct up_key *key, char *out, size_t cap);

/* Private: shared by the files of this implementation. */
struct evp_pkey_st;
struct up_signer_openssl { /* behind up_signer.handle */
    struct evp_pkey_st *pkey;
    bool seeded;
};
struct evp_pkey_st *up_key_to_evp(const struct up_key *key);               /* NULL: not a key */
bool up_key_from_evp(struct evp_pkey_st *pkey, struct up_key *key);        /* checks it, too */
size_t up_key_to_der(const struct up_key *key, uint8_t der[UP_KEY_BYTES]); /* SubjectPublicKeyInfo */
size_t up_sign_seeded(struct evp_pkey_st *pkey, const uint8_t digest[UP_SHA256_BYTES],
                      uint8_t signature[UP_SIGNATURE_BYTES]); /* ECDSA, RFC 6979 */

#endif

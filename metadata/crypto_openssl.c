/* The cryptography port on OpenSSL 3. */
#include "metadata/crypto_openssl.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

/* ---- hashes ---- */

struct hash {
    EVP_MD_CTX *md;
};
_Static_assert(sizeof(struct hash) <= sizeof(struct up_hash), "fits the opaque space");

/* A hash that could not be computed must not look like one that was. */
static void must(bool done)
{
    if (!done) abort();
}

void up_hash_begin(struct up_hash *h, enum up_hash_kind kind)
{
    struct hash *s = (struct hash *)h;
    s->md = EVP_MD_CTX_new();
    must(s->md != NULL);
    must(EVP_DigestInit_ex(s->md, kind == UP_SHA512 ? EVP_sha512() : EVP_sha256(), NULL) == 1);
}

void up_hash_add(struct up_hash *h, struct up_span bytes)
{
    must(EVP_DigestUpdate(((struct hash *)h)->md, bytes.p, bytes.n) == 1);
}

void up_hash_end(struct up_hash *h, uint8_t *digest)
{
    must(EVP_DigestFinal_ex(((struct hash *)h)->md, digest, NULL) == 1);
    up_hash_drop(h);
}

void up_hash_drop(struct up_hash *h)
{
    EVP_MD_CTX_free(((struct hash *)h)->md);
    ((struct hash *)h)->md = NULL;
}

void up_sha256(struct up_span bytes, uint8_t digest[UP_SHA256_BYTES])
{
    must(EVP_Digest(bytes.p, bytes.n, digest, NULL, EVP_sha256(), NULL) == 1);
}

/* ---- public keys ---- */

bool up_scheme_linked(enum up_scheme s)
{
    return s != UP_SCHEME_NONE;
}

/* OpenSSL takes any 32 bytes. One spelling per point (y < 2^255 - 19), and none of the eight points of small
 * order, under which signatures of anything can be made: y = 0, 1, -1 and two more. */
static bool ed25519_point_ok(const uint8_t key[32])
{
    static const uint8_t eighth[2][32] = {
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
         0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
         0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}};
    uint8_t y[32];
    memcpy(y, key, 32);
    y[31] &= 0x7F;
    bool low = true, high = y[31] == 0x7F; /* all middle bytes 00, or FF */
    for (int i = 1; i < 31; i++) {
        low = low && y[i] == 0;
        high = high && y[i] == 0xFF;
    }
    if (low && y[31] == 0 && y[0] <= 1) return false;
    if (high && y[0] >= 0xEC) return false; /* 2^255 - 20 is -1, then come the second spellings */
    return memcmp(y, eighth[0], 32) != 0 && memcmp(y, eighth[1], 32) != 0;
}

static EVP_PKEY *p256_from_point(const uint8_t *point, size_t n)
{
    EVP_PKEY *pkey = NULL;
    char group[] = "prime256v1";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point, n),
        OSSL_PARAM_construct_end()};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

/* Uncompressed, in range, on the curve; of infinity there is no such form. EVP would take ten times as long
 * to make a key of it and tell its coordinates. */
static bool p256_point_ok(const uint8_t point[65])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *q = group == NULL ? NULL : EC_POINT_new(group);
    bool good = q != NULL && point[0] == POINT_CONVERSION_UNCOMPRESSED &&
                EC_POINT_oct2point(group, q, point, 65, NULL) == 1;
    EC_POINT_free(q);
    EC_GROUP_free(group);
    return good;
}

/* The modulus of a key in the usual form: SubjectPublicKeyInfo with a modulus of whole bytes and the exponent
 * 65537, of which every byte but the modulus is known. NULL: another form. */
static const uint8_t *usual_rsa(const uint8_t *der, size_t n, size_t *modulus_bytes)
{
    static const uint8_t tail[] = {0x02, 0x03, 0x01, 0x00, 0x01};
    uint8_t head[] = {0x30, 0x82, 0,    0,    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48,
                      0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0,
                      0,    0x00, 0x30, 0x82, 0,    0,    0x02, 0x82, 0,    0,    0x00};
    static const size_t length_at[] = {2, 21, 26, 30}; /* each counts what follows it */
    if (n < sizeof head + 2048 / 8 + sizeof tail || n > sizeof head + 4096 / 8 + sizeof tail) return NULL;
    for (size_t i = 0; i < sizeof length_at / sizeof *length_at; i++) {
        size_t at = length_at[i], rest = n - at - 2 - (i == 3 ? sizeof tail : 0);
        head[at] = (uint8_t)(rest >> 8);
        head[at + 1] = (uint8_t)rest;
    }
    if (memcmp(der, head, sizeof head) != 0 || !(der[sizeof head] & 0x80)) return NULL;
    if (memcmp(der + n - sizeof tail, tail, sizeof tail) != 0) return NULL;
    *modulus_bytes = n - sizeof head - sizeof tail;
    return der + sizeof head;
}

static EVP_PKEY *rsa_from_modulus(const uint8_t *modulus, size_t n)
{
    EVP_PKEY *pkey = NULL;
    BIGNUM *bn = BN_bin2bn(modulus, (int)n, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    bool good = bn != NULL && build != NULL && ctx != NULL &&
                OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn) == 1 &&
                OSSL_PARAM_BLD_push_uint(build, OSSL_PKEY_PARAM_RSA_E, 65537) == 1 &&
                (params = OSSL_PARAM_BLD_to_param(build)) != NULL && EVP_PKEY_fromdata_init(ctx) == 1;
    if (!good || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(bn);
    return pkey;
}

EVP_PKEY *up_key_to_evp(const struct up_key *key)
{
    const uint8_t *der = key->bytes, *modulus;
    size_t n;
    switch (key->scheme) {
    case UP_ED25519:
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->bytes, key->n);
    case UP_ECDSA_P256_SHA256:
        return p256_from_point(key->bytes, key->n);
    case UP_RSA_PSS_SHA256:
        modulus = usual_rsa(key->bytes, key->n, &n);
        return modulus != NULL ? rsa_from_modulus(modulus, n) : d2i_PUBKEY(NULL, &der, key->n);
    case UP_SCHEME_NONE:
        break;
    }
    return NULL;
}

static bool read_p256(EVP_PKEY *pkey, struct up_key *key)
{
    char group[32];
    BIGNUM *x = NULL, *y = NULL;
    bool good = EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) == 1 &&
                strcmp(group, "prime256v1") == 0 &&
                EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
                EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1;
    key->scheme = UP_ECDSA_P256_SHA256;
    key->n = 65;
    key->bytes[0] = 4;
    good = good && BN_bn2binpad(x, key->bytes + 1, 32) == 32 && BN_bn2binpad(y, key->bytes + 33, 32) == 32;
    BN_free(x);
    BN_free(y);
    return good;
}

static bool read_rsa(EVP_PKEY *pkey, struct up_key *key)
{
    BIGNUM *e = NULL;
    int bits = EVP_PKEY_get_bits(pkey), n = i2d_PUBKEY(pkey, NULL);
    bool good = bits >= 2048 && bits <= 4096 && n > 0 && n <= UP_KEY_BYTES &&
                EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) && !BN_is_one(e);
    BN_free(e);
    if (!good) return false;
    uint8_t *der = key->bytes;
    key->scheme = UP_RSA_PSS_SHA256;
    key->n = (uint16_t)i2d_PUBKEY(pkey, &der);
    return true;
}

bool up_key_from_evp(EVP_PKEY *pkey, struct up_key *key)
{
    struct up_key k = {0};
    size_t n = 32;
    bool good = false;
    switch (EVP_PKEY_get_base_id(pkey)) {
    case EVP_PKEY_ED25519:
        k.scheme = UP_ED25519;
        k.n = 32;
        good = EVP_PKEY_get_raw_public_key(pkey, k.bytes, &n) == 1 && ed25519_point_ok(k.bytes);
        break;
    case EVP_PKEY_EC:
        good = read_p256(pkey, &k);
        break;
    case EVP_PKEY_RSA:
        good = read_rsa(pkey, &k);
        break;
    default:
        break;
    }
    if (good) *key = k;
    return good;
}

bool up_key_from_bytes(enum up_scheme scheme, struct up_span bytes, struct up_key *key)
{
    bool good = false;
    if (scheme == UP_ED25519)
        good = bytes.n == 32 && ed25519_point_ok(bytes.p);
    else if (scheme == UP_ECDSA_P256_SHA256)
        good = bytes.n == 65 && p256_point_ok(bytes.p);
    ERR_clear_error();
    if (!good) return false;
    *key = (struct up_key){.scheme = scheme, .n = (uint16_t)bytes.n};
    memcpy(key->bytes, bytes.p, bytes.n);
    return true;
}

/* What comes before the material of a key in a SubjectPublicKeyInfo (RFC 8410; RFC 5480, uncompressed). */
static const uint8_t ed25519_head[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                       0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
static const uint8_t p256_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

size_t up_key_to_der(const struct up_key *key, uint8_t der[UP_KEY_BYTES])
{
    struct up_span head = {0}; /* RSA keys are kept as they travel */
    if (key->scheme == UP_ED25519) head = (struct up_span){ed25519_head, sizeof ed25519_head};
    if (key->scheme == UP_ECDSA_P256_SHA256) head = (struct up_span){p256_head, sizeof p256_head};
    if (head.n > 0) memcpy(der, head.p, head.n);
    memcpy(der + head.n, key->bytes, key->n);
    return head.n + key->n;
}

/* OpenSSL's general decoder takes many times as long as the checks of a key, and an ordinary poll reads some
 * forty: the usual forms (RFC 5480 uncompressed, RFC 8017 with the usual exponent) go past it. */
static bool usual_key(const uint8_t *der, size_t n, struct up_key *key)
{
    size_t modulus_bytes;
    if (n == sizeof p256_head + 65 && memcmp(der, p256_head, sizeof p256_head) == 0)
        return up_key_from_bytes(UP_ECDSA_P256_SHA256, (struct up_span){der + sizeof p256_head, 65}, key);
    if (n > UP_KEY_BYTES || usual_rsa(der, n, &modulus_bytes) == NULL) return false;
    *key = (struct up_key){.scheme = UP_RSA_PSS_SHA256, .n = (uint16_t)n};
    memcpy(key->bytes, der, n);
    return true;
}

bool up_key_from_pem(enum up_scheme scheme, struct up_span pem, struct up_key *key)
{
    struct up_key k;
    uint8_t der[UP_PEM_BYTES];
    const uint8_t *p = der;
    long n = up_pem_decode(pem, der, sizeof der);
    if (n <= 0) return false;
    bool good = usual_key(der, (size_t)n, &k);
    if (!good) {
        EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, n);
        good = pkey != NULL && p == der + n && up_key_from_evp(pkey, &k);
        EVP_PKEY_free(pkey);
        ERR_clear_error();
    }
    if (!good || k.scheme != scheme) return false;
    *key = k;
    return true;
}

/* ---- signatures ---- */

/* Ready to sign or verify a SHA-256 digest. SALT: length, or how to find it. */
static bool set_up(EVP_PKEY_CTX *ctx, EVP_PKEY *pkey, int salt)
{
    if (EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) != 1) return false;
    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA) return true;
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt) == 1;
}

/* OpenSSL itself refuses S >= L, r and s out of their range, and any DER but the minimal one. */
static bool verify(const struct up_key *key, struct up_span message, struct up_span signature)
{
    EVP_PKEY *pkey = up_key_to_evp(key);
    EVP_PKEY_CTX *ctx = NULL;
    EVP_MD_CTX *md = NULL;
    bool good = false;
    if (pkey == NULL || message.p == NULL || signature.p == NULL) goto out;
    if (key->scheme == UP_ED25519) {
        md = EVP_MD_CTX_new();
        good = md != NULL && EVP_DigestVerifyInit(md, NULL, NULL, NULL, pkey) == 1 &&
               EVP_DigestVerify(md, signature.p, signature.n, message.p, message.n) == 1;
    } else {
        ctx = EVP_PKEY_CTX_new(pkey, NULL);
        good = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 && set_up(ctx, pkey, RSA_PSS_SALTLEN_AUTO) &&
               EVP_PKEY_verify(ctx, signature.p, signature.n, message.p, message.n) == 1;
    }
out:
    EVP_MD_CTX_free(md);
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    ERR_clear_error(); /* a bad signature must not look like a failure of somebody's TLS */
    return good;
}

bool up_verify_digest(const struct up_key *key, const uint8_t digest[UP_SHA256_BYTES],
                      struct up_span signature)
{
    return verify(key, (struct up_span){digest, UP_SHA256_BYTES}, signature);
}

bool up_verify(const struct up_key *key, struct up_span message, struct up_span signature)
{
    if (key->scheme == UP_ED25519) return verify(key, message, signature);
    uint8_t digest[UP_SHA256_BYTES];
    up_sha256(message, digest);
    return up_verify_digest(key, digest, signature);
}

static size_t sign(const struct up_signer *s, struct up_span message, uint8_t signature[UP_SIGNATURE_BYTES])
{
    const struct up_signer_openssl *own = s->handle;
    size_t n = UP_SIGNATURE_BYTES;
    EVP_PKEY_CTX *ctx = NULL;
    EVP_MD_CTX *md = NULL;
    bool good = false;
    if (s->key.scheme == UP_ED25519) {
        md = EVP_MD_CTX_new();
        good = md != NULL && EVP_DigestSignInit(md, NULL, NULL, NULL, own->pkey) == 1 &&
               EVP_DigestSign(md, signature, &n, message.p, message.n) == 1;
    } else if (own->seeded) {
        n = up_sign_seeded(own->pkey, message.p, signature);
        good = n != 0;
    } else {
        ctx = EVP_PKEY_CTX_new(own->pkey, NULL);
        good = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
               set_up(ctx, own->pkey, RSA_PSS_SALTLEN_DIGEST) &&
               EVP_PKEY_sign(ctx, signature, &n, message.p, message.n) == 1;
    }
    EVP_MD_CTX_free(md);
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    return good ? n : 0;
}

size_t up_sign_digest(const struct up_signer *s, const uint8_t digest[UP_SHA256_BYTES],
                      uint8_t signature[UP_SIGNATURE_BYTES])
{
    return sign(s, (struct up_span){digest, UP_SHA256_BYTES}, signature);
}

size_t up_sign(const struct up_signer *s, struct up_span message, uint8_t signature[UP_SIGNATURE_BYTES])
{
    if (s->key.scheme == UP_ED25519) return sign(s, message, signature);
    uint8_t digest[UP_SHA256_BYTES];
    up_sha256(message, digest);
    return up_sign_digest(s, digest, signature);
}

bool up_random(uint8_t *out, size_t n)
{
    return RAND_bytes(out, (int)n) == 1;
}

void up_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}

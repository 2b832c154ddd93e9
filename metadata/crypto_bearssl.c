/* The cryptography port on BearSSL. */
#include "metadata/crypto_bearssl.h"

#include <bearssl.h>

#define P256_BYTES 32u

/* ---- hashes ---- */

struct hash {
    uint8_t kind; /* enum up_hash_kind */
    union {
        br_sha256_context sha256;
        br_sha512_context sha512;
    } u;
};
_Static_assert(sizeof(struct hash) <= sizeof(struct up_hash), "fits the opaque space");

void up_hash_begin(struct up_hash *h, enum up_hash_kind kind)
{
    struct hash *s = (struct hash *)h;
    s->kind = (uint8_t)kind;
    if (kind == UP_SHA512)
        br_sha512_init(&s->u.sha512);
    else
        br_sha256_init(&s->u.sha256);
}

void up_hash_add(struct up_hash *h, struct up_span bytes)
{
    struct hash *s = (struct hash *)h;
    if (s->kind == UP_SHA512)
        br_sha512_update(&s->u.sha512, bytes.p, bytes.n);
    else
        br_sha256_update(&s->u.sha256, bytes.p, bytes.n);
}

void up_hash_end(struct up_hash *h, uint8_t *digest)
{
    struct hash *s = (struct hash *)h;
    if (s->kind == UP_SHA512)
        br_sha512_out(&s->u.sha512, digest);
    else
        br_sha256_out(&s->u.sha256, digest);
}

void up_hash_drop(struct up_hash *h)
{
    (void)h; /* holds nothing but itself */
}

void up_sha256(struct up_span bytes, uint8_t digest[UP_SHA256_BYTES])
{
    br_sha256_context c;
    br_sha256_init(&c);
    br_sha256_update(&c, bytes.p, bytes.n);
    br_sha256_out(&c, digest);
}

/* ---- public keys ---- */

bool up_scheme_linked(enum up_scheme s)
{
    return s == UP_ECDSA_P256_SHA256;
}

/* BearSSL checks a point when it multiplies it: that it is on the curve, with both coordinates below the
 * prime. By one is soon done. */
bool up_key_from_bytes(enum up_scheme scheme, struct up_span bytes, struct up_key *key)
{
    static const uint8_t one[] = {1};
    uint8_t product[1 + 2 * P256_BYTES];
    if (scheme != UP_ECDSA_P256_SHA256 || bytes.n != sizeof product || bytes.p[0] != 4) return false;
    memcpy(product, bytes.p, sizeof product);
    if (br_ec_p256_m31.mul(product, sizeof product, one, sizeof one, BR_EC_secp256r1) != 1) return false;
    *key = (struct up_key){.scheme = scheme, .n = sizeof product};
    memcpy(key->bytes, bytes.p, sizeof product);
    return true;
}

/* What comes before the point in a SubjectPublicKeyInfo (RFC 5480). */
static const uint8_t p256_head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

bool up_key_from_pem(enum up_scheme scheme, struct up_span pem, struct up_key *key)
{
    uint8_t der[UP_PEM_BYTES];
    long n = up_pem_decode(pem, der, sizeof der);
    if (n <= (long)sizeof p256_head || memcmp(der, p256_head, sizeof p256_head) != 0) return false;
    return up_key_from_bytes(scheme, (struct up_span){der + sizeof p256_head, (size_t)n - sizeof p256_head},
                             key);
}

/* ---- signatures ---- */

/* One INTEGER of a signature, in minimal DER and positive, as 32 bytes. */
static bool take_integer(struct up_span *der, uint8_t out[P256_BYTES])
{
    if (der->n < 3 || der->p[0] != 0x02 || der->p[1] == 0 || der->p[1] > der->n - 2) return false;
    const uint8_t *p = der->p + 2;
    size_t n = der->p[1];
    *der = (struct up_span){p + n, der->n - 2 - n};
    if (p[0] & 0x80) return false;
    if (p[0] == 0) {
        if (n == 1 || !(p[1] & 0x80)) return false; /* zero; or padded for nothing */
        p++;
        n--;
    }
    if (n > P256_BYTES) return false;
    memset(out, 0, P256_BYTES - n);
    memcpy(out + P256_BYTES - n, p, n);
    return true;
}

/* SEQUENCE of r and s. That they are below the order is BearSSL's to check. */
static bool raw_signature(struct up_span der, uint8_t raw[2 * P256_BYTES])
{
    if (der.n < 2 || der.p[0] != 0x30 || der.p[1] != der.n - 2 || der.p[1] >= 0x80) return false;
    struct up_span rest = {der.p + 2, der.n - 2};
    return take_integer(&rest, raw) && take_integer(&rest, raw + P256_BYTES) && rest.n == 0;
}

bool up_verify_digest(const struct up_key *key, const uint8_t digest[UP_SHA256_BYTES],
                      struct up_span signature)
{
    uint8_t raw[2 * P256_BYTES];
    if (key->scheme != UP_ECDSA_P256_SHA256 || !raw_signature(signature, raw)) return false;
    const br_ec_public_key public = {
        .curve = BR_EC_secp256r1, .q = (unsigned char *)(uintptr_t)key->bytes, .qlen = key->n};
    return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, digest, UP_SHA256_BYTES, &public, raw, sizeof raw) == 1;
}

bool up_verify(const struct up_key *key, struct up_span message, struct up_span signature)
{
    uint8_t digest[UP_SHA256_BYTES];
    up_sha256(message, digest);
    return up_verify_digest(key, digest, signature);
}

/* BearSSL leaves its working numbers on the stack, the key and the nonce among them. This lies where they
 * lay. */
__attribute__((noinline)) static void wipe_stack(void)
{
    uint8_t below[2560];
    up_wipe(below, sizeof below);
}

/* RFC 6979: a signature needs no randomness. */
size_t up_sign_digest(const struct up_signer *s, const uint8_t digest[UP_SHA256_BYTES],
                      uint8_t signature[UP_SIGNATURE_BYTES])
{
    const br_ec_private_key private = {
        .curve = BR_EC_secp256r1, .x = s->handle, .xlen = UP_BEARSSL_SECRET_BYTES};
    if (s->key.scheme != UP_ECDSA_P256_SHA256 || s->handle == NULL) return 0;
    const size_t n = br_ecdsa_i31_sign_asn1(&br_ec_p256_m31, &br_sha256_vtable, digest, &private, signature);
    wipe_stack();
    return n;
}

size_t up_sign(const struct up_signer *s, struct up_span message, uint8_t signature[UP_SIGNATURE_BYTES])
{
    uint8_t digest[UP_SHA256_BYTES];
    up_sha256(message, digest);
    return up_sign_digest(s, digest, signature);
}

/* 1 <= secret < order of the curve. */
static bool is_secret(const uint8_t secret[UP_BEARSSL_SECRET_BYTES])
{
    size_t n;
    const uint8_t *order = br_ec_p256_m31.order(BR_EC_secp256r1, &n);
    uint32_t any = 0, borrow = 0;
    for (size_t i = P256_BYTES; i-- > 0;) { /* in the same time for every secret */
        any |= secret[i];
        borrow = ((uint32_t)secret[i] - order[i] - borrow) >> 31;
    }
    return n == P256_BYTES && any != 0 && borrow == 1;
}

bool up_signer_from_secret(const uint8_t secret[UP_BEARSSL_SECRET_BYTES], struct up_signer *s)
{
    if (!is_secret(secret)) return false;
    *s = (struct up_signer){.key = {.scheme = UP_ECDSA_P256_SHA256, .n = 1 + 2 * P256_BYTES},
                            .handle = (void *)(uintptr_t)secret};
    const size_t n = br_ec_p256_m31.mulgen(s->key.bytes, secret, UP_BEARSSL_SECRET_BYTES, BR_EC_secp256r1);
    wipe_stack();
    return n == s->key.n;
}

/* ---- random ---- */

static br_hmac_drbg_context generator;
static bool seeded;

void up_random_seed(struct up_span seed)
{
    br_hmac_drbg_init(&generator, &br_sha256_vtable, seed.p, seed.n);
    seeded = true;
}

bool up_random(uint8_t *out, size_t n)
{
    if (seeded) br_hmac_drbg_generate(&generator, out, n);
    return seeded;
}

void up_wipe(void *p, size_t n)
{
    volatile uint8_t *bytes = p;
    while (n-- > 0) *bytes++ = 0;
}

#include "tests/suite.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "metadata/crypto_bearssl.h"
#include "metadata/crypto_openssl.h"
#include "metadata/encode.h"
#include "tests/ecdsa_cases.h"

/* The implementation of microcontrollers beside the one of this program, under other names. */
#define PORT(X)                                                                                              \
    X(up_hash_begin, bear_hash_begin)                                                                        \
    X(up_hash_add, bear_hash_add)                                                                            \
    X(up_hash_end, bear_hash_end)                                                                            \
    X(up_hash_drop, bear_hash_drop)                                                                          \
    X(up_sha256, bear_sha256)                                                                                \
    X(up_scheme_linked, bear_scheme_linked)                                                                  \
    X(up_key_from_bytes, bear_key_from_bytes)                                                                \
    X(up_key_from_pem, bear_key_from_pem)                                                                    \
    X(up_verify_digest, bear_verify_digest)                                                                  \
    X(up_verify, bear_verify)                                                                                \
    X(up_sign_digest, bear_sign_digest)                                                                      \
    X(up_sign, bear_sign)                                                                                    \
    X(up_random, bear_random)                                                                                \
    X(up_wipe, bear_wipe)                                                                                    \
    X(up_crypto_selftest, bear_crypto_selftest)                                                              \
    X(up_scheme_name, bear_scheme_name)                                                                      \
    X(up_scheme_named, bear_scheme_named)                                                                    \
    X(up_pem_decode, bear_pem_decode)
#define X(ours, theirs) static __typeof__(ours) theirs;
PORT(X)
#undef X
#define up_hash_begin      bear_hash_begin
#define up_hash_add        bear_hash_add
#define up_hash_end        bear_hash_end
#define up_hash_drop       bear_hash_drop
#define up_sha256          bear_sha256
#define up_scheme_linked   bear_scheme_linked
#define up_key_from_bytes  bear_key_from_bytes
#define up_key_from_pem    bear_key_from_pem
#define up_verify_digest   bear_verify_digest
#define up_verify          bear_verify
#define up_sign_digest     bear_sign_digest
#define up_sign            bear_sign
#define up_random          bear_random
#define up_wipe            bear_wipe
#define up_crypto_selftest bear_crypto_selftest
#define up_scheme_name     bear_scheme_name
#define up_scheme_named    bear_scheme_named
#define up_pem_decode      bear_pem_decode
#include "metadata/crypto.c"
#include "metadata/crypto_bearssl.c"
#undef up_hash_begin
#undef up_hash_add
#undef up_hash_end
#undef up_hash_drop
#undef up_sha256
#undef up_scheme_linked
#undef up_key_from_bytes
#undef up_key_from_pem
#undef up_verify_digest
#undef up_verify
#undef up_sign_digest
#undef up_sign
#undef up_random
#undef up_wipe
#undef up_crypto_selftest
#undef up_scheme_name
#undef up_scheme_named
#undef up_pem_decode

static struct up_span hex(const char *text)
{
    static uint8_t bytes[4][128];
    static unsigned turn;
    uint8_t *out = bytes[turn++ % 4];
    long n = up_hex_decode(up_span_of(text), out, 128);
    ck_assert_int_ge(n, 0);
    return (struct up_span){out, (size_t)n};
}

/* E-KEY-13 */
START_TEST(known_answers_hold)
{
    ck_assert(bear_crypto_selftest());
}
END_TEST

START_TEST(only_ecdsa_is_linked)
{
    struct up_key key;
    uint8_t bytes[32] = {9};
    for (enum up_scheme s = UP_SCHEME_NONE; s <= UP_RSA_PSS_SHA256; s++) {
        ck_assert_int_eq(bear_scheme_named(up_span_of(bear_scheme_name(s))), s);
        ck_assert_int_eq(bear_scheme_linked(s), s == UP_ECDSA_P256_SHA256);
        if (s != UP_ECDSA_P256_SHA256)
            ck_assert(!bear_key_from_bytes(s, (struct up_span){bytes, sizeof bytes}, &key) &&
                      !bear_key_from_bytes(s, hex(ecdsa_key), &key));
    }
    key = (struct up_key){.scheme = UP_ED25519, .n = 32};
    ck_assert(!bear_verify(&key, UP_SPAN("message"), (struct up_span){bytes, sizeof bytes}));
}
END_TEST

START_TEST(hashes_are_the_same_in_any_pieces)
{
    uint8_t text[700], ours[UP_SHA512_BYTES], theirs[UP_SHA512_BYTES];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * i);
    for (enum up_hash_kind kind = UP_SHA256; kind <= UP_SHA512; kind++) {
        for (size_t piece = 1; piece < 300; piece += 37) {
            struct up_hash a, b;
            up_hash_begin(&a, kind);
            bear_hash_begin(&b, kind);
            for (size_t at = 0; at < sizeof text; at += piece) {
                struct up_span s = {text + at, sizeof text - at < piece ? sizeof text - at : piece};
                up_hash_add(&a, s);
                bear_hash_add(&b, s);
            }
            up_hash_end(&a, ours);
            bear_hash_end(&b, theirs);
            ck_assert_mem_eq(ours, theirs, kind == UP_SHA256 ? UP_SHA256_BYTES : UP_SHA512_BYTES);
        }
    }
    struct up_hash left;
    bear_hash_begin(&left, UP_SHA512);
    bear_hash_drop(&left);
}
END_TEST

/* E-KEY-18 */
START_TEST(points_are_on_the_curve_and_uncompressed)
{
    struct up_key key = {.n = 12345};
    for (size_t i = 0; i < sizeof ecdsa_no_keys / sizeof *ecdsa_no_keys; i++)
        ck_assert_msg(!bear_key_from_bytes(UP_ECDSA_P256_SHA256, hex(ecdsa_no_keys[i]), &key), "accepted: %s",
                      ecdsa_no_keys[i]);
    ck_assert_uint_eq(key.n, 12345);
    ck_assert(bear_key_from_bytes(UP_ECDSA_P256_SHA256, hex("04" ZEROS ROOT_B), &key));
    ck_assert(bear_key_from_bytes(UP_ECDSA_P256_SHA256, hex(ecdsa_key), &key));
    ck_assert_mem_eq(key.bytes, hex(ecdsa_key).p, 65);
}
END_TEST

/* E-KEY-18 */
START_TEST(signatures_are_minimal_der_in_range)
{
    struct up_key key;
    ck_assert(bear_key_from_bytes(UP_ECDSA_P256_SHA256, hex(ecdsa_key), &key));
    for (size_t i = 0; i < sizeof ecdsa_good / sizeof *ecdsa_good; i++)
        ck_assert_msg(bear_verify(&key, UP_SPAN("sample"), hex(ecdsa_good[i])), "refused: %s", ecdsa_good[i]);
    for (size_t i = 0; i < sizeof ecdsa_bad / sizeof *ecdsa_bad; i++)
        ck_assert_msg(!bear_verify(&key, UP_SPAN("sample"), hex(ecdsa_bad[i])), "accepted: %s", ecdsa_bad[i]);
}
END_TEST

static struct up_span load(const char *name, char text[4096])
{
    char file[128];
    snprintf(file, sizeof file, "tests/keys/%s.pem", name);
    FILE *f = fopen(file, "r");
    ck_assert_msg(f != NULL, "%s (run from the top folder)", file);
    size_t n = fread(text, 1, 4096, f);
    fclose(f);
    return (struct up_span){(uint8_t *)text, n};
}

START_TEST(keys_are_read_from_the_usual_form_only)
{
    static const char *const others[] = {"ed25519", "p256-compressed", "rsa-4096", "rsa-pss-only",
                                         "p384",    "secp256k1"};
    char text[4096];
    struct up_key ours, theirs = {.n = 12345};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!bear_key_from_pem(UP_ECDSA_P256_SHA256, load(others[i], text), &theirs), "%s",
                      others[i]);
    struct up_span pem = load("p256", text);
    ck_assert(!bear_key_from_pem(UP_ED25519, pem, &theirs));
    ck_assert_uint_eq(theirs.n, 12345);
    ck_assert(bear_key_from_pem(UP_ECDSA_P256_SHA256, pem, &theirs));
    ck_assert(up_key_from_pem(UP_ECDSA_P256_SHA256, pem, &ours));
    ck_assert_mem_eq(ours.bytes, theirs.bytes, 65);
}
END_TEST

/* The same private key on both sides: the same public half, and to the byte the same signature (RFC 6979),
 * which both take. */
START_TEST(both_implementations_sign_alike)
{
    for (uint8_t number = 0; number < 12; number++) {
        struct up_signer ours, theirs;
        uint8_t seed[32] = {number}, digest[32] = {number, 1}, secret[32], a[UP_SIGNATURE_BYTES],
                b[UP_SIGNATURE_BYTES];
        BIGNUM *x = NULL;
        ck_assert(up_signer_from_seed(UP_ECDSA_P256_SHA256, seed, &ours));
        EVP_PKEY *pkey = ((struct up_signer_openssl *)ours.handle)->pkey;
        ck_assert_int_eq(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &x), 1);
        ck_assert_int_eq(BN_bn2binpad(x, secret, sizeof secret), sizeof secret);
        BN_free(x);
        ck_assert(up_signer_from_secret(secret, &theirs));
        ck_assert_mem_eq(ours.key.bytes, theirs.key.bytes, 65);
        size_t n = up_sign_digest(&ours, digest, a);
        ck_assert_uint_gt(n, 0);
        ck_assert_uint_eq(bear_sign_digest(&theirs, digest, b), n);
        ck_assert_mem_eq(a, b, n);
        ck_assert(up_verify_digest(&ours.key, digest, (struct up_span){b, n}));
        ck_assert(bear_verify_digest(&theirs.key, digest, (struct up_span){a, n}));
        digest[31] ^= 1;
        ck_assert(!bear_verify_digest(&theirs.key, digest, (struct up_span){a, n}));
        n = bear_sign(&theirs, UP_SPAN("message"), b);
        ck_assert(up_verify(&ours.key, UP_SPAN("message"), (struct up_span){b, n}));
        up_signer_close(&ours);
    }
}
END_TEST

/* What lies on the stack below us: what was called before has left it there. */
__attribute__((noinline)) static bool stack_holds(const uint8_t *bytes, size_t n)
{
    volatile uint8_t *left = (volatile uint8_t *)__builtin_frame_address(0) - 16384;
    for (size_t i = 0; i + n < 16384 - 64; i++) {
        size_t same = 0;
        while (same < n && left[i + same] == bytes[same]) same++;
        if (same == n) return true;
    }
    return false;
}

START_TEST(signing_leaves_no_key_on_the_stack)
{
    static uint8_t secret[32], signature[UP_SIGNATURE_BYTES], words[8];
    static struct up_signer s;
    uint64_t low = 0;
    for (size_t i = 0; i < sizeof secret; i++) secret[i] = (uint8_t)(0x11 + 5 * i);
    for (size_t i = 24; i < 32; i++) low = low << 8 | secret[i];
    for (unsigned i = 0; i < 2; i++) { /* as BearSSL's arithmetic keeps numbers: 31 bits in a word */
        uint32_t word = (uint32_t)(low >> 31 * i) & 0x7FFFFFFF;
        memcpy(words + 4 * i, &word, sizeof word);
    }
    const bool good = up_signer_from_secret(secret, &s);
    const bool opening = stack_holds(secret, 8) || stack_holds(words, 8);
    const size_t n = bear_sign(&s, UP_SPAN("message"), signature);
    const bool signing = stack_holds(secret, 8) || stack_holds(words, 8); /* before anything else is called */
    ck_assert(good && n > 0);
    ck_assert(!opening);
    ck_assert(!signing);
}
END_TEST

START_TEST(secrets_are_numbers_below_the_order)
{
    struct up_signer s;
    uint8_t secret[32] = {0}, signature[UP_SIGNATURE_BYTES], digest[32] = {0};
    ck_assert(!up_signer_from_secret(secret, &s));
    secret[31] = 1;
    ck_assert(up_signer_from_secret(secret, &s));
    memcpy(secret, hex(ORDER).p, sizeof secret);
    ck_assert(!up_signer_from_secret(secret, &s));
    secret[31]--;
    ck_assert(up_signer_from_secret(secret, &s));
    memset(secret, 0xFF, sizeof secret);
    ck_assert(!up_signer_from_secret(secret, &s));
    s.handle = NULL;
    ck_assert_uint_eq(bear_sign_digest(&s, digest, signature), 0);
}
END_TEST

START_TEST(randomness_follows_from_its_seed_and_never_from_none)
{
    uint8_t a[16], b[16], c[16];
    ck_assert(!bear_random(a, sizeof a));
    up_random_seed(UP_SPAN("the secret of the plant, boot 1"));
    ck_assert(bear_random(a, sizeof a) && bear_random(b, sizeof b));
    ck_assert_mem_ne(a, b, sizeof a);
    up_random_seed(UP_SPAN("the secret of the plant, boot 2"));
    ck_assert(bear_random(c, sizeof c));
    ck_assert_mem_ne(a, c, sizeof a);
    up_random_seed(UP_SPAN("the secret of the plant, boot 1"));
    ck_assert(bear_random(c, sizeof c));
    ck_assert_mem_eq(a, c, sizeof a);
    bear_wipe(c, sizeof c);
    ck_assert_mem_eq(c, (uint8_t[16]){0}, sizeof c);
}
END_TEST

SUITE("crypto_bearssl", known_answers_hold, only_ecdsa_is_linked, hashes_are_the_same_in_any_pieces,
      points_are_on_the_curve_and_uncompressed, signatures_are_minimal_der_in_range,
      keys_are_read_from_the_usual_form_only, both_implementations_sign_alike,
      signing_leaves_no_key_on_the_stack, secrets_are_numbers_below_the_order,
      randomness_follows_from_its_seed_and_never_from_none)

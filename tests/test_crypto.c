#include "tests/suite.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metadata/crypto_openssl.h"
#include "metadata/encode.h"
#include "tests/ecdsa_cases.h"

/* crypto.c itself is compiled in here, so that its known answers can be tried on broken primitives. */
static enum { NO_FAULT, HASH_FAULT, LONG_HASH_FAULT, VERIFY_NOTHING, VERIFY_ANYTHING, NO_KEYS, NO_PEM } fault;
static bool broken_verify(const struct up_key *key, struct up_span message, struct up_span signature)
{
    if (fault == VERIFY_NOTHING || fault == VERIFY_ANYTHING) return fault == VERIFY_ANYTHING;
    return up_verify(key, message, signature);
}
static enum up_hash_kind kind_hashed;
static void noted_hash_begin(struct up_hash *h, enum up_hash_kind kind)
{
    kind_hashed = kind;
    up_hash_begin(h, kind);
}
static void broken_hash_end(struct up_hash *h, uint8_t *digest)
{
    up_hash_end(h, digest);
    digest[31] ^= fault == (kind_hashed == UP_SHA256 ? HASH_FAULT : LONG_HASH_FAULT);
}
static bool rsa_missing;
static bool some_linked(enum up_scheme scheme)
{
    return !(rsa_missing && scheme == UP_RSA_PSS_SHA256) && up_scheme_linked(scheme);
}
static bool broken_key_from_pem(enum up_scheme scheme, struct up_span pem, struct up_key *key)
{
    return fault != NO_PEM && !rsa_missing && up_key_from_pem(scheme, pem, key);
}
static bool broken_key_from_bytes(enum up_scheme scheme, struct up_span bytes, struct up_key *key)
{
    return fault != NO_KEYS && up_key_from_bytes(scheme, bytes, key);
}
#define up_verify         broken_verify
#define up_hash_begin     noted_hash_begin
#define up_hash_end       broken_hash_end
#define up_scheme_linked  some_linked
#define up_key_from_bytes broken_key_from_bytes
#define up_key_from_pem   broken_key_from_pem
#include "metadata/crypto.c"
#undef up_verify
#undef up_hash_begin
#undef up_hash_end
#undef up_scheme_linked
#undef up_key_from_bytes
#undef up_key_from_pem

START_TEST(known_answers_hold_and_notice_a_fault)
{
    ck_assert(up_crypto_selftest());
    for (fault = HASH_FAULT; fault <= NO_PEM; fault++) ck_assert(!up_crypto_selftest());
    fault = NO_FAULT;
    rsa_missing = true; /* what is not linked is not asked */
    ck_assert(up_crypto_selftest());
    rsa_missing = false;
    ck_assert(up_crypto_selftest());
}
END_TEST

START_TEST(schemes_have_names)
{
    for (enum up_scheme s = UP_ED25519; s <= UP_RSA_PSS_SHA256; s++) {
        ck_assert_int_eq(up_scheme_named(up_span_of(up_scheme_name(s))), s);
        ck_assert(up_scheme_linked(s));
    }
    ck_assert_int_eq(up_scheme_named(UP_SPAN("none")), UP_SCHEME_NONE);
    ck_assert_int_eq(up_scheme_named(UP_SPAN("")), UP_SCHEME_NONE);
    ck_assert_int_eq(up_scheme_named(UP_SPAN("ED25519")), UP_SCHEME_NONE);
    ck_assert(!up_scheme_linked(UP_SCHEME_NONE));
}
END_TEST

START_TEST(hashes_take_bytes_in_any_pieces)
{
    uint8_t text[1000], whole[UP_SHA256_BYTES], parts[UP_SHA256_BYTES];
    struct up_hash h;
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * i);
    up_sha256((struct up_span){text, sizeof text}, whole);
    for (size_t piece = 1; piece < 200; piece += 17) {
        up_hash_begin(&h, UP_SHA256);
        for (size_t at = 0; at < sizeof text; at += piece)
            up_hash_add(&h, (struct up_span){text + at, at + piece > sizeof text ? sizeof text - at : piece});
        up_hash_end(&h, parts);
        ck_assert_mem_eq(whole, parts, sizeof whole);
    }
    up_hash_begin(&h, UP_SHA512);
    up_hash_drop(&h);
}
END_TEST

/* ---- keys and signers ---- */

static char folder[] = "/tmp/isoctane-test-XXXXXX", path[64], why[256];

static void fresh_path(void)
{
    memcpy(folder, "/tmp/isoctane-test-XXXXXX", sizeof folder);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key.pem", folder);
    memset(why, 0, sizeof why);
}

static void remove_path(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static struct up_signer seeded(enum up_scheme scheme, uint8_t number)
{
    struct up_signer s;
    uint8_t seed[32] = {number};
    ck_assert(up_signer_from_seed(scheme, seed, &s));
    return s;
}

static struct up_signer created(enum up_scheme scheme)
{
    struct up_signer s;
    fresh_path();
    ck_assert_msg(up_signer_create(path, scheme, 2048, &s, why, sizeof why), "%s", why);
    remove_path();
    return s;
}

static struct up_span signature_of(const struct up_signer *s, const char *message)
{
    static uint8_t bytes[UP_SIGNATURE_BYTES];
    size_t n = up_sign(s, up_span_of(message), bytes);
    ck_assert_uint_gt(n, 0);
    return (struct up_span){bytes, n};
}

static const enum up_scheme all[] = {UP_ED25519, UP_ECDSA_P256_SHA256, UP_RSA_PSS_SHA256};

START_TEST(what_is_signed_verifies_and_nothing_else)
{
    for (size_t i = 0; i < 3; i++) {
        struct up_signer s = created(all[i]);
        uint8_t copy[UP_SIGNATURE_BYTES];
        struct up_span sig = signature_of(&s, "message");
        ck_assert(up_verify(&s.key, UP_SPAN("message"), sig));
        ck_assert(!up_verify(&s.key, UP_SPAN("messagf"), sig));
        ck_assert(!up_verify(&s.key, UP_SPAN(""), sig));
        for (size_t byte = 0; byte < sig.n; byte += 7) {
            memcpy(copy, sig.p, sig.n);
            copy[byte] ^= 0x10;
            ck_assert(!up_verify(&s.key, UP_SPAN("message"), (struct up_span){copy, sig.n}));
        }
        for (size_t n = 0; n < sig.n; n += 5)
            ck_assert(!up_verify(&s.key, UP_SPAN("message"), (struct up_span){sig.p, n}));
        memcpy(copy, sig.p, sig.n);
        if (sig.n < sizeof copy) {
            copy[sig.n] = 0;
            ck_assert(!up_verify(&s.key, UP_SPAN("message"), (struct up_span){copy, sig.n + 1}));
        }
        ck_assert(!up_verify(&s.key, UP_SPAN("message"), (struct up_span){0}));
        struct up_signer other = created(all[(i + 1) % 3]);
        ck_assert(!up_verify(&other.key, UP_SPAN("message"), sig));
        ck_assert_uint_eq(ERR_peek_error(), 0); /* nothing left behind for somebody's TLS to find */
        up_signer_close(&s);
        up_signer_close(&other);
        ck_assert_ptr_null(s.handle);
    }
}
END_TEST

START_TEST(a_digest_is_a_prehash_and_for_ed25519_a_message)
{
    uint8_t digest[UP_SHA256_BYTES], bytes[UP_SIGNATURE_BYTES];
    up_sha256(UP_SPAN("message"), digest);
    for (size_t i = 0; i < 3; i++) {
        struct up_signer s = created(all[i]);
        struct up_span sig = {bytes, up_sign_digest(&s, digest, bytes)};
        ck_assert_uint_gt(sig.n, 0);
        ck_assert(up_verify_digest(&s.key, digest, sig));
        ck_assert_int_eq(up_verify(&s.key, UP_SPAN("message"), sig), all[i] != UP_ED25519);
        ck_assert_int_eq(up_verify(&s.key, (struct up_span){digest, sizeof digest}, sig),
                         all[i] == UP_ED25519);
        digest[0] ^= 1;
        ck_assert(!up_verify_digest(&s.key, digest, sig));
        digest[0] ^= 1;
        up_signer_close(&s);
    }
}
END_TEST

START_TEST(seeded_keys_sign_the_same_way_again)
{
    for (size_t i = 0; i < 2; i++) {
        struct up_signer a = seeded(all[i], 1), b = seeded(all[i], 1), c = seeded(all[i], 2);
        uint8_t first[UP_SIGNATURE_BYTES];
        struct up_span sig = signature_of(&a, "message");
        size_t n = sig.n;
        memcpy(first, sig.p, n);
        sig = signature_of(&b, "message");
        ck_assert_uint_eq(sig.n, n);
        ck_assert_mem_eq(sig.p, first, n);
        ck_assert(up_verify(&c.key, UP_SPAN("message"), signature_of(&c, "message")));
        ck_assert(!up_verify(&c.key, UP_SPAN("message"), (struct up_span){first, n}));
        ck_assert_str_eq(a.keyid, b.keyid);
        ck_assert_str_ne(a.keyid, c.keyid);
        up_signer_close(&a);
        up_signer_close(&b);
        up_signer_close(&c);
    }
    struct up_signer none;
    uint8_t seed[32] = {0};
    ck_assert(!up_signer_from_seed(UP_RSA_PSS_SHA256, seed, &none));
    ck_assert(up_signer_from_seed(UP_ECDSA_P256_SHA256, seed, &none)); /* every seed is a key */
    up_signer_close(&none);
}
END_TEST

START_TEST(seeded_ecdsa_signs_as_rfc_6979_says)
{
    static const struct {
        const char *message, *r, *s;
    } cases[] = {
        {"sample", "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
         "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
        {"test", "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
         "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"},
    };
    uint8_t der[64], want[64], bytes[UP_SIGNATURE_BYTES], digest[UP_SHA256_BYTES];
    long n =
        up_hex_decode(UP_SPAN("30310201010420c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
                              "a00a06082a8648ce3d030107"),
                      der, sizeof der); /* RFC 5915 */
    const uint8_t *p = der;
    EVP_PKEY *pkey = d2i_PrivateKey(EVP_PKEY_EC, NULL, &p, n);
    ck_assert_ptr_nonnull(pkey);
    for (size_t i = 0; i < 2; i++) {
        up_sha256(up_span_of(cases[i].message), digest);
        size_t length = up_sign_seeded(pkey, digest, bytes);
        up_hex_decode(up_span_of(cases[i].r), want, 32);
        up_hex_decode(up_span_of(cases[i].s), want + 32, 32);
        const uint8_t *q = bytes;
        ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &q, (long)length);
        uint8_t raw[64];
        ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32), 32);
        ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32), 32);
        ck_assert_mem_eq(raw, want, 64);
        ECDSA_SIG_free(sig);
    }
    EVP_PKEY_free(pkey);
}
END_TEST

START_TEST(key_files_are_private_and_never_replaced)
{
    for (size_t i = 0; i < 3; i++) {
        struct up_signer made, opened, other;
        struct stat st;
        fresh_path();
        ck_assert(up_signer_create(path, all[i], 2048, &made, why, sizeof why));
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_eq(st.st_mode & 0777, 0600);
        ck_assert(up_signer_open(path, &opened, why, sizeof why));
        ck_assert_str_eq(made.keyid, opened.keyid);
        ck_assert_mem_eq(made.key.bytes, opened.key.bytes, made.key.n);
        ck_assert(up_verify(&made.key, UP_SPAN("x"), signature_of(&opened, "x")));

        ck_assert(!up_signer_create(path, all[i], 2048, &other, why, sizeof why));
        ck_assert_ptr_nonnull(strstr(why, path));
        ck_assert(!up_signer_save(&made, path, why, sizeof why));
        unlink(path);
        ck_assert(up_signer_save(&made, path, why, sizeof why));
        up_signer_close(&opened);
        ck_assert(up_signer_open(path, &opened, why, sizeof why));
        ck_assert_str_eq(made.keyid, opened.keyid);
        up_signer_close(&made);
        up_signer_close(&opened);
        remove_path();
    }
}
END_TEST

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
}

START_TEST(unusable_key_files_are_explained)
{
    struct up_signer s;
    fresh_path();
    ck_assert(!up_signer_open(path, &s, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "No such file"));
    write_file("hello\n");
    ck_assert(!up_signer_open(path, &s, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "PKCS#8"));
    EVP_PKEY *p384 = EVP_EC_gen("P-384");
    FILE *f = fopen(path, "w");
    ck_assert_int_eq(PEM_write_PrivateKey(f, p384, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
    ck_assert(!up_signer_open(path, &s, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "not supported"));
    f = fopen(path, "w"); /* encrypted: refused, no terminal is asked */
    ck_assert_int_eq(PEM_write_PrivateKey(f, p384, EVP_aes_128_cbc(), (const uint8_t *)"pass", 4, NULL, NULL),
                     1);
    fclose(f);
    ck_assert(!up_signer_open(path, &s, why, sizeof why));
    EVP_PKEY_free(p384);
    unlink(path);
    ck_assert(!up_signer_create(path, UP_RSA_PSS_SHA256, 1024, &s, why, sizeof why));
    ck_assert(!up_signer_create(path, UP_RSA_PSS_SHA256, 8192, &s, why, sizeof why));
    ck_assert(!up_signer_create(path, UP_SCHEME_NONE, 0, &s, why, sizeof why));
    ck_assert(!up_signer_create("/nonexistent/key", UP_ED25519, 0, &s, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "/nonexistent/key"));
    ck_assert_uint_eq(ERR_peek_error(), 0);
    remove_path();
}
END_TEST

static struct up_span load(const char *name)
{
    static char text[4096];
    char file[128];
    snprintf(file, sizeof file, "tests/keys/%s.pem", name);
    FILE *f = fopen(file, "r");
    ck_assert_msg(f != NULL, "%s (run from the top folder)", file);
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    return (struct up_span){(uint8_t *)text, n};
}

START_TEST(public_keys_are_checked)
{
    static const struct {
        const char *name;
        enum up_scheme scheme; /* that it is good for */
    } cases[] = {
        {"ed25519", UP_ED25519},
        {"p256", UP_ECDSA_P256_SHA256},
        {"p256-compressed", UP_ECDSA_P256_SHA256},
        {"rsa-4096", UP_RSA_PSS_SHA256},
        {"rsa-exponent-3", UP_RSA_PSS_SHA256},
        {"rsa-exponent-1", UP_SCHEME_NONE}, /* signs by itself */
        {"rsa-exponent-even", UP_SCHEME_NONE},
        {"rsa-1024", UP_SCHEME_NONE},
        {"rsa-pss-only", UP_SCHEME_NONE}, /* another algorithm identifier */
        {"p384", UP_SCHEME_NONE},
        {"secp256k1", UP_SCHEME_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t k = 0; k < 3; k++) {
            struct up_key key = {.n = 12345};
            bool good = up_key_from_pem(all[k], load(cases[i].name), &key);
            ck_assert_msg(good == (all[k] == cases[i].scheme), "%s", cases[i].name);
            ck_assert_int_eq(key.n != 12345, good);
        }
    }
    ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

START_TEST(equal_keys_have_equal_bytes)
{
    struct up_key a, b;
    char text[512];
    ck_assert(up_key_from_pem(UP_ECDSA_P256_SHA256, load("p256"), &a));
    ck_assert(up_key_from_pem(UP_ECDSA_P256_SHA256, load("p256-compressed"), &b));
    ck_assert_int_eq(a.n, 65);
    ck_assert_mem_eq(a.bytes, b.bytes, 65);
    ck_assert(up_key_from_bytes(UP_ECDSA_P256_SHA256, (struct up_span){a.bytes, 65}, &b));
    ck_assert_mem_eq(a.bytes, b.bytes, 65);
    ck_assert(up_key_from_pem(UP_RSA_PSS_SHA256, load("rsa-exponent-3"), &a));
    struct up_span pem = load("rsa-exponent-3");
    snprintf(text, sizeof text, "%.*s\n\n", (int)pem.n, (const char *)pem.p);
    ck_assert(up_key_from_pem(UP_RSA_PSS_SHA256, up_span_of(text), &b));
    ck_assert_int_eq(a.n, b.n);
    ck_assert_mem_eq(a.bytes, b.bytes, a.n);
    /* the usual forms go past the decoder, and mean what it says */
    static const char *const usual[] = {"p256", "rsa-4096"};
    for (size_t i = 0; i < 2; i++) {
        pem = load(usual[i]);
        BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
        EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
        ck_assert(up_key_from_evp(pkey, &a));
        ck_assert(up_key_from_pem(a.scheme, pem, &b));
        ck_assert_int_eq(a.n, b.n);
        ck_assert_mem_eq(a.bytes, b.bytes, a.n);
        EVP_PKEY_free(pkey);
        BIO_free(bio);
    }
    /* explicit curve parameters: refused, or the same key; never another one */
    if (up_key_from_pem(UP_ECDSA_P256_SHA256, load("p256-explicit"), &a)) {
        ck_assert(up_key_from_pem(UP_ECDSA_P256_SHA256, load("p256"), &b));
        ck_assert_mem_eq(a.bytes, b.bytes, 65);
    }
}
END_TEST

START_TEST(other_pem_is_refused)
{
    static const char *const bad[] = {
        "",
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n",
        "-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n",
    };
    struct up_key key;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (size_t k = 0; k < 3; k++) ck_assert(!up_key_from_pem(all[k], up_span_of(bad[i]), &key));
    char text[2000];
    struct up_span pem = load("p256");
    snprintf(text, sizeof text, "hello\n%.*s", (int)pem.n, (const char *)pem.p);
    ck_assert(!up_key_from_pem(UP_ECDSA_P256_SHA256, up_span_of(text), &key));
    snprintf(text, sizeof text, "%.*sx", (int)pem.n, (const char *)pem.p);
    ck_assert(!up_key_from_pem(UP_ECDSA_P256_SHA256, up_span_of(text), &key));
    snprintf(text, sizeof text, "%.*s%1000s", (int)pem.n, (const char *)pem.p, "");
    ck_assert(!up_key_from_pem(UP_ECDSA_P256_SHA256, up_span_of(text), &key)); /* too long */
}
END_TEST

START_TEST(pem_holds_der_and_nothing_else)
{
    uint8_t der[91];
    struct up_span pem = load("p256");
    ck_assert_int_eq(up_pem_decode(pem, der, 91), 91);
    ck_assert_int_eq(up_pem_decode((struct up_span){pem.p, pem.n - 1}, der, 91), 91); /* last newline */
    ck_assert_int_eq(up_pem_decode(pem, der, 90), -1);
    for (size_t n = 0; n < pem.n - 1; n++)
        ck_assert_int_eq(up_pem_decode((struct up_span){pem.p, n}, der, 91), -1);
    ck_assert_int_eq(
        up_pem_decode(UP_SPAN("-----BEGIN PUBLIC KEY-----\nAA AA\n-----END PUBLIC KEY-----\n"), der, 91), -1);
    ck_assert_int_eq(
        up_pem_decode(UP_SPAN("-----BEGIN PUBLIC KEY-----\nAA\nAA\n-----END PUBLIC KEY-----\n"), der, 91), 3);
    /* bytes behind the key in the DER are not overlooked */
    char text[700];
    struct up_span rsa = load("rsa-exponent-3");
    uint8_t long_der[400];
    long n = up_pem_decode(rsa, long_der, sizeof long_der - 3);
    ck_assert_int_gt(n, 0);
    memset(long_der + n, 0, 3);
    struct up_key key;
    char base64[600];
    size_t length = up_base64_encode(long_der, (size_t)n + 3, base64);
    snprintf(text, sizeof text, "-----BEGIN PUBLIC KEY-----\n%.*s\n-----END PUBLIC KEY-----\n", (int)length,
             base64);
    ck_assert(!up_key_from_pem(UP_RSA_PSS_SHA256, up_span_of(text), &key));
}
END_TEST

START_TEST(keys_come_back_from_their_text)
{
    static const char *const keytypes[] = {"ed25519", "ecdsa", "rsa"};
    for (size_t i = 0; i < 3; i++) {
        struct up_signer s = created(all[i]);
        struct up_key key;
        char pem[UP_PEM_BYTES], json[UP_KEY_OBJECT_MAX], want[64];
        size_t n = up_key_to_pem(&s.key, pem, sizeof pem);
        ck_assert(up_key_from_pem(all[i], (struct up_span){(uint8_t *)pem, n}, &key));
        ck_assert_mem_eq(key.bytes, s.key.bytes, key.n);
        ck_assert_uint_eq(up_key_to_pem(&s.key, pem, n - 1), 0);
        n = up_key_to_json(&s.key, json, sizeof json);
        snprintf(want, sizeof want, "{\"keytype\":\"%s\",\"keyval\":{\"public\":\"", keytypes[i]);
        ck_assert_mem_eq(json, want, strlen(want));
        ck_assert_uint_eq(up_key_to_json(&s.key, json, n - 1), 0);
        up_signer_close(&s);
    }
    struct up_key rsa;
    char json[UP_KEY_OBJECT_MAX];
    ck_assert(up_key_from_pem(UP_RSA_PSS_SHA256, load("rsa-4096"), &rsa));
    ck_assert_uint_gt(up_key_to_json(&rsa, json, sizeof json), 0);
}
END_TEST

/* ---- strictness (E-KEY-18) ---- */

static struct up_span hex(const char *text)
{
    static uint8_t bytes[4][128];
    static unsigned turn;
    uint8_t *out = bytes[turn++ % 4];
    long n = up_hex_decode(up_span_of(text), out, 128);
    ck_assert_int_ge(n, 0);
    return (struct up_span){out, (size_t)n};
}

START_TEST(ed25519_points_of_small_order_are_no_keys)
{
    static const char *const bad[] = {
        "0000000000000000000000000000000000000000000000000000000000000000", /* order 4 */
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000", /* order 1 */
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* order 2 */
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", /* order 8 */
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* 0 again */
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* 1 again */
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* 3 again */
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    struct up_key key;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!up_key_from_bytes(UP_ED25519, hex(bad[i]), &key), "accepted: %s", bad[i]);
    ck_assert(!up_key_from_bytes(UP_ED25519, hex("ab"), &key));
    ck_assert(!up_key_from_bytes(UP_RSA_PSS_SHA256, hex("ab"), &key));
    /* neighbours of the bad ones */
    ck_assert(up_key_from_bytes(
        UP_ED25519, hex("ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"), &key));
    ck_assert(up_key_from_bytes(
        UP_ED25519, hex("0300000000000000000000000000000000000000000000000000000000000000"), &key));
}
END_TEST

START_TEST(ed25519_has_one_signature_per_message)
{
    struct up_signer s = seeded(UP_ED25519, 7);
    struct up_span sig = signature_of(&s, "message"), order;
    uint8_t other[64];
    unsigned carry = 0;
    order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    memcpy(other, sig.p, 64);
    for (size_t i = 0; i < 32; i++) { /* S + L: the same modulo the order of the group */
        carry += (unsigned)other[32 + i] + order.p[i];
        other[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    ck_assert_uint_eq(carry, 0);
    ck_assert(up_verify(&s.key, UP_SPAN("message"), sig));
    ck_assert(!up_verify(&s.key, UP_SPAN("message"), (struct up_span){other, 64}));
    up_signer_close(&s);
}
END_TEST

START_TEST(ecdsa_points_are_on_the_curve_and_uncompressed)
{
    struct up_key key;
    ck_assert(up_key_from_bytes(UP_ECDSA_P256_SHA256, hex("04" ZEROS ROOT_B), &key));
    ck_assert(up_key_from_bytes(UP_ECDSA_P256_SHA256, hex(ecdsa_key), &key));
    for (size_t i = 0; i < sizeof ecdsa_no_keys / sizeof *ecdsa_no_keys; i++)
        ck_assert_msg(!up_key_from_bytes(UP_ECDSA_P256_SHA256, hex(ecdsa_no_keys[i]), &key), "accepted: %s",
                      ecdsa_no_keys[i]);
    ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

START_TEST(ecdsa_signatures_are_minimal_der_in_range)
{
    struct up_key key;
    ck_assert(up_key_from_bytes(UP_ECDSA_P256_SHA256, hex(ecdsa_key), &key));
    for (size_t i = 0; i < sizeof ecdsa_good / sizeof *ecdsa_good; i++)
        ck_assert_msg(up_verify(&key, UP_SPAN("sample"), hex(ecdsa_good[i])), "refused: %s", ecdsa_good[i]);
    for (size_t i = 0; i < sizeof ecdsa_bad / sizeof *ecdsa_bad; i++)
        ck_assert_msg(!up_verify(&key, UP_SPAN("sample"), hex(ecdsa_bad[i])), "accepted: %s", ecdsa_bad[i]);
}
END_TEST

/* An RSA signature made with other parameters than ours. */
static struct up_span rsa_signature(const struct up_signer *s, int padding, const EVP_MD *mgf, int salt)
{
    static uint8_t bytes[UP_SIGNATURE_BYTES];
    size_t n = sizeof bytes;
    uint8_t digest[UP_SHA256_BYTES];
    const struct up_signer_openssl *own = s->handle;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own->pkey, NULL);
    up_sha256(UP_SPAN("message"), digest);
    ck_assert_int_eq(EVP_PKEY_sign_init(ctx), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
    ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
    if (padding == RSA_PKCS1_PSS_PADDING) {
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, mgf), 1);
        ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt), 1);
    }
    ck_assert_int_eq(EVP_PKEY_sign(ctx, bytes, &n, digest, sizeof digest), 1);
    EVP_PKEY_CTX_free(ctx);
    return (struct up_span){bytes, n};
}

START_TEST(rsa_is_pss_with_sha_256_and_any_salt)
{
    struct up_signer s = created(UP_RSA_PSS_SHA256);
    for (int salt = 0; salt <= 64; salt += 32)
        ck_assert(up_verify(&s.key, UP_SPAN("message"),
                            rsa_signature(&s, RSA_PKCS1_PSS_PADDING, EVP_sha256(), salt)));
    ck_assert(
        !up_verify(&s.key, UP_SPAN("message"), rsa_signature(&s, RSA_PKCS1_PSS_PADDING, EVP_sha1(), 32)));
    ck_assert(!up_verify(&s.key, UP_SPAN("message"), rsa_signature(&s, RSA_PKCS1_PADDING, NULL, 0)));

    /* we sign with 32 bytes of salt */
    struct up_span sig = signature_of(&s, "message");
    uint8_t digest[UP_SHA256_BYTES];
    up_sha256(UP_SPAN("message"), digest);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(((struct up_signer_openssl *)s.handle)->pkey, NULL);
    ck_assert(EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1);
    ck_assert(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1);
    ck_assert(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 32) == 1);
    ck_assert_int_eq(EVP_PKEY_verify(ctx, sig.p, sig.n, digest, sizeof digest), 1);
    EVP_PKEY_CTX_free(ctx);
    up_signer_close(&s);
}
END_TEST

START_TEST(keys_without_a_scheme_verify_nothing)
{
    struct up_key key = {.scheme = UP_SCHEME_NONE, .n = 32};
    uint8_t zero[64] = {0};
    ck_assert(!up_verify(&key, UP_SPAN("message"), (struct up_span){zero, 64}));
    key.scheme = UP_RSA_PSS_SHA256;
    ck_assert(!up_verify(&key, UP_SPAN("message"), (struct up_span){zero, 64}));
}
END_TEST

START_TEST(randomness_differs_and_wiping_wipes)
{
    uint8_t a[32] = {0}, b[32] = {0}, zero[32] = {0};
    ck_assert(up_random(a, sizeof a) && up_random(b, sizeof b));
    ck_assert_mem_ne(a, b, sizeof a);
    up_wipe(a, sizeof a);
    ck_assert_mem_eq(a, zero, sizeof a);
}
END_TEST

START_TEST(pem_is_bounded_and_framed)
{
    static const char head[] = "-----BEGIN PUBLIC KEY-----\n", tail[] = "-----END PUBLIC KEY-----";
    char text[2 * UP_PEM_BYTES];
    uint8_t der[UP_PEM_BYTES];
    for (size_t n = UP_PEM_BYTES - 1; n <= UP_PEM_BYTES + 1; n++) {
        memset(text, '\n', sizeof text);
        memcpy(text, head, sizeof head - 1);
        memcpy(text + sizeof head - 1, "AAAA", 4);
        memcpy(text + n - sizeof tail + 1, tail, sizeof tail - 1);
        ck_assert_int_eq(up_pem_decode((struct up_span){(uint8_t *)text, n}, der, sizeof der),
                         n <= UP_PEM_BYTES ? 3 : -1);
    }
    memset(text + sizeof head - 1, 'A', sizeof text - sizeof head - sizeof tail);
    memcpy(text + sizeof text - sizeof tail + 1, tail, sizeof tail - 1);
    ck_assert_int_eq(up_pem_decode((struct up_span){(uint8_t *)text, sizeof text}, der, sizeof der), -1);
    ck_assert_int_eq(up_pem_decode((struct up_span){(const uint8_t *)"\n" + 1, 0}, der, sizeof der), -1);
    ck_assert_int_eq(up_pem_decode(UP_SPAN("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"), der, 1),
                     0);
    ck_assert_int_eq(
        up_pem_decode(UP_SPAN("-----BEGIN SECRET KEY-----\nAAAA-----END PUBLIC KEY-----"), der, 3), -1);
    ck_assert_int_eq(
        up_pem_decode(UP_SPAN("-----BEGIN PUBLIC KEY-----\nAAAA-----END SECRET KEY-----"), der, 3), -1);
}
END_TEST

SUITE("crypto", pem_is_bounded_and_framed, known_answers_hold_and_notice_a_fault, schemes_have_names,
      hashes_take_bytes_in_any_pieces, what_is_signed_verifies_and_nothing_else,
      a_digest_is_a_prehash_and_for_ed25519_a_message, seeded_keys_sign_the_same_way_again,
      seeded_ecdsa_signs_as_rfc_6979_says, key_files_are_private_and_never_replaced,
      unusable_key_files_are_explained, public_keys_are_checked, equal_keys_have_equal_bytes,
      other_pem_is_refused, pem_holds_der_and_nothing_else, keys_come_back_from_their_text,
      ed25519_points_of_small_order_are_no_keys, ed25519_has_one_signature_per_message,
      ecdsa_points_are_on_the_curve_and_uncompressed, ecdsa_signatures_are_minimal_der_in_range,
      rsa_is_pss_with_sha_256_and_any_salt, keys_without_a_scheme_verify_nothing,
      randomness_differs_and_wiping_wipes)

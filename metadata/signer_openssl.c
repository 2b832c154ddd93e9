/* Private keys on a hosted system: files, new keys, keys from a seed. */
#include "metadata/crypto_openssl.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "metadata/canon.h"
#include "metadata/encode.h"
#include "metadata/json.h"

/* ---- public halves ---- */

size_t up_key_to_pem(const struct up_key *key, char *out, size_t cap)
{
    static const size_t line = 64; /* RFC 7468 */
    uint8_t der[UP_KEY_BYTES];
    char text[UP_PEM_BYTES];
    struct up_writer w = {.p = (uint8_t *)out, .cap = cap};
    size_t n = up_base64_encode(der, up_key_to_der(key, der), text);
    up_write(&w, "-----BEGIN PUBLIC KEY-----\n");
    for (size_t at = 0; at < n; at += line) {
        up_write_span(&w, (struct up_span){(const uint8_t *)text + at, n - at < line ? n - at : line});
        up_write(&w, "\n");
    }
    up_write(&w, "-----END PUBLIC KEY-----\n");
    return w.full ? 0 : w.n;
}

size_t up_key_to_json(const struct up_key *key, char *out, size_t cap)
{
    static const char *const keytypes[] = {"", "ed25519", "ecdsa", "rsa"};
    char pem[UP_PEM_BYTES];
    struct up_writer w = {.p = (uint8_t *)out, .cap = cap};
    up_write(&w, "{\"keytype\":\"");
    up_write(&w, keytypes[key->scheme]);
    up_write(&w, "\",\"keyval\":{\"public\":");
    if (key->scheme == UP_ED25519) {
        up_write_hex(&w, key->bytes, key->n);
    } else {
        size_t n = up_key_to_pem(key, pem, sizeof pem), at = 0;
        if (n == 0) return 0;
        up_write(&w, "\"");
        for (size_t i = 0; i < n; i++) {
            if (pem[i] != '\n') continue;
            up_write_span(&w, (struct up_span){(const uint8_t *)pem + at, i - at});
            up_write(&w, "\\n");
            at = i + 1;
        }
        up_write(&w, "\"");
    }
    up_write(&w, "},\"scheme\":\"");
    up_write(&w, up_scheme_name(key->scheme));
    up_write(&w, "\"}");
    return w.full ? 0 : w.n;
}

/* ---- signers ---- */

/* Takes over PKEY. */
static bool become(struct up_signer *s, EVP_PKEY *pkey, bool seeded)
{
    struct up_signer made = {0};
    struct up_signer_openssl *own = malloc(sizeof *own);
    char object[UP_KEY_OBJECT_MAX];
    uint8_t digest[UP_SHA256_BYTES];
    bool same;
    size_t n = 0;
    if (own != NULL && up_key_from_evp(pkey, &made.key)) n = up_key_to_json(&made.key, object, sizeof object);
    struct up_span text = {(const uint8_t *)object, n};
    if (n == 0 || up_canon_digest(text, UP_DIALECT_TUF, digest, &same) != UP_OK) {
        free(own);
        EVP_PKEY_free(pkey);
        ERR_clear_error();
        return false;
    }
    up_hex_encode(digest, sizeof digest, made.keyid);
    *own = (struct up_signer_openssl){.pkey = pkey, .seeded = seeded};
    made.handle = own;
    *s = made;
    return true;
}

void up_signer_close(struct up_signer *s)
{
    struct up_signer_openssl *own = s->handle;
    if (own != NULL) EVP_PKEY_free(own->pkey);
    free(own);
    *s = (struct up_signer){0};
}

/* The P-256 key whose private half is D. */
static EVP_PKEY *p256_from_scalar(const EC_GROUP *group, const BIGNUM *d)
{
    EVP_PKEY *pkey = NULL;
    uint8_t point[65];
    EC_POINT *q = EC_POINT_new(group);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    bool good = q != NULL && build != NULL && ctx != NULL &&
                EC_POINT_mul(group, q, d, NULL, NULL, NULL) == 1 &&
                EC_POINT_point2oct(group, q, POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL) ==
                    sizeof point &&
                OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
                OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point) == 1 &&
                OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1 &&
                (params = OSSL_PARAM_BLD_to_param(build)) != NULL && EVP_PKEY_fromdata_init(ctx) == 1;
    if (!good || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1) pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EC_POINT_free(q);
    return pkey;
}

/* ---- key files ---- */

#define KEY_FILE_MAX 8192 /* RSA 4096 has 3272 characters */

/* What PKCS#8 puts before the private half: RFC 8410; RFC 5208 and 5915. */
static const uint8_t before_ed25519[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                         0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
static const uint8_t before_p256[] = {0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86,
                                      0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                                      0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20};

static EVP_PKEY *p256_from_bytes(const uint8_t secret[32])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *d = BN_secure_new();
    EVP_PKEY *pkey = NULL;
    if (group != NULL && d != NULL && BN_bin2bn(secret, 32, d) != NULL && !BN_is_zero(d) &&
        BN_cmp(d, EC_GROUP_get0_order(group)) < 0)
        pkey = p256_from_scalar(group, d);
    BN_clear_free(d);
    EC_GROUP_free(group);
    return pkey;
}

/* The DER of a key in PEM; 0: not of that form. */
static size_t decode_pem(const char *text, uint8_t *der, size_t cap)
{
    static const char begin[] = "-----BEGIN PRIVATE KEY-----\n", end[] = "-----END PRIVATE KEY-----";
    const char *from = strstr(text, begin), *to = from != NULL ? strstr(from, end) : NULL;
    char digits[KEY_FILE_MAX];
    size_t n = 0;
    if (to == NULL) return 0;
    for (const char *c = from + sizeof begin - 1; c < to; c++)
        if (*c != '\n' && *c != '\r') digits[n++] = *c;
    long bytes = up_base64_decode((struct up_span){(const uint8_t *)digits, n}, der, cap);
    up_wipe(digits, sizeof digits);
    return bytes > 0 ? (size_t)bytes : 0;
}

/* The usual keys of an ECU without OpenSSL's decoders, which leave copies behind in memory. NULL: another
 * kind, or none. */
static EVP_PKEY *read_usual(const char *text)
{
    uint8_t der[KEY_FILE_MAX];
    EVP_PKEY *pkey = NULL;
    const size_t n = decode_pem(text, der, sizeof der);
    if (n == sizeof before_ed25519 + 32 && memcmp(der, before_ed25519, sizeof before_ed25519) == 0)
        pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, der + sizeof before_ed25519, 32);
    if (n == 138 && memcmp(der, before_p256, sizeof before_p256) == 0)
        pkey = p256_from_bytes(der + sizeof before_p256);
    up_wipe(der, sizeof der);
    return pkey;
}

static int no_password(char *buf, int size, int writing, void *ctx)
{
    (void)buf, (void)size, (void)writing, (void)ctx;
    return -1; /* never ask on a terminal */
}

static EVP_PKEY *read_any(const char *text, size_t n)
{
    EVP_PKEY *pkey = read_usual(text);
    if (pkey != NULL) return pkey;
    BIO *bio = BIO_new_mem_buf(text, (int)n);
    pkey = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    return pkey;
}

bool up_signer_open(const char *path, struct up_signer *s, char *why, size_t why_size)
{
    char text[KEY_FILE_MAX + 1];
    size_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(why, why_size, "cannot open the private key %s: %s; check the path and who may read it",
                 path, strerror(errno));
        return false;
    }
    for (ssize_t got; n < KEY_FILE_MAX && (got = read(fd, text + n, KEY_FILE_MAX - n)) > 0;) n += (size_t)got;
    (void)close(fd);
    text[n] = '\0';
    EVP_PKEY *pkey = read_any(text, n);
    up_wipe(text, sizeof text);
    ERR_clear_error();
    if (pkey == NULL) {
        snprintf(why, why_size, "%s holds no private key; an unencrypted PKCS#8 PEM file is needed", path);
        return false;
    }
    if (!become(s, pkey, false)) {
        snprintf(why, why_size,
                 "%s holds a key that is not supported; use Ed25519, ECDSA P-256 or RSA 2048 to 4096", path);
        return false;
    }
    return true;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n != 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        p += done;
        n -= (size_t)done;
    }
    return fsync(fd) == 0;
}

bool up_signer_save(const struct up_signer *s, const char *path, char *why, size_t why_size)
{
    const struct up_signer_openssl *own = s->handle;
    BIO *bio = BIO_new(BIO_s_secmem());
    int fd = -1;
    char *text = NULL;
    bool good = false;
    if (bio == NULL || PEM_write_bio_PrivateKey(bio, own->pkey, NULL, NULL, 0, NULL, NULL) != 1) {
        snprintf(why, why_size, "cannot encode the private key for %s", path);
        goto out;
    }
    size_t n = (size_t)BIO_get_mem_data(bio, &text);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    good = fd >= 0 && write_all(fd, text, n);
    if (!good)
        snprintf(why, why_size, "cannot write the private key %s: %s; an existing file is never replaced",
                 path, strerror(errno));
    if (fd >= 0 && close(fd) != 0) good = false;
    if (fd >= 0 && !good) (void)unlink(path);
out:
    BIO_free(bio);
    ERR_clear_error();
    return good;
}

bool up_signer_create(const char *path, enum up_scheme scheme, unsigned bits, struct up_signer *s, char *why,
                      size_t why_size)
{
    EVP_PKEY *pkey = NULL;
    if (scheme == UP_ED25519)
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    else if (scheme == UP_ECDSA_P256_SHA256)
        pkey = EVP_EC_gen("P-256");
    else if (scheme == UP_RSA_PSS_SHA256 && bits >= 2048 && bits <= 4096)
        pkey = EVP_RSA_gen(bits);
    struct up_signer made;
    if (pkey == NULL || !become(&made, pkey, false)) {
        snprintf(why, why_size, "cannot make a key for %s; use Ed25519, ECDSA P-256 or RSA 2048 to 4096",
                 path);
        return false;
    }
    if (!up_signer_save(&made, path, why, why_size)) {
        up_signer_close(&made);
        return false;
    }
    *s = made;
    return true;
}

/* ---- keys from a seed ---- */

/* 1 + SHA-512(seed) mod (n - 1): every seed is a key, and all keys are about as likely. */
static EVP_PKEY *p256_from_seed(const uint8_t seed[32])
{
    EVP_PKEY *pkey = NULL;
    uint8_t wide[UP_SHA512_BYTES];
    struct up_hash hash;
    up_hash_begin(&hash, UP_SHA512);
    up_hash_add(&hash, (struct up_span){seed, 32});
    up_hash_end(&hash, wide);
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *n = group == NULL ? NULL : BN_dup(EC_GROUP_get0_order(group));
    BIGNUM *d = BN_bin2bn(wide, sizeof wide, NULL);
    BN_CTX *bn = BN_CTX_new();
    if (n != NULL && d != NULL && bn != NULL && BN_sub_word(n, 1) == 1 && BN_mod(d, d, n, bn) == 1 &&
        BN_add_word(d, 1) == 1)
        pkey = p256_from_scalar(group, d);
    up_wipe(wide, sizeof wide);
    BN_CTX_free(bn);
    BN_clear_free(d);
    BN_free(n);
    EC_GROUP_free(group);
    return pkey;
}

bool up_signer_from_seed(enum up_scheme scheme, const uint8_t seed[32], struct up_signer *s)
{
    EVP_PKEY *pkey = NULL;
    if (scheme == UP_ED25519)
        pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    else if (scheme == UP_ECDSA_P256_SHA256)
        pkey = p256_from_seed(seed);
    return pkey != NULL && become(s, pkey, true);
}

/* The generator of RFC 6979, section 3.2, for P-256 with SHA-256: both are 256 bits wide. */
struct nonces {
    uint8_t k[32], v[32];
};

/* K = HMAC(K, V || SEPARATOR || MORE); V = HMAC(K, V) */
static void stir(struct nonces *g, uint8_t separator, const uint8_t *more, size_t n)
{
    uint8_t text[32 + 1 + 64];
    memcpy(text, g->v, 32);
    text[32] = separator;
    if (n != 0) memcpy(text + 33, more, n);
    (void)HMAC(EVP_sha256(), g->k, 32, text, 33 + n, g->k, NULL);
    (void)HMAC(EVP_sha256(), g->k, 32, g->v, 32, g->v, NULL);
    up_wipe(text, sizeof text);
}

/* r = x(kG) mod n, s = (z + r d) / k mod n; false: K will not do, which nobody will ever see. */
static bool sign_with(const EC_GROUP *group, const BIGNUM *d, const BIGNUM *z, const BIGNUM *k, BIGNUM *r,
                      BIGNUM *s, BN_CTX *bn)
{
    const BIGNUM *n = EC_GROUP_get0_order(group);
    EC_POINT *point = EC_POINT_new(group);
    BIGNUM *inverse = BN_new();
    bool good = point != NULL && inverse != NULL && EC_POINT_mul(group, point, k, NULL, NULL, bn) == 1 &&
                EC_POINT_get_affine_coordinates(group, point, r, NULL, bn) == 1 &&
                BN_nnmod(r, r, n, bn) == 1 && BN_mod_mul(s, r, d, n, bn) == 1 &&
                BN_mod_add(s, s, z, n, bn) == 1 && BN_mod_inverse(inverse, k, n, bn) != NULL &&
                BN_mod_mul(s, s, inverse, n, bn) == 1 && !BN_is_zero(r) && !BN_is_zero(s);
    BN_clear_free(inverse);
    EC_POINT_free(point);
    return good;
}

size_t up_sign_seeded(EVP_PKEY *pkey, const uint8_t digest[UP_SHA256_BYTES],
                      uint8_t signature[UP_SIGNATURE_BYTES])
{
    struct nonces g = {.k = {0}};
    uint8_t seed[64]; /* private key, then the digest modulo n */
    int length = 0;
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    const BIGNUM *n = EC_GROUP_get0_order(group);
    BIGNUM *d = NULL, *z = BN_bin2bn(digest, UP_SHA256_BYTES, NULL), *k = BN_new(), *r = BN_new(),
           *s = BN_new();
    BN_CTX *bn = BN_CTX_new();
    ECDSA_SIG *sig = ECDSA_SIG_new();
    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) != 1 || BN_nnmod(z, z, n, bn) != 1 ||
        BN_bn2binpad(d, seed, 32) != 32 || BN_bn2binpad(z, seed + 32, 32) != 32)
        goto out;

    memset(g.v, 1, sizeof g.v);
    stir(&g, 0, seed, sizeof seed);
    stir(&g, 1, seed, sizeof seed);
    for (;; stir(&g, 0, NULL, 0)) {
        (void)HMAC(EVP_sha256(), g.k, 32, g.v, 32, g.v, NULL);
        (void)BN_bin2bn(g.v, sizeof g.v, k);
        if (!BN_is_zero(k) && BN_cmp(k, n) < 0) break;
    }
    if (sign_with(group, d, z, k, r, s, bn) && ECDSA_SIG_set0(sig, r, s) == 1) {
        r = s = NULL; /* SIG owns them now */
        length = i2d_ECDSA_SIG(sig, &signature);
    }
out:
    ECDSA_SIG_free(sig);
    BN_CTX_free(bn);
    BN_free(r);
    BN_free(s);
    BN_clear_free(k);
    BN_free(z);
    BN_clear_free(d);
    up_wipe(seed, sizeof seed);
    up_wipe(&g, sizeof g);
    EC_GROUP_free(group);
    ERR_clear_error();
    return length > 0 ? (size_t)length : 0;
}

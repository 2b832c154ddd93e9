#include "secondary/badge_openssl.h"
#include "metadata/secret_posix.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static bool random_bytes(void *ctx, uint8_t *out, size_t n)
{
    (void)ctx;
    return up_random(out, n);
}

static bool take_key(struct sec_badge *b, X509 *x)
{
    EVP_PKEY *pkey = X509_get0_pubkey(x);
    const int type = pkey == NULL ? EVP_PKEY_NONE : EVP_PKEY_get_base_id(pkey);
    const enum up_scheme scheme = type == EVP_PKEY_ED25519 ? UP_ED25519
                                  : type == EVP_PKEY_EC    ? UP_ECDSA_P256_SHA256
                                                           : UP_RSA_PSS_SHA256;
    BIO *pem = BIO_new(BIO_s_mem());
    char *text;
    bool ok = pem != NULL && type != EVP_PKEY_NONE && PEM_write_bio_PUBKEY(pem, pkey) == 1;
    if (ok) {
        const long n = BIO_get_mem_data(pem, &text);
        ok = n > 0 && up_key_from_pem(scheme, (struct up_span){(const uint8_t *)text, (size_t)n}, &b->key);
    }
    BIO_free(pem);
    return ok;
}

static bool is_ours(const struct sec_badge *b, X509 *x)
{
    char name[128];
    const int n = X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name, sizeof name);
    return n > 0 && (size_t)n == b->vehicle_id.n && memcmp(name, b->vehicle_id.p, b->vehicle_id.n) == 0;
}

static enum uds_code code_of(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return UDS_CERTIFICATE_SIGNATURE;
    case X509_V_ERR_INVALID_PURPOSE:
        return UDS_CERTIFICATE_TYPE;
    default:
        return UDS_CERTIFICATE_CHAIN;
    }
}

/* Time in a vehicle lags: only what has ended by the time that is known for certain is refused. */
static enum uds_code judge(struct sec_badge *b, X509 *x)
{
    time_t now = (time_t)b->now_s;
    X509_STORE_CTX *s = X509_STORE_CTX_new();
    if (s == NULL || X509_STORE_CTX_init(s, b->authorities, x, NULL) != 1) {
        X509_STORE_CTX_free(s);
        return UDS_CONDITIONS_NOT_CORRECT;
    }
    X509_STORE_CTX_set_flags(s, X509_V_FLAG_NO_CHECK_TIME);
    const int verified = X509_verify_cert(s), error = X509_STORE_CTX_get_error(s);
    X509_STORE_CTX_free(s);
    if (verified != 1) return code_of(error);
    if (X509_cmp_time(X509_get0_notAfter(x), &now) <= 0) return UDS_CERTIFICATE_PERIOD;
    if ((X509_get_key_usage(x) & KU_DIGITAL_SIGNATURE) == 0) return UDS_CERTIFICATE_TYPE;
    if (!is_ours(b, x)) return UDS_CERTIFICATE_SCOPE;
    return take_key(b, x) ? UDS_OK : UDS_CERTIFICATE_CONTENT;
}

static enum uds_code judge_certificate(void *ctx, const uint8_t *certificate, size_t n)
{
    struct sec_badge *b = ctx;
    const unsigned char *at = certificate;
    b->has_key = false;
    X509 *x = d2i_X509(NULL, &at, (long)n);
    enum uds_code code = x != NULL && at == certificate + n ? judge(b, x) : UDS_CERTIFICATE_FORMAT;
    X509_free(x);
    ERR_clear_error();
    b->has_key = code == UDS_OK;
    return code;
}

static bool proves(void *ctx, const uint8_t *message, size_t n, const uint8_t *proof, size_t proof_n)
{
    const struct sec_badge *b = ctx;
    return b->has_key && up_verify(&b->key, (struct up_span){message, n}, (struct up_span){proof, proof_n});
}

bool sec_badge_open(struct sec_badge *b, const char *authorities, struct up_span vehicle_id, char *why,
                    size_t why_size)
{
    *b = (struct sec_badge){
        .port = {.ctx = b, .random = random_bytes, .certificate = judge_certificate, .proves = proves},
        .authorities = X509_STORE_new(),
        .vehicle_id = vehicle_id};
    if (b->authorities != NULL && X509_STORE_load_file(b->authorities, authorities) == 1) return true;
    ERR_clear_error();
    snprintf(why, why_size, "%s: no certificates in PEM; check [ecu] tester_ca", authorities);
    sec_badge_close(b);
    return false;
}

static bool key_fits(void *ctx, uint8_t level, const uint8_t seed[UDS_SEED_BYTES], const uint8_t *key,
                     size_t n)
{
    const struct sec_badge *b = ctx;
    return sec_seedkey_fits(b->secret, level, seed, key, n);
}

static bool keep_attempts(void *ctx, uint8_t attempts)
{
    const struct sec_badge *b = ctx;
    return sec_attempts_keep(b->store, attempts);
}

bool sec_badge_add_secret(struct sec_badge *b, const char *secret, struct sec_store *store, char *why,
                          size_t why_size)
{
    if (!up_secret_read(secret, b->secret, why, why_size)) return false;
    b->store = store;
    b->port.ctx = b;
    b->port.random = random_bytes;
    b->port.levels = 1;
    b->port.key_fits = key_fits;
    b->port.keep_attempts = keep_attempts;
    return true;
}

void sec_badge_close(struct sec_badge *b)
{
    X509_STORE_free(b->authorities);
    up_wipe(b->secret, sizeof b->secret);
    b->authorities = NULL;
    b->store = NULL;
}

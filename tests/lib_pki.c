#include "tests/lib_pki.h"

#include <check.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

static void save(const char *name, X509 *certificate, EVP_PKEY *key)
{
    char path[256];
    snprintf(path, sizeof path, "%s.pem", name);
    FILE *f = fopen(path, "w");
    ck_assert(f != NULL && PEM_write_X509(f, certificate) == 1 && fclose(f) == 0);
    snprintf(path, sizeof path, "%s.key", name);
    f = fopen(path, "w");
    ck_assert(f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0);
}

static void load(const char *name, X509 **certificate, EVP_PKEY **key)
{
    char path[256];
    snprintf(path, sizeof path, "%s.pem", name);
    FILE *f = fopen(path, "r");
    ck_assert(f != NULL && (*certificate = PEM_read_X509(f, NULL, NULL, NULL)) != NULL && fclose(f) == 0);
    snprintf(path, sizeof path, "%s.key", name);
    f = fopen(path, "r");
    ck_assert(f != NULL && (*key = PEM_read_PrivateKey(f, NULL, NULL, NULL)) != NULL && fclose(f) == 0);
}

static void extend(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    ck_assert(e != NULL && X509_add_ext(certificate, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static X509 *make(EVP_PKEY *key, const char *cn, int days)
{
    static long serial;
    X509 *x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -2 * 86400);
    X509_gmtime_adj(X509_getm_notAfter(x), days * 86400L);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)cn, -1,
                               -1, 0);
    return x;
}

void pki_authority(const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = make(key, name, 30);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    extend(x, NID_basic_constraints, "critical,CA:TRUE");
    extend(x, NID_key_usage, "critical,keyCertSign");
    ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
    save(name, x, key);
    X509_free(x);
    EVP_PKEY_free(key);
}

void pki_certificate(const char *name, const char *authority, const char *cn, const char *address, int days)
{
    X509 *issuer;
    EVP_PKEY *issuer_key, *key = EVP_EC_gen("P-256");
    load(authority, &issuer, &issuer_key);
    X509 *x = make(key, cn, days);
    X509_set_issuer_name(x, X509_get_subject_name(issuer));
    if (address != NULL) {
        char san[64];
        snprintf(san, sizeof san, "IP:%s", address);
        extend(x, NID_subject_alt_name, san);
    }
    ck_assert_int_gt(X509_sign(x, issuer_key, EVP_sha256()), 0);
    save(name, x, key);
    X509_free(x);
    X509_free(issuer);
    EVP_PKEY_free(key);
    EVP_PKEY_free(issuer_key);
}

#include "primary/badge_openssl.h"

#include "metadata/crypto_openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

/* As 29 01 carries it: the certificate in DER, then a challenge of length 0. */
static bool encode(struct pri_badge *b, X509 *x)
{
    unsigned char *at = NULL;
    const int n = i2d_X509(x, NULL);
    if (n <= 0 || n > UINT16_MAX || (at = b->certificate = calloc(1, (size_t)n + 2)) == NULL) return false;
    b->certificate_bytes = (size_t)n;
    return i2d_X509(x, &at) == n;
}

static bool is_its_key(const struct pri_badge *b, X509 *x)
{
    EVP_PKEY *mine = up_key_to_evp(&b->signer.key);
    const bool same = mine != NULL && EVP_PKEY_eq(mine, X509_get0_pubkey(x)) == 1;
    EVP_PKEY_free(mine);
    return same;
}

bool pri_badge_open(struct pri_badge *b, const char *certificate, const char *key, char *why, size_t why_size)
{
    *b = (struct pri_badge){0};
    if (!up_signer_open(key, &b->signer, why, why_size)) return false;
    BIO *file = BIO_new_file(certificate, "r");
    X509 *x = file == NULL ? NULL : PEM_read_bio_X509(file, NULL, NULL, NULL);
    BIO_free(file);
    const char *wrong = x == NULL           ? "no certificate in PEM; wanted is that of the key in"
                        : !is_its_key(b, x) ? "not the certificate of the key in"
                        : !encode(b, x)     ? "too long a certificate, of the key in"
                                            : NULL;
    X509_free(x);
    ERR_clear_error();
    if (wrong != NULL) snprintf(why, why_size, "%s: %s %s", certificate, wrong, key);
    return wrong == NULL;
}

void pri_badge_close(struct pri_badge *b)
{
    if (b->signer.handle != NULL) up_signer_close(&b->signer);
    free(b->certificate);
    *b = (struct pri_badge){0};
}

/* What every implementation of the cryptography port shares: names, and known answers. */
#include "metadata/crypto.h"

#include "metadata/encode.h"

static const char *const scheme_names[] = {
    [UP_SCHEME_NONE] = "",
    [UP_ED25519] = "ed25519",
    [UP_ECDSA_P256_SHA256] = "ecdsa-sha2-nistp256",
    [UP_RSA_PSS_SHA256] = "rsassa-pss-sha256",
};

const char *up_scheme_name(enum up_scheme s)
{
    return scheme_names[s];
}

enum up_scheme up_scheme_named(struct up_span name)
{
    for (enum up_scheme s = UP_ED25519; s <= UP_RSA_PSS_SHA256; s++)
        if (up_span_is(name, scheme_names[s])) return s;
    return UP_SCHEME_NONE;
}

long up_pem_decode(struct up_span pem, uint8_t *der, size_t cap)
{
    struct up_span head = UP_SPAN("-----BEGIN PUBLIC KEY-----\n"), tail = UP_SPAN("-----END PUBLIC KEY-----");
    uint8_t text[UP_PEM_BYTES];
    while (pem.n != 0 && pem.p[pem.n - 1] == '\n') pem.n--;
    if (pem.n > UP_PEM_BYTES || pem.n < head.n + tail.n) return -1;
    const uint8_t *body = pem.p + head.n, *end = pem.p + pem.n - tail.n;
    if (memcmp(pem.p, head.p, head.n) != 0 || memcmp(end, tail.p, tail.n) != 0) return -1;
    size_t n = 0;
    for (; body != end; body++)
        if (*body != '\n') text[n++] = *body;
    return up_base64_decode((struct up_span){text, n}, der, cap);
}

/* ---- known answers ---- */

/* FIPS 180-4: "abc" */
static const char sha256_abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char sha512_abc[] = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                                 "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";

static const struct answer {
    enum up_scheme scheme;
    const char *key; /* hex, or PEM */
    const char *message;
    const char *signature; /* hex */
} answers[] = {
    /* RFC 8032, 7.1, test 2 */
    {UP_ED25519, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "\x72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
    /* RFC 6979, A.2.5 */
    {UP_ECDSA_P256_SHA256,
     "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
     "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
     "sample",
     "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
     "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
#if UP_KEY_BYTES >= 294 /* RSA-2048 fits; a key made for this, its private half is gone */
    {UP_RSA_PSS_SHA256,
     "-----BEGIN PUBLIC KEY-----\n"
     "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsZIyNHFQvR+gfl2ZZAXQ\n"
     "dcQOp9gFBtQtoNnfzOB18nqT8jH49zL0CR2M9M+xWpOl0al5724BhdIWvqE7MkqV\n"
     "VnnNQPVR2GUZu9A7mzaiMIgc3Lzp30Pz7XnrmebCv+Pi0Jkj4uq094SIPBZefslz\n"
     "ury7v4n34Ip9+MePhglxN5ZOBuZKvYw0DR7JX5/iRSO0z4IsvbAslydpzyTqTFMD\n"
     "AWK6PcLBTrFvJ9keUkfdk9RSKlzX5BPHCUjgkVAHUfSrI1KPql8XSVoMcREEDirO\n"
     "Ga+laFM+31BWxbzrpSCSVXIPjy6u+HSi3WP9sQqv13wqwpsPgUtlt3jI80JjbZk9\n"
     "DQIDAQAB\n"
     "-----END PUBLIC KEY-----\n",
     "sample",
     "92efef0fe2fd23b640bbea7653bdef5684917b9c1a90acc17dd4a6e56a5d44b2999f429e5b3c7190"
     "7059df58874197d371a2344b39e474311a1c38f95bde33f3df80ec1e8c5706d2ec8bf4f388df6446"
     "0e301be9df37a11ca6a1e4104735d483d9912fbb6b595790336b1e4888f1e2807d3c3a73823ef60d"
     "139cd69b92f5c8760a31f4c29565044c84ec4f5bd0dedc78c228e3879f7af312ddeef46954cd6d77"
     "6d4e48eec17003060644ba6bcb8736f83d70e0914de4c12a01694bb18e57b47bd4676da660120d2c"
     "cdd35e3f93b33db3c33d484475e7260834803fd8a14a5372c1e37f4d441bffd676388cc1b28385f9"
     "ff060a16b34d305d1adcbbd1afeab84f"},
#endif
};

static bool hash_answers(enum up_hash_kind kind, const char *want)
{
    uint8_t expected[UP_SHA512_BYTES], digest[UP_SHA512_BYTES] = {0};
    long n = up_hex_decode(up_span_of(want), expected, sizeof expected);
    struct up_hash h;
    up_hash_begin(&h, kind);
    up_hash_add(&h, UP_SPAN("a"));
    up_hash_add(&h, UP_SPAN("bc"));
    up_hash_end(&h, digest);
    return n > 0 && memcmp(digest, expected, (size_t)n) == 0;
}

/* The right signature of the right message is good, and of no other. */
static bool verify_answers(const struct answer *a)
{
    struct up_key key;
    uint8_t bytes[UP_SIGNATURE_BYTES];
    if (a->key[0] == '-') {
        if (!up_key_from_pem(a->scheme, up_span_of(a->key), &key)) return false;
    } else {
        long n = up_hex_decode(up_span_of(a->key), bytes, sizeof bytes);
        if (n < 0 || !up_key_from_bytes(a->scheme, (struct up_span){bytes, (size_t)n}, &key)) return false;
    }
    long n = up_hex_decode(up_span_of(a->signature), bytes, sizeof bytes);
    if (n < 0) return false;
    struct up_span signature = {bytes, (size_t)n};
    return up_verify(&key, up_span_of(a->message), signature) &&
           !up_verify(&key, UP_SPAN("other"), signature);
}

bool up_crypto_selftest(void)
{
    if (!hash_answers(UP_SHA256, sha256_abc) || !hash_answers(UP_SHA512, sha512_abc)) return false;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (up_scheme_linked(answers[i].scheme) && !verify_answers(&answers[i])) return false;
    return true;
}

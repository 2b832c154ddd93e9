#include "sim/wrap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TLVS_MAX 256u /* behind the body: all that we write */

static uint8_t *little(uint8_t *p, uint32_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++, v >>= 8) *p++ = (uint8_t)v;
    return p;
}

static uint32_t read_little(const uint8_t *p, unsigned bytes)
{
    uint32_t v = 0;
    for (unsigned i = bytes; i > 0; i--) v = v << 8 | p[i - 1];
    return v;
}

static uint8_t *tlv(uint8_t *p, uint32_t type, const uint8_t *value, size_t n)
{
    p = little(p, type, 2);
    p = little(p, (uint32_t)n, 2);
    memcpy(p, value, n);
    return p + n;
}

bool sim_wrap_version(const char *text, struct sim_wrap *out)
{
    unsigned major = 0, minor = 0, revision = 0, build = 0;
    int n = 0, end = 0;
    n = sscanf(text, "%3u%n.%3u%n.%5u%n+%9u%n", &major, &end, &minor, &end, &revision, &end, &build, &end);
    if (n < 1 || text[end] != '\0' || major > UINT8_MAX || minor > UINT8_MAX || revision > UINT16_MAX)
        return false;
    out->major = (uint8_t)major;
    out->minor = (uint8_t)minor;
    out->revision = (uint16_t)revision;
    out->build = build;
    return true;
}

/* The unprotected TLVs behind the first COVERED bytes of OUT. */
static bool prove(struct sim_bytes *out, size_t covered, const struct up_signer *signer,
                  char why[SIM_WHY_MAX])
{
    uint8_t digest[UP_SHA256_BYTES], name[UP_SHA256_BYTES], signature[UP_SIGNATURE_BYTES];
    uint8_t *area = out->p + covered, *p = area + 4;
    up_sha256((struct up_span){out->p, covered}, digest);
    p = tlv(p, SEC_TLV_SHA256, digest, sizeof digest);
    if (signer != NULL) {
        if (signer->key.scheme != UP_ECDSA_P256_SHA256)
            return sim_say(why, "the key is %s: boot stages take ECDSA P-256",
                           up_scheme_name(signer->key.scheme));
        size_t n = up_sign_digest(signer, digest, signature);
        if (n == 0) return sim_say(why, "signing failed");
        sec_header_key_hash(&signer->key, name);
        p = tlv(p, SEC_TLV_KEY_HASH, name, sizeof name);
        p = tlv(p, SEC_TLV_ECDSA, signature, n);
    }
    (void)little(little(area, SEC_TLV_MAGIC, 2), (uint32_t)(p - area), 2);
    out->n = (size_t)(p - out->p);
    return true;
}

bool sim_wrap(const struct sim_wrap *w, struct up_span body, const struct up_signer *signer,
              struct sim_bytes *out, char why[SIM_WHY_MAX])
{
    uint8_t counter[4];
    if (w->header_bytes < SEC_HEADER_BYTES || body.n > UINT32_MAX - UINT16_MAX)
        return sim_say(why, "a header has at least %u bytes, a body less than 4 GiB", SEC_HEADER_BYTES);
    const uint32_t protected_bytes = 4 + 4 + sizeof counter;
    out->p = calloc(1, w->header_bytes + body.n + TLVS_MAX);
    if (out->p == NULL) return sim_say(why, "out of memory");
    uint8_t *p = little(out->p, SEC_HEADER_MAGIC, 4);
    p = little(p, w->load_address, 4);
    p = little(p, w->header_bytes, 2);
    p = little(p, protected_bytes, 2);
    p = little(p, (uint32_t)body.n, 4);
    p = little(p, 0, 4);
    p = little(p, w->major, 1);
    p = little(p, w->minor, 1);
    p = little(p, w->revision, 2);
    (void)little(p, w->build, 4);
    p = out->p + w->header_bytes;
    memcpy(p, body.p, body.n);
    p = little(little(p + body.n, SEC_TLV_PROTECTED, 2), protected_bytes, 2);
    (void)little(counter, w->release_counter, sizeof counter);
    p = tlv(p, SEC_TLV_COUNTER, counter, sizeof counter);
    if (prove(out, (size_t)(p - out->p), signer, why)) return true;
    sim_bytes_free(out);
    return false;
}

bool sim_wrap_sign(struct up_span image, const struct up_signer *signer, struct sim_bytes *out,
                   char why[SIM_WHY_MAX])
{
    uint64_t covered = 0;
    if (image.n >= SEC_HEADER_BYTES && read_little(image.p, 4) == SEC_HEADER_MAGIC)
        covered = (uint64_t)read_little(image.p + 8, 2) + read_little(image.p + 12, 4) +
                  read_little(image.p + 10, 2);
    if (covered < SEC_HEADER_BYTES || covered > image.n)
        return sim_say(why, "not an image with a header: wrap it first");
    out->p = calloc(1, covered + TLVS_MAX);
    if (out->p == NULL) return sim_say(why, "out of memory");
    memcpy(out->p, image.p, covered);
    if (prove(out, covered, signer, why)) return true;
    sim_bytes_free(out);
    return false;
}

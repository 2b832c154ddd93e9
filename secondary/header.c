#include "secondary/header.h"

struct reader { /* sticky */
    struct up_span left;
    bool bad;
};

static struct up_span take(struct reader *r, size_t n)
{
    struct up_span none = {NULL, 0};
    r->bad = r->bad || n > r->left.n;
    if (r->bad) return none;
    struct up_span taken = {r->left.p, n};
    r->left.p += n;
    r->left.n -= n;
    return taken;
}

/* Compilers make one load of each. */
static uint32_t le16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
    return le16(p) | le16(p + 2) << 16;
}

static void keep(struct reader *r, struct up_span value, size_t least, size_t most, struct up_span *out)
{
    r->bad = r->bad || out->p != NULL || value.n < least || value.n > most;
    *out = value;
}

/* What is signed may hold what concerns others; what is not signed holds the proof and nothing else. */
static enum up_err read_tlv(struct reader *r, bool is_protected, struct sec_header *h,
                            struct up_span *counter)
{
    const struct up_span head = take(r, 4);
    if (r->bad) return UP_SCHEMA;
    const uint32_t type = le16(head.p);
    struct up_span value = take(r, le16(head.p + 2));
    if (r->bad) return UP_SCHEMA;
    if (is_protected) {
        if (type == SEC_TLV_DEPENDENCY) return UP_UNSUPPORTED;
        if (type == SEC_TLV_COUNTER) keep(r, value, 4, 4, counter);
    } else if (type == SEC_TLV_SHA256) {
        keep(r, value, UP_SHA256_BYTES, UP_SHA256_BYTES, &h->sha256);
    } else if (type == SEC_TLV_KEY_HASH) {
        keep(r, value, UP_SHA256_BYTES, UP_SHA256_BYTES, &h->key_hash);
    } else if (type == SEC_TLV_ECDSA) {
        keep(r, value, 1, SEC_HEADER_SIGNATURE, &h->signature);
    } else {
        return UP_UNSUPPORTED;
    }
    return r->bad ? UP_SCHEMA : UP_OK;
}

static enum up_err read_area(struct reader *image, uint32_t magic, struct sec_header *h)
{
    struct up_span counter = {NULL, 0};
    const struct up_span head = take(image, 4);
    if (image->bad || le16(head.p) != magic || le16(head.p + 2) < 4) return UP_SCHEMA;
    struct reader r = {.left = take(image, le16(head.p + 2) - 4)};
    if (image->bad) return UP_SCHEMA;
    while (r.left.n > 0) UP_TRY(read_tlv(&r, magic == SEC_TLV_PROTECTED, h, &counter));
    if (counter.p != NULL) h->counter = le32(counter.p);
    return UP_OK;
}

/* A signature may be padded with zeros to its longest. */
static struct up_span without_padding(struct up_span der)
{
    const size_t n = der.n >= 2 && der.p[1] < 0x80 ? (size_t)der.p[1] + 2 : der.n;
    for (size_t i = n; i < der.n; i++)
        if (der.p[i] != 0) return der;
    return n < der.n ? (struct up_span){der.p, n} : der;
}

enum up_err sec_header_read(struct up_span image, struct sec_header *out)
{
    struct reader r = {.left = image};
    const uint8_t *const p = take(&r, SEC_HEADER_BYTES).p;
    if (r.bad || le32(p) != SEC_HEADER_MAGIC) return UP_SCHEMA;
    struct sec_header h = {.load_address = le32(p + 4),
                           .header_bytes = (uint16_t)le16(p + 8),
                           .body_bytes = le32(p + 12),
                           .major = p[20],
                           .minor = p[21],
                           .revision = (uint16_t)le16(p + 22),
                           .build = le32(p + 24)};
    const uint32_t protected_bytes = le16(p + 10), flags = le32(p + 16);
    if (h.header_bytes < SEC_HEADER_BYTES) return UP_SCHEMA;
    if ((flags & ~SEC_HEADER_FLAGS) != 0) return UP_UNSUPPORTED;
    (void)take(&r, h.header_bytes - SEC_HEADER_BYTES);
    (void)take(&r, h.body_bytes);
    if (protected_bytes != 0) {
        const size_t before = r.left.n;
        UP_TRY(read_area(&r, SEC_TLV_PROTECTED, &h));
        if (before - r.left.n != protected_bytes) return UP_SCHEMA;
    }
    if (r.bad) return UP_SCHEMA;
    h.covered_bytes = (uint32_t)(image.n - r.left.n);
    UP_TRY(read_area(&r, SEC_TLV_MAGIC, &h));
    if (r.left.n != 0 || h.sha256.p == NULL || h.key_hash.p == NULL || h.signature.p == NULL)
        return UP_SCHEMA;
    h.signature = without_padding(h.signature);
    *out = h;
    return UP_OK;
}

void sec_header_key_hash(const struct up_key *key, uint8_t hash[UP_SHA256_BYTES])
{
    static const uint8_t info[] = {/* SubjectPublicKeyInfo up to the point: RFC 5480 */
                                   0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
    struct up_hash h;
    up_hash_begin(&h, UP_SHA256);
    up_hash_add(&h, (struct up_span){info, sizeof info});
    up_hash_add(&h, (struct up_span){key->bytes, key->n});
    up_hash_end(&h, hash);
}

enum up_err sec_header_open(struct up_span image, const struct up_key *key, struct sec_header *out)
{
    struct sec_header h;
    uint8_t digest[UP_SHA256_BYTES];
    UP_TRY(sec_header_read(image, &h));
    sec_header_key_hash(key, digest);
    if (key->scheme != UP_ECDSA_P256_SHA256 || memcmp(digest, h.key_hash.p, sizeof digest) != 0)
        return UP_SIG_THRESHOLD;
    if (!up_verify_digest(key, h.sha256.p, h.signature)) return UP_SIG_THRESHOLD;
    *out = h;
    return UP_OK;
}

enum up_err sec_header_verify(struct up_span image, const struct up_key *key, struct sec_header *out)
{
    struct sec_header h;
    uint8_t digest[UP_SHA256_BYTES];
    UP_TRY(sec_header_open(image, key, &h));
    up_sha256((struct up_span){image.p, h.covered_bytes}, digest);
    if (memcmp(digest, h.sha256.p, sizeof digest) != 0) return UP_IMG_HASH;
    *out = h;
    return UP_OK;
}

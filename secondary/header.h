/* Images that carry their own proof, in the format of MCUboot: what a boot stage with policy `signature` asks
 * for, and what `isoctane-repo image wrap` writes.
 *
 *     header 32, padded | body | protected TLVs | TLVs                 all little endian
 *     header:  magic 4 | load address 4 | header bytes 2 | protected bytes 2 | body bytes 4 | flags 4 |
 *              version: major 1, minor 1, revision 2, build 4 | 0 4
 *     TLVs:    magic 2 | bytes, these 4 included 2 | { type 2 | length 2 | value }...
 *
 * The digest covers header, body and protected TLVs, and the signature that digest: ECDSA P-256 in DER, by a
 * key that is named by the SHA-256 of its SubjectPublicKeyInfo. Strict: nothing behind the TLVs, none twice,
 * none in the unprotected part but these three, no image that is encrypted, compressed or depends on others.
 * So no bit can change unnoticed.
 * Source: the design page and imgtool of MCUboot. */
#ifndef SECONDARY_HEADER_H
#define SECONDARY_HEADER_H

#include "metadata/crypto.h"

#define SEC_HEADER_MAGIC     0x96f3b83du
#define SEC_HEADER_BYTES     32u
#define SEC_HEADER_FLAGS     0x101u /* that an image may have: position independent, fixed address */
#define SEC_TLV_MAGIC        0x6907u
#define SEC_TLV_PROTECTED    0x6908u /* magic of the part that is signed */
#define SEC_TLV_KEY_HASH     0x01u
#define SEC_TLV_SHA256       0x10u
#define SEC_TLV_ECDSA        0x22u
#define SEC_TLV_DEPENDENCY   0x40u
#define SEC_TLV_COUNTER      0x50u /* the release counter, 4 bytes, protected */
#define SEC_HEADER_SIGNATURE 72u   /* longest */

struct sec_header { /* spans lie in the image */
    uint32_t load_address;
    uint16_t header_bytes;
    uint32_t body_bytes, covered_bytes; /* covered by the digest: header, body, protected TLVs */
    uint8_t major, minor;
    uint16_t revision;
    uint32_t build;
    uint32_t counter; /* 0: none */
    struct up_span sha256, key_hash, signature;
};
/* IMAGE is exactly the image. SCHEMA: not one, or not strictly. UNSUPPORTED: one that we cannot honour. */
enum up_err sec_header_read(struct up_span image, struct sec_header *out) UP_NODISCARD;
/* How a key is named in an image. */
void sec_header_key_hash(const struct up_key *key, uint8_t hash[UP_SHA256_BYTES]);
/* Signed by KEY, once the bytes that the digest covers have it as well. SIG_THRESHOLD: not signed by KEY. */
enum up_err sec_header_open(struct up_span image, const struct up_key *key,
                            struct sec_header *out) UP_NODISCARD;
/* The whole of it, bytes included, in one go. IMG_HASH: other bytes. */
enum up_err sec_header_verify(struct up_span image, const struct up_key *key,
                              struct sec_header *out) UP_NODISCARD;

#endif

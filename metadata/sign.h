/* A signed file taken apart, and thresholds of signatures by distinct keys (Uptane Standard 2.1, 5.2.1;
 * TUF 1.0, 4.2).
 *
 * Distinct means distinct key material: one key under two ids counts once. Key ids are recomputed. The scheme
 * comes from the trusted key, never from a signature entry. Signatures of unknown keys, and broken ones, do
 * not spoil a file that meets its threshold without them. */
#ifndef METADATA_SIGN_H
#define METADATA_SIGN_H

#include "metadata/canon.h"
#include "metadata/json.h"

#define UP_KEYID_TEXT 64 /* hex digits */

struct up_signed {
    struct up_span file;             /* as served */
    struct up_span signatures;       /* the array */
    struct up_span body;             /* `signed`, sorted: what is verified is what is read */
    struct up_span message;          /* canonical bytes of body; absent: only the digest is at hand */
    uint8_t digest[UP_SHA256_BYTES]; /* of the canonical bytes */
};

/* Takes FILE apart. ROOM: where sorted and canonical bytes go when FILE itself is neither; NULL: in place or
 * NOT_CANONICAL. Results point into FILE and ROOM. A room of 3 * FILE.n always suffices. */
enum up_err up_signed_open(struct up_span file, const struct up_profile *profile, struct up_buf *room,
                           struct up_signed *out) UP_NODISCARD;

/* Who may sign: KEYS is the object {id: key}, KEYIDS the array of ids that count. */
struct up_keyring {
    struct up_span keys, keyids;
    uint32_t threshold;
};
/* Ids of this ring exist, are unique, are the digest of their keys; 1 <= threshold <= number of distinct keys
 * <= MAX. Under unreachable-thresholds ids may lack their key, and the threshold may be out of reach: what
 * cannot be signed is then found out by who verifies. */
enum up_err up_keyring_check(const struct up_keyring *r, const struct up_profile *profile,
                             unsigned max_keys) UP_NODISCARD;
/* A threshold of distinct keys of R signed S. At most MAX_SIGNATURES entries are looked at, else LIMIT. */
enum up_err up_signed_verify(const struct up_signed *s, const struct up_keyring *r,
                             const struct up_profile *profile, unsigned max_signatures) UP_NODISCARD;
/* The same keys and threshold? (A rotated role, 5.4.4.3 step 4, has other ones.) Order does not matter. */
bool up_keyring_same(const struct up_keyring *a, const struct up_keyring *b);
/* Digest of the set of key ids: what `same` compares, in a form that can be stored. */
void up_keyring_digest(const struct up_keyring *r, uint8_t digest[UP_SHA256_BYTES]);

/* One key object. UNSUPPORTED: well-formed, of a type that we do not verify; it never counts. */
enum up_err up_key_read(struct up_span object, const struct up_profile *profile,
                        struct up_key *key) UP_NODISCARD;
/* The id that OBJECT must stand under: SHA-256 of its canonical form (deployed: of its public value), hex. */
enum up_err up_key_id(struct up_span object, const struct up_profile *profile,
                      char id[UP_KEYID_TEXT]) UP_NODISCARD;

#endif

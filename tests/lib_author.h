/* Authors role files for tests, honest ones and others, in both dialects. Everything returned lives until the
 * test program ends.
 *
 *     struct author a = author_of(&up_profile_strict, "VIN-1");
 *     struct up_span root = author_root(&a, 1);
 *     a.ring[UP_TARGETS] = (struct author_ring){.keys = KEY(7) | KEY(8), .threshold = 2};
 *     struct up_span next = author_root(&a, 2);
 *
 * Wrong files are made from right bodies: author_without(), author_with(), author_sign() with other keys. */
#ifndef TESTS_LIB_AUTHOR_H
#define TESTS_LIB_AUTHOR_H

#include "metadata/crypto_openssl.h"
#include "metadata/search.h"

/* ---- text ---- */

char *author_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* BODY with its first FROM replaced by TO; FROM must be there. */
char *author_with(const char *body, const char *from, const char *to);
/* The JSON object BODY without the member NAME of its outermost level. */
char *author_without(const char *body, const char *name);
#define TEXT(span) (int)(span).n, (const char *)(span).p /* for "%.*s" */

/* ---- keys: by number; 0 to 23 are Ed25519, 24 to 31 ECDSA (which dialect A lacks) ---- */

#define KEY(n) (1u << (n))
const struct up_signer *author_key(unsigned n);
const char *author_key_object(const struct up_profile *p, unsigned n); /* {"keytype":...} */
const char *author_keyid(const struct up_profile *p, unsigned n);
char *author_keys(const struct up_profile *p, uint32_t keys);   /* {ID: object, ...} */
char *author_keyids(const struct up_profile *p, uint32_t keys); /* [ID, ...] */

/* ---- files ---- */

/* {"signatures":[...],"signed":BODY}: BODY, in any order, is sorted, and each of KEYS signs it. */
struct up_span author_sign(const struct up_profile *p, uint32_t keys, const char *body);
/* The same, with BODY in the file as it stands. */
struct up_span author_sign_unsorted(const struct up_profile *p, uint32_t keys, const char *body);
/* The same from its parts: entries of a signature list, and a body that stays as it is. */
char *author_sorted(const struct up_profile *p, const char *body);
char *author_entry(const struct up_profile *p, unsigned key, const char *sorted);
struct up_span author_envelope(const char *entries, const char *body);

/* Without any allocation, for BODY from anywhere: one key, into W. Absent: it cannot be sorted. */
struct up_span author_sign_into(const struct up_profile *p, unsigned key, struct up_span body,
                                struct up_writer *w);

/* ---- roles ---- */

struct author_ring {
    uint32_t keys; /* set of KEY() */
    unsigned threshold;
};
struct author {
    const struct up_profile *profile;
    const char *vehicle; /* custom.vehicleId; NULL: none */
    const char *expires;
    struct author_ring ring[UP_ROLES]; /* as Root says; no keys: Root does not have the role */
    uint32_t signers[UP_ROLES];        /* who signs; 0: the whole ring */
};
#define AUTHOR_NOW     1750000000 /* 2025-06-15T15:06:40Z */
#define AUTHOR_EXPIRES "2030-01-01T00:00:00Z"
/* One key for each role, 0 to 4 in the order of enum up_role; threshold 1. */
struct author author_of(const struct up_profile *p, const char *vehicle);

struct up_span author_file(const struct author *a, enum up_role role,
                           const char *body); /* signed as the role */
char *author_root_body(const struct author *a, unsigned version);
struct up_span author_root(const struct author *a, unsigned version);
char *author_timestamp_body(const struct author *a, unsigned version, struct up_span snapshot,
                            unsigned named);
struct up_span author_timestamp(const struct author *a, unsigned version, struct up_span snapshot,
                                unsigned named);
/* META: members of `meta`, from author_meta() joined by commas. */
char *author_snapshot_body(const struct author *a, unsigned version, const char *meta);
struct up_span author_snapshot(const struct author *a, unsigned version, const char *meta);
char *author_meta(const char *role, unsigned version);                            /* "ROLE.json":{version} */
char *author_meta_bound(const char *role, unsigned version, struct up_span file); /* and length and hash */
/* IMAGES: members of `targets`. EXTRA: further members of the body, each followed by a comma. */
char *author_targets_body(const struct author *a, unsigned version, const char *images, const char *extra);
struct up_span author_targets(const struct author *a, unsigned version, const char *images);

/* Members of `targets`; the content of an image is its name and counter. */
char *author_image(const char *name, const char *hardware, unsigned counter);
char *author_order(const char *name, const char *serial, const char *hardware, unsigned counter);
/* One delegation to role NAME, with more members in EXTRA ("\"terminating\":true,"); and the block of
 * several. */
char *author_delegation(const struct author *a, const char *name, struct author_ring ring, const char *path,
                        const char *extra);
char *author_delegations(const struct author *a, uint32_t keys, const char *list); /* "delegations":{...}, */

/* ---- a server of files ---- */

#define SHELF_MAX 320
struct shelf {
    struct {
        char name[UP_FILE_NAME_MAX];
        struct up_span file;
    } item[SHELF_MAX];
    unsigned n;
    unsigned requests;
    char log[2048]; /* names asked for, each followed by a space */
};
void shelf_put(struct shelf *s, const char *name, struct up_span file); /* replaces */
void shelf_drop(struct shelf *s, const char *name);
struct up_span shelf_get(struct shelf *s, const char *name); /* absent: not there; logs */
/* Runs a cycle of T to its end, or to the first failure, and commits as metadata/trust.h says: Roots at once,
 * the Director's set as a whole, the files of the Image repository one by one. */
enum up_err shelf_walk(struct shelf *s, struct up_trust *t, int64_t now_s);
/* Runs a search to its verdict. */
enum up_err shelf_search(struct shelf *s, struct up_search *search, int64_t now_s, struct up_target *target);
/* Room for files that are not canonical. */
struct up_buf author_room(void);

/* Puts a whole repository there: Root 1 is returned; the others as the newest of VERSION. */
struct up_span shelf_publish(struct shelf *s, const struct author *a, unsigned version,
                             struct up_span targets, unsigned targets_version, const char *more_meta);

#endif

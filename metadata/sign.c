#include "metadata/sign.h"

#include "metadata/encode.h"

enum up_err up_signed_open(struct up_span file, const struct up_profile *profile, struct up_buf *room,
                           struct up_signed *out)
{
    struct up_signed s = {.file = file};
    struct up_json j;
    struct up_span name;
    up_json_open(&j, file);
    bool loose = false, inexact = false; /* the body */
    if (UP_STRICT) room = NULL;
    for (up_json_object(&j); up_json_member(&j, &name);) {
        j.loose = j.inexact = false;
        j.to_sort = up_json_is(name, "signed"); /* only there: nothing sorts what is around it */
        struct up_span value = up_json_value(&j);
        if (up_json_is(name, "signatures")) {
            s.signatures = value;
        } else if (j.to_sort) {
            s.body = value;
            loose = j.loose; /* perhaps only what stands before it */
            inexact = j.inexact;
            j.to_sort = false;
        }
    }
    up_json_close(&j);
    UP_TRY(j.err);
    if (s.signatures.n == 0 || s.signatures.p[0] != '[' || s.body.n == 0 || s.body.p[0] != '{')
        return UP_SCHEMA;

    bool same;
    enum up_err e = loose ? up_canon_digest(s.body, profile->dialect, s.digest, &same)
                          : up_canon_digest_read(s.body, profile->dialect, inexact, s.digest, &same);
    if (e == UP_NOT_CANONICAL && room != NULL) {
        UP_TRY(up_canon_sort(s.body, profile->dialect, room, &s.body));
        e = up_canon_digest(s.body, profile->dialect, s.digest, &same);
    }
    UP_TRY(e);
    if (same) {
        s.message = s.body;
    } else if (room != NULL) { /* without the message, the digest has to do */
        e = up_canon_write(s.body, profile->dialect, room, &s.message);
        if (e != UP_OK && e != UP_LIMIT) return e;
    }
    *out = s;
    return UP_OK;
}

/* The member NAME (as it stands between its quotes) of OBJECT; false: not there. */
static bool find(struct up_span object, struct up_span name, struct up_span *value)
{
    struct up_json j;
    struct up_span key;
    up_json_open_checked(&j, object);
    for (up_json_object(&j); up_json_member(&j, &key);) {
        *value = up_json_value(&j);
        if (j.err == UP_OK && up_json_cmp(key, name) == 0) return true;
    }
    return false;
}

/* ---- keys ---- */

static const struct key_kind {
    const char *keytype, *scheme; /* dialect A has no scheme */
    enum up_scheme means;
    bool pem;
} tuf_kinds[] =
    {
        {"ecdsa", "ecdsa-sha2-nistp256", UP_ECDSA_P256_SHA256, true},
        {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", UP_ECDSA_P256_SHA256, true},
        {"ed25519", "ed25519", UP_ED25519, false},
        {"rsa", "rsassa-pss-sha256", UP_RSA_PSS_SHA256, true},
        {0},
},
  deployed_kinds[] = {
      {"ED25519", "", UP_ED25519, false},
      {"RSA", "", UP_RSA_PSS_SHA256, true},
      {0},
};

struct key_text { /* raw strings */
    struct up_span keytype, scheme, public;
};

static enum up_err read_key_text(struct up_span object, struct key_text *out)
{
    struct key_text k = {0};
    struct up_json j;
    struct up_span name;
    up_json_open(&j, object);
    for (up_json_object(&j); up_json_member(&j, &name);) {
        if (up_json_is(name, "keytype"))
            k.keytype = up_json_string(&j);
        else if (up_json_is(name, "scheme"))
            k.scheme = up_json_string(&j);
        else if (up_json_is(name, "keyval")) {
            for (up_json_object(&j); up_json_member(&j, &name);) {
                if (up_json_is(name, "public"))
                    k.public = up_json_string(&j);
                else
                    (void)up_json_value(&j);
            }
        } else
            (void)up_json_value(&j);
    }
    up_json_close(&j);
    UP_TRY(j.err);
    *out = k;
    return UP_OK;
}

static bool decode_key(const struct key_kind *kind, struct up_span public, bool upper_too, struct up_key *key)
{
    uint8_t text[UP_PEM_BYTES];
    long n;
    if (kind->pem)
        n = up_json_unescape(public, text, sizeof text);
    else if (upper_too)
        n = up_hex_decode_any(public, text, sizeof text);
    else
        n = up_hex_decode(public, text, sizeof text);
    if (n < 0) return false;
    struct up_span bytes = {text, (size_t)n};
    return kind->pem ? up_key_from_pem(kind->means, bytes, key) : up_key_from_bytes(kind->means, bytes, key);
}

/* Dialect A spells key types in either case. */
static bool is_keytype(struct up_span text, const char *name, bool any_case)
{
    if (!any_case) return up_span_is(text, name);
    if (text.n != strlen(name)) return false;
    for (size_t i = 0; i < text.n; i++) {
        const bool lower = text.p[i] >= 'a' && text.p[i] <= 'z';
        if ((lower ? text.p[i] - ('a' - 'A') : text.p[i]) != name[i]) return false;
    }
    return true;
}

enum up_err up_key_read(struct up_span object, const struct up_profile *profile, struct up_key *key)
{
    bool deployed = up_is_deployed(profile->dialect);
    struct key_text k;
    UP_TRY(read_key_text(object, &k));
    if (k.keytype.p == NULL || (k.scheme.p == NULL && !deployed)) return UP_SCHEMA;
    const struct key_kind *kind = deployed ? deployed_kinds : tuf_kinds;
    while (kind->keytype != NULL && (!is_keytype(k.keytype, kind->keytype, deployed) ||
                                     (!deployed && !up_span_is(k.scheme, kind->scheme))))
        kind++;
    if (kind->keytype == NULL) return UP_UNSUPPORTED;
    if (k.public.p == NULL) return UP_SCHEMA;
    return decode_key(kind, k.public, deployed, key) ? UP_OK : UP_UNSUPPORTED;
}

/* RAW without the newlines that end it. */
static struct up_span without_last_newlines(struct up_span raw)
{
    size_t kept = 0;
    for (size_t i = 0; i < raw.n;) {
        uint32_t cp;
        size_t n = up_json_char((struct up_span){raw.p + i, raw.n - i}, &cp);
        i += n;
        if (n == 0) break;
        if (cp != '\n') kept = i;
    }
    return (struct up_span){raw.p, kept};
}

enum up_err up_key_id(struct up_span object, const struct up_profile *profile, char id[UP_KEYID_TEXT])
{
    uint8_t digest[UP_SHA256_BYTES];
    if (up_relaxes(profile, UP_RELAX_KEYID_OVER_VALUE)) {
        struct key_text k;
        UP_TRY(read_key_text(object, &k));
        if (k.public.p == NULL) return UP_SCHEMA;
        struct up_hash hash;
        up_hash_begin(&hash, UP_SHA256);
        up_hash_add(&hash, UP_SPAN("\""));
        up_hash_add(&hash, without_last_newlines(k.public));
        up_hash_add(&hash, UP_SPAN("\""));
        up_hash_end(&hash, digest);
    } else {
        bool same;
        UP_TRY(up_canon_digest(object, profile->dialect, digest, &same));
    }
    up_hex_encode(digest, sizeof digest, id);
    return UP_OK;
}

/* ---- key rings ---- */

/* Distinct keys, by the start of a digest of their material: what looks alike counts once, so a collision can
 * only cost its maker. */
struct key_set {
    unsigned n;
    uint8_t print[UP_KEYS_MAX][8];
};

static void fingerprint(struct up_span material, uint8_t print[8])
{
    uint8_t digest[UP_SHA256_BYTES];
    up_sha256(material, digest);
    memcpy(print, digest, 8);
}

static bool set_has(const struct key_set *set, const uint8_t print[8])
{
    for (unsigned i = 0; i < set->n; i++)
        if (memcmp(set->print[i], print, 8) == 0) return true;
    return false;
}

static void set_add(struct key_set *set, const uint8_t print[8])
{
    if (!set_has(set, print) && set->n < UP_KEYS_MAX) memcpy(set->print[set->n++], print, 8);
}

/* Is ID among the strings of the array IDS, more than once? */
static unsigned occurrences(struct up_span ids, struct up_span id)
{
    struct up_json j;
    unsigned n = 0;
    up_json_open_checked(&j, ids);
    for (up_json_array(&j); up_json_item(&j);) {
        struct up_span other = up_json_string(&j);
        if (j.err == UP_OK && up_json_cmp(other, id) == 0) n++;
    }
    return j.err == UP_OK ? n : 0;
}

/* The key that stands under ID, checked against it, joins SET. */
static enum up_err check_key(const struct up_keyring *r, struct up_span id, const struct up_profile *profile,
                             struct key_set *set)
{
    struct up_span object;
    if (!find(r->keys, id, &object))
        return up_relaxes(profile, UP_RELAX_UNREACHABLE_THRESHOLDS) ? UP_OK : UP_KEYID;
    if (!up_relaxes(profile, UP_RELAX_OPAQUE_KEYIDS)) {
        char want[UP_KEYID_TEXT];
        UP_TRY(up_key_id(object, profile, want));
        if (!up_span_eq(id, (struct up_span){(const uint8_t *)want, sizeof want})) return UP_KEYID;
    }
    struct up_key key;
    uint8_t print[8];
    enum up_err e = up_key_read(object, profile, &key);
    if (e != UP_OK && e != UP_UNSUPPORTED) return e;
    fingerprint(e == UP_OK ? (struct up_span){key.bytes, key.n} : object, print);
    set_add(set, print);
    return UP_OK;
}

enum up_err up_keyring_check(const struct up_keyring *r, const struct up_profile *profile, unsigned max_keys)
{
    struct key_set set = {0};
    struct up_json j;
    unsigned ids = 0;
    up_json_open_checked(&j, r->keyids);
    for (up_json_array(&j); up_json_item(&j);) {
        struct up_span id = up_json_string(&j);
        if (j.err != UP_OK) break;
        if (++ids > max_keys || ids > UP_KEYS_MAX) return UP_LIMIT;
        if (occurrences(r->keyids, id) != 1) return UP_KEYID;
        UP_TRY(check_key(r, id, profile, &set));
    }
    up_json_close(&j);
    UP_TRY(j.err);
    bool reachable = r->threshold <= set.n || up_relaxes(profile, UP_RELAX_UNREACHABLE_THRESHOLDS);
    return r->threshold >= 1 && reachable ? UP_OK : UP_THRESHOLD_INVALID;
}

void up_keyring_digest(const struct up_keyring *r, uint8_t digest[UP_SHA256_BYTES])
{
    struct up_hash hash;
    struct up_span last = {0};
    const uint8_t threshold[] = {(uint8_t)(r->threshold >> 24), (uint8_t)(r->threshold >> 16),
                                 (uint8_t)(r->threshold >> 8), (uint8_t)r->threshold};
    up_hash_begin(&hash, UP_SHA256);
    up_hash_add(&hash, (struct up_span){threshold, sizeof threshold});
    for (;;) { /* in the order of the ids, so that the listed order does not matter */
        struct up_json j;
        struct up_span least = {0}, object = {0};
        up_json_open_checked(&j, r->keyids);
        for (up_json_array(&j); up_json_item(&j);) {
            struct up_span id = up_json_string(&j);
            bool later = last.p == NULL || up_json_cmp(id, last) > 0;
            if (id.p != NULL && later && (least.p == NULL || up_json_cmp(id, least) < 0)) least = id;
        }
        if (least.p == NULL) break;
        (void)find(r->keys, least, &object); /* an opaque id says nothing about its key */
        up_hash_add(&hash, least);
        up_hash_add(&hash, UP_SPAN("\""));
        up_hash_add(&hash, object);
        last = least;
    }
    up_hash_end(&hash, digest);
}

bool up_keyring_same(const struct up_keyring *a, const struct up_keyring *b)
{
    uint8_t of_a[UP_SHA256_BYTES], of_b[UP_SHA256_BYTES];
    up_keyring_digest(a, of_a);
    up_keyring_digest(b, of_b);
    return memcmp(of_a, of_b, sizeof of_a) == 0;
}

/* ---- signatures ---- */

struct entry {
    struct up_span keyid, sig; /* raw strings */
};

/* The next entry of the list of signatures; false: no more, or J has failed. What else it says (a method,
 * say) decides nothing. */
static bool next_entry(struct up_json *j, struct entry *out)
{
    struct entry e = {0};
    struct up_span name;
    if (!up_json_item(j)) return false;
    for (up_json_object(j); up_json_member(j, &name);) {
        if (up_json_is(name, "keyid"))
            e.keyid = up_json_string(j);
        else if (up_json_is(name, "sig"))
            e.sig = up_json_string(j);
        else
            (void)up_json_value(j);
    }
    if (j->err == UP_OK && (e.keyid.p == NULL || e.sig.p == NULL)) up_json_fail(j, UP_SCHEMA);
    *out = e;
    return j->err == UP_OK;
}

/* The form of the whole list, before anything costly: bounded, every entry complete, no id twice. */
static enum up_err check_entries(struct up_span signatures, unsigned max)
{
    struct up_json j, before;
    struct entry e, twin;
    unsigned n = 0;
    up_json_open_checked(&j, signatures);
    for (up_json_array(&j); next_entry(&j, &e);) {
        if (++n > max) return UP_LIMIT;
        up_json_open_checked(&before, signatures);
        (void)up_json_array(&before);
        for (unsigned i = 1; i < n && next_entry(&before, &twin); i++)
            if (up_json_cmp(twin.keyid, e.keyid) == 0) return UP_SIG_DUPLICATE;
    }
    up_json_close(&j);
    return j.err;
}

static bool verify(const struct up_signed *s, const struct up_key *key, struct up_span text, bool base64)
{
    uint8_t bytes[UP_SIGNATURE_BYTES];
    long n = base64 ? up_base64_decode(text, bytes, sizeof bytes) : up_hex_decode(text, bytes, sizeof bytes);
    if (n < 0) return false;
    struct up_span signature = {bytes, (size_t)n};
    return key->scheme == UP_ED25519 ? up_verify(key, s->message, signature)
                                     : up_verify_digest(key, s->digest, signature);
}

enum up_err up_signed_verify(const struct up_signed *s, const struct up_keyring *r,
                             const struct up_profile *profile, unsigned max_signatures)
{
    if (r->threshold < 1) return UP_THRESHOLD_INVALID;
    UP_TRY(check_entries(s->signatures, max_signatures));

    struct key_set counted = {0};
    bool message_missing = false;
    struct up_json j;
    struct entry e;
    up_json_open_checked(&j, s->signatures);
    for (up_json_array(&j); counted.n < r->threshold && next_entry(&j, &e);) {
        struct up_span object;
        struct up_key key;
        uint8_t print[8];
        if (occurrences(r->keyids, e.keyid) == 0 || !find(r->keys, e.keyid, &object)) continue;
        if (up_key_read(object, profile, &key) != UP_OK) continue;
        fingerprint((struct up_span){key.bytes, key.n}, print);
        if (set_has(&counted, print)) continue;
        if (key.scheme == UP_ED25519 && s->message.p == NULL)
            message_missing = true;
        else if (verify(s, &key, e.sig, up_is_deployed(profile->dialect)))
            set_add(&counted, print);
    }
    if (counted.n >= r->threshold) return UP_OK;
    return message_missing ? UP_NOT_CANONICAL : UP_SIG_THRESHOLD;
}

#include "tests/lib_author.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "metadata/encode.h"

/* Not Check's: fuzz targets author files, too. */
static void must(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "lib_author: %.1000s\n", what);
    abort();
}

/* ---- memory that lives until the end ---- */

static void *keep(size_t n)
{
    static struct block {
        struct block *before;
    } * last;
    struct block *b = calloc(1, sizeof *b + n);
    must(b != NULL, "out of memory");
    b->before = last;
    last = b;
    return b + 1;
}

char *author_text(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = keep((size_t)n + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

char *author_with(const char *body, const char *from, const char *to)
{
    const char *at = strstr(body, from);
    must(at != NULL, from);
    return author_text("%.*s%s%s", (int)(at - body), body, to, at + strlen(from));
}

char *author_without(const char *body, const char *name)
{
    struct up_json j;
    struct up_span key;
    char *out = author_text("{");
    bool found = false;
    up_json_open(&j, up_span_of(body));
    for (up_json_object(&j); up_json_member(&j, &key);) {
        struct up_span value = up_json_value(&j);
        if (up_span_is(key, name))
            found = true;
        else
            out = author_text("%s%s\"%.*s\":%.*s", out, out[1] ? "," : "", TEXT(key), TEXT(value));
    }
    must(found && j.err == UP_OK, name);
    return author_text("%s}", out);
}

struct up_buf author_room(void)
{
    enum { ROOM = 1 << 20 };
    return (struct up_buf){.p = keep(ROOM), .cap = ROOM};
}

/* ---- keys ---- */

const struct up_signer *author_key(unsigned n)
{
    static struct up_signer key[32];
    must(n < 32, "no such key");
    if (key[n].handle == NULL) {
        uint8_t seed[32] = {'t', 'e', 's', 't', (uint8_t)n};
        must(up_signer_from_seed(n < 24 ? UP_ED25519 : UP_ECDSA_P256_SHA256, seed, &key[n]),
             "no key from a seed");
    }
    return &key[n];
}

const char *author_key_object(const struct up_profile *p, unsigned n)
{
    const struct up_key *key = &author_key(n)->key;
    char object[UP_KEY_OBJECT_MAX], hex[65] = "";
    if (p->dialect == UP_DIALECT_TUF)
        return author_text("%.*s", (int)up_key_to_json(key, object, sizeof object), object);
    must(key->scheme == UP_ED25519, "dialect A has no such key");
    for (unsigned i = 0; i < 32; i++) snprintf(hex + 2 * i, 3, "%02X", key->bytes[i]);
    return author_text("{\"keytype\":\"ED25519\",\"keyval\":{\"public\":\"%s\"}}", hex);
}

const char *author_keyid(const struct up_profile *p, unsigned n)
{
    char id[UP_KEYID_TEXT];
    must(up_key_id(up_span_of(author_key_object(p, n)), p, id) == UP_OK, "no key id");
    return author_text("%.*s", UP_KEYID_TEXT, id);
}

char *author_keys(const struct up_profile *p, uint32_t keys)
{
    char *out = author_text("{");
    for (unsigned n = 0; n < 32; n++)
        if (keys & KEY(n))
            out = author_text("%s%s\"%s\":%s", out, out[1] ? "," : "", author_keyid(p, n),
                              author_key_object(p, n));
    return author_text("%s}", out);
}

char *author_keyids(const struct up_profile *p, uint32_t keys)
{
    char *out = author_text("[");
    for (unsigned n = 0; n < 32; n++)
        if (keys & KEY(n)) out = author_text("%s%s\"%s\"", out, out[1] ? "," : "", author_keyid(p, n));
    return author_text("%s]", out);
}

/* ---- files ---- */

char *author_sorted(const struct up_profile *p, const char *body)
{
    struct up_span text = up_span_of(body), sorted;
    struct up_buf room = {.p = keep(8 * text.n), .cap = 8 * text.n};
    enum up_err e = up_canon_sort(text, p->dialect, &room, &sorted);
    must(e == UP_OK, body);
    return author_text("%.*s", TEXT(sorted));
}

char *author_entry(const struct up_profile *p, unsigned key, const char *sorted)
{
    uint8_t sig[UP_SIGNATURE_BYTES];
    char out[2 * UP_SIGNATURE_BYTES];
    struct up_span body = up_span_of(sorted), message;
    struct up_buf room = {.p = keep(8 * body.n), .cap = 8 * body.n};
    must(up_canon_write(body, p->dialect, &room, &message) == UP_OK, sorted);
    size_t n = up_sign(author_key(key), message, sig), chars = 2 * n;
    must(n != 0, "signing failed");
    if (p->dialect == UP_DIALECT_TUF) {
        up_hex_encode(sig, n, out);
        return author_text("{\"keyid\":\"%s\",\"sig\":\"%.*s\"}", author_keyid(p, key), (int)chars, out);
    }
    chars = up_base64_encode(sig, n, out);
    return author_text("{\"keyid\":\"%s\",\"method\":\"ed25519\",\"sig\":\"%.*s\"}", author_keyid(p, key),
                       (int)chars, out);
}

struct up_span author_envelope(const char *entries, const char *body)
{
    return up_span_of(author_text("{\"signatures\":[%s],\"signed\":%s}", entries, body));
}

static char *sign_sorted(const struct up_profile *p, uint32_t keys, const char *sorted)
{
    char *entries = author_text("%s", "");
    for (unsigned n = 0; n < 32; n++)
        if (keys & KEY(n))
            entries = author_text("%s%s%s", entries, entries[0] ? "," : "", author_entry(p, n, sorted));
    return entries;
}

struct up_span author_sign(const struct up_profile *p, uint32_t keys, const char *body)
{
    char *sorted = author_sorted(p, body);
    return author_envelope(sign_sorted(p, keys, sorted), sorted);
}

struct up_span author_sign_unsorted(const struct up_profile *p, uint32_t keys, const char *body)
{
    return author_envelope(sign_sorted(p, keys, author_sorted(p, body)), body);
}

struct up_span author_sign_into(const struct up_profile *p, unsigned key, struct up_span body,
                                struct up_writer *w)
{
    static uint8_t space[1 << 20];
    static const char *keyid[2][32];
    const bool tuf = p->dialect == UP_DIALECT_TUF;
    struct up_buf room = {.p = space, .cap = sizeof space};
    struct up_span sorted, message;
    uint8_t sig[UP_SIGNATURE_BYTES];
    char base64[2 * UP_SIGNATURE_BYTES];
    if (keyid[tuf][key] == NULL) keyid[tuf][key] = author_keyid(p, key);
    if (up_canon_sort(body, p->dialect, &room, &sorted) != UP_OK ||
        up_canon_write(sorted, p->dialect, &room, &message) != UP_OK)
        return (struct up_span){0};
    size_t n = up_sign(author_key(key), message, sig);
    up_write(w, "{\"signatures\":[{\"keyid\":");
    up_write_string(w, up_span_of(keyid[tuf][key]));
    up_write(w, ",\"sig\":");
    if (tuf)
        up_write_hex(w, sig, n);
    else
        up_write_string(w, (struct up_span){(uint8_t *)base64, up_base64_encode(sig, n, base64)});
    up_write(w, "}],\"signed\":");
    up_write_span(w, sorted);
    up_write(w, "}");
    return w->full ? (struct up_span){0} : up_written(w);
}

/* ---- roles ---- */

struct author author_of(const struct up_profile *p, const char *vehicle)
{
    struct author a = {.profile = p, .vehicle = vehicle, .expires = AUTHOR_EXPIRES};
    for (unsigned r = UP_ROOT; r < UP_ROLES; r++) a.ring[r] = (struct author_ring){KEY(r), 1};
    return a;
}

struct up_span author_file(const struct author *a, enum up_role role, const char *body)
{
    return author_sign(a->profile, a->signers[role] ? a->signers[role] : a->ring[role].keys, body);
}

/* The members that every role has, each followed by a comma. */
static char *head(const struct author *a, enum up_role role, unsigned version)
{
    static const char *const deployed[] = {"Root", "Timestamp", "Snapshot", "Targets"};
    bool tuf = a->profile->dialect == UP_DIALECT_TUF;
    const char *vehicle = a->vehicle ? author_text("\"custom\":{\"vehicleId\":\"%s\"},", a->vehicle) : "";
    return author_text("\"_type\":\"%s\",%s\"expires\":\"%s\",%s\"version\":%u,",
                       tuf ? up_role_name(role) : deployed[role], vehicle, a->expires,
                       tuf ? "\"spec_version\":\"1.0.31\"," : "", version);
}

char *author_root_body(const struct author *a, unsigned version)
{
    uint32_t keys = 0;
    char *roles = author_text("%s", "");
    for (unsigned r = UP_ROOT; r < UP_ROLES; r++) {
        const struct author_ring *ring = &a->ring[r];
        if (ring->keys == 0) continue;
        keys |= ring->keys;
        roles = author_text("%s%s\"%s\":{\"keyids\":%s,\"threshold\":%u}", roles, roles[0] ? "," : "",
                            up_role_name(r), author_keyids(a->profile, ring->keys), ring->threshold);
    }
    return author_text("{%s%s\"keys\":%s,\"roles\":{%s}}", head(a, UP_ROOT, version),
                       a->profile->dialect == UP_DIALECT_TUF ? "\"consistent_snapshot\":true," : "",
                       author_keys(a->profile, keys), roles);
}

struct up_span author_root(const struct author *a, unsigned version)
{
    return author_file(a, UP_ROOT, author_root_body(a, version));
}

static char *named(unsigned version, struct up_span file)
{
    uint8_t digest[UP_SHA256_BYTES];
    char hex[2 * UP_SHA256_BYTES];
    up_sha256(file, digest);
    up_hex_encode(digest, sizeof digest, hex);
    return author_text("{\"hashes\":{\"sha256\":\"%.*s\"},\"length\":%zu,\"version\":%u}", (int)sizeof hex,
                       hex, file.n, version);
}

char *author_timestamp_body(const struct author *a, unsigned version, struct up_span snapshot, unsigned n)
{
    return author_text("{%s\"meta\":{\"snapshot.json\":%s}}", head(a, UP_TIMESTAMP, version),
                       named(n, snapshot));
}

struct up_span author_timestamp(const struct author *a, unsigned version, struct up_span snapshot, unsigned n)
{
    return author_file(a, UP_TIMESTAMP, author_timestamp_body(a, version, snapshot, n));
}

char *author_snapshot_body(const struct author *a, unsigned version, const char *meta)
{
    return author_text("{%s\"meta\":{%s}}", head(a, UP_SNAPSHOT, version), meta);
}

struct up_span author_snapshot(const struct author *a, unsigned version, const char *meta)
{
    return author_file(a, UP_SNAPSHOT, author_snapshot_body(a, version, meta));
}

char *author_meta(const char *role, unsigned version)
{
    return author_text("\"%s.json\":{\"version\":%u}", role, version);
}

char *author_meta_bound(const char *role, unsigned version, struct up_span file)
{
    return author_text("\"%s.json\":%s", role, named(version, file));
}

char *author_targets_body(const struct author *a, unsigned version, const char *images, const char *extra)
{
    return author_text("{%s%s\"targets\":{%s}}", head(a, UP_TARGETS, version), extra, images);
}

struct up_span author_targets(const struct author *a, unsigned version, const char *images)
{
    return author_file(a, UP_TARGETS, author_targets_body(a, version, images, ""));
}

static char *content(const char *name, unsigned counter)
{
    const char *bytes = author_text("%s %u", name, counter);
    uint8_t digest[UP_SHA256_BYTES];
    char hex[2 * UP_SHA256_BYTES];
    up_sha256(up_span_of(bytes), digest);
    up_hex_encode(digest, sizeof digest, hex);
    return author_text("\"hashes\":{\"sha256\":\"%.*s\"},\"length\":%zu", (int)sizeof hex, hex,
                       strlen(bytes));
}

char *author_image(const char *name, const char *hardware, unsigned counter)
{
    return author_text("\"%s\":{\"custom\":{\"hardwareIds\":[\"%s\"],\"releaseCounter\":%u},%s}", name,
                       hardware, counter, content(name, counter));
}

char *author_order(const char *name, const char *serial, const char *hardware, unsigned counter)
{
    return author_text("\"%s\":{\"custom\":{\"ecuIdentifiers\":{\"%s\":{\"hardwareId\":\"%s\"}},"
                       "\"hardwareIds\":[\"%s\"],\"releaseCounter\":%u},%s}",
                       name, serial, hardware, hardware, counter, content(name, counter));
}

char *author_delegation(const struct author *a, const char *name, struct author_ring ring, const char *path,
                        const char *extra)
{
    return author_text("{\"name\":\"%s\",\"keyids\":%s,\"threshold\":%u,%s\"paths\":[\"%s\"]}", name,
                       author_keyids(a->profile, ring.keys), ring.threshold, extra, path);
}

char *author_delegations(const struct author *a, uint32_t keys, const char *list)
{
    return author_text("\"delegations\":{\"keys\":%s,\"roles\":[%s]},", author_keys(a->profile, keys), list);
}

/* ---- a server of files ---- */

void shelf_put(struct shelf *s, const char *name, struct up_span file)
{
    shelf_drop(s, name);
    must(s->n < SHELF_MAX, "the shelf is full");
    snprintf(s->item[s->n].name, sizeof s->item->name, "%s", name);
    s->item[s->n++].file = file;
}

void shelf_drop(struct shelf *s, const char *name)
{
    for (unsigned i = 0; i < s->n; i++)
        if (strcmp(s->item[i].name, name) == 0) s->item[i] = s->item[--s->n];
}

struct up_span shelf_get(struct shelf *s, const char *name)
{
    size_t used = strlen(s->log);
    s->requests++;
    snprintf(s->log + used, sizeof s->log - used, "%s ", name);
    for (unsigned i = 0; i < s->n; i++)
        if (strcmp(s->item[i].name, name) == 0) return s->item[i].file;
    return (struct up_span){0};
}

enum up_err shelf_walk(struct shelf *s, struct up_trust *t, int64_t now_s)
{
    struct up_want w;
    struct up_trust work = *t, next;
    up_trust_begin(&work);
    while (up_trust_want(&work, &w)) {
        char name[UP_FILE_NAME_MAX];
        up_file_name(t->policy->profile, up_span_of(up_role_name(w.role)), w.version, name);
        struct up_span file = shelf_get(s, name);
        struct up_buf room = author_room();
        if (file.p == NULL)
            UP_TRY(up_trust_absent(&work, now_s, &next));
        else
            UP_TRY(up_trust_feed(&work, file, &room, now_s, &next));
        work = next;
        if (file.p != NULL && (w.role == UP_ROOT || t->policy->repo == UP_IMAGE)) *t = work;
    }
    *t = work;
    return UP_OK;
}

enum up_err shelf_search(struct shelf *s, struct up_search *search, int64_t now_s, struct up_target *target)
{
    struct up_span role;
    struct up_want w;
    while (up_search_needs(search, &role, &w)) {
        char name[UP_FILE_NAME_MAX];
        up_file_name(search->trust->policy->profile, role, w.version, name);
        struct up_span file = shelf_get(s, name);
        struct up_buf room = author_room();
        if (file.p == NULL)
            up_search_absent(search);
        else
            up_search_feed(search, file, &room, now_s);
    }
    return up_search_verdict(search, target, &role);
}

struct up_span shelf_publish(struct shelf *s, const struct author *a, unsigned version,
                             struct up_span targets, unsigned targets_version, const char *more_meta)
{
    const char *meta = author_meta_bound("targets", targets_version, targets);
    if (*more_meta) meta = author_text("%s,%s", meta, more_meta);
    struct up_span snapshot = author_snapshot(a, version, meta);
    bool plain = (a->profile->relax & UP_RELAX_UNVERSIONED_NAMES) != 0;
    shelf_put(s, plain ? "targets.json" : author_text("%u.targets.json", targets_version), targets);
    shelf_put(s, plain ? "snapshot.json" : author_text("%u.snapshot.json", version), snapshot);
    shelf_put(s, "timestamp.json", author_timestamp(a, version, snapshot, version));
    return author_root(a, 1);
}

/* Bytes as the `signed` body of a role. What the reader takes out of it can be written down and reads the
 * same again; and it is what cJSON finds there. The first byte chooses role and profile. */
#include <cjson/cJSON.h>

#include "metadata/canon.h"
#include "metadata/delegation.h"
#include "metadata/encode.h"
#include "tests/fuzz.h"

static uint8_t written[1 << 20];

/* ---- writing what was read ---- */

static void write_raw(struct up_writer *w, struct up_span raw) /* a string as it stands in JSON */
{
    up_write(w, "\"");
    up_write_span(w, raw);
    up_write(w, "\"");
}

static void write_head(struct up_writer *w, const struct up_profile *p, enum up_role role,
                       const struct up_head *h, struct up_span correlation)
{
    char expires[UP_TIME_TEXT];
    up_time_encode(h->expires_s, expires);
    up_write(w, "{\"_type\":\"");
    up_write(w, up_role_name(role));
    up_write(w, "\",\"custom\":{");
    if (correlation.p != NULL) {
        up_write(w, "\"correlationId\":");
        write_raw(w, correlation);
    }
    if (h->vehicle_id.p != NULL) {
        up_write(w, correlation.p != NULL ? ",\"vehicleId\":" : "\"vehicleId\":");
        write_raw(w, h->vehicle_id);
    }
    up_write(w, "},\"expires\":");
    write_raw(w, (struct up_span){(const uint8_t *)expires, sizeof expires});
    if (p->dialect == UP_DIALECT_TUF) up_write(w, ",\"spec_version\":\"1.0\"");
    up_write(w, ",\"version\":");
    up_write_int(w, h->version);
}

static void write_hashes(struct up_writer *w, const struct up_hashes *h)
{
    up_write(w, "\"hashes\":{");
    if (h->has_sha256) {
        up_write(w, "\"sha256\":");
        up_write_hex(w, h->sha256, sizeof h->sha256);
    }
    if (h->has_sha512) {
        up_write(w, h->has_sha256 ? ",\"sha512\":" : "\"sha512\":");
        up_write_hex(w, h->sha512, sizeof h->sha512);
    }
    up_write(w, "},");
}

static void write_named(struct up_writer *w, const struct up_named *n)
{
    up_write(w, "{");
    if (n->hashes.has_sha256 || n->hashes.has_sha512) write_hashes(w, &n->hashes);
    if (n->has_length) {
        up_write(w, "\"length\":");
        up_write_int(w, n->length);
        up_write(w, ",");
    }
    up_write(w, "\"version\":");
    up_write_int(w, n->version);
    up_write(w, "}");
}

static void write_ring(struct up_writer *w, const struct up_keyring *r)
{
    up_write(w, "\"keyids\":");
    up_write_span(w, r->keyids);
    up_write(w, ",\"threshold\":");
    up_write_int(w, r->threshold);
}

/* ---- the same again ---- */

static void same_head(const struct up_head *a, const struct up_head *b)
{
    must(a->version == b->version && a->expires_s == b->expires_s, "version or expiry");
    must((a->vehicle_id.p == NULL) == (b->vehicle_id.p == NULL) && up_span_eq(a->vehicle_id, b->vehicle_id),
         "vehicle");
}

static void same_named(const struct up_named *a, const struct up_named *b)
{
    must(a->version == b->version && a->has_length == b->has_length && a->length == b->length, "numbers");
    must(up_hashes_equal(&a->hashes, &b->hashes), "hashes");
}

static void same_ring(const struct up_keyring *a, const struct up_keyring *b)
{
    uint8_t digest_a[UP_SHA256_BYTES], digest_b[UP_SHA256_BYTES];
    up_keyring_digest(a, digest_a);
    up_keyring_digest(b, digest_b);
    must(up_keyring_same(a, b) && a->threshold == b->threshold, "key rings");
    must(memcmp(digest_a, digest_b, sizeof digest_a) == 0, "digests of key rings");
}

/* cJSON's reading of the number NAME in OBJECT. */
static bool number_is(const cJSON *object, const char *name, double n)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) && item->valuedouble == n;
}

static const cJSON *child(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* ---- roles ---- */

static void root(struct up_span body, const struct up_profile *p, const cJSON *theirs)
{
    struct up_root a, b;
    struct up_writer w = {.p = written, .cap = sizeof written};
    if (up_root_read(body, p, &up_limits_primary, &a) != UP_OK) return;
    must(number_is(theirs, "version", a.head.version), "cJSON's version");
    write_head(&w, p, UP_ROOT, &a.head, (struct up_span){0});
    up_write(&w, ",\"consistent_snapshot\":true,\"keys\":");
    up_write_span(&w, a.ring[UP_ROOT].keys);
    up_write(&w, ",\"roles\":{");
    for (enum up_role r = UP_ROOT; r < UP_ROLES; r++) {
        if (a.ring[r].keys.p == NULL) continue;
        must(number_is(child(child(theirs, "roles"), up_role_name(r)), "threshold", a.ring[r].threshold),
             "cJSON's threshold");
        must(a.ring[r].threshold >= 1 && a.ring[r].threshold <= up_limits_primary.keys_per_role, "threshold");
        up_write(&w, r == UP_ROOT ? "\"" : ",\"");
        up_write(&w, up_role_name(r));
        up_write(&w, "\":{");
        write_ring(&w, &a.ring[r]);
        up_write(&w, "}");
    }
    up_write(&w, "}}");
    must(up_root_read(up_written(&w), p, &up_limits_primary, &b) == UP_OK, "our own Root");
    same_head(&a.head, &b.head);
    for (enum up_role r = UP_ROOT; r < UP_ROLES; r++) {
        must((a.ring[r].keys.p == NULL) == (b.ring[r].keys.p == NULL), "another set of roles");
        if (a.ring[r].keys.p != NULL) same_ring(&a.ring[r], &b.ring[r]);
    }
}

static void timestamp(struct up_span body, const struct up_profile *p, const cJSON *theirs)
{
    struct up_head a, b;
    struct up_named snapshot, again;
    struct up_writer w = {.p = written, .cap = sizeof written};
    if (up_timestamp_read(body, p, &a, &snapshot) != UP_OK) return;
    must(number_is(theirs, "version", a.version), "cJSON's version");
    must(number_is(child(child(theirs, "meta"), "snapshot.json"), "version", snapshot.version),
         "cJSON's Snapshot");
    write_head(&w, p, UP_TIMESTAMP, &a, (struct up_span){0});
    up_write(&w, ",\"meta\":{\"snapshot.json\":");
    write_named(&w, &snapshot);
    up_write(&w, "}}");
    must(up_timestamp_read(up_written(&w), p, &b, &again) == UP_OK, "our own Timestamp");
    same_head(&a, &b);
    same_named(&snapshot, &again);
}

/* Steps through the metadata files of a Snapshot that was read. */
static bool next_role(struct up_json *j, struct up_span *role)
{
    if (!up_json_member(j, role)) return false;
    (void)up_json_value(j);
    role->n -= strlen(".json");
    return true;
}

static void snapshot(struct up_span body, const struct up_profile *p, const cJSON *theirs)
{
    struct up_head a, b;
    struct up_named named, again;
    struct up_span meta, role;
    struct up_json j;
    struct up_writer w = {.p = written, .cap = sizeof written};
    int n = 0;
    if (up_snapshot_read(body, p, &a) != UP_OK) return;
    must(number_is(theirs, "version", a.version), "cJSON's version");
    must(up_json_find(body, "meta", &meta), "no list");
    write_head(&w, p, UP_SNAPSHOT, &a, (struct up_span){0});
    up_write(&w, ",\"meta\":{");
    up_json_open(&j, meta);
    bool first = true;
    for (up_json_object(&j); next_role(&j, &role); n++) {
        enum up_err e = up_snapshot_find(body, role, &named);
        must((e == UP_OK) == !up_json_is(role, "root"), "a listed role is not found");
        if (e != UP_OK) continue;
        must(named.version >= 1, "version 0");
        up_write(&w, first ? "\"" : ",\"");
        first = false;
        up_write_span(&w, role);
        up_write(&w, ".json\":");
        write_named(&w, &named);
    }
    up_write(&w, "}}");
    must(n == cJSON_GetArraySize(child(theirs, "meta")), "cJSON's list");
    must(up_snapshot_read(up_written(&w), p, &b) == UP_OK, "our own Snapshot");
    same_head(&a, &b);
    must(up_snapshot_follows(body, up_written(&w), true) == UP_OK, "the same does not follow");
    must(up_snapshot_follows(up_written(&w), body, true) == UP_OK, "the same does not follow");
    must(up_snapshot_find(body, UP_SPAN("no such role"), &named) == UP_NOT_IN_SNAPSHOT, "found");
    up_json_open(&j, meta);
    for (up_json_object(&j); next_role(&j, &role);) {
        if (up_snapshot_find(body, role, &named) != UP_OK) continue;
        must(up_snapshot_find(up_written(&w), role, &again) == UP_OK, "lost a role");
        same_named(&named, &again);
    }
}

static void write_image(struct up_writer *w, const struct up_target *t)
{
    const struct {
        const char *name;
        struct up_span text;
        bool string;
    } part[] = {{"bundle", t->bundle, true},
                {"ecuIdentifiers", t->ecus, false},
                {"hardwareIds", t->hardware_ids, false},
                {"uri", t->uri, true},
                {"version", t->version, true}};
    write_raw(w, t->name);
    up_write(w, ":{\"custom\":{\"-\":0");
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        if (part[i].text.p == NULL) continue;
        up_write(w, ",\"");
        up_write(w, part[i].name);
        up_write(w, "\":");
        if (part[i].string)
            write_raw(w, part[i].text);
        else
            up_write_span(w, part[i].text);
    }
    if (t->has_release_counter) {
        up_write(w, ",\"releaseCounter\":");
        up_write_int(w, t->release_counter);
    }
    up_write(w, "},");
    write_hashes(w, &t->hashes);
    up_write(w, "\"length\":");
    up_write_int(w, (int64_t)t->length);
    up_write(w, "}");
}

static void same_image(const struct up_target *a, const struct up_target *b)
{
    must(up_span_eq(a->name, b->name) && up_target_agrees(a, b) && up_target_agrees(b, a), "images");
    must(up_span_eq(a->ecus, b->ecus) && up_span_eq(a->bundle, b->bundle), "orders");
    must(up_span_eq(a->version, b->version) && up_span_eq(a->uri, b->uri), "texts of images");
}

static void write_list(struct up_writer *w, const char *name, struct up_span list)
{
    if (list.p == NULL) return;
    up_write(w, ",\"");
    up_write(w, name);
    up_write(w, "\":");
    up_write_span(w, list);
}

static void write_delegation(struct up_writer *w, const struct up_delegation *d)
{
    up_write(w, d->terminating ? "{\"terminating\":true" : "{\"terminating\":false");
    if (d->name.p != NULL) {
        up_write(w, ",\"name\":");
        write_raw(w, d->name);
        up_write(w, ",");
        write_ring(w, &d->ring);
    } else {
        write_list(w, "roles", d->roles);
        up_write(w, ",\"min_roles_in_agreement\":");
        up_write_int(w, d->agreement);
    }
    write_list(w, "paths", d->paths);
    write_list(w, "path_hash_prefixes", d->prefixes);
    write_list(w, "hardwareIds", d->hardware_ids);
    up_write(w, "}");
}

static void same_delegation(const struct up_delegation *a, const struct up_delegation *b)
{
    struct up_span name, other;
    struct up_keyring ring, other_ring;
    must(up_span_eq(a->name, b->name) && a->terminating == b->terminating, "delegations");
    must(up_span_eq(a->paths, b->paths) && up_span_eq(a->prefixes, b->prefixes) &&
             up_span_eq(a->hardware_ids, b->hardware_ids),
         "what is delegated");
    must(up_delegation_applies(a, UP_SPAN("fw/x"), UP_SPAN("hw")) ==
             up_delegation_applies(b, UP_SPAN("fw/x"), UP_SPAN("hw")),
         "to whom");
    if (a->name.p != NULL) {
        same_ring(&a->ring, &b->ring);
        return;
    }
    must(a->agreement == b->agreement, "agreement");
    unsigned i = 0;
    for (; up_delegation_role(a, i, &name, &ring); i++) {
        must(up_delegation_role(b, i, &other, &other_ring) && up_span_eq(name, other), "roles");
        same_ring(&ring, &other_ring);
    }
    must(i >= a->agreement && !up_delegation_role(b, i, &other, &other_ring), "roles to agree");
}

static void write_delegations(struct up_writer *w, struct up_span delegations, const cJSON *theirs)
{
    struct up_delegation d;
    struct up_span keys;
    int n = 0;
    must(up_json_find(delegations, "keys", &keys), "no keys");
    up_write(w, ",\"delegations\":{\"keys\":");
    up_write_span(w, keys);
    up_write(w, ",\"roles\":[");
    for (; up_delegation_get(delegations, (unsigned)n, &d); n++) {
        if (n > 0) up_write(w, ",");
        write_delegation(w, &d);
    }
    up_write(w, "]}");
    must(n == cJSON_GetArraySize(child(child(theirs, "delegations"), "roles")), "cJSON's delegations");
}

static void targets(struct up_span body, const struct up_profile *p, const cJSON *theirs)
{
    struct up_targets a, b;
    struct up_target_walk walk, other;
    struct up_target image, again;
    struct up_delegation d, e;
    struct up_writer w = {.p = written, .cap = sizeof written};
    int n = 0;
    if (up_targets_read(body, p, &a) != UP_OK) return;
    must(number_is(theirs, "version", a.head.version), "cJSON's version");
    write_head(&w, p, UP_TARGETS, &a.head, a.correlation_id);
    up_write(&w, ",\"targets\":{");
    for (up_targets_open(&walk, &a, p); up_targets_next(&walk, &image); n++) {
        const enum up_err found = up_targets_find(&a, image.name, p, &again);
        must(found == (up_hashes_any(&image.hashes) ? UP_OK : UP_UNSUPPORTED), "a listed image is not found");
        if (found == UP_OK) same_image(&image, &again);
        must(up_target_read(image.name, image.text, p, &again) == UP_OK, "not from its text");
        same_image(&image, &again);
        if (n > 0) up_write(&w, ",");
        write_image(&w, &image);
    }
    must(walk.err == UP_OK, "the walk ends early");
    must(n == cJSON_GetArraySize(child(theirs, "targets")), "cJSON's images");
    up_write(&w, "}");
    if (a.delegations.p != NULL) write_delegations(&w, a.delegations, theirs);
    up_write(&w, "}");

    must(up_targets_read(up_written(&w), p, &b) == UP_OK, "our own Targets");
    same_head(&a.head, &b.head);
    must(up_span_eq(a.correlation_id, b.correlation_id), "correlation");
    up_targets_open(&walk, &a, p);
    up_targets_open(&other, &b, p);
    while (up_targets_next(&walk, &image)) {
        must(up_targets_next(&other, &again), "lost an image");
        same_image(&image, &again);
    }
    must(!up_targets_next(&other, &again), "one image more");
    for (unsigned i = 0; a.delegations.p != NULL && up_delegation_get(a.delegations, i, &d); i++) {
        must(up_delegation_get(b.delegations, i, &e), "lost a delegation");
        same_delegation(&d, &e);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t space[1 << 18];
    static const struct up_profile *const profiles[] = {&up_profile_strict, &up_profile_deployed,
                                                        &up_profile_tuf, &up_profile_strict};
    static void (*const roles[])(struct up_span, const struct up_profile *,
                                 const cJSON *) = {root, timestamp, snapshot, targets};
    if (size == 0 || size > 30000) return 0;
    const struct up_profile *p = profiles[data[0] >> 2 & 3];
    struct up_span body;
    struct up_buf room = {.p = space, .cap = sizeof space};
    if (up_canon_sort((struct up_span){data + 1, size - 1}, p->dialect, &room, &body) != UP_OK) return 0;
    for (size_t i = 0; i + 6 <= body.n; i++)
        if (memcmp(body.p + i, "\\u0000", 6) == 0) return 0; /* ends cJSON's strings */
    cJSON *theirs = cJSON_ParseWithLength((const char *)body.p, body.n);
    must(theirs != NULL, "cJSON refuses it");
    roles[data[0] & 3](body, p, theirs);
    cJSON_Delete(theirs);
    return 0;
}

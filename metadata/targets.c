/* Targets: images, and who else may speak for some of them. */
#include "metadata/delegation.h"
#include "metadata/encode.h"
#include "metadata/role_read.h"

/* {SERIAL: {"hardwareId": ID}}, of at least one ECU; its text. */
static struct up_span read_ecus(struct up_json *j)
{
    const uint8_t *start = j->p;
    struct up_span serial, key;
    unsigned n = 0;
    for (up_json_object(j); up_json_member(j, &serial); n++) {
        bool hardware = false;
        if (!up_is_id(serial)) up_json_fail(j, UP_STRING);
        for (up_json_object(j); up_json_member(j, &key);) {
            if (up_json_is(key, "hardwareId")) {
                hardware = true;
                (void)up_hardware_id_read(j);
            } else {
                (void)up_json_value(j);
            }
        }
        if (!hardware) up_json_fail(j, UP_SCHEMA);
    }
    if (n == 0) up_json_fail(j, UP_SCHEMA);
    return (struct up_span){start, (size_t)(j->p - start)};
}

static void read_release_counter(struct up_json *j, struct up_target *t)
{
    int64_t n = up_json_int(j, 0, INT64_MAX);
    if (n > UP_COUNTER_MAX) up_json_fail(j, UP_LIMIT);
    t->has_release_counter = true;
    t->release_counter = (uint32_t)n;
}

static void read_custom(struct up_json *j, struct up_target *t)
{
    struct up_span key;
    for (up_json_object(j); up_json_member(j, &key);) {
        if (up_json_is(key, "hardwareIds"))
            t->hardware_ids = up_hardware_ids_read(j);
        else if (up_json_is(key, "releaseCounter"))
            read_release_counter(j, t);
        else if (up_json_is(key, "ecuIdentifiers"))
            t->ecus = read_ecus(j);
        else if (up_json_is(key, "bundle"))
            t->bundle = up_id_read(j);
        else if (up_json_is(key, "uri"))
            t->uri = up_json_string(j);
        else if (up_json_is(key, "version") && up_json_at_string(j)) /* `deployed` has numbers here */
            t->version = up_json_string(j);
        else
            (void)up_json_value(j);
    }
}

/* What both repositories must say of an image (5.2.3.1.1), unless the profile knows backends that do not. */
static bool is_complete(const struct up_target *t, const struct up_profile *p)
{
    if (up_is_plain_tuf(p)) return true;
    if (!up_hashes_any(&t->hashes)) return false;
    bool hardware_by_ecu = up_is_deployed(p->dialect) && t->ecus.p != NULL;
    bool no_counter = up_relaxes(p, UP_RELAX_NO_RELEASE_COUNTER);
    return (t->hardware_ids.p != NULL || hardware_by_ecu) && (t->has_release_counter || no_counter);
}

static void read_target(struct up_json *j, const struct up_profile *p, struct up_span name,
                        struct up_target *out)
{
    struct up_target t = {.name = name};
    struct up_span key;
    bool length = false, hashes = false;
    const uint8_t *start = j->p;
    if (!up_is_role_name(p, name)) up_json_fail(j, UP_STRING);
    for (up_json_object(j); up_json_member(j, &key);) {
        if (up_json_is(key, "length")) {
            length = true;
            t.length = (uint64_t)up_json_int(j, 0, INT64_MAX);
        } else if (up_json_is(key, "hashes")) {
            hashes = true;
            up_hashes_read(j, up_is_deployed(p->dialect), &t.hashes);
        } else if (up_json_is(key, "custom") && !up_is_plain_tuf(p)) {
            read_custom(j, &t);
        } else {
            (void)up_json_value(j);
        }
    }
    if (!length || !hashes || !is_complete(&t, p)) up_json_fail(j, UP_SCHEMA);
    t.text = (struct up_span){start, (size_t)(j->p - start)};
    *out = t;
}

void up_targets_open(struct up_target_walk *w, const struct up_targets *t, const struct up_profile *p)
{
    up_json_open_checked(&w->json, t->targets);
    up_json_object(&w->json);
    w->profile = p;
    w->err = w->json.err;
}

bool up_targets_next(struct up_target_walk *w, struct up_target *out)
{
    struct up_span name;
    bool more = up_json_member(&w->json, &name);
    if (more) read_target(&w->json, w->profile, name, out);
    w->err = w->json.err;
    return more && w->err == UP_OK;
}

enum up_err up_targets_read(struct up_span body, const struct up_profile *p, struct up_targets *out)
{
    struct up_head_reader h = {.role = UP_TARGETS, .profile = p};
    struct up_targets targets = {0};
    struct up_span key;
    struct up_json j;
    up_json_open_checked(&j, body);
    for (up_json_object(&j); up_json_member(&j, &key);) {
        if (up_head_member(&h, &j, key)) continue;
        if (up_json_is(key, "targets"))
            targets.targets = up_json_value(&j);
        else if (up_json_is(key, "delegations"))
            targets.delegations = up_json_value(&j);
        else
            (void)up_json_value(&j);
    }
    up_head_end(&h, &j);
    if (j.err != UP_OK) return j.err;
    if (targets.targets.p == NULL) return UP_SCHEMA;

    struct up_target_walk walk;
    struct up_target image;
    up_targets_open(&walk, &targets, p);
    while (up_targets_next(&walk, &image)) continue;
    UP_TRY(walk.err);
    if (UP_FULL && targets.delegations.p != NULL) UP_TRY(up_delegations_check(targets.delegations, p));

    targets.head = h.head;
    targets.correlation_id = h.correlation_id;
    *out = targets;
    return UP_OK;
}

enum up_err up_targets_find(const struct up_targets *t, struct up_span name, const struct up_profile *p,
                            struct up_target *out)
{
    struct up_json j;
    struct up_span key;
    up_json_open_checked(&j, t->targets);
    for (up_json_object(&j); up_json_member(&j, &key);) {
        if (up_json_cmp(key, name) != 0) {
            (void)up_json_value(&j);
            continue;
        }
        struct up_target found;
        read_target(&j, p, key, &found);
        if (j.err != UP_OK) return j.err;
        if (!up_hashes_any(&found.hashes))
            return UP_UNSUPPORTED; /* plain TUF: nothing would prove its bytes */
        *out = found;
        return UP_OK;
    }
    return j.err != UP_OK ? j.err : UP_TARGET_NOT_FOUND;
}

enum up_err up_target_read(struct up_span name, struct up_span text, const struct up_profile *p,
                           struct up_target *out)
{
    struct up_json j;
    up_json_open_checked(&j, text);
    read_target(&j, p, name, out);
    return j.err;
}

/* Every string of the array A is in the array B. */
static bool is_subset(struct up_span a, struct up_span b)
{
    struct up_json j;
    up_json_open_checked(&j, a);
    for (up_json_array(&j); up_json_item(&j);)
        if (!up_items_hold(b, up_json_string(&j))) return false;
    return true; /* an absent list is an empty one */
}

bool up_target_agrees(const struct up_target *a, const struct up_target *b)
{
    return a->length == b->length && up_hashes_equal(&a->hashes, &b->hashes) &&
           is_subset(a->hardware_ids, b->hardware_ids) && is_subset(b->hardware_ids, a->hardware_ids) &&
           a->has_release_counter == b->has_release_counter && a->release_counter == b->release_counter;
}

bool up_target_names_ecu(const struct up_target *t, struct up_span serial, struct up_span *hardware_id)
{
    struct up_json j;
    struct up_span key;
    up_json_open_checked(&j, t->ecus);
    for (up_json_object(&j); up_json_member(&j, &key);) {
        struct up_span about = up_json_value(&j), id;
        if (!up_span_eq(key, serial) || !up_json_find_checked(about, "hardwareId", &id) || id.n < 2) continue;
        *hardware_id = (struct up_span){id.p + 1, id.n - 2}; /* within its quotes */
        return true;
    }
    return false;
}

bool up_target_fits_hardware(const struct up_target *t, struct up_span hardware_id)
{
    return up_items_hold(t->hardware_ids, hardware_id);
}

bool up_hashes_equal(const struct up_hashes *a, const struct up_hashes *b)
{
    return a->has_sha256 == b->has_sha256 && a->has_sha512 == b->has_sha512 &&
           (!a->has_sha256 || memcmp(a->sha256, b->sha256, UP_SHA256_BYTES) == 0) &&
           (!a->has_sha512 || memcmp(a->sha512, b->sha512, UP_SHA512_BYTES) == 0);
}

bool up_hashes_match(const struct up_hashes *h, struct up_span file)
{
    struct up_hashes is = {.has_sha256 = h->has_sha256, .has_sha512 = h->has_sha512};
    if (is.has_sha256) up_sha256(file, is.sha256);
    if (is.has_sha512) {
        struct up_hash sha512;
        up_hash_begin(&sha512, UP_SHA512);
        up_hash_add(&sha512, file);
        up_hash_end(&sha512, is.sha512);
    }
    return up_hashes_equal(h, &is);
}

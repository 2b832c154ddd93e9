#include "metadata/delegation.h"

#include "metadata/role_read.h"
#include "metadata/search.h"

static struct up_span read_strings(struct up_json *j)
{
    const uint8_t *start = j->p;
    for (up_json_array(j); up_json_item(j);) (void)up_json_string(j);
    return (struct up_span){start, (size_t)(j->p - start)};
}

static void read_delegation(struct up_json *j, struct up_span keys, struct up_delegation *out)
{
    struct up_delegation d = {.ring.keys = keys};
    struct up_span key;
    bool agreement = false;
    for (up_json_object(j); up_json_member(j, &key);) {
        if (up_ring_member(j, key, &d.ring)) continue;
        if (up_json_is(key, "name")) {
            d.name = up_json_string(j);
        } else if (up_json_is(key, "roles")) {
            d.roles = up_json_value(j);
        } else if (up_json_is(key, "min_roles_in_agreement")) {
            agreement = true;
            d.agreement = (uint32_t)up_json_int(j, 1, UP_AGREEMENT_MAX);
        } else if (up_json_is(key, "paths")) {
            d.paths = read_strings(j);
        } else if (up_json_is(key, "path_hash_prefixes")) {
            d.prefixes = read_strings(j);
        } else if (up_json_is(key, "hardwareIds")) {
            d.hardware_ids = up_hardware_ids_read(j);
        } else if (up_json_is(key, "terminating")) {
            d.terminating = up_json_bool(j);
        } else {
            (void)up_json_value(j);
        }
    }
    bool one_role = d.name.p != NULL && d.ring.keyids.p != NULL;
    bool many_roles = d.name.p == NULL && d.roles.p != NULL && agreement;
    bool one_selector = (d.paths.p == NULL) != (d.prefixes.p == NULL);
    if ((!one_role && !many_roles) || !one_selector) up_json_fail(j, UP_SCHEMA);
    *out = d;
}

bool up_delegation_role(const struct up_delegation *d, unsigned index, struct up_span *name,
                        struct up_keyring *ring)
{
    struct up_json j;
    struct up_span key;
    up_json_open_checked(&j, d->roles);
    for (up_json_array(&j); up_json_item(&j); index--) {
        if (index > 0) {
            (void)up_json_value(&j);
            continue;
        }
        *name = (struct up_span){0};
        *ring = (struct up_keyring){.keys = d->ring.keys};
        for (up_json_object(&j); up_json_member(&j, &key);) {
            if (up_ring_member(&j, key, ring)) continue;
            if (up_json_is(key, "name"))
                *name = up_json_string(&j);
            else
                (void)up_json_value(&j);
        }
        return j.err == UP_OK && name->p != NULL && ring->keyids.p != NULL;
    }
    return false;
}

static bool is_top_level(struct up_span name)
{
    for (unsigned r = UP_ROOT; r < UP_TIME; r++)
        if (up_json_is(name, up_role_name(r))) return true;
    return false;
}

static enum up_err check_role(struct up_span name, const struct up_keyring *ring, const struct up_profile *p)
{
    if (!up_is_role_name(p, name)) return UP_STRING;
    if (is_top_level(name)) return UP_SCHEMA;
    return up_keyring_check(ring, p, UP_KEYS_MAX);
}

/* Who agrees with himself agrees with nobody: a role, and a set of keys, counts once (V-DEL-23). */
static enum up_err check_agreement(const struct up_delegation *d, const struct up_profile *p)
{
    struct up_span name, other_name;
    struct up_keyring ring, other;
    unsigned n = 0;
    for (; up_delegation_role(d, n, &name, &ring); n++) {
        if (n == UP_AGREEMENT_MAX) return UP_LIMIT;
        UP_TRY(check_role(name, &ring, p));
        for (unsigned i = 0; i < n; i++) {
            if (!up_delegation_role(d, i, &other_name, &other)) return UP_SCHEMA;
            if (up_json_cmp(name, other_name) == 0 || up_keyring_same(&ring, &other)) return UP_SCHEMA;
        }
    }
    struct up_json j; /* did the walk end because the array did? */
    unsigned items = 0;
    up_json_open_checked(&j, d->roles);
    for (up_json_array(&j); up_json_item(&j); items++) (void)up_json_value(&j);
    return j.err == UP_OK && items == n && d->agreement <= n ? UP_OK : UP_SCHEMA;
}

enum up_err up_delegations_check(struct up_span delegations, const struct up_profile *p)
{
    struct up_span keys = {0}, roles, name[UP_DELEGATIONS_MAX];
    unsigned n = 0, items = 0;
    if (!up_json_find_checked(delegations, "keys", &keys)) return UP_SCHEMA;
    if (!up_json_find_checked(delegations, "roles", &roles))
        return up_json_find_checked(delegations, "succinct_roles", &roles) ? UP_UNSUPPORTED : UP_SCHEMA;

    struct up_json j;
    up_json_open_checked(&j, roles);
    for (up_json_array(&j); up_json_item(&j); items++) {
        struct up_delegation d;
        if (items == UP_DELEGATIONS_MAX) return UP_LIMIT;
        read_delegation(&j, keys, &d);
        UP_TRY(j.err);
        if (d.name.p == NULL) {
            UP_TRY(check_agreement(&d, p));
            continue;
        }
        UP_TRY(check_role(d.name, &d.ring, p));
        for (unsigned i = 0; i < n; i++)
            if (up_json_cmp(name[i], d.name) == 0) return UP_SCHEMA;
        name[n++] = d.name;
    }
    return j.err;
}

bool up_delegation_get(struct up_span delegations, unsigned index, struct up_delegation *out)
{
    struct up_span keys, roles;
    if (!up_json_find_checked(delegations, "keys", &keys) ||
        !up_json_find_checked(delegations, "roles", &roles))
        return false;
    struct up_json j;
    up_json_open_checked(&j, roles);
    for (up_json_array(&j); up_json_item(&j); index--) {
        if (index == 0) {
            read_delegation(&j, keys, out);
            return j.err == UP_OK;
        }
        (void)up_json_value(&j);
    }
    return false;
}

/* TUF hashes the name itself: escapes decoded. */
static bool prefix_matches(struct up_span prefixes, struct up_span name)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t plain[UP_NAME_MAX], digest[UP_SHA256_BYTES];
    char text[2 * UP_SHA256_BYTES];
    long n = up_json_unescape(name, plain, sizeof plain);
    if (n < 0) return false;
    up_sha256((struct up_span){plain, (size_t)n}, digest);
    for (size_t i = 0; i < sizeof text; i++) text[i] = hex[digest[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];

    struct up_json j;
    up_json_open_checked(&j, prefixes);
    for (up_json_array(&j); up_json_item(&j);) {
        struct up_span prefix = up_json_string(&j);
        if (prefix.n <= sizeof text && memcmp(prefix.p, text, prefix.n) == 0) return true;
    }
    return false;
}

static bool path_matches(struct up_span paths, struct up_span name)
{
    struct up_json j;
    up_json_open_checked(&j, paths);
    for (up_json_array(&j); up_json_item(&j);)
        if (up_path_match(up_json_string(&j), name)) return true;
    return false;
}

bool up_delegation_applies(const struct up_delegation *d, struct up_span name, struct up_span hardware_id)
{
    bool hardware =
        d->hardware_ids.p == NULL || hardware_id.p == NULL || up_items_hold(d->hardware_ids, hardware_id);
    return hardware &&
           (d->paths.p != NULL ? path_matches(d->paths, name) : prefix_matches(d->prefixes, name));
}

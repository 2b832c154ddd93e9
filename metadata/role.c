#include "metadata/role.h"

#include "metadata/encode.h"
#include "metadata/role_read.h"

const char *up_role_name(enum up_role r)
{
    static const char *const name[UP_ROLES] = {"root", "timestamp", "snapshot", "targets", "time"};
    return r < UP_ROLES ? name[r] : "";
}

/* ---- what every role has ---- */

enum { TYPE = 1, EXPIRES = 2, VERSION = 4, SPEC = 8 };

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool is_type(struct up_span type, const char *name, enum up_dialect dialect)
{
    if (!up_is_deployed(dialect)) return up_span_is(type, name);
    if (type.n != strlen(name)) return false;
    for (size_t i = 0; i < type.n; i++)
        if (lower(type.p[i]) != (uint8_t)name[i]) return false;
    return true;
}

/* "1.0.34": format 1, any minor. */
static bool spec_supported(struct up_span s)
{
    if (s.n < 3 || s.p[0] != '1' || s.p[1] != '.') return false;
    for (size_t i = 2; i < s.n; i++) {
        bool digit = s.p[i] >= '0' && s.p[i] <= '9';
        if (!digit && (s.p[i] != '.' || s.p[i - 1] == '.')) return false;
    }
    return s.p[s.n - 1] != '.';
}

static void read_custom(struct up_head_reader *h, struct up_json *j)
{
    struct up_span key;
    for (up_json_object(j); up_json_member(j, &key);) {
        if (up_json_is(key, "vehicleId"))
            h->head.vehicle_id = up_id_read(j);
        else if (up_json_is(key, "correlationId"))
            h->correlation_id = up_json_string(j);
        else
            (void)up_json_value(j);
    }
}

bool up_head_member(struct up_head_reader *h, struct up_json *j, struct up_span key)
{
    if (up_json_is(key, "_type")) {
        h->seen |= TYPE;
        struct up_span type = up_json_string(j);
        if (!is_type(type, up_role_name(h->role), h->profile->dialect)) up_json_fail(j, UP_ROLE_TYPE);
    } else if (up_json_is(key, "expires")) {
        h->seen |= EXPIRES;
        h->head.expires_s = up_time_decode(up_json_string(j));
        if (h->head.expires_s < 0) up_json_fail(j, UP_SCHEMA);
    } else if (up_json_is(key, "version")) {
        h->seen |= VERSION;
        h->head.version = (uint32_t)up_json_int(j, 1, UP_VERSION_MAX);
    } else if (up_json_is(key, "spec_version")) {
        h->seen |= SPEC;
        if (!spec_supported(up_json_string(j))) up_json_fail(j, UP_SCHEMA);
    } else if (up_json_is(key, "custom") && !up_is_plain_tuf(h->profile)) {
        read_custom(h, j);
    } else {
        return false;
    }
    return true;
}

void up_head_end(struct up_head_reader *h, struct up_json *j)
{
    unsigned want =
        !up_is_deployed(h->profile->dialect) ? TYPE | EXPIRES | VERSION | SPEC : TYPE | EXPIRES | VERSION;
    up_json_close(j);
    if ((h->seen & want) != want) up_json_fail(j, UP_SCHEMA);
}

/* ---- parts of bodies ---- */

bool up_is_role_name(const struct up_profile *p, struct up_span name)
{
    uint8_t plain[UP_NAME_MAX];
    if (up_is_plain_tuf(p)) return up_json_unescape(name, plain, sizeof plain) > 0;
    return up_is_deployed(p->dialect) ? up_is_printable_name(name) : up_is_name(name);
}

struct up_span up_id_read(struct up_json *j)
{
    struct up_span id = up_json_string(j);
    if (!up_is_id(id)) up_json_fail(j, UP_STRING);
    return id;
}

struct up_span up_hardware_id_read(struct up_json *j)
{
    struct up_span id = up_json_string(j);
    if (!up_is_hardware_id(id)) up_json_fail(j, UP_STRING);
    return id;
}

struct up_span up_hardware_ids_read(struct up_json *j)
{
    const uint8_t *start = j->p;
    unsigned n = 0;
    for (up_json_array(j); up_json_item(j); n++) (void)up_hardware_id_read(j);
    if (n == 0) up_json_fail(j, UP_SCHEMA);
    return (struct up_span){start, (size_t)(j->p - start)};
}

bool up_items_hold(struct up_span items, struct up_span text)
{
    struct up_json j;
    up_json_open_checked(&j, items);
    for (up_json_array(&j); up_json_item(&j);)
        if (up_json_cmp(up_json_string(&j), text) == 0) return true;
    return false;
}

static void read_digest(struct up_json *j, bool any_case, uint8_t *out, size_t n)
{
    struct up_span hex = up_json_string(j);
    long got = any_case ? up_hex_decode_any(hex, out, n) : up_hex_decode(hex, out, n);
    if (got != (long)n) up_json_fail(j, UP_SCHEMA);
}

void up_hashes_read(struct up_json *j, bool any_case, struct up_hashes *out)
{
    struct up_span key;
    for (up_json_object(j); up_json_member(j, &key);) {
        if (up_json_is(key, "sha256")) {
            out->has_sha256 = true;
            read_digest(j, any_case, out->sha256, sizeof out->sha256);
        } else if (up_json_is(key, "sha512")) {
            out->has_sha512 = true;
            read_digest(j, any_case, out->sha512, sizeof out->sha512);
        } else {
            (void)up_json_value(j);
        }
    }
}

bool up_hashes_any(const struct up_hashes *h)
{
    return h->has_sha256 || h->has_sha512;
}

bool up_ring_member(struct up_json *j, struct up_span key, struct up_keyring *ring)
{
    if (up_json_is(key, "keyids")) {
        ring->keyids = up_json_value(j);
    } else if (up_json_is(key, "threshold")) {
        int64_t n = up_json_int(j, -(1LL << 52), 1LL << 52);
        ring->threshold = n < 0 || n > UINT32_MAX ? 0 : (uint32_t)n;
    } else {
        return false;
    }
    return true;
}

/* {"version":n,"length":n,"hashes":{...}}: how one file names another. */
static void read_named(struct up_json *j, bool any_case, struct up_named *out)
{
    struct up_span key;
    for (up_json_object(j); up_json_member(j, &key);) {
        if (up_json_is(key, "version")) {
            out->version = (uint32_t)up_json_int(j, 1, UP_VERSION_MAX);
        } else if (up_json_is(key, "length")) {
            out->has_length = true;
            out->length = (uint32_t)up_json_int(j, 0, UINT32_MAX);
        } else if (up_json_is(key, "hashes")) {
            up_hashes_read(j, any_case, &out->hashes);
            if (!up_hashes_any(&out->hashes)) up_json_fail(j, UP_SCHEMA);
        } else {
            (void)up_json_value(j);
        }
    }
    if (out->version == 0) up_json_fail(j, UP_SCHEMA);
}

/* ---- Root ---- */

static void read_rings(struct up_json *j, struct up_root *root)
{
    struct up_span name, key;
    for (up_json_object(j); up_json_member(j, &name);) {
        unsigned role = 0;
        while (role < UP_ROLES && !up_json_is(name, up_role_name(role))) role++;
        if (role == UP_ROLES) { /* "mirrors" of old TUF */
            (void)up_json_value(j);
            continue;
        }
        for (up_json_object(j); up_json_member(j, &key);)
            if (!up_ring_member(j, key, &root->ring[role])) (void)up_json_value(j);
    }
}

/* Consistent snapshots are what versioned file names mean; the client knows no third way. */
static bool names_are_versioned(struct up_json *j, const struct up_profile *p, bool seen, bool consistent)
{
    if (up_relaxes(p, UP_RELAX_UNVERSIONED_NAMES)) return false;
    if (up_is_deployed(p->dialect)) return true;
    if (up_relaxes(p, UP_RELAX_NO_CONSISTENT_SNAPSHOT)) return consistent;
    if (!seen)
        up_json_fail(j, UP_SCHEMA);
    else if (!consistent)
        up_json_fail(j, UP_UNSUPPORTED);
    return consistent;
}

enum up_err up_root_read(struct up_span body, const struct up_profile *p, const struct up_limits *l,
                         struct up_root *out)
{
    struct up_head_reader h = {.role = UP_ROOT, .profile = p};
    struct up_root root = {0};
    struct up_span key, keys = {0};
    bool consistent_seen = false, consistent = false;
    struct up_json j;
    up_json_open_checked(&j, body);
    for (up_json_object(&j); up_json_member(&j, &key);) {
        if (up_head_member(&h, &j, key)) continue;
        if (up_json_is(key, "keys")) {
            keys = up_json_value(&j);
        } else if (up_json_is(key, "roles")) {
            read_rings(&j, &root);
        } else if (up_json_is(key, "consistent_snapshot")) {
            consistent_seen = true;
            consistent = up_json_bool(&j);
        } else {
            (void)up_json_value(&j);
        }
    }
    up_head_end(&h, &j);
    root.versioned = names_are_versioned(&j, p, consistent_seen, consistent);
    if (j.err != UP_OK) return j.err;

    for (unsigned r = UP_ROOT; r < UP_ROLES; r++) {
        struct up_keyring *ring = &root.ring[r];
        if (r == UP_TIME && ring->keyids.p == NULL) continue;
        if (keys.p == NULL || ring->keyids.p == NULL) return UP_SCHEMA;
        ring->keys = keys;
        UP_TRY(up_keyring_check(ring, p, l->keys_per_role));
    }
    root.head = h.head;
    *out = root;
    return UP_OK;
}

/* ---- Timestamp ---- */

enum up_err up_timestamp_read(struct up_span body, const struct up_profile *p, struct up_head *head,
                              struct up_named *snapshot)
{
    struct up_head_reader h = {.role = UP_TIMESTAMP, .profile = p};
    struct up_named named = {0};
    struct up_span key;
    struct up_json j;
    up_json_open_checked(&j, body);
    for (up_json_object(&j); up_json_member(&j, &key);) {
        if (up_head_member(&h, &j, key)) continue;
        if (!up_json_is(key, "meta")) {
            (void)up_json_value(&j);
            continue;
        }
        for (up_json_object(&j); up_json_member(&j, &key);) {
            if (!up_json_is(key, "snapshot.json")) up_json_fail(&j, UP_SCHEMA);
            read_named(&j, up_is_deployed(p->dialect), &named);
        }
    }
    up_head_end(&h, &j);
    if (j.err != UP_OK) return j.err;
    if (named.version == 0 || (!up_hashes_any(&named.hashes) && !up_is_plain_tuf(p))) return UP_SCHEMA;
    *head = h.head;
    *snapshot = named;
    return UP_OK;
}

/* ---- Snapshot ---- */

/* "supplier.json" -> "supplier"; false: no name of a metadata file. */
static bool stem(struct up_span file, struct up_span *role)
{
    static const char suffix[] = ".json";
    const size_t n = sizeof suffix - 1;
    if (file.n <= n || memcmp(file.p + file.n - n, suffix, n) != 0) return false;
    *role = (struct up_span){file.p, file.n - n};
    return true;
}

/* The next Targets role of a Snapshot's `meta`; its value is next in J. Root may be listed and means nothing.
 */
static bool next_listed(struct up_json *j, struct up_span *role)
{
    struct up_span file;
    while (up_json_member(j, &file)) {
        if (!stem(file, role)) {
            up_json_fail(j, UP_SCHEMA);
            return false;
        }
        if (!up_json_is(*role, "root")) return true;
        (void)up_json_value(j);
    }
    return false;
}

static void open_meta(struct up_json *j, struct up_span body)
{
    struct up_span meta = {0};
    (void)up_json_find_checked(body, "meta", &meta);
    up_json_open_checked(j, meta);
    up_json_object(j);
}

enum up_err up_snapshot_read(struct up_span body, const struct up_profile *p, struct up_head *head)
{
    struct up_head_reader h = {.role = UP_SNAPSHOT, .profile = p};
    struct up_span key;
    bool meta = false, targets = false;
    struct up_json j;
    up_json_open_checked(&j, body);
    for (up_json_object(&j); up_json_member(&j, &key);) {
        if (up_head_member(&h, &j, key)) continue;
        if (!up_json_is(key, "meta")) {
            (void)up_json_value(&j);
            continue;
        }
        meta = true;
        for (up_json_object(&j); next_listed(&j, &key);) {
            struct up_named named = {0};
            if (!up_is_role_name(p, key)) up_json_fail(&j, UP_STRING);
            read_named(&j, up_is_deployed(p->dialect), &named);
            if (up_json_is(key, "targets")) targets = true;
        }
    }
    up_head_end(&h, &j);
    if (j.err != UP_OK) return j.err;
    if (!meta) return UP_SCHEMA;
    if (!targets) return UP_NOT_IN_SNAPSHOT;
    *head = h.head;
    return UP_OK;
}

enum up_err up_snapshot_find(struct up_span body, struct up_span name, struct up_named *out)
{
    struct up_json j;
    struct up_span role;
    for (open_meta(&j, body); next_listed(&j, &role);) {
        if (up_json_cmp(role, name) != 0) {
            (void)up_json_value(&j);
            continue;
        }
        struct up_named named = {0};
        read_named(&j, true, &named);
        if (j.err != UP_OK) return j.err;
        *out = named;
        return UP_OK;
    }
    return UP_NOT_IN_SNAPSHOT;
}

enum up_err up_snapshot_follows(struct up_span old_body, struct up_span new_body, bool judge_top)
{
    struct up_json old, new;
    struct up_span role, candidate;
    open_meta(&new, new_body);
    for (open_meta(&old, old_body); next_listed(&old, &role);) {
        struct up_named was = {0}, is = {0};
        read_named(&old, true, &was);
        /* Both are sorted: what a name's turn has passed by will not come any more. */
        for (;;) {
            if (!next_listed(&new, &candidate)) return UP_SNAPSHOT_ROLE_DROPPED;
            if (up_json_cmp(candidate, role) == 0) break;
            (void)up_json_value(&new);
        }
        read_named(&new, true, &is);
        if (is.version < was.version && (judge_top || !up_json_is(role, "targets"))) return UP_ROLLBACK;
    }
    return old.err;
}

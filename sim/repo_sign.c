/* Signing again: before files expire, and with new keys. */
#include "sim/repo_edit.h"

/* Refreshing */

static bool is_half_over(const struct sim_edit *e, const cJSON *body, enum up_role role)
{
    return sim_body_expires(body) - e->now_s < e->r->validity_s[role] / 2;
}

/* Every role that Snapshot names and that is due. */
static bool touch_due_roles(struct sim_edit *e)
{
    const cJSON *meta;
    cJSON_ArrayForEach (meta, cJSON_GetObjectItemCaseSensitive(e->snapshot, "meta")) {
        char name[UP_NAME_MAX + 6];
        if (!sim_role_of_meta(name, meta->string))
            return sim_say(e->r->why, "Snapshot names \"%s\"", meta->string);
        const cJSON *body = sim_edit_role(e, name);
        if (body == NULL) return false;
        if (is_half_over(e, body, UP_TARGETS)) sim_edit_touch(e, name);
    }
    e->sign_snapshot = is_half_over(e, e->snapshot, UP_SNAPSHOT);
    return true;
}

static bool timestamp_is_due(const struct sim_edit *e)
{
    return e->timestamp_expires_s - e->now_s < e->r->validity_s[UP_TIMESTAMP] / 2;
}

bool sim_repo_sign(struct sim_repo *r, const char *role, unsigned *signed_files, int64_t now_s)
{
    struct sim_edit e;
    *signed_files = 0;
    bool ok = sim_edit_begin(&e, r, now_s);
    bool due = true;
    if (ok && role == NULL) {
        ok = touch_due_roles(&e);
        due = e.touched->child != NULL || e.sign_snapshot || timestamp_is_due(&e);
    } else if (ok && strcmp(role, "snapshot") == 0) {
        e.sign_snapshot = true;
    } else if (ok && strcmp(role, "timestamp") != 0) {
        ok = sim_edit_role(&e, role) != NULL;
        if (ok) sim_edit_touch(&e, role);
    }
    ok = ok && (!due || sim_edit_publish(&e));
    *signed_files = e.written;
    sim_edit_end(&e);
    return ok;
}

/* Roots */

static bool root_signers(struct sim_repo *r, enum up_repo repo, const cJSON *root, struct sim_keys *keys)
{
    return sim_ring_load(r, repo, "root", sim_root_role(root, "root"), keys);
}

bool sim_repo_sign_root(struct sim_repo *r, enum up_repo repo, int64_t now_s)
{
    uint32_t version;
    struct sim_keys keys = {0};
    cJSON *root = sim_root_newest(r, repo, &version);
    bool ok = root != NULL && root_signers(r, repo, root, &keys) &&
              sim_root_publish(r, repo, root, version + 1, &keys, now_s);
    sim_keys_close(&keys);
    cJSON_Delete(root);
    return ok;
}

/* Rotation */

/* Scheme and size of the first key of RING: new keys are as the old ones. */
static struct sim_key_maker maker_of(const struct sim_repo *r, const cJSON *keys_object, const cJSON *ring)
{
    struct sim_key_maker maker = {UP_SCHEME_NONE, 2048, r->seed};
    struct up_key key;
    const char *id =
        cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(ring, "keyids"), 0));
    char *text = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(keys_object, id != NULL ? id : ""));
    if (text != NULL && up_key_read(up_span_of(text), r->profile, &key) == UP_OK) {
        maker.scheme = key.scheme;
        /* An RSA key of N bits is N/8 bytes and at most 48 of wrapping. */
        if (key.scheme == UP_RSA_PSS_SHA256) maker.rsa_bits = (unsigned)(key.n / 128 * 1024);
    }
    cJSON_free(text);
    return maker;
}

static bool is_used(const char *keyid, const cJSON *roles)
{
    const cJSON *ring;
    cJSON_ArrayForEach (ring, roles) {
        if (sim_is_listed(cJSON_GetObjectItemCaseSensitive(ring, "keyids"), keyid)) return true;
        if (is_used(keyid, cJSON_GetObjectItemCaseSensitive(ring, "roles"))) return true;
    }
    return false;
}

/* Removes key objects that no ring of ROLES (object or array) refers to. */
static void drop_unused_keys(cJSON *keys_object, const cJSON *roles)
{
    cJSON *key = keys_object->child;
    while (key != NULL) {
        cJSON *next = key->next;
        if (!is_used(key->string, roles)) cJSON_Delete(cJSON_DetachItemViaPointer(keys_object, key));
        key = next;
    }
}

/* New keys into RING; the old ones leave KEYS_OBJECT when no other of ROLES uses them. */
static bool ring_rotate(struct sim_repo *r, enum up_repo repo, const char *role, struct sim_role_plan plan,
                        cJSON *keys_object, const cJSON *roles, cJSON *ring, struct sim_keys *keys)
{
    char base[SIM_PATH_MAX];
    const struct sim_key_maker maker = maker_of(r, keys_object, ring);
    int old_keys = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(ring, "keyids"));
    double old_threshold = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(ring, "threshold"));
    unsigned count = plan.keys > 0 ? plan.keys : (unsigned)old_keys;
    unsigned threshold = plan.threshold > 0 ? plan.threshold : (unsigned)old_threshold;
    if (maker.scheme == UP_SCHEME_NONE)
        return sim_say(r->why, "%s: its present key has an unknown scheme", role);
    if (threshold > count)
        return sim_say(r->why, "%s: a threshold of %u needs as many keys, not %u", role, threshold, count);
    if (!sim_key_base(base, repo, role) || !sim_keys_create(r->keys, base, &maker, count, keys, r->why) ||
        !sim_role_keys(r, ring, keys_object, keys, threshold))
        return false;
    drop_unused_keys(keys_object, roles);
    return true;
}

static bool rotate_in_root(struct sim_repo *r, enum up_repo repo, const char *role, struct sim_role_plan plan,
                           cJSON *root, uint32_t version, int64_t now_s)
{
    struct sim_keys signers = {0}, keys = {0};
    bool ok = root_signers(r, repo, root, &signers) &&
              ring_rotate(r, repo, role, plan, cJSON_GetObjectItemCaseSensitive(root, "keys"),
                          cJSON_GetObjectItemCaseSensitive(root, "roles"), sim_root_role(root, role), &keys);
    if (ok && strcmp(role, "root") == 0) ok = root_signers(r, repo, root, &signers);
    ok = ok && sim_root_publish(r, repo, root, version + 1, &signers, now_s);
    sim_keys_close(&keys);
    sim_keys_close(&signers);
    return ok;
}

static bool rotate_delegated(struct sim_repo *r, const char *role, struct sim_role_plan plan, int64_t now_s)
{
    struct sim_edit e;
    struct sim_keys keys = {0};
    struct sim_edge edge;
    bool ok = sim_edit_begin(&e, r, now_s);
    if (ok && !sim_edit_delegation(&e, role, &edge)) ok = sim_say(r->why, "%s: no role of that name", role);
    if (ok) {
        cJSON *delegations = cJSON_GetObjectItemCaseSensitive(sim_edit_role(&e, edge.parent), "delegations");
        sim_edit_touch(&e, edge.parent);
        sim_edit_touch(&e, role);
        ok = sim_edit_role(&e, role) != NULL &&
             ring_rotate(r, UP_IMAGE, role, plan, cJSON_GetObjectItemCaseSensitive(delegations, "keys"),
                         cJSON_GetObjectItemCaseSensitive(delegations, "roles"), edge.ring, &keys) &&
             sim_edit_publish(&e);
    }
    sim_keys_close(&keys);
    sim_edit_end(&e);
    return ok;
}

bool sim_repo_rotate(struct sim_repo *r, enum up_repo repo, const char *role, struct sim_role_plan plan,
                     int64_t now_s)
{
    uint32_t version;
    cJSON *root = sim_root_newest(r, repo, &version);
    if (root == NULL) return false;
    bool in_root = sim_root_role(root, role) != NULL;
    bool ok = in_root && rotate_in_root(r, repo, role, plan, root, version, now_s);
    cJSON_Delete(root);
    if (!in_root && repo == UP_IMAGE) return rotate_delegated(r, role, plan, now_s);
    if (!in_root) return sim_say(r->why, "%s: the Director has no role of that name", role);
    if (!ok || repo == UP_DIRECTOR || strcmp(role, "root") == 0) return ok;
    unsigned files;
    return sim_repo_sign(r, role, &files, now_s);
}

/* Images and delegations of the Image repository. */
#include "sim/repo_edit.h"

#include "metadata/encode.h"

#include <errno.h>

static cJSON *targets_of(struct sim_edit *e, const char *role)
{
    cJSON *body = sim_edit_role(e, role);
    return cJSON_GetObjectItemCaseSensitive(body, "targets");
}

static bool names_ok(struct sim_repo *r, const char *what, sim_list list, bool (*is_ok)(struct up_span))
{
    for (; list != NULL && *list != NULL; list++)
        if (!is_ok(up_span_of(*list))) return sim_say(r->why, "\"%s\" is no %s", *list, what);
    return true;
}

static cJSON *custom_of(const cJSON *entry, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(entry, "custom"), name);
}

/* Images */

static bool image_ok(struct sim_repo *r, const struct sim_image *m)
{
    if (!up_is_name(up_span_of(m->name))) return sim_say(r->why, "\"%s\" is no image name", m->name);
    if (m->hardware_ids == NULL || m->hardware_ids[0] == NULL)
        return sim_say(r->why, "%s: an image needs at least one hardware id", m->name);
    if (m->release_counter > UP_COUNTER_MAX)
        return sim_say(r->why, "%s: release counter above %d", m->name, UP_COUNTER_MAX);
    return names_ok(r, "hardware id", m->hardware_ids, up_is_id) &&
           names_ok(r, "image name", m->depends, up_is_name) &&
           names_ok(r, "image name", m->conflicts, up_is_name);
}

static cJSON *image_entry(const struct sim_image *m, const char *sha256)
{
    cJSON *entry = cJSON_CreateObject();
    cJSON *custom = cJSON_AddObjectToObject(entry, "custom");
    cJSON_AddItemToObject(custom, "hardwareIds", sim_strings(m->hardware_ids));
    cJSON_AddNumberToObject(custom, "releaseCounter", m->release_counter);
    if (m->version != NULL) cJSON_AddStringToObject(custom, "version", m->version);
    if (m->depends != NULL) cJSON_AddItemToObject(custom, "depends", sim_strings(m->depends));
    if (m->conflicts != NULL) cJSON_AddItemToObject(custom, "conflicts", sim_strings(m->conflicts));
    cJSON_AddStringToObject(cJSON_AddObjectToObject(entry, "hashes"), "sha256", sha256);
    cJSON_AddNumberToObject(entry, "length", (double)m->bytes.n);
    return entry;
}

static bool image_store(struct sim_repo *r, const struct sim_image *m, const char *sha256)
{
    char path[SIM_PATH_MAX];
    const char *slash = strrchr(m->name, '/');
    const char *file = slash == NULL ? m->name : slash + 1;
    if (sim_path(path, "%s/repo/targets/%.*s%s.%s", r->dir, (int)(file - m->name), m->name, sha256, file) &&
        sim_file_write(path, m->bytes, 0644))
        return true;
    return sim_say(r->why, "%s: %s", path, strerror(errno));
}

/* A client must find the image in the very role that is to list it, for every hardware id. */
static bool image_is_found(struct sim_edit *e, const struct sim_image *m, const char *role)
{
    for (sim_list id = m->hardware_ids; *id != NULL; id++) {
        const char *found;
        if (sim_edit_find(e, m->name, *id, &found) == NULL)
            return sim_say(e->r->why, "%s: no delegation leads to role %s for this name and hardware %s",
                           m->name, role, *id);
        if (strcmp(found, role) != 0)
            return sim_say(e->r->why, "%s: role %s already lists an image of this name", m->name, found);
    }
    return true;
}

static bool image_add(struct sim_edit *e, const struct sim_image *m)
{
    struct sim_repo *r = e->r;
    const char *role = m->role != NULL ? m->role : "targets";
    cJSON *targets = targets_of(e, role);
    if (targets == NULL || !image_ok(r, m)) return false;

    uint8_t digest[UP_SHA256_BYTES];
    char hex[2 * UP_SHA256_BYTES + 1] = {0};
    up_sha256(m->bytes, digest);
    up_hex_encode(digest, sizeof digest, hex);
    const cJSON *old = cJSON_GetObjectItemCaseSensitive(targets, m->name);
    const char *old_hex = cJSON_GetStringValue(
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(old, "hashes"), "sha256"));
    if (old != NULL && !m->force && (old_hex == NULL || strcmp(old_hex, hex) != 0))
        return sim_say(r->why, "%s: there is another image of this name: give the new one a name of its own",
                       m->name);
    cJSON_DeleteItemFromObjectCaseSensitive(targets, m->name);
    cJSON_AddItemToObject(targets, m->name, image_entry(m, hex));
    sim_edit_touch(e, role);
    return (m->force || image_is_found(e, m, role)) && image_store(r, m, hex);
}

bool sim_repo_add(struct sim_repo *r, const struct sim_image *images, size_t n, int64_t now_s)
{
    struct sim_edit e;
    bool ok = sim_edit_begin(&e, r, now_s);
    for (size_t i = 0; ok && i < n; i++) ok = image_add(&e, &images[i]);
    ok = ok && sim_edit_publish(&e);
    sim_edit_end(&e);
    return ok;
}

cJSON *sim_repo_find(struct sim_repo *r, const char *name, const char *hardware_id)
{
    struct sim_edit e;
    const char *role;
    cJSON *entry = NULL;
    if (sim_edit_begin(&e, r, 0)) {
        const cJSON *found = sim_edit_find(&e, name, hardware_id, &role);
        if (found == NULL)
            sim_say(r->why, "%s: not in the Image repository", name);
        else if (!sim_is_listed(custom_of(found, "hardwareIds"), hardware_id))
            sim_say(r->why, "%s: not an image for hardware %s", name, hardware_id);
        else
            entry = cJSON_Duplicate(found, true);
    }
    sim_edit_end(&e);
    return entry;
}

/* Delegations */

static bool delegation_ok(struct sim_edit *e, const struct sim_delegation *d)
{
    const char *parent;
    if (!up_is_name(up_span_of(d->name))) return sim_say(e->r->why, "\"%s\" is no role name", d->name);
    for (enum up_role role = UP_ROOT; role < UP_ROLES; role++)
        if (strcmp(d->name, up_role_name(role)) == 0)
            return sim_say(e->r->why, "%s: a delegated role may not have this name", d->name);
    if (sim_edit_delegation(e, d->name, &parent) != NULL)
        return sim_say(e->r->why, "%s: %s already delegates to a role of this name", d->name, parent);
    if (d->paths == NULL || d->paths[0] == NULL)
        return sim_say(e->r->why, "%s: a delegation needs at least one path", d->name);
    return names_ok(e->r, "hardware id", d->hardware_ids, up_is_id);
}

static cJSON *delegations_of(cJSON *body)
{
    cJSON *delegations = cJSON_GetObjectItemCaseSensitive(body, "delegations");
    if (delegations != NULL) return delegations;
    delegations = cJSON_AddObjectToObject(body, "delegations");
    cJSON_AddObjectToObject(delegations, "keys");
    cJSON_AddArrayToObject(delegations, "roles");
    return delegations;
}

static bool delegation_add(struct sim_edit *e, const struct sim_delegation *d)
{
    struct sim_repo *r = e->r;
    const char *parent = d->parent != NULL ? d->parent : "targets";
    cJSON *body = sim_edit_role(e, parent);
    if (body == NULL || !delegation_ok(e, d)) return false;

    const struct sim_key_maker maker = {d->scheme != UP_SCHEME_NONE ? d->scheme : UP_ECDSA_P256_SHA256, 2048,
                                        r->seed};
    char base[SIM_PATH_MAX];
    struct sim_keys keys = {0};
    cJSON *delegations = delegations_of(body);
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(delegations, "roles"), entry);
    cJSON_AddStringToObject(entry, "name", d->name);
    cJSON_AddItemToObject(entry, "paths", sim_strings(d->paths));
    if (d->hardware_ids != NULL) cJSON_AddItemToObject(entry, "hardwareIds", sim_strings(d->hardware_ids));
    cJSON_AddBoolToObject(entry, "terminating", d->terminating);
    bool ok = sim_key_base(base, UP_IMAGE, d->name) &&
              sim_keys_create(r->keys, base, &maker, d->plan.keys > 0 ? d->plan.keys : 1, &keys, r->why) &&
              sim_role_keys(r, entry, cJSON_GetObjectItemCaseSensitive(delegations, "keys"), &keys,
                            d->plan.threshold);
    sim_keys_close(&keys);

    cJSON *targets = sim_body_new("targets");
    cJSON_AddObjectToObject(targets, "targets");
    cJSON_AddItemToObject(e->roles, d->name, targets);
    sim_edit_touch(e, parent);
    sim_edit_touch(e, d->name);
    return ok;
}

bool sim_repo_delegate(struct sim_repo *r, const struct sim_delegation *d, int64_t now_s)
{
    struct sim_edit e;
    bool ok = sim_edit_begin(&e, r, now_s) && delegation_add(&e, d) && sim_edit_publish(&e);
    sim_edit_end(&e);
    return ok;
}

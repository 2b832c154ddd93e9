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
    return names_ok(r, "hardware id", m->hardware_ids, up_is_hardware_id) &&
           names_ok(r, "image name", m->depends, up_is_name) &&
           names_ok(r, "image name", m->conflicts, up_is_name);
}

static cJSON *image_entry(const struct sim_repo *r, const struct sim_image *m)
{
    cJSON *entry = cJSON_CreateObject();
    cJSON *custom = cJSON_AddObjectToObject(entry, "custom");
    if (r->profile->dialect == UP_DIALECT_DEPLOYED) cJSON_AddStringToObject(custom, "targetFormat", "BINARY");
    cJSON_AddItemToObject(custom, "hardwareIds", sim_strings(m->hardware_ids));
    cJSON_AddNumberToObject(custom, "releaseCounter", m->release_counter);
    if (m->version != NULL) cJSON_AddStringToObject(custom, "version", m->version);
    if (m->depends != NULL) cJSON_AddItemToObject(custom, "depends", sim_strings(m->depends));
    if (m->conflicts != NULL) cJSON_AddItemToObject(custom, "conflicts", sim_strings(m->conflicts));
    cJSON_AddItemToObject(entry, "hashes", sim_hashes(m->bytes, r->sha512));
    cJSON_AddNumberToObject(entry, "length", (double)m->bytes.n);
    return entry;
}

/* Under the name that each of its digests gives it (5.2.7). */
static bool image_store(struct sim_repo *r, const struct sim_image *m, const cJSON *entry)
{
    const cJSON *digest;
    cJSON_ArrayForEach (digest, cJSON_GetObjectItemCaseSensitive(entry, "hashes")) {
        char path[SIM_PATH_MAX], name[SIM_PATH_MAX];
        sim_image_name(r->profile, m->name, digest->valuestring, name);
        if (!sim_path(path, "%s/repo/%s", r->dir, name) || !sim_file_write(path, m->bytes, 0644))
            return sim_say(r->why, "%s: %s", path, strerror(errno));
    }
    return true;
}

/* A client must find the image in the very role that is to list it, for every hardware id. */
static bool image_is_found(struct sim_edit *e, const struct sim_image *m, const char *role)
{
    for (sim_list id = m->hardware_ids; *id != NULL; id++) {
        const char *found;
        if (sim_edit_find(e, m->name, *id, role, &found) == NULL)
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
    cJSON *entry = image_entry(r, m);
    cJSON_DeleteItemFromObjectCaseSensitive(targets, m->name);
    cJSON_AddItemToObject(targets, m->name, entry);
    sim_edit_touch(e, role);
    return (m->force || image_is_found(e, m, role)) && image_store(r, m, entry);
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
        const cJSON *found = sim_edit_find(&e, name, hardware_id, NULL, &role);
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

static bool role_name_ok(struct sim_edit *e, const char *name)
{
    struct sim_edge edge;
    if (!up_is_name(up_span_of(name))) return sim_say(e->r->why, "\"%s\" is no role name", name);
    for (enum up_role role = UP_ROOT; role < UP_ROLES; role++)
        if (strcmp(name, up_role_name(role)) == 0)
            return sim_say(e->r->why, "%s: a delegated role may not have this name", name);
    if (sim_edit_delegation(e, name, &edge))
        return sim_say(e->r->why, "%s: %s already delegates to a role of this name", name, edge.parent);
    return true;
}

static bool delegation_ok(struct sim_edit *e, const struct sim_delegation *d, sim_list names)
{
    unsigned n = 0;
    for (; names[n] != NULL; n++) {
        if (!role_name_ok(e, names[n])) return false;
        for (unsigned i = 0; i < n; i++)
            if (strcmp(names[i], names[n]) == 0)
                return sim_say(e->r->why, "%s: who agrees with himself agrees with nobody", names[n]);
    }
    if (d->names != NULL && (d->agreement < 1 || d->agreement > n || n > UP_AGREEMENT_MAX))
        return sim_say(e->r->why, "%u of %u roles cannot agree; at most %d roles", d->agreement, n,
                       UP_AGREEMENT_MAX);
    if (d->paths == NULL || d->paths[0] == NULL)
        return sim_say(e->r->why, "%s: a delegation needs at least one path", names[0]);
    return names_ok(e->r, "hardware id", d->hardware_ids, up_is_hardware_id);
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

/* Keys for role NAME into RING and KEYS_OBJECT, and its empty file. */
static bool role_add(struct sim_edit *e, const struct sim_delegation *d, const char *name, cJSON *ring,
                     cJSON *keys_object)
{
    struct sim_repo *r = e->r;
    const enum up_scheme scheme = d->scheme != UP_SCHEME_NONE ? d->scheme : sim_scheme_default(r->profile);
    const struct sim_key_maker maker = {scheme, d->rsa_bits > 0 ? d->rsa_bits : 2048, r->seed};
    char base[SIM_PATH_MAX];
    struct sim_keys keys = {0};
    if (scheme == UP_ECDSA_P256_SHA256 && r->profile->dialect == UP_DIALECT_DEPLOYED)
        return sim_say(r->why, "%s: the dialect of deployed backends has no ECDSA keys", name);
    cJSON_AddStringToObject(ring, "name", name);
    bool ok = sim_key_base(base, UP_IMAGE, name) &&
              sim_keys_create(r->keys, base, &maker, d->plan.keys > 0 ? d->plan.keys : 1, &keys, r->why) &&
              sim_role_keys(r, ring, keys_object, &keys, d->plan.threshold);
    sim_keys_close(&keys);

    cJSON *targets = sim_body_new(r->profile, "targets");
    cJSON_AddObjectToObject(targets, "targets");
    cJSON_AddItemToObject(e->roles, name, targets);
    sim_edit_touch(e, name);
    return ok;
}

static bool delegation_add(struct sim_edit *e, const struct sim_delegation *d)
{
    const char *one[] = {d->name, NULL};
    const sim_list names = d->names != NULL ? d->names : one;
    const char *parent = d->parent != NULL ? d->parent : "targets";
    cJSON *body = sim_edit_role(e, parent);
    if (body == NULL || !delegation_ok(e, d, names)) return false;

    cJSON *delegations = delegations_of(body);
    cJSON *keys = cJSON_GetObjectItemCaseSensitive(delegations, "keys");
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(delegations, "roles"), entry);
    cJSON_AddItemToObject(entry, "paths", sim_strings(d->paths));
    if (d->hardware_ids != NULL) cJSON_AddItemToObject(entry, "hardwareIds", sim_strings(d->hardware_ids));
    cJSON_AddBoolToObject(entry, "terminating", d->terminating);
    sim_edit_touch(e, parent);
    if (d->names == NULL) return role_add(e, d, d->name, entry, keys);

    cJSON_AddNumberToObject(entry, "min_roles_in_agreement", d->agreement);
    cJSON *roles = cJSON_AddArrayToObject(entry, "roles");
    for (sim_list name = names; *name != NULL; name++) {
        cJSON *ring = cJSON_CreateObject();
        cJSON_AddItemToArray(roles, ring);
        if (!role_add(e, d, *name, ring, keys)) return false;
    }
    return true;
}

bool sim_repo_delegate(struct sim_repo *r, const struct sim_delegation *d, int64_t now_s)
{
    struct sim_edit e;
    bool ok = sim_edit_begin(&e, r, now_s) && delegation_add(&e, d) && sim_edit_publish(&e);
    sim_edit_end(&e);
    return ok;
}

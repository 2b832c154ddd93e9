/* What a repository holds, as JSON for people and scripts. */
#include "sim/repo_edit.h"

static cJSON *copy(const cJSON *object, const char *name)
{
    return cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(object, name), true);
}

static cJSON *role_new(cJSON *list, const char *name, const cJSON *body, const cJSON *ring, int64_t now_s)
{
    cJSON *role = cJSON_CreateObject();
    cJSON_AddItemToArray(list, role);
    cJSON_AddStringToObject(role, "name", name);
    cJSON_AddItemToObject(role, "version", copy(body, "version"));
    cJSON_AddItemToObject(role, "expires", copy(body, "expires"));
    cJSON_AddBoolToObject(role, "expired", sim_body_expires(body) <= now_s);
    cJSON_AddItemToObject(role, "threshold", copy(ring, "threshold"));
    cJSON_AddItemToObject(role, "keyids", copy(ring, "keyids"));
    return role;
}

static void show_images(cJSON *images, const cJSON *body)
{
    const cJSON *entry;
    cJSON_ArrayForEach (entry, cJSON_GetObjectItemCaseSensitive(body, "targets")) {
        cJSON *image = cJSON_CreateObject();
        const cJSON *custom = cJSON_GetObjectItemCaseSensitive(entry, "custom");
        cJSON_AddItemToArray(images, image);
        cJSON_AddStringToObject(image, "name", entry->string);
        cJSON_AddStringToObject(image, "role", body->string);
        cJSON_AddItemToObject(image, "length", copy(entry, "length"));
        cJSON_AddItemToObject(image, "sha256",
                              copy(cJSON_GetObjectItemCaseSensitive(entry, "hashes"), "sha256"));
        cJSON_AddItemToObject(image, "hardwareIds", copy(custom, "hardwareIds"));
        cJSON_AddItemToObject(image, "releaseCounter", copy(custom, "releaseCounter"));
        if (cJSON_GetObjectItemCaseSensitive(custom, "version") != NULL)
            cJSON_AddItemToObject(image, "version", copy(custom, "version"));
    }
}

static bool show_roles(struct sim_edit *e, cJSON *roles, cJSON *images)
{
    const cJSON *meta;
    cJSON_ArrayForEach (meta, cJSON_GetObjectItemCaseSensitive(e->snapshot, "meta")) {
        char name[UP_NAME_MAX + 6];
        if (!sim_role_of_meta(name, meta->string))
            return sim_say(e->r->why, "Snapshot names \"%s\"", meta->string);
        const cJSON *body = sim_edit_role(e, name);
        if (body == NULL) return false;
        struct sim_edge edge = {0};
        const cJSON *ring = sim_root_role(e->root, name);
        if (ring == NULL) (void)sim_edit_delegation(e, name, &edge);
        const cJSON *delegation = edge.delegation;
        cJSON *role = role_new(roles, name, body, ring != NULL ? ring : edge.ring, e->now_s);
        if (delegation != NULL) {
            cJSON_AddStringToObject(role, "parent", edge.parent);
            cJSON_AddItemToObject(role, "paths", copy(delegation, "paths"));
            if (cJSON_GetObjectItemCaseSensitive(delegation, "hardwareIds") != NULL)
                cJSON_AddItemToObject(role, "hardwareIds", copy(delegation, "hardwareIds"));
            cJSON_AddItemToObject(role, "terminating", copy(delegation, "terminating"));
            if (edge.ring != delegation)
                cJSON_AddItemToObject(role, "min_roles_in_agreement",
                                      copy(delegation, "min_roles_in_agreement"));
        }
        show_images(images, body);
    }
    return true;
}

static bool show_director(struct sim_repo *r, cJSON *out, int64_t now_s)
{
    uint32_t version;
    cJSON *root = sim_root_newest(r, UP_DIRECTOR, &version);
    if (root == NULL) return false;
    role_new(cJSON_AddArrayToObject(out, "roles"), "root", root, sim_root_role(root, "root"), now_s);
    cJSON_Delete(root);
    return true;
}

cJSON *sim_repo_show(struct sim_repo *r, int64_t now_s)
{
    struct sim_edit e;
    cJSON *all = cJSON_CreateObject();
    cJSON *image = cJSON_AddObjectToObject(all, "image");
    cJSON *roles = cJSON_AddArrayToObject(image, "roles");
    bool ok = sim_edit_begin(&e, r, now_s);
    if (ok) {
        cJSON *timestamp = sim_body_new(r->profile, "timestamp");
        sim_body_date(timestamp, e.timestamp_version, e.timestamp_expires_s);
        role_new(roles, "root", e.root, sim_root_role(e.root, "root"), now_s);
        role_new(roles, "timestamp", timestamp, sim_root_role(e.root, "timestamp"), now_s);
        role_new(roles, "snapshot", e.snapshot, sim_root_role(e.root, "snapshot"), now_s);
        cJSON_Delete(timestamp);
        ok = show_roles(&e, roles, cJSON_AddArrayToObject(image, "images"));
    }
    sim_edit_end(&e);
    ok = ok && show_director(r, cJSON_AddObjectToObject(all, "director"), now_s);
    if (ok) return all;
    cJSON_Delete(all);
    return NULL;
}

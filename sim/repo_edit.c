#include "sim/repo_edit.h"

#include "metadata/encode.h"
#include "metadata/search.h"

#include <errno.h>
#include <stdio.h>

static const char *str(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text != NULL ? text : "";
}

/* Versions: what the author meant, which is not what a twisted file says. They never go down, whatever was
 * published meanwhile. */

static bool versions_path(char out[SIM_PATH_MAX], const struct sim_repo *r)
{
    return sim_path(out, "%s/versions.json", r->dir);
}

static cJSON *versions_read(const struct sim_repo *r)
{
    char path[SIM_PATH_MAX];
    struct sim_bytes file;
    if (!versions_path(path, r) || !sim_file_read(path, &file)) return cJSON_CreateObject();
    cJSON *versions = cJSON_ParseWithLength((const char *)file.p, file.n);
    sim_bytes_free(&file);
    return versions != NULL ? versions : cJSON_CreateObject();
}

static bool versions_write(const struct sim_edit *e)
{
    char path[SIM_PATH_MAX];
    char *text = cJSON_Print(e->versions);
    bool ok = versions_path(path, e->r) && sim_file_write(path, up_span_of(text), 0644);
    if (!ok) sim_say(e->r->why, "%s: %s", path, strerror(errno));
    cJSON_free(text);
    return ok;
}

static uint32_t next_version(struct sim_edit *e, const char *role, uint32_t published)
{
    const cJSON *last = cJSON_GetObjectItemCaseSensitive(e->versions, role);
    uint32_t next = 1 + (cJSON_IsNumber(last) ? (uint32_t)last->valueint : published);
    cJSON_DeleteItemFromObjectCaseSensitive(e->versions, role);
    cJSON_AddNumberToObject(e->versions, role, next);
    return next;
}

/* Reading what is published */

static bool file_path(char out[SIM_PATH_MAX], const struct sim_repo *r, const char *role, uint32_t version)
{
    char name[SIM_METADATA_NAME];
    sim_metadata_name(r->profile, role, version, name);
    return sim_path(out, "%s/repo/%s", r->dir, name);
}

static cJSON *body_read(struct sim_repo *r, const char *role, uint32_t version)
{
    char path[SIM_PATH_MAX];
    struct sim_bytes file;
    if (!file_path(path, r, role, version) || !sim_file_read(path, &file)) {
        sim_say(r->why, "%s: %s", path, strerror(errno));
        return NULL;
    }
    cJSON *whole = cJSON_ParseWithLength((const char *)file.p, file.n);
    cJSON *body = cJSON_DetachItemFromObjectCaseSensitive(whole, "signed");
    cJSON_Delete(whole);
    sim_bytes_free(&file);
    if (body == NULL) sim_say(r->why, "%s: not a signed JSON file", path);
    return body;
}

static cJSON *meta_of(const cJSON *body, const char *role)
{
    char name[UP_NAME_MAX + 6];
    snprintf(name, sizeof name, "%s.json", role);
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(body, "meta"), name);
}

bool sim_role_of_meta(char role[UP_NAME_MAX + 6], const char *member)
{
    size_t n = strlen(member);
    if (n <= 5 || n > UP_NAME_MAX + 5 || strcmp(member + n - 5, ".json") != 0) return false;
    memcpy(role, member, n - 5);
    role[n - 5] = '\0';
    return true;
}

bool sim_edit_begin(struct sim_edit *e, struct sim_repo *r, int64_t now_s)
{
    *e = (struct sim_edit){.r = r, .now_s = now_s};
    e->roles = cJSON_CreateObject();
    e->touched = cJSON_CreateArray();
    e->versions = versions_read(r);
    uint32_t root_version;
    e->root = sim_root_newest(r, UP_IMAGE, &root_version);
    if (e->root == NULL) return false;

    char path[SIM_PATH_MAX];
    if (!file_path(path, r, "timestamp", 0) || !sim_file_exists(path)) {
        e->snapshot = sim_body_new(r->profile, "snapshot");
        cJSON_AddObjectToObject(e->snapshot, "meta");
        return true;
    }
    cJSON *timestamp = body_read(r, "timestamp", 0);
    if (timestamp == NULL) return false;
    e->timestamp_version = sim_body_version(timestamp);
    e->timestamp_expires_s = sim_body_expires(timestamp);
    e->snapshot = body_read(r, "snapshot", sim_body_version(meta_of(timestamp, "snapshot")));
    cJSON_Delete(timestamp);
    return e->snapshot != NULL;
}

void sim_edit_end(struct sim_edit *e)
{
    cJSON_Delete(e->root);
    cJSON_Delete(e->snapshot);
    cJSON_Delete(e->roles);
    cJSON_Delete(e->touched);
    cJSON_Delete(e->versions);
}

cJSON *sim_edit_role(struct sim_edit *e, const char *name)
{
    cJSON *body = cJSON_GetObjectItemCaseSensitive(e->roles, name);
    if (body != NULL) return body;
    const cJSON *meta = meta_of(e->snapshot, name);
    if (meta == NULL) {
        sim_say(e->r->why, "%s: there is no role of that name", name);
        return NULL;
    }
    body = body_read(e->r, name, sim_body_version(meta));
    if (body != NULL) cJSON_AddItemToObject(e->roles, name, body);
    return body;
}

void sim_edit_touch(struct sim_edit *e, const char *name)
{
    const cJSON *t;
    cJSON_ArrayForEach (t, e->touched)
        if (strcmp(t->valuestring, name) == 0) return;
    cJSON_AddItemToArray(e->touched, cJSON_CreateString(name));
}

/* Delegations */

static cJSON *delegations_of(const cJSON *body)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(body, "delegations"), "roles");
}

/* The part of delegation D that is about role NAME; NULL: nothing is. */
static cJSON *ring_in(cJSON *d, const char *name)
{
    cJSON *r;
    if (strcmp(str(d, "name"), name) == 0) return d;
    cJSON_ArrayForEach (r, cJSON_GetObjectItemCaseSensitive(d, "roles")) {
        if (strcmp(str(r, "name"), name) == 0) return r;
    }
    return NULL;
}

static bool delegation_from(struct sim_edit *e, const char *from, const char *name, struct sim_edge *out,
                            unsigned depth);

/* In the roles that D delegates to. */
static bool delegation_below(struct sim_edit *e, const cJSON *d, const char *name, struct sim_edge *out,
                             unsigned depth)
{
    const cJSON *r, *many = cJSON_GetObjectItemCaseSensitive(d, "roles");
    if (many == NULL) return delegation_from(e, str(d, "name"), name, out, depth);
    cJSON_ArrayForEach (r, many) {
        if (delegation_from(e, str(r, "name"), name, out, depth)) return true;
    }
    return false;
}

static bool delegation_from(struct sim_edit *e, const char *from, const char *name, struct sim_edge *out,
                            unsigned depth)
{
    cJSON *d, *body = depth <= UP_SEARCH_DEPTH ? sim_edit_role(e, from) : NULL;
    cJSON_ArrayForEach (d, delegations_of(body)) {
        cJSON *ring = ring_in(d, name);
        if (ring == NULL) continue;
        *out = (struct sim_edge){body->string, d, ring};
        return true;
    }
    cJSON_ArrayForEach (d, delegations_of(body)) {
        if (delegation_below(e, d, name, out, depth + 1)) return true;
    }
    return false;
}

bool sim_edit_delegation(struct sim_edit *e, const char *name, struct sim_edge *out)
{
    return delegation_from(e, "targets", name, out, 0);
}

static bool any_path_matches(const cJSON *paths, const char *name)
{
    const cJSON *p;
    cJSON_ArrayForEach (p, paths)
        if (cJSON_IsString(p) && up_path_match(up_span_of(p->valuestring), up_span_of(name))) return true;
    return false;
}

static bool applies(const cJSON *delegation, const char *name, const char *hardware_id)
{
    const cJSON *ids = cJSON_GetObjectItemCaseSensitive(delegation, "hardwareIds");
    return any_path_matches(cJSON_GetObjectItemCaseSensitive(delegation, "paths"), name) &&
           (ids == NULL || sim_is_listed(ids, hardware_id));
}

struct hunt {
    struct sim_edit *e;
    const char *name, *hardware_id, *alone;
    const char *role; /* who lists it */
    bool stop;        /* a terminating delegation has ended the search */
};

static cJSON *find_from(struct hunt *h, const char *from, unsigned depth);

/* What enough of the roles of D agree on. */
static cJSON *find_agreed(struct hunt *h, const cJSON *d, unsigned depth)
{
    cJSON *answer[UP_AGREEMENT_MAX] = {NULL};
    const char *speaker[UP_AGREEMENT_MAX] = {NULL};
    const cJSON *r;
    unsigned n = 0;
    cJSON_ArrayForEach (r, cJSON_GetObjectItemCaseSensitive(d, "roles")) {
        if (n == UP_AGREEMENT_MAX) break;
        answer[n] = find_from(h, str(r, "name"), depth);
        speaker[n] = h->role;
        if (answer[n] != NULL && h->alone != NULL && strcmp(h->alone, h->role) == 0) return answer[n];
        n++;
    }
    double wanted = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(d, "min_roles_in_agreement"));
    for (unsigned i = 0; i < n; i++) {
        unsigned votes = 0;
        for (unsigned k = 0; k < n; k++)
            votes += answer[i] != NULL && answer[k] != NULL && cJSON_Compare(answer[i], answer[k], true);
        h->role = speaker[i];
        if (votes >= wanted) return answer[i];
    }
    return NULL;
}

/* Preorder, as clients search. */
static cJSON *find_from(struct hunt *h, const char *from, unsigned depth)
{
    cJSON *body = depth <= UP_SEARCH_DEPTH ? sim_edit_role(h->e, from) : NULL;
    cJSON *entry =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(body, "targets"), h->name);
    if (entry != NULL) {
        h->role = body->string;
        return entry;
    }
    if (h->stop) return NULL;
    const cJSON *d;
    cJSON_ArrayForEach (d, delegations_of(body)) {
        if (!applies(d, h->name, h->hardware_id)) continue;
        bool last = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(d, "terminating"));
        bool many = cJSON_GetObjectItemCaseSensitive(d, "roles") != NULL;
        h->stop = last && !many;
        entry = many ? find_agreed(h, d, depth + 1) : find_from(h, str(d, "name"), depth + 1);
        if (last) h->stop = true;
        if (entry != NULL || h->stop) return entry;
    }
    return NULL;
}

cJSON *sim_edit_find(struct sim_edit *e, const char *name, const char *hardware_id, const char *alone,
                     const char **role)
{
    struct hunt h = {.e = e, .name = name, .hardware_id = hardware_id, .alone = alone};
    cJSON *entry = find_from(&h, "targets", 0);
    *role = h.role;
    return entry;
}

/* Publishing */

static cJSON *ring_of(struct sim_edit *e, const char *role)
{
    struct sim_edge edge = {0};
    cJSON *ring = sim_root_role(e->root, role);
    return ring != NULL || !sim_edit_delegation(e, role, &edge) ? ring : edge.ring;
}

/* Signs BODY with the keys that count for ROLE and writes it; *NAMED: how its parent names it. */
static bool publish_one(struct sim_edit *e, const char *role, cJSON *body, cJSON **named)
{
    struct sim_repo *r = e->r;
    char path[SIM_PATH_MAX], name[UP_NAME_MAX + 8];
    const cJSON *ring = ring_of(e, role);
    if (ring == NULL) return sim_say(r->why, "%s: nobody delegates to this role", role);
    struct sim_keys keys = {0};
    struct sim_bytes file = {0};
    struct sim_author author = sim_repo_author(r);
    snprintf(name, sizeof name, "image/%s", role);
    bool ok = sim_ring_load(r, UP_IMAGE, role, ring, &keys);
    ok = ok && sim_author_sign(&author, name, body, &keys, &file, r->why);
    sim_keys_close(&keys);
    if (!ok) return false;

    uint32_t version = strcmp(role, "timestamp") == 0 ? 0 : sim_body_version(body);
    ok = file_path(path, r, role, version) && sim_file_write(path, sim_span(&file), 0644);
    if (!ok) sim_say(r->why, "%s: %s", path, strerror(errno));
    if (ok && named != NULL) *named = sim_named(sim_span(&file), version, r->sha512);
    e->written += ok;
    sim_bytes_free(&file);
    return ok;
}

static void name_in(cJSON *body, const char *role, cJSON *named)
{
    char name[UP_NAME_MAX + 6];
    snprintf(name, sizeof name, "%s.json", role);
    cJSON *meta = cJSON_GetObjectItemCaseSensitive(body, "meta");
    cJSON_DeleteItemFromObjectCaseSensitive(meta, name);
    cJSON_AddItemToObject(meta, name, named);
}

static bool publish_role(struct sim_edit *e, const char *role)
{
    cJSON *named, *body = sim_edit_role(e, role);
    if (body == NULL) return false;
    uint32_t version = next_version(e, role, sim_body_version(meta_of(e->snapshot, role)));
    sim_body_date(body, version, e->now_s + e->r->validity_s[UP_TARGETS]);
    if (!publish_one(e, role, body, &named)) return false;
    name_in(e->snapshot, role, named);
    return true;
}

bool sim_edit_publish(struct sim_edit *e)
{
    const cJSON *t;
    cJSON_ArrayForEach (t, e->touched)
        if (!publish_role(e, t->valuestring)) return false;
    cJSON *snapshot, *timestamp = sim_body_new(e->r->profile, "timestamp");
    if (e->touched->child != NULL || e->sign_snapshot) {
        uint32_t version = next_version(e, "snapshot", sim_body_version(e->snapshot));
        sim_body_date(e->snapshot, version, e->now_s + e->r->validity_s[UP_SNAPSHOT]);
        if (!publish_one(e, "snapshot", e->snapshot, &snapshot)) {
            cJSON_Delete(timestamp);
            return false;
        }
    } else {
        cJSON *old = body_read(e->r, "timestamp", 0);
        snapshot = cJSON_Duplicate(meta_of(old, "snapshot"), true);
        cJSON_Delete(old);
    }
    cJSON_AddObjectToObject(timestamp, "meta");
    name_in(timestamp, "snapshot", snapshot);
    uint32_t version = next_version(e, "timestamp", e->timestamp_version);
    sim_body_date(timestamp, version, e->now_s + e->r->validity_s[UP_TIMESTAMP]);
    bool ok = versions_write(e) && publish_one(e, "timestamp", timestamp, NULL);
    cJSON_Delete(timestamp);
    return ok;
}

/* What the Director signs: Targets, Snapshot and Timestamp per vehicle, and the time. */
#include "sim/director_private.h"

#include "metadata/encode.h"
#include "sim/repo_edit.h"

#include <stdio.h>
#include <stdlib.h>

/* Content */

static void order_into(cJSON *targets, const struct sim_ecu *e)
{
    cJSON *target = cJSON_GetObjectItemCaseSensitive(targets, e->order.image);
    if (target == NULL) {
        target = cJSON_Parse(e->order.entry);
        cJSON_AddItemToObject(targets, e->order.image, target);
        cJSON *custom = cJSON_GetObjectItemCaseSensitive(target, "custom");
        cJSON_DeleteItemFromObjectCaseSensitive(custom, "depends"); /* ours to respect, not the vehicle's */
        cJSON_DeleteItemFromObjectCaseSensitive(custom, "conflicts");
        cJSON_AddObjectToObject(custom, "ecuIdentifiers");
        if (e->order.bundle[0] != '\0') cJSON_AddStringToObject(custom, "bundle", e->order.bundle);
    }
    cJSON *ecus = sim_json_at(target, "/custom/ecuIdentifiers");
    cJSON_AddStringToObject(cJSON_AddObjectToObject(ecus, e->serial), "hardwareId", e->hardware_id);
}

/* The body of Targets but for version and expiry: with no orders, an empty set with the vehicle id. */
static cJSON *targets_body(struct sim_director *d, const char *vehicle)
{
    struct sim_ecus ecus = {0};
    char campaign[SIM_NAME_MAX];
    if (!sim_inventory_campaign(d->inventory, vehicle, campaign) ||
        !sim_inventory_ecus(d->inventory, vehicle, &ecus)) {
        sim_director_inventory_failed(d);
        return NULL;
    }
    cJSON *body = sim_body_new(d->repo.profile, "targets");
    cJSON *custom = cJSON_AddObjectToObject(body, "custom");
    if (campaign[0] != '\0') cJSON_AddStringToObject(custom, "correlationId", campaign);
    cJSON_AddStringToObject(custom, "vehicleId", vehicle);
    cJSON *targets = cJSON_AddObjectToObject(body, "targets");
    for (size_t i = 0; i < ecus.n; i++)
        if (ecus.ecu[i].order.image[0] != '\0') order_into(targets, &ecus.ecu[i]);
    sim_ecus_free(&ecus);
    sim_json_sort(body);
    return body;
}

/* Snapshot or Timestamp: names one file. */
static cJSON *naming_body(const struct sim_repo *r, const char *type, const char *vehicle, const char *member,
                          const struct sim_issue *named)
{
    cJSON *body = sim_body_new(r->profile, type);
    cJSON_AddStringToObject(cJSON_AddObjectToObject(body, "custom"), "vehicleId", vehicle);
    cJSON_AddItemToObject(cJSON_AddObjectToObject(body, "meta"), member,
                          sim_named(sim_span(&named->file), named->named, r->sha512));
    return body;
}

/* Signing */

/* Signs BODY as the next version of ROLE; *I becomes that file. */
static bool sign_next(struct sim_director *d, const char *vehicle, enum up_role role, cJSON *body,
                      int64_t now_s, const char *content, struct sim_issue *i)
{
    char name[32];
    struct sim_author author = sim_repo_author(&d->repo);
    struct sim_issue next = {.version = i->version + 1,
                             .root = d->root,
                             .expires_s = now_s + d->repo.validity_s[role],
                             .content = strdup(content)};
    snprintf(name, sizeof name, "director/%s", up_role_name(role));
    sim_body_date(body, next.version, next.expires_s);
    bool ok = sim_author_sign(&author, name, body, &d->keys[role], &next.file, d->why);
    next.named = sim_body_version(body);
    ok = ok &&
         (sim_inventory_set_issue(d->inventory, vehicle, role, &next) || sim_director_inventory_failed(d));
    sim_issue_free(i);
    *i = next;
    return ok;
}

static bool is_due(const struct sim_director *d, enum up_role role, const struct sim_issue *i, int64_t now_s)
{
    return i->version == 0 || i->root != d->root || i->expires_s - now_s < d->repo.validity_s[role] / 2;
}

static bool issue_targets(struct sim_director *d, const char *vehicle, int64_t now_s, struct sim_issue *i,
                          bool *changed)
{
    cJSON *body = targets_body(d, vehicle);
    if (body == NULL) return false;
    char *content = cJSON_PrintUnformatted(body);
    *changed = is_due(d, UP_TARGETS, i, now_s) || strcmp(content, i->content) != 0;
    bool ok = !*changed || sign_next(d, vehicle, UP_TARGETS, body, now_s, content, i);
    cJSON_free(content);
    cJSON_Delete(body);
    return ok;
}

/* ROLE names CHILD; it is signed anew when the child is, or when it is due itself. */
static bool issue_naming(struct sim_director *d, const char *vehicle, enum up_role role, const char *member,
                         const struct sim_issue *child, int64_t now_s, struct sim_issue *i, bool *changed)
{
    *changed = *changed || is_due(d, role, i, now_s);
    if (!*changed) return true;
    cJSON *body = naming_body(&d->repo, up_role_name(role), vehicle, member, child);
    bool ok = sign_next(d, vehicle, role, body, now_s, "", i);
    cJSON_Delete(body);
    return ok;
}

static bool issue_set(struct sim_director *d, const char *vehicle, int64_t now_s)
{
    struct sim_issue issue[UP_TIME] = {0};
    bool changed;
    for (enum up_role role = UP_TIMESTAMP; role < UP_TIME; role++)
        (void)sim_inventory_issue(d->inventory, vehicle, role, 0, &issue[role]);
    bool ok = issue_targets(d, vehicle, now_s, &issue[UP_TARGETS], &changed) &&
              issue_naming(d, vehicle, UP_SNAPSHOT, "targets.json", &issue[UP_TARGETS], now_s,
                           &issue[UP_SNAPSHOT], &changed) &&
              issue_naming(d, vehicle, UP_TIMESTAMP, "snapshot.json", &issue[UP_SNAPSHOT], now_s,
                           &issue[UP_TIMESTAMP], &changed);
    for (enum up_role role = UP_TIMESTAMP; role < UP_TIME; role++) sim_issue_free(&issue[role]);
    return ok;
}

bool sim_director_issue(struct sim_director *d, const char *vehicle, int64_t now_s)
{
    if (!sim_director_update_keys(d)) return false;
    if (!sim_inventory_begin(d->inventory)) return sim_director_inventory_failed(d);
    bool ok = issue_set(d, vehicle, now_s);
    if (!ok) {
        sim_inventory_rollback(d->inventory);
        return false;
    }
    return sim_inventory_commit(d->inventory) || sim_director_inventory_failed(d);
}

/* Serving */

static bool root_file(const struct sim_director *d, const char *name, struct sim_bytes *out)
{
    char path[SIM_PATH_MAX];
    return sim_path(path, "%s/director/%s", d->repo.dir, name) && sim_file_read(path, out);
}

bool sim_director_file(struct sim_director *d, const char *vehicle, const char *name, struct sim_bytes *out)
{
    struct sim_issue issue = {0};
    if (strcmp(name, "timestamp.json") == 0) {
        if (!sim_inventory_issue(d->inventory, vehicle, UP_TIMESTAMP, 0, &issue)) return false;
    } else {
        char *end, role[16];
        unsigned long version = strtoul(name, &end, 10);
        const bool plain = end == name && (d->repo.profile->relax & UP_RELAX_UNVERSIONED_NAMES) != 0;
        if (!plain && (*name < '1' || *name > '9' || version > UP_VERSION_MAX || *end != '.')) return false;
        if (!plain && strcmp(end, ".root.json") == 0) return root_file(d, name, out);
        for (enum up_role r = UP_SNAPSHOT; r < UP_TIME; r++) {
            snprintf(role, sizeof role, "%s%s.json", plain ? "" : ".", up_role_name(r));
            if (strcmp(end, role) == 0)
                (void)sim_inventory_issue(d->inventory, vehicle, r, (uint32_t)version, &issue);
        }
        if (issue.file.p == NULL) return false;
    }
    *out = issue.file;
    free(issue.content);
    return true;
}

bool sim_director_time(struct sim_director *d, cJSON *nonces, int64_t now_s, struct sim_bytes *out)
{
    char text[UP_TIME_TEXT + 1] = {0};
    struct sim_author author = sim_repo_author(&d->repo);
    cJSON *body = cJSON_CreateObject();
    up_time_encode(now_s, text);
    cJSON_AddStringToObject(body, "_type", "time");
    cJSON_AddItemToObject(body, "nonces", nonces);
    cJSON_AddStringToObject(body, "time", text);
    bool ok = sim_director_update_keys(d) &&
              sim_author_sign(&author, "director/time", body, &d->keys[UP_TIME], out, d->why);
    cJSON_Delete(body);
    return ok;
}

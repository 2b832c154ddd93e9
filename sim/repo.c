#include "sim/repo_edit.h"

#include "metadata/encode.h"

#include <errno.h>
#include <stdio.h>

#define DAY_S INT64_C(86400)

static const int64_t default_validity_s[UP_TIME] = {[UP_ROOT] = 365 * DAY_S,
                                                    [UP_TIMESTAMP] = 7 * DAY_S,
                                                    [UP_SNAPSHOT] = 30 * DAY_S,
                                                    [UP_TARGETS] = 90 * DAY_S};

struct sim_author sim_repo_author(const struct sim_repo *r)
{
    return (struct sim_author){r->profile, r->keys, r->twists, r->twist_count};
}

/* Only the Root of dialect A has a version in its name. */
static bool is_deployed(const struct up_profile *p)
{
    return p->dialect == UP_DIALECT_DEPLOYED;
}

static bool is_top_level(const char *role)
{
    for (enum up_role i = UP_ROOT; i < UP_TIME; i++)
        if (strcmp(role, up_role_name(i)) == 0) return true;
    return false;
}

void sim_metadata_name(const struct up_profile *p, const char *role, uint32_t version,
                       char out[SIM_METADATA_NAME])
{
    char name[UP_FILE_NAME_MAX];
    size_t n = up_file_name(p, up_span_of(role), version, name);
    const bool folder = is_deployed(p) && !is_top_level(role);
    snprintf(out, SIM_METADATA_NAME, "%s%.*s", folder ? "delegations/" : "", (int)n, name);
}

void sim_image_name(const struct up_profile *p, const char *image, const char *digest, char out[SIM_PATH_MAX])
{
    const char *slash = strrchr(image, '/');
    const char *file = slash == NULL ? image : slash + 1;
    if (is_deployed(p))
        snprintf(out, SIM_PATH_MAX, "targets/%s", image);
    else
        snprintf(out, SIM_PATH_MAX, "targets/%.*s%s.%s", (int)(file - image), image, digest, file);
}

cJSON *sim_hashes(struct up_span bytes, bool sha512)
{
    static const char *const names[] = {[UP_SHA256] = "sha256", [UP_SHA512] = "sha512"};
    cJSON *hashes = cJSON_CreateObject();
    for (enum up_hash_kind kind = UP_SHA256; kind <= (sha512 ? UP_SHA512 : UP_SHA256); kind++) {
        struct up_hash hash;
        uint8_t digest[UP_SHA512_BYTES];
        char hex[2 * UP_SHA512_BYTES + 1] = {0};
        up_hash_begin(&hash, kind);
        up_hash_add(&hash, bytes);
        up_hash_end(&hash, digest);
        up_hex_encode(digest, kind == UP_SHA256 ? UP_SHA256_BYTES : UP_SHA512_BYTES, hex);
        cJSON_AddStringToObject(hashes, names[kind], hex);
    }
    return hashes;
}

cJSON *sim_named(struct up_span file, uint32_t version, bool sha512)
{
    cJSON *named = cJSON_CreateObject();
    cJSON_AddItemToObject(named, "hashes", sim_hashes(file, sha512));
    cJSON_AddNumberToObject(named, "length", (double)file.n);
    cJSON_AddNumberToObject(named, "version", version);
    return named;
}

bool sim_key_base(char out[SIM_PATH_MAX], enum up_repo repo, const char *role)
{
    if (strcmp(role, up_role_name(UP_TIME)) == 0) return sim_path(out, "%s", role);
    for (enum up_role i = UP_ROOT; i < UP_TIME; i++)
        if (strcmp(role, up_role_name(i)) == 0) return sim_path(out, "%s/%s", up_repo_name(repo), role);
    return sim_path(out, "image/delegated/%s", role);
}

bool sim_ring_load(struct sim_repo *r, enum up_repo repo, const char *role, const cJSON *ring,
                   struct sim_keys *keys)
{
    char base[SIM_PATH_MAX];
    size_t before = keys->n;
    double threshold = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(ring, "threshold"));
    if (!sim_key_base(base, repo, role)) return sim_say(r->why, "%s: name too long", role);
    if (!sim_keys_load(r->keys, base, r->profile, cJSON_GetObjectItemCaseSensitive(ring, "keyids"), keys,
                       r->why))
        return false;
    if ((double)(keys->n - before) >= threshold) return true;
    return sim_say(r->why, "%s/%s*.pem: %.0f keys must sign for %s, only %zu of them are there", r->keys,
                   base, threshold, role, keys->n - before);
}

/* Bodies */

cJSON *sim_body_new(const struct up_profile *p, const char *type)
{
    char text[16];
    cJSON *body = cJSON_CreateObject();
    snprintf(text, sizeof text, "%s", type);
    if (is_deployed(p))
        text[0] = (char)(text[0] - 'a' + 'A');
    else
        cJSON_AddStringToObject(body, "spec_version", "1.0.0");
    cJSON_AddStringToObject(body, "_type", text);
    return body;
}

void sim_body_date(cJSON *body, uint32_t version, int64_t expires_s)
{
    char text[UP_TIME_TEXT + 1] = {0};
    up_time_encode(expires_s, text);
    cJSON_DeleteItemFromObjectCaseSensitive(body, "version");
    cJSON_DeleteItemFromObjectCaseSensitive(body, "expires");
    cJSON_AddNumberToObject(body, "version", version);
    cJSON_AddStringToObject(body, "expires", text);
}

uint32_t sim_body_version(const cJSON *body)
{
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(body, "version");
    return cJSON_IsNumber(version) && version->valuedouble >= 0 && version->valuedouble <= UP_VERSION_MAX
               ? (uint32_t)version->valuedouble
               : 0;
}

int64_t sim_body_expires(const cJSON *body)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "expires"));
    return text == NULL ? -1 : up_time_decode(up_span_of(text));
}

cJSON *sim_strings(sim_list list)
{
    cJSON *array = cJSON_CreateArray();
    for (; list != NULL && *list != NULL; list++) cJSON_AddItemToArray(array, cJSON_CreateString(*list));
    return array;
}

/* Roots */

static bool root_path(char out[SIM_PATH_MAX], const struct sim_repo *r, enum up_repo repo, uint32_t version)
{
    return sim_path(out, "%s/%s/%u.root.json", r->dir, repo == UP_DIRECTOR ? "director" : "repo",
                    (unsigned)version);
}

cJSON *sim_root_newest(struct sim_repo *r, enum up_repo repo, uint32_t *version)
{
    char path[SIM_PATH_MAX];
    uint32_t n = 0;
    while (root_path(path, r, repo, n + 1) && sim_file_exists(path)) n++;
    if (n == 0) {
        sim_say(r->why, "%s: no Root of the %s repository there: create it first", r->dir,
                up_repo_name(repo));
        return NULL;
    }
    struct sim_bytes file;
    if (!root_path(path, r, repo, n) || !sim_file_read(path, &file)) {
        sim_say(r->why, "%s: %s", path, strerror(errno));
        return NULL;
    }
    cJSON *whole = cJSON_ParseWithLength((const char *)file.p, file.n);
    cJSON *body = cJSON_DetachItemFromObjectCaseSensitive(whole, "signed");
    cJSON_Delete(whole);
    sim_bytes_free(&file);
    if (body == NULL) sim_say(r->why, "%s: not a signed JSON file", path);
    *version = n;
    return body;
}

bool sim_root_publish(struct sim_repo *r, enum up_repo repo, cJSON *body, uint32_t version,
                      const struct sim_keys *signers, int64_t now_s)
{
    char path[SIM_PATH_MAX], name[32];
    struct sim_author author = sim_repo_author(r);
    struct sim_bytes file;
    snprintf(name, sizeof name, "%s/root", up_repo_name(repo));
    sim_body_date(body, version, now_s + r->validity_s[UP_ROOT]);
    if (!sim_author_sign(&author, name, body, signers, &file, r->why)) return false;
    bool ok = root_path(path, r, repo, version) && sim_file_write(path, sim_span(&file), 0644);
    if (!ok) sim_say(r->why, "%s: %s", path, strerror(errno));
    sim_bytes_free(&file);
    return ok;
}

cJSON *sim_root_role(const cJSON *root, const char *role)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, "roles"), role);
}

cJSON *sim_keys_list(const struct up_profile *p, cJSON *keys_object, const struct sim_keys *keys)
{
    cJSON *ids = cJSON_CreateArray();
    for (size_t i = 0; i < keys->n; i++) {
        const struct up_key *key = &keys->signer[i].key;
        char id[UP_KEYID_TEXT + 1];
        sim_key_id(key, p, id);
        cJSON_AddItemToArray(ids, cJSON_CreateString(id));
        if (cJSON_GetObjectItemCaseSensitive(keys_object, id) == NULL)
            cJSON_AddItemToObject(keys_object, id, sim_key_object(key, p));
    }
    return ids;
}

bool sim_role_keys(struct sim_repo *r, cJSON *role, cJSON *keys_object, const struct sim_keys *keys,
                   unsigned threshold)
{
    if (threshold == 0) threshold = 1;
    if (threshold > keys->n)
        return sim_say(r->why, "a threshold of %u needs as many keys, there are %zu", threshold, keys->n);
    cJSON_DeleteItemFromObjectCaseSensitive(role, "keyids");
    cJSON_DeleteItemFromObjectCaseSensitive(role, "threshold");
    cJSON_AddItemToObject(role, "keyids", sim_keys_list(r->profile, keys_object, keys));
    cJSON_AddNumberToObject(role, "threshold", threshold);
    return true;
}

/* Creation */

static bool root_create_role(struct sim_repo *r, enum up_repo repo, enum up_role role,
                             const struct sim_plan *plan, cJSON *root, struct sim_keys *keys)
{
    const struct sim_role_plan *p = &plan->role[repo][role];
    const struct sim_key_maker maker = {plan->scheme, plan->rsa_bits, plan->seed};
    unsigned count = p->keys > 0 ? p->keys : 1;
    char base[SIM_PATH_MAX];
    return sim_key_base(base, repo, up_role_name(role)) &&
           sim_keys_create(r->keys, base, &maker, count, keys, r->why) &&
           sim_role_keys(
               r,
               cJSON_AddObjectToObject(cJSON_GetObjectItemCaseSensitive(root, "roles"), up_role_name(role)),
               cJSON_GetObjectItemCaseSensitive(root, "keys"), keys, p->threshold);
}

static bool root_create(struct sim_repo *r, enum up_repo repo, const struct sim_plan *plan, int64_t now_s)
{
    cJSON *root = sim_body_new(r->profile, "root");
    if (!is_deployed(r->profile)) cJSON_AddBoolToObject(root, "consistent_snapshot", true);
    cJSON_AddObjectToObject(root, "keys");
    cJSON_AddObjectToObject(root, "roles");

    struct sim_keys root_keys = {0};
    bool ok = root_create_role(r, repo, UP_ROOT, plan, root, &root_keys);
    enum up_role end = repo == UP_DIRECTOR ? UP_ROLES : UP_TIME;
    for (enum up_role role = UP_ROOT + 1; ok && role < end; role++) {
        struct sim_keys keys = {0};
        ok = root_create_role(r, repo, role, plan, root, &keys);
        sim_keys_close(&keys);
    }
    ok = ok && sim_root_publish(r, repo, root, 1, &root_keys, now_s);
    sim_keys_close(&root_keys);
    cJSON_Delete(root);
    return ok;
}

static bool settings_write(struct sim_repo *r)
{
    char path[SIM_PATH_MAX];
    cJSON *settings = cJSON_CreateObject();
    cJSON *validity = cJSON_AddObjectToObject(settings, "validity_s");
    for (enum up_role role = UP_ROOT; role < UP_TIME; role++)
        cJSON_AddNumberToObject(validity, up_role_name(role), (double)r->validity_s[role]);
    cJSON_AddStringToObject(settings, "profile", r->profile->name);
    cJSON_AddBoolToObject(settings, "sha512", r->sha512);
    char *text = cJSON_Print(settings);
    bool ok = sim_path(path, "%s/settings.json", r->dir) && sim_file_write(path, up_span_of(text), 0644);
    if (!ok) sim_say(r->why, "%s: %s", path, strerror(errno));
    cJSON_free(text);
    cJSON_Delete(settings);
    return ok;
}

bool sim_profile_parse(const char *text, const struct up_profile **out)
{
    const struct up_profile *p = text == NULL ? NULL : up_profile_named(text);
    if (p == NULL || p == &up_profile_tuf) return false;
    *out = p;
    return true;
}

static bool settings_read(struct sim_repo *r)
{
    char path[SIM_PATH_MAX];
    struct sim_bytes file;
    if (!sim_path(path, "%s/settings.json", r->dir) || !sim_file_read(path, &file))
        return sim_say(r->why, "%s: %s: not a repository of isoctane-repo", path, strerror(errno));
    cJSON *settings = cJSON_ParseWithLength((const char *)file.p, file.n);
    sim_bytes_free(&file);
    cJSON *validity = cJSON_GetObjectItemCaseSensitive(settings, "validity_s");
    const cJSON *profile = cJSON_GetObjectItemCaseSensitive(settings, "profile"); /* older ones have none */
    bool ok = sim_profile_parse(profile == NULL ? "strict" : cJSON_GetStringValue(profile), &r->profile);
    if (!ok) sim_say(r->why, "%s: profile must be strict or deployed", path);
    r->sha512 = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(settings, "sha512"));
    for (enum up_role role = UP_ROOT; role < UP_TIME; role++) {
        double s = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(validity, up_role_name(role)));
        if (!(s >= 1 && s <= 1e11)) /* NaN: missing */
            ok = sim_say(r->why, "%s: validity_s.%s must be a number of seconds", path, up_role_name(role));
        else
            r->validity_s[role] = (int64_t)s;
    }
    cJSON_Delete(settings);
    return ok;
}

static bool place(struct sim_repo *r, const char *dir)
{
    *r = (struct sim_repo){0};
    if (sim_path(r->dir, "%s", dir) && sim_path(r->keys, "%s/keys", dir)) return true;
    return sim_say(r->why, "%s: path too long", dir);
}

static bool first_targets(struct sim_repo *r, int64_t now_s)
{
    struct sim_edit e;
    bool ok = sim_edit_begin(&e, r, now_s);
    if (ok) {
        cJSON *targets = sim_body_new(r->profile, "targets");
        cJSON_AddObjectToObject(targets, "targets");
        cJSON_AddItemToObject(e.roles, "targets", targets);
        sim_edit_touch(&e, "targets");
        ok = sim_edit_publish(&e);
    }
    sim_edit_end(&e);
    return ok;
}

enum up_scheme sim_scheme_default(const struct up_profile *p)
{
    return is_deployed(p) ? UP_ED25519 : UP_ECDSA_P256_SHA256;
}

bool sim_repo_create(struct sim_repo *r, const char *dir, const struct sim_plan *plan, int64_t now_s)
{
    char path[SIM_PATH_MAX];
    struct sim_plan p = *plan;
    if (!place(r, dir)) return false;
    if (sim_path(path, "%s/settings.json", dir) && sim_file_exists(path))
        return sim_say(r->why, "%s: there is a repository already", dir);
    r->profile = p.profile != NULL ? p.profile : &up_profile_strict;
    r->sha512 = p.sha512;
    if (p.scheme == UP_SCHEME_NONE) p.scheme = sim_scheme_default(r->profile);
    if (p.scheme == UP_ECDSA_P256_SHA256 && is_deployed(r->profile))
        return sim_say(r->why, "the dialect of deployed backends has no ECDSA keys: take ed25519 or rsa");
    if (p.rsa_bits == 0) p.rsa_bits = 2048;
    for (enum up_role role = UP_ROOT; role < UP_TIME; role++)
        r->validity_s[role] = p.validity_s[role] > 0 ? p.validity_s[role] : default_validity_s[role];
    return root_create(r, UP_DIRECTOR, &p, now_s) && root_create(r, UP_IMAGE, &p, now_s) &&
           first_targets(r, now_s) && settings_write(r);
}

bool sim_repo_open(struct sim_repo *r, const char *dir)
{
    return place(r, dir) && settings_read(r);
}

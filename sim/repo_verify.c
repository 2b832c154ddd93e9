/* The author's own check: what would a vehicle say? */
#include "sim/repo_edit.h"
#include "sim/walk.h"

#include "metadata/encode.h"

#include <errno.h>

struct folder {
    const struct sim_repo *r;
    const char *name;
};

static bool get_file(void *ctx, const char *name, struct sim_bytes *out)
{
    const struct folder *f = ctx;
    char path[SIM_PATH_MAX];
    return sim_path(path, "%s/%s/%s", f->r->dir, f->name, name) && sim_file_read(path, out);
}

static enum up_err check_bytes(struct sim_repo *r, const char *name, const struct up_target *t)
{
    char path[SIM_PATH_MAX], below[SIM_PATH_MAX], hex[2 * UP_SHA256_BYTES + 1] = {0};
    struct sim_bytes file;
    up_hex_encode(t->hashes.sha256, UP_SHA256_BYTES, hex);
    sim_image_name(r->profile, name, hex, below);
    if (!sim_path(path, "%s/repo/%s", r->dir, below) || !sim_file_read(path, &file)) {
        sim_say(r->why, "%s: %s", path, strerror(errno));
        return UP_UNAVAILABLE;
    }
    enum up_err e = UP_OK;
    if (file.n != t->length) e = UP_IMG_LENGTH;
    if (e == UP_OK && !up_hashes_match(&t->hashes, sim_span(&file))) e = UP_IMG_HASH;
    if (e != UP_OK) sim_say(r->why, "%s: %s: %s", path, up_err_name(e), up_err_text(e));
    sim_bytes_free(&file);
    return e;
}

static enum up_err check_image(struct sim_repo *r, const struct up_trust *trust,
                               const struct sim_source *source, struct sim_keep *keep, int64_t now_s,
                               const cJSON *entry)
{
    const cJSON *id;
    const cJSON *ids =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(entry, "custom"), "hardwareIds");
    cJSON_ArrayForEach (id, ids) {
        struct up_target found;
        const char *hardware_id = cJSON_IsString(id) ? id->valuestring : "";
        UP_TRY(sim_walk_search(trust, entry->string, hardware_id, source, keep, now_s, &found, r->why));
        UP_TRY(check_bytes(r, entry->string, &found));
    }
    return UP_OK;
}

/* Every image that any role lists. */
static enum up_err check_images(struct sim_edit *e, const struct up_trust *trust,
                                const struct sim_source *source, unsigned *images)
{
    const cJSON *meta, *entry;
    cJSON_ArrayForEach (meta, cJSON_GetObjectItemCaseSensitive(e->snapshot, "meta")) {
        char role[UP_NAME_MAX + 6];
        const cJSON *body = sim_role_of_meta(role, meta->string) ? sim_edit_role(e, role) : NULL;
        if (body == NULL) return UP_UNAVAILABLE;
        cJSON_ArrayForEach (entry, cJSON_GetObjectItemCaseSensitive(body, "targets")) {
            struct sim_keep keep = {0};
            enum up_err verdict = check_image(e->r, trust, source, &keep, e->now_s, entry);
            sim_keep_free(&keep);
            if (verdict != UP_OK) return verdict;
            (*images)++;
        }
    }
    return UP_OK;
}

static enum up_err verify_image(struct sim_repo *r, int64_t now_s, unsigned *images)
{
    const struct up_policy policy = {
        .profile = r->profile, .limits = &up_limits_primary, .repo = UP_IMAGE, .full = true};
    struct folder folder = {r, "repo"};
    const struct sim_source source = {get_file, &folder};
    struct sim_keep keep = {0};
    struct up_trust trust;
    struct sim_edit e;
    enum up_err verdict = sim_walk(&trust, &policy, &source, &keep, now_s, r->why);
    if (verdict == UP_OK) {
        verdict = sim_edit_begin(&e, r, now_s) ? check_images(&e, &trust, &source, images) : UP_UNAVAILABLE;
        sim_edit_end(&e);
    }
    sim_keep_free(&keep);
    return verdict;
}

/* The Director's Roots only: its other files are per vehicle (sim/director.h). */
static enum up_err verify_director_roots(struct sim_repo *r, int64_t now_s)
{
    const struct up_policy policy = {
        .profile = r->profile, .limits = &up_limits_primary, .repo = UP_DIRECTOR, .full = true};
    struct folder folder = {r, "director"};
    const struct sim_source source = {get_file, &folder};
    struct sim_keep keep = {0};
    struct up_trust trust;
    enum up_err verdict = sim_walk(&trust, &policy, &source, &keep, now_s, r->why);
    sim_keep_free(&keep);
    bool roots_end = verdict == UP_UNAVAILABLE && trust.step != UP_ROOT;
    return roots_end ? UP_OK : verdict;
}

enum up_err sim_repo_verify(struct sim_repo *r, int64_t now_s, unsigned *images)
{
    unsigned n = 0;
    r->why[0] = '\0';
    UP_TRY(verify_director_roots(r, now_s));
    UP_TRY(verify_image(r, now_s, &n));
    r->why[0] = '\0';
    if (images != NULL) *images = n;
    return UP_OK;
}

#include "sim/walk.h"

#include "sim/repo_edit.h"

#include <stdio.h>
#include <stdlib.h>

void sim_keep_free(struct sim_keep *k)
{
    for (size_t i = 0; i < k->n; i++) free(k->p[i]);
    free(k->p);
    *k = (struct sim_keep){0};
}

static bool keep(struct sim_keep *k, void *p)
{
    void **more = realloc(k->p, (k->n + 1) * sizeof *more);
    if (more != NULL) k->p = more;
    if (more == NULL || p == NULL) {
        free(p);
        return false;
    }
    k->p[k->n++] = p;
    return true;
}

/* The file and room for its canonical form, both kept. */
static bool get(const struct sim_source *source, struct sim_keep *k, const char *name, struct up_span *file,
                struct up_buf *room)
{
    struct sim_bytes bytes;
    if (!source->get(source->ctx, name, &bytes) || !keep(k, bytes.p)) return false;
    *file = sim_span(&bytes);
    *room = (struct up_buf){.p = malloc(8 * bytes.n + 1), .cap = 8 * bytes.n};
    return keep(k, room->p);
}

static void file_name(const struct up_policy *policy, const char *role, uint32_t version,
                      char out[SIM_METADATA_NAME])
{
    sim_metadata_name(policy->profile, role, version, out);
}

static enum up_err blame(enum up_err e, const struct up_policy *policy, const char *name,
                         char why[SIM_WHY_MAX])
{
    if (e != UP_OK)
        sim_say(why, "%s/%s: %s: %s", up_repo_name(policy->repo), name, up_err_name(e), up_err_text(e));
    return e;
}

static enum up_err step(struct up_trust *t, const struct up_want *w, const char *name,
                        const struct sim_source *source, struct sim_keep *k, int64_t now_s)
{
    struct up_span file;
    struct up_buf room;
    struct up_trust next;
    if (!get(source, k, name, &file, &room)) {
        if (!w->may_be_absent) return UP_UNAVAILABLE;
        UP_TRY(up_trust_absent(t, now_s, &next));
    } else {
        if (file.n > w->max_bytes) return UP_TOO_LARGE;
        UP_TRY(up_trust_feed(t, file, &room, now_s, &next));
    }
    *t = next;
    return UP_OK;
}

enum up_err sim_walk(struct up_trust *t, const struct up_policy *policy, const struct sim_source *source,
                     struct sim_keep *k, int64_t now_s, char why[SIM_WHY_MAX])
{
    struct up_span root;
    struct up_buf room;
    struct up_want w;
    char name[SIM_METADATA_NAME] = "1.root.json";
    if (!get(source, k, name, &root, &room)) return blame(UP_UNAVAILABLE, policy, name, why);
    enum up_err e = up_trust_init(t, policy, root, &room);
    if (e == UP_OK) up_trust_begin(t);
    while (e == UP_OK && up_trust_want(t, &w)) {
        file_name(policy, up_role_name(w.role), w.version, name);
        e = step(t, &w, name, source, k, now_s);
        if (e == UP_EXPIRED && w.role == UP_ROOT) /* the walk ended: it is the last one */
            file_name(policy, "root", w.version - 1, name);
    }
    return blame(e, policy, name, why);
}

enum up_err sim_walk_search(const struct up_trust *image, const char *name, const char *hardware_id,
                            const struct sim_source *source, struct sim_keep *k, int64_t now_s,
                            struct up_target *out, char why[SIM_WHY_MAX])
{
    struct up_search s;
    struct up_span role;
    struct up_want w;
    char file[SIM_METADATA_NAME] = "", text[UP_NAME_MAX + 1];
    up_search_begin(&s, image, up_span_of(name), up_span_of(hardware_id));
    while (up_search_needs(&s, &role, &w)) {
        struct up_span bytes;
        struct up_buf room;
        snprintf(text, sizeof text, "%.*s", (int)role.n, (const char *)role.p);
        file_name(image->policy, text, w.version, file);
        if (get(source, k, file, &bytes, &room) && bytes.n <= w.max_bytes)
            up_search_feed(&s, bytes, &room, now_s);
        else
            up_search_absent(&s);
    }
    enum up_err e = up_search_verdict(&s, out, &role);
    if (e != UP_OK)
        sim_say(why, "image %s for hardware %s: %s: %s%s%s", name, hardware_id, up_err_name(e),
                up_err_text(e), *file != '\0' ? "; last file read: " : "", file);
    return e;
}

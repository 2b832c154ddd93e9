#include "primary/plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "metadata/encode.h"

#define ROLE_KEY_MAX (UP_NAME_MAX + 16)

static struct up_span span_of(const char *text)
{
    return text == NULL ? (struct up_span){0} : up_span_of(text);
}

static void copy_text(char *out, size_t cap, struct up_span s)
{
    size_t n = s.n < cap - 1 ? s.n : cap - 1;
    if (n > 0) memcpy(out, s.p, n);
    out[n] = '\0';
}

/* Percent-encodes all but '/' and the unreserved characters. */
static void append_encoded(char *out, size_t cap, struct up_span s)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    size_t at = strlen(out);
    for (size_t i = 0; i < s.n && at + 4 < cap; i++) {
        if (s.p[i] != 0 && strchr(plain, s.p[i]) != NULL)
            out[at++] = (char)s.p[i];
        else
            at += (size_t)snprintf(out + at, cap - at, "%%%02X", s.p[i]);
    }
    out[at] = '\0';
}

/* The digest that names the file: consistent snapshots have DIR/HASH.FILE. */
static void append_digest(char *out, size_t cap, const struct up_hashes *h)
{
    char hex[2 * UP_SHA512_BYTES + 1];
    size_t n = h->has_sha256 ? UP_SHA256_BYTES : UP_SHA512_BYTES;
    up_hex_encode(h->has_sha256 ? h->sha256 : h->sha512, n, hex);
    hex[2 * n] = '\0';
    size_t at = strlen(out);
    (void)snprintf(out + at, cap - at, "%s.", hex);
}

void pri_image_path(const struct pri_chain *images, const struct up_target *t, char out[PRI_PATH_MAX])
{
    size_t slash = 0; /* behind the last one */
    for (size_t i = 0; i < t->name.n; i++)
        if (t->name.p[i] == '/') slash = i + 1;
    (void)snprintf(out, PRI_PATH_MAX, "targets/");
    append_encoded(out, PRI_PATH_MAX, (struct up_span){t->name.p, slash});
    if (images->trust.root.versioned) append_digest(out, PRI_PATH_MAX, &t->hashes);
    append_encoded(out, PRI_PATH_MAX, (struct up_span){t->name.p + slash, t->name.n - slash});
}

/* ---- orders ---- */

static bool same_content(const struct up_target *t, const struct pri_installed_image *i)
{
    return t->length == i->length && memcmp(t->hashes.sha256, i->sha256, UP_SHA256_BYTES) == 0;
}

static bool is_installed(const struct up_target *t, const struct pri_installed_image *i)
{
    return i->known && up_span_is(t->name, i->name) && same_content(t, i) &&
           (!t->has_release_counter || !i->has_release_counter || t->release_counter == i->release_counter);
}

/* The last word of a Secondary on itself, and the Primary's own. */
static enum up_err judge_history(const struct pri_plan *p, const struct pri_order *o,
                                 const struct up_ecu *who, const struct pri_installed_image *installed)
{
    const struct up_target *t = &o->director;
    UP_TRY(up_order_check(t, p->director->policy.profile, who));
    /* Two images must not share a name (P-DIR-12). */
    bool reused = installed->known && up_span_is(t->name, installed->name) && !same_content(t, installed);
    return reused ? UP_TARGET_MISMATCH : UP_OK;
}

static struct up_ecu ecu_of(const struct pri_config *c, unsigned member)
{
    struct up_ecu who = {.capacity_bytes = c->image_max_bytes};
    if (member == 0) {
        who.serial = up_span_of(c->serial);
        who.hardware_id = up_span_of(c->hardware_id);
        who.name_pattern = span_of(c->name_pattern);
    } else {
        who.serial = up_span_of(c->ecus[member - 1].serial);
        who.hardware_id = up_span_of(c->ecus[member - 1].hardware_id);
    }
    return who;
}

/* Against what its ECU is, and runs. */
static enum up_err judge(const struct pri_plan *p, struct pri_order *o,
                         const struct pri_installed_image *installed)
{
    const struct up_target *t = &o->director;
    struct up_ecu who = ecu_of(p->config, o->member);
    if (!t->hashes.has_sha256) return UP_UNSUPPORTED; /* reports name images by it */
    if (t->length == 0) return UP_IMG_LENGTH;
    UP_TRY(up_order_check(t, p->director->policy.profile, &who)); /* what we know ourselves */
    who.release_floor = installed->release_floor;
    enum up_err e = judge_history(p, o, &who, installed);
    o->refused = e != UP_OK && o->member != 0;
    return e;
}

static enum up_err add_order(struct pri_plan *p, const struct up_target *t, unsigned member,
                             const char *serial, const struct pri_installed_image *installed)
{
    struct pri_order *o = &p->orders[p->count];
    *o = (struct pri_order){
        .member = member, .director = *t, .bundle = "@", .pending = !is_installed(t, installed)};
    copy_text(o->name, sizeof o->name, t->name);
    if (t->bundle.p != NULL)
        copy_text(o->bundle, sizeof o->bundle, t->bundle);
    else
        copy_text(o->bundle + 1, sizeof o->bundle - 1, up_span_of(serial));
    enum up_err e = judge(p, o, installed);
    if (e == UP_OK || o->refused) p->count++;
    return e;
}

/* Members of a bundle wait for each other. */
static void hold_bundles(struct pri_plan *p)
{
    for (unsigned i = 0; i < p->count; i++)
        for (unsigned k = 0; k < p->count; k++)
            if (p->orders[i].refused && strcmp(p->orders[i].bundle, p->orders[k].bundle) == 0)
                p->orders[k].pending = false;
    for (unsigned i = 0; i < p->count; i++) p->pending += p->orders[i].pending;
}

enum pri_verdict pri_plan_read(struct pri_plan *p, struct pri_chain *director, struct pri_chain *images,
                               const struct pri_config *config, const struct pri_installed_image *installed)
{
    *p = (struct pri_plan){.director = director, .images = images, .config = config};
    up_sha256(director->trust.file[UP_TARGETS].file, p->digest);

    struct up_target_walk walk;
    struct up_target t;
    up_targets_open(&walk, &director->trust.targets, director->policy.profile);
    while (up_targets_next(&walk, &t)) {
        for (unsigned m = 0; m <= config->ecu_count; m++) {
            struct up_span hardware_id;
            const char *serial = m == 0 ? config->serial : config->ecus[m - 1].serial;
            if (!up_target_names_ecu(&t, up_span_of(serial), &hardware_id)) continue;
            const struct pri_order *o = &p->orders[p->count];
            enum up_err e = add_order(p, &t, m, serial, &installed[m]);
            if (e == UP_OK) continue;
            if (!o->refused || p->problem.err == UP_OK)
                pri_problem_set(&p->problem, e, "order of %s for %s: %s", o->name, serial, up_err_text(e));
            if (!o->refused) return PRI_FAILED;
        }
    }
    if (walk.err != UP_OK) {
        pri_problem_set(&p->problem, walk.err, "director targets.json: %s", up_err_text(walk.err));
        return PRI_FAILED;
    }
    hold_bundles(p);
    return p->pending > 0 ? PRI_DONE : p->problem.err != UP_OK ? PRI_FAILED : PRI_NOTHING;
}

/* ---- delegated role files ---- */

/* Only the newest of a role is kept. */
static void role_key(char *out, size_t cap, struct up_span name)
{
    (void)snprintf(out, cap, "image/role/%.*s", (int)name.n, (const char *)name.p);
}

static int find_role(const struct pri_plan *p, struct up_span name)
{
    for (unsigned i = 0; i < p->role_count; i++)
        if (up_span_is(name, p->roles[i].name)) return (int)i;
    return -1;
}

static int keep_role(struct pri_plan *p, struct up_span name, struct up_span bytes)
{
    if (p->role_count == PRI_ROLES_MAX || bytes.n > PRI_ROLES_ROOM - p->role_bytes) return -1;
    if (p->role_count == p->role_room) {
        unsigned room = p->role_room == 0 ? 4 : 2 * p->role_room;
        struct pri_role_file *more = realloc(p->roles, room * sizeof *more);
        if (more == NULL) return -1;
        p->roles = more;
        p->role_room = room;
    }
    struct pri_role_file *r = &p->roles[p->role_count];
    copy_text(r->name, sizeof r->name, name);
    r->unsaved = false;
    if (!pri_blob_take(&r->blob, bytes)) return -1;
    p->role_bytes += bytes.n;
    return (int)p->role_count++;
}

static int load_role(struct pri_plan *p, struct up_span name)
{
    char key[ROLE_KEY_MAX];
    struct up_span bytes;
    role_key(key, sizeof key, name);
    if (pri_state_get(p->images->state, key, &bytes) != UP_OK) return -1;
    int i = keep_role(p, name, bytes);
    free((void *)(uintptr_t)bytes.p);
    return i;
}

static void forget_last_role(struct pri_plan *p)
{
    struct pri_blob *b = &p->roles[--p->role_count].blob;
    p->role_bytes -= b->bytes;
    pri_blob_free(b);
}

/* Shows role file I to the search. Where it needs a sorted form, that stays with it. */
static void feed_role(struct pri_plan *p, struct pri_order *o, int i)
{
    struct pri_role_file *r = &p->roles[i];
    struct up_search before = p->search;
    up_search_feed(&p->search, pri_blob_span(&r->blob), NULL, p->now_s);
    if (!p->search.needs && p->search.cause == UP_NOT_CANONICAL) {
        struct up_buf room = pri_blob_room(&r->blob); /* the same bytes come out every time */
        p->search = before;
        up_search_feed(&p->search, pri_blob_span(&r->blob), &room, p->now_s);
    }
    o->roles[i / 64] |= (uint64_t)1 << i % 64;
}

static bool role_failed(const struct pri_plan *p)
{
    return !p->search.needs && p->search.verdict != UP_OK && p->search.verdict != UP_TARGET_NOT_FOUND;
}

/* What has verified on the edge that asked for it becomes durable when its search is over: in one step, since
 * there may be a thousand. */
static enum up_err save_roles(struct pri_plan *p)
{
    char key[ROLE_KEY_MAX];
    unsigned unsaved = 0;
    for (unsigned i = 0; i < p->role_count; i++) unsaved += p->roles[i].unsaved;
    if (unsaved == 0) return UP_OK;
    UP_TRY(pri_state_begin(p->images->state));
    for (unsigned i = 0; i < p->role_count; i++) {
        struct pri_role_file *r = &p->roles[i];
        role_key(key, sizeof key, up_span_of(r->name));
        if (r->unsaved && pri_state_put(p->images->state, key, pri_blob_span(&r->blob)) != UP_OK) break;
        r->unsaved = false;
    }
    return pri_state_commit(p->images->state); /* knows of every failure before it */
}

static enum pri_verdict give_up(struct pri_plan *p, enum up_err e, const char *name, const char *detail)
{
    pri_problem_set(&p->problem, e, "image %s: %s%s%s", name, up_err_text(e), detail[0] ? ": " : "", detail);
    if (p->transfer != NULL) p->images->fetch->drop(p->images->fetch, p->transfer);
    p->transfer = NULL;
    enum up_err saved = save_roles(p); /* the next cycle need not fetch them again; if not, it does */
    (void)saved;
    return PRI_FAILED;
}

static void begin_search(struct pri_plan *p, struct pri_order *o)
{
    const char *hardware =
        o->member == 0 ? p->config->hardware_id : p->config->ecus[o->member - 1].hardware_id;
    memset(o->roles, 0, sizeof o->roles);
    up_search_begin(&p->search, &p->images->trust, o->director.name, up_span_of(hardware));
    p->searching = true;
}

/* A stored copy that is old or damaged must not block the vehicle: it is forgotten, and the search begins
 * again without it. */
static enum pri_verdict try_stored_role(struct pri_plan *p, struct pri_order *o, int i)
{
    char key[ROLE_KEY_MAX];
    feed_role(p, o, i);
    if (!role_failed(p)) return PRI_DONE;
    role_key(key, sizeof key, up_span_of(p->roles[i].name));
    if (pri_state_remove(p->images->state, key) != UP_OK)
        return give_up(p, UP_STORAGE_WRITE, o->name, "delegated role");
    forget_last_role(p);
    begin_search(p, o);
    return PRI_DONE;
}

static void request_role(struct pri_plan *p, struct up_span role, const struct up_want *w)
{
    const struct up_profile *profile = p->images->policy.profile;
    char path[UP_FILE_NAME_MAX + 16];
    bool folder = profile->relax & UP_RELAX_UNVERSIONED_NAMES; /* deployed: delegations/NAME.json */
    size_t at = folder ? (size_t)snprintf(path, sizeof path, "delegations/") : 0;
    (void)up_file_name(profile, role, w->version, path + at);
    struct pri_request rq = {.server = PRI_IMAGE, .method = "GET", .path = path, .max_bytes = w->max_bytes};
    p->transfer = p->images->fetch->start(p->images->fetch, &rq);
}

static enum up_err take_role(struct pri_plan *p, struct pri_order *o, struct up_span role,
                             const struct pri_answer *a)
{
    if (a->err == UP_UNAVAILABLE) {
        up_search_absent(&p->search);
        return UP_OK;
    }
    UP_TRY(a->err);
    int i = keep_role(p, role, a->body);
    if (i < 0) return UP_DELEGATION_LIMIT;
    feed_role(p, o, i);
    p->roles[i].unsaved = !role_failed(p);
    return UP_OK;
}

/* One role file that the search asks for: held, stored, or fetched. */
static enum pri_verdict serve_search(struct pri_plan *p, struct pri_order *o, struct up_span role,
                                     const struct up_want *w)
{
    struct pri_fetch *fetch = p->images->fetch;
    int i = find_role(p, role);
    if (i >= 0) {
        feed_role(p, o, i);
        return PRI_DONE;
    }
    if (p->transfer == NULL) {
        if ((i = load_role(p, role)) >= 0) return try_stored_role(p, o, i);
        request_role(p, role, w);
        if (p->transfer == NULL) return give_up(p, UP_STORAGE_FULL, o->name, "out of memory");
    }
    struct pri_answer a;
    if (!fetch->done(fetch, p->transfer, &a)) return PRI_WAIT;
    enum up_err e = take_role(p, o, role, &a);
    fetch->drop(fetch, p->transfer);
    p->transfer = NULL;
    return e == UP_OK ? PRI_DONE : give_up(p, e, o->name, a.err != UP_OK ? a.detail : "delegated role");
}

/* What was wrong with a role on the way. */
static const char *cause_of(const struct up_search *s, enum up_err verdict)
{
    return s->cause != UP_OK && s->cause != verdict ? up_err_name(s->cause) : "";
}

enum pri_verdict pri_plan_resolve(struct pri_plan *p, int64_t now_s)
{
    p->now_s = now_s;
    for (; p->at < p->count; p->at++) {
        struct pri_order *o = &p->orders[p->at];
        struct up_target image;
        struct up_span role;
        struct up_want w;
        if (!p->searching) begin_search(p, o);
        while (up_search_needs(&p->search, &role, &w)) {
            enum pri_verdict v = serve_search(p, o, role, &w);
            if (v != PRI_DONE) return v;
        }
        p->searching = false;
        enum up_err e = save_roles(p);
        if (e != UP_OK) return give_up(p, e, o->name, "delegated role");
        e = up_search_verdict(&p->search, &image, &role);
        if (e == UP_OK) e = up_order_match(&o->director, &image, p->director->policy.profile);
        if (e != UP_OK) return give_up(p, e, o->name, cause_of(&p->search, e));
    }
    return PRI_DONE;
}

void pri_plan_close(struct pri_plan *p)
{
    if (p->transfer != NULL) p->images->fetch->drop(p->images->fetch, p->transfer);
    p->transfer = NULL;
    while (p->role_count > 0) forget_last_role(p);
    free(p->roles);
    p->roles = NULL;
    p->role_room = p->count = 0;
}

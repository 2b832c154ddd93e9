#include "primary/parcel.h"

#include <stdio.h>
#include <stdlib.h>

#include "metadata/json.h"

#define ROOM_FACTOR   8
#define ROOTS_AT_ONCE 8 /* as the smallest Secondary takes in one go: docs/pouf.md, section 8 */

void pri_shelf_clear(struct pri_shelf *s)
{
    for (unsigned i = 0; i < s->count; i++) pri_blob_free(&s->item[i].blob);
    s->count = 0;
}

/* No hash binds a Root for its receiver, so it may travel sorted: a small ECU has no room to sort it itself.
 */
static enum up_err sort_root(struct pri_blob *b, const struct up_profile *profile)
{
    struct up_signed s;
    enum up_err e = up_signed_open(pri_blob_span(b), profile, NULL, &s);
    if (e != UP_NOT_CANONICAL) return e;
    size_t cap = ROOM_FACTOR * b->bytes;
    struct up_buf room = {.p = malloc(cap), .cap = cap};
    struct up_writer w = {.p = malloc(cap), .cap = cap};
    e = room.p == NULL || w.p == NULL ? UP_STORAGE_FULL
                                      : up_signed_open(pri_blob_span(b), profile, &room, &s);
    if (e == UP_OK) {
        up_write(&w, "{\"signatures\":");
        up_write_span(&w, s.signatures);
        up_write(&w, ",\"signed\":");
        up_write_span(&w, s.body);
        up_write(&w, "}");
        e = w.full ? UP_LIMIT : UP_OK;
    }
    free(room.p);
    if (e != UP_OK) {
        free(w.p);
        return e;
    }
    free(b->file);
    b->file = w.p;
    b->bytes = w.n;
    return UP_OK;
}

static struct pri_file *add(struct pri_parcel *parcel, const char *path, struct up_span bytes)
{
    struct pri_file *f = &parcel->files[parcel->count++]; /* there is room: see files_for() */
    (void)snprintf(f->path, sizeof f->path, "%s", path);
    f->bytes = bytes;
    return f;
}

/* The stored file of ROLE, from the shelf when another Secondary has needed it before. */
static enum up_err find(struct pri_shelf *shelf, const struct pri_chain *chain, enum up_role role,
                        uint32_t version, const char *path, struct up_span *out)
{
    for (unsigned i = 0; i < shelf->count; i++) {
        if (strcmp(shelf->item[i].path, path) != 0) continue;
        *out = pri_blob_span(&shelf->item[i].blob);
        return UP_OK;
    }
    struct pri_blob b;
    if (shelf->count == PRI_SHELF_MAX) return UP_LIMIT;
    UP_TRY(pri_chain_file(chain, role, version, &b));
    enum up_err e = role == UP_ROOT ? sort_root(&b, chain->policy.profile) : UP_OK;
    if (e != UP_OK) {
        pri_blob_free(&b);
        return e;
    }
    (void)snprintf(shelf->item[shelf->count].path, UDS_PATH_MAX, "%s", path);
    shelf->item[shelf->count++].blob = b;
    *out = pri_blob_span(&b);
    return UP_OK;
}

/* Every Root between the Secondary's and the newest. A small one takes so many at a time. */
static enum up_err add_roots(struct pri_parcel *parcel, struct pri_shelf *shelf,
                             const struct pri_chain *chain, uint32_t held)
{
    const bool director = chain->policy.repo == UP_DIRECTOR;
    const uint32_t newest = chain->trust.root.head.version;
    for (uint32_t before = held; before < newest; before++) {
        const uint32_t v = before + 1;
        char path[UDS_PATH_MAX];
        struct up_span bytes;
        (void)snprintf(path, sizeof path, "%s/root/%u", up_repo_name(chain->policy.repo), (unsigned)v);
        UP_TRY(find(shelf, chain, UP_ROOT, v, path, &bytes));
        struct pri_file *f = add(parcel, path, bytes);
        f->kind = director ? PRI_FILE_DIRECTOR_ROOT : PRI_FILE_IMAGE_ROOT;
        f->version = v;
        f->verify = director && v < newest && (v - held) % ROOTS_AT_ONCE == 0;
    }
    return UP_OK;
}

static enum up_err add_roles(struct pri_parcel *parcel, struct pri_shelf *shelf,
                             const struct pri_chain *chain, enum up_role first)
{
    for (enum up_role r = first; r <= UP_TARGETS; r++) {
        char path[UDS_PATH_MAX];
        struct up_span bytes;
        if (chain->trust.file[r].body.p == NULL) continue; /* a Director without Timestamp and Snapshot */
        (void)snprintf(path, sizeof path, "%s/%s", up_repo_name(chain->policy.repo), up_role_name(r));
        UP_TRY(find(shelf, chain, r, 0, path, &bytes));
        (void)add(parcel, path, bytes);
    }
    return UP_OK;
}

/* The Image repository speaks about images: without one there is nothing that its files could say. */
static enum up_err fill(struct pri_parcel *parcel, struct pri_shelf *shelf, const struct pri_plan *plan,
                        const struct pri_order *order, const struct pri_ecu *ecu, struct up_span attestation)
{
    const bool full = ecu->config->full, images = full && order != NULL;
    UP_TRY(add_roots(parcel, shelf, plan->director, ecu->versions.director_root));
    if (images) UP_TRY(add_roots(parcel, shelf, plan->images, ecu->versions.image_root));
    if (attestation.p != NULL) add(parcel, "time", attestation)->kind = PRI_FILE_TIME;
    UP_TRY(add_roles(parcel, shelf, plan->director, full ? UP_TIMESTAMP : UP_TARGETS));
    if (!images) return UP_OK;
    UP_TRY(add_roles(parcel, shelf, plan->images, UP_TIMESTAMP));
    for (unsigned i = 0; i < plan->role_count; i++) {
        char path[UDS_PATH_MAX];
        if (!pri_order_needs(order, i)) continue;
        (void)snprintf(path, sizeof path, "image/role/%s", plan->roles[i].name);
        (void)add(parcel, path, pri_blob_span(&plan->roles[i].blob));
    }
    return UP_OK;
}

static size_t roots_for(const struct pri_chain *chain, uint32_t held)
{
    uint32_t newest = chain->trust.root.head.version;
    return newest > held ? newest - held : 0;
}

static size_t files_for(const struct pri_plan *plan, const struct pri_ecu *ecu)
{
    return roots_for(plan->director, ecu->versions.director_root) +
           roots_for(plan->images, ecu->versions.image_root) + 2 * UP_TIME + plan->role_count;
}

enum up_err pri_parcel_build(struct pri_parcel *parcel, struct pri_shelf *shelf, const struct pri_plan *plan,
                             const struct pri_order *order, const struct pri_ecu *ecu,
                             struct up_span attestation, int64_t attested_s)
{
    *parcel = (struct pri_parcel){.files = calloc(files_for(plan, ecu), sizeof *parcel->files),
                                  .attested_s = attested_s,
                                  .director_root = ecu->versions.director_root,
                                  .image_root = ecu->versions.image_root,
                                  .must_order = order != NULL};
    if (parcel->files == NULL) return UP_STORAGE_FULL;
    memcpy(parcel->order, plan->digest, sizeof parcel->order);
    enum up_err e = fill(parcel, shelf, plan, order, ecu, attestation);
    if (e != UP_OK) pri_parcel_free(parcel);
    return e;
}

void pri_parcel_free(struct pri_parcel *parcel)
{
    free(parcel->files);
    *parcel = (struct pri_parcel){0};
}

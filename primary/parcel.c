#include "primary/parcel.h"

#include <stdio.h>
#include <stdlib.h>

#include "metadata/json.h"

#define ROOM_FACTOR 8
#define FILES_MAX   (PRI_ROLES_MAX + PRI_SHELF_MAX)

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

static enum up_err add(struct pri_parcel *parcel, const char *path, struct up_span bytes)
{
    if (parcel->count == FILES_MAX) return UP_LIMIT;
    struct pri_file *f = &parcel->files[parcel->count++];
    (void)snprintf(f->path, sizeof f->path, "%s", path);
    f->bytes = bytes;
    return UP_OK;
}

static enum up_err add_stored(struct pri_parcel *parcel, struct pri_shelf *shelf,
                              const struct pri_chain *chain, enum up_role role, uint32_t version)
{
    char path[UDS_PATH_MAX];
    if (role == UP_ROOT)
        (void)snprintf(path, sizeof path, "%s/root/%u", up_repo_name(chain->policy.repo), (unsigned)version);
    else
        (void)snprintf(path, sizeof path, "%s/%s", up_repo_name(chain->policy.repo), up_role_name(role));
    for (unsigned i = 0; i < shelf->count; i++)
        if (strcmp(shelf->item[i].path, path) == 0)
            return add(parcel, path, pri_blob_span(&shelf->item[i].blob));

    struct pri_blob b;
    if (shelf->count == PRI_SHELF_MAX) return UP_LIMIT;
    UP_TRY(pri_chain_file(chain, role, version, &b));
    enum up_err e = role == UP_ROOT ? sort_root(&b, chain->policy.profile) : UP_OK;
    if (e != UP_OK) {
        pri_blob_free(&b);
        return e;
    }
    (void)snprintf(shelf->item[shelf->count].path, UDS_PATH_MAX, "%s", path);
    shelf->item[shelf->count].blob = b;
    return add(parcel, path, pri_blob_span(&shelf->item[shelf->count++].blob));
}

static enum up_err add_chain(struct pri_parcel *parcel, struct pri_shelf *shelf,
                             const struct pri_chain *chain, uint32_t root_held, bool full)
{
    for (uint32_t v = root_held; v < chain->trust.root.head.version; v++)
        UP_TRY(add_stored(parcel, shelf, chain, UP_ROOT, v + 1));
    for (enum up_role r = full ? UP_TIMESTAMP : UP_TARGETS; r <= UP_TARGETS; r++)
        if (chain->trust.file[r].body.p != NULL) UP_TRY(add_stored(parcel, shelf, chain, r, 0));
    return UP_OK;
}

static enum up_err fill(struct pri_parcel *parcel, struct pri_shelf *shelf, const struct pri_plan *plan,
                        const struct pri_order *order, const struct pri_ecu *ecu, struct up_span attestation)
{
    if (attestation.p != NULL) UP_TRY(add(parcel, "time", attestation));
    UP_TRY(add_chain(parcel, shelf, plan->director, ecu->versions.director_root, ecu->config->full));
    if (!ecu->config->full) return UP_OK;
    if (plan->images->trust.file[UP_TARGETS].body.p == NULL) return UP_OK; /* nothing was ever ordered */
    UP_TRY(add_chain(parcel, shelf, plan->images, ecu->versions.image_root, true));
    for (unsigned i = 0; order != NULL && i < plan->role_count; i++) {
        if (!(order->roles >> i & 1)) continue;
        char path[UDS_PATH_MAX];
        (void)snprintf(path, sizeof path, "image/role/%s", plan->roles[i].name);
        UP_TRY(add(parcel, path, pri_blob_span(&plan->roles[i].blob)));
    }
    return UP_OK;
}

enum up_err pri_parcel_build(struct pri_parcel *parcel, struct pri_shelf *shelf, const struct pri_plan *plan,
                             const struct pri_order *order, const struct pri_ecu *ecu,
                             struct up_span attestation)
{
    *parcel =
        (struct pri_parcel){.files = calloc(FILES_MAX, sizeof *parcel->files), .must_order = order != NULL};
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

#include "primary/chain_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "metadata/encode.h"
#include "metadata/json.h"

#define FLOORS_TEXT_MAX 1024

/* ---- files ---- */

static const char *key_of(char *out, size_t cap, enum up_repo repo, enum up_role role, uint32_t version)
{
    if (role == UP_ROOT)
        (void)snprintf(out, cap, "%s/root/%010u", up_repo_name(repo), (unsigned)version);
    else
        (void)snprintf(out, cap, "%s/%s", up_repo_name(repo), up_role_name(role));
    return out;
}

enum up_err pri_store_file(const struct pri_chain *c, enum up_role role, uint32_t version,
                           struct pri_blob *out)
{
    char key[64];
    struct up_span value;
    *out = (struct pri_blob){0};
    UP_TRY(pri_state_get(c->state, key_of(key, sizeof key, c->policy.repo, role, version), &value));
    out->file = (uint8_t *)(uintptr_t)value.p;
    out->bytes = value.n;
    return UP_OK;
}

enum up_err pri_store_put(struct pri_chain *c, enum up_role role, uint32_t version, struct up_span file)
{
    char key[64];
    return pri_state_put(c->state, key_of(key, sizeof key, c->policy.repo, role, version), file);
}

/* ---- floors ---- */

enum up_err pri_store_floors(struct pri_chain *c, const struct up_floors *f)
{
    uint8_t text[FLOORS_TEXT_MAX];
    struct up_writer w = {.p = text, .cap = sizeof text};
    up_write(&w, "{\"named_snapshot\":");
    up_write_int(&w, f->named_snapshot);
    for (enum up_role r = UP_ROOT; r < UP_TIME; r++) {
        up_write(&w, ",\"");
        up_write(&w, up_role_name(r));
        up_write(&w, "\":{\"digest\":");
        up_write_hex(&w, f->mark[r].digest, UP_SHA256_BYTES);
        up_write(&w, ",\"version\":");
        up_write_int(&w, f->mark[r].version);
        up_write(&w, "}");
    }
    up_write(&w, "}");
    char key[64];
    (void)snprintf(key, sizeof key, "%s/floors", up_repo_name(c->policy.repo));
    return w.full ? UP_STORAGE_WRITE : pri_state_put(c->state, key, up_written(&w));
}

static bool read_number(struct up_span text, const char *name, uint32_t *out)
{
    struct up_span value;
    struct up_json j;
    if (!up_json_find(text, name, &value)) return false;
    up_json_open(&j, value);
    *out = (uint32_t)up_json_int(&j, 0, UP_VERSION_MAX);
    return j.err == UP_OK;
}

static bool read_mark(struct up_span text, const char *role, struct up_mark *m)
{
    struct up_span mark, value;
    if (!up_json_find(text, role, &mark) || !up_json_find(mark, "digest", &value) || value.n < 2)
        return false;
    value = (struct up_span){value.p + 1, value.n - 2}; /* without quotes */
    return read_number(mark, "version", &m->version) &&
           up_hex_decode(value, m->digest, sizeof m->digest) == UP_SHA256_BYTES;
}

/* UNAVAILABLE: none were ever stored. */
static enum up_err load_floors(const struct pri_chain *c, struct up_floors *out)
{
    char key[64];
    struct up_span text;
    struct up_floors f = {0};
    (void)snprintf(key, sizeof key, "%s/floors", up_repo_name(c->policy.repo));
    UP_TRY(pri_state_get(c->state, key, &text));
    bool good = read_number(text, "named_snapshot", &f.named_snapshot);
    for (enum up_role r = UP_ROOT; r < UP_TIME && good; r++)
        good = read_mark(text, up_role_name(r), &f.mark[r]);
    free((void *)(uintptr_t)text.p);
    if (!good) return UP_STORAGE_CORRUPT;
    *out = f;
    return UP_OK;
}

/* ---- Root ---- */

static void note_damage(struct pri_chain *c, const char *what)
{
    if (c->damage.err == UP_OK)
        pri_problem_set(&c->damage, UP_STORAGE_CORRUPT, "%s %s: %s", up_repo_name(c->policy.repo), what,
                        up_err_text(UP_STORAGE_CORRUPT));
}

/* Takes B over when it is a Root to start from. */
static enum up_err trust_root(struct pri_chain *c, struct pri_blob *b)
{
    enum up_err e = up_trust_init(&c->trust, &c->policy, pri_blob_span(b), NULL);
    if (e == UP_NOT_CANONICAL) {
        struct up_buf room = pri_blob_room(b);
        e = up_trust_init(&c->trust, &c->policy, pri_blob_span(b), &room);
    }
    if (e != UP_OK) {
        pri_blob_free(b);
        return e;
    }
    pri_blob_free(&c->trusted[UP_ROOT]);
    c->trusted[UP_ROOT] = *b;
    return UP_OK;
}

static bool trust_stored_root(struct pri_chain *c, uint32_t version)
{
    struct pri_blob b;
    return pri_store_file(c, UP_ROOT, version, &b) == UP_OK && trust_root(c, &b) == UP_OK &&
           c->trust.root.head.version == version;
}

static enum up_err read_plant(const char *path, size_t max, struct pri_blob *out)
{
    *out = (struct pri_blob){0};
    FILE *f = fopen(path, "rb");
    if (f == NULL) return UP_UNAVAILABLE;
    out->file = malloc(max + 1);
    if (out->file != NULL) out->bytes = fread(out->file, 1, max + 1, f);
    bool good = out->file != NULL && !ferror(f) && out->bytes <= max;
    (void)fclose(f);
    if (good) return UP_OK;
    pri_blob_free(out);
    return UP_TOO_LARGE;
}

/* The plant's Root is kept like all others, for Secondaries that are as old. */
static enum up_err trust_plant(struct pri_chain *c, const char *path)
{
    struct pri_blob b, kept;
    enum up_err e = read_plant(path, c->policy.limits->root_bytes, &b);
    if (e == UP_OK) e = trust_root(c, &b);
    if (e != UP_OK) {
        pri_problem_set(&c->problem, UP_CONFIG, "%s: %s", path,
                        e == UP_UNAVAILABLE ? "cannot be read; provision the vehicle's first Root there"
                                            : up_err_text(e));
        return UP_CONFIG;
    }
    const uint32_t version = c->trust.root.head.version;
    e = pri_store_file(c, UP_ROOT, version, &kept);
    pri_blob_free(&kept);
    return e == UP_OK ? UP_OK : pri_store_put(c, UP_ROOT, version, pri_blob_span(&c->trusted[UP_ROOT]));
}

/* ---- the other files ---- */

static enum up_err restore_file(struct pri_chain *c, enum up_role role)
{
    struct pri_blob b;
    UP_TRY(pri_store_file(c, role, 0, &b));
    enum up_err e = up_trust_restore_file(&c->trust, role, pri_blob_span(&b), NULL);
    if (e == UP_NOT_CANONICAL) {
        struct up_buf room = pri_blob_room(&b);
        e = up_trust_restore_file(&c->trust, role, pri_blob_span(&b), &room);
    }
    if (e == UP_OK)
        c->trusted[role] = b;
    else
        pri_blob_free(&b);
    return e;
}

/* A file without a floor is one whose keys were replaced. */
static void restore_files(struct pri_chain *c)
{
    for (enum up_role r = UP_TIMESTAMP; r < UP_TIME; r++)
        if (c->trust.floors.mark[r].version > 0 && restore_file(c, r) != UP_OK)
            note_damage(c, up_role_name(r));
}

/* ---- floors that were lost ---- */

static bool last_root(void *ctx, const char *key, struct up_span value)
{
    (void)value;
    const char *digits = strrchr(key, '/');
    *(uint32_t *)ctx = (uint32_t)strtoul(digits + 1, NULL, 10);
    return true;
}

/* The stored files are then the best witnesses of how far we were. */
static struct up_floors floors_of_files(const struct pri_chain *c)
{
    struct up_floors f = c->trust.floors; /* of the Root */
    for (enum up_role r = UP_TIMESTAMP; r < UP_TIME; r++) {
        struct pri_blob b;
        if (pri_store_file(c, r, 0, &b) != UP_OK) continue;
        struct up_buf room = pri_blob_room(&b);
        (void)up_trust_witness(&c->trust, r, pri_blob_span(&b), &room, &f);
        pri_blob_free(&b);
    }
    return f;
}

static uint32_t newest_root(const struct pri_chain *c)
{
    char prefix[64];
    uint32_t version = 0;
    (void)snprintf(prefix, sizeof prefix, "%s/root/", up_repo_name(c->policy.repo));
    enum up_err e = pri_state_each(c->state, prefix, last_root, &version);
    return e == UP_OK || e == UP_STORAGE_CORRUPT ? version : 0;
}

enum up_err pri_store_restore(struct pri_chain *c, const char *plant)
{
    struct up_floors floors = {0};
    enum up_err e = load_floors(c, &floors);
    const bool first = e == UP_UNAVAILABLE, lost = e == UP_STORAGE_CORRUPT;
    if (e != UP_OK && !first && !lost) return e;
    if (lost) note_damage(c, "floors");

    uint32_t version = lost ? newest_root(c) : floors.mark[UP_ROOT].version;
    bool there = version > 0 && trust_stored_root(c, version);
    while (lost && !there && --version > 0) there = trust_stored_root(c, version);
    if (!there && !first) note_damage(c, "root");
    if (!there) UP_TRY(trust_plant(c, plant));

    if (lost) floors = floors_of_files(c);
    if (!first) (void)up_trust_restore(&c->trust, &floors);
    restore_files(c);
    return lost ? pri_store_floors(c, &floors) : UP_OK;
}

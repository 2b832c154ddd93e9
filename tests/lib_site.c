#include "tests/lib_site.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static enum up_err know_ecu(void *ctx, struct up_span serial, struct up_span hardware_id)
{
    static const char *const ecus[][2] = {{"tcu", "tcu-hw"}, {"brake", "brake-hw"}, {"radio", "radio-hw"}};
    (void)ctx;
    for (size_t i = 0; i < sizeof ecus / sizeof *ecus; i++)
        if (up_span_is(serial, ecus[i][0])) return up_span_is(hardware_id, ecus[i][1]) ? UP_OK : UP_IMG_HWID;
    return UP_DIR_UNKNOWN_ECU;
}

static void open_chains(struct site *s)
{
    for (enum up_repo r = UP_DIRECTOR; r <= UP_IMAGE; r++) {
        struct pri_chain *c = &s->chain[r];
        *c = (struct pri_chain){
            .policy = {.vehicle_id = UP_SPAN("VIN-1"), .judge_ecu = r == UP_DIRECTOR ? know_ecu : NULL}};
        IS(pri_chain_open(c, r, &s->config[r], s->state, &s->net.port), UP_OK);
    }
}

static void close_chains(struct site *s)
{
    for (enum up_repo r = UP_DIRECTOR; r <= UP_IMAGE; r++) pri_chain_close(&s->chain[r]);
    lib_fetch_end(&s->net);
}

void site_open(struct site *s, const struct up_profile *p)
{
    char why[200];
    memset(s, 0, sizeof *s);
    s->folder = folder_make();
    s->now_s = AUTHOR_NOW;
    lib_fetch_init(&s->net);
    for (enum up_repo r = UP_DIRECTOR; r <= UP_IMAGE; r++) {
        s->author[r] = author_of(p, r == UP_DIRECTOR ? "VIN-1" : NULL);
        for (enum up_role role = UP_ROOT; role < UP_ROLES && r == UP_IMAGE; role++)
            s->author[r].ring[role].keys = KEY(8 + role);
        s->root_version[r] = 1;
        s->config[r] = (struct pri_repo_config){
            .root = author_text("%s/%s.root.json", s->folder.path, up_repo_name(r)), .profile = p};
        struct up_span root = author_root(&s->author[r], 1);
        folder_write(s->config[r].root, root.p, root.n);
    }
    s->state = pri_state_open(":memory:", why, sizeof why);
    ck_assert_msg(s->state != NULL, "%s", why);
    open_chains(s);
}

void site_close(struct site *s)
{
    close_chains(s);
    pri_state_close(s->state);
    folder_remove(&s->folder);
}

void site_restart(struct site *s)
{
    close_chains(s);
    open_chains(s);
}

const char *site_state_path(const struct site *s)
{
    return author_text("%s/state.db", s->folder.path);
}

void site_use_file(struct site *s)
{
    char why[200];
    close_chains(s);
    pri_state_close(s->state);
    s->state = pri_state_open(site_state_path(s), why, sizeof why);
    ck_assert_msg(s->state != NULL, "%s", why);
    open_chains(s);
}

struct up_span site_next_root(struct site *s, enum up_repo repo, uint32_t old_keys)
{
    struct author a = s->author[repo];
    a.signers[UP_ROOT] = a.ring[UP_ROOT].keys | old_keys;
    struct up_span file = author_root(&a, ++s->root_version[repo]);
    shelf_put(&s->net.shelf[repo], author_text("%u.root.json", s->root_version[repo]), file);
    return file;
}

void site_publish_with(struct site *s, enum up_repo repo, unsigned version, const char *images,
                       const char *extra, const char *meta)
{
    const struct author *a = &s->author[repo];
    struct up_span targets = author_file(a, UP_TARGETS, author_targets_body(a, version, images, extra));
    shelf_publish(&s->net.shelf[repo], a, version, targets, version, meta);
}

void site_publish(struct site *s, enum up_repo repo, unsigned version)
{
    site_publish_with(s, repo, version,
                      repo == UP_DIRECTOR ? author_order("fw", "brake", "brake-hw", version)
                                          : author_image("fw", "brake-hw", version),
                      "", "");
}

enum pri_verdict site_walk(struct site *s, enum up_repo repo)
{
    enum pri_verdict v;
    pri_chain_begin(&s->chain[repo], s->now_s);
    while ((v = pri_chain_step(&s->chain[repo])) == PRI_WAIT) {
    }
    lib_fetch_end(&s->net);
    return v;
}

void site_refused(struct site *s, enum up_repo repo, enum up_err want, const char *file)
{
    struct up_trust before = s->chain[repo].trust;
    struct site_digest stored = site_stored(s);
    ck_assert_int_eq(site_walk(s, repo), PRI_FAILED);
    IS(s->chain[repo].problem.err, want);
    const char *where = author_text("%s %s: ", up_repo_name(repo), file);
    ck_assert_msg(strncmp(s->chain[repo].problem.what, where, strlen(where)) == 0, "%s",
                  s->chain[repo].problem.what);
    ck_assert_mem_eq(&s->chain[repo].trust, &before, sizeof before);
    ck_assert_mem_eq(site_stored(s).bytes, stored.bytes, UP_SHA256_BYTES);
}

void site_accepted(struct site *s, enum up_repo repo, unsigned version)
{
    ck_assert_msg(site_walk(s, repo) != PRI_FAILED, "%s", s->chain[repo].problem.what);
    ck_assert_uint_eq(s->chain[repo].trust.targets.head.version, version);
}

static bool add(void *ctx, const char *key, struct up_span value)
{
    up_hash_add(ctx, (struct up_span){(const uint8_t *)key, strlen(key) + 1});
    up_hash_add(ctx, value);
    return true;
}

struct site_digest site_stored(struct site *s)
{
    struct site_digest d;
    struct up_hash h;
    up_hash_begin(&h, UP_SHA256);
    enum up_err e = pri_state_each(s->state, "", add, &h);
    ck_assert(e == UP_OK || e == UP_STORAGE_CORRUPT); /* what is damaged is left out */
    up_hash_end(&h, d.bytes);
    return d;
}

bool site_holds(struct site *s, const char *key)
{
    struct up_span value;
    if (pri_state_get(s->state, key, &value) != UP_OK) return false;
    free((void *)(uintptr_t)value.p);
    return true;
}

#include "tests/lib_rig.h"

#include <check.h>

static enum up_err know_ecu(void *ctx, struct up_span serial, struct up_span hardware_id)
{
    (void)ctx;
    if (!up_span_is(serial, "ecu-1") && !up_span_is(serial, "ecu-2")) return UP_DIR_UNKNOWN_ECU;
    return up_span_is(hardware_id, "hw-1") ? UP_OK : UP_IMG_HWID;
}

void rig_up(struct rig *r, enum up_repo repo, const struct up_profile *p)
{
    memset(r, 0, sizeof *r);
    r->author = author_of(p, repo == UP_DIRECTOR ? "VIN-1" : NULL);
    r->policy = (struct up_policy){.profile = p,
                                   .limits = &up_limits_primary,
                                   .repo = repo,
                                   .full = true,
                                   .vehicle_id = UP_SPAN("VIN-1"),
                                   .judge_ecu = know_ecu};
    r->now_s = AUTHOR_NOW;
    r->root_version = 1;
    IS(up_trust_init(&r->trust, &r->policy, author_root(&r->author, 1), NULL), UP_OK);
}

struct rig *rig_director(void)
{
    static struct rig r;
    rig_up(&r, UP_DIRECTOR, &up_profile_strict);
    return &r;
}

struct rig *rig_image(void)
{
    static struct rig r;
    rig_up(&r, UP_IMAGE, &up_profile_strict);
    return &r;
}

struct rig *rig_partial(void)
{
    struct rig *r = rig_director();
    r->policy.full = false;
    return r;
}

struct up_span rig_some_targets(const struct rig *r, unsigned version)
{
    const char *list = r->policy.repo == UP_DIRECTOR ? author_order("fw.img", "ecu-1", "hw-1", version)
                                                     : author_image("fw.img", "hw-1", version);
    return author_targets(&r->author, version, list);
}

void rig_publish_both(struct rig *r, unsigned version, unsigned targets_version)
{
    struct up_span targets = rig_some_targets(r, targets_version);
    if (!r->policy.full) shelf_put(&r->shelf, "targets.json", targets);
    shelf_publish(&r->shelf, &r->author, version, targets, targets_version, "");
}

void rig_publish(struct rig *r, unsigned version)
{
    rig_publish_both(r, version, version);
}

enum up_err rig_cycle(struct rig *r)
{
    r->shelf.log[0] = 0;
    return shelf_walk(&r->shelf, &r->trust, r->now_s);
}

void rig_refused(struct rig *r, enum up_err want)
{
    struct up_trust before = r->trust;
    IS(rig_cycle(r), want);
    ck_assert_mem_eq(&r->trust, &before, sizeof before);
}

void rig_heals(struct rig *r, unsigned version)
{
    rig_publish(r, version);
    IS(rig_cycle(r), UP_OK);
    ck_assert_uint_eq(r->trust.targets.head.version, version);
}

struct up_span rig_next_root(struct rig *r, uint32_t old_keys)
{
    struct author a = r->author;
    a.signers[UP_ROOT] = a.ring[UP_ROOT].keys | old_keys;
    struct up_span file = author_root(&a, ++r->root_version);
    shelf_put(&r->shelf, author_text("%u.root.json", r->root_version), file);
    return file;
}

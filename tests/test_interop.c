/* Repositories that somebody else's backend wrote (tests/interop/README.md), verified whole: both chains,
 * every order resolved through delegations, both repositories agreeing, images hashed. */
#include "tests/suite.h"

#include <stdio.h>
#include <sys/stat.h>

#include "metadata/match.h"
#include "tests/lib_author.h"

#define FOLDER "tests/interop/"

static struct up_span load(const char *path)
{
    FILE *f = fopen(author_text(FOLDER "%s", path), "rb");
    if (f == NULL) return (struct up_span){0};
    struct up_buf room = author_room(); /* a megabyte: the largest image is exactly that */
    size_t n = fread(room.p, 1, room.cap, f);
    fclose(f);
    return (struct up_span){room.p, n};
}

static enum up_err know_ecu(void *ctx, struct up_span serial, struct up_span hardware_id)
{
    (void)ctx;
    bool primary = up_span_is(serial, "PRIMARY-SERIAL-1");
    if (!primary && !up_span_is(serial, "SECONDARY-SERIAL-1")) return UP_DIR_UNKNOWN_ECU;
    return up_span_is(hardware_id, primary ? "primary-hw" : "secondary-hw") ? UP_OK : UP_IMG_HWID;
}

static void verify_chain(const char *folder, struct up_policy *policy, struct up_trust *t)
{
    struct up_want w;
    struct up_trust next;
    struct up_buf room = author_room();
    policy->profile = &up_profile_deployed;
    policy->limits = &up_limits_primary;
    policy->full = true;
    policy->judge_ecu = know_ecu;
    ck_assert_int_eq(up_trust_init(t, policy, load(author_text("%s/1.root.json", folder)), &room), UP_OK);
    up_trust_begin(t);
    while (up_trust_want(t, &w)) {
        char name[UP_FILE_NAME_MAX];
        up_file_name(policy->profile, up_span_of(up_role_name(w.role)), w.version, name);
        struct up_span file = load(author_text("%s/%s", folder, name));
        struct up_buf more = author_room();
        enum up_err e = file.p == NULL ? up_trust_absent(t, AUTHOR_NOW, &next)
                                       : up_trust_feed(t, file, &more, AUTHOR_NOW, &next);
        ck_assert_msg(e == UP_OK, "%s/%s: %s", folder, name, up_err_name(e));
        t = memcpy(t, &next, sizeof next);
    }
}

static void verify_order(const char *scenario, const struct up_trust *director, const struct up_trust *image,
                         const char *serial, const char *hardware, const char *by_role)
{
    const struct up_profile *p = &up_profile_deployed;
    struct up_target order, signed_by_image;
    struct up_search s;
    struct up_span role;
    struct up_want w;
    struct up_ecu ecu = {up_span_of(serial), up_span_of(hardware), {0}, 0, 1 << 20};
    ck_assert_int_eq(up_order_find(&director->targets, p, ecu.serial, &order), UP_OK);
    ck_assert_int_eq(up_order_check(&order, p, &ecu), UP_OK);

    up_search_begin(&s, image, order.name, ecu.hardware_id);
    while (up_search_needs(&s, &role, &w)) {
        char name[UP_FILE_NAME_MAX];
        up_file_name(p, role, w.version, name);
        struct up_buf room = author_room();
        up_search_feed(&s, load(author_text("%s/repo/delegations/%s", scenario, name)), &room, AUTHOR_NOW);
    }
    ck_assert_int_eq(up_search_verdict(&s, &signed_by_image, &role), UP_OK);
    ck_assert_msg(up_span_is(role, by_role), "%.*s", TEXT(role));
    ck_assert_int_eq(up_order_match(&order, &signed_by_image, p), UP_OK);

    struct up_span bytes = load(author_text("%s/repo/targets/%.*s", scenario, TEXT(order.name)));
    ck_assert_uint_eq(bytes.n, order.length);
    ck_assert(order.hashes.has_sha256 && order.hashes.has_sha512 && up_hashes_match(&order.hashes, bytes));
}

static const struct scenario {
    const char *folder;
    uint32_t root_version;
    const char *primary_role, *secondary_role; /* who signs the image */
} scenarios[] = {
    {"s1-primary-10k", 1, "targets", NULL},
    {"s4-primary-and-secondary-delegated", 1, "targets", "supplier-a-ecu"},
    {"s6-rotated", 2, "targets", "supplier-b"},
};

START_TEST(repositories_of_a_deployed_backend_verify_whole)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        const struct scenario *s = &scenarios[i];
        struct up_policy of_director = {.repo = UP_DIRECTOR, .vehicle_id = UP_SPAN("any")};
        struct up_policy of_image = {.repo = UP_IMAGE};
        struct up_trust director, image;
        verify_chain(author_text("%s/director", s->folder), &of_director, &director);
        verify_chain(author_text("%s/repo", s->folder), &of_image, &image);
        ck_assert_uint_eq(director.root.head.version, s->root_version);
        ck_assert_uint_eq(image.root.head.version, s->root_version);
        verify_order(s->folder, &director, &image, "PRIMARY-SERIAL-1", "primary-hw", s->primary_role);
        if (s->secondary_role != NULL)
            verify_order(s->folder, &director, &image, "SECONDARY-SERIAL-1", "secondary-hw",
                         s->secondary_role);
    }
}
END_TEST

/* The second Root of s6 arrives indented: it needs room to be sorted, and says so. */
START_TEST(an_indented_root_is_refused_without_room_and_accepted_with_it)
{
    struct up_policy policy = {
        .profile = &up_profile_deployed, .limits = &up_limits_primary, .repo = UP_IMAGE};
    struct up_trust t, next;
    struct up_buf room = author_room();
    ck_assert_int_eq(up_trust_init(&t, &policy, load("s6-rotated/repo/1.root.json"), NULL), UP_OK);
    up_trust_begin(&t);
    struct up_span second = load("s6-rotated/repo/2.root.json");
    ck_assert_int_eq(up_trust_feed(&t, second, NULL, AUTHOR_NOW, &next), UP_NOT_CANONICAL);
    ck_assert_int_eq(up_trust_feed(&t, second, &room, AUTHOR_NOW, &next), UP_OK);
}
END_TEST

SUITE("interop", repositories_of_a_deployed_backend_verify_whole,
      an_indented_root_is_refused_without_room_and_accepted_with_it)

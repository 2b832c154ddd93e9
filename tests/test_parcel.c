/* What a Secondary needs to verify for itself, and no more. */
#include "primary/parcel.h"
#include "tests/suite.h"

#include <stdio.h>

#include "tests/lib_site.h"

static struct site site;
static struct pri_shelf shelf;
static struct pri_plan plan;
static struct pri_ecu ecu;
static struct pri_ecu_config config;
static struct pri_parcel parcel;

static void begin(void)
{
    site_open(&site, &up_profile_strict);
    config = (struct pri_ecu_config){.full = true, .profile = &up_profile_strict};
    ecu = (struct pri_ecu){.config = &config, .versions = {.director_root = 1, .image_root = 1}};
    plan = (struct pri_plan){.director = &site.chain[UP_DIRECTOR], .images = &site.chain[UP_IMAGE]};
}

static void end(void)
{
    pri_parcel_free(&parcel);
    pri_shelf_clear(&shelf);
    site_close(&site);
}

/* "time director/targets "; a file behind which the Secondary verifies is followed by "| ". */
static const char *build(const struct pri_order *order, struct up_span attestation)
{
    const char *list = "";
    pri_parcel_free(&parcel);
    IS(pri_parcel_build(&parcel, &shelf, &plan, order, &ecu, attestation, 1234), UP_OK);
    for (unsigned i = 0; i < parcel.count; i++)
        list = author_text("%s%s %s", list, parcel.files[i].path, parcel.files[i].verify ? "| " : "");
    return list;
}

static void publish_roots(enum up_repo repo, unsigned n)
{
    for (unsigned i = 0; i < n; i++) (void)site_next_root(&site, repo, 0);
    site_publish(&site, repo, 7);
    site_accepted(&site, repo, 7);
}

/* P-DIST-02, P-DIST-04, P-DIST-05 */
START_TEST(the_set_is_the_smallest_for_its_kind)
{
    begin();
    publish_roots(UP_DIRECTOR, 0);
    publish_roots(UP_IMAGE, 0);
    plan.role_count = 3;
    plan.roles = calloc(3, sizeof *plan.roles);
    ck_assert_ptr_nonnull(plan.roles);
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(plan.roles[i].name, sizeof plan.roles[i].name, "supplier/%u", i);
        ck_assert(pri_blob_take(&plan.roles[i].blob, UP_SPAN("role")));
    }
    const struct pri_order order = {.member = 1, .roles = {5}};
    struct up_span time = UP_SPAN("the time");
    ck_assert_str_eq(build(&order, time),
                     "time director/timestamp director/snapshot director/targets image/timestamp "
                     "image/snapshot image/targets image/role/supplier/0 image/role/supplier/2 ");
    ck_assert(parcel.must_order);
    ck_assert_int_eq(parcel.attested_s, 1234);
    ck_assert_int_eq(parcel.files[0].kind, PRI_FILE_TIME);
    ck_assert(up_span_is(parcel.files[0].bytes, "the time"));
    struct pri_blob targets; /* as served: its digest names the order */
    IS(pri_chain_file(&site.chain[UP_DIRECTOR], UP_TARGETS, 0, &targets), UP_OK);
    ck_assert(up_span_eq(parcel.files[3].bytes, pri_blob_span(&targets)));
    pri_blob_free(&targets);

    ck_assert_str_eq(build(NULL, time), "time director/timestamp director/snapshot director/targets ");
    ck_assert(!parcel.must_order);
    ck_assert_str_eq(build(NULL, (struct up_span){0}),
                     "director/timestamp director/snapshot director/targets ");
    config.full = false;
    ck_assert_str_eq(build(&order, time), "time director/targets ");
    for (unsigned i = 0; i < 3; i++) pri_blob_free(&plan.roles[i].blob);
    free(plan.roles);
    end();
}
END_TEST

/* P-DIST-05: however many there are. */
START_TEST(of_many_delegated_roles_the_orders_own_travel)
{
    enum { ROLES = 130 };
    begin();
    publish_roots(UP_DIRECTOR, 0);
    publish_roots(UP_IMAGE, 0);
    plan.role_count = ROLES;
    plan.roles = calloc(ROLES, sizeof *plan.roles);
    ck_assert_ptr_nonnull(plan.roles);
    for (unsigned i = 0; i < ROLES; i++) {
        (void)snprintf(plan.roles[i].name, sizeof plan.roles[i].name, "%u", i);
        ck_assert(pri_blob_take(&plan.roles[i].blob, up_span_of(plan.roles[i].name)));
    }
    const struct pri_order order = {.member = 1, .roles = {1, UINT64_C(1) << 63, 2}};
    const char *all = build(&order, (struct up_span){0}), *roles = strstr(all, "image/role/");
    ck_assert_ptr_nonnull(roles);
    ck_assert_str_eq(roles, "image/role/0 image/role/127 image/role/129 ");
    ck_assert(up_span_is(parcel.files[parcel.count - 1].bytes, "129"));
    for (unsigned i = 0; i < ROLES; i++) pri_blob_free(&plan.roles[i].blob);
    free(plan.roles);
    end();
}
END_TEST

/* P-DIST-03 */
START_TEST(every_root_between_is_brought_eight_at_a_time)
{
    begin();
    publish_roots(UP_DIRECTOR, 18);
    publish_roots(UP_IMAGE, 2);
    const struct pri_order order = {.member = 1};
    config.full = false;
    const char *roots = "";
    for (unsigned v = 2; v <= 19; v++)
        roots = author_text("%sdirector/root/%u %s", roots, v, v == 9 || v == 17 ? "| " : "");
    ck_assert_str_eq(build(&order, UP_SPAN("t")), author_text("%stime director/targets ", roots));
    ck_assert_int_eq(parcel.files[0].kind, PRI_FILE_DIRECTOR_ROOT);
    ck_assert_uint_eq(parcel.files[0].version, 2);

    ecu.versions.director_root = 11;
    roots = "";
    for (unsigned v = 12; v <= 19; v++) roots = author_text("%sdirector/root/%u ", roots, v);
    ck_assert_str_eq(build(&order, UP_SPAN("t")), author_text("%stime director/targets ", roots));
    config.full = true;
    ecu.versions.director_root = 19;
    ck_assert_str_eq(build(&order, UP_SPAN("t")),
                     "image/root/2 image/root/3 time director/timestamp director/snapshot director/targets "
                     "image/timestamp image/snapshot image/targets ");
    ck_assert_int_eq(parcel.files[0].kind, PRI_FILE_IMAGE_ROOT);
    end();
}
END_TEST

/* Which Roots it holds is the Secondary's own word. */
START_TEST(a_secondary_that_lies_about_its_roots_gets_nothing_or_too_much)
{
    begin();
    publish_roots(UP_DIRECTOR, 2);
    config.full = false;
    ecu.versions.director_root = UINT32_MAX;
    ck_assert_str_eq(build(NULL, (struct up_span){0}), "director/targets ");
    ecu.versions.director_root = 0;
    ck_assert_str_eq(build(NULL, (struct up_span){0}),
                     "director/root/1 director/root/2 director/root/3 director/targets ");
    IS(pri_state_remove(site.state, "director/root/0000000002"), UP_OK);
    pri_shelf_clear(&shelf);
    pri_parcel_free(&parcel);
    IS(pri_parcel_build(&parcel, &shelf, &plan, NULL, &ecu, (struct up_span){0}, 0), UP_UNAVAILABLE);
    ck_assert_ptr_null(parcel.files);
    ecu.versions.director_root = 2; /* others do not need it */
    ck_assert_str_eq(build(NULL, (struct up_span){0}), "director/root/3 director/targets ");
    end();
}
END_TEST

/* A file that several need is loaded once. */
START_TEST(the_shelf_serves_all_secondaries)
{
    begin();
    publish_roots(UP_DIRECTOR, 3);
    (void)build(NULL, (struct up_span){0});
    const uint8_t *first = parcel.files[0].bytes.p;
    unsigned count = shelf.count;
    config.full = false;
    (void)build(NULL, (struct up_span){0});
    ck_assert_ptr_eq(parcel.files[0].bytes.p, first);
    ck_assert_uint_eq(shelf.count, count);
    end();
}
END_TEST

/* No hash binds a Root for its receiver: it travels sorted, for those who have no room to sort. */
START_TEST(unsorted_roots_travel_sorted)
{
    static const char *const names[] = {"2.root.json", "timestamp.json", "snapshot.json", "targets.json"};
    const char *folder = "tests/interop/s6-rotated/director";
    begin();
    for (size_t i = 0; i < 4; i++) {
        size_t n;
        char *text = folder_read(author_text("%s/%s", folder, names[i]), &n);
        shelf_put(&site.net.shelf[UP_DIRECTOR], names[i], (struct up_span){(uint8_t *)text, n});
    }
    struct pri_repo_config director = {.root = author_text("%s/1.root.json", folder),
                                       .profile = &up_profile_deployed};
    struct pri_state *state = pri_state_open(":memory:", NULL, 0);
    struct pri_chain chain = {.policy = {.vehicle_id = UP_SPAN("any")}};
    IS(pri_chain_open(&chain, UP_DIRECTOR, &director, state, &site.net.port), UP_OK);
    pri_chain_begin(&chain, AUTHOR_NOW);
    ck_assert_int_eq(pri_chain_step(&chain), PRI_DONE);
    plan.director = &chain;
    config.full = false;
    ck_assert_str_eq(build(NULL, (struct up_span){0}), "director/root/2 director/targets ");

    struct up_signed sorted;
    struct up_span root = parcel.files[0].bytes;
    IS(up_signed_open(root, &up_profile_deployed, NULL, &sorted), UP_OK);
    ck_assert_ptr_nonnull(sorted.message.p); /* without room */
    IS(up_signed_verify(&sorted, &chain.trust.root.ring[UP_ROOT], &up_profile_deployed, 8), UP_OK);
    ck_assert_mem_eq(sorted.digest, chain.trust.file[UP_ROOT].digest, sizeof sorted.digest);

    pri_parcel_free(&parcel);
    pri_shelf_clear(&shelf);
    pri_chain_close(&chain);
    pri_state_close(state);
    end();
}
END_TEST

/* PEM keys never are canonical JSON in this dialect; digests are what is signed then. */
START_TEST(sorted_roots_travel_as_served)
{
    struct up_signed root;
    begin();
    site.author[UP_DIRECTOR].ring[UP_TIMESTAMP].keys = KEY(24);
    site.author[UP_DIRECTOR].ring[UP_ROOT].keys = KEY(25);
    struct up_span served = site_next_root(&site, UP_DIRECTOR, KEY(0));
    publish_roots(UP_DIRECTOR, 0);
    config.full = false;
    ck_assert_str_eq(build(NULL, (struct up_span){0}), "director/root/2 director/targets ");
    ck_assert(up_span_eq(parcel.files[0].bytes, served));
    IS(up_signed_open(parcel.files[0].bytes, &up_profile_strict, NULL, &root), UP_OK);
    IS(up_signed_verify(&root, &site.chain[UP_DIRECTOR].trust.root.ring[UP_ROOT], &up_profile_strict, 8),
       UP_OK);
    end();
}
END_TEST

SUITE("parcel", of_many_delegated_roles_the_orders_own_travel, the_set_is_the_smallest_for_its_kind,
      every_root_between_is_brought_eight_at_a_time,
      a_secondary_that_lies_about_its_roots_gets_nothing_or_too_much, the_shelf_serves_all_secondaries,
      unsorted_roots_travel_sorted, sorted_roots_travel_as_served)

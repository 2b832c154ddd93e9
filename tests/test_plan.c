/* What the Director orders, ECU by ECU, and whether the Image repository agrees. */
#include "primary/plan.h"
#include "tests/suite.h"

#include <sqlite3.h>
#include <stdio.h>

#include "tests/lib_cutvfs.h"
#include "tests/lib_site.h"

enum { TCU, BRAKE, RADIO, MEMBERS };

static struct site site;
static struct pri_plan plan;
static struct pri_installed_image installed[MEMBERS];
static char wires[] = "tcu\0tcu-hw\0brake\0brake-hw\0radio\0radio-hw";
static struct pri_config config = {.serial = wires,
                                   .hardware_id = wires + 4,
                                   .image_max_bytes = 1000,
                                   .ecu_count = 2,
                                   .ecus = {{.serial = wires + 11, .hardware_id = wires + 17},
                                            {.serial = wires + 26, .hardware_id = wires + 32}}};

/* ---- a vehicle, and what is ordered for it ---- */

static void begin(void)
{
    site_open(&site, &up_profile_strict);
    memset(installed, 0, sizeof installed);
    config.name_pattern = NULL;
    plan = (struct pri_plan){0};
}

static void end(void)
{
    pri_plan_close(&plan);
    site_close(&site);
}

/* As author_order(), and more of its custom part: "\"bundle\":\"b\",". */
static char *order_with(const char *extra, const char *name, const char *serial, unsigned counter)
{
    return author_with(author_order(name, serial, author_text("%s-hw", serial), counter),
                       "\"ecuIdentifiers\"", author_text("%s\"ecuIdentifiers\"", extra));
}

static char *order(const char *name, const char *serial, unsigned counter)
{
    return order_with("", name, serial, counter);
}

static char *both(const char *a, const char *b)
{
    return author_text("%s,%s", a, b);
}

/* The next version of the Director's metadata, taken. */
static void direct(const char *orders)
{
    static unsigned version;
    site_publish_with(&site, UP_DIRECTOR, ++version, orders, "", "");
    site_accepted(&site, UP_DIRECTOR, version);
}

static void list_with(const char *images, const char *delegations, const char *meta)
{
    static unsigned version;
    site_publish_with(&site, UP_IMAGE, ++version, images, delegations, meta);
    site_accepted(&site, UP_IMAGE, version);
    (void)lib_fetch_log(&site.net);
}

static void list(const char *images)
{
    list_with(images, "", "");
}

static void runs(unsigned member, const char *name, unsigned counter)
{
    const char *content = author_text("%s %u", name, counter);
    struct pri_installed_image *i = &installed[member];
    *i = (struct pri_installed_image){.known = true,
                                      .length = strlen(content),
                                      .has_release_counter = true,
                                      .release_counter = counter,
                                      .release_floor = counter};
    snprintf(i->name, sizeof i->name, "%s", name);
    up_sha256(up_span_of(content), i->sha256);
}

static enum pri_verdict read_orders(void)
{
    pri_plan_close(&plan);
    return pri_plan_read(&plan, &site.chain[UP_DIRECTOR], &site.chain[UP_IMAGE], &config, installed);
}

static void unreadable(enum up_err want, const char *who)
{
    ck_assert_int_eq(read_orders(), PRI_FAILED);
    IS(plan.problem.err, want);
    ck_assert_msg(strstr(plan.problem.what, who) != NULL, "%s", plan.problem.what);
}

static enum pri_verdict resolve(void)
{
    enum pri_verdict v;
    while ((v = pri_plan_resolve(&plan, site.now_s)) == PRI_WAIT) {
    }
    lib_fetch_end(&site.net);
    return v;
}

static void resolved(void)
{
    ck_assert_int_ne(read_orders(), PRI_FAILED);
    ck_assert_msg(resolve() == PRI_DONE, "%s", plan.problem.what);
}

static void unresolved(enum up_err want, const char *what)
{
    ck_assert_int_ne(read_orders(), PRI_FAILED);
    ck_assert_int_eq(resolve(), PRI_FAILED);
    IS(plan.problem.err, want);
    ck_assert_msg(strstr(plan.problem.what, what) != NULL, "%s", plan.problem.what);
}

static const struct pri_order *order_of(unsigned member)
{
    for (unsigned i = 0; i < plan.count; i++)
        if (plan.orders[i].member == member) return &plan.orders[i];
    ck_abort_msg("nothing is ordered for it");
}

/* ---- orders ---- */

START_TEST(every_ecu_that_is_named_has_an_order_and_stands_alone_unless_bundled)
{
    uint8_t digest[UP_SHA256_BYTES];
    begin();
    direct(both(order_with("\"bundle\":\"chassis\",", "a", "brake", 1),
                both(order_with("\"bundle\":\"chassis\",", "b", "tcu", 2), order("c", "radio", 3))));
    ck_assert_int_eq(read_orders(), PRI_DONE);
    ck_assert_uint_eq(plan.count, 3);
    ck_assert_uint_eq(plan.pending, 3);
    ck_assert_str_eq(order_of(BRAKE)->name, "a");
    ck_assert_str_eq(order_of(BRAKE)->bundle, "chassis");
    ck_assert_str_eq(order_of(TCU)->bundle, "chassis");
    ck_assert_str_eq(order_of(RADIO)->bundle, "@radio");
    ck_assert_uint_eq(order_of(RADIO)->director.release_counter, 3);
    up_sha256(site.chain[UP_DIRECTOR].trust.file[UP_TARGETS].file, digest);
    ck_assert_mem_eq(plan.digest, digest, sizeof digest);
    end();
}
END_TEST

/* E-DIR-13 */
START_TEST(one_image_may_be_ordered_for_several_ecus)
{
    begin();
    config.ecus[1].hardware_id = config.ecus[0].hardware_id;
    site.chain[UP_DIRECTOR].policy.judge_ecu = NULL;
    direct(author_with(author_order("a", "brake", "brake-hw", 1),
                       "\"brake\":", "\"radio\":{\"hardwareId\":\"brake-hw\"},\"brake\":"));
    ck_assert_int_eq(read_orders(), PRI_DONE);
    ck_assert_uint_eq(plan.count, 2);
    ck_assert_str_eq(order_of(BRAKE)->name, "a");
    ck_assert_str_eq(order_of(RADIO)->name, "a");
    config.ecus[1].hardware_id = wires + 32;
    end();
}
END_TEST

/* E-DIR-10, V-FULL-04 */
START_TEST(who_runs_what_is_ordered_or_is_not_named_has_nothing_to_do)
{
    begin();
    direct("");
    ck_assert_int_eq(read_orders(), PRI_NOTHING);
    ck_assert_uint_eq(plan.count, 0);
    direct(both(order("a", "brake", 1), order("b", "radio", 2)));
    runs(BRAKE, "a", 1);
    ck_assert_int_eq(read_orders(), PRI_DONE);
    ck_assert_uint_eq(plan.pending, 1);
    ck_assert(!order_of(BRAKE)->pending && order_of(RADIO)->pending);
    runs(RADIO, "b", 2);
    ck_assert_int_eq(read_orders(), PRI_NOTHING);
    ck_assert_uint_eq(plan.count, 2);
    end();
}
END_TEST

/* V-FULL-04, R-EXC-01: the old image with a higher counter is news. */
START_TEST(the_installed_image_under_another_counter_is_pending)
{
    begin();
    runs(BRAKE, "a", 1);
    direct(author_with(order("a", "brake", 1), "\"releaseCounter\":1", "\"releaseCounter\":2"));
    ck_assert_int_eq(read_orders(), PRI_DONE);
    installed[BRAKE].has_release_counter = false; /* a silent ECU: its last report does not tell */
    ck_assert_int_eq(read_orders(), PRI_NOTHING);
    end();
}
END_TEST

/* P-DIR-12 */
START_TEST(the_installed_name_with_other_content_is_refused)
{
    begin();
    runs(BRAKE, "a", 1);
    direct(order("a", "brake", 2));
    unreadable(UP_TARGET_MISMATCH, "order of a for brake");
    direct(author_with(order("a", "brake", 1), "\"length\":3", "\"length\":4"));
    unreadable(UP_TARGET_MISMATCH, "order of a for brake");
    installed[BRAKE].known = false;
    ck_assert_int_eq(read_orders(), PRI_DONE);
    end();
}
END_TEST

/* V-MATCH-10, P-DIR-09 */
START_TEST(an_order_for_other_hardware_is_refused)
{
    begin();
    site.chain[UP_DIRECTOR].policy.judge_ecu = NULL;
    direct(both(order("a", "radio", 1), author_order("b", "brake", "radio-hw", 1)));
    unreadable(UP_IMG_HWID, "order of b for brake");
    direct(author_with(order("b", "brake", 1), "[\"brake-hw\"]", "[\"radio-hw\"]"));
    unreadable(UP_IMG_HWID, "order of b for brake");
    end();
}
END_TEST

/* V-MATCH-05, V-MATCH-11, E-REC-13 */
START_TEST(a_release_counter_below_the_floor_or_far_above_is_refused)
{
    begin();
    runs(BRAKE, "new", 6);
    direct(order("old", "brake", 5));
    unreadable(UP_IMG_RELEASE_COUNTER, "order of old for brake");
    direct(order("other", "brake", 6));
    ck_assert_int_eq(read_orders(), PRI_DONE);
    direct(order("far", "brake", 6 + UP_COUNTER_STEP_MAX + 1));
    unreadable(UP_IMG_RELEASE_COUNTER, "order of far for brake");
    runs(TCU, "own", 3);
    direct(order("older", "tcu", 2));
    unreadable(UP_IMG_RELEASE_COUNTER, "order of older for tcu");
    end();
}
END_TEST

/* An ECU may lie about itself; that must not cost others their updates. */
START_TEST(what_an_ecu_says_of_itself_holds_up_its_own_bundle_only)
{
    begin();
    runs(BRAKE, "a", UP_COUNTER_MAX);
    direct(both(order("a", "brake", 2), order("b", "radio", 1)));
    ck_assert_int_eq(read_orders(), PRI_DONE);
    IS(plan.problem.err, UP_IMG_RELEASE_COUNTER);
    ck_assert_uint_eq(plan.pending, 1);
    ck_assert(!order_of(BRAKE)->pending && order_of(RADIO)->pending);
    installed[BRAKE].release_floor = 0; /* then it claims other content under that name */
    ck_assert_int_eq(read_orders(), PRI_DONE);
    IS(plan.problem.err, UP_TARGET_MISMATCH);
    ck_assert_uint_eq(plan.pending, 1);
    direct(both(order_with("\"bundle\":\"chassis\",", "a", "brake", 2),
                order_with("\"bundle\":\"chassis\",", "b", "radio", 1)));
    unreadable(UP_TARGET_MISMATCH, "order of a for brake");
    ck_assert_uint_eq(plan.pending, 0);
    runs(TCU, "own", 3); /* the Primary's own word is another matter */
    direct(both(order("older", "tcu", 2), order("b", "radio", 1)));
    unreadable(UP_IMG_RELEASE_COUNTER, "order of older for tcu");
    end();
}
END_TEST

/* E-IMG-04, E-IMG-09 */
START_TEST(names_and_sizes_that_do_not_fit_the_vehicle_are_refused)
{
    static char pattern[] = "tcu/*";
    begin();
    config.name_pattern = pattern;
    direct(order("other/x", "tcu", 1));
    unreadable(UP_IMG_FILENAME, "order of other/x for tcu");
    direct(order("tcu/x", "tcu", 1));
    ck_assert_int_eq(read_orders(), PRI_DONE);
    direct(author_with(order("a", "brake", 1), "\"length\":3", "\"length\":1001"));
    unreadable(UP_STORAGE_FULL, "order of a for brake");
    direct(author_with(order("a", "brake", 1), "\"length\":3", "\"length\":0"));
    unreadable(UP_IMG_LENGTH, "order of a for brake");
    end();
}
END_TEST

START_TEST(an_image_without_sha256_cannot_be_told_apart_and_is_refused)
{
    begin();
    const char *o = order("a", "brake", 1), *hash = strstr(o, "\"sha256\":\"");
    const char *sha512 = author_text("\"sha512\":\"%.64s%.64s\"", hash + 10, hash + 10);
    direct(author_with(o, author_text("%.*s", 75, hash), sha512));
    unreadable(UP_UNSUPPORTED, "order of a for brake");
    end();
}
END_TEST

/* ---- the Image repository ---- */

/* P-FULL-07, V-MATCH-01 */
START_TEST(every_order_is_matched_installed_ones_too)
{
    begin();
    direct(both(order("a", "brake", 1), order("b", "radio", 2)));
    list(both(author_image("a", "brake-hw", 1), author_image("b", "radio-hw", 2)));
    resolved();
    ck_assert_uint_eq(order_of(BRAKE)->roles[0], 0);
    ck_assert_str_eq(lib_fetch_log(&site.net), ""); /* all is in the top-level file */
    runs(BRAKE, "a", 1);
    list(author_image("b", "radio-hw", 2));
    unresolved(UP_TARGET_NOT_FOUND, "image a: ");
    end();
}
END_TEST

/* P-MATCH-12, V-MATCH-02, V-MATCH-04, V-MATCH-08 */
START_TEST(one_image_that_does_not_match_stops_all)
{
    static const char *const twist[][2] = {{"\"length\":3", "\"length\":4"},
                                           {"\"releaseCounter\":1", "\"releaseCounter\":2"},
                                           {"[\"radio-hw\"]", "[\"radio-hw\",\"x\"]"},
                                           {"\"sha256\":\"", "\"sha256\":\"00"}};
    begin();
    direct(both(order("a", "brake", 1), both(order("b", "tcu", 1), order("c", "radio", 1))));
    for (size_t i = 0; i < sizeof twist / sizeof *twist; i++) {
        const char *c = author_image("c", "radio-hw", 1);
        const char *other = author_with(c, twist[i][0], twist[i][1]);
        if (i == 3) { /* a digest of the right length */
            const char *digest = strstr(other, "\"sha256\":\"") + 10;
            other = author_text("%.*s%s", (int)(digest + 64 - other), other, digest + 66);
        }
        list(both(author_image("a", "brake-hw", 1), both(author_image("b", "tcu-hw", 1), other)));
        unresolved(UP_TARGET_MISMATCH, "image c: ");
    }
    list(both(author_image("a", "brake-hw", 1),
              both(author_image("b", "tcu-hw", 1), author_image("c", "radio-hw", 1))));
    resolved();
    end();
}
END_TEST

/* ---- delegated roles ---- */

static struct up_span role_file(unsigned key, unsigned version, const char *images, const char *delegations)
{
    const struct author *a = &site.author[UP_IMAGE];
    return author_sign(a->profile, KEY(key), author_targets_body(a, version, images, delegations));
}

static char *to(const char *role, unsigned key, const char *path)
{
    return author_delegation(&site.author[UP_IMAGE], role, (struct author_ring){KEY(key), 1}, path, "");
}

static void serve(const char *name, struct up_span file)
{
    shelf_put(&site.net.shelf[UP_IMAGE], name, file);
}

/* Image x/a for brake, signed by supplier/deep, VERSION of it; supplier is on the way. */
static struct up_span deep;
static void delegate(unsigned version)
{
    const struct author *a = &site.author[UP_IMAGE];
    deep = role_file(17, version, author_image("x/a", "brake-hw", 1), "");
    struct up_span supplier =
        role_file(16, 1, "", author_delegations(a, KEY(17), to("supplier/deep", 17, "x/*")));
    serve(author_text("%u.supplier%%2Fdeep.json", version), deep);
    serve("1.supplier.json", supplier);
    list_with("", author_delegations(a, KEY(16), to("supplier", 16, "*/*")),
              both(author_meta("supplier", 1), author_meta_bound("supplier/deep", version, deep)));
}

/* P-DIST-02, V-DEL-10: names with slashes are one path segment. */
START_TEST(delegated_roles_are_fetched_kept_and_taken_from_the_store_next_time)
{
    begin();
    direct(order("x/a", "brake", 1));
    delegate(3);
    resolved();
    ck_assert_str_eq(lib_fetch_log(&site.net), "repo/1.supplier.json repo/3.supplier%2Fdeep.json ");
    ck_assert_uint_eq(plan.role_count, 2);
    ck_assert_uint_eq(order_of(BRAKE)->roles[0], 3); /* both are on the way: its Secondary needs them */
    resolved();
    ck_assert_str_eq(lib_fetch_log(&site.net), "");
    site_restart(&site);
    resolved();
    ck_assert_str_eq(lib_fetch_log(&site.net), "");
    delegate(4); /* a newer one replaces it */
    resolved();
    ck_assert_str_eq(lib_fetch_log(&site.net), "repo/4.supplier%2Fdeep.json ");
    ck_assert(site_holds(&site, "image/role/supplier/deep"));
    end();
}
END_TEST

START_TEST(roles_of_several_orders_are_fetched_once)
{
    begin();
    const struct author *a = &site.author[UP_IMAGE];
    direct(both(order("x/a", "brake", 1), both(order("x/b", "radio", 1), order("y/c", "tcu", 1))));
    struct up_span x =
        role_file(16, 1, both(author_image("x/a", "brake-hw", 1), author_image("x/b", "radio-hw", 1)), "");
    serve("1.x.json", x);
    serve("1.y.json", role_file(17, 1, author_image("y/c", "tcu-hw", 1), ""));
    list_with("", author_delegations(a, KEY(16) | KEY(17), both(to("x", 16, "x/*"), to("y", 17, "y/*"))),
              both(author_meta("x", 1), author_meta("y", 1)));
    site.net.patience = 2;
    resolved();
    ck_assert_str_eq(lib_fetch_log(&site.net), "repo/1.x.json repo/1.y.json ");
    ck_assert_uint_eq(order_of(BRAKE)->roles[0], order_of(RADIO)->roles[0]);
    ck_assert_uint_eq(order_of(BRAKE)->roles[0] | order_of(TCU)->roles[0], 3);
    ck_assert_uint_eq(order_of(BRAKE)->roles[0] & order_of(TCU)->roles[0], 0);
    end();
}
END_TEST

/* E-STO-07, E-STO-08 */
START_TEST(a_damaged_copy_of_a_role_is_fetched_again)
{
    begin();
    direct(order("x/a", "brake", 1));
    delegate(3);
    resolved();
    (void)lib_fetch_log(&site.net);
    struct up_span forged = role_file(20, 3, author_image("x/a", "brake-hw", 1), "");
    const struct up_span bad[] = {UP_SPAN("junk"), UP_SPAN("{\"signed\":{\"version\":3}}"), forged};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        IS(pri_state_put(site.state, "image/role/supplier/deep", bad[i]), UP_OK);
        resolved();
        ck_assert_str_eq(lib_fetch_log(&site.net), "repo/3.supplier%2Fdeep.json ");
        resolved();
        ck_assert_str_eq(lib_fetch_log(&site.net), "");
    }
    end();
}
END_TEST

/* V-DEL-10 */
START_TEST(a_role_that_is_missing_or_wrong_stops_all_and_is_not_stored)
{
    begin();
    direct(order("x/a", "brake", 1));
    delegate(3);
    struct up_span good = deep;
    shelf_drop(&site.net.shelf[UP_IMAGE], "3.supplier%2Fdeep.json");
    unresolved(UP_DELEGATION_INVALID, "UNAVAILABLE");
    serve("3.supplier%2Fdeep.json", role_file(20, 3, author_image("x/a", "brake-hw", 1), ""));
    unresolved(UP_DELEGATION_INVALID, "SNAPSHOT_MISMATCH");
    ck_assert(!site_holds(&site, "image/role/supplier/deep"));
    lib_fetch_fail(
        &site.net,
        (struct lib_fault){.server = PRI_IMAGE, .path = "3.supplier%2Fdeep.json", .err = UP_TRANSPORT});
    unresolved(UP_TRANSPORT, "image x/a: ");
    lib_fetch_heal(&site.net);
    site.net.out_of_memory = true;
    unresolved(UP_STORAGE_FULL, "out of memory");
    site.net.out_of_memory = false;
    serve("3.supplier%2Fdeep.json", good);
    resolved();
    site.author[UP_IMAGE].expires = "2025-06-15T15:06:40Z"; /* now */
    direct(order("x/a", "brake", 1));
    struct up_span old = role_file(17, 5, author_image("x/a", "brake-hw", 1), "");
    site.author[UP_IMAGE].expires = AUTHOR_EXPIRES;
    delegate(5);
    serve("5.supplier%2Fdeep.json", old);
    unresolved(UP_DELEGATION_INVALID, "");
    end();
}
END_TEST

/* P-DL-01, V-DEL-15 */
START_TEST(role_files_are_bounded_in_size_and_number)
{
    begin();
    direct(order("x/a", "brake", 1));
    delegate(3);
    resolved();
    ck_assert_uint_eq(site.net.max_bytes, deep.n); /* as Snapshot says */

    const struct author *a = &site.author[UP_IMAGE];
    const char *roles = "", *meta = "";
    for (unsigned i = 0; i < 70; i++) { /* preorder: all are asked before the answer */
        const char *name = author_text("u%02u", i);
        roles = i == 0 ? to(name, 16, "x/*") : both(roles, to(name, 16, "x/*"));
        meta = i == 0 ? author_meta(name, 1) : both(meta, author_meta(name, 1));
        serve(author_text("1.%s.json", name), role_file(16, 1, "", ""));
    }
    site.author[UP_IMAGE].ring[UP_SNAPSHOT].keys = KEY(20); /* the other roles may go */
    (void)site_next_root(&site, UP_IMAGE, 0);
    list_with("", author_delegations(a, KEY(16), roles), meta);
    unresolved(UP_TARGET_NOT_FOUND, "image x/a: "); /* all were asked, nobody has it */
    struct up_limits few = up_limits_primary;
    few.roles_visited = 69;
    site.chain[UP_IMAGE].policy.limits = &few;
    unresolved(UP_DELEGATION_LIMIT, "image x/a: ");
    end();
}
END_TEST

/* E-STO-11 */
START_TEST(a_full_disk_stops_a_role_that_cannot_be_kept)
{
    begin();
    cutvfs_cut(0, CUT_KEEPS_ALL); /* the disk that can fail is registered */
    site_use_file(&site);
    direct(order("x/a", "brake", 1));
    delegate(3);
    cutvfs_fail(1, SQLITE_FULL);
    unresolved(UP_STORAGE_FULL, "image x/a: ");
    cutvfs_heal();
    ck_assert(!site_holds(&site, "image/role/supplier"));
    resolved();
    ck_assert(site_holds(&site, "image/role/supplier"));
    end();
}
END_TEST

START_TEST(a_plan_may_be_closed_in_mid_fetch)
{
    begin();
    direct(order("x/a", "brake", 1));
    delegate(3);
    site.net.patience = 100;
    ck_assert_int_eq(read_orders(), PRI_DONE);
    ck_assert_int_eq(pri_plan_resolve(&plan, site.now_s), PRI_WAIT);
    ck_assert_uint_eq(site.net.open, 1);
    end();
}
END_TEST

/* ---- paths of images ---- */

static void expect_path(bool versioned, const char *name, const char *path)
{
    struct pri_chain images = {.trust.root.versioned = versioned};
    struct up_target t = {.name = up_span_of(name), .hashes = {.has_sha256 = true}};
    char out[PRI_PATH_MAX];
    memset(t.hashes.sha256, 0xAB, sizeof t.hashes.sha256);
    pri_image_path(&images, &t, out);
    ck_assert_str_eq(out, path);
}

#define AB "abababababababababababababababababababababababababababababababab"

/* R-FMT-11, E-FMT-12 */
START_TEST(images_are_asked_for_by_digest_and_percent_encoded)
{
    expect_path(true, "fw.img", "targets/" AB ".fw.img");
    expect_path(true, "a/b+c/d@1.img", "targets/a/b%2Bc/" AB ".d%401.img");
    expect_path(false, "a/b+c/d@1.img", "targets/a/b%2Bc/d%401.img");
    expect_path(true, "a b?c#%\xC3\xA9", "targets/" AB ".a%20b%3Fc%23%25%C3%A9");
    expect_path(true, "../x\n", "targets/../" AB ".x%0A"); /* names are checked before */

    char longest[UP_NAME_MAX + 1], out[PRI_PATH_MAX];
    memset(longest, '+', UP_NAME_MAX);
    longest[UP_NAME_MAX] = '\0';
    struct pri_chain images = {.trust.root.versioned = true};
    struct up_target t = {.name = up_span_of(longest), .hashes = {.has_sha512 = true}};
    pri_image_path(&images, &t, out);
    ck_assert_uint_eq(strlen(out), strlen("targets/.") + 2 * UP_SHA512_BYTES + 3 * UP_NAME_MAX);
}
END_TEST

SUITE("plan", every_ecu_that_is_named_has_an_order_and_stands_alone_unless_bundled,
      one_image_may_be_ordered_for_several_ecus, who_runs_what_is_ordered_or_is_not_named_has_nothing_to_do,
      the_installed_image_under_another_counter_is_pending, the_installed_name_with_other_content_is_refused,
      an_order_for_other_hardware_is_refused, a_release_counter_below_the_floor_or_far_above_is_refused,
      what_an_ecu_says_of_itself_holds_up_its_own_bundle_only,
      names_and_sizes_that_do_not_fit_the_vehicle_are_refused,
      an_image_without_sha256_cannot_be_told_apart_and_is_refused, every_order_is_matched_installed_ones_too,
      one_image_that_does_not_match_stops_all,
      delegated_roles_are_fetched_kept_and_taken_from_the_store_next_time,
      roles_of_several_orders_are_fetched_once, a_damaged_copy_of_a_role_is_fetched_again,
      a_role_that_is_missing_or_wrong_stops_all_and_is_not_stored, role_files_are_bounded_in_size_and_number,
      a_full_disk_stops_a_role_that_cannot_be_kept, a_plan_may_be_closed_in_mid_fetch,
      images_are_asked_for_by_digest_and_percent_encoded)

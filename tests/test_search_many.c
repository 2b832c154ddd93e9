/* The search through delegations: cycles, limits, multi-role delegations, plain TUF. */
#include "tests/suite.h"

#include "tests/lib_tree.h"

/* ---- cycles and limits ---- */

/* V-DEL-14 */
START_TEST(cycles_end)
{
    tree_plant(&up_profile_strict);
    tree_role(A, "", tree_to(B, "x/*", ""));
    tree_role(B, "", tree_list(tree_to(A, "x/*", ""), tree_to(B, "x/*", "")));
    tree_top("", tree_to(A, "x/*", ""));
    IS(tree_look_for("x/fw"), UP_TARGET_NOT_FOUND);
    ck_assert_str_eq(tree.rig->shelf.log, "1.a.json 1.b.json ");
}
END_TEST

/* V-DEL-14, V-DEL-07 */
START_TEST(a_cycle_by_a_terminating_delegation_still_has_the_last_word)
{
    tree_plant(&up_profile_strict);
    tree_role(A, "", tree_to(B, "x/*", ""));
    tree_role(B, "", tree_to(A, "x/*", LAST));
    tree_role(C, IMAGE(3), "");
    tree_top("", tree_list(tree_to(A, "x/*", ""), tree_to(C, "x/*", "")));
    IS(tree_look_for("x/fw"), UP_TARGET_NOT_FOUND);
}
END_TEST

/* V-DEL-14 */
START_TEST(a_role_on_two_branches_is_visited_on_both)
{
    tree_plant(&up_profile_strict);
    tree_role(A, "", tree_to(C, "y/*", ""));
    tree_role(B, "", tree_to(C, "x/*", ""));
    tree_role(C, IMAGE(3), "");
    tree_role(D, "",
              tree_list(tree_to(C, "x/*", ""),
                        tree_to(C, "y/*", ""))); /* not in the tree: siblings have names of their own */
    tree_top("", tree_list(tree_to(A, "x/*", ""), tree_to(B, "x/*", "")));
    static struct up_span seen[300]; /* of use to the order of TUF only */
    tree.rig->policy.seen = seen;
    FOUND_BY("c", 3);
}
END_TEST

/* V-DEL-14 */
START_TEST(a_cycle_does_not_hide_what_is_listed_after_it)
{
    tree_plant(&up_profile_strict);
    tree_role(A, "", tree_to(B, "x/*", ""));
    tree_role(B, "", tree_list(tree_to(A, "x/*", ""), tree_to(C, "x/*", "")));
    tree_role(C, IMAGE(3), "");
    tree_top("", tree_to(A, "x/*", ""));
    FOUND_BY("c", 3);
}
END_TEST

/* A chain of LENGTH roles below each other, the last of which has the image. */
static void plant_chain(unsigned length)
{
    tree_plant(&up_profile_strict);
    struct author_ring ring = {KEY(A), 1};
    for (unsigned i = 1; i <= length; i++) {
        const char *name = author_text("r%03u", i);
        char *next = author_delegation(&tree.rig->author, author_text("r%03u", i + 1), ring, "x/*", "");
        struct up_span file = author_sign(&up_profile_strict, KEY(A),
                                          i == length ? tree_body(1, IMAGE(1), "") : tree_body(1, "", next));
        tree.meta = author_text("%s%s%s", tree.meta, *tree.meta ? "," : "", author_meta(name, 1));
        shelf_put(&tree.rig->shelf, author_text("1.%s.json", name), file);
    }
    tree_top("", author_delegation(&tree.rig->author, "r001", ring, "x/*", ""));
}

/* V-DEL-15 */
START_TEST(the_depth_of_delegations_is_bounded)
{
    unsigned deepest = up_limits_primary.delegation_depth;
    plant_chain(deepest);
    IS(tree_look_for("x/fw"), UP_OK);
    plant_chain(deepest + 1);
    IS(tree_look_for("x/fw"), UP_DELEGATION_LIMIT);
    ck_assert_uint_le(up_limits_tuf.delegation_depth, UP_SEARCH_DEPTH);
    plant_chain(UP_SEARCH_DEPTH);
    tree.rig->policy.limits = &up_limits_tuf;
    IS(tree_look_for("x/fw"), UP_OK);
    plant_chain(UP_SEARCH_DEPTH + 1);
    tree.rig->policy.limits = &up_limits_tuf;
    IS(tree_look_for("x/fw"), UP_DELEGATION_LIMIT);
    static struct up_limits loose; /* no policy goes beyond what the search has room for */
    loose = up_limits_tuf;
    loose.delegation_depth = UINT8_MAX;
    tree.rig->policy.limits = &loose;
    IS(tree_look_for("x/fw"), UP_DELEGATION_LIMIT);
}
END_TEST

/* V-DEL-15 */
START_TEST(the_number_of_roles_visited_is_bounded)
{
    static struct up_limits few;
    few = up_limits_posix;
    few.roles_visited = 64;
    for (unsigned more = 0; more < 2; more++) {
        tree_plant(&up_profile_strict);
        tree.rig->policy.limits = &few;
        unsigned n = few.roles_visited + more;
        struct author_ring ring = {KEY(A), 1};
        char *all = author_text("%s", "");
        for (unsigned i = 1; i <= n; i++) {
            const char *name = author_text("u%03u", i);
            all = author_text("%s%s%s", all, *all ? "," : "",
                              author_delegation(&tree.rig->author, name, ring, "x/*", ""));
            tree.meta = author_text("%s%s%s", tree.meta, *tree.meta ? "," : "", author_meta(name, 1));
            shelf_put(&tree.rig->shelf, author_text("1.%s.json", name),
                      author_sign(&up_profile_strict, KEY(A), tree_body(1, i == n ? IMAGE(1) : "", "")));
        }
        tree_top("", all);
        IS(tree_look_for("x/fw"), more ? UP_DELEGATION_LIMIT : UP_OK);
    }
    /* What the Primary finds, it can have found by a full Secondary. */
    ck_assert_uint_eq(up_limits_posix.roles_visited, up_limits_primary.roles_visited);
    ck_assert_uint_eq(up_limits_posix.delegation_depth, up_limits_primary.delegation_depth);
}
END_TEST

/* ---- multi-role delegations ---- */

/* V-DEL-19 */
START_TEST(enough_roles_that_agree_are_believed)
{
    tree_plant(&up_profile_strict);
    tree_role(A, IMAGE(9), "");
    tree_role(B, IMAGE(2), "");
    tree_role(C, IMAGE(2), "");
    tree_top("", tree_to_many(2, A, C, "x/*", ""));
    FOUND_BY("b", 2);
    ck_assert_str_eq(tree.rig->shelf.log, "1.a.json 1.b.json 1.c.json ");
}
END_TEST

/* V-DEL-19, V-DEL-21 */
START_TEST(roles_that_all_differ_are_not_believed)
{
    tree_plant(&up_profile_strict);
    tree_role(A, IMAGE(1), "");
    tree_role(B, IMAGE(2), "");
    tree_role(C, author_with(IMAGE(1), "[\"hw-1\"]", "[\"hw-1\",\"hw-2\"]"),
              ""); /* hardware must match, too */
    tree_role(D, IMAGE(4), "");
    tree_top("", tree_to_many(2, A, C, "x/*", ""));
    IS(tree_look_for("x/fw"), UP_TARGET_NOT_FOUND);

    tree_plant(&up_profile_strict);
    tree_role(A, IMAGE(1), "");
    tree_role(B, IMAGE(2), "");
    tree_role(D, IMAGE(4), "");
    tree_top("", tree_list(tree_to_many(2, A, B, "x/*", ""), tree_to(D, "x/*", "")));
    FOUND_BY("d", 4);

    tree_plant(&up_profile_strict);
    tree_role(A, IMAGE(1), "");
    tree_role(B, IMAGE(2), "");
    tree_role(D, IMAGE(4), "");
    tree_top("", tree_list(tree_to_many(2, A, B, "x/*", LAST), tree_to(D, "x/*", "")));
    IS(tree_look_for("x/fw"), UP_TARGET_NOT_FOUND);
}
END_TEST

/* V-DEL-19: what need not match may differ. */
START_TEST(roles_agree_whatever_else_their_custom_data_says)
{
    tree_plant(&up_profile_strict);
    tree_role(A, author_with(IMAGE(1), "\"hardwareIds\"", "\"note\":\"a\",\"hardwareIds\""), "");
    tree_role(B, author_with(IMAGE(1), "\"hardwareIds\"", "\"note\":\"b\",\"hardwareIds\""), "");
    tree_top("", tree_to_many(2, A, B, "x/*", ""));
    FOUND_BY("a", 1);
}
END_TEST

/* V-DEL-20 */
START_TEST(of_two_groups_that_agree_the_one_with_the_earliest_role_wins)
{
    tree_plant(&up_profile_strict);
    tree_role(A, IMAGE(1), "");
    tree_role(B, IMAGE(2), "");
    tree_role(C, IMAGE(2), "");
    tree_role(D, IMAGE(1), "");
    tree_top("", tree_to_many(2, A, D, "x/*", ""));
    FOUND_BY("a", 1);
}
END_TEST

/* V-DEL-22 */
START_TEST(hiding_one_of_many_roles_ends_the_search)
{
    tree_plant(&up_profile_strict);
    tree_role(A, IMAGE(1), "");
    tree_role(B, IMAGE(2), "");
    tree_role(C, IMAGE(2), "");
    tree_role(D, IMAGE(1), "");
    tree_top("", tree_to_many(2, A, D, "x/*", ""));
    shelf_drop(&tree.rig->shelf, "1.d.json");
    INVALID(UP_UNAVAILABLE);
}
END_TEST

/* V-DEL-19: a role of many is searched like any other. */
START_TEST(a_role_of_many_may_delegate_and_end_its_own_search_only)
{
    tree_plant(&up_profile_strict);
    tree_role(A, "", tree_list(tree_to(E, "y/*", LAST), tree_to(D, "x/*", "")));
    tree_role(B, "",
              tree_list(tree_to(F, "x/*", LAST),
                        tree_to(D, "x/*", ""))); /* F does not have it: B has nothing to say */
    tree_role(C, IMAGE(4), "");
    tree_role(D, IMAGE(4), "");
    tree_role(F, "", "");
    tree_top("", tree_to_many(2, A, C, "x/*", ""));
    FOUND_BY("a", 4);
    ck_assert_str_eq(tree.rig->shelf.log, "1.a.json 1.d.json 1.b.json 1.f.json 1.c.json ");
}
END_TEST

/* V-DEL-19 */
START_TEST(many_roles_within_many_roles_are_heard)
{
    tree_plant(&up_profile_strict);
    tree_role(A, "", tree_to_many(2, C, D, "x/*", ""));
    tree_role(B, IMAGE(7), "");
    tree_role(C, IMAGE(7), "");
    tree_role(D, IMAGE(7), "");
    tree_top("", tree_to_many(2, A, B, "x/*", ""));
    FOUND_BY("a", 7);

    tree_plant(&up_profile_strict);
    tree_role(A, "", tree_to_many(2, C, D, "x/*", ""));
    tree_role(B, IMAGE(7), "");
    tree_role(C, IMAGE(7), "");
    tree_role(D, IMAGE(8), "");
    tree_role(E, IMAGE(5), "");
    tree_top("", tree_list(tree_to_many(2, A, B, "x/*", ""), tree_to(E, "*/*", "")));
    FOUND_BY("e", 5);
}
END_TEST

/* V-DEL-14 */
START_TEST(a_cycle_through_many_roles_ends)
{
    tree_plant(&up_profile_strict);
    tree_role(A, "", tree_to_many(1, A, B, "x/*", ""));
    tree_role(B, "", tree_to(A, "x/*", ""));
    tree_top("", tree_to(A, "x/*", ""));
    IS(tree_look_for("x/fw"), UP_TARGET_NOT_FOUND);
}
END_TEST

/* V-DEL-15 */
START_TEST(roles_that_must_agree_are_bounded_over_all_nesting)
{
    tree_plant(&up_profile_strict);
    char *below = author_text("%s", "");
    for (unsigned level = 0; level < 8; level++) { /* 3 roles each, all of them open at once */
        char *roles = author_text("%s", "");
        for (unsigned k = A; k <= C; k++) {
            const char *name = author_text("%s%u", tree_name(k), level);
            tree.meta = author_text("%s%s%s", tree.meta, *tree.meta ? "," : "", author_meta(name, 1));
            shelf_put(&tree.rig->shelf, author_text("1.%s.json", name),
                      author_sign(&up_profile_strict, KEY(k), tree_body(1, "", below)));
            roles = author_text("%s%s{\"name\":\"%s\",\"keyids\":%s,\"threshold\":1}", roles,
                                *roles ? "," : "", name, author_keyids(&up_profile_strict, KEY(k)));
        }
        below = author_text("{\"min_roles_in_agreement\":1,\"paths\":[\"x/*\"],\"roles\":[%s]}", roles);
    }
    tree_top("", below);
    tree.rig->policy.limits = &up_limits_tuf;
    IS(tree_look_for("x/fw"), UP_DELEGATION_LIMIT);
    ck_assert_uint_eq(tree.search.visited, UP_AGREEMENT_MAX / 3); /* the next three would not fit */
}
END_TEST

/* A multi-role delegation to N roles of names that begin with PREFIX; each says the image of counter FIRST,
 * FIRST + STEP... */
static char *plant_many(const char *prefix, unsigned n, unsigned agreement, unsigned first, unsigned step)
{
    char *roles = author_text("%s", "");
    for (unsigned k = 0; k < n; k++) {
        const char *name = author_text("%s%02u", prefix, k);
        tree.meta = author_text("%s%s%s", tree.meta, *tree.meta ? "," : "", author_meta(name, 1));
        shelf_put(&tree.rig->shelf, author_text("1.%s.json", name),
                  author_sign(&up_profile_strict, KEY(k), tree_body(1, IMAGE(first + k * step), "")));
        roles = author_text("%s%s{\"name\":\"%s\",\"keyids\":%s,\"threshold\":1}", roles, *roles ? "," : "",
                            name, author_keyids(&up_profile_strict, KEY(k)));
    }
    return author_text("{\"min_roles_in_agreement\":%u,\"paths\":[\"x/*\"],\"roles\":[%s]}", agreement,
                       roles);
}

static void top_of_many(const char *list)
{
    struct author *a = &tree.rig->author;
    char *block = author_delegations(a, KEY(UP_AGREEMENT_MAX) - 1, list);
    struct up_span targets = author_file(a, UP_TARGETS, author_targets_body(a, 1, "", block));
    shelf_publish(&tree.rig->shelf, a, 1, targets, 1, tree.meta);
    IS(rig_cycle(tree.rig), UP_OK);
}

/* V-DEL-15, V-DEL-19 */
START_TEST(as_many_roles_as_the_bound_allows_agree_or_do_not)
{
    tree_plant(&up_profile_strict);
    top_of_many(plant_many("r", UP_AGREEMENT_MAX, UP_AGREEMENT_MAX, 7, 0));
    FOUND_BY("r00", 7);
    tree_plant(&up_profile_strict);
    top_of_many(plant_many("r", UP_AGREEMENT_MAX, 2, 7, 1));
    IS(tree_look_for("x/fw"), UP_TARGET_NOT_FOUND);
    const char *more = plant_many("r", UP_AGREEMENT_MAX + 1, 2, 7, 1);
    struct author *a = &tree.rig->author;
    char *block = author_delegations(a, KEY(UP_AGREEMENT_MAX + 1) - 1, more);
    struct up_targets t;
    struct up_span body = up_span_of(author_sorted(&up_profile_strict, author_targets_body(a, 1, "", block)));
    IS(up_targets_read(body, &up_profile_strict, &t), UP_LIMIT);
}
END_TEST

/* V-DEL-15: what one delegation took of the bound comes back when it is done. */
START_TEST(delegations_to_many_that_follow_each_other_do_not_add_up)
{
    tree_plant(&up_profile_strict);
    char *list = plant_many("r0", 2, 2, 1, 1);
    for (unsigned i = 1; i < 9; i++)
        list = tree_list(list, plant_many(author_text("r%u", i), 2, 2, i, i < 8 ? 1 : 0));
    top_of_many(list);
    FOUND_BY("r800", 8);
}
END_TEST

/* V-DEL-15 */
START_TEST(roles_that_must_agree_lie_within_the_depth_too)
{
    static struct up_limits shallow;
    shallow = up_limits_primary;
    for (uint8_t depth = 3; depth >= 2; depth--) { /* A, the delegation to many, its roles */
        tree_plant(&up_profile_strict);
        tree_role(A, "", tree_to_many(2, C, D, "x/*", ""));
        tree_role(C, IMAGE(7), "");
        tree_role(D, IMAGE(7), "");
        tree_top("", tree_to(A, "x/*", ""));
        shallow.delegation_depth = depth;
        tree.rig->policy.limits = &shallow;
        IS(tree_look_for("x/fw"), depth == 3 ? UP_OK : UP_DELEGATION_LIMIT);
        shallow.delegation_depth = 1;
        IS(tree_look_for("x/fw"), UP_DELEGATION_LIMIT);
        ck_assert_uint_eq(tree.search.depth, 1);
    }
}
END_TEST

/* V-DEL-23 */
START_TEST(agreement_counts_a_role_and_a_key_set_once)
{
    tree_plant(&up_profile_strict);
    char *good = tree_to_many(2, A, B, "x/*", ""), *bad[10];
    bad[0] = tree_to_many(0, A, B, "x/*", "");
    bad[1] = tree_to_many(3, A, B, "x/*", "");
    bad[2] = author_with(good, "\"name\":\"b\"", "\"name\":\"a\"");
    bad[3] = author_with(good, author_keyids(&up_profile_strict, KEY(B)),
                         author_keyids(&up_profile_strict, KEY(A)));
    bad[4] = author_with(good, "\"name\":\"b\"", "\"nom\":\"b\"");
    bad[5] = author_with(good, "\"name\":\"b\"", "\"name\":\"root\"");
    bad[6] = author_with(good, "\"min_roles_in_agreement\":2,", "");
    bad[7] = author_with(good, "\"keyids\"", "\"ids\"");
    bad[8] = author_with(good, "\"threshold\":1", "\"threshold\":\"1\"");
    bad[9] = author_with(bad[4], "\"min_roles_in_agreement\":2", "\"min_roles_in_agreement\":1");
    tree_top("", good);
    tree_plant(&up_profile_strict);
    tree_top("", author_with(good, "\"name\":\"b\"",
                             "\"name\":\"b\",\"note\":\"what else is said means nothing\""));
    for (unsigned i = 0; i < 10; i++) {
        struct up_targets t;
        char *body = author_sorted(&up_profile_strict, tree_body(1, "", bad[i]));
        IS(up_targets_read(up_span_of(body), &up_profile_strict, &t), UP_SCHEMA);
    }
}
END_TEST

/* ---- plain TUF ---- */

/* E-FMT-13 */
START_TEST(roles_with_odd_names_are_resolved)
{
    static const char *const odd[] = {"?", "#", "../root", "a/../b", "\\u00e9"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        tree_plant(&up_profile_tuf);
        char file[UP_FILE_NAME_MAX];
        up_file_name(&up_profile_tuf, up_span_of(odd[i]), 1, file);
        ck_assert_ptr_null(strchr(file, '/'));
        tree.meta = author_meta(odd[i], 1);
        shelf_put(&tree.rig->shelf, file, author_sign(&up_profile_tuf, KEY(A), tree_body(1, IMAGE(1), "")));
        tree_top("",
                 author_delegation(&tree.rig->author, odd[i], (struct author_ring){KEY(A), 1}, "x/*", ""));
        IS(tree_look_for("x/fw"), UP_OK);
    }
}
END_TEST

START_TEST(without_a_hardware_id_any_delegation_fits)
{
    tree_plant(&up_profile_tuf);
    tree_role(A, IMAGE(1), "");
    tree_top("", tree_to(A, "x/*", "\"hardwareIds\":[\"hw-9\"],"));
    up_search_begin(&tree.search, &tree.rig->trust, UP_SPAN("x/fw"), (struct up_span){0});
    IS(shelf_search(&tree.rig->shelf, &tree.search, tree.rig->now_s, &tree.found), UP_OK);
}
END_TEST

START_TEST(a_search_that_waits_has_no_verdict_and_one_that_ended_takes_nothing)
{
    tree_plant(&up_profile_strict);
    tree_role(A, IMAGE(1), "");
    tree_top("", tree_to(A, "x/*", ""));
    struct up_span who;
    struct up_want w;
    up_search_begin(&tree.search, &tree.rig->trust, UP_SPAN("x/fw"), UP_SPAN("hw-1"));
    ck_assert(up_search_needs(&tree.search, &who, &w));
    ck_assert(up_span_is(who, "a"));
    ck_assert_uint_eq(w.version, 1);
    ck_assert_uint_eq(w.max_bytes, up_limits_primary.image_targets_bytes);
    IS(up_search_verdict(&tree.search, &tree.found, &who), UP_PRECONDITION);
    FOUND_BY("a", 1);
    struct up_search before = tree.search;
    up_search_feed(&tree.search, UP_SPAN("{}"), NULL, tree.rig->now_s);
    up_search_absent(&tree.search);
    ck_assert_mem_eq(&before, &tree.search, sizeof tree.search);
    ck_assert(!up_search_needs(&tree.search, &who, &w));
}
END_TEST

SUITE("search_many", a_cycle_does_not_hide_what_is_listed_after_it,
      as_many_roles_as_the_bound_allows_agree_or_do_not,
      delegations_to_many_that_follow_each_other_do_not_add_up,
      roles_that_must_agree_lie_within_the_depth_too, cycles_end,
      a_cycle_by_a_terminating_delegation_still_has_the_last_word, a_role_on_two_branches_is_visited_on_both,
      the_depth_of_delegations_is_bounded, the_number_of_roles_visited_is_bounded,
      enough_roles_that_agree_are_believed, roles_that_all_differ_are_not_believed,
      roles_agree_whatever_else_their_custom_data_says,
      of_two_groups_that_agree_the_one_with_the_earliest_role_wins, hiding_one_of_many_roles_ends_the_search,
      a_role_of_many_may_delegate_and_end_its_own_search_only, many_roles_within_many_roles_are_heard,
      a_cycle_through_many_roles_ends, roles_that_must_agree_are_bounded_over_all_nesting,
      agreement_counts_a_role_and_a_key_set_once, roles_with_odd_names_are_resolved,
      without_a_hardware_id_any_delegation_fits,
      a_search_that_waits_has_no_verdict_and_one_that_ended_takes_nothing)

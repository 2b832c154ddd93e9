/* The search through delegations: order, patterns, terminating roles, roles that are missing or wrong. */
#include "tests/suite.h"

#include "tests/lib_tree.h"

/* ---- order ---- */

/* V-DEL-03 */
START_TEST(a_roles_own_list_comes_before_its_delegations)
{
    tree_plant(&up_profile_strict);
    tree_role(A, IMAGE(2), "");
    tree_top(IMAGE(1), tree_to(A, "x/*", ""));
    FOUND_BY("targets", 1);
    ck_assert_str_eq(tree.rig->shelf.log, ""); /* nothing fetched */
}
END_TEST

/* V-DEL-02 */
START_TEST(delegations_are_searched_in_listed_order)
{
    tree_plant(&up_profile_strict);
    tree_role(A, IMAGE(1), "");
    tree_role(B, IMAGE(2), "");
    tree_top("", tree_list(tree_to(B, "x/*", ""), tree_to(A, "x/*", "")));
    FOUND_BY("b", 2);
    ck_assert_str_eq(tree.rig->shelf.log, "1.b.json ");
    struct up_target image;
    struct up_span role = {0};
    IS(up_search_verdict(&tree.search, &image, &role), UP_OK);
    ck_assert(up_span_is(role, "b") && image.release_counter == 2);
}
END_TEST

/* V-DEL-02, V-DEL-09 */
START_TEST(the_search_goes_deep_before_it_goes_on)
{
    tree_plant(&up_profile_strict);
    tree_role(A, "", tree_to(C, "x/*", ""));
    tree_role(B, IMAGE(2), "");
    tree_role(C, "", tree_to(D, "x/f*", ""));
    tree_role(D, "", "");
    tree_top("", tree_list(tree_to(A, "x/*", ""), tree_to(B, "*/*", "")));
    FOUND_BY("b", 2);
    ck_assert_str_eq(tree.rig->shelf.log, "1.a.json 1.c.json 1.d.json 1.b.json ");
}
END_TEST

/* V-DEL-09, V-DEL-24, V-MATCH-01 */
START_TEST(an_image_that_nobody_signs_is_not_found)
{
    tree_plant(&up_profile_strict);
    tree_role(A, author_image("x/other", "hw-1", 1), "");
    tree_top(author_image("x/Fw", "hw-1", 1), tree_to(A, "x/*", ""));
    IS(tree_look_for("x/fw"), UP_TARGET_NOT_FOUND);
    IS(tree_look_for("fw"), UP_TARGET_NOT_FOUND);
    IS(tree_look_for("x/Fw"), UP_OK);
}
END_TEST

/* V-DEL-04 */
START_TEST(the_name_must_match_on_every_edge_of_the_way)
{
    tree_plant(&up_profile_strict);
    tree_role(B, "", tree_to(C, "releases/x/*", ""));
    tree_role(
        C, tree_list(author_image("releases/x/v1", "hw-1", 1), author_image("releases/z/v1", "hw-1", 1)), "");
    tree_top("", tree_to(B, "releases/*/*", ""));
    IS(tree_look_for("releases/x/v1"), UP_OK);
    IS(tree_look_for("releases/z/v1"), UP_TARGET_NOT_FOUND);

    tree_plant(&up_profile_strict);
    tree_role(B, "", tree_to(C, "*/*", "")); /* a delegate gives away more than it has */
    tree_role(C, author_image("other/v1", "hw-1", 1), "");
    tree_top("", tree_to(B, "releases/*", ""));
    IS(tree_look_for("other/v1"), UP_TARGET_NOT_FOUND);
}
END_TEST

/* V-DEL-05, V-DEL-06 */
START_TEST(path_and_hardware_must_both_fit)
{
    tree_plant(&up_profile_strict);
    tree_role(A, IMAGE(1), "");
    tree_role(B, IMAGE(2), "");
    tree_role(C, IMAGE(3), "");
    tree_top("", tree_list(tree_to(A, "x/*", "\"hardwareIds\":[\"hw-2\",\"hw-3\"],"),
                           tree_list(tree_to(B, "y/*", "\"hardwareIds\":[\"hw-1\"],"),
                                     tree_to(C, "x/*", "\"hardwareIds\":[\"hw-0\",\"hw-1\"],"))));
    FOUND_BY("c", 3);
    ck_assert_str_eq(tree.rig->shelf.log, "1.c.json ");
}
END_TEST

/* V-DEL-16 */
START_TEST(wildcards_stay_within_a_segment)
{
    static const struct {
        const char *pattern, *name;
        bool match;
    } c[] = {
        {"a/*.img", "a/x.img", true},
        {"a/*.img", "a/b/x.img", false},
        {"a/*.img", "A/x.img", false},
        {"a/*.img", "a/.img", true},
        {"*", "a", true},
        {"*", "a/b", false},
        {"*", "", true},
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"?", "a", true},
        {"?", "/", false},
        {"?", "", false},
        {"a?c", "abc", true},
        {"a?c", "a/c", false},
        {"*/*", "a/b", true},
        {"*/*", "a/b/c", false},
        {"**", "ab", true},
        {"**", "a/b", false},
        {"*a*b", "xaxxb", true},
        {"*a*b", "xaxxbc", false},
        {"*ab", "aab", true},
        {"a*/c", "ab/c", true},
        {"a*/c", "ab/d/c", false},
        {"[a]", "a", false},
        {"[a]", "[a]", true},
        {"a.b", "axb", false},
        {"\\u002a.img", "x.img", true},
        {"?", "\\u00e9", true},
        {"\xC3\xA9", "\\u00e9", true},
        {"a*", "a", true},
        {"*a", "b", false},
        {"x/*/fw", "x/y/fw", true},
        {"\xFF", "\xFF", false},
        {"", "\\", false},
        {"\\", "", false},
        {"", "\\u0000", false},
        {"\\u0000", "", false},
        {"a\\", "a\\", false}, /* not what a checked string holds */
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++)
        ck_assert_msg(up_path_match(up_span_of(c[i].pattern), up_span_of(c[i].name)) == c[i].match,
                      "%s on %s", c[i].pattern, c[i].name);
    ck_assert(up_path_match((struct up_span){0}, (struct up_span){0}));
}
END_TEST

/* V-DEL-16: steps are bounded by the product of the lengths. */
START_TEST(a_pattern_of_two_hundred_stars_ends)
{
    char pattern[401], name[UP_NAME_MAX + 1];
    for (unsigned i = 0; i < 400; i += 2) memcpy(pattern + i, "*a", 2);
    pattern[400] = 0;
    memset(name, 'a', UP_NAME_MAX);
    name[UP_NAME_MAX] = 0;
    ck_assert(up_path_match(up_span_of(pattern), up_span_of(name)));
    name[UP_NAME_MAX - 1] = 'b';
    for (unsigned i = 0; i < 1000; i++) ck_assert(!up_path_match(up_span_of(pattern), up_span_of(name)));
}
END_TEST

/* ---- terminating ---- */

/* V-DEL-07 */
START_TEST(a_terminating_role_has_the_last_word)
{
    tree_plant(&up_profile_strict);
    tree_role(A, IMAGE(1), "");
    tree_role(B, IMAGE(2), "");
    tree_top("", tree_list(tree_to(A, "x/*", LAST), tree_to(B, "x/*", "")));
    FOUND_BY("a", 1);

    tree_plant(&up_profile_strict);
    tree_role(A, "", "");
    tree_role(B, IMAGE(2), "");
    tree_top("", tree_list(tree_to(A, "x/*", LAST), tree_to(B, "x/*", "")));
    IS(tree_look_for("x/fw"), UP_TARGET_NOT_FOUND);
    ck_assert_str_eq(tree.rig->shelf.log, "1.a.json ");
}
END_TEST

/* V-DEL-07: further up, too. */
START_TEST(a_terminating_role_ends_the_search_of_its_elders)
{
    tree_plant(&up_profile_strict);
    tree_role(A, "", tree_list(tree_to(B, "x/*", LAST), tree_to(C, "x/*", "")));
    tree_role(B, "", "");
    tree_role(C, IMAGE(3), "");
    tree_role(D, IMAGE(4), "");
    tree_top("", tree_list(tree_to(A, "x/*", ""), tree_to(D, "x/*", "")));
    IS(tree_look_for("x/fw"), UP_TARGET_NOT_FOUND);
}
END_TEST

/* V-DEL-07 */
START_TEST(a_terminating_role_for_other_images_ends_nothing)
{
    tree_plant(&up_profile_strict);
    tree_role(A, "", "");
    tree_role(B, IMAGE(2), "");
    tree_top("", tree_list(tree_to(A, "y/*", LAST), tree_to(B, "x/*", "")));
    FOUND_BY("b", 2);
}
END_TEST

static void plant_terminating_parent(const struct up_profile *p)
{
    tree_plant(p);
    tree_role(A, "", tree_to(B, "x/*", ""));
    tree_role(B, IMAGE(2), "");
    tree_role(C, IMAGE(3), "");
    tree_top("", tree_list(tree_to(A, "x/*", LAST), tree_to(C, "x/*", "")));
}

/* V-DEL-08 */
START_TEST(uptane_ends_at_a_terminating_role_and_tuf_visits_its_children)
{
    plant_terminating_parent(&up_profile_strict);
    IS(tree_look_for("x/fw"), UP_TARGET_NOT_FOUND);
    plant_terminating_parent(&up_profile_tuf);
    IS(tree_look_for("x/fw"), UP_OK);
    ck_assert(up_span_is(tree.search.speaker, "b"));
    /* and nobody but its children */
    tree_plant(&up_profile_tuf);
    tree_role(A, "", tree_to(B, "x/*", ""));
    tree_role(B, "", "");
    tree_role(C, IMAGE(3), "");
    tree_top("", tree_list(tree_to(A, "x/*", LAST), tree_to(C, "x/*", "")));
    IS(tree_look_for("x/fw"), UP_TARGET_NOT_FOUND);
    ck_assert_str_eq(tree.rig->shelf.log, "1.a.json 1.b.json ");
}
END_TEST

/* ---- a role on the way that is missing or wrong ---- */

/* A and B both have the image; A, who comes first, is FILE. */
static void plant_wrong_first(struct up_span file)
{
    if (file.p != NULL) {
        tree_put(A, file);
    } else {
        tree_role(A, "", "");
        shelf_drop(&tree.rig->shelf, "1.a.json");
    }
    tree_role(B, IMAGE(2), "");
    tree_top("", tree_list(tree_to(A, "x/*", ""), tree_to(B, "x/*", "")));
}

/* V-DEL-10 */
START_TEST(a_role_that_is_withheld_ends_the_search)
{
    tree_plant(&up_profile_strict);
    plant_wrong_first((struct up_span){0});
    INVALID(UP_UNAVAILABLE);
}
END_TEST

/* V-DEL-10, V-DEL-11, E-TGT-03 */
START_TEST(a_role_signed_by_others_ends_the_search)
{
    tree_plant(&up_profile_strict);
    plant_wrong_first(author_sign(&up_profile_strict, KEY(UP_TARGETS) | KEY(B), tree_body(1, IMAGE(1), "")));
    INVALID(UP_SIG_THRESHOLD);
}
END_TEST

/* V-DEL-10, V-DEL-11, E-TGT-05 */
START_TEST(an_expired_role_ends_the_search)
{
    tree_plant(&up_profile_strict);
    tree.rig->author.expires = "2025-01-01T00:00:00Z";
    struct up_span old = author_sign(&up_profile_strict, KEY(A), tree_body(1, IMAGE(1), ""));
    tree.rig->author.expires = AUTHOR_EXPIRES;
    plant_wrong_first(old);
    INVALID(UP_EXPIRED);
}
END_TEST

/* V-DEL-11, V-TGT-02: lower is rollback, higher is mix-and-match; neither is what Snapshot lists. */
START_TEST(a_role_of_another_version_than_listed_ends_the_search)
{
    tree_plant(&up_profile_strict);
    plant_wrong_first(author_sign(&up_profile_strict, KEY(A), tree_body(2, IMAGE(1), "")));
    INVALID(UP_VERSION_MISMATCH);
}
END_TEST

/* V-DEL-11, E-FMT-04 */
START_TEST(a_file_of_another_type_ends_the_search)
{
    tree_plant(&up_profile_strict);
    char *body = author_snapshot_body(&tree.rig->author, 1, author_meta("targets", 1));
    plant_wrong_first(author_sign(&up_profile_strict, KEY(A), body));
    INVALID(UP_ROLE_TYPE);
}
END_TEST

/* V-DEL-11, V-DEL-18 */
START_TEST(a_signature_pasted_twice_ends_the_search)
{
    tree_plant(&up_profile_strict);
    char *sorted = author_sorted(&up_profile_strict, tree_body(1, IMAGE(1), "")),
         *entry = author_entry(&up_profile_strict, A, sorted);
    plant_wrong_first(author_envelope(tree_list(entry, entry), sorted));
    INVALID(UP_SIG_DUPLICATE);
}
END_TEST

/* V-DEL-11, V-TGT-07 */
START_TEST(hash_and_length_of_a_delegated_file_bind)
{
    tree_plant(&up_profile_strict);
    struct up_span good = author_sign(&up_profile_strict, KEY(A), tree_body(1, IMAGE(1), ""));
    struct up_span same_length = author_sign(&up_profile_strict, KEY(A), tree_body(1, IMAGE(2), ""));
    tree.meta = author_meta_bound("a", 1, good);
    shelf_put(&tree.rig->shelf, "1.a.json", good);
    tree_top("", tree_to(A, "x/*", ""));
    FOUND_BY("a", 1);
    shelf_put(&tree.rig->shelf, "1.a.json", same_length);
    INVALID(UP_SNAPSHOT_MISMATCH);
    shelf_put(&tree.rig->shelf, "1.a.json", up_span_of(author_text("%.*s ", TEXT(good))));
    INVALID(UP_TOO_LARGE);
}
END_TEST

/* V-DEL-11, V-TGT-07 */
START_TEST(a_delegated_file_is_asked_for_as_the_profile_names_it_and_within_the_cap)
{
    static struct up_limits small;
    static const struct up_profile *const profile[] = {&up_profile_deployed, &up_profile_strict};
    small = up_limits_primary;
    for (unsigned i = 0; i < 6; i++) {
        struct up_span role;
        struct up_want w;
        tree_plant(profile[i % 2]);
        struct up_span file = author_sign(profile[i % 2], KEY(A), tree_body(1, IMAGE(1), ""));
        tree.meta = author_meta_bound("a", 1, file);
        tree_top("", tree_to(A, "x/*", ""));
        small.image_targets_bytes = (uint32_t)file.n + 1 - i / 2;
        tree.rig->policy.limits = &small;
        up_search_begin(&tree.search, &tree.rig->trust, UP_SPAN("x/fw"), UP_SPAN("hw-1"));
        ck_assert(up_search_needs(&tree.search, &role, &w));
        ck_assert_uint_eq(w.version, profile[i % 2] == &up_profile_deployed ? 0 : 1);
        ck_assert_uint_eq(w.max_bytes, i / 2 == 2 ? file.n - 1 : file.n);
    }
}
END_TEST

/* V-DEL-12 */
START_TEST(a_role_that_snapshot_does_not_list_is_not_asked_for)
{
    tree_plant(&up_profile_strict);
    tree_role(B, IMAGE(2), "");
    tree_top("", tree_list(tree_to(A, "x/*", ""), tree_to(B, "x/*", "")));
    IS(tree_look_for("x/fw"), UP_NOT_IN_SNAPSHOT);
    ck_assert_str_eq(tree.rig->shelf.log, "");
}
END_TEST

/* V-DEL-13 */
START_TEST(a_role_is_verified_with_the_keys_of_the_delegator_at_hand)
{
    tree_plant(&up_profile_strict);
    tree_role(A, "", tree_to(C, "x/*", ""));
    char *other_keys = author_delegation(&tree.rig->author, "c", (struct author_ring){KEY(D), 1}, "x/*", "");
    tree_role(B, "", other_keys);
    tree_role(C, "", "");
    tree_top("", tree_list(tree_to(A, "x/*", ""), tree_to(B, "x/*", "")));
    INVALID(UP_SIG_THRESHOLD);
    ck_assert_str_eq(tree.rig->shelf.log, "1.a.json 1.c.json 1.b.json 1.c.json ");
}
END_TEST

/* V-REC-06 */
START_TEST(a_delegator_replaces_a_key_by_a_new_block)
{
    tree_plant(&up_profile_strict);
    char *new_key = author_delegation(&tree.rig->author, "a", (struct author_ring){KEY(E), 1}, "x/*", "");
    tree_put(A, author_sign(&up_profile_strict, KEY(E), tree_body(1, IMAGE(1), "")));
    tree_top("", new_key);
    FOUND_BY("a", 1);
    shelf_put(&tree.rig->shelf, "1.a.json",
              author_sign(&up_profile_strict, KEY(A), tree_body(1, IMAGE(1), "")));
    INVALID(UP_SIG_THRESHOLD);
}
END_TEST

SUITE("search", a_delegated_file_is_asked_for_as_the_profile_names_it_and_within_the_cap,
      a_roles_own_list_comes_before_its_delegations, delegations_are_searched_in_listed_order,
      the_search_goes_deep_before_it_goes_on, an_image_that_nobody_signs_is_not_found,
      the_name_must_match_on_every_edge_of_the_way, path_and_hardware_must_both_fit,
      wildcards_stay_within_a_segment, a_pattern_of_two_hundred_stars_ends,
      a_terminating_role_has_the_last_word, a_terminating_role_ends_the_search_of_its_elders,
      a_terminating_role_for_other_images_ends_nothing,
      uptane_ends_at_a_terminating_role_and_tuf_visits_its_children, a_role_that_is_withheld_ends_the_search,
      a_role_signed_by_others_ends_the_search, an_expired_role_ends_the_search,
      a_role_of_another_version_than_listed_ends_the_search, a_file_of_another_type_ends_the_search,
      a_signature_pasted_twice_ends_the_search, hash_and_length_of_a_delegated_file_bind,
      a_role_that_snapshot_does_not_list_is_not_asked_for,
      a_role_is_verified_with_the_keys_of_the_delegator_at_hand, a_delegator_replaces_a_key_by_a_new_block)

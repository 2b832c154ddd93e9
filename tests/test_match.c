/* From a trusted order to a decision. */
#include "tests/suite.h"

#include "metadata/match.h"
#include "tests/lib_rig.h"

#define STRICT   (&up_profile_strict)
#define DEPLOYED (&up_profile_deployed)

/* The first image of a Targets file of IMAGES. */
static struct up_target target(const struct up_profile *p, const char *images)
{
    struct author a = author_of(p, NULL);
    struct up_targets t;
    struct up_target_walk walk;
    struct up_target first;
    IS(up_targets_read(up_span_of(author_sorted(p, author_targets_body(&a, 1, images, ""))), p, &t), UP_OK);
    up_targets_open(&walk, &t, p);
    ck_assert(up_targets_next(&walk, &first));
    return first;
}

#define ORDER author_order("fw/a.img", "ecu-1", "hw-1", 6)
#define IMAGE author_image("fw/a.img", "hw-1", 6)

static struct up_ecu some_ecu(void)
{
    return (struct up_ecu){
        .serial = UP_SPAN("ecu-1"), .hardware_id = UP_SPAN("hw-1"), .capacity_bytes = 1 << 20};
}

static enum up_err check(const char *order, const struct up_ecu *ecu)
{
    struct up_target t = target(STRICT, order);
    return up_order_check(&t, STRICT, ecu);
}

static enum up_err match(const struct up_profile *p, const char *order, const char *image)
{
    struct up_target a = target(p, order), b = target(p, image);
    return up_order_match(&a, &b, p);
}

/* ---- what is this ECU told? ---- */

/* E-DIR-10, E-DIR-13 */
START_TEST(an_ecu_acts_on_the_entry_with_its_own_id_only)
{
    struct author a = author_of(STRICT, "VIN-1");
    struct up_targets t;
    struct up_target order;
    char *both =
        author_text("%s,%s", author_order("a", "ecu-2", "hw-1", 1), author_order("b", "ecu-1", "hw-1", 2));
    struct up_span body = up_span_of(author_sorted(STRICT, author_targets_body(&a, 1, both, "")));
    IS(up_targets_read(body, STRICT, &t), UP_OK);
    IS(up_order_find(&t, STRICT, UP_SPAN("ecu-1"), &order), UP_OK);
    ck_assert(up_span_is(order.name, "b"));
    IS(up_order_find(&t, STRICT, UP_SPAN("ecu-2"), &order), UP_OK);
    ck_assert(up_span_is(order.name, "a"));
    IS(up_order_find(&t, STRICT, UP_SPAN("ecu-3"), &order), UP_TARGET_NOT_FOUND);
    IS(up_order_find(&t, STRICT, UP_SPAN("ecu"), &order), UP_TARGET_NOT_FOUND);
}
END_TEST

/* ---- may it be installed here? ---- */

/* E-IMG-03, V-MATCH-10 */
START_TEST(an_image_for_other_hardware_is_refused)
{
    struct up_ecu ecu = some_ecu();
    IS(check(ORDER, &ecu), UP_OK);
    IS(check(author_with(ORDER, "[\"hw-1\"]", "[\"hw-0\",\"hw-1\"]"), &ecu), UP_OK);
    IS(check(author_order("fw/a.img", "ecu-1", "hw-2", 6), &ecu), UP_IMG_HWID);
    IS(check(author_with(ORDER, "[\"hw-1\"]", "[\"hw-2\"]"), &ecu), UP_IMG_HWID);
    IS(check(author_with(ORDER, "{\"hardwareId\":\"hw-1\"}", "{\"hardwareId\":\"hw-2\"}"), &ecu),
       UP_IMG_HWID);
    IS(check(author_order("fw/a.img", "ecu-2", "hw-1", 6), &ecu), UP_IMG_HWID); /* not for us at all */
}
END_TEST

/* E-IMG-04 */
START_TEST(an_image_name_outside_the_pattern_is_refused)
{
    struct up_ecu ecu = some_ecu();
    ecu.name_pattern = UP_SPAN("fw/*.img");
    IS(check(ORDER, &ecu), UP_OK);
    ecu.name_pattern = UP_SPAN("radio/*.img");
    IS(check(ORDER, &ecu), UP_IMG_FILENAME);
}
END_TEST

/* E-IMG-05, E-IMG-06, V-MATCH-05, V-MATCH-11 */
START_TEST(a_release_counter_below_the_floor_is_refused)
{
    struct up_ecu ecu = some_ecu();
    ecu.release_floor = 5;
    IS(check(ORDER, &ecu), UP_OK);
    ecu.release_floor = 6;
    IS(check(ORDER, &ecu), UP_OK);
    ecu.release_floor = 7;
    IS(check(ORDER, &ecu), UP_IMG_RELEASE_COUNTER);
    IS(check(author_order("fw/other.img", "ecu-1", "hw-1", 6), &ecu), UP_IMG_RELEASE_COUNTER);
}
END_TEST

/* E-IMG-07, E-REC-13 */
START_TEST(a_release_counter_that_jumps_is_refused)
{
    struct up_ecu ecu = some_ecu();
    ecu.release_floor = 6;
    IS(check(author_order("a", "ecu-1", "hw-1", 6 + UP_COUNTER_STEP_MAX), &ecu), UP_OK);
    IS(check(author_order("a", "ecu-1", "hw-1", 7 + UP_COUNTER_STEP_MAX), &ecu), UP_IMG_RELEASE_COUNTER);
    IS(check(author_order("a", "ecu-1", "hw-1", UP_COUNTER_MAX), &ecu), UP_IMG_RELEASE_COUNTER);
    ecu.release_floor = 0; /* the first one may be a date */
    IS(check(author_order("a", "ecu-1", "hw-1", 20250615), &ecu), UP_OK);
}
END_TEST

/* E-IMG-07 */
START_TEST(once_there_was_a_release_counter_there_always_is_one)
{
    struct up_ecu ecu = some_ecu();
    struct up_target t = target(DEPLOYED, author_with(ORDER, "\"releaseCounter\":6", "\"version\":6"));
    IS(up_order_check(&t, DEPLOYED, &ecu), UP_OK);
    IS(up_order_check(&t, STRICT, &ecu), UP_IMG_RELEASE_COUNTER);
    ecu.release_floor = 1;
    IS(up_order_check(&t, DEPLOYED, &ecu), UP_IMG_RELEASE_COUNTER);
}
END_TEST

/* E-TGT-09 */
START_TEST(an_image_larger_than_the_slot_is_refused)
{
    struct up_ecu ecu = some_ecu();
    ecu.capacity_bytes = strlen("fw/a.img 6");
    IS(check(ORDER, &ecu), UP_OK);
    ecu.capacity_bytes--;
    IS(check(ORDER, &ecu), UP_STORAGE_FULL);
    IS(check(author_with(ORDER, "\"length\":10", "\"length\":4294967297"), &ecu), UP_STORAGE_FULL);
}
END_TEST

/* ---- do both repositories agree? ---- */

/* V-MATCH-01, V-MATCH-04, V-MATCH-07 */
START_TEST(equal_entries_match_whatever_only_one_side_says)
{
    IS(match(STRICT, ORDER, IMAGE), UP_OK);
    IS(match(STRICT,
             author_with(ORDER, "\"hardwareIds\"", "\"uri\":\"https://x/\",\"bundle\":\"b\",\"hardwareIds\""),
             IMAGE),
       UP_OK);
    IS(match(STRICT, ORDER, ORDER), UP_OK); /* an Image repository that carries ECU ids: not looked at */
}
END_TEST

/* V-MATCH-01 */
START_TEST(another_name_does_not_match)
{
    IS(match(STRICT, author_with(ORDER, "fw/a.img\":", "fw/A.img\":"), IMAGE), UP_TARGET_MISMATCH);
    IS(match(STRICT, author_with(ORDER, "fw/a.img\":", "a.img\":"), IMAGE), UP_TARGET_MISMATCH);
}
END_TEST

/* V-MATCH-02 */
START_TEST(another_length_does_not_match)
{
    IS(match(STRICT, author_with(ORDER, "\"length\":10", "\"length\":11"), IMAGE), UP_TARGET_MISMATCH);
}
END_TEST

/* V-MATCH-03, V-MATCH-08 */
START_TEST(another_set_of_hashes_does_not_match)
{
    const char *more = author_text("\"sha512\":\"%0128d\",\"sha256\"", 0),
               *other = author_text("\"sha512\":\"%0128d\",\"x\"", 0);
    IS(match(STRICT, author_with(ORDER, "\"sha256\"", more), author_with(IMAGE, "\"sha256\"", more)), UP_OK);
    IS(match(STRICT, author_with(ORDER, "\"sha256\"", more), IMAGE),
       UP_TARGET_MISMATCH); /* Director lists one more */
    IS(match(STRICT, ORDER, author_with(IMAGE, "\"sha256\"", more)), UP_TARGET_MISMATCH);
    IS(match(STRICT, author_with(ORDER, "\"sha256\"", other), IMAGE),
       UP_TARGET_MISMATCH); /* none in common */
    IS(match(STRICT, author_with(ORDER, "\"sha256\":\"", "\"unknown\":\"\",\"sha256\":\""), IMAGE), UP_OK);
    IS(match(STRICT, author_order("fw/a.img", "ecu-1", "hw-1", 7),
             author_with(IMAGE, "Counter\":6", "Counter\":7")),
       UP_TARGET_MISMATCH);
}
END_TEST

/* V-MATCH-04 */
START_TEST(another_release_counter_does_not_match)
{
    IS(match(STRICT, author_with(ORDER, "Counter\":6", "Counter\":7"), IMAGE), UP_TARGET_MISMATCH);
    IS(match(DEPLOYED, author_with(ORDER, "\"releaseCounter\":6", "\"x\":6"), IMAGE), UP_TARGET_MISMATCH);
    const char *zero = author_with(IMAGE, "\"releaseCounter\":6", "\"releaseCounter\":0");
    IS(match(DEPLOYED, author_with(ORDER, "\"releaseCounter\":6", "\"x\":6"), zero), UP_TARGET_MISMATCH);
    IS(match(DEPLOYED, ORDER, author_with(IMAGE, "\"releaseCounter\":6", "\"x\":6")), UP_TARGET_MISMATCH);
}
END_TEST

/* V-MATCH-04, V-MATCH-13 */
START_TEST(hardware_ids_match_as_sets)
{
    const char *order = author_with(ORDER, "[\"hw-1\"]", "[\"hw-1\",\"hw-2\"]");
    IS(match(STRICT, order, author_with(IMAGE, "[\"hw-1\"]", "[\"hw-2\",\"hw-1\"]")), UP_OK);
    IS(match(STRICT, order, IMAGE), UP_TARGET_MISMATCH);
    IS(match(STRICT, ORDER, author_with(IMAGE, "[\"hw-1\"]", "[\"hw-2\",\"hw-1\"]")), UP_TARGET_MISMATCH);
}
END_TEST

/* V-MATCH-04 */
START_TEST(a_deployed_director_is_matched_by_the_hardware_of_each_ecu)
{
    const char *bare = author_with(ORDER, "\"hardwareIds\":[\"hw-1\"],", "");
    const char *two =
        author_with(bare, "Identifiers\":{", "Identifiers\":{\"ecu-2\":{\"hardwareId\":\"hw-2\"},");
    IS(match(DEPLOYED, bare, IMAGE), UP_OK);
    IS(match(DEPLOYED, bare, author_with(IMAGE, "hw-1", "hw-2")), UP_TARGET_MISMATCH);
    IS(match(DEPLOYED, two, IMAGE), UP_TARGET_MISMATCH);
    IS(match(DEPLOYED, two, author_with(IMAGE, "[\"hw-1\"]", "[\"hw-1\",\"hw-2\",\"hw-3\"]")), UP_OK);
    struct up_target a = target(DEPLOYED, bare), b = target(STRICT, IMAGE);
    IS(up_order_match(&a, &b, STRICT), UP_TARGET_MISMATCH);
    /* but a list that it does give must be the same one */
    const char *listed = author_with(ORDER, "[\"hw-1\"]", "[\"hw-1\",\"hw-2\"]");
    IS(match(DEPLOYED, listed, IMAGE), UP_TARGET_MISMATCH);
}
END_TEST

SUITE("match", an_ecu_acts_on_the_entry_with_its_own_id_only, an_image_for_other_hardware_is_refused,
      an_image_name_outside_the_pattern_is_refused, a_release_counter_below_the_floor_is_refused,
      a_release_counter_that_jumps_is_refused, once_there_was_a_release_counter_there_always_is_one,
      an_image_larger_than_the_slot_is_refused, equal_entries_match_whatever_only_one_side_says,
      another_name_does_not_match, another_length_does_not_match, another_set_of_hashes_does_not_match,
      another_release_counter_does_not_match, hardware_ids_match_as_sets,
      a_deployed_director_is_matched_by_the_hardware_of_each_ecu)

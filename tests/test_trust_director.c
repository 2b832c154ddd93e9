/* The chain of trust: what only the Director must satisfy; profiles and verifiers that have less. */
#include "tests/suite.h"

#include "tests/lib_rig.h"

/* ---- what only the Director's files must satisfy ---- */

static void publish_orders(struct rig *r, unsigned version, const char *orders, const char *extra)
{
    char *body = author_targets_body(&r->author, version, orders, extra);
    struct up_span targets = author_file(&r->author, UP_TARGETS, body);
    shelf_publish(&r->shelf, &r->author, version, targets, version, "");
    shelf_put(&r->shelf, "targets.json", targets);
}

/* E-DIR-01 */
START_TEST(a_director_that_delegates_is_refused)
{
    struct rig *r = rig_director();
    char *one = author_delegation(&r->author, "x", (struct author_ring){KEY(5), 1}, "*", "");
    publish_orders(r, 1, "", author_delegations(&r->author, KEY(5), one));
    rig_refused(r, UP_DIR_DELEGATION);
    publish_orders(r, 1, "", author_delegations(&r->author, 0, "")); /* even an empty block */
    rig_refused(r, UP_DIR_DELEGATION);
    rig_heals(r, 1);
}
END_TEST

/* E-DIR-02, E-DIR-13 */
START_TEST(an_ecu_is_named_once_in_the_whole_file)
{
    struct rig *r = rig_director();
    char *both = author_with(author_order("a", "ecu-1", "hw-1", 1), "\"ecuIdentifiers\":{",
                             "\"ecuIdentifiers\":{\"ecu-2\":{\"hardwareId\":\"hw-1\"},");
    publish_orders(r, 1, both, ""); /* one image for two ECUs */
    IS(rig_cycle(r), UP_OK);
    publish_orders(
        r, 2,
        author_text("%s,%s", author_order("a", "ecu-1", "hw-1", 1), author_order("b", "ecu-1", "hw-1", 1)),
        "");
    rig_refused(r, UP_DIR_DUP_ECU);
    publish_orders(r, 2, author_text("%s,%s", both, author_order("b", "ecu-2", "hw-1", 1)), "");
    rig_refused(r, UP_DIR_DUP_ECU);
    rig_heals(r, 2);
}
END_TEST

/* E-DIR-02: twice within one image's list is a name twice in one object. */
START_TEST(an_ecu_named_twice_for_one_image_is_refused)
{
    struct rig *r = rig_partial();
    char *body = author_sorted(&up_profile_strict,
                               author_targets_body(&r->author, 1, author_order("a", "ecu-1", "hw-1", 1), ""));
    char *twice = author_with(body, "\"ecu-1\":{\"hardwareId\":\"hw-1\"}",
                              "\"ecu-1\":{\"hardwareId\":\"hw-1\"},\"ecu-1\":{\"hardwareId\":\"hw-1\"}");
    shelf_put(&r->shelf, "targets.json", author_envelope("", twice));
    rig_refused(r, UP_PARSE);
}
END_TEST

/* E-DIR-02: prefixes are other ECUs. */
START_TEST(ecus_whose_names_begin_alike_are_not_the_same)
{
    struct rig *r = rig_director();
    r->policy.judge_ecu = NULL;
    publish_orders(r, 1,
                   author_text("%s,%s,%s", author_order("a", "ecu-10", "hw-1", 1),
                               author_order("b", "ecu-1", "hw-1", 1),
                               author_order("c", "ecu-100", "hw-1", 1)),
                   "");
    IS(rig_cycle(r), UP_OK);
}
END_TEST

/* E-FMT-08 */
START_TEST(the_number_of_ecus_in_one_file_is_bounded)
{
    struct rig *r = rig_partial();
    r->policy.judge_ecu = NULL;
    for (unsigned n = UP_ECUS_MAX; n <= UP_ECUS_MAX + 1; n++) {
        char *many = author_text("%s", "");
        for (unsigned i = 1; i < n; i++) many = author_text("%s\"e%03u\":{\"hardwareId\":\"h\"},", many, i);
        publish_orders(r, n,
                       author_with(author_order("a", "e999", "h", 1), "Identifiers\":{",
                                   author_text("Identifiers\":{%s", many)),
                       "");
        IS(rig_cycle(r), n == UP_ECUS_MAX ? UP_OK : UP_LIMIT);
    }
}
END_TEST

/* P-DIR-03, P-DIR-09 */
START_TEST(a_file_that_names_an_unknown_ecu_or_other_hardware_is_refused_whole)
{
    struct rig *r = rig_director();
    publish_orders(
        r, 1,
        author_text("%s,%s", author_order("a", "ecu-1", "hw-1", 1), author_order("b", "ecu-9", "hw-1", 1)),
        "");
    rig_refused(r, UP_DIR_UNKNOWN_ECU);
    publish_orders(
        r, 1,
        author_text("%s,%s", author_order("a", "ecu-1", "hw-1", 1), author_order("b", "ecu-2", "hw-9", 1)),
        "");
    rig_refused(r, UP_IMG_HWID);
    rig_heals(r, 1);
}
END_TEST

/* P-DIR-03: what is in force is judged anew, too; the vehicle may have changed. */
START_TEST(stored_orders_are_judged_again_before_they_are_used_again)
{
    struct rig *r = rig_director();
    enum up_err (*judge)(void *, struct up_span, struct up_span) = r->policy.judge_ecu;
    r->policy.judge_ecu = NULL;
    publish_orders(r, 1, author_order("a", "ecu-9", "hw-1", 1), "");
    IS(rig_cycle(r), UP_OK);
    r->policy.judge_ecu = judge;
    rig_refused(r, UP_DIR_UNKNOWN_ECU);
    rig_heals(r, 2);
}
END_TEST

/* E-DIR-04 */
START_TEST(an_order_without_an_ecu_is_refused)
{
    struct rig *r = rig_director();
    publish_orders(r, 1, author_image("a", "hw-1", 1), "");
    rig_refused(r, UP_SCHEMA);
    rig_heals(r, 1);
}
END_TEST

/* E-DIR-05, R-DSRV-13 */
START_TEST(an_empty_order_carries_the_vehicle_id)
{
    struct rig *r = rig_director();
    publish_orders(r, 1, "", "");
    IS(rig_cycle(r), UP_OK);
    struct author anonymous = r->author;
    anonymous.vehicle = NULL;
    struct up_span targets = author_targets(&anonymous, 2, "");
    shelf_publish(&r->shelf, &r->author, 2, targets, 2, "");
    rig_refused(r, UP_DIR_VEHICLE_ID);
    rig_heals(r, 2);
}
END_TEST

/* E-DIR-06, E-DIR-07, S-PART-11 */
START_TEST(no_file_of_another_vehicle_raises_a_floor)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    struct author neighbour = r->author;
    for (unsigned which = 0; which < 4;
         which++) { /* which of its files, 900 versions on, is replayed to us */
        neighbour.vehicle = "VIN-2";
        struct author *a[] = {&r->author, &r->author, &r->author};
        if (which < 3) a[which] = &neighbour;
        struct up_span targets = author_targets(a[0], 900, "");
        struct up_span snapshot = author_snapshot(a[1], 900, author_meta_bound("targets", 900, targets));
        shelf_put(&r->shelf, "900.targets.json", targets);
        shelf_put(&r->shelf, "900.snapshot.json", snapshot);
        shelf_put(&r->shelf, "timestamp.json", author_timestamp(a[2], 900, snapshot, 900));
        if (which == 3) shelf_put(&r->shelf, "2.root.json", author_root(&neighbour, 2));
        rig_refused(r, UP_DIR_VEHICLE_ID);
    }
    shelf_drop(&r->shelf, "2.root.json");
    rig_heals(r, 6);
}
END_TEST

/* E-DIR-07 */
START_TEST(without_vehicle_ids_in_the_profile_a_foreign_one_is_refused_all_the_same)
{
    static struct rig r;
    rig_up(&r, UP_DIRECTOR, &up_profile_deployed);
    r.author.vehicle = NULL;
    rig_publish(&r, 1);
    IS(rig_cycle(&r), UP_OK);
    r.author.vehicle = "VIN-2";
    rig_publish(&r, 2);
    rig_refused(&r, UP_DIR_VEHICLE_ID);
    r.author.vehicle = "VIN-1";
    rig_heals(&r, 2);
}
END_TEST

/* E-FMT-07: an escape put in by whoever carries the file leaves the signature valid, and hides nothing. */
START_TEST(a_foreign_vehicle_id_cannot_be_hidden_by_another_spelling)
{
    static struct rig r;
    rig_up(&r, UP_DIRECTOR, &up_profile_deployed);
    r.policy.full = false;
    r.author.vehicle = "VIN-2";
    char *text = author_text("%.*s", TEXT(author_targets(&r.author, 1, "")));
    shelf_put(&r.shelf, "targets.json", up_span_of(author_with(text, "vehicleId", "v\\u0065hicleId")));
    r.author.vehicle = "VIN-1";
    IS(up_trust_init(&r.trust, &r.policy, author_root(&r.author, 1), NULL), UP_OK);
    rig_refused(&r, UP_DIR_VEHICLE_ID);
}
END_TEST

/* ---- profiles with less ---- */

START_TEST(a_director_of_two_roles_is_walked_without_timestamp_and_snapshot)
{
    static struct rig r;
    rig_up(&r, UP_DIRECTOR, &up_profile_deployed);
    rig_publish(&r, 5);
    shelf_drop(&r.shelf, "timestamp.json");
    IS(rig_cycle(&r), UP_OK);
    ck_assert_str_eq(r.shelf.log, "2.root.json timestamp.json targets.json ");
    rig_publish(&r, 4);
    shelf_drop(&r.shelf, "timestamp.json");
    rig_refused(&r, UP_ROLLBACK);
}
END_TEST

/* V-TSP-03: "may be absent" is no way to switch checks off. */
START_TEST(a_timestamp_that_was_there_once_cannot_be_taken_away)
{
    static struct rig r;
    rig_up(&r, UP_DIRECTOR, &up_profile_deployed);
    rig_publish(&r, 5);
    IS(rig_cycle(&r), UP_OK);
    ck_assert_str_eq(r.shelf.log, "2.root.json timestamp.json snapshot.json targets.json ");
    rig_publish(&r, 6);
    shelf_drop(&r.shelf, "timestamp.json");
    rig_refused(&r, UP_UNAVAILABLE);
    rig_heals(&r, 6);
}
END_TEST

START_TEST(an_image_repository_always_has_a_timestamp)
{
    static struct rig r;
    rig_up(&r, UP_IMAGE, &up_profile_deployed);
    rig_publish(&r, 5);
    shelf_drop(&r.shelf, "timestamp.json");
    rig_refused(&r, UP_UNAVAILABLE);
    rig_heals(&r, 5);
}
END_TEST

START_TEST(a_repository_of_plain_tuf_is_walked_whole)
{
    static struct rig r;
    rig_up(&r, UP_IMAGE, &up_profile_tuf);
    r.policy.limits = &up_limits_tuf;
    rig_publish(&r, 3);
    IS(rig_cycle(&r), UP_OK);
    rig_publish(&r, 2);
    rig_refused(&r, UP_ROLLBACK);
}
END_TEST

/* S-PART-02, S-PART-04, S-PART-06 */
START_TEST(a_partial_verifier_walks_root_and_targets)
{
    struct rig *r = rig_partial();
    rig_publish(r, 1);
    IS(rig_cycle(r), UP_OK);
    ck_assert_str_eq(r->shelf.log, "2.root.json targets.json ");
    r->author.ring[UP_TARGETS].keys = KEY(10);
    rig_publish(r, 2);
    rig_refused(r, UP_SIG_THRESHOLD); /* the new key without its Root */
    rig_next_root(r, 0);
    rig_heals(r, 2);
}
END_TEST

/* S-PART-02 */
START_TEST(a_partial_verifier_refuses_each_fault_by_its_name)
{
    struct rig *r = rig_partial();
    publish_orders(r, 1, author_order("a", "ecu-9", "hw-1", 1), "");
    rig_refused(r, UP_DIR_UNKNOWN_ECU);
    publish_orders(
        r, 1,
        author_text("%s,%s", author_order("a", "ecu-1", "hw-1", 1), author_order("b", "ecu-1", "hw-1", 1)),
        "");
    rig_refused(r, UP_DIR_DUP_ECU);
    publish_orders(r, 1, "", "\"delegations\":{\"keys\":{},\"roles\":[]},");
    rig_refused(r, UP_DIR_DELEGATION);
    r->author.vehicle = "VIN-2";
    rig_publish(r, 900);
    rig_refused(r, UP_DIR_VEHICLE_ID);
    r->author.vehicle = "VIN-1";
    rig_heals(r, 1);
}
END_TEST

SUITE("trust_director", a_director_that_delegates_is_refused, an_ecu_is_named_once_in_the_whole_file,
      an_ecu_named_twice_for_one_image_is_refused, ecus_whose_names_begin_alike_are_not_the_same,
      the_number_of_ecus_in_one_file_is_bounded,
      a_file_that_names_an_unknown_ecu_or_other_hardware_is_refused_whole,
      stored_orders_are_judged_again_before_they_are_used_again, an_order_without_an_ecu_is_refused,
      an_empty_order_carries_the_vehicle_id, no_file_of_another_vehicle_raises_a_floor,
      without_vehicle_ids_in_the_profile_a_foreign_one_is_refused_all_the_same,
      a_foreign_vehicle_id_cannot_be_hidden_by_another_spelling,
      a_director_of_two_roles_is_walked_without_timestamp_and_snapshot,
      a_timestamp_that_was_there_once_cannot_be_taken_away, an_image_repository_always_has_a_timestamp,
      a_repository_of_plain_tuf_is_walked_whole, a_partial_verifier_walks_root_and_targets,
      a_partial_verifier_refuses_each_fault_by_its_name)

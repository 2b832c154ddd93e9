/* The relaxations of a profile, one at a time (docs/pouf.md, section 1): what strict refuses, what the one
 * bit lets through, and what is refused under it all the same. */
#include "tests/suite.h"

#include "metadata/clock.h"
#include "metadata/encode.h"
#include "tests/lib_tree.h"

/* Strict but for RELAX. One at a time. */
static const struct up_profile *only(unsigned relax)
{
    static struct up_profile p;
    p = (struct up_profile){.name = "only", .dialect = UP_DIALECT_TUF, .relax = relax};
    return &p;
}

static struct rig rig;

/* ---- Roots ---- */

/* A repository whose Root says BODY; the newest files are under names without version, too. */
static enum up_err start(enum up_repo repo, const struct up_profile *p, char *(*body)(const struct author *a))
{
    rig_up(&rig, repo, p);
    struct up_span root = author_file(&rig.author, UP_ROOT, body(&rig.author));
    struct up_buf room = author_room();
    return up_trust_init(&rig.trust, &rig.policy, root, &room);
}

static char *inconsistent(const struct author *a)
{
    return author_with(author_root_body(a, 1), "\"consistent_snapshot\":true",
                       "\"consistent_snapshot\":false");
}

static void publish_unversioned(unsigned version)
{
    struct up_span targets = rig_some_targets(&rig, version);
    struct up_span snapshot = author_snapshot(&rig.author, version, author_meta("targets", version));
    shelf_put(&rig.shelf, "targets.json", targets);
    shelf_put(&rig.shelf, "snapshot.json", snapshot);
    shelf_put(&rig.shelf, "timestamp.json", author_timestamp(&rig.author, version, snapshot, version));
}

START_TEST(no_consistent_snapshot_takes_bare_names_and_still_every_version)
{
    IS(start(UP_IMAGE, &up_profile_strict, inconsistent), UP_CONFIG);

    IS(start(UP_IMAGE, only(UP_RELAX_NO_CONSISTENT_SNAPSHOT), inconsistent), UP_OK);
    publish_unversioned(2);
    IS(rig_cycle(&rig), UP_OK);
    ck_assert_str_eq(rig.shelf.log, "2.root.json timestamp.json snapshot.json targets.json ");
    /* what a cache mixes is refused */
    struct up_span old = rig_some_targets(&rig, 2);
    publish_unversioned(3);
    shelf_put(&rig.shelf, "targets.json", old);
    IS(rig_cycle(&rig), UP_VERSION_MISMATCH);
    publish_unversioned(1);
    IS(rig_cycle(&rig), UP_ROLLBACK);
    publish_unversioned(4);
    IS(rig_cycle(&rig), UP_OK);
}
END_TEST

/* Snapshot needs more signatures than it has keys, and lists an id without a key. */
static char *unreachable(const struct author *a)
{
    char *ids = author_keyids(a->profile, a->ring[UP_SNAPSHOT].keys);
    char *role = author_text("\"snapshot\":{\"keyids\":%s,\"threshold\":1}", ids);
    char *more = author_text("\"snapshot\":{\"keyids\":[\"00\",%s,\"threshold\":3}", ids + 1);
    return author_with(author_root_body(a, 1), role, more);
}

START_TEST(unreachable_thresholds_are_kept_and_nothing_meets_them)
{
    IS(start(UP_IMAGE, &up_profile_strict, unreachable), UP_CONFIG);

    IS(start(UP_IMAGE, only(UP_RELAX_UNREACHABLE_THRESHOLDS), unreachable), UP_OK);
    rig_publish(&rig, 1);
    rig.author.signers[UP_SNAPSHOT] = KEY(2) | KEY(7) | KEY(8) | KEY(9);
    rig_publish(&rig, 2); /* keys of no role do not help */
    IS(rig_cycle(&rig), UP_SIG_THRESHOLD);
    ck_assert_uint_eq(rig.trust.floors.mark[UP_SNAPSHOT].version, 0);
    rig.author.signers[UP_SNAPSHOT] = 0;
    rig_next_root(&rig, 0); /* the next Root may put it right */
    rig_publish(&rig, 3);
    IS(rig_cycle(&rig), UP_OK);
}
END_TEST

static char *threshold_of_zero(const struct author *a)
{
    return author_with(author_root_body(a, 1), "\"threshold\":1", "\"threshold\":0");
}

START_TEST(a_threshold_of_zero_is_refused_under_every_profile)
{
    IS(start(UP_IMAGE, &up_profile_strict, threshold_of_zero), UP_CONFIG);
    IS(start(UP_IMAGE, only(UP_RELAX_UNREACHABLE_THRESHOLDS), threshold_of_zero), UP_CONFIG);
    IS(start(UP_IMAGE, &up_profile_tuf, threshold_of_zero), UP_CONFIG);
}
END_TEST

/* The Root's ring lists key 0 twice, under its id and as "twin". */
static char *twins(const struct author *a)
{
    char *body = author_root_body(a, 1), *ids = author_keyids(a->profile, KEY(0));
    const char *id = author_keyid(a->profile, 0), *object = author_key_object(a->profile, 0);
    body = author_with(body, author_text("\"root\":{\"keyids\":%s,\"threshold\":1}", ids),
                       author_text("\"root\":{\"keyids\":[\"%s\",\"twin\"],\"threshold\":%u}", id,
                                   rig.author.ring[UP_ROOT].threshold));
    return author_with(body, "\"keys\":{", author_text("\"keys\":{\"twin\":%s,", object));
}

static char *two_twins(const struct author *a)
{
    return author_with(twins(a), "\"twin\"],\"threshold\":1", "\"twin\"],\"threshold\":2");
}

START_TEST(opaque_keyids_may_be_anything_and_a_key_counts_once)
{
    IS(start(UP_IMAGE, &up_profile_strict, twins), UP_CONFIG);
    IS(start(UP_IMAGE, only(UP_RELAX_OPAQUE_KEYIDS), twins), UP_OK);
    IS(start(UP_IMAGE, only(UP_RELAX_OPAQUE_KEYIDS), two_twins), UP_CONFIG);

    /* signed under both ids, and still one key */
    rig_up(&rig, UP_IMAGE, &up_profile_tuf);
    char *sorted = author_sorted(rig.author.profile, two_twins(&rig.author));
    char *entry = author_entry(rig.author.profile, 0, sorted);
    char *twin = author_with(entry, author_keyid(rig.author.profile, 0), "twin");
    struct up_buf room = author_room();
    IS(up_trust_init(&rig.trust, &rig.policy, author_envelope(author_text("%s,%s", entry, twin), sorted),
                     &room),
       UP_CONFIG);
}
END_TEST

/* ---- Timestamps ---- */

static enum up_err second_timestamp(const struct up_profile *p)
{
    rig_up(&rig, UP_IMAGE, p);
    rig_publish(&rig, 2);
    IS(rig_cycle(&rig), UP_OK);
    struct up_span snapshot = author_snapshot(&rig.author, 9, author_meta("targets", 9));
    shelf_put(&rig.shelf, "9.snapshot.json", snapshot);
    shelf_put(&rig.shelf, "timestamp.json", author_timestamp(&rig.author, 2, snapshot, 9));
    rig.shelf.log[0] = '\0';
    return rig_cycle(&rig);
}

START_TEST(same_timestamp_kept_goes_on_with_the_one_that_is_held)
{
    IS(second_timestamp(&up_profile_strict), UP_SAME_VERSION);

    IS(second_timestamp(only(UP_RELAX_SAME_TIMESTAMP_KEPT)), UP_OK);
    ck_assert_str_eq(rig.shelf.log, "2.root.json timestamp.json ");
    ck_assert_uint_eq(rig.trust.floors.named_snapshot, 2);
    ck_assert_uint_eq(rig.trust.floors.mark[UP_SNAPSHOT].version, 2);

    rig.now_s = up_time_decode(up_span_of(AUTHOR_EXPIRES)); /* the held one counts, its expiry too */
    rig.author.expires = "2040-01-01T00:00:00Z";
    rig_next_root(&rig, 0);
    struct up_span snapshot = author_snapshot(&rig.author, 9, author_meta("targets", 9));
    shelf_put(&rig.shelf, "timestamp.json", author_timestamp(&rig.author, 2, snapshot, 9));
    IS(rig_cycle(&rig), UP_EXPIRED);
    shelf_put(&rig.shelf, "timestamp.json", author_timestamp(&rig.author, 1, snapshot, 9));
    IS(rig_cycle(&rig), UP_ROLLBACK);
    rig_publish(&rig, 3);
    IS(rig_cycle(&rig), UP_OK);
}
END_TEST

START_TEST(a_second_timestamp_is_refused_when_the_first_was_lost)
{
    rig_up(&rig, UP_IMAGE, only(UP_RELAX_SAME_TIMESTAMP_KEPT));
    rig_publish(&rig, 2);
    IS(rig_cycle(&rig), UP_OK);
    rig.trust.file[UP_TIMESTAMP] = (struct up_signed){0};
    struct up_span snapshot = author_snapshot(&rig.author, 9, author_meta("targets", 9));
    shelf_put(&rig.shelf, "timestamp.json", author_timestamp(&rig.author, 2, snapshot, 9));
    IS(rig_cycle(&rig), UP_SAME_VERSION);
}
END_TEST

/* ---- delegations ---- */

/* A and B both delegate to C, who does not have the image; but B names another key for it. D has it. */
static void plant_two_ways(const struct up_profile *p)
{
    tree_plant(p);
    char *wrong = author_with(tree_to(C, "x/*", ""), author_keyid(p, C), author_keyid(p, E));
    tree_role(A, "", tree_to(C, "x/*", ""));
    tree_role(B, "", wrong);
    tree_role(C, "", "");
    tree_role(D, IMAGE(4), "");
    tree_top("", tree_list(tree_list(tree_to(A, "x/*", ""), tree_to(B, "x/*", "")), tree_to(D, "x/*", "")));
}

START_TEST(terminating_visits_children_visits_no_role_twice)
{
    plant_two_ways(&up_profile_strict);
    INVALID(UP_SIG_THRESHOLD);

    plant_two_ways(only(UP_RELAX_TERMINATING_VISITS_CHILDREN));
    INVALID(UP_SIG_THRESHOLD); /* without room to remember, it is visited again */
    struct up_span seen[64];
    tree.rig->policy.seen = seen;
    tree.rig->shelf.log[0] = '\0';
    FOUND_BY("d", 4);
    ck_assert_str_eq(tree.rig->shelf.log, "1.a.json 1.c.json 1.b.json 1.d.json ");
    shelf_drop(&tree.rig->shelf, "1.c.json"); /* a role on the way is still not skipped */
    INVALID(UP_UNAVAILABLE);
}
END_TEST

START_TEST(opaque_names_take_any_text_and_nothing_that_is_a_top_level_role)
{
    tree_plant(only(UP_RELAX_OPAQUE_NAMES));
    tree_role(A,
              "\"x y/../\xC3\xA9\":{\"hashes\":{\"sha256\":"
              "\"0000000000000000000000000000000000000000000000000000000000000000\"},\"length\":1}",
              "");
    tree_top("", tree_to(A, "x */*/\xC3\xA9", ""));
    IS(tree_look_for("x y/../\xC3\xA9"), UP_OK);
    IS(tree_look_for("x y/../e\xCC\x81"), UP_TARGET_NOT_FOUND); /* looks alike, is not */

    tree_plant(only(UP_RELAX_OPAQUE_NAMES));
    char *evil = author_with(tree_to(A, "x/*", ""), "\"name\":\"a\"", "\"name\":\"snapshot\"");
    struct up_targets t;
    char *body = tree_body(1, "", evil);
    IS(up_targets_read(up_span_of(author_sorted(&up_profile_strict, body)), only(UP_RELAX_OPAQUE_NAMES), &t),
       UP_SCHEMA);
}
END_TEST

/* ---- the Director ---- */

START_TEST(no_vehicle_id_may_be_silent_and_not_name_another_vehicle)
{
    rig_up(&rig, UP_DIRECTOR, &up_profile_strict);
    rig.author.vehicle = NULL;
    rig_publish(&rig, 1);
    rig_refused(&rig, UP_DIR_VEHICLE_ID);

    rig_up(&rig, UP_DIRECTOR, only(UP_RELAX_NO_VEHICLE_ID));
    rig.author.vehicle = NULL;
    rig_publish(&rig, 1);
    IS(rig_cycle(&rig), UP_OK);
    rig.author.vehicle = "VIN-2";
    rig_publish(&rig, 2);
    rig_refused(&rig, UP_DIR_VEHICLE_ID);
}
END_TEST

static enum up_err order_without_counter(const struct up_profile *p, const char *from, const char *to)
{
    rig_up(&rig, UP_DIRECTOR, p);
    char *order = author_with(author_order("x/fw", "ecu-1", "hw-1", 7), from, to);
    struct up_span targets = author_targets(&rig.author, 1, order);
    (void)shelf_publish(&rig.shelf, &rig.author, 1, targets, 1, "");
    return rig_cycle(&rig);
}

START_TEST(no_release_counter_may_be_absent_and_not_malformed)
{
    const char *counter = ",\"releaseCounter\":7";
    IS(order_without_counter(&up_profile_strict, counter, ""), UP_SCHEMA);
    const struct up_profile *p = only(UP_RELAX_NO_RELEASE_COUNTER);
    IS(order_without_counter(p, counter, ""), UP_OK);
    IS(order_without_counter(p, counter, ",\"releaseCounter\":-1"), UP_SCHEMA);
    IS(order_without_counter(p, counter, ",\"releaseCounter\":\"7\""), UP_SCHEMA);
    IS(order_without_counter(p, "\"hardwareIds\":[\"hw-1\"],", ""), UP_SCHEMA); /* that one it must have */
}
END_TEST

START_TEST(director_two_roles_lets_a_timestamp_be_absent_until_there_was_one)
{
    rig_up(&rig, UP_DIRECTOR, &up_profile_strict);
    rig_publish(&rig, 1);
    shelf_put(&rig.shelf, "targets.json", rig_some_targets(&rig, 1));
    shelf_drop(&rig.shelf, "timestamp.json");
    rig_refused(&rig, UP_UNAVAILABLE);

    const struct up_profile *p = only(UP_RELAX_DIRECTOR_TWO_ROLES);
    rig_up(&rig, UP_IMAGE, p); /* not the Image repository */
    rig_publish(&rig, 1);
    shelf_drop(&rig.shelf, "timestamp.json");
    rig_refused(&rig, UP_UNAVAILABLE);

    rig_up(&rig, UP_DIRECTOR, p);
    shelf_put(&rig.shelf, "targets.json", rig_some_targets(&rig, 2));
    IS(rig_cycle(&rig), UP_OK);
    shelf_put(&rig.shelf, "targets.json", rig_some_targets(&rig, 1));
    rig_refused(&rig, UP_ROLLBACK);
    rig_publish(&rig, 3); /* a Timestamp appears: from now on there must be one */
    IS(rig_cycle(&rig), UP_OK);
    shelf_drop(&rig.shelf, "timestamp.json");
    rig_refused(&rig, UP_UNAVAILABLE);
}
END_TEST

START_TEST(unversioned_names_still_hold_the_version_that_snapshot_names)
{
    rig_up(&rig, UP_IMAGE, only(UP_RELAX_UNVERSIONED_NAMES));
    rig_publish(&rig, 2);
    struct up_span old = shelf_get(&rig.shelf, "targets.json");
    IS(rig_cycle(&rig), UP_OK);
    rig_publish(&rig, 3);
    shelf_put(&rig.shelf, "targets.json", old);
    IS(rig_cycle(&rig), UP_SNAPSHOT_MISMATCH);
    rig_publish(&rig, 1);
    IS(rig_cycle(&rig), UP_ROLLBACK);
}
END_TEST

/* ---- keys and time ---- */

/* One key of dialect A, and a ring that lists it under ID. */
static enum up_err check_one(const struct up_profile *p, const char *id, const char *object)
{
    struct up_keyring r = {.keys = up_span_of(author_text("{\"%s\":%s}", id, object)),
                           .keyids = up_span_of(author_text("[\"%s\"]", id)),
                           .threshold = 1};
    return up_keyring_check(&r, p, 8);
}

START_TEST(keyid_over_value_covers_the_value_and_nothing_less)
{
    struct up_profile whole = up_profile_deployed;
    whole.relax &= ~(unsigned)UP_RELAX_KEYID_OVER_VALUE;
    const char *object = author_key_object(&up_profile_deployed, 3);
    const char *id = author_keyid(&up_profile_deployed, 3);
    IS(check_one(&whole, id, object), UP_KEYID);
    IS(check_one(&up_profile_deployed, id, object), UP_OK);
    IS(check_one(&up_profile_deployed, id, author_key_object(&up_profile_deployed, 4)), UP_KEYID);
}
END_TEST

static enum up_err hear_time(const struct up_profile *p, uint32_t time_keys, const char *nonce)
{
    static const uint8_t mine[UP_NONCE_BYTES] = {0xAB, 0xCD}, nobody[UP_SHA256_BYTES];
    struct author author = author_of(p, NULL);
    struct up_clock clock, next;
    struct up_root root;
    author.ring[UP_TIME].keys = time_keys;
    IS(up_root_read(up_span_of(author_sorted(p, author_root_body(&author, 1))), p, &up_limits_mcu, &root),
       UP_OK);
    up_clock_init(&clock, AUTHOR_NOW, 0, nobody);
    up_clock_on_root(&clock, &root);
    up_clock_ask(&clock, mine);
    struct up_span file = author_sign(p, KEY(9),
                                      author_text("{\"_type\":\"time\",\"nonces\":[\"%s\"],"
                                                  "\"time\":\"2026-01-01T00:00:00Z\"}",
                                                  nonce));
    return up_clock_feed(&clock, &root, p, file, NULL, 0, &next);
}

START_TEST(time_from_primary_ends_where_a_root_has_a_time_role)
{
    const char *mine = "abcd0000000000000000000000000000", *other = "00000000000000000000000000000000";
    const struct up_profile *p = only(UP_RELAX_TIME_FROM_PRIMARY);
    IS(hear_time(&up_profile_strict, 0, mine), UP_TIME_SIG);
    IS(hear_time(p, 0, mine), UP_OK);
    IS(hear_time(p, 0, other), UP_TIME_NONCE); /* not replayed, either */
    IS(hear_time(p, KEY(4), mine), UP_TIME_SIG);
}
END_TEST

SUITE("relaxations", no_consistent_snapshot_takes_bare_names_and_still_every_version,
      unreachable_thresholds_are_kept_and_nothing_meets_them,
      a_threshold_of_zero_is_refused_under_every_profile, opaque_keyids_may_be_anything_and_a_key_counts_once,
      same_timestamp_kept_goes_on_with_the_one_that_is_held,
      a_second_timestamp_is_refused_when_the_first_was_lost, terminating_visits_children_visits_no_role_twice,
      opaque_names_take_any_text_and_nothing_that_is_a_top_level_role,
      no_vehicle_id_may_be_silent_and_not_name_another_vehicle,
      no_release_counter_may_be_absent_and_not_malformed,
      director_two_roles_lets_a_timestamp_be_absent_until_there_was_one,
      unversioned_names_still_hold_the_version_that_snapshot_names,
      keyid_over_value_covers_the_value_and_nothing_less, time_from_primary_ends_where_a_root_has_a_time_role)

/* The chain of trust: the walk of Roots, and what rotated keys take with them. */
#include "tests/suite.h"

#include "tests/lib_rig.h"

/* V-ROOT-02, V-ROOT-20 */
START_TEST(the_first_root_must_be_signed_by_its_own_threshold)
{
    struct author a = author_of(&up_profile_strict, "VIN-1");
    struct up_policy policy = rig_director()->policy;
    struct up_trust t;
    a.ring[UP_ROOT] = (struct author_ring){KEY(0) | KEY(5), 2};
    IS(up_trust_init(&t, &policy, author_root(&a, 1), NULL), UP_OK);
    a.signers[UP_ROOT] = KEY(0);
    IS(up_trust_init(&t, &policy, author_root(&a, 1), NULL), UP_CONFIG);
    IS(up_trust_init(&t, &policy, UP_SPAN(""), NULL), UP_CONFIG);
    IS(up_trust_init(&t, &policy, author_targets(&a, 1, ""), NULL), UP_CONFIG);
    a.signers[UP_ROOT] = 0;
    IS(up_trust_init(&t, &policy, author_root(&a, UP_VERSION_MAX), NULL), UP_CONFIG);
    a.vehicle = "VIN-2";
    IS(up_trust_init(&t, &policy, author_root(&a, 1), NULL), UP_CONFIG);
}
END_TEST

/* V-ROOT-03 */
START_TEST(root_is_read_up_to_its_cap)
{
    struct rig *r = rig_director();
    struct up_want w;
    struct up_trust next;
    up_trust_begin(&r->trust);
    ck_assert(up_trust_want(&r->trust, &w));
    ck_assert_int_eq(w.role, UP_ROOT);
    ck_assert_uint_eq(w.version, 2);
    ck_assert(w.may_be_absent);
    char *body = author_root_body(&r->author, 2);
    size_t bare = author_file(&r->author, UP_ROOT, author_with(body, "\"keys\"", "\"fill\":\"\",\"keys\"")).n;
    for (size_t over = 0; over < 2; over++) {
        char *fill = author_text("%0*d", (int)(w.max_bytes - bare + over), 0);
        char *filled = author_with(body, "\"keys\"", author_text("\"fill\":\"%s\",\"keys\"", fill));
        struct up_span file = author_file(&r->author, UP_ROOT, filled);
        ck_assert_uint_eq(file.n, w.max_bytes + over);
        IS(up_trust_feed(&r->trust, file, NULL, r->now_s, &next), over ? UP_TOO_LARGE : UP_OK);
    }
}
END_TEST

/* V-ROOT-04 */
START_TEST(a_root_signed_by_old_and_new_thresholds_replaces_all_keys)
{
    struct rig *r = rig_director();
    r->author.ring[UP_ROOT] = (struct author_ring){KEY(5) | KEY(6) | KEY(7), 2};
    rig_next_root(r, KEY(0));
    r->author.ring[UP_ROOT] = (struct author_ring){KEY(8) | KEY(9) | KEY(25), 3};
    rig_next_root(r, KEY(5) | KEY(7));
    rig_publish(r, 1);
    IS(rig_cycle(r), UP_OK);
    ck_assert_uint_eq(r->trust.root.head.version, 3);
}
END_TEST

/* V-ROOT-04, V-ROOT-19 */
START_TEST(a_root_that_either_side_did_not_sign_is_refused)
{
    static const struct {
        struct author_ring new;
        uint32_t signers;
    } attack[] = {
        {{KEY(5) | KEY(6), 2}, KEY(0) | KEY(10)},           /* old only */
        {{KEY(5) | KEY(6), 2}, KEY(5) | KEY(6)},            /* new only */
        {{KEY(0) | KEY(10) | KEY(5), 3}, KEY(0) | KEY(10)}, /* threshold raised, not met */
        {{KEY(0) | KEY(10), 1}, KEY(0)},                    /* threshold lowered, the old one not met */
    };
    for (size_t i = 0; i < sizeof attack / sizeof *attack; i++) {
        struct rig *r = rig_director();
        r->author.ring[UP_ROOT] = (struct author_ring){KEY(0) | KEY(10), 2};
        rig_next_root(r, KEY(0));
        rig_publish(r, 1);
        IS(rig_cycle(r), UP_OK);

        struct author evil = r->author;
        evil.ring[UP_ROOT] = attack[i].new;
        evil.signers[UP_ROOT] = attack[i].signers;
        shelf_put(&r->shelf, "3.root.json", author_root(&evil, 3));
        rig_refused(r, UP_SIG_THRESHOLD);
        rig_refused(r, UP_SIG_THRESHOLD); /* V-ROOT-06: offered once more */
        rig_next_root(r, 0);
        rig_heals(r, 2);
        ck_assert_uint_eq(r->trust.root.head.version, 3);
    }
}
END_TEST

/* V-ROOT-05 */
START_TEST(a_root_must_be_exactly_the_next_one)
{
    static const unsigned version[] = {1, 2, 4, 5};
    struct rig *r = rig_director();
    rig_next_root(r, 0);
    rig_publish(r, 1);
    IS(rig_cycle(r), UP_OK);
    for (size_t i = 0; i < 4; i++) {
        shelf_put(&r->shelf, "3.root.json", author_root(&r->author, version[i]));
        rig_refused(r, UP_ROOT_VERSION);
    }
    shelf_put(&r->shelf, "3.root.json", author_root(&r->author, 3));
    rig_heals(r, 2);
}
END_TEST

/* V-ROOT-07 */
START_TEST(the_walk_takes_every_root_in_order)
{
    struct rig *r = rig_director();
    for (unsigned v = 2; v <= 9; v++) {
        r->author.ring[UP_ROOT].keys = KEY(v + 1);
        rig_next_root(r, KEY(v == 2 ? 0 : v));
    }
    rig_publish(r, 1);
    IS(rig_cycle(r), UP_OK);
    ck_assert_uint_eq(r->trust.root.head.version, 9);
    ck_assert_ptr_nonnull(
        strstr(r->shelf.log, "2.root.json 3.root.json 4.root.json 5.root.json 6.root.json "));
}
END_TEST

/* V-ROOT-07 */
START_TEST(a_withheld_root_ends_the_walk_and_expiry_decides)
{
    struct rig *r = rig_director();
    for (unsigned v = 2; v <= 9; v++) rig_next_root(r, 0);
    shelf_drop(&r->shelf, "5.root.json");
    rig_publish(r, 1);
    IS(rig_cycle(r), UP_OK);
    ck_assert_uint_eq(r->trust.root.head.version, 4);
    r->now_s = 1893456000; /* AUTHOR_EXPIRES */
    IS(rig_cycle(r), UP_EXPIRED);
}
END_TEST

/* V-ROOT-08 */
START_TEST(only_the_last_root_of_the_walk_must_be_unexpired)
{
    struct rig *r = rig_director();
    r->author.expires = "2020-01-01T00:00:00Z";
    rig_next_root(r, 0);
    rig_next_root(r, 0);
    rig_publish(r, 1);
    IS(rig_cycle(r), UP_EXPIRED);
    ck_assert_uint_eq(r->trust.root.head.version, 3); /* accepted Roots stay */
    r->author.expires = AUTHOR_EXPIRES;
    rig_next_root(r, 0);
    rig_heals(r, 2);
}
END_TEST

/* V-ROOT-09, E-STO-08 */
START_TEST(an_expired_stored_root_is_a_valid_start)
{
    struct rig *r = rig_director();
    r->now_s = 1893456000;
    rig_refused(r, UP_EXPIRED);
    r->author.expires = "2040-01-01T00:00:00Z";
    rig_next_root(r, 0);
    rig_heals(r, 1);
}
END_TEST

/* V-ROOT-11 */
START_TEST(a_chain_of_roots_without_end_is_cut_and_its_progress_kept)
{
    static struct up_limits few;
    few = up_limits_primary;
    few.roots_per_cycle = 3;
    struct rig *r = rig_director();
    r->policy.limits = &few;
    for (unsigned v = 2; v <= 4; v++) rig_next_root(r, 0);
    rig_publish(r, 1);
    IS(rig_cycle(r), UP_OK); /* as many as allowed */
    for (unsigned v = 5; v <= 9; v++) rig_next_root(r, 0);
    IS(rig_cycle(r), UP_LIMIT);
    ck_assert_uint_eq(r->trust.root.head.version, 7);
    rig_heals(r, 2);
    ck_assert_uint_eq(r->trust.root.head.version, 9);
}
END_TEST

/* The old keys and its own have signed it, and yet it says nothing. */
START_TEST(a_well_signed_root_must_be_well_formed)
{
    struct rig *r = rig_director();
    const char *body = author_root_body(&r->author, 2),
               *bad[] = {author_without(body, "expires"), author_without(body, "keys"),
                         author_without(body, "version")};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        shelf_put(&r->shelf, "2.root.json", author_file(&r->author, UP_ROOT, bad[i]));
        rig_refused(r, UP_SCHEMA);
    }
    rig_next_root(r, 0);
    rig_heals(r, 1);
}
END_TEST

/* Roots are durable one by one, so a new one is no news for the set. */
START_TEST(a_new_root_alone_leaves_the_rest_unchanged)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    rig_next_root(r, 0);
    IS(rig_cycle(r), UP_OK);
    ck_assert_uint_eq(r->trust.floors.mark[UP_ROOT].version, 2);
    ck_assert(r->trust.unchanged);
}
END_TEST

/* V-ROOT-13, V-REC-02 */
START_TEST(rotated_timestamp_or_snapshot_keys_heal_versions_driven_up)
{
    static const enum up_role rotated[] = {UP_TIMESTAMP, UP_SNAPSHOT};
    for (size_t i = 0; i < 2; i++) {
        struct rig *r = rig_director();
        rig_publish_both(r, 2000000000, 1);
        IS(rig_cycle(r), UP_OK);
        rig_publish_both(r, 1, 1);
        rig_refused(r, UP_ROLLBACK);
        r->author.ring[rotated[i]].keys = KEY(10);
        rig_next_root(r, 0);
        rig_publish_both(r, 1, 1);
        IS(rig_cycle(r), UP_OK);
        ck_assert_uint_eq(r->trust.floors.mark[UP_TIMESTAMP].version, 1);
        ck_assert_uint_eq(r->trust.floors.named_snapshot, 1);
    }
}
END_TEST

/* V-REC-03 */
START_TEST(rotated_snapshot_or_targets_keys_heal_a_targets_version_driven_up)
{
    static const enum up_role rotated[] = {UP_SNAPSHOT, UP_TARGETS};
    for (size_t i = 0; i < 2; i++) {
        struct rig *r = rig_director();
        rig_publish_both(r, 1, 2000000000);
        IS(rig_cycle(r), UP_OK);
        rig_publish_both(r, 2, 1);
        rig_refused(r, UP_ROLLBACK);
        r->author.ring[rotated[i]].keys = KEY(10);
        rig_next_root(r, 0);
        rig_publish_both(r, 2, 1);
        IS(rig_cycle(r), UP_OK);
        ck_assert_uint_eq(r->trust.targets.head.version, 1);
        rig_publish_both(r, 3, 2);
        IS(rig_cycle(r), UP_OK);
        rig_publish_both(r, 4, 1);
        rig_refused(r, UP_ROLLBACK); /* judged again at once */
    }
}
END_TEST

/* V-REC-03 */
/* The other side of it: Targets that are held and named anew are a floor again, though nobody fetched them.
 */
START_TEST(held_targets_are_a_floor_again_after_a_rotation_of_snapshot_keys)
{
    struct rig *r = rig_director();
    rig_publish_both(r, 1, 5);
    IS(rig_cycle(r), UP_OK);
    r->author.ring[UP_SNAPSHOT].keys = KEY(10);
    rig_next_root(r, 0);
    rig_publish_both(r, 1, 5);
    shelf_drop(&r->shelf, "5.targets.json");
    IS(rig_cycle(r), UP_OK);
    ck_assert_uint_eq(r->trust.floors.mark[UP_TARGETS].version, 5);
    rig_publish_both(r, 2, 4);
    rig_refused(r, UP_ROLLBACK);
}
END_TEST

START_TEST(rotated_targets_keys_heal_a_partial_verifier)
{
    struct rig *r = rig_partial();
    rig_publish(r, 2000000000);
    IS(rig_cycle(r), UP_OK);
    rig_publish(r, 1);
    rig_refused(r, UP_ROLLBACK);
    r->author.ring[UP_TARGETS].keys = KEY(10);
    rig_next_root(r, 0);
    rig_heals(r, 1);
}
END_TEST

/* V-ROOT-14 */
START_TEST(keys_rotated_away_and_back_count_as_rotated)
{
    struct rig *r = rig_director();
    rig_publish_both(r, 2000000000, 1);
    IS(rig_cycle(r), UP_OK);
    r->author.ring[UP_TIMESTAMP].keys = KEY(10);
    rig_next_root(r, 0);
    r->author.ring[UP_TIMESTAMP].keys = KEY(UP_TIMESTAMP);
    rig_next_root(r, 0);
    rig_publish_both(r, 1, 1);
    IS(rig_cycle(r), UP_OK);
}
END_TEST

/* V-ROOT-14 */
START_TEST(a_rotation_survives_a_power_cut_after_its_root_was_stored)
{
    struct rig *r = rig_director();
    rig_publish_both(r, 2000000000, 1);
    IS(rig_cycle(r), UP_OK);
    struct up_span old_timestamp = r->trust.file[UP_TIMESTAMP].file,
                   old_targets = r->trust.file[UP_TARGETS].file;
    r->author.ring[UP_TIMESTAMP].keys = KEY(10);
    struct up_span root = rig_next_root(r, 0);
    shelf_drop(&r->shelf, "timestamp.json");
    IS(rig_cycle(r), UP_UNAVAILABLE); /* Root is durable with its floors, nothing else came */
    struct up_floors stored = r->trust.floors;

    IS(up_trust_init(&r->trust, &r->policy, root, NULL), UP_OK);
    IS(up_trust_restore(&r->trust, &stored), UP_OK);
    IS(up_trust_restore_file(&r->trust, UP_TIMESTAMP, old_timestamp, NULL), UP_STORAGE_CORRUPT);
    IS(up_trust_restore_file(&r->trust, UP_TARGETS, old_targets, NULL), UP_OK);
    rig_publish_both(r, 1, 1);
    IS(rig_cycle(r), UP_OK);
}
END_TEST

/* V-ROOT-15 */
START_TEST(a_root_that_leaves_the_online_keys_alone_clears_no_floor)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    r->author.ring[UP_ROOT].keys = KEY(11);
    r->author.ring[UP_TIME].keys = KEY(12);
    rig_next_root(r, KEY(0));
    rig_publish(r, 4);
    IS(rig_cycle(r), UP_ROLLBACK);
    ck_assert_uint_eq(r->trust.root.head.version, 2);
    rig_heals(r, 5);
}
END_TEST

/* V-ROOT-15 */
START_TEST(rotated_targets_keys_leave_timestamp_and_snapshot_floors_alone)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    r->author.ring[UP_TARGETS].keys = KEY(11);
    rig_next_root(r, 0);
    rig_publish(r, 4);
    IS(rig_cycle(r), UP_ROLLBACK);
    rig_heals(r, 6);
}
END_TEST

/* V-ROOT-15 */
START_TEST(rotated_timestamp_keys_leave_the_targets_floor_alone)
{
    struct rig *r = rig_director();
    rig_publish_both(r, 5, 5);
    IS(rig_cycle(r), UP_OK);
    r->author.ring[UP_TIMESTAMP].keys = KEY(11);
    rig_next_root(r, 0);
    rig_publish_both(r, 1, 4);
    IS(rig_cycle(r), UP_ROLLBACK);
    rig_heals(r, 6);
}
END_TEST

/* V-ROOT-16, V-KEY-11, V-FULL-13 */
START_TEST(the_two_repositories_never_stand_in_for_each_other)
{
    struct rig *r = rig_director();
    struct author other = r->author;
    for (enum up_role role = UP_ROOT; role < UP_TIME; role++) other.ring[role].keys = KEY(12 + role);
    rig_publish(r, 4);
    shelf_put(&r->shelf, "2.root.json", author_root(&other, 2));
    rig_refused(r, UP_SIG_THRESHOLD);
    shelf_drop(&r->shelf, "2.root.json");
    shelf_put(&r->shelf, "timestamp.json", author_timestamp(&other, 9, UP_SPAN("x"), 9));
    rig_refused(r, UP_SIG_THRESHOLD);
    rig_heals(r, 4);
}
END_TEST

/* E-REC-12 */
START_TEST(a_root_at_the_ceiling_has_no_successor_and_is_refused)
{
    struct rig *r = rig_director();
    IS(up_trust_init(&r->trust, &r->policy, author_root(&r->author, UP_VERSION_MAX - 1), NULL), UP_OK);
    rig_publish(r, 1);
    IS(rig_cycle(r), UP_OK);
    shelf_put(&r->shelf, author_text("%u.root.json", UP_VERSION_MAX),
              author_root(&r->author, UP_VERSION_MAX));
    rig_refused(r, UP_LIMIT);
}
END_TEST

/* E-REC-12 */
START_TEST(other_roles_live_at_the_ceiling)
{
    struct rig *r = rig_director();
    rig_publish(r, UP_VERSION_MAX);
    IS(rig_cycle(r), UP_OK);
    IS(rig_cycle(r), UP_OK);
    rig_publish(r, 1);
    rig_refused(r, UP_ROLLBACK);
}
END_TEST

/* V-REC-14: whoever had a threshold of Root keys has the vehicle, until it is provisioned anew. */
START_TEST(a_vehicle_that_believed_stolen_root_keys_takes_no_honest_root)
{
    struct rig *r = rig_director();
    const struct author honest = r->author;
    rig_publish(r, 1);
    IS(rig_cycle(r), UP_OK);
    for (enum up_role role = UP_ROOT; role < UP_ROLES; role++) r->author.ring[role].keys = KEY(10);
    rig_next_root(r, KEY(UP_ROOT)); /* the thief's */
    rig_publish(r, 2);
    IS(rig_cycle(r), UP_OK);

    r->author = honest;
    r->author.ring[UP_ROOT].keys = KEY(11);
    rig_next_root(r, KEY(UP_ROOT));
    rig_publish(r, 3);
    IS(rig_cycle(r), UP_SIG_THRESHOLD);
    ck_assert_uint_eq(r->trust.root.head.version, 2);
    IS(up_trust_init(&r->trust, &r->policy, author_root(&honest, 1), NULL), UP_OK); /* the workshop */
}
END_TEST

/* V-REC-01, V-TSP-04 */
START_TEST(a_key_that_a_newer_root_removed_is_worth_nothing)
{
    static const enum up_role role[] = {UP_TIMESTAMP, UP_SNAPSHOT, UP_TARGETS};
    for (size_t i = 0; i < 3; i++) {
        struct rig *r = rig_director();
        rig_publish(r, 1);
        IS(rig_cycle(r), UP_OK);
        r->author.ring[role[i]].keys = KEY(10);
        rig_next_root(r, 0);
        r->author.signers[role[i]] = KEY(role[i]);
        rig_publish(r, 2);
        IS(rig_cycle(r), UP_SIG_THRESHOLD);
        r->author.signers[role[i]] = 0;
        rig_heals(r, 2);
    }
}
END_TEST

/* V-REC-01: what was signed with a removed key is not used from the store, either. */
START_TEST(stored_targets_of_a_removed_key_are_forgotten)
{
    struct rig *r = rig_director();
    rig_publish(r, 1);
    IS(rig_cycle(r), UP_OK);
    r->author.ring[UP_TARGETS].keys = KEY(10);
    rig_next_root(r, 0);
    IS(rig_cycle(r), UP_SIG_THRESHOLD); /* Snapshot still names the old file */
    ck_assert_ptr_null(r->trust.file[UP_TARGETS].body.p);
    ck_assert_ptr_null(r->trust.targets.targets.p);
}
END_TEST

/* V-KEY-12 */
START_TEST(a_key_of_an_unknown_kind_is_tolerated_and_never_counts)
{
    struct rig *r = rig_director();
    struct author a = r->author;
    const char *object = "{\"keytype\":\"sphincs\",\"keyval\":{\"public\":\"00\"},\"scheme\":\"sphincs\"}";
    char id[UP_KEYID_TEXT + 1] = "";
    IS(up_key_id(up_span_of(object), a.profile, id), UP_OK);
    char *body =
        author_with(author_root_body(&a, 2), "\"keys\":{", author_text("\"keys\":{\"%s\":%s,", id, object));
    char *timestamp = author_keyids(a.profile, KEY(UP_TIMESTAMP));
    char *with = author_with(body, timestamp, author_text("[\"%s\",%s", id, timestamp + 1));
    shelf_put(&r->shelf, "2.root.json", author_file(&a, UP_ROOT, with));
    rig_heals(r, 1);
    ck_assert_uint_eq(r->trust.root.head.version, 2);

    /* reachable through the unknown key only */
    char *only = author_with(author_with(body, timestamp, author_text("[\"%s\"]", id)), "\"version\":2",
                             "\"version\":3");
    shelf_put(&r->shelf, "3.root.json", author_file(&a, UP_ROOT, only));
    IS(rig_cycle(r), UP_SIG_THRESHOLD);
}
END_TEST

/* Signed offline, once for the fleet. */
START_TEST(a_directors_root_need_not_name_the_vehicle)
{
    struct rig *r = rig_director();
    r->author.vehicle = NULL;
    rig_next_root(r, 0);
    r->author.vehicle = "VIN-1";
    rig_heals(r, 1);
    ck_assert_uint_eq(r->trust.root.head.version, 2);
    r->author.vehicle = "VIN-2";
    rig_next_root(r, 0);
    rig_refused(r, UP_DIR_VEHICLE_ID);
}
END_TEST

SUITE("trust_root", a_directors_root_need_not_name_the_vehicle, a_well_signed_root_must_be_well_formed,
      a_new_root_alone_leaves_the_rest_unchanged, the_first_root_must_be_signed_by_its_own_threshold,
      root_is_read_up_to_its_cap, a_root_signed_by_old_and_new_thresholds_replaces_all_keys,
      a_root_that_either_side_did_not_sign_is_refused, a_root_must_be_exactly_the_next_one,
      the_walk_takes_every_root_in_order, a_withheld_root_ends_the_walk_and_expiry_decides,
      only_the_last_root_of_the_walk_must_be_unexpired, an_expired_stored_root_is_a_valid_start,
      a_chain_of_roots_without_end_is_cut_and_its_progress_kept,
      rotated_timestamp_or_snapshot_keys_heal_versions_driven_up,
      rotated_snapshot_or_targets_keys_heal_a_targets_version_driven_up,
      held_targets_are_a_floor_again_after_a_rotation_of_snapshot_keys,
      rotated_targets_keys_heal_a_partial_verifier, keys_rotated_away_and_back_count_as_rotated,
      a_rotation_survives_a_power_cut_after_its_root_was_stored,
      a_root_that_leaves_the_online_keys_alone_clears_no_floor,
      rotated_targets_keys_leave_timestamp_and_snapshot_floors_alone,
      rotated_timestamp_keys_leave_the_targets_floor_alone,
      the_two_repositories_never_stand_in_for_each_other,
      a_root_at_the_ceiling_has_no_successor_and_is_refused, other_roles_live_at_the_ceiling,
      a_key_that_a_newer_root_removed_is_worth_nothing, stored_targets_of_a_removed_key_are_forgotten,
      a_key_of_an_unknown_kind_is_tolerated_and_never_counts,
      a_vehicle_that_believed_stolen_root_keys_takes_no_honest_root)

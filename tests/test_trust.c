/* The chain of trust: whole cycles, and Timestamp. */
#include "tests/suite.h"

#include "tests/lib_rig.h"

/* ---- cycle ---- */

/* V-FULL-03, P-DIR-08, V-SNAP-01 */
START_TEST(the_four_roles_are_asked_for_in_order)
{
    struct rig *r = rig_director();
    rig_publish(r, 4);
    IS(rig_cycle(r), UP_OK);
    ck_assert_str_eq(r->shelf.log, "2.root.json timestamp.json 4.snapshot.json 4.targets.json ");
    ck_assert(!r->trust.unchanged);
    struct rig *i = rig_image();
    rig_publish(i, 3);
    IS(rig_cycle(i), UP_OK);
    ck_assert_str_eq(i->shelf.log, "2.root.json timestamp.json 3.snapshot.json 3.targets.json ");
}
END_TEST

/* V-SNAP-09 */
START_TEST(an_unchanged_poll_asks_for_root_and_timestamp_only)
{
    struct rig *r = rig_director();
    rig_publish(r, 4);
    IS(rig_cycle(r), UP_OK);
    IS(rig_cycle(r), UP_OK);
    ck_assert_str_eq(r->shelf.log, "2.root.json timestamp.json ");
    ck_assert(r->trust.unchanged);
    ck_assert_uint_eq(r->trust.targets.head.version, 4);
}
END_TEST

START_TEST(a_new_timestamp_of_the_same_snapshot_is_kept_without_fetching_more)
{
    struct rig *r = rig_director();
    rig_publish(r, 4);
    IS(rig_cycle(r), UP_OK);
    struct up_span snapshot = shelf_get(&r->shelf, "4.snapshot.json");
    shelf_put(&r->shelf, "timestamp.json", author_timestamp(&r->author, 5, snapshot, 4));
    IS(rig_cycle(r), UP_OK);
    ck_assert_str_eq(r->shelf.log, "2.root.json timestamp.json ");
    ck_assert(!r->trust.unchanged); /* its floor has to be stored */
    ck_assert_uint_eq(r->trust.floors.mark[UP_TIMESTAMP].version, 5);
}
END_TEST

START_TEST(a_new_snapshot_of_the_same_targets_does_not_fetch_them_again)
{
    struct rig *r = rig_director();
    rig_publish_both(r, 4, 4);
    IS(rig_cycle(r), UP_OK);
    rig_publish_both(r, 5, 4);
    IS(rig_cycle(r), UP_OK);
    ck_assert_str_eq(r->shelf.log, "2.root.json timestamp.json 5.snapshot.json ");
    ck_assert_uint_eq(r->trust.targets.head.version, 4);
}
END_TEST

/* V-SNAP-09, V-STO-06: whoever was cut off after Snapshot finds the update all the same. */
START_TEST(a_cycle_cut_off_before_targets_is_finished_by_the_next)
{
    struct rig *r = rig_image(); /* commits file by file */
    rig_publish(r, 4);
    shelf_drop(&r->shelf, "4.targets.json");
    IS(rig_cycle(r), UP_UNAVAILABLE);
    ck_assert_uint_eq(r->trust.floors.mark[UP_SNAPSHOT].version, 4);
    shelf_put(&r->shelf, "4.targets.json", rig_some_targets(r, 4));
    IS(rig_cycle(r), UP_OK);
    ck_assert_str_eq(r->shelf.log, "2.root.json timestamp.json 4.targets.json ");
    ck_assert_uint_eq(r->trust.targets.head.version, 4);
}
END_TEST

/* V-STO-05 */
START_TEST(the_directors_set_is_committed_as_one_or_not_at_all)
{
    struct rig *r = rig_director();
    rig_publish(r, 4);
    IS(rig_cycle(r), UP_OK);
    rig_publish(r, 5);
    shelf_put(&r->shelf, "5.targets.json",
              author_targets(&r->author, 5, author_order("x", "foreign", "hw-1", 1)));
    rig_refused(r, UP_SNAPSHOT_MISMATCH);
    ck_assert_uint_eq(r->trust.floors.mark[UP_TIMESTAMP].version, 4);
    rig_heals(r, 5);
}
END_TEST

/* E-STO-13 */
START_TEST(a_missing_file_other_than_the_next_root_ends_the_cycle)
{
    static const char *const file[] = {"timestamp.json", "4.snapshot.json", "4.targets.json"};
    for (size_t i = 0; i < 3; i++) {
        struct rig *r = rig_director();
        rig_publish(r, 4);
        shelf_drop(&r->shelf, file[i]);
        rig_refused(r, UP_UNAVAILABLE);
        rig_heals(r, 4);
    }
}
END_TEST

START_TEST(nothing_is_wanted_before_a_cycle_begins_or_after_it_is_done)
{
    struct rig *r = rig_director();
    struct up_want w;
    struct up_trust next;
    ck_assert(!up_trust_want(&r->trust, &w));
    IS(up_trust_feed(&r->trust, UP_SPAN("{}"), NULL, r->now_s, &next), UP_PRECONDITION);
    rig_publish(r, 1);
    IS(rig_cycle(r), UP_OK);
    ck_assert(!up_trust_want(&r->trust, &w));
    IS(up_trust_absent(&r->trust, r->now_s, &next), UP_UNAVAILABLE);
}
END_TEST

/* E-FMT-07: carried on in another spelling it is the same file; in place only where it is canonical. */
START_TEST(a_file_in_another_spelling_needs_room_and_is_the_same_file)
{
    struct rig *r = rig_partial();
    struct up_trust next;
    struct up_buf room = author_room();
    rig_publish(r, 4);
    IS(rig_cycle(r), UP_OK);
    struct up_span file = shelf_get(&r->shelf, "targets.json");
    const char *spaced = author_with(author_text("%.*s", TEXT(file)), "\"expires\":", "\n\t\"expires\" : ");
    up_trust_begin(&r->trust);
    IS(up_trust_absent(&r->trust, r->now_s, &next), UP_OK);
    IS(up_trust_feed(&next, up_span_of(spaced), NULL, r->now_s, &r->trust), UP_NOT_CANONICAL);
    IS(up_trust_feed(&next, up_span_of(spaced), &room, r->now_s, &r->trust), UP_OK);
    ck_assert(r->trust.unchanged);
    ck_assert_uint_gt(room.n, 0); /* kept for as long as the file is trusted */
}
END_TEST

/* E-FMT-07 */
START_TEST(a_refused_file_gives_its_room_back)
{
    struct rig *r = rig_partial();
    struct up_trust next, after;
    struct up_buf room = author_room();
    struct up_span foreign =
        author_sign(&up_profile_strict, KEY(9), author_targets_body(&r->author, 1, "", ""));
    const char *spaced = author_with(author_text("%.*s", TEXT(foreign)), "\"expires\":", "\"expires\" : ");
    up_trust_begin(&r->trust);
    IS(up_trust_absent(&r->trust, r->now_s, &next), UP_OK);
    room.n = 100; /* others have what is before */
    IS(up_trust_feed(&next, up_span_of(spaced), &room, r->now_s, &after), UP_SIG_THRESHOLD);
    ck_assert_uint_eq(room.n, 100);
}
END_TEST

/* Only the Director of a deployed backend may have none, and only as long as it never had one. */
START_TEST(a_timestamp_may_be_absent_where_there_never_was_one)
{
    static const struct up_profile *const profile[] = {&up_profile_deployed, &up_profile_strict};
    for (size_t i = 0; i < 2; i++) {
        const bool deployed = profile[i] == &up_profile_deployed;
        struct rig r;
        struct up_want w;
        struct up_trust next;
        rig_up(&r, UP_DIRECTOR, profile[i]);
        up_trust_begin(&r.trust);
        ck_assert(up_trust_want(&r.trust, &w) && w.role == UP_ROOT && w.may_be_absent);
        IS(up_trust_absent(&r.trust, r.now_s, &next), UP_OK);
        ck_assert(up_trust_want(&next, &w) && w.role == UP_TIMESTAMP);
        ck_assert_int_eq(w.may_be_absent, deployed);
        rig_publish(&r, 5);
        IS(rig_cycle(&r), UP_OK);
        up_trust_begin(&r.trust);
        IS(up_trust_absent(&r.trust, r.now_s, &next), UP_OK);
        ck_assert(up_trust_want(&next, &w) && w.role == UP_TIMESTAMP && !w.may_be_absent);
        IS(up_trust_absent(&next, r.now_s, &r.trust), UP_UNAVAILABLE);
    }
}
END_TEST

/* V-REC-02 */
START_TEST(with_new_timestamp_keys_a_deployed_director_may_go_without_timestamp)
{
    struct rig r;
    rig_up(&r, UP_DIRECTOR, &up_profile_deployed);
    rig_publish(&r, 5);
    IS(rig_cycle(&r), UP_OK);
    r.author.ring[UP_TIMESTAMP].keys = KEY(10);
    rig_next_root(&r, 0);
    shelf_drop(&r.shelf, "timestamp.json");
    shelf_put(&r.shelf, "targets.json", rig_some_targets(&r, 6));
    IS(rig_cycle(&r), UP_OK);
    ck_assert_uint_eq(r.trust.targets.head.version, 6);
}
END_TEST

/* V-SNAP-02: by number where names carry it; never more bytes than the cap, whatever Timestamp says. */
START_TEST(a_snapshot_is_asked_for_as_the_profile_names_it_and_within_the_cap)
{
    static const struct up_profile *const profile[] = {&up_profile_deployed, &up_profile_strict};
    const uint32_t cap = up_limits_primary.snapshot_bytes;
    for (uint32_t length = cap - 1; length <= cap + 1; length++) {
        const bool deployed = profile[length % 2] == &up_profile_deployed;
        struct rig r;
        struct up_want w;
        struct up_trust next;
        struct up_buf room = author_room();
        rig_up(&r, UP_DIRECTOR, profile[length % 2]);
        struct up_span large = {(uint8_t *)author_text("%*s", (int)length, ""), length};
        struct up_span timestamp = author_timestamp(&r.author, 1, large, 7);
        up_trust_begin(&r.trust);
        IS(up_trust_absent(&r.trust, r.now_s, &next), UP_OK);
        IS(up_trust_feed(&next, timestamp, &room, r.now_s, &r.trust), UP_OK);
        ck_assert(up_trust_want(&r.trust, &w) && w.role == UP_SNAPSHOT && !w.may_be_absent);
        ck_assert_uint_eq(w.version, deployed ? 0 : 7);
        ck_assert_uint_eq(w.max_bytes, length < cap ? length : cap);
    }
}
END_TEST

/* ---- Timestamp ---- */

/* V-TSP-03 */
START_TEST(timestamp_is_read_up_to_its_cap)
{
    struct rig *r = rig_director();
    rig_publish(r, 4);
    char *filled = author_text("%.*s%*s", TEXT(shelf_get(&r->shelf, "timestamp.json")),
                               (int)up_limits_primary.timestamp_bytes, "");
    shelf_put(&r->shelf, "timestamp.json",
              (struct up_span){(uint8_t *)filled, up_limits_primary.timestamp_bytes});
    IS(rig_cycle(r), UP_OK);
    shelf_put(&r->shelf, "timestamp.json",
              (struct up_span){(uint8_t *)filled, up_limits_primary.timestamp_bytes + 1});
    rig_refused(r, UP_TOO_LARGE);
    rig_heals(r, 5);
}
END_TEST

/* V-TSP-05, V-TSP-09 */
START_TEST(a_lower_timestamp_is_refused)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    rig_publish(r, 4);
    rig_refused(r, UP_ROLLBACK);
    rig_heals(r, 5);
    rig_heals(r, 6);
}
END_TEST

/* V-TSP-06 */
START_TEST(a_timestamp_of_the_same_version_with_other_content_is_refused)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    shelf_put(&r->shelf, "timestamp.json", author_timestamp(&r->author, 5, UP_SPAN("other"), 5));
    rig_refused(r, UP_SAME_VERSION);
    rig_heals(r, 6);
}
END_TEST

/* V-TSP-06 */
START_TEST(a_timestamp_signed_once_more_is_the_same_file)
{
    struct rig *r = rig_director();
    r->author.ring[UP_TIMESTAMP] = (struct author_ring){KEY(5) | KEY(6), 1};
    rig_next_root(r, 0);
    r->author.signers[UP_TIMESTAMP] = KEY(5);
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    r->author.signers[UP_TIMESTAMP] = KEY(6);
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    ck_assert(r->trust.unchanged);
}
END_TEST

/* V-TSP-07, V-TSP-09 */
START_TEST(a_timestamp_that_names_a_lower_snapshot_is_refused)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    struct up_span snapshot = author_snapshot(&r->author, 3, author_meta("targets", 5));
    shelf_put(&r->shelf, "timestamp.json", author_timestamp(&r->author, 8, snapshot, 3));
    rig_refused(r, UP_ROLLBACK);
    ck_assert_uint_eq(r->trust.floors.mark[UP_TIMESTAMP].version, 5);
    rig_heals(r, 6);
}
END_TEST

/* V-TSP-08, E-CLK-16 */
START_TEST(timestamp_must_be_used_strictly_before_its_expiry)
{
    struct rig *r = rig_director();
    r->author.expires = "2026-01-01T00:00:00Z"; /* 1767225600 */
    rig_publish(r, 5);
    r->now_s = 1767225600;
    rig_refused(r, UP_EXPIRED);
    r->now_s++;
    rig_refused(r, UP_EXPIRED);
    r->now_s = 1767225599;
    IS(rig_cycle(r), UP_OK);
}
END_TEST

/* V-TSP-10, V-SNAP-13 */
START_TEST(expired_files_are_still_the_floor)
{
    struct rig *r = rig_director();
    r->author.expires = "2026-01-01T00:00:00Z";
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    r->now_s = 1767225600;
    rig_refused(r, UP_EXPIRED);
    r->author.expires = AUTHOR_EXPIRES;
    rig_publish(r, 4);
    rig_refused(r, UP_ROLLBACK);
    rig_heals(r, 6);
}
END_TEST

/* V-KEY-10 */
START_TEST(only_the_keys_of_a_role_count_for_it)
{
    struct rig *r = rig_director();
    r->author.signers[UP_TIMESTAMP] = KEY(UP_TARGETS) | KEY(UP_SNAPSHOT) | KEY(UP_ROOT);
    rig_publish(r, 5);
    rig_refused(r, UP_SIG_THRESHOLD);
    r->author.signers[UP_TIMESTAMP] = 0;
    rig_heals(r, 5);
}
END_TEST

/* E-FMT-04: one key holds both roles. */
START_TEST(a_snapshot_served_as_timestamp_is_refused)
{
    struct rig *r = rig_director();
    r->author.ring[UP_SNAPSHOT].keys = KEY(UP_TIMESTAMP);
    rig_next_root(r, 0);
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    shelf_put(&r->shelf, "timestamp.json", shelf_get(&r->shelf, "5.snapshot.json"));
    rig_refused(r, UP_ROLE_TYPE);
}
END_TEST

SUITE("trust", a_timestamp_may_be_absent_where_there_never_was_one,
      with_new_timestamp_keys_a_deployed_director_may_go_without_timestamp,
      a_snapshot_is_asked_for_as_the_profile_names_it_and_within_the_cap,
      the_four_roles_are_asked_for_in_order, an_unchanged_poll_asks_for_root_and_timestamp_only,
      a_new_timestamp_of_the_same_snapshot_is_kept_without_fetching_more,
      a_new_snapshot_of_the_same_targets_does_not_fetch_them_again,
      a_cycle_cut_off_before_targets_is_finished_by_the_next,
      the_directors_set_is_committed_as_one_or_not_at_all,
      a_missing_file_other_than_the_next_root_ends_the_cycle,
      nothing_is_wanted_before_a_cycle_begins_or_after_it_is_done,
      a_file_in_another_spelling_needs_room_and_is_the_same_file, a_refused_file_gives_its_room_back,
      timestamp_is_read_up_to_its_cap, a_lower_timestamp_is_refused,
      a_timestamp_of_the_same_version_with_other_content_is_refused,
      a_timestamp_signed_once_more_is_the_same_file, a_timestamp_that_names_a_lower_snapshot_is_refused,
      timestamp_must_be_used_strictly_before_its_expiry, expired_files_are_still_the_floor,
      only_the_keys_of_a_role_count_for_it, a_snapshot_served_as_timestamp_is_refused)

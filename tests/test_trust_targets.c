/* The chain of trust: Snapshot and Targets. */
#include "tests/suite.h"

#include "tests/lib_rig.h"

/* ---- Snapshot ---- */

/* V-SNAP-02 */
START_TEST(snapshot_is_read_up_to_the_length_that_timestamp_gives)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    struct up_span file = shelf_get(&r->shelf, "5.snapshot.json");
    shelf_put(&r->shelf, "5.snapshot.json", up_span_of(author_text("%.*s ", TEXT(file))));
    rig_refused(r, UP_TOO_LARGE);
    shelf_put(&r->shelf, "5.snapshot.json", (struct up_span){file.p, file.n - 1});
    rig_refused(r, UP_SNAPSHOT_MISMATCH);
    shelf_put(&r->shelf, "5.snapshot.json", file);
    IS(rig_cycle(r), UP_OK);
}
END_TEST

/* V-SNAP-02, V-SNAP-14 */
START_TEST(snapshot_without_a_given_length_is_read_up_to_the_cap)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    size_t cap = up_limits_primary.snapshot_bytes;
    struct up_span large = {(uint8_t *)author_text("%*s", (int)cap + 1, ""), cap + 1};
    char *body = author_timestamp_body(&r->author, 5, large, 5);
    char *no_length = author_with(body, author_text("\"length\":%zu,", large.n), "");
    shelf_put(&r->shelf, "timestamp.json", author_file(&r->author, UP_TIMESTAMP, no_length));
    shelf_put(&r->shelf, "5.snapshot.json", large);
    rig_refused(r, UP_TOO_LARGE);
    rig_heals(r, 5);
}
END_TEST

/* V-SNAP-03 */
START_TEST(snapshot_must_have_every_hash_and_the_version_that_timestamp_gives)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    struct up_span good = shelf_get(&r->shelf, "5.snapshot.json");
    char *other = author_with(author_text("%.*s", TEXT(good)), "\"sig\":\"", "\"sig\":\""); /* a copy */
    other[good.n - 3] ^= 1;
    shelf_put(&r->shelf, "5.snapshot.json", up_span_of(other));
    rig_refused(r, UP_SNAPSHOT_MISMATCH); /* compared before it is parsed */

    /* right hashes, another version inside */
    shelf_put(&r->shelf, "5.snapshot.json", good);
    shelf_put(&r->shelf, "6.snapshot.json", good);
    shelf_put(&r->shelf, "timestamp.json", author_timestamp(&r->author, 6, good, 6));
    rig_refused(r, UP_SNAPSHOT_MISMATCH);

    /* one of two hashes wrong */
    char *body = author_timestamp_body(&r->author, 6, good, 5);
    char *two = author_with(body, "\"hashes\":{", author_text("\"hashes\":{\"sha512\":\"%0128d\",", 0));
    shelf_put(&r->shelf, "timestamp.json", author_file(&r->author, UP_TIMESTAMP, two));
    rig_refused(r, UP_SNAPSHOT_MISMATCH);
    rig_heals(r, 7);
}
END_TEST

/* V-SNAP-04 */
START_TEST(snapshot_needs_its_threshold)
{
    struct rig *r = rig_director();
    r->author.ring[UP_SNAPSHOT] = (struct author_ring){KEY(5) | KEY(6) | KEY(24), 3};
    rig_next_root(r, 0);
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    r->author.signers[UP_SNAPSHOT] = KEY(5) | KEY(24);
    rig_publish(r, 6);
    rig_refused(r, UP_SIG_THRESHOLD);
    r->author.signers[UP_SNAPSHOT] = 0;
    rig_heals(r, 6);
}
END_TEST

/* V-SNAP-05: a floor of its own, should Timestamp's have been lost. */
START_TEST(a_lower_snapshot_is_refused_even_with_a_matching_timestamp)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    r->trust.floors.named_snapshot = 0;
    struct up_span old = author_snapshot(&r->author, 4, author_meta("targets", 5));
    shelf_put(&r->shelf, "4.snapshot.json", old);
    shelf_put(&r->shelf, "timestamp.json", author_timestamp(&r->author, 6, old, 4));
    rig_refused(r, UP_ROLLBACK);
    rig_heals(r, 7);
}
END_TEST

/* V-TSP-06, V-SNAP-03 */
START_TEST(a_snapshot_of_the_same_version_with_other_content_is_refused)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    struct up_span other = author_snapshot(&r->author, 5, author_meta("targets", 5));
    shelf_put(&r->shelf, "5.snapshot.json", other);
    shelf_put(&r->shelf, "timestamp.json", author_timestamp(&r->author, 6, other, 5));
    rig_refused(r, UP_SAME_VERSION);
    rig_heals(r, 7);
}
END_TEST

/* V-SNAP-03: as above, for what is held already and is not fetched again. */
START_TEST(the_held_snapshot_does_not_stand_in_for_another_version)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    struct up_span held = shelf_get(&r->shelf, "5.snapshot.json");
    shelf_put(&r->shelf, "6.snapshot.json", held);
    shelf_put(&r->shelf, "timestamp.json", author_timestamp(&r->author, 6, held, 6));
    rig_refused(r, UP_SNAPSHOT_MISMATCH);
    rig_heals(r, 7);
}
END_TEST

static void publish_bare(struct rig *r, unsigned version, unsigned named)
{
    struct up_span snapshot = author_snapshot(&r->author, version, author_meta("targets", named));
    shelf_put(&r->shelf, author_text("%u.snapshot.json", version), snapshot);
    shelf_put(&r->shelf, "timestamp.json", author_timestamp(&r->author, version, snapshot, version));
}

/* V-TGT-02: without hash and length, the version alone tells that there is news. */
START_TEST(held_targets_do_not_stand_in_for_another_version)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    publish_bare(r, 6, 6);
    rig_refused(r, UP_UNAVAILABLE); /* Targets 6 is withheld */
    rig_heals(r, 7);
}
END_TEST

static void publish_meta(struct rig *r, unsigned version, const char *more)
{
    shelf_publish(&r->shelf, &r->author, version, rig_some_targets(r, 1), 1, more);
}

/* V-SNAP-06, V-SNAP-07 */
START_TEST(a_snapshot_that_lowers_or_drops_a_delegated_role_is_refused)
{
    struct rig *r = rig_image();
    publish_meta(r, 1, "\"a.json\":{\"version\":4},\"b.json\":{\"version\":1}");
    IS(rig_cycle(r), UP_OK);
    publish_meta(r, 2, "\"a.json\":{\"version\":3},\"b.json\":{\"version\":2}");
    IS(rig_cycle(r), UP_ROLLBACK);
    publish_meta(r, 3, "\"a.json\":{\"version\":5}");
    IS(rig_cycle(r), UP_SNAPSHOT_ROLE_DROPPED);
    ck_assert_uint_eq(r->trust.floors.mark[UP_SNAPSHOT].version, 1);
    publish_meta(r, 4, "\"a.json\":{\"version\":4},\"b.json\":{\"version\":1}");
    IS(rig_cycle(r), UP_OK);
}
END_TEST

/* V-SNAP-06 */
START_TEST(a_snapshot_that_lowers_the_top_level_targets_is_itself_refused)
{
    struct rig *r = rig_image();
    rig_publish_both(r, 1, 5);
    IS(rig_cycle(r), UP_OK);
    rig_publish_both(r, 2, 4);
    IS(rig_cycle(r), UP_ROLLBACK);
    ck_assert_uint_eq(r->trust.floors.mark[UP_SNAPSHOT].version, 1); /* not only the Targets behind it */
    rig_heals(r, 6);
}
END_TEST

/* V-REC-04, V-REC-05 */
START_TEST(rotated_snapshot_keys_let_a_role_start_anew_or_go)
{
    struct rig *r = rig_image();
    publish_meta(r, 1, "\"a.json\":{\"version\":2000000000},\"b.json\":{\"version\":1}");
    IS(rig_cycle(r), UP_OK);
    r->author.ring[UP_SNAPSHOT].keys = KEY(10);
    rig_next_root(r, 0);
    publish_meta(r, 1, "\"a.json\":{\"version\":1}");
    IS(rig_cycle(r), UP_OK);
}
END_TEST

/* V-SNAP-08 */
START_TEST(an_expired_snapshot_under_a_fresh_timestamp_is_refused)
{
    struct rig *r = rig_director();
    struct author old = r->author;
    old.expires = "2025-01-01T00:00:00Z";
    struct up_span snapshot = author_snapshot(&old, 5, author_meta("targets", 5));
    rig_publish(r, 5);
    shelf_put(&r->shelf, "5.snapshot.json", snapshot);
    shelf_put(&r->shelf, "timestamp.json", author_timestamp(&r->author, 5, snapshot, 5));
    rig_refused(r, UP_EXPIRED);
    rig_heals(r, 5);
}
END_TEST

/* V-SNAP-10 */
START_TEST(stored_files_that_are_used_again_must_not_have_expired)
{
    for (unsigned which = 0; which < 2; which++) {
        struct rig *r = rig_image();
        struct author early = r->author;
        early.expires = "2026-01-01T00:00:00Z";
        struct up_span targets = author_targets(which ? &early : &r->author, 5, author_image("a", "hw-1", 1));
        struct up_span snapshot = author_snapshot(which ? &r->author : &early, 5, author_meta("targets", 5));
        shelf_put(&r->shelf, "5.targets.json", targets);
        shelf_put(&r->shelf, "5.snapshot.json", snapshot);
        shelf_put(&r->shelf, "timestamp.json", author_timestamp(&r->author, 5, snapshot, 5));
        IS(rig_cycle(r), UP_OK);
        r->now_s = 1767225600;
        rig_refused(r, UP_EXPIRED);
        rig_heals(r, 6);
    }
}
END_TEST

/* V-SNAP-12 */
START_TEST(a_stored_snapshot_that_the_newest_root_does_not_stand_behind_is_fetched_again)
{
    struct rig *r = rig_image();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    r->author.ring[UP_SNAPSHOT] = (struct author_ring){KEY(UP_SNAPSHOT) | KEY(10), 2};
    rig_next_root(r, 0);
    IS(rig_cycle(r),
       UP_SIG_THRESHOLD); /* Timestamp names the old file still; it is asked for, and falls short */
    ck_assert_ptr_nonnull(strstr(r->shelf.log, "5.snapshot.json"));
    rig_heals(r, 6);
}
END_TEST

/* ---- Targets ---- */

/* E-TGT-01 */
START_TEST(targets_is_read_up_to_its_cap)
{
    struct rig *r = rig_partial();
    rig_publish(r, 4);
    char *filled = author_text("%.*s%*s", TEXT(shelf_get(&r->shelf, "targets.json")),
                               (int)up_limits_primary.director_targets_bytes, "");
    size_t cap = up_limits_primary.director_targets_bytes;
    shelf_put(&r->shelf, "targets.json", (struct up_span){(uint8_t *)filled, cap});
    IS(rig_cycle(r), UP_OK);
    shelf_put(&r->shelf, "targets.json", (struct up_span){(uint8_t *)filled, cap + 1});
    rig_refused(r, UP_TOO_LARGE);
    rig_heals(r, 5);
}
END_TEST

static void publish_unbound(struct rig *r, unsigned version, unsigned listed, struct up_span targets)
{
    struct up_span snapshot = author_snapshot(&r->author, version, author_meta("targets", listed));
    shelf_put(&r->shelf, author_text("%u.targets.json", listed), targets);
    shelf_put(&r->shelf, author_text("%u.snapshot.json", version), snapshot);
    shelf_put(&r->shelf, "timestamp.json", author_timestamp(&r->author, version, snapshot, version));
}

/* V-TGT-02 */
START_TEST(targets_must_have_the_version_that_snapshot_lists)
{
    struct rig *r = rig_director();
    publish_unbound(r, 1, 5, rig_some_targets(r, 6));
    rig_refused(r, UP_VERSION_MISMATCH);
    publish_unbound(r, 1, 5, rig_some_targets(r, 4));
    rig_refused(r, UP_VERSION_MISMATCH);
    publish_unbound(r, 1, 5, rig_some_targets(r, 5));
    IS(rig_cycle(r), UP_OK);
}
END_TEST

/* V-TGT-02 */
START_TEST(stored_targets_of_another_version_than_listed_are_not_used_again)
{
    struct rig *r = rig_director();
    publish_unbound(r, 1, 4, rig_some_targets(r, 4));
    IS(rig_cycle(r), UP_OK);
    publish_unbound(r, 2, 5, rig_some_targets(r, 5));
    IS(rig_cycle(r), UP_OK);
    ck_assert_uint_eq(r->trust.targets.head.version, 5);
}
END_TEST

START_TEST(held_targets_that_a_new_snapshot_lists_again_must_not_have_expired)
{
    struct rig *r = rig_director();
    r->author.expires = "2026-01-01T00:00:00Z"; /* 1767225600 */
    struct up_span targets = rig_some_targets(r, 4);
    r->author.expires = AUTHOR_EXPIRES;
    publish_unbound(r, 1, 4, targets);
    IS(rig_cycle(r), UP_OK);
    publish_unbound(r, 2, 4, targets);
    r->now_s = 1767225600;
    rig_refused(r, UP_EXPIRED);
    ck_assert_ptr_nonnull(strstr(r->shelf.log, "2.snapshot.json"));
    rig_heals(r, 5);
}
END_TEST

/* V-TGT-07 */
START_TEST(a_hash_or_length_that_snapshot_gives_for_targets_binds)
{
    struct rig *r = rig_director();
    struct up_span targets = rig_some_targets(r, 5);
    char *right = author_meta_bound("targets", 5, targets);
    const char *wrong[] = {author_with(right, author_text("\"length\":%zu", targets.n),
                                       author_text("\"length\":%zu", targets.n + 1)),
                           author_with(right, "\"sha256\":\"", "\"sha256\":\"0")};
    char *shifted = strstr(wrong[1], "\"}"); /* keep the digest's length */
    memmove(shifted - 1, shifted, strlen(shifted) + 1);
    for (unsigned i = 0; i < 2; i++) {
        struct up_span snapshot = author_snapshot(&r->author, 5, wrong[i]);
        shelf_put(&r->shelf, "5.targets.json", targets);
        shelf_put(&r->shelf, "5.snapshot.json", snapshot);
        shelf_put(&r->shelf, "timestamp.json", author_timestamp(&r->author, 5, snapshot, 5));
        rig_refused(r, UP_SNAPSHOT_MISMATCH);
    }
    rig_heals(r, 5);
}
END_TEST

/* E-TGT-03, S-PART-03 */
START_TEST(targets_needs_the_threshold_that_root_gives)
{
    struct rig *r = rig_partial();
    r->author.ring[UP_TARGETS] = (struct author_ring){KEY(5) | KEY(25), 2};
    rig_next_root(r, 0);
    rig_publish(r, 1);
    IS(rig_cycle(r), UP_OK);
    r->author.signers[UP_TARGETS] = KEY(5);
    rig_publish(r, 2);
    rig_refused(r, UP_SIG_THRESHOLD);
    r->author.signers[UP_TARGETS] = KEY(12) | KEY(13); /* keys of the message's own */
    rig_publish(r, 2);
    rig_refused(r, UP_SIG_THRESHOLD);
    r->author.signers[UP_TARGETS] = 0;
    rig_heals(r, 2);
}
END_TEST

/* E-TGT-04, S-PART-05 */
START_TEST(lower_targets_are_refused_across_a_reset)
{
    struct rig *r = rig_partial();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    rig_publish(r, 4);
    rig_refused(r, UP_ROLLBACK);
    struct up_floors stored = r->trust.floors;
    IS(up_trust_init(&r->trust, &r->policy, author_root(&r->author, 1), NULL), UP_OK);
    IS(up_trust_restore(&r->trust, &stored), UP_OK);
    rig_refused(r, UP_ROLLBACK);
    rig_heals(r, 6);
}
END_TEST

/* E-TGT-05 */
START_TEST(expired_targets_are_refused)
{
    struct rig *r = rig_partial();
    r->author.expires = "2025-06-15T15:06:40Z"; /* now */
    rig_publish(r, 5);
    rig_refused(r, UP_EXPIRED);
    r->now_s--;
    IS(rig_cycle(r), UP_OK);
}
END_TEST

/* E-TGT-10 */
START_TEST(targets_of_the_same_version_with_other_content_are_refused)
{
    struct rig *r = rig_director();
    publish_unbound(r, 1, 9, rig_some_targets(r, 9));
    IS(rig_cycle(r), UP_OK);
    struct rig *p = rig_partial();
    rig_publish(p, 9);
    IS(rig_cycle(p), UP_OK);
    IS(rig_cycle(p), UP_OK);
    ck_assert(p->trust.unchanged);
    shelf_put(&p->shelf, "targets.json",
              author_targets(&p->author, 9, author_order("b.img", "ecu-1", "hw-1", 1)));
    rig_refused(p, UP_SAME_VERSION);
    rig_heals(p, 10);
}
END_TEST

/* E-TGT-12 */
START_TEST(after_a_failure_the_stored_targets_stay_in_force)
{
    struct rig *r = rig_partial();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    shelf_put(&r->shelf, "targets.json", UP_SPAN("{\"signatures\":[],\"signed\":{}}"));
    rig_refused(r, UP_SIG_THRESHOLD);
    ck_assert_uint_eq(r->trust.targets.head.version, 5);
    rig_heals(r, 6);
}
END_TEST

SUITE("trust_targets", held_targets_that_a_new_snapshot_lists_again_must_not_have_expired,
      snapshot_is_read_up_to_the_length_that_timestamp_gives,
      snapshot_without_a_given_length_is_read_up_to_the_cap,
      snapshot_must_have_every_hash_and_the_version_that_timestamp_gives, snapshot_needs_its_threshold,
      a_lower_snapshot_is_refused_even_with_a_matching_timestamp,
      a_snapshot_of_the_same_version_with_other_content_is_refused,
      the_held_snapshot_does_not_stand_in_for_another_version,
      held_targets_do_not_stand_in_for_another_version,
      a_snapshot_that_lowers_or_drops_a_delegated_role_is_refused,
      a_snapshot_that_lowers_the_top_level_targets_is_itself_refused,
      rotated_snapshot_keys_let_a_role_start_anew_or_go,
      an_expired_snapshot_under_a_fresh_timestamp_is_refused,
      stored_files_that_are_used_again_must_not_have_expired,
      a_stored_snapshot_that_the_newest_root_does_not_stand_behind_is_fetched_again,
      targets_is_read_up_to_its_cap, targets_must_have_the_version_that_snapshot_lists,
      stored_targets_of_another_version_than_listed_are_not_used_again,
      a_hash_or_length_that_snapshot_gives_for_targets_binds, targets_needs_the_threshold_that_root_gives,
      lower_targets_are_refused_across_a_reset, expired_targets_are_refused,
      targets_of_the_same_version_with_other_content_are_refused,
      after_a_failure_the_stored_targets_stay_in_force)

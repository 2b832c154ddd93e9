/* The chain of trust after a restart: floors, stored files, damage. And the names of files. */
#include "tests/suite.h"

#include "tests/lib_rig.h"

/* ---- coming back ---- */

/* The set that R has committed, brought into a fresh trust. */
static void restart(struct rig *r)
{
    struct up_trust old = r->trust;
    IS(up_trust_init(&r->trust, &r->policy, old.file[UP_ROOT].file, NULL), UP_OK);
    IS(up_trust_restore(&r->trust, &old.floors), UP_OK);
    for (unsigned role = UP_TARGETS; role >= UP_TIMESTAMP; role--) /* in any order */
        if (old.file[role].file.p != NULL)
            IS(up_trust_restore_file(&r->trust, (enum up_role)role, old.file[role].file, NULL), UP_OK);
}

/* V-STO-01 */
START_TEST(a_restored_trust_polls_as_cheaply_as_before)
{
    struct rig *r = rig_director();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    restart(r);
    ck_assert_uint_eq(r->trust.targets.head.version, 5);
    IS(rig_cycle(r), UP_OK);
    ck_assert_str_eq(r->shelf.log, "2.root.json timestamp.json ");
    ck_assert(r->trust.unchanged);
}
END_TEST

/* E-STO-07 */
START_TEST(a_damaged_stored_file_is_left_out_and_fetched_again_while_floors_stay)
{
    for (enum up_role role = UP_TIMESTAMP; role < UP_TIME; role++) {
        struct rig *r = rig_director();
        rig_publish(r, 5);
        IS(rig_cycle(r), UP_OK);
        struct up_trust old = r->trust;
        char *damaged =
            author_with(author_text("%.*s", TEXT(old.file[role].file)), "\"version\":5", "\"version\":4");
        IS(up_trust_init(&r->trust, &r->policy, old.file[UP_ROOT].file, NULL), UP_OK);
        IS(up_trust_restore(&r->trust, &old.floors), UP_OK);
        IS(up_trust_restore_file(&r->trust, role, up_span_of(damaged), NULL), UP_STORAGE_CORRUPT);
        IS(up_trust_restore_file(&r->trust, role, UP_SPAN("{"), NULL), UP_STORAGE_CORRUPT);
        ck_assert_ptr_null(r->trust.file[role].body.p);
        rig_publish(r, 4);
        rig_refused(r, UP_ROLLBACK);
        rig_publish(r, 5);
        IS(rig_cycle(r), UP_OK);
        ck_assert_uint_eq(r->trust.targets.head.version, 5);
    }
}
END_TEST

/* E-STO-07: digests know nothing of signatures, so these are looked at again before a file is reused. */
START_TEST(a_stored_file_with_damaged_signatures_is_fetched_again)
{
    struct rig *r = rig_director();
    struct up_span targets = rig_some_targets(r, 5);
    struct up_span snapshot = author_snapshot(&r->author, 5, author_meta("targets", 5)); /* gives no hash */
    shelf_put(&r->shelf, "5.targets.json", targets);
    shelf_put(&r->shelf, "5.snapshot.json", snapshot);
    shelf_put(&r->shelf, "timestamp.json", author_timestamp(&r->author, 5, snapshot, 5));
    IS(rig_cycle(r), UP_OK);
    char *damaged = author_text("%.*s", TEXT(targets));
    char *sig = strstr(damaged, "\"sig\":\"") + 7;
    *sig = *sig == '0' ? '1' : '0';
    struct up_floors floors = r->trust.floors;
    IS(up_trust_init(&r->trust, &r->policy, author_root(&r->author, 1), NULL), UP_OK);
    IS(up_trust_restore(&r->trust, &floors), UP_OK);
    IS(up_trust_restore_file(&r->trust, UP_TARGETS, up_span_of(damaged), NULL), UP_OK);
    IS(rig_cycle(r), UP_OK);
    ck_assert_ptr_nonnull(strstr(r->shelf.log, "5.targets.json"));
    ck_assert(up_span_eq(r->trust.file[UP_TARGETS].file, targets));
}
END_TEST

/* E-STO-07, E-STO-09 */
START_TEST(after_a_lost_root_the_walk_goes_through_known_roots_and_lowers_nothing)
{
    struct rig *r = rig_director();
    struct up_span first = r->trust.file[UP_ROOT].file;
    r->author.ring[UP_TIMESTAMP].keys = KEY(10);
    r->author.ring[UP_TARGETS].keys = KEY(11);
    rig_next_root(r, 0);
    r->author.ring[UP_SNAPSHOT].keys = KEY(12);
    rig_next_root(r, 0);
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    struct up_floors floors = r->trust.floors;

    IS(up_trust_init(&r->trust, &r->policy, first, NULL), UP_OK);
    IS(up_trust_restore(&r->trust, &floors), UP_STORAGE_CORRUPT);
    rig_publish(r, 4);
    IS(rig_cycle(r), UP_ROLLBACK); /* the old rotation clears no floor a second time */
    ck_assert_mem_eq(&r->trust.floors, &floors, sizeof floors);
    rig_heals(r, 5);
}
END_TEST

/* E-STO-09 */
START_TEST(after_a_lost_root_the_walk_may_not_end_below_the_floor_or_beside_it)
{
    struct rig *r = rig_director();
    struct up_span first = r->trust.file[UP_ROOT].file;
    r->author.ring[UP_ROOT].keys = KEY(10);
    rig_next_root(r, KEY(0));
    rig_next_root(r, 0);
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    struct up_floors floors = r->trust.floors;

    IS(up_trust_init(&r->trust, &r->policy, first, NULL), UP_OK);
    IS(up_trust_restore(&r->trust, &floors), UP_STORAGE_CORRUPT);
    shelf_drop(&r->shelf, "3.root.json");
    IS(rig_cycle(r), UP_ROLLBACK);
    /* somebody who has the first Root key, replaced long ago, offers a history of his own */
    struct author evil = r->author;
    evil.ring[UP_ROOT].keys = KEY(0);
    IS(up_trust_init(&r->trust, &r->policy, first, NULL), UP_OK);
    IS(up_trust_restore(&r->trust, &floors), UP_STORAGE_CORRUPT);
    shelf_put(&r->shelf, "2.root.json", author_root(&evil, 2));
    shelf_put(&r->shelf, "3.root.json", author_root(&evil, 3));
    IS(rig_cycle(r), UP_SAME_VERSION);
}
END_TEST

/* V-ROOT-02 */
START_TEST(a_root_newer_than_its_floor_raises_it)
{
    struct rig *r = rig_director();
    struct up_floors floors = r->trust.floors;
    IS(up_trust_init(&r->trust, &r->policy, author_root(&r->author, 2), NULL), UP_OK);
    IS(up_trust_restore(&r->trust, &floors), UP_STORAGE_CORRUPT);
    r->root_version = 2;
    rig_heals(r, 1);
    ck_assert_uint_eq(r->trust.floors.mark[UP_ROOT].version, 2);
}
END_TEST

/* E-STO-09 */
START_TEST(a_root_of_the_floors_version_with_other_content_does_not_become_the_floor)
{
    struct rig *r = rig_director();
    struct author other = r->author;
    other.ring[UP_TIMESTAMP].keys = KEY(10);
    rig_next_root(r, 0);
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    struct up_floors floors = r->trust.floors;
    IS(up_trust_init(&r->trust, &r->policy, author_root(&other, 2), NULL), UP_OK);
    IS(up_trust_restore(&r->trust, &floors), UP_STORAGE_CORRUPT);
    ck_assert_mem_eq(&r->trust.floors, &floors, sizeof floors);
    IS(rig_cycle(r), UP_ROLLBACK);
}
END_TEST

/* E-FMT-07 */
START_TEST(a_stored_file_in_another_spelling_needs_room_and_is_not_taken_for_damaged)
{
    struct rig *r = rig_director();
    struct up_buf room = author_room();
    rig_publish(r, 5);
    IS(rig_cycle(r), UP_OK);
    struct up_span file = r->trust.file[UP_TARGETS].file;
    const char *spaced = author_with(author_text("%.*s", TEXT(file)), "\"expires\":", "\n\t\"expires\" : ");
    IS(up_trust_restore_file(&r->trust, UP_TARGETS, up_span_of(spaced), NULL), UP_NOT_CANONICAL);
    IS(up_trust_restore_file(&r->trust, UP_TARGETS, up_span_of(spaced), &room), UP_OK);
}
END_TEST

/* ---- file names ---- */

static const char *file_name(const struct up_profile *p, const char *role, uint32_t version)
{
    static char name[UP_FILE_NAME_MAX];
    size_t n = up_file_name(p, up_span_of(role), version, name);
    ck_assert_uint_eq(n, strlen(name));
    return name;
}

/* R-FMT-10, E-FMT-13, E-FMT-14 */
START_TEST(file_names_carry_the_version_and_are_percent_encoded)
{
    ck_assert_str_eq(file_name(&up_profile_strict, "root", 3), "3.root.json");
    ck_assert_str_eq(file_name(&up_profile_strict, "timestamp", 0), "timestamp.json");
    ck_assert_str_eq(file_name(&up_profile_strict, "supplier/a", 2), "2.supplier%2Fa.json");
    ck_assert_str_eq(file_name(&up_profile_deployed, "root", 3), "3.root.json");
    ck_assert_str_eq(file_name(&up_profile_deployed, "targets", 3), "targets.json");
    ck_assert_str_eq(file_name(&up_profile_tuf, "../root", 1), "1...%2Froot.json");
    ck_assert_str_eq(file_name(&up_profile_tuf, "?", 1), "1.%3F.json");
    ck_assert_str_eq(file_name(&up_profile_tuf, "\\u00e9\\\"", 1), "1.%C3%A9%22.json");
    ck_assert_str_eq(file_name(&up_profile_tuf, "azAZ09._-~/@[`{", 1), "1.azAZ09._-~%2F%40%5B%60%7B.json");
    char longest[UP_NAME_MAX + 1];
    memset(longest, '/', UP_NAME_MAX);
    longest[UP_NAME_MAX] = 0;
    ck_assert_uint_lt(strlen(file_name(&up_profile_tuf, longest, UP_VERSION_MAX)), UP_FILE_NAME_MAX);
}
END_TEST

/* E-STO-09: of floors that were lost, stored files are witnesses, as far as the Root's keys have signed them.
 */
START_TEST(a_stored_file_is_a_witness_of_a_lost_floor_if_it_is_signed)
{
    for (enum up_role role = UP_TIMESTAMP; role < UP_TIME; role++) {
        struct rig *r = rig_director();
        rig_publish(r, 5);
        IS(rig_cycle(r), UP_OK);
        const struct up_span file = r->trust.file[role].file;
        struct up_floors lost = {.named_snapshot = 9}, none = lost;
        const char *text = author_text("%.*s", TEXT(file)),
                   *bad[] = {"{", author_with(text, "\"version\":5", "\"version\":6"),
                             author_with(text, "\"expires\"", "\"exspires\"")};
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            struct up_buf room = author_room();
            IS(up_trust_witness(&r->trust, role, up_span_of(bad[i]), &room, &lost), UP_STORAGE_CORRUPT);
            ck_assert_mem_eq(&lost, &none, sizeof lost);
        }
        struct up_span body = r->trust.file[role].body; /* well signed, and yet malformed */
        struct up_span formless =
            author_file(&r->author, role, author_without(author_text("%.*s", TEXT(body)), "expires"));
        IS(up_trust_witness(&r->trust, role, formless, NULL, &lost), UP_STORAGE_CORRUPT);
        ck_assert_mem_eq(&lost, &none, sizeof lost);
        IS(up_trust_witness(&r->trust, role, file, NULL, &lost), UP_OK);
        ck_assert_mem_eq(&lost.mark[role], &r->trust.floors.mark[role], sizeof lost.mark[role]);
        ck_assert_uint_eq(lost.named_snapshot, role == UP_TIMESTAMP ? 5 : 9);
    }
}
END_TEST

START_TEST(a_trust_begins_with_nothing_but_its_root)
{
    struct rig *r = rig_director();
    struct up_trust t;
    struct up_want w;
    memset(&t, 0x55, sizeof t);
    IS(up_trust_init(&t, &r->policy, author_root(&r->author, 1), NULL), UP_OK);
    for (enum up_role role = UP_TIMESTAMP; role < UP_TIME; role++) {
        ck_assert_ptr_null(t.file[role].body.p);
        ck_assert_uint_eq(t.floors.mark[role].version, 0);
    }
    ck_assert_uint_eq(t.floors.named_snapshot, 0);
    ck_assert_uint_eq(t.targets.head.version, 0);
    ck_assert(!up_trust_want(&t, &w));
}
END_TEST

SUITE("trust_restore", a_trust_begins_with_nothing_but_its_root,
      a_stored_file_is_a_witness_of_a_lost_floor_if_it_is_signed, a_restored_trust_polls_as_cheaply_as_before,
      a_damaged_stored_file_is_left_out_and_fetched_again_while_floors_stay,
      a_stored_file_with_damaged_signatures_is_fetched_again,
      after_a_lost_root_the_walk_goes_through_known_roots_and_lowers_nothing,
      after_a_lost_root_the_walk_may_not_end_below_the_floor_or_beside_it,
      a_root_newer_than_its_floor_raises_it,
      a_root_of_the_floors_version_with_other_content_does_not_become_the_floor,
      a_stored_file_in_another_spelling_needs_room_and_is_not_taken_for_damaged,
      file_names_carry_the_version_and_are_percent_encoded)

#include "tests/suite.h"

#include <stdio.h>

#include "metadata/encode.h"
#include "metadata/role.h"
#include "tests/lib_author.h"

#define STRICT   (&up_profile_strict)
#define DEPLOYED (&up_profile_deployed)
#define TUF      (&up_profile_tuf)

#define IS(e, want) ck_assert_str_eq(up_err_name(e), up_err_name(want))

/* ---- reading one body, in any order and spelling that the author likes ---- */

static enum up_err read_role(const struct up_profile *p, enum up_role role, const char *body)
{
    struct up_span text = up_span_of(author_sorted(p, body));
    struct up_root root;
    struct up_head head;
    struct up_named named;
    struct up_targets targets;
    switch (role) {
    case UP_ROOT:
        return up_root_read(text, p, &up_limits_primary, &root);
    case UP_TIMESTAMP:
        return up_timestamp_read(text, p, &head, &named);
    case UP_SNAPSHOT:
        return up_snapshot_read(text, p, &head);
    default:
        return up_targets_read(text, p, &targets);
    }
}

#define some_file UP_SPAN("any bytes")

static char *good_body(const struct up_profile *p, enum up_role role)
{
    struct author a = author_of(p, "VIN-1");
    return role == UP_ROOT        ? author_root_body(&a, 7)
           : role == UP_TIMESTAMP ? author_timestamp_body(&a, 7, some_file, 3)
           : role == UP_SNAPSHOT  ? author_snapshot_body(&a, 7, author_meta("targets", 2))
                                  : author_targets_body(&a, 7, author_image("a/b.img", "hw-1", 4), "");
}

#define EACH_ROLE(r)                                                                                         \
    enum up_role r = UP_ROOT;                                                                                \
    r < UP_TIME;                                                                                             \
    r++

/* E-FMT-03 */
START_TEST(every_role_loads_in_every_profile)
{
    for (EACH_ROLE(r)) {
        IS(read_role(STRICT, r, good_body(STRICT, r)), UP_OK);
        IS(read_role(DEPLOYED, r, good_body(DEPLOYED, r)), UP_OK);
        IS(read_role(TUF, r, good_body(TUF, r)), UP_OK);
    }
}
END_TEST

/* E-FMT-03 */
START_TEST(a_role_without_type_expiry_version_or_format_is_refused)
{
    static const char *const member[] = {"_type", "expires", "version", "spec_version"};
    for (EACH_ROLE(r))
        for (size_t i = 0; i < 4; i++)
            IS(read_role(STRICT, r, author_without(good_body(STRICT, r), member[i])), UP_SCHEMA);
    IS(read_role(DEPLOYED, UP_TARGETS, author_without(good_body(DEPLOYED, UP_TARGETS), "_type")), UP_SCHEMA);
}
END_TEST

/* E-FMT-03 */
START_TEST(a_common_member_of_another_type_is_refused)
{
    for (EACH_ROLE(r)) {
        const char *body = good_body(STRICT, r);
        IS(read_role(STRICT, r, author_with(body, "\"version\":7", "\"version\":\"7\"")), UP_SCHEMA);
        IS(read_role(STRICT, r, author_with(body, "\"2030-01-01T00:00:00Z\"", "1893456000")), UP_SCHEMA);
        IS(read_role(STRICT, r, author_with(body, "\"1.0.31\"", "1")), UP_SCHEMA);
        IS(read_role(STRICT, r, author_with(body, "{\"vehicleId\":\"VIN-1\"}", "[]")), UP_SCHEMA);
        IS(read_role(STRICT, r, author_with(body, "\"VIN-1\"", "17")), UP_SCHEMA);
    }
}
END_TEST

/* E-FMT-04 */
START_TEST(the_type_is_compared_exactly_and_in_the_deployed_dialect_without_case)
{
    const char *strict = good_body(STRICT, UP_TARGETS), *deployed = good_body(DEPLOYED, UP_TARGETS);
    IS(read_role(STRICT, UP_TARGETS, author_with(strict, "\"targets\"", "\"Targets\"")), UP_ROLE_TYPE);
    IS(read_role(DEPLOYED, UP_TARGETS, author_with(deployed, "\"Targets\"", "\"targets\"")), UP_OK);
    IS(read_role(DEPLOYED, UP_TARGETS, author_with(deployed, "\"Targets\"", "\"tARGETS\"")), UP_OK);
    IS(read_role(DEPLOYED, UP_TARGETS, author_with(deployed, "\"Targets\"", "\"Target\"")), UP_ROLE_TYPE);
}
END_TEST

/* E-FMT-04 */
START_TEST(a_body_of_one_role_is_no_body_of_another)
{
    for (EACH_ROLE(r))
        for (enum up_role other = UP_ROOT; other < UP_TIME; other++)
            if (other != r) {
                IS(read_role(STRICT, r, good_body(STRICT, other)), UP_ROLE_TYPE);
                IS(read_role(DEPLOYED, r, good_body(DEPLOYED, other)), UP_ROLE_TYPE);
            }
}
END_TEST

/* E-FMT-05 */
START_TEST(versions_are_whole_numbers_from_1_to_the_ceiling)
{
    const char *body = good_body(STRICT, UP_TARGETS);
    IS(read_role(STRICT, UP_TARGETS, author_with(body, "\"version\":7", "\"version\":1")), UP_OK);
    IS(read_role(STRICT, UP_TARGETS, author_with(body, "\"version\":7", "\"version\":2147483647")), UP_OK);
    static const char *const bad[] = {"0", "-1", "2147483648", "4294967297", "9007199254740991"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        IS(read_role(STRICT, UP_TARGETS,
                     author_with(body, "\"version\":7", author_text("\"version\":%s", bad[i]))),
           UP_SCHEMA);
    /* what no canonical form can hold is refused as it stands, too */
    static const char *const odd[] = {"1.0", "1e3", "18446744073709551621"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        struct up_targets t;
        const char *wrong =
            author_with(author_sorted(STRICT, body), "\"version\":7", author_text("\"version\":%s", odd[i]));
        IS(up_targets_read(up_span_of(wrong), STRICT, &t), UP_SCHEMA);
    }
}
END_TEST

/* E-FMT-06 */
START_TEST(expiry_is_one_instant_in_one_spelling)
{
    static const char *const bad[] = {"2030-02-30T00:00:00Z",      "2030-01-01T00:00:00",
                                      "2030-01-01T00:00:00+01:00", "10000-01-01T00:00:00Z",
                                      "1969-12-31T23:59:59Z",      "2030-01-01 00:00:00Z",
                                      "2030-1-1T0:0:0Z",           "2030-01-01T00:00:00.000Z"};
    for (EACH_ROLE(r))
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
            IS(read_role(STRICT, r, author_with(good_body(STRICT, r), AUTHOR_EXPIRES, bad[i])), UP_SCHEMA);
}
END_TEST

/* E-FMT-16 */
START_TEST(a_newer_minor_format_is_read_and_another_major_is_not)
{
    const char *body = good_body(STRICT, UP_SNAPSHOT);
    IS(read_role(STRICT, UP_SNAPSHOT, author_with(body, "1.0.31", "1.7")), UP_OK);
    static const char *const bad[] = {"2.0.0", "10.0", "1", "1.", "1..0", "1.0.", "1.x", "0.9", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        IS(read_role(STRICT, UP_SNAPSHOT, author_with(body, "1.0.31", bad[i])), UP_SCHEMA);
}
END_TEST

/* E-FMT-09, V-TGT-11 */
START_TEST(unknown_members_are_ignored_everywhere)
{
    const char *image = author_with(
        author_image("a", "hw-1", 1), "\"hardwareIds\"",
        "\"override\":{\"hashes\":{\"sha256\":\"00\"}},\"ratio\":[1,{\"x\":null}],\"hardwareIds\"");
    struct author a = author_of(STRICT, "VIN-1");
    IS(read_role(STRICT, UP_TARGETS, author_targets_body(&a, 1, image, "\"x-new\":[true],")), UP_OK);
    IS(read_role(STRICT, UP_ROOT,
                 author_with(author_root_body(&a, 1), "\"roles\":{", "\"zz\":1,\"roles\":{\"mirrors\":{},")),
       UP_OK);
    IS(read_role(
           STRICT, UP_TIMESTAMP,
           author_with(good_body(STRICT, UP_TIMESTAMP), "\"version\":3", "\"note\":\"x\",\"version\":3")),
       UP_OK);
}
END_TEST

/* E-FMT-12 */
START_TEST(names_that_could_leave_a_folder_are_refused)
{
    struct author a = author_of(STRICT, "VIN-1");
    struct up_targets t;
    static const char *const good[] = {"a", "supplier-x/ecu-y-3.img", "v1.2_rc+1@x", "a/b/c"};
    static const char *const bad[] = {"",   "../x",   "/abs", "a//b",   "a/",       "a/./b",
                                      "..", "a\\\\b", "a b",  "%2e%2e", "a\\u0000", "\\u00e9"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        IS(read_role(STRICT, UP_TARGETS, author_targets_body(&a, 1, author_image(good[i], "hw", 1), "")),
           UP_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *body = author_targets_body(&a, 1, author_image(bad[i], "hw", 1), "");
        IS(up_targets_read(up_span_of(body), STRICT, &t), UP_STRING);
    }
    char longest[UP_NAME_MAX + 2];
    memset(longest, 'n', sizeof longest);
    longest[UP_NAME_MAX + 1] = 0;
    IS(read_role(STRICT, UP_TARGETS, author_targets_body(&a, 1, author_image(longest + 1, "hw", 1), "")),
       UP_OK);
    IS(read_role(STRICT, UP_TARGETS, author_targets_body(&a, 1, author_image(longest, "hw", 1), "")),
       UP_STRING);
}
END_TEST

/* E-FMT-12: backends of dialect A ask no more of a name. */
START_TEST(deployed_names_are_printable)
{
    struct author a = author_of(DEPLOYED, NULL);
    struct up_targets t;
    static const char *const good[] = {"fw 1.2 (final).bin", "a?b#c", "b~/c!,;=&$'*+@:[x]{y}|^`<>"};
    static const char *const bad[] = {"%2e%2e%2fx", "../x",     "a/../b",  "a\\\\b",   "a\\\"b",
                                      "a\\u0001",   "\xC3\xA9", "\\u00e9", "a\\u0020b"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        IS(read_role(DEPLOYED, UP_TARGETS, author_targets_body(&a, 1, author_image(good[i], "hw", 1), "")),
           UP_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *body = author_targets_body(&a, 1, author_image(bad[i], "hw", 1), "");
        IS(up_targets_read(up_span_of(body), DEPLOYED, &t), UP_STRING);
    }
}
END_TEST

/* E-IMG-03 */
START_TEST(hardware_ids_may_be_as_long_as_backends_let_them_be)
{
    struct author a = author_of(STRICT, "VIN-1");
    char longest[UP_HARDWARE_MAX + 2];
    memset(longest, 'h', sizeof longest);
    longest[UP_HARDWARE_MAX + 1] = 0;
    for (int over = 0; over <= 1; over++) {
        const char *id = longest + 1 - over;
        IS(read_role(STRICT, UP_TARGETS, author_targets_body(&a, 1, author_image("i", id, 1), "")),
           over ? UP_STRING : UP_OK);
        IS(read_role(STRICT, UP_TARGETS, author_targets_body(&a, 1, author_order("i", "ecu", id, 1), "")),
           over ? UP_STRING : UP_OK);
        a.vehicle = longest + UP_HARDWARE_MAX - UP_ID_MAX + 1 - over; /* others stay short */
        IS(read_role(STRICT, UP_TARGETS, author_targets_body(&a, 1, "", "")), over ? UP_STRING : UP_OK);
        a.vehicle = "VIN-1";
    }
}
END_TEST

/* E-FMT-13 */
START_TEST(opaque_names_take_any_text_that_fits)
{
    struct author a = author_of(TUF, NULL);
    static const char *const good[] = {"../x", "?", "#", "a b", "\xC3\xA9"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        IS(read_role(TUF, UP_TARGETS, author_targets_body(&a, 1, author_image(good[i], "hw", 1), "")), UP_OK);
    IS(read_role(TUF, UP_TARGETS, author_targets_body(&a, 1, author_image("", "hw", 1), "")), UP_STRING);
}
END_TEST

/* E-FMT-01 */
START_TEST(ids_are_of_one_alphabet_so_that_equal_means_equal_bytes)
{
    struct author a = author_of(STRICT, "VIN-1");
    static const char *const bad[] = {"", "a/b", "a b", "e\xCC\x81", "\xC3\xA9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        IS(read_role(STRICT, UP_TARGETS, author_targets_body(&a, 1, author_order("i", bad[i], "hw", 1), "")),
           UP_STRING);
        IS(read_role(STRICT, UP_TARGETS, author_targets_body(&a, 1, author_order("i", "ecu", bad[i], 1), "")),
           UP_STRING);
        a.vehicle = bad[i];
        IS(read_role(STRICT, UP_TARGETS, author_targets_body(&a, 1, "", "")), UP_STRING);
        a.vehicle = "VIN-1";
    }
}
END_TEST

/* ---- Root ---- */

/* V-ROOT-01 */
START_TEST(root_names_keys_and_threshold_of_all_four_roles)
{
    struct author a = author_of(STRICT, "VIN-1");
    struct up_root root;
    a.ring[UP_TARGETS] = (struct author_ring){KEY(5) | KEY(6) | KEY(25), 2};
    a.ring[UP_TIME].keys = 0;
    struct up_span body = up_span_of(author_sorted(STRICT, author_root_body(&a, 9)));
    IS(up_root_read(body, STRICT, &up_limits_primary, &root), UP_OK);
    ck_assert_uint_eq(root.head.version, 9);
    ck_assert(up_span_is(root.head.vehicle_id, "VIN-1"));
    ck_assert_uint_eq(root.ring[UP_TARGETS].threshold, 2);
    ck_assert_ptr_null(root.ring[UP_TIME].keys.p);
    for (EACH_ROLE(r)) ck_assert_ptr_nonnull(root.ring[r].keys.p);
}
END_TEST

/* V-ROOT-01 */
START_TEST(root_without_one_of_the_four_roles_is_refused)
{
    for (EACH_ROLE(r)) {
        struct author a = author_of(STRICT, "VIN-1");
        a.ring[r].keys = 0;
        IS(read_role(STRICT, UP_ROOT, author_root_body(&a, 1)), UP_SCHEMA);
    }
    IS(read_role(STRICT, UP_ROOT, author_without(good_body(STRICT, UP_ROOT), "keys")), UP_SCHEMA);
    IS(read_role(STRICT, UP_ROOT, author_without(good_body(STRICT, UP_ROOT), "roles")), UP_SCHEMA);
}
END_TEST

/* V-ROOT-01 */
START_TEST(root_that_names_a_key_it_does_not_hold_is_refused)
{
    struct author a = author_of(STRICT, "VIN-1");
    char *mapped = author_keyids(STRICT, KEY(UP_SNAPSHOT)), *stranger = author_keyids(STRICT, KEY(9));
    IS(read_role(STRICT, UP_ROOT, author_with(author_root_body(&a, 1), mapped, stranger)), UP_KEYID);
}
END_TEST

/* E-KEY-06 */
START_TEST(a_threshold_of_zero_or_out_of_reach_is_refused)
{
    struct author a = author_of(STRICT, "VIN-1");
    a.ring[UP_TARGETS] = (struct author_ring){KEY(5) | KEY(6) | KEY(7) | KEY(8), 3};
    IS(read_role(STRICT, UP_ROOT, author_root_body(&a, 1)), UP_OK);
    static const char *const bad[] = {"0", "-1", "5", "4294967297", "-4294967293"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *threshold = author_text("\"threshold\":%s", bad[i]);
        IS(read_role(STRICT, UP_ROOT, author_with(author_root_body(&a, 1), "\"threshold\":3", threshold)),
           UP_THRESHOLD_INVALID);
    }
}
END_TEST

/* E-KEY-02, E-KEY-01 */
START_TEST(a_key_under_the_id_of_another_is_refused)
{
    struct author a = author_of(STRICT, "VIN-1");
    char *right = author_root_body(&a, 1);
    char *wrong =
        author_with(right, author_text("\"%s\":%s", author_keyid(STRICT, 3), author_key_object(STRICT, 3)),
                    author_text("\"%s\":%s", author_keyid(STRICT, 3), author_key_object(STRICT, 9)));
    IS(read_role(STRICT, UP_ROOT, wrong), UP_KEYID);
    IS(read_role(TUF, UP_ROOT, wrong), UP_OK); /* ids are any names there */
}
END_TEST

/* R-FMT-10 */
START_TEST(root_must_promise_consistent_snapshots_where_names_are_versioned)
{
    const char *body = good_body(STRICT, UP_ROOT);
    IS(read_role(STRICT, UP_ROOT, author_without(body, "consistent_snapshot")), UP_SCHEMA);
    IS(read_role(STRICT, UP_ROOT,
                 author_with(body, "\"consistent_snapshot\":true", "\"consistent_snapshot\":1")),
       UP_SCHEMA);
    IS(read_role(STRICT, UP_ROOT,
                 author_with(body, "\"consistent_snapshot\":true", "\"consistent_snapshot\":false")),
       UP_UNSUPPORTED);
}
END_TEST

/* ---- Timestamp ---- */

/* V-TSP-01 */
START_TEST(timestamp_names_version_and_hash_of_the_snapshot)
{
    struct up_span body = up_span_of(author_sorted(STRICT, good_body(STRICT, UP_TIMESTAMP)));
    struct up_head head;
    struct up_named named;
    IS(up_timestamp_read(body, STRICT, &head, &named), UP_OK);
    ck_assert_uint_eq(head.version, 7);
    ck_assert_uint_eq(named.version, 3);
    ck_assert(named.has_length && named.length == some_file.n);
    ck_assert(named.hashes.has_sha256 && !named.hashes.has_sha512);
    ck_assert(up_hashes_match(&named.hashes, some_file));
}
END_TEST

/* V-TSP-01, E-KEY-19 */
START_TEST(timestamp_without_version_or_known_hash_is_refused)
{
    const char *body = good_body(STRICT, UP_TIMESTAMP);
    IS(read_role(STRICT, UP_TIMESTAMP, author_with(body, ",\"version\":3", "")), UP_SCHEMA);
    IS(read_role(STRICT, UP_TIMESTAMP, author_with(body, "\"hashes\"", "\"other\"")), UP_SCHEMA);
    IS(read_role(STRICT, UP_TIMESTAMP, author_with(body, "\"sha256\"", "\"md5\"")), UP_SCHEMA);
    IS(read_role(STRICT, UP_TIMESTAMP, author_without(body, "meta")), UP_SCHEMA);
    IS(read_role(STRICT, UP_TIMESTAMP, author_with(body, "snapshot.json", "7.snapshot.json")), UP_SCHEMA);
    /* digests have one length and one spelling */
    IS(read_role(STRICT, UP_TIMESTAMP, author_with(body, "\"sha256\":\"", "\"sha256\":\"00")), UP_SCHEMA);
    IS(read_role(STRICT, UP_TIMESTAMP, author_with(body, "\"sha256\":\"", "\"sha512\":\"")), UP_SCHEMA);
    /* TUF makes the hash optional */
    IS(read_role(TUF, UP_TIMESTAMP, author_with(good_body(TUF, UP_TIMESTAMP), "\"hashes\"", "\"other\"")),
       UP_OK);
}
END_TEST

/* V-TSP-02 */
START_TEST(timestamp_that_describes_more_than_the_snapshot_is_refused)
{
    const char *body = good_body(STRICT, UP_TIMESTAMP);
    IS(read_role(STRICT, UP_TIMESTAMP,
                 author_with(body, "\"meta\":{", "\"meta\":{\"targets.json\":{\"version\":1},")),
       UP_SCHEMA);
    IS(read_role(STRICT, UP_TIMESTAMP,
                 author_with(body, "\"meta\":{", "\"meta\":{\"zz.json\":{\"version\":1},")),
       UP_SCHEMA);
}
END_TEST

/* ---- Snapshot ---- */

static char *snapshot(const char *meta)
{
    struct author a = author_of(STRICT, "VIN-1");
    return author_sorted(STRICT, author_snapshot_body(&a, 1, meta));
}

static enum up_err find(const char *body, const char *role, uint32_t *version)
{
    struct up_named named = {0};
    enum up_err e = up_snapshot_find(up_span_of(body), up_span_of(role), &named);
    *version = named.version;
    return e;
}

/* V-SNAP-01 */
START_TEST(snapshot_lists_the_top_level_and_every_delegated_targets)
{
    const char *body =
        snapshot("\"targets.json\":{\"version\":5},\"a.json\":{\"version\":1},\"x/y.json\":{\"version\":3}");
    struct up_head head;
    uint32_t version;
    IS(up_snapshot_read(up_span_of(body), STRICT, &head), UP_OK);
    IS(find(body, "targets", &version), UP_OK);
    ck_assert_uint_eq(version, 5);
    IS(find(body, "x/y", &version), UP_OK);
    ck_assert_uint_eq(version, 3);
    IS(find(body, "b", &version), UP_NOT_IN_SNAPSHOT);
    IS(find(body, "x", &version), UP_NOT_IN_SNAPSHOT);
    IS(find(body, "targets.json", &version), UP_NOT_IN_SNAPSHOT);
}
END_TEST

/* V-SNAP-01, E-FMT-14 */
START_TEST(snapshot_without_the_top_level_targets_is_refused)
{
    struct up_head head;
    IS(up_snapshot_read(up_span_of(snapshot(author_meta("a", 1))), STRICT, &head), UP_NOT_IN_SNAPSHOT);
    IS(up_snapshot_read(up_span_of(snapshot(author_meta("9.targets", 9))), STRICT, &head),
       UP_NOT_IN_SNAPSHOT);
    IS(up_snapshot_read(up_span_of(snapshot("\"targets\":{\"version\":9}")), STRICT, &head), UP_SCHEMA);
    IS(up_snapshot_read(up_span_of(snapshot("\".json\":{\"version\":9}")), STRICT, &head), UP_SCHEMA);
    IS(up_snapshot_read(up_span_of(snapshot("\"../a.json\":{\"version\":9}")), STRICT, &head), UP_STRING);
    IS(read_role(STRICT, UP_SNAPSHOT, author_without(good_body(STRICT, UP_SNAPSHOT), "meta")), UP_SCHEMA);
}
END_TEST

/* V-SNAP-01 */
START_TEST(snapshot_entry_without_a_version_is_refused)
{
    struct up_head head;
    IS(up_snapshot_read(up_span_of(snapshot("\"targets.json\":{\"length\":7}")), STRICT, &head), UP_SCHEMA);
    IS(up_snapshot_read(up_span_of(snapshot("\"targets.json\":{\"version\":0}")), STRICT, &head), UP_SCHEMA);
    IS(up_snapshot_read(up_span_of(snapshot("\"targets.json\":{\"version\":1,\"length\":-1}")), STRICT,
                        &head),
       UP_SCHEMA);
}
END_TEST

/* V-SNAP-11 */
START_TEST(a_root_entry_in_snapshot_means_nothing)
{
    struct up_head head;
    const char *with = snapshot("\"targets.json\":{\"version\":1},\"root.json\":{\"version\":\"absurd\"}");
    IS(up_snapshot_read(up_span_of(with), STRICT, &head), UP_OK);
    const char *without = snapshot("\"targets.json\":{\"version\":1}");
    IS(up_snapshot_follows(up_span_of(with), up_span_of(without), true), UP_OK);
    IS(up_snapshot_follows(up_span_of(without), up_span_of(with), true), UP_OK);
}
END_TEST

/* V-SNAP-14 */
START_TEST(names_in_snapshot_are_bounded)
{
    char name[UP_NAME_MAX + 2];
    memset(name, 'r', sizeof name);
    name[UP_NAME_MAX + 1] = 0;
    struct up_head head;
    const char *with = author_text("%s,%s", author_meta("targets", 1), author_meta(name + 1, 1));
    IS(up_snapshot_read(up_span_of(snapshot(with)), STRICT, &head), UP_OK);
    with = author_text("%s,%s", author_meta("targets", 1), author_meta(name, 1));
    IS(up_snapshot_read(up_span_of(snapshot(with)), STRICT, &head), UP_STRING);
}
END_TEST

static enum up_err follows(const char *old, const char *new)
{
    return up_snapshot_follows(up_span_of(snapshot(old)), up_span_of(snapshot(new)), true);
}

#define TOP "\"targets.json\":{\"version\":5}"

/* V-SNAP-06, V-SNAP-07 */
START_TEST(snapshot_may_raise_versions_and_add_roles)
{
    IS(follows(TOP, TOP), UP_OK);
    IS(follows(TOP, "\"targets.json\":{\"version\":6}"), UP_OK);
    IS(follows(TOP ",\"b.json\":{\"version\":2}",
               "\"a.json\":{\"version\":1},\"b.json\":{\"version\":2},\"c.json\":{\"version\":1}," TOP),
       UP_OK);
}
END_TEST

/* V-SNAP-06 */
START_TEST(snapshot_may_not_lower_any_version)
{
    IS(follows(TOP, "\"targets.json\":{\"version\":4}"), UP_ROLLBACK);
    IS(follows(TOP ",\"a.json\":{\"version\":2}", TOP ",\"a.json\":{\"version\":1}"), UP_ROLLBACK);
    IS(follows(TOP ",\"z.json\":{\"version\":2}", TOP ",\"z.json\":{\"version\":1}"), UP_ROLLBACK);
}
END_TEST

/* V-SNAP-07 */
START_TEST(snapshot_may_not_drop_a_role)
{
    IS(follows(TOP ",\"a.json\":{\"version\":2}", TOP), UP_SNAPSHOT_ROLE_DROPPED);
    IS(follows(TOP ",\"z.json\":{\"version\":2}", TOP), UP_SNAPSHOT_ROLE_DROPPED);
    IS(follows(TOP ",\"b.json\":{\"version\":2}",
               TOP ",\"a.json\":{\"version\":9},\"c.json\":{\"version\":9}"),
       UP_SNAPSHOT_ROLE_DROPPED);
}
END_TEST

/* V-REC-03 */
START_TEST(only_the_top_level_version_starts_anew_when_its_keys_were_replaced)
{
    struct up_span old = up_span_of(snapshot(TOP ",\"a.json\":{\"version\":2}"));
    IS(up_snapshot_follows(
           old, up_span_of(snapshot("\"targets.json\":{\"version\":1},\"a.json\":{\"version\":2}")), false),
       UP_OK);
    IS(up_snapshot_follows(
           old, up_span_of(snapshot("\"targets.json\":{\"version\":1},\"a.json\":{\"version\":1}")), false),
       UP_ROLLBACK);
}
END_TEST

/* E-FMT-06 */
START_TEST(members_that_nobody_knows_mean_nothing)
{
    for (EACH_ROLE(r)) {
        const char *body = good_body(STRICT, r);
        IS(read_role(STRICT, r, author_with(body, "\"_type\"", "\"note\":{\"a\":[1]},\"_type\"")), UP_OK);
        IS(read_role(STRICT, r, author_with(body, "\"vehicleId\"", "\"note\":{\"a\":[1]},\"vehicleId\"")),
           UP_OK);
    }
    const char *root = good_body(STRICT, UP_ROOT);
    IS(read_role(STRICT, UP_ROOT, author_with(root, "\"roles\":{", "\"roles\":{\"mirrors\":7,")), UP_OK);
    IS(read_role(STRICT, UP_ROOT, author_with(root, "\"threshold\"", "\"note\":{\"a\":[1]},\"threshold\"")),
       UP_OK);
}
END_TEST

START_TEST(the_first_instant_and_any_minor_format_are_read)
{
    for (EACH_ROLE(r)) {
        const char *body = good_body(STRICT, r);
        IS(read_role(STRICT, r, author_with(body, "2030-01-01", "1970-01-01")), UP_OK);
        IS(read_role(STRICT, r, author_with(body, "\"1.0.31\"", "\"1.9\"")), UP_OK);
        IS(read_role(STRICT, r, author_with(body, "\"1.0.31\"", "\"1.:\"")), UP_SCHEMA);
        IS(read_role(STRICT, r, author_with(body, "\"1.0.31\"", "\"1.0x\"")), UP_SCHEMA);
    }
    ck_assert_str_eq(up_role_name(UP_ROLES), "");
    const char *deployed = good_body(DEPLOYED, UP_TARGETS);
    IS(read_role(DEPLOYED, UP_TARGETS, author_with(deployed, "\"Targets\"", "\"Targetz\"")), UP_ROLE_TYPE);
}
END_TEST

/* The names of files are what consistent snapshots are about. */
START_TEST(a_profile_of_unversioned_names_does_not_ask_for_consistent_snapshots)
{
    struct up_profile unversioned = up_profile_strict;
    unversioned.relax = UP_RELAX_UNVERSIONED_NAMES;
    const char *root = good_body(STRICT, UP_ROOT), *without = author_without(root, "consistent_snapshot");
    IS(read_role(STRICT, UP_ROOT, without), UP_SCHEMA);
    IS(read_role(&unversioned, UP_ROOT, without), UP_OK);
    struct up_profile versioned = up_profile_deployed; /* which knows no such member */
    struct up_root out;
    versioned.relax &= ~(unsigned)UP_RELAX_UNVERSIONED_NAMES;
    struct up_span body = up_span_of(author_sorted(DEPLOYED, good_body(DEPLOYED, UP_ROOT)));
    IS(up_root_read(body, &versioned, &up_limits_primary, &out), UP_OK);
    ck_assert(out.versioned);
    IS(up_root_read(body, DEPLOYED, &up_limits_primary, &out), UP_OK);
    ck_assert(!out.versioned);
}
END_TEST

START_TEST(a_sha512_alone_names_a_snapshot)
{
    struct author a = author_of(STRICT, "VIN-1");
    const char *hash = author_text("\"sha512\":\"%0128d\",\"x\"", 0);
    IS(read_role(STRICT, UP_TIMESTAMP,
                 author_with(author_timestamp_body(&a, 7, some_file, 3), "\"sha256\"", hash)),
       UP_OK);
}
END_TEST

/* E-FMT-09 */
START_TEST(digests_are_lower_case_but_for_deployed_backends)
{
    static const struct up_profile *const profile[] = {STRICT, DEPLOYED};
    const char *lower = author_text("\"%064d", 0), *upper = author_text("\"A%063d", 0);
    for (size_t i = 0; i < 2; i++) {
        struct author a = author_of(profile[i], "VIN-1");
        struct up_span any = some_file;
        uint8_t digest[UP_SHA256_BYTES];
        char hex[2 * UP_SHA256_BYTES + 1] = "";
        up_sha256(any, digest);
        up_hex_encode(digest, sizeof digest, hex);
        const char *named = author_text("\"%s", hex);
        const char *timestamp = author_timestamp_body(&a, 7, any, 3);
        const char *snapshot = author_snapshot_body(&a, 7, author_meta_bound("targets", 2, any));
        IS(read_role(profile[i], UP_TIMESTAMP, author_with(timestamp, named, lower)), UP_OK);
        IS(read_role(profile[i], UP_SNAPSHOT, author_with(snapshot, named, lower)), UP_OK);
        enum up_err want = profile[i] == DEPLOYED ? UP_OK : UP_SCHEMA;
        IS(read_role(profile[i], UP_TIMESTAMP, author_with(timestamp, named, upper)), want);
        IS(read_role(profile[i], UP_SNAPSHOT, author_with(snapshot, named, upper)), want);
    }
}
END_TEST

START_TEST(hashes_of_no_known_kind_name_no_file)
{
    struct author a = author_of(STRICT, "VIN-1");
    const char *snapshot = author_snapshot_body(&a, 7, author_meta_bound("targets", 2, some_file));
    IS(read_role(STRICT, UP_SNAPSHOT, author_with(snapshot, "\"sha256\"", "\"md5\"")), UP_SCHEMA);
    a = author_of(TUF, NULL); /* plain TUF may name a file without any, but not none at all */
    const char *timestamp = author_timestamp_body(&a, 7, some_file, 3);
    IS(read_role(TUF, UP_TIMESTAMP, author_with(timestamp, "\"hashes\"", "\"digests\"")), UP_OK);
    IS(read_role(TUF, UP_TIMESTAMP, author_with(timestamp, "\"meta\":{", "\"meta\":{},\"note\":{")),
       UP_SCHEMA);
}
END_TEST

START_TEST(plain_tuf_has_no_custom_members_of_ours)
{
    for (EACH_ROLE(r)) {
        const char *body = author_with(good_body(TUF, r), "\"custom\":{", "\"custom\":7,\"note\":{");
        IS(read_role(TUF, r, body), UP_OK);
        body = author_with(good_body(STRICT, r), "\"custom\":{", "\"custom\":7,\"note\":{");
        IS(read_role(STRICT, r, body), UP_SCHEMA);
    }
}
END_TEST

SUITE("role", digests_are_lower_case_but_for_deployed_backends, hashes_of_no_known_kind_name_no_file,
      plain_tuf_has_no_custom_members_of_ours, members_that_nobody_knows_mean_nothing,
      the_first_instant_and_any_minor_format_are_read,
      a_profile_of_unversioned_names_does_not_ask_for_consistent_snapshots, a_sha512_alone_names_a_snapshot,
      every_role_loads_in_every_profile, a_role_without_type_expiry_version_or_format_is_refused,
      a_common_member_of_another_type_is_refused,
      the_type_is_compared_exactly_and_in_the_deployed_dialect_without_case,
      a_body_of_one_role_is_no_body_of_another, versions_are_whole_numbers_from_1_to_the_ceiling,
      expiry_is_one_instant_in_one_spelling, a_newer_minor_format_is_read_and_another_major_is_not,
      unknown_members_are_ignored_everywhere, names_that_could_leave_a_folder_are_refused,
      deployed_names_are_printable, hardware_ids_may_be_as_long_as_backends_let_them_be,
      opaque_names_take_any_text_that_fits, ids_are_of_one_alphabet_so_that_equal_means_equal_bytes,
      root_names_keys_and_threshold_of_all_four_roles, root_without_one_of_the_four_roles_is_refused,
      root_that_names_a_key_it_does_not_hold_is_refused, a_threshold_of_zero_or_out_of_reach_is_refused,
      a_key_under_the_id_of_another_is_refused,
      root_must_promise_consistent_snapshots_where_names_are_versioned,
      timestamp_names_version_and_hash_of_the_snapshot, timestamp_without_version_or_known_hash_is_refused,
      timestamp_that_describes_more_than_the_snapshot_is_refused,
      snapshot_lists_the_top_level_and_every_delegated_targets,
      snapshot_without_the_top_level_targets_is_refused, snapshot_entry_without_a_version_is_refused,
      a_root_entry_in_snapshot_means_nothing, names_in_snapshot_are_bounded,
      snapshot_may_raise_versions_and_add_roles, snapshot_may_not_lower_any_version,
      snapshot_may_not_drop_a_role, only_the_top_level_version_starts_anew_when_its_keys_were_replaced)

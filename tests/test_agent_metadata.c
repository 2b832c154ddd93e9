/* Metadata into the staging bank, and 0310: what is refused, under which name, and what is left behind. */
#include "tests/lib_ecu.h"
#include "tests/suite.h"

#define IS(e, want) ck_assert_str_eq(up_err_name(e), up_err_name(want))
#define NO_FILE     ((struct up_span){NULL, 0})
#define PAST        "2025-06-01T00:00:00Z"

static struct ecu e;

static void fresh(bool full)
{
    ecu_free(&e);
    ecu_new(&e, full, 4096, 16);
}

static void order(const char *name, unsigned counter)
{
    ecu_issue(&e, name, counter, ecu_image(5000, counter));
}

static bool detected(const char *text)
{
    return up_span_is(ecu_report(&e).attacks, text);
}

/* Refused so; trust is as before; the report tells; a good set is taken then. */
static void refused_as(enum up_err want, const char *path)
{
    const struct uds_stored_versions before = ecu_versions(&e);
    IS(ecu_send(&e), want);
    struct uds_stored_versions after = ecu_versions(&e);
    after.time_floor_s = before.time_floor_s;
    ck_assert_mem_eq(&before, &after, sizeof before);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, (uint32_t)e.new_image.n), UDS_DOWNLOAD_NOT_ACCEPTED);
    const char *text = author_text("%s %s", up_err_name(want), path);
    struct up_report r = ecu_report(&e);
    ck_assert_msg(r.attacks.n >= strlen(text) && memcmp(r.attacks.p, text, strlen(text)) == 0, "%.*s",
                  TEXT(r.attacks));
    e.time_keys = 0;
    e.time_s = AUTHOR_NOW + 100;
    e.version += 5;
    e.director = author_of(&up_profile_strict, ECU_VEHICLE);
    order("fw/new", 2);
    IS(ecu_send(&e), UP_OK);
}

/* ---- staging ---- */

START_TEST(only_known_paths_of_bounded_size_are_taken)
{
    static const char *const unknown[] = {"Time",
                                          "director",
                                          "director/root/",
                                          "director/root/0",
                                          "director/root/01",
                                          "director/root/2147483648",
                                          "director/root/99999999999",
                                          "director/root/1x",
                                          "director/root/-1",
                                          "image/role/",
                                          "image/role/../x",
                                          "image/role/a b",
                                          "image/roots/1",
                                          "director/role/x",
                                          "/time",
                                          "time/"};
    static const char *const full_only[] = {"director/timestamp", "director/snapshot", "image/root/2",
                                            "image/timestamp",    "image/snapshot",    "image/targets",
                                            "image/role/supplier"};
    static const char *const any[] = {"time", "director/root/2", "director/root/2147483647",
                                      "director/targets"};
    for (int full = 0; full < 2; full++) {
        fresh(full == 1);
        ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
        for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
            ck_assert_uint_eq(ecu_begin_put(&e, unknown[i], 100), UDS_OUT_OF_RANGE);
        for (size_t i = 0; i < sizeof full_only / sizeof *full_only; i++)
            ck_assert_uint_eq(ecu_begin_put(&e, full_only[i], 100), full ? 0 : UDS_OUT_OF_RANGE);
        for (size_t i = 0; i < sizeof any / sizeof *any; i++)
            ck_assert_uint_eq(ecu_begin_put(&e, any[i], 100), 0);
    }
    ck_assert(detected(""));
    ck_assert_uint_eq(ecu_begin_put(&e, "director/root/2", up_limits_posix.root_bytes + 1), UDS_OUT_OF_RANGE);
    ck_assert(detected("TOO_LARGE director/root/2"));
    static const char *const bad_version[] = {"image/root/0", "image/root/x", "image/root/2147483648"};
    for (size_t i = 0; i < sizeof bad_version / sizeof *bad_version; i++)
        ck_assert_uint_eq(ecu_begin_put(&e, bad_version[i], 100), UDS_OUT_OF_RANGE);
    static const uint8_t path[] = "time";
    struct uds_file_request f = {
        .path = path, .path_bytes = 4, .format = 0, .bytes = up_limits_posix.root_bytes};
    ck_assert_uint_ne(sec_agent_file(&e.agent, &f), UDS_OUT_OF_RANGE); /* as large as that it may be */
    f.bytes = 100;
    ck_assert_uint_eq(sec_agent_file(&e.agent, &f), UDS_OK);
    f.format = 0x10;
    ck_assert_uint_eq(sec_agent_file(&e.agent, &f), UDS_OUT_OF_RANGE);
}
END_TEST

START_TEST(metadata_is_taken_in_the_extended_session_only)
{
    fresh(true);
    ck_assert_uint_eq(ecu_begin_put(&e, "time", 100), UDS_SERVICE_NOT_IN_SESSION);
    ck_assert_uint_eq(ecu_session(&e, UDS_PROGRAMMING), 0);
    ck_assert_uint_eq(ecu_begin_put(&e, "time", 100), UDS_SERVICE_NOT_IN_SESSION);
}
END_TEST

START_TEST(more_than_the_bank_holds_is_refused_with_room_left_for_what_is_trusted)
{
    fresh(true);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    const uint32_t carried = sec_trusted_size(&e.agent.trusted, &e.flash->port, &e.agent.layout);
    const uint32_t room = sec_bank_room(&e.agent.staging, 0) - carried - 32; /* entry and path */
    ck_assert_uint_gt(carried, 1000);
    ck_assert_uint_eq(ecu_begin_put(&e, "image/targets", room + 1), UDS_DOWNLOAD_NOT_ACCEPTED);
    ck_assert_uint_eq(ecu_begin_put(&e, "image/targets", room), 0);
}
END_TEST

/* E-BUS-10: who floods the bus with metadata wears nothing out. */
START_TEST(a_flood_of_metadata_costs_bounded_writes)
{
    fresh(false);
    order("fw/new", 2);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    struct up_span junk = ecu_image(12000, 4);
    unsigned taken = 0;
    while (taken < 100000 && ecu_put(&e, "director/targets", junk) == 0) {
        IS(ecu_verify(&e), UP_PARSE);
        taken++;
    }
    ck_assert_uint_gt(taken, 64);
    ck_assert_uint_lt(taken, 64 * 32768 / 12000 + 1);
    uint64_t before = e.flash->operations;
    for (int i = 0; i < 1000; i++)
        ck_assert_uint_eq(ecu_put(&e, "director/targets", junk), UDS_DOWNLOAD_NOT_ACCEPTED);
    ck_assert_uint_eq(e.flash->operations, before);
    IS(ecu_boot(&e), UP_OK);
    IS(ecu_send(&e), UP_OK);
}
END_TEST

/* What has been staged goes with a reset, and so does the session. */
START_TEST(a_verdict_is_given_in_a_session_only)
{
    fresh(true);
    order("fw/new", 2);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_put(&e, "time", ecu_attest(&e)), 0);
    IS(ecu_boot(&e), UP_OK);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_VERIFY_METADATA, NULL), UDS_SERVICE_NOT_IN_SESSION);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_int_ne(ecu_verify(&e), UP_OK); /* nothing is there any more */
    ecu_pass(&e, 6000);                      /* S3 */
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_VERIFY_METADATA, NULL), UDS_SERVICE_NOT_IN_SESSION);
    IS(ecu_send(&e), UP_OK);
}
END_TEST

START_TEST(what_did_not_arrive_whole_does_not_count)
{
    fresh(false);
    order("fw/new", 2);
    struct up_span targets = ecu_issued(&e, "director/targets");
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_begin_put(&e, "director/targets", (uint32_t)targets.n), 0);
    ck_assert_uint_eq(ecu_blocks(&e, (struct up_span){targets.p, 100}, 100), 0);
    ck_assert_uint_eq(ecu_exit(&e), UDS_SEQUENCE_ERROR);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_VERIFY_METADATA, NULL), UDS_SEQUENCE_ERROR);
    ck_assert_uint_eq(ecu_put(&e, "time", ecu_attest(&e)), 0); /* gives the other one up */
    IS(ecu_verify(&e), UP_UNAVAILABLE);
    IS(ecu_send(&e), UP_OK);
}
END_TEST

START_TEST(the_newest_file_of_a_path_counts)
{
    fresh(true);
    order("fw/new", 2);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_put(&e, "director/targets", UP_SPAN("{\"not\":\"this\"}")), 0);
    ck_assert_uint_eq(ecu_put(&e, "image/timestamp", UP_SPAN("nor this")), 0);
    IS(ecu_send(&e), UP_OK);
}
END_TEST

START_TEST(a_verdict_ends_the_set)
{
    fresh(false);
    order("fw/new", 2);
    struct up_span good = ecu_issued(&e, "director/targets");
    ecu_replace(&e, "director/targets", UP_SPAN("{}"));
    IS(ecu_send(&e), UP_SCHEMA);
    IS(ecu_verify(&e), UP_UNAVAILABLE); /* the bad file is gone, not tried again */
    ecu_replace(&e, "director/targets", good);
    IS(ecu_send(&e), UP_OK);
}
END_TEST

START_TEST(the_routine_takes_no_data_and_only_starts)
{
    fresh(false);
    uint8_t data[32] = {0};
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_VERIFY_METADATA, data), UDS_INCORRECT_LENGTH);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_VERIFY_IMAGE, data), UDS_INCORRECT_LENGTH);
    const uint8_t results[] = {UDS_ROUTINE_CONTROL, UDS_RESULTS, 0x03, 0x10};
    ck_assert_uint_eq(ecu_ask(&e, results, 4), UDS_SUBFUNCTION_NOT_SUPPORTED);
    const uint8_t unknown[] = {UDS_ROUTINE_CONTROL, UDS_START, 0x03, 0x11};
    ck_assert_uint_eq(ecu_ask(&e, unknown, 4), UDS_OUT_OF_RANGE);
}
END_TEST

/* ---- time ---- */

START_TEST(without_fresh_time_nothing_new_is_installed)
{
    fresh(true);
    order("fw/new", 2);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    for (unsigned i = 0; i < e.files; i++) ck_assert_uint_eq(ecu_put(&e, e.file[i].path, e.file[i].bytes), 0);
    IS(ecu_verify(&e), UP_TIME_UNAVAILABLE);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_DOWNLOAD_NOT_ACCEPTED);
    ck_assert_uint_eq(ecu_versions(&e).director_targets, 1); /* trusted all the same */
    IS(ecu_send(&e), UP_OK);
    ecu_pass(&e, 3601 * 1000);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_CONDITIONS_NOT_CORRECT);
    IS(ecu_verify(&e), UP_TIME_UNAVAILABLE);
    ck_assert_uint_eq(ecu_put(&e, "time", ecu_attest(&e)), 0);
    IS(ecu_verify(&e), UP_OK);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
    sec_agent_slept(&e.agent); /* for a second, or for a year */
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_CONDITIONS_NOT_CORRECT);
    IS(ecu_verify(&e), UP_TIME_UNAVAILABLE);
    ck_assert_uint_eq(ecu_put(&e, "time", ecu_attest(&e)), 0);
    IS(ecu_verify(&e), UP_OK);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
    IS(ecu_boot(&e), UP_OK); /* a reset makes time old */
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    IS(ecu_verify(&e), UP_TIME_UNAVAILABLE);
}
END_TEST

START_TEST(time_of_others_and_of_other_times_is_refused)
{
    fresh(false);
    order("fw/new", 2);
    e.time_keys = KEY(20);
    refused_as(UP_TIME_SIG, "time");
    const int64_t floor = ecu_versions(&e).time_floor_s;
    e.time_s = floor - 1;
    order("fw/new", 2);
    IS(ecu_send(&e), UP_TIME_BACKWARD);
    ck_assert_int_eq(ecu_versions(&e).time_floor_s, floor);
    IS(ecu_boot(&e), UP_OK);
    IS(ecu_send(&e), UP_TIME_BACKWARD); /* the floor outlives a reset */
    e.time_s = floor;
    IS(ecu_send(&e), UP_OK);
}
END_TEST

/* refused_as() sends a good set at the end: with the time of then. */
START_TEST(an_attestation_counts_once_and_only_for_the_latest_nonce)
{
    fresh(false);
    order("fw/new", 2);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    struct up_span first = ecu_attest(&e);
    ck_assert_uint_eq(ecu_read(&e, UDS_DID_TIME_NONCE), 0); /* asked anew: the first is worth nothing */
    ck_assert_uint_eq(ecu_put(&e, "time", first), 0);
    IS(ecu_verify(&e), UP_TIME_NONCE);
    struct up_span second = ecu_attest(&e);
    ck_assert_uint_eq(ecu_put(&e, "time", second), 0);
    ck_assert_uint_eq(ecu_put(&e, "director/targets", ecu_issued(&e, "director/targets")), 0);
    IS(ecu_verify(&e), UP_OK);
    ecu_pass(&e, 3000 * 1000);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_put(&e, "time", second), 0);
    IS(ecu_verify(&e), UP_OK); /* an answer was lost, the Primary repeats itself: nothing is renewed */
    ecu_pass(&e, 601 * 1000);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_put(&e, "time", second), 0);
    IS(ecu_verify(&e), UP_TIME_UNAVAILABLE);
    IS(ecu_boot(&e), UP_OK);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_put(&e, "time", second), 0);
    IS(ecu_verify(&e), UP_TIME_NONCE);
}
END_TEST

static unsigned long writes_of_cycle(void)
{
    uint64_t before = e.flash->operations;
    (void)ecu_send(&e);
    return (unsigned long)(e.flash->operations - before);
}

START_TEST(a_cycle_without_news_writes_little)
{
    fresh(true);
    order("fw/new", 2);
    IS(ecu_update(&e), UP_OK);
    uint64_t generation = e.agent.store.generation, sequence = e.agent.store.sequence;
    e.files = 0; /* only the time */
    unsigned long writes = writes_of_cycle();
    ck_assert_uint_eq(e.agent.store.generation, generation);
    ck_assert_uint_eq(e.agent.store.sequence, sequence + 1);
    ck_assert_uint_lt(writes, 80);
}
END_TEST

/* Also across a reset, and with the next bank. */
START_TEST(each_set_begins_behind_the_one_before)
{
    fresh(false);
    e.files = 0;
    for (unsigned i = 0; i < 20; i++) {
        if (i % 5 == 4) order("fw/new", 2 + i);
        if (i % 5 == 0) e.files = 0;
        const struct sec_bank before = e.agent.staging;
        const uint32_t other = e.agent.trusted.end[e.agent.trusted.bank];
        const bool news =
            ecu_send(&e) == UP_OK && e.agent.trusted.bank == (before.region.at == e.agent.layout.bank[1].at);
        if (i % 3 == 2) IS(ecu_boot(&e), UP_OK);
        const struct sec_bank now = e.agent.staging;
        if (news) {
            ck_assert_uint_ne(now.region.at, before.region.at);
            ck_assert_uint_eq(now.begin, sec_region_has(now.region, other) ? other : now.region.at);
        } else {
            ck_assert_uint_eq(now.region.at, before.region.at);
            ck_assert_uint_eq(now.begin,
                              (before.begin - now.region.at + 4096) % now.region.bytes + now.region.at);
        }
    }
}
END_TEST

/* In the middle of the bank no piece is large enough. */
START_TEST(a_set_that_would_fit_an_empty_bank_does_when_it_comes_again)
{
    fresh(true);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    const struct sec_region bank = e.agent.staging.region;
    const uint32_t carried = sec_trusted_size(&e.agent.trusted, &e.flash->port, &e.agent.layout);
    const uint32_t most = bank.bytes - carried - 1000;
    sec_bank_begin(&e.agent.staging, &e.flash->port, bank, bank.at + bank.bytes / 2 / 4096 * 4096);
    ck_assert_uint_eq(ecu_put(&e, "time", UP_SPAN("noon")), 0);
    ck_assert_uint_eq(ecu_begin_put(&e, "image/targets", bank.bytes), UDS_DOWNLOAD_NOT_ACCEPTED);
    ck_assert_uint_ne(e.agent.staging.last, SEC_NONE); /* nothing is gone for what never fits */
    ck_assert_uint_eq(ecu_begin_put(&e, "image/targets", most), UDS_DOWNLOAD_NOT_ACCEPTED);
    ck_assert_uint_eq(ecu_put(&e, "time", UP_SPAN("noon")), 0);
    ck_assert_uint_eq(ecu_begin_put(&e, "image/targets", most), 0);
}
END_TEST

/* ---- the Director's files ---- */

static void replace_body(const char *path, uint32_t key, const char *from, const char *to)
{
    struct up_span file = ecu_issued(&e, path), body;
    ck_assert(up_json_find(file, "signed", &body));
    ecu_replace(&e, path,
                author_sign(&up_profile_strict, key, author_with(author_text("%.*s", TEXT(body)), from, to)));
}

START_TEST(faults_of_director_targets_have_their_names)
{
    const struct {
        enum up_err want;
        uint32_t key;
        const char *from, *to;
    } faults[] = {
        {UP_SIG_THRESHOLD, KEY(20), "", ""},
        {UP_EXPIRED, KEY(3), AUTHOR_EXPIRES, PAST},
        {UP_DIR_VEHICLE_ID, KEY(3), ECU_VEHICLE, "VIN-2"},
        {UP_ROLE_TYPE, KEY(3), "\"targets\",", "\"snapshot\","},
        {UP_DIR_DELEGATION, KEY(3), "\"_type\"", "\"delegations\":{\"keys\":{},\"roles\":[]},\"_type\""},
        {UP_DIR_DUP_ECU, KEY(3), "\"targets\":{",
         "\"targets\":{\"fw/a\":{\"custom\":{\"ecuIdentifiers\":{\"ECU-7\":{\"hardwareId\":\"HW-A\"}},"
         "\"hardwareIds\":[\"HW-A\"],\"releaseCounter\":1},\"hashes\":{\"sha256\":"
         "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"},\"length\":1},"}};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        fresh(false);
        order("fw/new", 2);
        replace_body("director/targets", faults[i].key, faults[i].from, faults[i].to);
        refused_as(faults[i].want, "director/targets");
    }
}
END_TEST

START_TEST(older_targets_are_refused_after_a_power_cycle_too)
{
    fresh(false);
    order("fw/new", 2);
    struct up_span old = ecu_issued(&e, "director/targets");
    order("fw/new", 2);
    IS(ecu_send(&e), UP_OK);
    IS(ecu_boot(&e), UP_OK);
    ecu_replace(&e, "director/targets", old);
    refused_as(UP_ROLLBACK, "director/targets");
}
END_TEST

START_TEST(the_same_version_with_other_content_is_refused)
{
    fresh(false);
    order("fw/new", 2);
    IS(ecu_send(&e), UP_OK);
    e.version--;
    order("fw/new", 3);
    refused_as(UP_SAME_VERSION, "director/targets");
}
END_TEST

START_TEST(each_file_of_a_full_set_is_needed)
{
    static const char *const paths[] = {"director/timestamp", "director/snapshot", "director/targets",
                                        "image/timestamp",    "image/snapshot",    "image/targets"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        fresh(true);
        order("fw/new", 2);
        ecu_replace(&e, paths[i], NO_FILE);
        IS(ecu_send(&e), UP_UNAVAILABLE);
        ck_assert(detected(author_text("UNAVAILABLE %s", paths[i])));
        ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_DOWNLOAD_NOT_ACCEPTED);
        order("fw/new", 2);
        IS(ecu_send(&e), UP_OK);
    }
}
END_TEST

START_TEST(the_directors_set_is_committed_as_one_and_image_files_one_by_one)
{
    fresh(true);
    order("fw/new", 2);
    IS(ecu_send(&e), UP_OK);
    order("fw/new", 2);
    replace_body("director/targets", KEY(20), "", "");
    ck_assert(ecu_send(&e) != UP_OK);
    struct uds_stored_versions v = ecu_versions(&e);
    ck_assert_uint_eq(v.director_timestamp, 1);
    ck_assert_uint_eq(v.director_snapshot, 1);
    order("fw/new", 2);
    replace_body("image/targets", KEY(20), "", "");
    ck_assert(ecu_send(&e) != UP_OK);
    IS(ecu_boot(&e), UP_OK);
    v = ecu_versions(&e);
    ck_assert_uint_eq(v.director_targets, 3);
    ck_assert_uint_eq(v.image_timestamp, 3);
    ck_assert_uint_eq(v.image_snapshot, 3);
    ck_assert_uint_eq(v.image_targets, 1);
}
END_TEST

START_TEST(what_cannot_be_stored_is_not_accepted)
{
    for (uint64_t n = 2;; n++) {
        fresh(false);
        order("fw/new", 2);
        ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
        ck_assert_uint_eq(ecu_put(&e, "time", ecu_attest(&e)), 0);
        ck_assert_uint_eq(ecu_put(&e, "director/targets", ecu_issued(&e, "director/targets")), 0);
        e.flash->fail_at = n;
        enum up_err err = ecu_verify(&e);
        bool failed = e.flash->fail_at == 1;
        e.flash->fail_at = 0;
        IS(err, failed ? UP_STORAGE_WRITE : UP_OK);
        ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), failed ? UDS_DOWNLOAD_NOT_ACCEPTED : 0);
        if (!failed) break;
        IS(ecu_send(&e), UP_OK);
        ck_assert_uint_lt(n, 1000);
    }
}
END_TEST

/* ---- the order ---- */

START_TEST(no_order_for_us_is_told_and_keeps_what_runs)
{
    fresh(true);
    order(NULL, 0);
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_DOWNLOAD_NOT_ACCEPTED);
    ck_assert_uint_eq(ecu_versions(&e).director_targets, 1);
}
END_TEST

START_TEST(an_order_for_another_ecu_is_none_for_us)
{
    fresh(false);
    order("fw/new", 2);
    ecu_replace(&e, "director/targets",
                author_targets(&e.director, 1, ecu_target("fw/new", 2, e.new_image, "ECU-9")));
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND);
    ck_assert(detected(""));
}
END_TEST

START_TEST(what_is_ordered_and_runs_already_needs_no_images)
{
    fresh(true);
    order("fw/new", 2);
    IS(ecu_update(&e), UP_OK);
    struct up_span image = e.new_image;
    ecu_issue(&e, "fw/new", 2, image);
    ecu_replace(&e, "image/timestamp", NO_FILE);
    ecu_replace(&e, "image/snapshot", NO_FILE);
    ecu_replace(&e, "image/targets", NO_FILE);
    IS(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_DOWNLOAD_NOT_ACCEPTED);
    ck_assert_uint_eq(ecu_versions(&e).image_targets, 1);
    ecu_issue(&e, "fw/new", 3, image); /* the same bytes with a higher counter are something new */
    IS(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_versions(&e).image_targets, 3);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
}
END_TEST

START_TEST(orders_that_do_not_fit_this_ecu_have_their_names)
{
    const struct {
        enum up_err want;
        const char *name;
        unsigned counter;
        uint32_t bytes;
        const char *hardware;
    } faults[] = {{UP_IMG_HWID, "fw/new", 2, 5000, "HW-B"},
                  {UP_IMG_FILENAME, "brake/new", 2, 5000, ECU_HARDWARE},
                  {UP_IMG_RELEASE_COUNTER, "fw/new", 0, 5000, ECU_HARDWARE},
                  {UP_IMG_RELEASE_COUNTER, "fw/new", 5000000, 5000, ECU_HARDWARE},
                  {UP_STORAGE_FULL, "fw/new", 2, 16385, ECU_HARDWARE}};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        fresh(false);
        ecu_issue(&e, faults[i].name, faults[i].counter, ecu_image(faults[i].bytes, 2));
        char *target = ecu_target(faults[i].name, faults[i].counter, e.new_image, ECU_SERIAL);
        target = author_with(target, ECU_HARDWARE, faults[i].hardware);
        ecu_replace(&e, "director/targets", author_targets(&e.director, e.version, target));
        IS(ecu_send(&e), faults[i].want);
        ck_assert(detected(author_text("%s director/targets", up_err_name(faults[i].want))));
        ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, faults[i].bytes), UDS_DOWNLOAD_NOT_ACCEPTED);
    }
}
END_TEST

START_TEST(both_repositories_must_agree)
{
    static const struct {
        const char *from, *to;
        enum up_err want;
    } faults[] = {{"\"length\":5000", "\"length\":5001", UP_TARGET_MISMATCH},
                  {"\"releaseCounter\":2", "\"releaseCounter\":3", UP_TARGET_MISMATCH},
                  {"[\"HW-A\"]", "[\"HW-A\",\"HW-B\"]", UP_TARGET_MISMATCH},
                  {"\"sha512\"", "\"sha513\"", UP_TARGET_MISMATCH},
                  {"fw/new", "fw/other", UP_TARGET_NOT_FOUND}};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        fresh(true);
        order("fw/new", 2);
        char *target = author_with(ecu_target("fw/new", 2, e.new_image, NULL), faults[i].from, faults[i].to);
        struct up_span targets = author_targets(&e.image, 1, target);
        struct up_span snapshot = author_snapshot(&e.image, 1, author_meta_bound("targets", 1, targets));
        ecu_replace(&e, "image/targets", targets);
        ecu_replace(&e, "image/snapshot", snapshot);
        ecu_replace(&e, "image/timestamp", author_timestamp(&e.image, 1, snapshot, 1));
        IS(ecu_send(&e), faults[i].want);
        ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_DOWNLOAD_NOT_ACCEPTED);
        order("fw/new", 2);
        IS(ecu_send(&e), UP_OK);
    }
}
END_TEST

/* F-FULL-08 */
START_TEST(images_of_other_ecus_are_not_its_business)
{
    fresh(true);
    order("fw/new", 2);
    char *both = author_text("%s,%s", ecu_target("fw/new", 2, e.new_image, ECU_SERIAL),
                             ecu_target("fw/of-another", 2, e.new_image, "ECU-9"));
    struct up_span targets = author_targets(&e.director, e.version, both);
    struct up_span snapshot =
        author_snapshot(&e.director, e.version, author_meta_bound("targets", e.version, targets));
    ecu_replace(&e, "director/targets", targets);
    ecu_replace(&e, "director/snapshot", snapshot);
    ecu_replace(&e, "director/timestamp", author_timestamp(&e.director, e.version, snapshot, e.version));
    IS(ecu_send(&e), UP_OK); /* which the Image repository does not have at all */
}
END_TEST

SUITE("agent_metadata", only_known_paths_of_bounded_size_are_taken,
      metadata_is_taken_in_the_extended_session_only,
      more_than_the_bank_holds_is_refused_with_room_left_for_what_is_trusted,
      a_flood_of_metadata_costs_bounded_writes, a_verdict_is_given_in_a_session_only,
      what_did_not_arrive_whole_does_not_count, the_newest_file_of_a_path_counts, a_verdict_ends_the_set,
      the_routine_takes_no_data_and_only_starts, without_fresh_time_nothing_new_is_installed,
      time_of_others_and_of_other_times_is_refused, an_attestation_counts_once_and_only_for_the_latest_nonce,
      a_cycle_without_news_writes_little, each_set_begins_behind_the_one_before,
      a_set_that_would_fit_an_empty_bank_does_when_it_comes_again,
      faults_of_director_targets_have_their_names, older_targets_are_refused_after_a_power_cycle_too,
      the_same_version_with_other_content_is_refused, each_file_of_a_full_set_is_needed,
      the_directors_set_is_committed_as_one_and_image_files_one_by_one, what_cannot_be_stored_is_not_accepted,
      no_order_for_us_is_told_and_keeps_what_runs, an_order_for_another_ecu_is_none_for_us,
      what_is_ordered_and_runs_already_needs_no_images, orders_that_do_not_fit_this_ecu_have_their_names,
      both_repositories_must_agree, images_of_other_ecus_are_not_its_business)

/* The whole agent: a life of updates, what it says about itself, what it remembers. */
#include "tests/lib_ecu.h"
#include "tests/suite.h"

#define IS(e, want) ck_assert_str_eq(up_err_name(e), up_err_name(want))

static struct ecu e;

static void both(void (*body)(void))
{
    for (int full = 0; full < 2; full++) {
        ecu_new(&e, full == 1, 4096, 16);
        body();
        ecu_free(&e);
    }
}

static void update_to(const char *name, unsigned counter)
{
    ecu_issue(&e, name, counter, ecu_image(5000, counter));
    IS(ecu_update(&e), UP_OK);
}

static bool says(const char *text)
{
    return up_span_is(e.answer, text);
}

static bool detected(const char *text)
{
    return up_span_is(ecu_report(&e).attacks, text);
}

/* ---- updates ---- */

static void an_update(void)
{
    ck_assert(ecu_runs(&e, "fw/old"));
    update_to("fw/new", 2);
    ck_assert(ecu_runs(&e, "fw/new"));
    IS(ecu_boot(&e), UP_OK);
    ck_assert(ecu_runs(&e, "fw/new"));
    ck_assert_uint_eq(ecu_versions(&e).release_counter, 2);
    update_to("fw/newer", 3);
    ck_assert(ecu_runs(&e, "fw/newer"));
    struct uds_slots s = ecu_slots(&e);
    ck_assert_int_eq(s.running, UDS_SLOT_CONFIRMED);
    ck_assert_int_eq(s.running_slot, 0);
    ck_assert_int_eq(s.other, UDS_SLOT_EMPTY);
    ck_assert_uint_eq(e.self_tests, 2);
}

START_TEST(a_whole_update_by_either_verification)
{
    both(an_update);
}
END_TEST

static void many_updates(void)
{
    for (unsigned n = 2; n < 12; n++) {
        char *name = author_text("fw/%u", n);
        update_to(name, n);
        ck_assert(ecu_runs(&e, name));
        if (n % 3 == 0) IS(ecu_boot(&e), UP_OK);
    }
    ck_assert_uint_eq(ecu_versions(&e).director_targets, 10);
}

START_TEST(update_after_update)
{
    both(many_updates);
}
END_TEST

START_TEST(an_empty_ecu_gets_its_first_image)
{
    ecu_new(&e, true, 4096, 16);
    e.plant.image.p = NULL;
    IS(sec_provision(&e.flash->port, &e.id, &e.plant), UP_OK);
    IS(ecu_boot(&e), UP_OK);
    ck_assert_uint_eq(ecu_read(&e, UDS_DID_INSTALLED_IMAGE), 0);
    ck_assert(says("unknown;0"));
    struct up_report r = ecu_report(&e);
    ck_assert(up_span_is(r.image_name, "unknown"));
    ck_assert_uint_eq(r.image_length, 0);
    update_to("fw/first", 1);
    ck_assert(ecu_runs(&e, "fw/first"));
    ecu_free(&e);
}
END_TEST

START_TEST(every_kind_of_flash_will_do)
{
    const uint32_t kinds[][2] = {{1024, 1}, {512, 8}, {8192, 32}, {16384, 256}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        ecu_new(&e, true, kinds[i][0], kinds[i][1]);
        many_updates();
        ecu_free(&e);
    }
}
END_TEST

START_TEST(the_profile_of_deployed_backends)
{
    ecu_new(&e, true, 4096, 16);
    e.id.profile = &up_profile_deployed;
    e.director = author_of(&up_profile_deployed, NULL);
    e.image = author_of(&up_profile_deployed, NULL);
    e.director.ring[UP_TIME].keys = 0; /* no time server: the Primary's word */
    for (unsigned r = 0; r < UP_ROLES; r++) e.image.ring[r].keys = r == UP_TIME ? 0 : KEY(8 + r);
    e.plant.director_root = author_root(&e.director, 1);
    e.plant.image_root = author_root(&e.image, 1);
    e.id.signer = author_key(6);
    e.time_keys = KEY(20);
    IS(sec_provision(&e.flash->port, &e.id, &e.plant), UP_OK);
    IS(ecu_boot(&e), UP_OK);
    ecu_issue(&e, "fw/new", 2, ecu_image(5000, 2));
    ecu_replace(&e, "director/timestamp", (struct up_span){NULL, 0});
    ecu_replace(&e, "director/snapshot", (struct up_span){NULL, 0});
    IS(ecu_update(&e), UP_OK);
    ck_assert_uint_eq(ecu_read(&e, UDS_DID_INSTALLED_IMAGE), 0);
    ck_assert(says("fw/new;2"));
    ecu_free(&e);
}
END_TEST

/* ---- what it says ---- */

START_TEST(it_tells_who_it_is)
{
    ecu_new(&e, true, 4096, 16);
    ck_assert_uint_eq(ecu_read(&e, UDS_DID_VEHICLE_ID), 0);
    ck_assert(says(ECU_VEHICLE));
    ck_assert_uint_eq(ecu_read(&e, UDS_DID_ECU_SERIAL), 0);
    ck_assert(says(ECU_SERIAL));
    ck_assert_uint_eq(ecu_read(&e, UDS_DID_HARDWARE_ID), 0);
    ck_assert(says(ECU_HARDWARE));
    ck_assert_uint_eq(ecu_read(&e, UDS_DID_INSTALLED_IMAGE), 0);
    ck_assert(says("fw/old;1"));
    struct uds_capabilities c;
    ck_assert_uint_eq(ecu_read(&e, UDS_DID_CAPABILITIES), 0);
    ck_assert(uds_decode_capabilities(e.answer.p, e.answer.n, &c));
    ck_assert_uint_eq(c.full, 1);
    ck_assert_uint_eq(c.profile, 0);
    ck_assert_uint_eq(c.layout, UDS_LAYOUT_AB);
    ck_assert_uint_eq(c.filters, 1);
    ck_assert_uint_eq(c.staging_bytes, 49152);
    ck_assert_uint_eq(c.slot_bytes, 16384);
    ck_assert_uint_eq(c.max_message, ECU_MESSAGE);
    ck_assert_uint_eq(ecu_read(&e, 0xF1FF), UDS_OUT_OF_RANGE);
    struct sec_status s;
    sec_agent_status(&e.agent, &s);
    ck_assert(up_span_is(s.image_name, "fw/old"));
    ck_assert_uint_eq(s.image.n, 3000);
    ck_assert_uint_eq(s.versions.director_root, 1);
    ecu_free(&e);
}
END_TEST

/* F18C and FD14 in one request of six bytes: an identifier that does not fit is no overflow. */
START_TEST(answers_that_do_not_fit_are_refused)
{
    ecu_new(&e, false, 4096, 16);
    uint8_t out[8];
    static const uint16_t dids[] = {UDS_DID_INSTALLED_IMAGE, UDS_DID_VERSION_REPORT, UDS_DID_TIME_NONCE,
                                    UDS_DID_STORED_VERSIONS, UDS_DID_SLOTS,          UDS_DID_CAPABILITIES,
                                    UDS_DID_SECURITY_EVENTS, UDS_DID_VEHICLE_ID};
    for (size_t i = 0; i < sizeof dids / sizeof *dids; i++) {
        size_t n = 0;
        ck_assert_uint_eq(sec_agent_owner()->read(&e.agent, dids[i], out, 4, &n), UDS_RESPONSE_TOO_LONG);
    }
    ecu_free(&e);
}
END_TEST

START_TEST(a_report_is_signed_and_its_counter_is_never_used_twice)
{
    ecu_new(&e, false, 4096, 16);
    uint64_t last = 0;
    for (int boot = 0; boot < 5; boot++) {
        for (int i = 0; i < 20; i++) {
            struct up_report r = ecu_report(&e);
            ck_assert_uint_gt(r.counter, last);
            last = r.counter;
        }
        IS(ecu_boot(&e), UP_OK);
    }
    uint64_t before = e.flash->operations;
    for (int i = 0; i < 1000; i++) (void)ecu_read(&e, UDS_DID_VERSION_REPORT);
    ck_assert_uint_eq(e.flash->operations, before); /* no write per report */
    ecu_free(&e);
}
END_TEST

START_TEST(a_report_has_the_attested_times)
{
    ecu_new(&e, false, 4096, 16);
    ck_assert_int_eq(ecu_report(&e).time_s, e.id.base_time_s);
    ecu_issue(&e, NULL, 0, (struct up_span){NULL, 0});
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND);
    e.time_s += 500;
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND);
    struct up_report r = ecu_report(&e);
    ck_assert_int_eq(r.time_s, AUTHOR_NOW + 500);
    ck_assert_int_eq(r.previous_time_s, AUTHOR_NOW);
    IS(ecu_boot(&e), UP_OK);
    ck_assert_int_eq(ecu_report(&e).time_s, AUTHOR_NOW + 500);
    ck_assert_int_eq(ecu_report(&e).previous_time_s, AUTHOR_NOW);
    IS(sec_store_put(&e.agent.store, SEC_KEY_TIME, UP_SPAN("?")), UP_OK); /* lost: from the plant's on */
    IS(ecu_boot(&e), UP_OK);
    ck_assert_int_eq(ecu_report(&e).time_s, e.id.base_time_s);
    ck_assert_int_eq(ecu_report(&e).previous_time_s, e.id.base_time_s);
    ecu_free(&e);
}
END_TEST

START_TEST(time_that_cannot_be_stored_is_not_taken)
{
    ecu_new(&e, false, 4096, 16);
    ecu_issue(&e, NULL, 0, (struct up_span){NULL, 0});
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND);
    e.time_s += 500;
    ck_assert_uint_eq(ecu_put(&e, "time", ecu_attest(&e)), 0);
    e.flash->fail_at = 1;
    ck_assert(ecu_verify(&e) != UP_TARGET_NOT_FOUND);
    ck_assert_int_eq(e.agent.clock.attested_s, AUTHOR_NOW);
    e.flash->fail_at = 0;
    IS(ecu_boot(&e), UP_OK);
    ck_assert_int_eq(ecu_report(&e).time_s, AUTHOR_NOW);
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND);
    ck_assert_int_eq(ecu_versions(&e).time_floor_s, AUTHOR_NOW + 500);
    ecu_free(&e);
}
END_TEST

/* ---- what it remembers ---- */

START_TEST(what_was_detected_is_told_until_it_was_reported_and_a_cycle_went_well)
{
    ecu_new(&e, false, 4096, 16);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 100), UDS_DOWNLOAD_NOT_ACCEPTED);
    IS(ecu_boot(&e), UP_OK);
    ecu_issue(&e, NULL, 0, (struct up_span){NULL, 0});
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND); /* well, but nobody has read it yet */
    ck_assert(detected("BUS_UNAUTHORISED download"));
    IS(ecu_boot(&e), UP_OK);
    ck_assert(detected("BUS_UNAUTHORISED download"));
    ecu_replace(&e, "director/targets", author_targets(&e.director, 9, "\"broken\":1"));
    ck_assert(ecu_send(&e) != UP_OK); /* not well */
    ck_assert(detected("BUS_UNAUTHORISED download +1"));
    ecu_issue(&e, NULL, 0, (struct up_span){NULL, 0});
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND);
    ck_assert(detected(""));
    IS(ecu_boot(&e), UP_OK);
    ck_assert(detected(""));
    ck_assert_uint_eq(ecu_read(&e, UDS_DID_SECURITY_EVENTS), 0);
    const uint8_t counters[16] = {0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0};
    ck_assert_uint_eq(e.answer.n, 16);
    ck_assert_mem_eq(e.answer.p, counters, 16);
    ecu_free(&e);
}
END_TEST

/* Who attacks on the bus can read the report himself and run 0310 over what is trusted already. */
START_TEST(an_attacker_cannot_make_his_traces_count_as_told)
{
    ecu_new(&e, false, 4096, 16);
    ecu_issue(&e, NULL, 0, (struct up_span){NULL, 0});
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND);
    ck_assert(detected(""));
    struct up_span time = ecu_attest(&e); /* the Primary has asked for the time */
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 100), UDS_DOWNLOAD_NOT_ACCEPTED);
    ck_assert(detected("BUS_UNAUTHORISED download")); /* it is he who reads this */
    IS(ecu_verify(&e), UP_TARGET_NOT_FOUND);
    ck_assert(detected("BUS_UNAUTHORISED download"));
    ck_assert_uint_eq(ecu_put(&e, "time", time), 0); /* and here comes the Primary, none the wiser */
    IS(ecu_verify(&e), UP_TARGET_NOT_FOUND);
    ck_assert(detected("BUS_UNAUTHORISED download"));
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 100), UDS_DOWNLOAD_NOT_ACCEPTED);
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND); /* what came after the report was read is not told with it */
    ck_assert(detected("BUS_UNAUTHORISED download +1"));
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND);
    ck_assert(detected(""));
    ecu_free(&e);
}
END_TEST

START_TEST(a_flood_of_events_costs_few_writes)
{
    ecu_new(&e, false, 4096, 16);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    for (int i = 0; i < 20; i++) (void)ecu_begin_image(&e, 0, 0, 100);
    uint64_t before = e.flash->operations;
    for (int i = 0; i < 10000; i++) (void)ecu_begin_image(&e, 0, 0, 100);
    ck_assert_uint_eq(e.flash->operations, before);
    ck_assert(detected("BUS_UNAUTHORISED download +10019"));
    ck_assert_uint_eq(e.agent.notes.writes, SEC_NOTE_WRITES);
    ecu_free(&e);
}
END_TEST

START_TEST(events_that_could_not_be_stored_do_not_use_up_what_may_be)
{
    ecu_new(&e, false, 4096, 16);
    e.flash->fail_at = 1;
    for (unsigned i = 0; i < 2 * SEC_NOTE_WRITES; i++) sec_note(&e.agent, UP_ROLLBACK, (struct up_span){0});
    ck_assert_uint_eq(e.agent.notes.writes, 0);
    e.flash->fail_at = 0;
    IS(ecu_boot(&e), UP_OK);
    ck_assert(detected("")); /* only RAM knew them */
    sec_note(&e.agent, UP_ROLLBACK, (struct up_span){0});
    IS(ecu_boot(&e), UP_OK);
    ck_assert(detected("ROLLBACK"));
    ecu_free(&e);
}
END_TEST

START_TEST(nothing_to_tell_writes_nothing)
{
    ecu_new(&e, false, 4096, 16);
    const uint64_t before = e.flash->operations;
    e.agent.notes.telling = SEC_ANSWERED;
    sec_notes_told(&e.agent);
    ck_assert_uint_eq(e.flash->operations, before);
    ecu_free(&e);
}
END_TEST

/* E-VER-02 */
START_TEST(a_report_says_what_runs_and_how_long_it_is)
{
    uint8_t digest[UP_SHA256_BYTES];
    ecu_new(&e, false, 4096, 16);
    struct up_report r = ecu_report(&e);
    ck_assert(up_span_is(r.image_name, "fw/old"));
    ck_assert_uint_eq(r.image_length, e.plant.image.n);
    up_sha256(e.plant.image, digest);
    ck_assert_mem_eq(r.image_sha256, digest, sizeof digest);
    ecu_issue(&e, "fw/new", 2, ecu_image(5000, 2));
    IS(ecu_update(&e), UP_OK);
    r = ecu_report(&e);
    ck_assert(up_span_is(r.image_name, "fw/new"));
    ck_assert_uint_eq(r.image_length, 5000);
    up_sha256(e.new_image, digest);
    ck_assert_mem_eq(r.image_sha256, digest, sizeof digest);

    e.flash->bytes[e.agent.layout.slot[e.agent.running].at + 10] ^= 1; /* and if nothing does */
    e.flash->bytes[e.agent.layout.slot[e.agent.running ^ 1].at + 10] ^= 1;
    IS(ecu_boot(&e), UP_OK);
    r = ecu_report(&e);
    ck_assert(up_span_is(r.image_name, "unknown"));
    ck_assert_uint_eq(r.image_length, 0);
    up_sha256((struct up_span){NULL, 0}, digest);
    ck_assert_mem_eq(r.image_sha256, digest, sizeof digest);
    ecu_free(&e);
}
END_TEST

/* ---- starting ---- */

START_TEST(an_ecu_without_its_plant_does_not_start)
{
    ecu_new(&e, true, 4096, 16);
    struct sec_identity id = e.id;
    e.id.serial = UP_SPAN("ECU-8");
    IS(ecu_boot(&e), UP_CONFIG);
    e.id = id;
    e.id.vehicle_id = UP_SPAN("VIN-2");
    IS(ecu_boot(&e), UP_CONFIG);
    e.id = id;
    e.id.full = false;
    IS(ecu_boot(&e), UP_CONFIG);
    e.id = id;
    e.id.staging_bytes = 16384; /* everything would lie elsewhere */
    IS(ecu_boot(&e), UP_CONFIG);
    e.id = id;
    IS(ecu_boot(&e), UP_OK);
    memset(e.flash->bytes, 0xFF, e.flash->port.size);
    IS(ecu_boot(&e), UP_CONFIG);
    memset(e.flash->bytes, 0x5A, e.flash->port.size);
    IS(ecu_boot(&e), UP_STORAGE_CORRUPT);
    ecu_free(&e);
}
END_TEST

START_TEST(a_plant_that_makes_no_sense_is_refused)
{
    ecu_new(&e, true, 4096, 16);
    const struct sec_provisioning good = e.plant;
    const struct sec_identity id = e.id;
    struct sec_provisioning p = good;
#define REFUSED() ck_assert(sec_provision(&e.flash->port, &e.id, &p) != UP_OK && ecu_boot(&e) != UP_OK)
    p.director_root.p = NULL;
    REFUSED();
    p = good;
    p.image_root.p = NULL;
    REFUSED();
    p = good;
    p.director_root = author_sign(&up_profile_strict, KEY(20), author_root_body(&e.director, 1));
    REFUSED();
    p = good;
    p.image = ecu_image(17000, 1);
    REFUSED();
    p = good;
    p.image_name = UP_SPAN("../fw");
    REFUSED();
    p = good;
    p.release_counter = (uint32_t)UP_COUNTER_MAX + 1;
    REFUSED();
    p = good;
    struct author stranger = author_of(&up_profile_strict, "VIN-2");
    p.director_targets = author_targets(&stranger, 4, "");
    REFUSED();
    stranger = e.image;
    stranger.vehicle = ECU_VEHICLE;
    p.director_targets = author_targets(&stranger, 4, "");
    REFUSED();
    p = good;
    e.id.serial = UP_SPAN("E C U");
    REFUSED();
    e.id = id;
    e.id.base_time_s = 0;
    REFUSED();
    e.id = id;
    p.director_targets = author_targets(&e.director, 4, "");
    IS(sec_provision(&e.flash->port, &e.id, &p), UP_OK);
    IS(ecu_boot(&e), UP_OK);
    ck_assert_uint_eq(ecu_versions(&e).director_targets, 4); /* a floor from the plant */
    e.version = 2;
    ecu_issue(&e, "fw/new", 2, ecu_image(5000, 2));
    IS(ecu_send(&e), UP_ROLLBACK);
    ecu_free(&e);
}
END_TEST

/* T-PROV-02, T-PROV-05 */
START_TEST(a_full_verifier_may_leave_the_plant_with_all_roles_of_both_repositories)
{
    static const enum up_role roles[] = {UP_TIMESTAMP, UP_SNAPSHOT, UP_TARGETS};
    ecu_new(&e, true, 4096, 16);
    struct sec_provisioning p = e.plant;
    e.version = 3;
    ecu_issue(&e, NULL, 0, ecu_image(3000, 1));
    for (enum up_repo repo = UP_DIRECTOR; repo <= UP_IMAGE; repo++)
        for (unsigned i = 0; i < 3; i++)
            p.set[repo][roles[i]] =
                ecu_issued(&e, author_text("%s/%s", up_repo_name(repo), up_role_name(roles[i])));
    const struct sec_provisioning good = p;
    for (enum up_repo repo = UP_DIRECTOR; repo <= UP_IMAGE; repo++)
        for (unsigned i = 0; i < 3; i++) {
            p = good;
            p.set[repo][roles[i]].p = NULL;
            IS(sec_provision(&e.flash->port, &e.id, &p), UP_CONFIG);
            ck_assert(ecu_boot(&e) != UP_OK);
            p.set[repo][roles[i]] = good.set[repo == UP_IMAGE ? UP_DIRECTOR : UP_IMAGE][roles[i]];
            ck_assert(sec_provision(&e.flash->port, &e.id, &p) != UP_OK && ecu_boot(&e) != UP_OK);
        }
    p = good;
    const struct sec_identity id = e.id;
    e.id.base_time_s += 10LL * 365 * 86400; /* all had expired */
    IS(sec_provision(&e.flash->port, &e.id, &p), UP_EXPIRED);
    e.id = id;
    IS(sec_provision(&e.flash->port, &e.id, &p), UP_OK);
    IS(ecu_boot(&e), UP_OK);
    ck_assert_uint_eq(ecu_versions(&e).director_targets, 4);
    e.files = 0;                           /* the plant's files still stand */
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND); /* nothing is ordered */
    e.version = 2;
    ecu_issue(&e, "fw/new", 2, ecu_image(5000, 2));
    IS(ecu_send(&e), UP_ROLLBACK);
    e.version = 4;
    ecu_issue(&e, "fw/new", 2, ecu_image(5000, 2));
    IS(ecu_send(&e), UP_OK);
    ecu_free(&e);
}
END_TEST

START_TEST(without_a_whole_image_it_says_so_and_can_be_updated)
{
    ecu_new(&e, true, 4096, 16);
    e.flash->bytes[e.agent.layout.slot[0].at + 10] ^= 1;
    IS(ecu_boot(&e), UP_OK);
    ck_assert(ecu_runs(&e, "unknown"));
    ck_assert(detected("STORAGE_CORRUPT fw/old"));
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_BAD);
    update_to("fw/new", 2);
    ck_assert(ecu_runs(&e, "fw/new"));
    ecu_free(&e);
}
END_TEST

/* The image runs on, whatever state is lost; and the next cycle brings back what can come back. */
START_TEST(lost_records_do_not_stop_the_ecu)
{
    static const enum sec_key lost[] = {SEC_KEY_JOURNAL, SEC_KEY_TIME, SEC_KEY_BOOTS, SEC_KEY_EVENTS};
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        ecu_new(&e, true, 4096, 16);
        update_to("fw/new", 2);
        IS(sec_store_put(&e.agent.store, lost[i], UP_SPAN("?")), UP_OK);
        IS(ecu_boot(&e), UP_OK);
        ck_assert(ecu_runs(&e, "fw/new"));
        update_to("fw/newer", 3);
        ecu_free(&e);
    }
    ecu_new(&e, true, 4096, 16);
    IS(sec_store_put(&e.agent.store, SEC_KEY_TRUST, UP_SPAN("?")), UP_OK);
    IS(ecu_boot(&e), UP_OK);
    ck_assert(ecu_runs(&e, "fw/old"));
    ecu_issue(&e, "fw/new", 2, ecu_image(5000, 2));
    IS(ecu_send(&e), UP_STORAGE_CORRUPT); /* no trust on first use */
    ecu_free(&e);
}
END_TEST

START_TEST(a_flash_that_fails_ends_in_errors_not_in_a_dead_ecu)
{
    ecu_new(&e, false, 4096, 16);
    ecu_issue(&e, "fw/new", 2, ecu_image(5000, 2));
    IS(ecu_send(&e), UP_OK);
    e.flash->fail_at = 1;
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_PROGRAMMING_FAILURE);
    sec_agent_drop(&e.agent);
    IS(sec_boot(&e.agent, &e.flash->port, &e.id, &e.platform, e.now_ms), UP_OK);
    ck_assert(ecu_runs(&e, "fw/old"));
    e.flash->fail_at = 0;
    IS(ecu_boot(&e), UP_OK);
    IS(ecu_update(&e), UP_OK);
    ecu_free(&e);
}
END_TEST

START_TEST(looking_changes_nothing)
{
    ecu_new(&e, true, 4096, 16);
    struct sec_agent *look = calloc(1, sizeof *look);
    struct sec_status s;
    uint64_t before = e.flash->operations;
    IS(sec_agent_inspect(look, &e.flash->port, &e.id), UP_OK);
    sec_agent_status(look, &s);
    ck_assert_uint_eq(e.flash->operations, before);
    ck_assert_int_eq(s.slots.running, UDS_SLOT_CONFIRMED);
    ck_assert(up_span_is(s.image_name, "fw/old"));
    free(look);
    ecu_free(&e);
}
END_TEST

START_TEST(without_randomness_there_is_no_nonce)
{
    ecu_new(&e, false, 4096, 16);
    e.mute = true;
    ck_assert_uint_eq(ecu_read(&e, UDS_DID_TIME_NONCE), UDS_CONDITIONS_NOT_CORRECT);
    ecu_free(&e);
}
END_TEST

START_TEST(answers_that_just_fit_are_given)
{
    static const uint16_t dids[] = {UDS_DID_INSTALLED_IMAGE, UDS_DID_TIME_NONCE,   UDS_DID_STORED_VERSIONS,
                                    UDS_DID_SLOTS,           UDS_DID_CAPABILITIES, UDS_DID_SECURITY_EVENTS,
                                    UDS_DID_VEHICLE_ID,      UDS_DID_ECU_SERIAL,   UDS_DID_HARDWARE_ID};
    uint8_t out[256];
    ecu_new(&e, false, 4096, 16);
    for (size_t i = 0; i < sizeof dids / sizeof *dids; i++) {
        size_t n = 0, again = 0;
        ck_assert_uint_eq(sec_agent_owner()->read(&e.agent, dids[i], out, sizeof out, &n), UDS_OK);
        ck_assert_uint_gt(n, 0);
        ck_assert_uint_eq(sec_agent_owner()->read(&e.agent, dids[i], out, n, &again), UDS_OK);
        ck_assert_uint_eq(n, again);
        ck_assert_uint_eq(sec_agent_owner()->read(&e.agent, dids[i], out, n - 1, &again),
                          UDS_RESPONSE_TOO_LONG);
    }
    ecu_free(&e);
}
END_TEST

/* The ECU says that it cannot, not that the tester has no room. */
START_TEST(a_report_that_cannot_be_written_is_not_given)
{
    uint8_t out[UP_REPORT_MAX];
    size_t n = 0;
    ecu_new(&e, false, 4096, 16);
    e.id.serial = UP_SPAN("not an id");
    const uint32_t sequence = e.agent.sequence;
    ck_assert_uint_eq(sec_agent_owner()->read(&e.agent, UDS_DID_VERSION_REPORT, out, sizeof out, &n),
                      UDS_CONDITIONS_NOT_CORRECT);
    ck_assert_uint_eq(e.agent.sequence, sequence);
    e.id.serial = UP_SPAN(ECU_SERIAL);
    ck_assert_uint_eq(sec_agent_owner()->read(&e.agent, UDS_DID_VERSION_REPORT, out, 100, &n),
                      UDS_RESPONSE_TOO_LONG);
    ck_assert_uint_eq(sec_agent_owner()->read(&e.agent, UDS_DID_VERSION_REPORT, out, sizeof out, &n), UDS_OK);
    ecu_free(&e);
}
END_TEST

START_TEST(events_are_counted_by_kind_and_told_within_their_bound)
{
    char longest[300];
    memset(longest, 'x', sizeof longest);
    ecu_new(&e, false, 4096, 16);
    const size_t room = UP_ATTACKS_MAX - 12 - strlen("ROLLBACK ");
    for (size_t n = room - 1; n <= room + 1; n++) {
        e.agent.notes = (struct sec_notes){.total = 0};
        sec_note(&e.agent, UP_ROLLBACK, (struct up_span){(uint8_t *)longest, n});
        struct up_span text = ecu_report(&e).attacks;
        ck_assert_uint_eq(text.n, strlen("ROLLBACK ") + (n < room ? n : room));
    }
    e.agent.notes = (struct sec_notes){.total = 0};
    sec_note(&e.agent, UP_BUS_SEQUENCE, (struct up_span){0});
    ck_assert(detected("BUS_SEQUENCE"));
    sec_note(&e.agent, UP_BUS_UNAUTHORISED, (struct up_span){0});
    sec_note(&e.agent, UP_INSTALL, (struct up_span){0});
    sec_note(&e.agent, UP_ROLLBACK, (struct up_span){0});
    sec_note(&e.agent, UP_STORAGE_CORRUPT, (struct up_span){0});
    ck_assert_uint_eq(e.agent.notes.total, 5);
    ck_assert_uint_eq(e.agent.notes.unauthorised, 2);
    ck_assert_uint_eq(e.agent.notes.installs, 1);
    ck_assert_uint_eq(e.agent.notes.refused, 1);
    ecu_free(&e);
}
END_TEST

START_TEST(a_record_of_events_that_makes_no_sense_is_forgotten)
{
    uint8_t record[5 * 4 + 1 + UP_ATTACKS_MAX + 1] = {0};
    for (unsigned bytes = UP_ATTACKS_MAX - 1; bytes <= UP_ATTACKS_MAX + 1; bytes++) {
        ecu_new(&e, false, 4096, 16);
        memset(record, 0, sizeof record);
        record[0] = record[3] = 7; /* in whatever order */
        record[20] = (uint8_t)bytes;
        memset(record + 21, 'x', bytes);
        IS(sec_store_put(&e.agent.store, SEC_KEY_EVENTS, (struct up_span){record, 21 + bytes}), UP_OK);
        sec_notes_load(&e.agent);
        ck_assert_uint_eq(e.agent.notes.text_bytes, bytes <= UP_ATTACKS_MAX ? bytes : 0);
        ck_assert_int_eq(e.agent.notes.total != 0, bytes <= UP_ATTACKS_MAX);
        ecu_free(&e);
    }
}
END_TEST

START_TEST(every_cut_of_a_record_of_events_is_forgotten)
{
    const uint8_t record[5 * 4 + 1 + 2] = {0, 0, 0, 7, 0, 0, 0, 1, 0, 0,   0,  1,
                                           0, 0, 0, 1, 0, 0, 0, 1, 2, 'x', 'y'};
    ecu_new(&e, false, 4096, 16);
    for (size_t cut = 0; cut <= sizeof record; cut++) {
        IS(sec_store_put(&e.agent.store, SEC_KEY_EVENTS, (struct up_span){record, cut}), UP_OK);
        sec_notes_load(&e.agent);
        ck_assert_uint_eq(e.agent.notes.total, cut < sizeof record ? 0 : 7);
        ck_assert_uint_eq(e.agent.notes.text_bytes, cut < sizeof record ? 0 : 2);
    }
    ecu_free(&e);
}
END_TEST

SUITE("agent", time_that_cannot_be_stored_is_not_taken, every_cut_of_a_record_of_events_is_forgotten,
      events_that_could_not_be_stored_do_not_use_up_what_may_be, nothing_to_tell_writes_nothing,
      a_report_says_what_runs_and_how_long_it_is, answers_that_just_fit_are_given,
      a_report_that_cannot_be_written_is_not_given, events_are_counted_by_kind_and_told_within_their_bound,
      a_record_of_events_that_makes_no_sense_is_forgotten, a_whole_update_by_either_verification,
      update_after_update, an_empty_ecu_gets_its_first_image, every_kind_of_flash_will_do,
      the_profile_of_deployed_backends, it_tells_who_it_is, answers_that_do_not_fit_are_refused,
      a_report_is_signed_and_its_counter_is_never_used_twice, a_report_has_the_attested_times,
      what_was_detected_is_told_until_it_was_reported_and_a_cycle_went_well,
      an_attacker_cannot_make_his_traces_count_as_told, a_flood_of_events_costs_few_writes,
      an_ecu_without_its_plant_does_not_start, a_plant_that_makes_no_sense_is_refused,
      a_full_verifier_may_leave_the_plant_with_all_roles_of_both_repositories,
      without_a_whole_image_it_says_so_and_can_be_updated, lost_records_do_not_stop_the_ecu,
      a_flash_that_fails_ends_in_errors_not_in_a_dead_ecu, looking_changes_nothing,
      without_randomness_there_is_no_nonce)

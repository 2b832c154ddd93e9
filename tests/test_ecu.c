/* The conversation with one Secondary: errands to their end, whatever gets lost on the way. */
#include "primary/ecu.h"
#include "tests/suite.h"

#include <stdio.h>

#include "tests/errand_world.h"
#include "tests/lib_author.h"

static void add_file(const char *path, enum pri_file_kind kind, uint32_t version, bool verify)
{
    struct pri_file *f = &files[parcel.count++];
    *f = (struct pri_file){.bytes = up_span_of(path), .kind = kind, .version = version, .verify = verify};
    snprintf(f->path, sizeof f->path, "%s", path);
}

static void asked(const char *log)
{
    ck_assert_str_eq(unit_log(&u), log);
}

static unsigned times(const char *word)
{
    unsigned n = 0;
    for (const char *at = u.log; (at = strstr(at, word)) != NULL; at++) n++;
    return n;
}

static bool has_image(void)
{
    return u.other.state == UDS_SLOT_VERIFIED && memcmp(u.image, image, IMAGE_BYTES) == 0;
}

static void lose_answers(uint8_t service, unsigned n)
{
    u.unheard = service;
    u.losses = n;
}

static void refuse(uint8_t service, enum uds_code code, unsigned n)
{
    u.refused = service;
    u.code = (uint8_t)code;
    u.refusals = n;
}

#define IDENTIFY "22:F18C 22:F190 22:F191 22:FD14 22:FD12 22:FD13 22:F189 22:FD11 22:FD10 "
#define PREPARE                                                                                              \
    "10:03 22:FD12 38:time 37 38:director/targets 37 31:0310 22:FD12 22:FD13 34:0 37 31:FF01 22:FD13 "

static void some_metadata(void)
{
    add_file("time", PRI_FILE_TIME, 0, false);
    add_file("director/targets", PRI_FILE_OTHER, 0, false);
}

/* ---- each errand, undisturbed ---- */

START_TEST(identify_learns_who_is_there_and_what_it_runs)
{
    begin();
    u.versions.director_root = 3;
    done(PRI_IDENTIFY);
    asked(IDENTIFY);
    ck_assert(ecu.online && ecu.has_nonce);
    ck_assert_str_eq(ecu.image_name, "old");
    ck_assert_uint_eq(ecu.release_counter, 1);
    ck_assert_uint_eq(ecu.versions.director_root, 3);
    ck_assert_uint_eq(ecu.capabilities.full, 1);
    ck_assert_uint_eq(ecu.slots.running, UDS_SLOT_CONFIRMED);
    ck_assert_uint_gt(ecu.report.bytes, 0);
    end();
}
END_TEST

/* P-DIST-01, P-DIST-08: metadata first, then the image that it lets in. */
START_TEST(prepare_brings_metadata_then_the_image_and_has_both_verified)
{
    begin();
    some_metadata();
    u.block_us = 20000;
    done(PRI_PREPARE);
    asked(PREPARE);
    ck_assert(has_image());
    ck_assert_uint_eq(pri_ecu_moved(&ecu), IMAGE_BYTES);
    ck_assert_uint_gt(ecu.bus_us, 0);
    end();
}
END_TEST

START_TEST(activate_confirm_and_report_see_the_new_image_run)
{
    begin();
    done(PRI_PREPARE);
    (void)unit_log(&u);
    done(PRI_ACTIVATE);
    asked("10:03 22:FD13 31:0312 11 CUT 22:FD13 ");
    ck_assert_uint_eq(u.running.state, UDS_SLOT_TRIAL);
    done(PRI_CONFIRM);
    asked("10:03 31:0313 22:FD13 22:F189 ");
    ck_assert_str_eq(ecu.image_name, "new");
    ck_assert_uint_eq(u.running.state, UDS_SLOT_CONFIRMED);
    done(PRI_REPORT);
    asked("22:FD13 22:FD12 22:F189 22:FD10 ");
    ck_assert_uint_eq(ecu.versions.release_counter, 2);
    end();
}
END_TEST

START_TEST(revert_goes_back_from_trial_and_disarms)
{
    begin();
    done(PRI_PREPARE);
    done(PRI_ACTIVATE);
    (void)unit_log(&u);
    done(PRI_REVERT);
    asked("10:03 22:FD13 31:0314 11 CUT 22:FD13 ");
    ck_assert_str_eq(u.running.name, "old");
    u.armed = true;
    done(PRI_REVERT);
    asked("10:03 22:FD13 31:0314 22:FD13 "); /* no reset is needed */
    ck_assert(!u.armed);
    done(PRI_REVERT);
    asked("10:03 22:FD13 22:FD13 ");
    memset(parcel.order, 0xCD, sizeof parcel.order); /* of another order nothing is taken back */
    u.armed = true;
    done(PRI_REVERT);
    asked("10:03 22:FD13 22:FD13 ");
    ck_assert(u.armed);
    end();
}
END_TEST

START_TEST(inform_is_content_when_nothing_is_ordered)
{
    begin();
    some_metadata();
    u.verdict = UP_TARGET_NOT_FOUND;
    parcel.must_order = false;
    done(PRI_INFORM);
    asked("10:03 22:FD12 38:time 37 38:director/targets 37 31:0310 22:FD12 ");
    end();
}
END_TEST

/* What is there already is not done again. */
START_TEST(every_errand_may_be_repeated)
{
    begin();
    some_metadata();
    done(PRI_PREPARE);
    (void)unit_log(&u);
    done(PRI_PREPARE);
    ck_assert_uint_eq(times("34:"), 0);
    ck_assert_uint_eq(times("31:FF01"), 0);
    ck_assert_uint_eq(pri_ecu_moved(&ecu), IMAGE_BYTES);
    done(PRI_ACTIVATE);
    (void)unit_log(&u);
    done(PRI_ACTIVATE);
    asked("10:03 22:FD13 22:FD13 ");
    done(PRI_PREPARE); /* on trial: nothing could be received */
    ck_assert_uint_eq(times("34:"), 0);
    done(PRI_CONFIRM);
    done(PRI_CONFIRM);
    (void)unit_log(&u);
    done(PRI_ACTIVATE); /* confirmed since */
    asked("10:03 22:FD13 22:FD13 ");
    end();
}
END_TEST

/* ---- who answers ---- */

START_TEST(another_ecu_on_its_identifiers_is_told_apart)
{
    static const struct {
        uint16_t did;
        const char *answer, *what;
    } odd[] = {{UDS_DID_ECU_SERIAL, "radio", "another ECU answers"},
               {UDS_DID_VEHICLE_ID, "VIN-2", "another vehicle"},
               {UDS_DID_HARDWARE_ID, "hw2", "hardware id"}};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        begin();
        u.odd_did = odd[i].did;
        u.odd = up_span_of(odd[i].answer);
        failed(PRI_IDENTIFY, UP_CONFIG, odd[i].what);
        ck_assert(!ecu.online && !ecu.has_nonce);
        end();
    }
}
END_TEST

static struct up_span report_of(const char *serial)
{
    static uint8_t text[UP_REPORT_MAX];
    struct up_report r = {.ecu_serial = up_span_of(serial), .image_name = UP_SPAN("old"), .counter = 1};
    return (struct up_span){text, up_report_write(&r, &up_profile_strict, &u.signer, text, sizeof text)};
}

START_TEST(who_cannot_be_asked_for_several_identifiers_is_asked_one_by_one)
{
    static const uint8_t codes[] = {UDS_INCORRECT_LENGTH, UDS_OUT_OF_RANGE, UDS_RESPONSE_TOO_LONG};
    for (size_t i = 0; i < sizeof codes; i++) {
        begin();
        u.refused = UDS_READ_DATA;
        u.code = codes[i];
        u.refusals = 1;
        done(PRI_IDENTIFY);
        ck_assert(ecu.singly);
        ck_assert_ptr_nonnull(strstr(unit_log(&u), IDENTIFY));
        done(PRI_REPORT);
        u.refusals = 2; /* of a single one, and once more: that is its answer */
        failed(PRI_REPORT, UP_BUS_REFUSED, "22");
        end();
    }
    begin();
    done(PRI_IDENTIFY);
    ck_assert(!ecu.singly);
    end();
}
END_TEST

/* P-VER-12, P-VER-13 */
START_TEST(answers_that_make_no_sense_are_refused)
{
    static const char *const images[] = {
        "", "old", "old;", "old;x", "old;-1", "old;1x", "old; 1", "old;2147483648", "old;99999999999999"};
    const struct {
        uint16_t did;
        struct up_span answer;
        enum up_err err;
    } odd[] = {{UDS_DID_CAPABILITIES, UP_SPAN("x"), UP_BUS_SEQUENCE},
               {UDS_DID_STORED_VERSIONS, UP_SPAN("x"), UP_BUS_SEQUENCE},
               {UDS_DID_SLOTS, UP_SPAN("x"), UP_BUS_SEQUENCE},
               {UDS_DID_TIME_NONCE, UP_SPAN("fifteen bytes.."), UP_BUS_SEQUENCE},
               {UDS_DID_INSTALLED_IMAGE, {(const uint8_t *)"a\0b;1", 5}, UP_BUS_SEQUENCE},
               {UDS_DID_VERSION_REPORT, UP_SPAN("{}"), UP_MAN_SCHEMA},
               {UDS_DID_VERSION_REPORT, UP_SPAN("x"), UP_MAN_SCHEMA}};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        begin();
        u.odd_did = odd[i].did;
        u.odd = odd[i].answer;
        failed(PRI_IDENTIFY, odd[i].err, "");
        end();
    }
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        begin();
        u.odd_did = UDS_DID_INSTALLED_IMAGE;
        u.odd = up_span_of(images[i]);
        failed(PRI_IDENTIFY, UP_BUS_SEQUENCE, "F189");
        end();
    }
    begin();
    u.odd_did = UDS_DID_VERSION_REPORT;
    u.odd = report_of("radio");
    failed(PRI_IDENTIFY, UP_MAN_UNKNOWN, "another ECU's serial");
    u.odd = report_of("brake");
    done(PRI_IDENTIFY);
    ck_assert(up_span_eq(pri_blob_span(&ecu.report), u.odd)); /* byte for byte */
    u.odd = up_span_of(author_with(author_text("%.*s", TEXT(u.odd)), "{", "{ "));
    failed(PRI_IDENTIFY, UP_MAN_SCHEMA, "canonical");
    end();
}
END_TEST

/* ---- verdicts ---- */

START_TEST(a_verdict_on_metadata_ends_the_errand_under_its_own_name)
{
    static const enum up_err verdicts[] = {UP_ROLLBACK, UP_EXPIRED, UP_TIME_NONCE, UP_TARGET_NOT_FOUND};
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        begin();
        some_metadata();
        u.verdict = verdicts[i];
        failed(PRI_PREPARE, verdicts[i], "refused by the Secondary");
        ck_assert_uint_eq(times("34:"), 0);
        ck_assert_uint_eq(times("31:0310"), 2);
        end();
    }
    begin();
    u.verdict = UP_ERR_COUNT;
    failed(PRI_PREPARE, UP_BUS_SEQUENCE, "unreadable");
    end();
}
END_TEST

START_TEST(a_verdict_on_the_image_ends_the_errand_under_its_own_name)
{
    begin();
    u.image_verdict = UP_SIG_THRESHOLD;
    failed(PRI_PREPARE, UP_SIG_THRESHOLD, "image refused by the Secondary");
    ck_assert_uint_eq(times("31:FF01"), 2);
    u.image_verdict = UP_ERR_COUNT;
    failed(PRI_PREPARE, UP_BUS_SEQUENCE, "unreadable");
    end();
}
END_TEST

/* One wrong read, or one stranger on the bus, must not be final. */
START_TEST(a_verdict_that_is_heard_once_is_not_believed)
{
    begin();
    some_metadata();
    u.verdict = UP_SIG_THRESHOLD;
    u.verdicts = 1;
    done(PRI_PREPARE);
    ck_assert(has_image());
    IS(ecu.problem.err, UP_OK);
    end();
    begin();
    some_metadata();
    u.image_verdict = UP_IMG_HASH;
    u.image_verdicts = 1;
    done(PRI_PREPARE);
    ck_assert(has_image());
    end();
}
END_TEST

/* P-DIST-03: a small Secondary takes so many Roots at a time, and what it has it need not be sent again. */
START_TEST(metadata_comes_in_as_many_goes_as_it_takes)
{
    begin();
    add_file("director/root/2", PRI_FILE_DIRECTOR_ROOT, 2, true);
    add_file("director/root/3", PRI_FILE_DIRECTOR_ROOT, 3, true);
    add_file("director/root/4", PRI_FILE_DIRECTOR_ROOT, 4, false);
    add_file("image/root/2", PRI_FILE_IMAGE_ROOT, 2, false);
    some_metadata();
    done(PRI_INFORM);
    asked("10:03 22:FD12 38:director/root/2 37 31:0310 38:director/root/3 37 31:0310 38:director/root/4 37 "
          "38:image/root/2 37 38:time 37 38:director/targets 37 31:0310 22:FD12 ");
    u.versions.director_root = 3;
    u.versions.image_root = 2;
    done(PRI_INFORM);
    asked("10:03 22:FD12 38:director/root/4 37 38:time 37 38:director/targets 37 31:0310 22:FD12 ");
    end();
}
END_TEST

/* ---- what gets lost ---- */

/* E-BUS-09: every answer in turn, once, and for as long as the client repeats. */
START_TEST(a_lost_answer_is_asked_for_again)
{
    static const uint8_t services[] = {UDS_SESSION_CONTROL,  UDS_READ_DATA,     UDS_REQUEST_FILE_TRANSFER,
                                       UDS_TRANSFER_DATA,    UDS_TRANSFER_EXIT, UDS_ROUTINE_CONTROL,
                                       UDS_REQUEST_DOWNLOAD, UDS_ECU_RESET};
    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        for (unsigned losses = 1; losses <= 7; losses += 3) {
            begin();
            some_metadata();
            lose_answers(services[i], losses);
            done(PRI_IDENTIFY);
            done(PRI_PREPARE);
            ck_assert(has_image());
            lose_answers(services[i], losses);
            done(PRI_ACTIVATE);
            ck_assert_uint_eq(u.running.state, UDS_SLOT_TRIAL);
            lose_answers(services[i], losses);
            done(PRI_CONFIRM);
            ck_assert_uint_eq(u.running.state, UDS_SLOT_CONFIRMED);
            end();
        }
    }
}
END_TEST

/* A nonce is good for once: time that has been accepted is not sent again. */
START_TEST(time_that_was_accepted_is_not_sent_twice)
{
    begin();
    some_metadata();
    parcel.attested_s = 1000;
    u.versions.time_floor_s = 1000; /* as if 0310 had stored it before its answers were lost */
    lose_answers(UDS_ROUTINE_CONTROL, 5);
    done(PRI_PREPARE);
    ck_assert_uint_eq(times("38:time"), 1);
    ck_assert_uint_eq(times("38:director/targets"), 2);

    (void)unit_log(&u);
    u.versions.time_floor_s = 999;
    lose_answers(UDS_ROUTINE_CONTROL, 5);
    done(PRI_PREPARE);
    ck_assert_uint_eq(times("38:time"), 2);
    end();
}
END_TEST

/* E-STO-12, E-BUS-09 */
START_TEST(a_secondary_that_loses_power_in_mid_transfer_is_resumed_where_its_flash_says)
{
    begin();
    some_metadata();
    u.cut_at = 1000;
    u.cuts = 1;
    done(PRI_PREPARE);
    ck_assert(has_image());
    const char *log = unit_log(&u), *again = strstr(log, "CUT ");
    ck_assert_ptr_nonnull(again);
    ck_assert_ptr_nonnull(strstr(again, "38:director/targets 37 31:0310 22:FD12 22:FD13 34:1536 "));
    end();
}
END_TEST

START_TEST(what_flash_says_counts_for_this_very_transfer_only)
{
    for (int i = 0; i < 3; i++) {
        begin();
        u.other = (struct unit_slot){.state = UDS_SLOT_RECEIVING};
        memcpy(u.other.order, u.order, sizeof u.order);
        u.total = IMAGE_BYTES;
        u.transported = 640;
        if (i == 1) u.total++;             /* another length */
        if (i == 2) u.other.order[0] ^= 1; /* another order: 0310 has let go of it */
        memcpy(u.image, image, 640);
        done(PRI_PREPARE);
        ck_assert_ptr_nonnull(strstr(u.log, i == 0 ? "34:640 " : "34:0 "));
        ck_assert(has_image());
        end();
    }
}
END_TEST

START_TEST(an_image_that_has_come_whole_is_only_verified)
{
    begin();
    u.other = (struct unit_slot){.state = UDS_SLOT_RECEIVING};
    memcpy(u.other.order, u.order, sizeof u.order);
    u.total = u.transported = IMAGE_BYTES;
    done(PRI_PREPARE);
    ck_assert_uint_eq(times("34:"), 0);
    ck_assert_uint_eq(times("31:FF01"), 1);
    end();
}
END_TEST

/* As often as it gets further; not for ever when it does not. */
START_TEST(attempts_come_back_with_progress_and_end_without)
{
    begin();
    parcel.image.n = UNIT_IMAGE;
    u.cut_at = 1; /* with every block of 1598 bytes */
    u.cuts = 40;
    done(PRI_PREPARE);
    ck_assert_mem_eq(u.image, image, UNIT_IMAGE);
    ck_assert_uint_eq(times("CUT "), 40);
    end();

    begin();
    u.cut_at = 1;
    u.cuts = 1000;
    u.forgets = true;
    failed(PRI_PREPARE, UP_PRECONDITION, "prepare: ");
    ck_assert_uint_eq(times("CUT "), 5);
    end();
}
END_TEST

/* P-DIST-14, E-DL-03 */
START_TEST(a_silent_secondary_is_given_up)
{
    for (enum pri_errand errand = PRI_IDENTIFY; errand < PRI_ERRANDS; errand++) {
        begin();
        u.silent = true;
        uint64_t since = now_us;
        failed(errand, UP_UNAVAILABLE, "no answer");
        ck_assert_uint_lt(now_us - since, 31 * SECOND);
        ck_assert_uint_gt(now_us - since, 4 * SECOND); /* asked a few times, at some distance */
        ck_assert(!ecu.online);
        end();
    }
    begin();
    u.wire.a.down = true; /* or the bus is gone */
    failed(PRI_IDENTIFY, UP_UNAVAILABLE, "N_ERROR");
    end();
}
END_TEST

START_TEST(one_that_falls_silent_in_mid_transfer_is_given_up_after_its_deadline)
{
    begin();
    u.cut_at = 1000;
    u.cuts = 1;
    u.boot_us = 3600 * SECOND;
    uint64_t since = now_us;
    failed(PRI_PREPARE, UP_UNAVAILABLE, "no answer");
    ck_assert_uint_lt(now_us - since, 31 * SECOND);
    end();
}
END_TEST

/* E-BUS-05 */
START_TEST(one_that_asks_for_patience_without_end_gets_it_once)
{
    begin();
    u.block_us = 3600 * SECOND; /* response pending all the time */
    uint64_t since = now_us;
    failed(PRI_PREPARE, UP_UNAVAILABLE, "pending for too long");
    ck_assert_uint_lt(now_us - since, 65 * SECOND);
    end();
}
END_TEST

START_TEST(a_long_transfer_is_no_silence)
{
    begin();
    parcel.image.n = UNIT_IMAGE;
    u.block_us = SECOND;
    u.cut_at = 60000; /* after longer than the deadline */
    u.cuts = 1;
    u.boot_us = 7 * SECOND; /* longer than its answer is waited for */
    done(PRI_PREPARE);
    ck_assert_mem_eq(u.image, image, UNIT_IMAGE);
    ck_assert_uint_eq(times("34:"), 2);
    end();
}
END_TEST

/* E-BUS-05, P-LOG-03 */
START_TEST(a_transfer_that_trickles_is_ended)
{
    begin();
    config.speed_floor_bytes_s = 1024;
    parcel.image.n = UNIT_IMAGE;
    u.block_us = 4 * SECOND; /* with response pending in between: 400 bytes a second */
    uint64_t since = now_us;
    failed(PRI_PREPARE, UP_TOO_SLOW, "prepare: ");
    ck_assert_uint_lt(now_us - since, 35 * SECOND);
    config.ecu_count = 3; /* three share the bus, so each may take three times as long */
    config.ecus[1] = config.ecus[2] = config.ecus[0];
    done(PRI_PREPARE);
    end();
}
END_TEST

/* ---- refusals ---- */

/* What one answer says may have been altered on the way: the whole errand is asked again. */
START_TEST(a_bad_verdict_is_believed_the_second_time)
{
    begin();
    u.verdict = UP_SIG_THRESHOLD;
    u.verdicts = 1;
    done(PRI_PREPARE);
    ck_assert_uint_eq(times("31:0310"), 2);
    end();
    begin();
    u.verdict = UP_SIG_THRESHOLD;
    failed(PRI_PREPARE, UP_SIG_THRESHOLD, "refused by the Secondary");
    ck_assert_uint_eq(times("31:0310"), 2);
    end();
}
END_TEST

START_TEST(files_chosen_by_an_answer_that_was_altered_are_not_sent)
{
    begin();
    parcel.director_root = 9;
    failed(PRI_PREPARE, UP_PRECONDITION, "an older Root than when it was asked before");
    ck_assert_uint_eq(times("22:FD12"), 2);
    ck_assert_uint_eq(times("38:"), 0);
    end();
}
END_TEST

/* An altered report would look like a forged one to the Director, altered versions like other ones to us. */
START_TEST(an_answer_that_was_altered_is_read_again)
{
    unsigned again = 0;
    for (uint32_t frame = 1; frame <= 20; frame++) {
        begin();
        u.wire.b.garble = frame;
        done(PRI_IDENTIFY);
        ck_assert(ecu.checks && !ecu.singly && !ecu.plain);
        ck_assert_mem_eq(&ecu.versions, &u.versions, sizeof ecu.versions);
        const unsigned read = times("22:F18C") + times("22:FD10");
        ck_assert_uint_le(read, 4);
        again += read > 2;
        end();
    }
    ck_assert_uint_ge(again, 10);
}
END_TEST

START_TEST(a_refusal_is_told_with_its_code)
{
    begin();
    refuse(UDS_REQUEST_DOWNLOAD, UDS_CONDITIONS_NOT_CORRECT, 100);
    failed(PRI_PREPARE, UP_PRECONDITION, "prepare: 7F 34 22 conditionsNotCorrect");
    ck_assert_uint_eq(times("34:"), 2); /* one answer may have been altered on the way */
    refuse(UDS_ROUTINE_CONTROL, UDS_PROGRAMMING_FAILURE, 100);
    failed(PRI_CONFIRM, UP_STORAGE_WRITE, "confirm: 7F 31 72 generalProgrammingFailure");
    refuse(UDS_REQUEST_DOWNLOAD, UDS_OUT_OF_RANGE, 100);
    failed(PRI_PREPARE, UP_BUS_REFUSED, "7F 34 31");
    end();
}
END_TEST

/* Codes of an ECU that was reset behind our back, or is busy. */
START_TEST(who_has_lost_its_place_is_taken_through_again)
{
    static const enum uds_code codes[] = {UDS_SERVICE_NOT_IN_SESSION, UDS_SUBFUNCTION_NOT_IN_SESSION,
                                          UDS_SEQUENCE_ERROR, UDS_WRONG_BLOCK_COUNTER, UDS_BUSY_REPEAT};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        begin();
        some_metadata();
        refuse(UDS_TRANSFER_DATA, codes[i], 3);
        done(PRI_PREPARE);
        ck_assert(has_image());
        refuse(UDS_ROUTINE_CONTROL, codes[i], 3);
        done(PRI_ACTIVATE);
        refuse(UDS_ROUTINE_CONTROL, codes[i], 1000); /* but not for ever */
        failed(PRI_CONFIRM, UP_PRECONDITION, author_text("7F 31 %02X", codes[i]));
        end();
    }
}
END_TEST

/* As after a reset between the verdict and the first byte. */
START_TEST(who_has_lost_the_order_that_it_accepted_gets_the_metadata_again)
{
    begin();
    some_metadata();
    refuse(UDS_REQUEST_DOWNLOAD, UDS_DOWNLOAD_NOT_ACCEPTED, 3);
    done(PRI_PREPARE);
    ck_assert(has_image());
    end();
    begin();
    some_metadata();
    refuse(UDS_REQUEST_DOWNLOAD, UDS_DOWNLOAD_NOT_ACCEPTED, 1000); /* but not for ever */
    failed(PRI_PREPARE, UP_BUS_REFUSED, "7F 34 70");
    end();
}
END_TEST

/* Where one set of files found none, the next may: it begins elsewhere. */
START_TEST(who_has_no_room_for_metadata_is_asked_once_more_and_then_waits)
{
    begin();
    some_metadata();
    refuse(UDS_REQUEST_FILE_TRANSFER, UDS_DOWNLOAD_NOT_ACCEPTED, 1);
    done(PRI_PREPARE);
    refuse(UDS_REQUEST_FILE_TRANSFER, UDS_DOWNLOAD_NOT_ACCEPTED, 1000);
    failed(PRI_PREPARE, UP_STORAGE_FULL, "7F 38 70");
    end();
}
END_TEST

START_TEST(an_image_that_is_not_in_the_slot_in_the_end_is_not_prepared)
{
    begin();
    struct uds_slots s = {.running = UDS_SLOT_CONFIRMED, .other = UDS_SLOT_EMPTY};
    static uint8_t bytes[UDS_SLOTS_BYTES];
    u.odd = (struct up_span){bytes, uds_encode_slots(&s, bytes, sizeof bytes)};
    u.odd_did = UDS_DID_SLOTS;
    failed(PRI_PREPARE, UP_BUS_SEQUENCE, "FD13");
    end();
}
END_TEST

/* ---- restarts ---- */

START_TEST(a_slow_start_is_waited_for_and_an_endless_one_is_not)
{
    begin();
    done(PRI_PREPARE);
    u.boot_us = 9 * SECOND;
    uint64_t since = now_us;
    done(PRI_ACTIVATE);
    ck_assert_uint_ge(now_us - since, 9 * SECOND);
    end();

    begin();
    done(PRI_PREPARE);
    u.boot_us = 3600 * SECOND;
    since = now_us;
    failed(PRI_ACTIVATE, UP_UNAVAILABLE, "no answer");
    ck_assert_uint_lt(now_us - since, 31 * SECOND);
    end();
}
END_TEST

/* Whoever resets may not get his answer out. */
START_TEST(a_reset_whose_answer_is_lost_is_waited_for_all_the_same)
{
    begin();
    done(PRI_PREPARE);
    lose_answers(UDS_ECU_RESET, 100);
    u.boot_us = 9 * SECOND;
    done(PRI_ACTIVATE);
    ck_assert_uint_eq(times("CUT "), 1);
    ck_assert_uint_eq(u.running.state, UDS_SLOT_TRIAL);
    end();
}
END_TEST

START_TEST(a_reset_that_does_not_happen_is_asked_for_again)
{
    begin();
    done(PRI_PREPARE);
    u.lame = true;
    failed(PRI_ACTIVATE, UP_INSTALL, "activate: ");
    ck_assert_uint_eq(times("11 "), 5);
    ck_assert(u.armed);
    end();
}
END_TEST

START_TEST(an_image_that_does_not_go_fails_the_revert)
{
    static uint8_t bytes[UDS_SLOTS_BYTES];
    begin();
    done(PRI_PREPARE);
    done(PRI_ACTIVATE);
    u.lame = true; /* it acknowledges, and goes on running what it has given up */
    failed(PRI_REVERT, UP_INSTALL, "revert: ");
    u.lame = false;
    done(PRI_REVERT); /* taken back already, it must only restart */
    ck_assert_str_eq(u.running.name, "old");
    end();

    begin();
    done(PRI_PREPARE);
    done(PRI_ACTIVATE);
    struct uds_slots s = {.running = UDS_SLOT_TRIAL, .other = UDS_SLOT_CONFIRMED};
    memcpy(s.order, parcel.order, sizeof s.order);
    u.odd = (struct up_span){bytes, uds_encode_slots(&s, bytes, sizeof bytes)};
    u.odd_did = UDS_DID_SLOTS; /* as if it were on trial for ever */
    failed(PRI_REVERT, UP_INSTALL, "did not go back");
    end();
}
END_TEST

/* An order that nobody stands behind any longer. */
START_TEST(who_is_on_trial_for_another_order_goes_back_first)
{
    begin();
    done(PRI_PREPARE);
    done(PRI_ACTIVATE);
    memset(parcel.order, 0xCD, sizeof parcel.order);
    memset(u.order, 0xCD, sizeof u.order);
    done(PRI_IDENTIFY);
    failed(PRI_PREPARE, UP_PRECONDITION, "on trial for an older order");
    now_us += 6 * SECOND;
    (void)unit_pump(&u, now_us); /* it goes by itself */
    now_us += SECOND;
    done(PRI_IDENTIFY);
    ck_assert_str_eq(u.running.name, "old");
    done(PRI_PREPARE);
    end();
}
END_TEST

START_TEST(a_new_image_that_does_not_start_fails_the_activation)
{
    begin();
    done(PRI_PREPARE);
    u.sick = true;
    failed(PRI_ACTIVATE, UP_INSTALL, "did not start");
    ck_assert_str_eq(u.running.name, "old");
    done(PRI_REVERT); /* nothing is left to take back */
    end();
}
END_TEST

START_TEST(a_cut_right_after_a_routine_is_survived)
{
    static const uint16_t routines[] = {UDS_ROUTINE_VERIFY_METADATA, UDS_ROUTINE_VERIFY_IMAGE,
                                        UDS_ROUTINE_ACTIVATE, UDS_ROUTINE_CONFIRM, UDS_ROUTINE_REVERT};
    for (size_t i = 0; i < sizeof routines / sizeof *routines; i++) {
        begin();
        some_metadata();
        u.cut_after = routines[i];
        done(PRI_PREPARE);
        done(PRI_ACTIVATE);
        ck_assert_uint_eq(u.running.state, UDS_SLOT_TRIAL);
        if (routines[i] != UDS_ROUTINE_REVERT) {
            done(PRI_CONFIRM);
            ck_assert_uint_eq(u.running.state, UDS_SLOT_CONFIRMED);
        } else {
            done(PRI_REVERT);
            ck_assert_str_eq(u.running.name, "old");
        }
        end();
    }
}
END_TEST

START_TEST(an_errand_replaces_the_one_before)
{
    begin();
    some_metadata();
    pri_ecu_send(&ecu, PRI_PREPARE, &parcel, now_us);
    for (int i = 0; i < 20; i++) {
        (void)pri_ecu_step(&ecu, now_us);
        (void)isotp_node_pump(&node, (uint32_t)now_us);
        (void)unit_pump(&u, now_us);
    }
    ck_assert(ecu.busy);
    done(PRI_IDENTIFY);
    ck_assert_uint_eq(pri_ecu_moved(&ecu), 0);
    end();
}
END_TEST

SUITE("ecu", identify_learns_who_is_there_and_what_it_runs,
      prepare_brings_metadata_then_the_image_and_has_both_verified,
      activate_confirm_and_report_see_the_new_image_run, revert_goes_back_from_trial_and_disarms,
      inform_is_content_when_nothing_is_ordered, every_errand_may_be_repeated,
      another_ecu_on_its_identifiers_is_told_apart,
      who_cannot_be_asked_for_several_identifiers_is_asked_one_by_one, answers_that_make_no_sense_are_refused,
      a_verdict_on_metadata_ends_the_errand_under_its_own_name,
      a_verdict_on_the_image_ends_the_errand_under_its_own_name, a_verdict_that_is_heard_once_is_not_believed,
      metadata_comes_in_as_many_goes_as_it_takes, a_lost_answer_is_asked_for_again,
      time_that_was_accepted_is_not_sent_twice,
      a_secondary_that_loses_power_in_mid_transfer_is_resumed_where_its_flash_says,
      what_flash_says_counts_for_this_very_transfer_only, an_image_that_has_come_whole_is_only_verified,
      attempts_come_back_with_progress_and_end_without, a_silent_secondary_is_given_up,
      one_that_falls_silent_in_mid_transfer_is_given_up_after_its_deadline,
      one_that_asks_for_patience_without_end_gets_it_once, a_long_transfer_is_no_silence,
      a_transfer_that_trickles_is_ended, a_refusal_is_told_with_its_code,
      a_bad_verdict_is_believed_the_second_time, an_answer_that_was_altered_is_read_again,
      files_chosen_by_an_answer_that_was_altered_are_not_sent, who_has_lost_its_place_is_taken_through_again,
      who_has_lost_the_order_that_it_accepted_gets_the_metadata_again,
      who_has_no_room_for_metadata_is_asked_once_more_and_then_waits,
      an_image_that_is_not_in_the_slot_in_the_end_is_not_prepared,
      a_slow_start_is_waited_for_and_an_endless_one_is_not,
      a_reset_whose_answer_is_lost_is_waited_for_all_the_same,
      a_reset_that_does_not_happen_is_asked_for_again, an_image_that_does_not_go_fails_the_revert,
      who_is_on_trial_for_another_order_goes_back_first, a_new_image_that_does_not_start_fails_the_activation,
      a_cut_right_after_a_routine_is_survived, an_errand_replaces_the_one_before)

/* The image: 34 to FF01, and what becomes of it: armed, on trial, confirmed, reverted. */
#include "tests/lib_ecu.h"
#include "tests/suite.h"

#define IS(e, want) ck_assert_str_eq(up_err_name(e), up_err_name(want))

static struct ecu e;
static const uint8_t no_order[UDS_ORDER_BYTES] = {1};

static void fresh(void)
{
    ecu_free(&e);
    ecu_new(&e, false, 1024, 16);
}

static void ordered(const char *name, unsigned counter)
{
    ecu_issue(&e, name, counter, ecu_image(5000, counter));
    IS(ecu_send(&e), UP_OK);
}

static void verified(const char *name, unsigned counter)
{
    ordered(name, counter);
    ck_assert_uint_eq(ecu_transfer(&e), 0);
}

static void on_trial(const char *name, unsigned counter)
{
    verified(name, counter);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    ck_assert_uint_eq(ecu_reset(&e), 0);
    ck_assert_int_eq(ecu_slots(&e).running, UDS_SLOT_TRIAL);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
}

static bool detected(const char *text)
{
    return up_span_is(ecu_report(&e).attacks, text);
}

/* ---- receiving ---- */

START_TEST(nothing_is_taken_before_metadata_has_verified)
{
    fresh();
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_SERVICE_NOT_IN_SESSION);
    ck_assert_uint_eq(ecu_session(&e, UDS_PROGRAMMING), 0);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_DOWNLOAD_NOT_ACCEPTED);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_blocks(&e, ecu_image(100, 1), 100), UDS_SEQUENCE_ERROR);
    ck_assert(detected("BUS_UNAUTHORISED download"));
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_EMPTY);
}
END_TEST

START_TEST(a_failed_verdict_or_a_reset_locks_again)
{
    fresh();
    ordered("fw/new", 2);
    ck_assert_uint_eq(ecu_put(&e, "director/targets", UP_SPAN("{}")), 0);
    ck_assert(ecu_verify(&e) != UP_OK);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_DOWNLOAD_NOT_ACCEPTED);
    IS(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
    IS(ecu_boot(&e), UP_OK);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_DOWNLOAD_NOT_ACCEPTED);
}
END_TEST

START_TEST(address_size_and_format_are_those_of_the_order)
{
    fresh();
    ordered("fw/new", 2);
    static const struct {
        uint8_t format;
        uint32_t from, bytes;
    } wrong[] = {{0, 0, 4999}, {0, 0, 5001},    {0, 1, 4999},    {0, 1024, 3976},
                 {0, 5001, 1}, {0x10, 0, 5000}, {0x01, 0, 5000}, {0, 0xFFFFFFFF, 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_uint_eq(ecu_begin_image(&e, wrong[i].format, wrong[i].from, wrong[i].bytes),
                          UDS_OUT_OF_RANGE);
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_EMPTY);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
}
END_TEST

START_TEST(a_transfer_goes_on_after_a_reset_where_flash_says)
{
    fresh();
    ordered("fw/new", 2);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
    ck_assert_uint_eq(ecu_blocks(&e, (struct up_span){e.new_image.p, 3000}, 250), 0);
    IS(ecu_boot(&e), UP_OK);
    struct uds_slots s = ecu_slots(&e);
    ck_assert_int_eq(s.other, UDS_SLOT_RECEIVING);
    ck_assert_uint_eq(s.transported, 2048);
    ck_assert_uint_eq(s.total, 5000);
    ck_assert_mem_eq(s.order, e.order, UDS_ORDER_BYTES);
    IS(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 3000, 2000), UDS_OUT_OF_RANGE);
    ck_assert_uint_eq(ecu_transfer(&e), 0);
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_VERIFIED);
}
END_TEST

START_TEST(a_transfer_goes_on_after_the_session_was_lost)
{
    fresh();
    ordered("fw/new", 2);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
    ck_assert_uint_eq(ecu_blocks(&e, (struct up_span){e.new_image.p, 3000}, 250), 0);
    ecu_pass(&e, 6000); /* S3 */
    ck_assert_uint_eq(ecu_exit(&e), UDS_SERVICE_NOT_IN_SESSION);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_slots(&e).transported, 2048);
    ck_assert_uint_eq(ecu_transfer(&e), 0);
}
END_TEST

START_TEST(a_transfer_can_begin_anew)
{
    fresh();
    ordered("fw/new", 2);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
    ck_assert_uint_eq(ecu_blocks(&e, (struct up_span){e.new_image.p, 3000}, 250), 0);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
    ck_assert_uint_eq(ecu_slots(&e).transported, 0);
    ck_assert_uint_eq(ecu_blocks(&e, e.new_image, 2000), 0);
    ck_assert_uint_eq(ecu_exit(&e), 0);
    ck_assert_uint_eq(ecu_verify_image(&e), 0);
}
END_TEST

START_TEST(journal_writes_do_not_grow_with_the_image)
{
    ecu_free(&e);
    ecu_new(&e, false, 16, 16); /* 16 KiB are 1024 sectors */
    ecu_issue(&e, "fw/new", 2, ecu_image(16000, 2));
    IS(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 16000), 0);
    unsigned records = 0;
    uint8_t q[18] = {UDS_TRANSFER_DATA};
    for (uint32_t at = 0; at < 16000; at += 16) {
        const uint32_t promised = e.agent.slots.journal.plain;
        q[1]++;
        memcpy(q + 2, e.new_image.p + at, 16);
        ck_assert_uint_eq(ecu_ask(&e, q, sizeof q), 0);
        records += e.agent.slots.journal.plain != promised;
    }
    ck_assert_uint_le(records, 256);
    ck_assert_uint_ge(records, 240);
}
END_TEST

START_TEST(other_bytes_are_found_when_they_are_read_back)
{
    fresh();
    ordered("fw/new", 2);
    struct up_span good = e.new_image;
    e.new_image = ecu_image(5000, 99);
    ck_assert_uint_eq(ecu_transfer(&e), ECU_VERDICT + UP_IMG_HASH);
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_BAD);
    ck_assert(detected("IMG_HASH fw/new"));
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), UDS_SEQUENCE_ERROR);
    ck_assert_uint_eq(ecu_verify_image(&e), UDS_SEQUENCE_ERROR);
    e.new_image = good;
    ck_assert_uint_eq(ecu_transfer(&e), 0);
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_VERIFIED);
}
END_TEST

START_TEST(only_a_whole_image_is_read_back)
{
    fresh();
    ck_assert_uint_eq(ecu_verify_image(&e), UDS_SEQUENCE_ERROR);
    ordered("fw/new", 2);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
    ck_assert_uint_eq(ecu_blocks(&e, (struct up_span){e.new_image.p, 4999}, 1000), 0);
    ck_assert_uint_eq(ecu_verify_image(&e), UDS_SEQUENCE_ERROR);
    IS(ecu_boot(&e), UP_OK);
    ck_assert_uint_eq(ecu_verify_image(&e), UDS_SEQUENCE_ERROR);
}
END_TEST

START_TEST(reading_back_again_is_no_error_and_finds_new_damage)
{
    fresh();
    verified("fw/new", 2);
    ck_assert_uint_eq(ecu_verify_image(&e), 0);
    e.flash->bytes[e.agent.layout.slot[1].at + 1234] ^= 4;
    ck_assert_uint_eq(ecu_verify_image(&e), ECU_VERDICT + UP_IMG_HASH);
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_BAD);
}
END_TEST

START_TEST(flash_that_fails_in_mid_transfer_is_told_and_the_journal_holds)
{
    fresh();
    ordered("fw/new", 2);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
    e.flash->fail_at = 150;
    ck_assert_uint_eq(ecu_blocks(&e, e.new_image, 250), UDS_PROGRAMMING_FAILURE);
    e.flash->fail_at = 0;
    ck_assert_uint_eq(ecu_slots(&e).transported, 1024);
    ck_assert_uint_eq(ecu_transfer(&e), 0);
}
END_TEST

/* ---- what becomes of it ---- */

START_TEST(activation_wants_the_verified_image_of_this_order)
{
    fresh();
    ordered("fw/new", 2);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), UDS_SEQUENCE_ERROR);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
    ck_assert_uint_eq(ecu_blocks(&e, (struct up_span){e.new_image.p, 2000}, 1000), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), UDS_SEQUENCE_ERROR);
    ck_assert_uint_eq(ecu_transfer(&e), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, no_order), UDS_OUT_OF_RANGE);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, NULL), UDS_INCORRECT_LENGTH);
    ck_assert_uint_eq(ecu_slots(&e).armed, 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    struct uds_slots s = ecu_slots(&e);
    ck_assert_uint_eq(s.armed, 1);
    ck_assert_int_eq(s.other, UDS_SLOT_VERIFIED);
    ck_assert(ecu_runs(&e, "fw/old"));
    ck_assert_uint_eq(ecu_versions(&e).release_counter, 1);
}
END_TEST

START_TEST(an_armed_image_starts_with_whatever_reset_comes)
{
    fresh();
    verified("fw/new", 2);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    IS(ecu_boot(&e), UP_OK);
    ck_assert_int_eq(ecu_slots(&e).running, UDS_SLOT_TRIAL);
    ck_assert(ecu_runs(&e, "fw/new"));
    ck_assert_uint_eq(ecu_versions(&e).release_counter, 1); /* not before it is confirmed */
}
END_TEST

START_TEST(the_way_back_cannot_be_written_over)
{
    fresh();
    on_trial("fw/new", 2);
    ordered("fw/newer", 3);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_CONDITIONS_NOT_CORRECT);
    IS(ecu_boot(&e), UP_OK);
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_CONFIRMED);
}
END_TEST

START_TEST(confirmation_is_for_the_order_on_trial_and_may_be_repeated)
{
    fresh();
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    on_trial("fw/new", 2);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_CONFIRM, no_order), UDS_OUT_OF_RANGE);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_CONFIRM, NULL), UDS_INCORRECT_LENGTH);
    ck_assert_int_eq(ecu_slots(&e).running, UDS_SLOT_TRIAL);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_CONFIRM, e.order), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_CONFIRM, e.order), 0);
    ck_assert_uint_eq(ecu_versions(&e).release_counter, 2);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_REVERT, e.order), UDS_CONDITIONS_NOT_CORRECT);
    ck_assert_int_eq(ecu_slots(&e).running, UDS_SLOT_CONFIRMED);
    ck_assert_mem_eq(ecu_slots(&e).order, e.order, UDS_ORDER_BYTES);
}
END_TEST

START_TEST(a_reverted_trial_can_be_activated_again_without_a_transfer)
{
    fresh();
    on_trial("fw/new", 2);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_REVERT, no_order), UDS_CONDITIONS_NOT_CORRECT);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_REVERT, NULL), UDS_INCORRECT_LENGTH);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_REVERT, e.order), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_REVERT, e.order), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_CONFIRM, e.order), UDS_CONDITIONS_NOT_CORRECT);
    ck_assert_uint_eq(ecu_reset(&e), 0);
    ck_assert(ecu_runs(&e, "fw/old"));
    struct uds_slots s = ecu_slots(&e);
    ck_assert_int_eq(s.other, UDS_SLOT_VERIFIED);
    ck_assert_mem_eq(s.order, e.order, UDS_ORDER_BYTES);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_REVERT, e.order), 0); /* still so */
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    ck_assert_uint_eq(ecu_reset(&e), 0);
    ck_assert(ecu_runs(&e, "fw/new"));
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_CONFIRM, e.order), 0);
}
END_TEST

START_TEST(a_reverted_trial_ends_though_nobody_resets_it)
{
    fresh();
    on_trial("fw/new", 2);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_REVERT, e.order), 0);
    ck_assert(ecu_runs(&e, "fw/new"));
    ecu_pass(&e, 5000);
    ck_assert(ecu_runs(&e, "fw/old"));
}
END_TEST

START_TEST(disarming_keeps_the_image)
{
    fresh();
    verified("fw/new", 2);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_REVERT, no_order), UDS_OUT_OF_RANGE);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_REVERT, e.order), 0);
    ck_assert_uint_eq(ecu_slots(&e).armed, 0);
    ck_assert_uint_eq(ecu_reset(&e), 0);
    ck_assert(ecu_runs(&e, "fw/old"));
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_VERIFIED);
}
END_TEST

START_TEST(a_trial_without_a_word_ends_and_can_be_had_again)
{
    fresh();
    on_trial("fw/new", 2);
    ecu_pass(&e, 599 * 1000);
    ck_assert(ecu_runs(&e, "fw/new"));
    ecu_pass(&e, 1000);
    ck_assert(ecu_runs(&e, "fw/old"));
    ck_assert(detected("INSTALL fw/new"));
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_VERIFIED);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_CONFIRM, e.order), UDS_OUT_OF_RANGE);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    ck_assert_uint_eq(ecu_reset(&e), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_CONFIRM, e.order), 0);
    ck_assert(ecu_runs(&e, "fw/new"));
}
END_TEST

START_TEST(an_image_that_is_not_healthy_gives_way_at_once)
{
    fresh();
    verified("fw/new", 2);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    e.healthy = false;
    ck_assert_uint_eq(ecu_reset(&e), 0);
    ck_assert(ecu_runs(&e, "fw/old"));
    ck_assert(detected("INSTALL fw/new"));
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_BAD);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), UDS_SEQUENCE_ERROR);
    e.healthy = true;
    IS(ecu_update(&e), UP_OK); /* the same order, sent once more */
    ck_assert(ecu_runs(&e, "fw/new"));
}
END_TEST

START_TEST(a_trial_has_a_few_starts_only)
{
    fresh();
    on_trial("fw/new", 2);
    for (int i = 1; i < SEC_TRIAL_BOOTS; i++) {
        IS(ecu_boot(&e), UP_OK);
        ck_assert(ecu_runs(&e, "fw/new"));
    }
    IS(ecu_boot(&e), UP_OK);
    ck_assert(ecu_runs(&e, "fw/old"));
    ck_assert(detected("INSTALL fw/new"));
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0); /* a bundle that is committed goes on */
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    ck_assert_uint_eq(ecu_reset(&e), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_CONFIRM, e.order), 0);
    ck_assert(ecu_runs(&e, "fw/new"));
}
END_TEST

/* E-IMG-16: the floor is what was confirmed, not what was tried. */
START_TEST(after_a_failed_image_one_between_the_counters_installs)
{
    fresh();
    verified("fw/nine", 9);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    e.healthy = false;
    ck_assert_uint_eq(ecu_reset(&e), 0);
    e.healthy = true;
    ecu_issue(&e, "fw/five", 5, ecu_image(4000, 5));
    IS(ecu_update(&e), UP_OK);
    ck_assert_uint_eq(ecu_versions(&e).release_counter, 5);
}
END_TEST

/* E-IMG-06 */
START_TEST(the_floor_outlives_orders_without_an_image)
{
    fresh();
    ecu_issue(&e, "fw/five", 5, ecu_image(4000, 5));
    IS(ecu_update(&e), UP_OK);
    ecu_issue(&e, NULL, 0, (struct up_span){NULL, 0});
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND);
    ecu_issue(&e, "fw/other", 4, ecu_image(4000, 4));
    IS(ecu_send(&e), UP_IMG_RELEASE_COUNTER);
    ecu_issue(&e, "fw/other", 5, ecu_image(4000, 6)); /* equal is allowed */
    IS(ecu_update(&e), UP_OK);
}
END_TEST

START_TEST(an_order_that_is_withdrawn_in_mid_transfer_takes_its_part_along)
{
    fresh();
    ordered("fw/new", 2);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
    ck_assert_uint_eq(ecu_blocks(&e, (struct up_span){e.new_image.p, 3000}, 250), 0);
    IS(ecu_boot(&e), UP_OK);
    /* a cycle that fails before it comes to orders says nothing about them */
    struct up_span good = ecu_issued(&e, "director/targets");
    ecu_replace(&e, "director/targets",
                author_sign(&up_profile_strict, KEY(20), author_targets_body(&e.director, 99, "", "")));
    IS(ecu_send(&e), UP_SIG_THRESHOLD);
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_RECEIVING);
    ck_assert_uint_eq(ecu_slots(&e).transported, 2048);
    ecu_replace(&e, "director/targets", good);
    IS(ecu_send(&e), UP_OK);
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_RECEIVING);
    ecu_issue(&e, NULL, 0, (struct up_span){NULL, 0});
    IS(ecu_send(&e), UP_TARGET_NOT_FOUND);
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_EMPTY);
    ck_assert_uint_eq(ecu_slots(&e).transported, 0);
}
END_TEST

START_TEST(what_is_armed_is_told_with_its_order)
{
    fresh();
    verified("fw/new", 2);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    const struct uds_slots s = ecu_slots(&e);
    ck_assert(s.armed);
    ck_assert_mem_eq(s.order, e.order, UDS_ORDER_BYTES);
    ck_assert_uint_eq(s.total, 5000);
    ck_assert_uint_eq(s.transported, 5000);
}
END_TEST

START_TEST(an_order_that_is_withdrawn_takes_its_image_along)
{
    for (int armed = 0; armed < 2; armed++) {
        fresh();
        verified("fw/new", 2);
        uint8_t old[UDS_ORDER_BYTES];
        memcpy(old, e.order, sizeof old);
        if (armed) ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, old), 0);
        ecu_issue(&e, NULL, 0, (struct up_span){NULL, 0});
        IS(ecu_send(&e), UP_TARGET_NOT_FOUND);
        ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_EMPTY);
        ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, old), UDS_SEQUENCE_ERROR);
        IS(ecu_boot(&e), UP_OK);
        ck_assert(ecu_runs(&e, "fw/old"));
        verified("fw/newer", 3);
        ecu_issue(&e, "fw/newest", 4, ecu_image(100, 4));
        IS(ecu_send(&e), UP_OK);
        ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_EMPTY);
    }
}
END_TEST

START_TEST(the_same_image_under_a_new_order_is_not_sent_again)
{
    fresh();
    verified("fw/new", 2);
    struct up_span image = e.new_image;
    ecu_issue(&e, "fw/new", 2, image);
    IS(ecu_send(&e), UP_OK);
    struct uds_slots s = ecu_slots(&e);
    ck_assert_int_eq(s.other, UDS_SLOT_VERIFIED);
    ck_assert_mem_eq(s.order, e.order, UDS_ORDER_BYTES);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
}
END_TEST

/* Name, length and counter may be the same; it is the hashes that tell images apart. */
START_TEST(another_image_of_the_same_name_is_not_the_one_that_is_there)
{
    fresh();
    verified("fw/new", 2);
    struct up_span other = ecu_image((uint32_t)e.new_image.n, 99);
    ecu_issue(&e, "fw/new", 2, other);
    IS(ecu_send(&e), UP_OK);
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_EMPTY);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), UDS_SEQUENCE_ERROR);
    IS(ecu_update(&e), UP_OK);
    struct up_span third = ecu_image((uint32_t)other.n, 98);
    ecu_issue(&e, "fw/new", 2, third); /* nor the one that runs */
    IS(ecu_update(&e), UP_OK);
    uint8_t digest[UP_SHA256_BYTES];
    up_sha256(third, digest);
    ck_assert_mem_eq(ecu_report(&e).image_sha256, digest, sizeof digest);
}
END_TEST

/* Only an order that has passed every check may stand in for the one that the image came with. */
START_TEST(the_same_image_under_an_order_that_failed_stays_with_its_old_order)
{
    ecu_free(&e);
    ecu_new(&e, true, 4096, 16);
    ecu_issue(&e, "fw/new", 2, ecu_image(5000, 2));
    IS(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_transfer(&e), 0);
    const struct uds_slots before = ecu_slots(&e);
    ecu_issue(&e, "fw/new", 2, e.new_image);
    struct up_span targets = ecu_issued(&e, "image/targets");
    ecu_replace(&e, "image/targets", (struct up_span){targets.p, targets.n - 1});
    IS(ecu_send(&e), UP_SNAPSHOT_MISMATCH);
    ck_assert_mem_eq(ecu_slots(&e).order, before.order, sizeof before.order);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), UDS_OUT_OF_RANGE);
    ecu_replace(&e, "image/targets", targets);
    IS(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
}
END_TEST

START_TEST(an_image_below_the_floor_is_never_activated)
{
    fresh();
    verified("fw/new", 2);
    e.agent.slots.release_floor = 3;
    IS(sec_slots_save(&e.agent.slots), UP_OK);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), UDS_CONDITIONS_NOT_CORRECT);
    ck_assert(detected("IMG_RELEASE_COUNTER fw/new"));
}
END_TEST

START_TEST(damage_between_verification_and_boot_is_found)
{
    fresh();
    verified("fw/new", 2);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    e.flash->bytes[e.agent.layout.slot[1].at] ^= 1;
    ck_assert_uint_eq(ecu_reset(&e), 0);
    ck_assert(ecu_runs(&e, "fw/old"));
    ck_assert(detected("STORAGE_CORRUPT fw/new"));
    ck_assert_uint_eq(e.self_tests, 0); /* never started */
}
END_TEST

START_TEST(only_a_hard_reset_is_known)
{
    fresh();
    ck_assert_uint_eq(ecu_ask(&e, (uint8_t[]){UDS_ECU_RESET, 3}, 2), UDS_SUBFUNCTION_NOT_SUPPORTED);
}
END_TEST

/* ---- flash that fails ---- */

enum { ARM, CONFIRM, TAKE_BACK, FINISH, READ_BACK, VERBS };

static void come_to(unsigned verb)
{
    fresh();
    if (verb == CONFIRM || verb == TAKE_BACK) {
        on_trial("fw/new", 2);
    } else if (verb == ARM) {
        verified("fw/new", 2);
    } else {
        ordered("fw/new", 2);
        ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
        ck_assert_uint_eq(ecu_blocks(&e, e.new_image, 250), 0);
        if (verb == READ_BACK) ck_assert_uint_eq(ecu_exit(&e), 0);
    }
}

static unsigned give(unsigned verb)
{
    return verb == ARM         ? ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order)
           : verb == CONFIRM   ? ecu_routine(&e, UDS_ROUTINE_CONFIRM, e.order)
           : verb == TAKE_BACK ? ecu_routine(&e, UDS_ROUTINE_REVERT, e.order)
           : verb == FINISH    ? ecu_exit(&e)
                               : ecu_verify_image(&e);
}

/* At each of its operations: an error, and everything as it was. */
START_TEST(flash_that_fails_under_a_verb_is_told_and_changes_nothing)
{
    for (unsigned verb = ARM; verb < VERBS; verb++) {
        bool failed = true;
        for (uint64_t n = 1; failed; n++) {
            ck_assert_uint_lt(n, 1000);
            come_to(verb);
            const struct uds_slots before = ecu_slots(&e);
            e.flash->fail_at = n;
            unsigned code = give(verb);
            failed = e.flash->fail_at == 1;
            e.flash->fail_at = 0;
            ck_assert_uint_eq(code, failed ? UDS_PROGRAMMING_FAILURE : 0);
            if (!failed) break;
            const struct uds_slots after = ecu_slots(&e);
            ck_assert_int_eq(after.running, before.running);
            ck_assert_int_eq(after.other, before.other);
            ck_assert_uint_eq(after.armed, before.armed);
            ck_assert_uint_eq(ecu_versions(&e).release_counter, 1);
            ck_assert_uint_eq(verb == FINISH ? ecu_transfer(&e) : give(verb), 0);
        }
    }
}
END_TEST

/* A block that failed may have come in part: what follows it would lie at the wrong place. */
START_TEST(after_a_block_that_failed_no_other_is_taken)
{
    fresh();
    ordered("fw/new", 2);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), 0);
    e.flash->fail_at = 1;
    static const uint8_t block[250];
    ck_assert_uint_ne(sec_agent_block(&e.agent, block, sizeof block), 0);
    e.flash->fail_at = 0;
    ck_assert_uint_ne(sec_agent_block(&e.agent, block, sizeof block), 0);
    ck_assert_uint_ne(sec_agent_exit(&e.agent), 0);
    ck_assert_uint_eq(ecu_transfer(&e), 0);
}
END_TEST

START_TEST(without_a_running_image_there_is_nothing_to_confirm_or_take_back)
{
    fresh();
    e.flash->bytes[e.agent.layout.slot[0].at + 10] ^= 1;
    IS(ecu_boot(&e), UP_OK);
    ck_assert(ecu_runs(&e, "unknown"));
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    static const uint8_t zero[UDS_ORDER_BYTES];
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_CONFIRM, zero), UDS_CONDITIONS_NOT_CORRECT);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_REVERT, zero), UDS_CONDITIONS_NOT_CORRECT);
    verified("fw/new", 2);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_REVERT, e.order), 0);
    ck_assert_uint_eq(ecu_slots(&e).armed, 0);
}
END_TEST

START_TEST(an_answer_without_room_for_it_is_refused)
{
    fresh();
    verified("fw/new", 2);
    uint8_t out[1];
    for (size_t cap = 0; cap < 2; cap++) {
        size_t n = 0;
        const struct sec_routine r = {.out = out, .cap = cap, .n = &n};
        enum uds_code code = UDS_PENDING;
        while (code == UDS_PENDING) code = sec_agent_verify(&e.agent, &r);
        ck_assert_uint_eq(code, cap == 0 ? UDS_RESPONSE_TOO_LONG : UDS_OK);
        ck_assert_uint_eq(n, cap);
    }
    for (size_t cap = 0; cap < 2; cap++) {
        size_t n = 0;
        const struct sec_routine r = {.out = out, .cap = cap, .n = &n};
        enum uds_code code = UDS_PENDING;
        while (code == UDS_PENDING) code = sec_agent_check(&e.agent, &r);
        ck_assert_int_eq(code == UDS_RESPONSE_TOO_LONG, cap == 0);
    }
}
END_TEST

SUITE("agent_image", flash_that_fails_under_a_verb_is_told_and_changes_nothing,
      after_a_block_that_failed_no_other_is_taken,
      without_a_running_image_there_is_nothing_to_confirm_or_take_back,
      an_answer_without_room_for_it_is_refused, nothing_is_taken_before_metadata_has_verified,
      a_failed_verdict_or_a_reset_locks_again, address_size_and_format_are_those_of_the_order,
      a_transfer_goes_on_after_a_reset_where_flash_says, a_transfer_goes_on_after_the_session_was_lost,
      a_transfer_can_begin_anew, journal_writes_do_not_grow_with_the_image,
      other_bytes_are_found_when_they_are_read_back, only_a_whole_image_is_read_back,
      reading_back_again_is_no_error_and_finds_new_damage,
      flash_that_fails_in_mid_transfer_is_told_and_the_journal_holds,
      activation_wants_the_verified_image_of_this_order, an_armed_image_starts_with_whatever_reset_comes,
      the_way_back_cannot_be_written_over, confirmation_is_for_the_order_on_trial_and_may_be_repeated,
      a_reverted_trial_can_be_activated_again_without_a_transfer,
      a_reverted_trial_ends_though_nobody_resets_it, disarming_keeps_the_image,
      a_trial_without_a_word_ends_and_can_be_had_again, an_image_that_is_not_healthy_gives_way_at_once,
      a_trial_has_a_few_starts_only, after_a_failed_image_one_between_the_counters_installs,
      the_floor_outlives_orders_without_an_image,
      an_order_that_is_withdrawn_in_mid_transfer_takes_its_part_along, what_is_armed_is_told_with_its_order,
      an_order_that_is_withdrawn_takes_its_image_along, the_same_image_under_a_new_order_is_not_sent_again,
      another_image_of_the_same_name_is_not_the_one_that_is_there,
      the_same_image_under_an_order_that_failed_stays_with_its_old_order,
      an_image_below_the_floor_is_never_activated, damage_between_verification_and_boot_is_found,
      only_a_hard_reset_is_known)

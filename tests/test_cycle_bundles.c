/* Bundles over several cycles of the Primary: recovery, new orders, power cuts. */
#include "primary/cycle.h"
#include "tests/suite.h"

#include <stdlib.h>

#include "metadata/encode.h"
#include "tests/lib_yard.h"

static struct yard y;

static bool holds(const char *key)
{
    return site_holds(&y.site, key);
}

static const char *record_of(const char *bundle)
{
    struct up_span value;
    IS(pri_state_get(y.site.state, author_text("bundle/%s", bundle), &value), UP_OK);
    const char *text = author_text("%.*s", TEXT(value));
    free((void *)(uintptr_t)value.p);
    return text;
}

static void forget_logs(void)
{
    (void)lib_fetch_log(&y.site.net);
    (void)yard_events(&y);
    for (unsigned i = 0; i < 2; i++) (void)unit_log(&y.units[i]);
}

static bool was_told(unsigned ecu, const char *what)
{
    return strstr(y.units[ecu - 1].log, what) != NULL;
}

static void all_run(const char *tcu, const char *brake, const char *radio)
{
    ck_assert_str_eq(yard_runs(&y, TCU), tcu);
    ck_assert_str_eq(yard_runs(&y, BRAKE), brake);
    ck_assert_str_eq(yard_runs(&y, RADIO), radio);
}

static void all_new(void)
{
    all_run("tcu-new", "brake-new", "radio-new");
}

static void begin(void)
{
    yard_open(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    forget_logs();
}

/* The Primary is cut when it has put REQUEST to the radio. */
static void cut_at(const char *request)
{
    for (unsigned turns = 1; !was_told(RADIO, request); turns++) {
        yard_close(&y);
        begin();
        yard_publish_all(&y);
        ck_assert(!yard_cycle_for(&y, PRI_UPDATE, turns));
    }
    yard_cut(&y);
    forget_logs();
}

/* ---- recovery ---- */

/* What runs now is asked for again before anything is compared with it. */
START_TEST(after_a_recovery_everybody_is_asked_again)
{
    begin();
    cut_at("31:0313");
    const struct pri_outcome *o = yard_good(&y);
    all_new();
    ck_assert_uint_eq(o->updated, 3);
    ck_assert_uint_eq(o->pending, 0);
    ck_assert(!holds("bundle/all"));
    ck_assert_ptr_nonnull(strstr(unit_log(&y.units[0]), "31:0313 22:FD13 22:F189 22:F18C "));
    o = yard_good(&y);
    ck_assert_uint_eq(o->updated, 0);
    yard_close(&y);
}
END_TEST

START_TEST(an_activation_that_was_cut_is_finished)
{
    begin();
    cut_at("31:0312");
    ck_assert_ptr_nonnull(strstr(record_of("all"), "\"activating\""));
    (void)yard_good(&y);
    all_new();
    yard_close(&y);
}
END_TEST

START_TEST(a_check_recovers_nothing)
{
    begin();
    cut_at("31:0312");
    const struct pri_outcome *o = yard_cycle(&y, PRI_CHECK);
    IS(o->err, UP_OK);
    ck_assert_uint_eq(o->pending, 3);
    ck_assert(!was_told(BRAKE, "31:") && !was_told(RADIO, "31:"));
    ck_assert_ptr_nonnull(strstr(record_of("all"), "\"activating\""));
    (void)yard_good(&y);
    all_new();
    yard_close(&y);
}
END_TEST

START_TEST(an_ecu_that_is_gone_from_the_vehicle_ends_its_record)
{
    begin();
    static const char *const states[] = {"activating", "committed", "reverting", "postponing"};
    for (size_t i = 0; i < 4; i++) {
        const char *record =
            author_text("{\"members\":[\"gone\"],\"order\":\"%064d\",\"state\":\"%s\"}", 0, states[i]);
        IS(pri_state_put(y.site.state, "bundle/@gone", up_span_of(record)), UP_OK);
        (void)yard_cycle(&y, PRI_UPDATE);
        (void)yard_good(&y);
        ck_assert(!holds("bundle/@gone"));
    }
    yard_close(&y);
}
END_TEST

/* A member is in one bundle at a time, whatever records say. */
START_TEST(no_ecu_is_in_two_bundles_at_once)
{
    begin();
    cut_at("31:0312");
    const char *twice =
        author_text("{\"members\":[\"radio\"],\"order\":\"%064d\",\"state\":\"reverting\"}", 0);
    IS(pri_state_put(y.site.state, "bundle/twice", up_span_of(twice)), UP_OK);
    (void)yard_cycle(&y, PRI_UPDATE);
    all_new();
    yard_close(&y);
}
END_TEST

/* ---- new orders ---- */

/* P-EXC-06 */
START_TEST(what_failed_is_not_tried_again_until_its_order_changes)
{
    begin();
    y.units[1].sick = true;
    yard_publish_all(&y);
    const struct pri_outcome *o = yard_cycle(&y, PRI_UPDATE);
    IS(o->err, UP_INSTALL);
    ck_assert_uint_eq(o->pending, 3);
    all_run("tcu-old", "old", "old");
    for (int i = 0; i < 2; i++) {
        forget_logs();
        yard_cut(&y);
        o = yard_cycle(&y, PRI_UPDATE);
        IS(o->err, UP_OK);
        ck_assert_uint_eq(o->pending, 3);
        ck_assert(!was_told(BRAKE, "31:") && !was_told(RADIO, "34:"));
        ck_assert_ptr_nonnull(strstr(yard_events(&y), "radio waits PRECONDITION; "));
        ck_assert_ptr_null(
            strstr(lib_fetch_log(&y.site.net), "repo/")); /* nothing is left to be looked for */
    }
    y.units[1].sick = false;
    yard_publish_all(&y); /* the same once more is a new order */
    (void)yard_good(&y);
    all_new();
    ck_assert(!holds("bundle/all"));
    yard_close(&y);
}
END_TEST

START_TEST(what_failed_does_not_hold_up_what_was_late)
{
    begin();
    y.units[1].sick = true;
    y.units[0].silent = true;
    yard_publish(&y, author_text("%s,%s", yard_order(&y, BRAKE, "brake-new", 2, NULL),
                                 yard_order(&y, RADIO, "radio-new", 2, NULL)));
    (void)yard_cycle(&y, PRI_UPDATE);
    all_run("tcu-old", "old", "old");
    y.units[0].silent = false;
    forget_logs();
    const struct pri_outcome *o = yard_cycle(&y, PRI_UPDATE);
    IS(o->err, UP_OK);
    ck_assert_uint_eq(o->updated, 1);
    ck_assert_uint_eq(o->pending, 1);
    all_run("tcu-old", "brake-new", "old");
    ck_assert(!was_told(RADIO, "31:0312"));
    const char *events = yard_events(&y);
    ck_assert_ptr_nonnull(strstr(events, "radio waits PRECONDITION; "));
    ck_assert_ptr_null(strstr(events, "brake waits"));
    yard_close(&y);
}
END_TEST

/* A record speaks about its own order, and about its own state, only. */
START_TEST(a_failure_counts_for_the_order_that_failed)
{
    static const char *const states[] = {"failed", "activating", "failed"};
    begin();
    for (unsigned i = 0; i < 3; i++) {
        char order[2 * UP_SHA256_BYTES + 1] = "";
        up_hex_encode(y.pri->plan.digest, UP_SHA256_BYTES, order);
        if (i == 2) order[63] = order[63] == '0' ? '1' : '0';
        const char *record =
            author_text("{\"members\":[],\"order\":\"%s\",\"state\":\"%s\"}", order, states[i]);
        IS(pri_state_put(y.site.state, "bundle/x", up_span_of(record)), UP_OK);
        ck_assert_int_eq(pri_bundle_is(y.pri, "x", PRI_BUNDLE_FAILED), i == 0);
        ck_assert(!pri_bundle_is(y.pri, "y", PRI_BUNDLE_FAILED));
    }
    yard_close(&y);
}
END_TEST

/* The radio is out of reach from COMMIT on. */
static void lose_the_radio_after_commit(void)
{
    cut_at("31:0313");
    y.units[1].running.state = UDS_SLOT_TRIAL;
    y.units[1].silent = true;
    const struct pri_outcome *o = yard_cycle(&y, PRI_UPDATE);
    IS(o->err, UP_UNAVAILABLE);
    ck_assert_str_eq(yard_runs(&y, BRAKE), "brake-new");
    ck_assert_ptr_nonnull(strstr(record_of("all"), "\"members\":[\"radio\"]"));
    ck_assert_ptr_nonnull(strstr(record_of("all"), "\"committed\""));
    y.units[1].silent = false;
    forget_logs();
}

START_TEST(a_committed_bundle_goes_on_when_its_last_member_is_back)
{
    begin();
    lose_the_radio_after_commit();
    (void)yard_good(&y);
    all_new();
    ck_assert(!holds("bundle/all"));
    yard_close(&y);
}
END_TEST

START_TEST(a_member_that_lost_the_committed_image_gets_it_once_more)
{
    begin();
    lose_the_radio_after_commit();
    struct unit_slot s = y.units[1].running;
    y.units[1].running = y.units[1].other; /* it fell back, and what it had is bad */
    y.units[1].running.state = UDS_SLOT_CONFIRMED;
    y.units[1].other = s;
    y.units[1].other.state = UDS_SLOT_BAD;
    y.units[1].sick = true; /* and will not start at first: committed is committed all the same */
    const struct pri_outcome *o = yard_cycle(&y, PRI_UPDATE);
    ck_assert_uint_eq(o->pending, 1);
    ck_assert_ptr_nonnull(strstr(record_of("all"), "\"committed\""));
    y.units[1].sick = false;
    forget_logs();
    o = yard_good(&y); /* though it could not be brought forward at first */
    ck_assert_uint_eq(o->pending, 0);
    ck_assert(o->row[RADIO].updated);
    IS(o->row[RADIO].err, UP_OK);
    all_new();
    ck_assert(was_told(RADIO, "34:0 "));
    ck_assert(!was_told(BRAKE, "31:")); /* the others have nothing to do with it */
    ck_assert(!holds("bundle/all"));
    yard_close(&y);
}
END_TEST

START_TEST(a_new_order_replaces_what_an_older_one_left_committed)
{
    begin();
    lose_the_radio_after_commit();
    y.units[1].silent = true;
    yard_publish(&y, yard_order(&y, BRAKE, "brake-newer", 3, NULL)); /* nothing for the radio */
    (void)yard_cycle(&y, PRI_UPDATE);
    ck_assert_str_eq(yard_runs(&y, BRAKE), "brake-newer");
    ck_assert(!holds("bundle/all"));
    y.units[1].silent = false;
    (void)yard_good(&y);
    ck_assert_str_eq(yard_runs(&y, RADIO), "trial"); /* which it would leave by itself in the end */
    yard_publish(&y, yard_order(&y, RADIO, "radio-newer", 3, NULL));
    const struct pri_outcome *o = yard_cycle(&y, PRI_UPDATE);
    IS(o->row[RADIO].err, UP_PRECONDITION);
    yard_pass(&y, 10);
    (void)yard_good(&y);
    ck_assert_str_eq(yard_runs(&y, RADIO), "radio-newer");
    yard_close(&y);
}
END_TEST

/* ---- a member that cannot be taken back ---- */

START_TEST(who_could_not_be_taken_back_takes_part_in_nothing_else_until_it_is)
{
    begin();
    yard_publish_all(&y);
    y.units[1].boot_us = 3600 * YARD_SECOND;
    const struct pri_outcome *o = yard_cycle(&y, PRI_UPDATE);
    IS(o->err, UP_UNAVAILABLE);
    all_run("tcu-old", "old", "old");
    ck_assert_ptr_nonnull(strstr(record_of("all"), "\"members\":[\"radio\"]"));
    ck_assert_ptr_nonnull(strstr(record_of("all"), "\"reverting\""));

    yard_pass(&y, 3600); /* it is back, on trial, and does not listen to what it is told */
    y.units[1].boot_us = YARD_SECOND;
    y.units[1].refused = UDS_ROUTINE_CONTROL;
    y.units[1].code = UDS_PROGRAMMING_FAILURE;
    y.units[1].refusals = 1000;
    forget_logs();
    yard_publish(&y, author_text("%s,%s", yard_order(&y, BRAKE, "brake-newer", 3, NULL),
                                 yard_order(&y, RADIO, "radio-newer", 3, NULL)));
    o = yard_cycle(&y, PRI_UPDATE);
    IS(o->row[RADIO].err, UP_PRECONDITION);
    ck_assert_uint_eq(o->pending, 1);
    ck_assert_str_eq(yard_runs(&y, BRAKE), "brake-newer");
    ck_assert(!was_told(RADIO, "38:") && !was_told(RADIO, "34:"));

    y.units[1].refusals = 0;
    o = yard_cycle(&y, PRI_UPDATE); /* taken back, and updated in the same cycle */
    ck_assert_uint_eq(o->pending, 0);
    ck_assert_str_eq(yard_runs(&y, RADIO), "radio-newer");
    (void)yard_good(&y);
    yard_close(&y);
}
END_TEST

/* Its bundle must not forget it either. */
START_TEST(a_bundle_with_a_member_to_be_taken_back_does_not_begin_anew)
{
    begin();
    yard_publish_all(&y);
    y.units[1].boot_us = 36000 * YARD_SECOND;
    (void)yard_cycle(&y, PRI_UPDATE);
    yard_publish(&y, yard_order(&y, BRAKE, "brake-newer", 3, "all"));
    const struct pri_outcome *o = yard_cycle(&y, PRI_UPDATE);
    IS(o->row[BRAKE].err, UP_PRECONDITION);
    ck_assert_ptr_nonnull(strstr(record_of("all"), "\"members\":[\"radio\"]"));
    yard_publish(&y, yard_order(&y, BRAKE, "brake-newer", 3, NULL));
    (void)yard_cycle(&y, PRI_UPDATE);
    ck_assert_str_eq(yard_runs(&y, BRAKE), "brake-newer");
    yard_close(&y);
}
END_TEST

/* ---- resets in the middle ---- */

START_TEST(a_secondary_that_needs_new_time_goes_on_in_the_same_cycle)
{
    begin();
    y.units[1].verdict = UP_TIME_NONCE;
    y.units[1].verdicts = 2;
    yard_publish_all(&y);
    const struct pri_outcome *o = yard_good(&y);
    ck_assert_uint_eq(o->updated, 3);
    all_new();
    yard_close(&y);

    begin();
    y.units[1].verdict = UP_TIME_NONCE; /* but not for ever */
    yard_publish_all(&y);
    o = yard_cycle(&y, PRI_UPDATE);
    IS(o->err, UP_TIME_NONCE);
    ck_assert_uint_eq(o->pending, 3);
    ck_assert(!holds("bundle/all"));
    y.units[1].verdict = UP_OK;
    (void)yard_good(&y);
    all_new();
    yard_close(&y);
}
END_TEST

/* ---- power cuts of the Primary ---- */

static unsigned sweep(int cut_unit, bool sick, const char *tcu, const char *brake, const char *radio)
{
    bool over = false;
    unsigned turns = 0;
    for (; !over; turns++) {
        begin();
        if (sick) y.units[1].sick = true;
        yard_publish_all(&y);
        over = yard_cycle_for(&y, PRI_UPDATE, turns);
        if (!over && cut_unit >= 0) unit_cut(&y.units[cut_unit]);
        yard_cut(&y);
        const struct pri_outcome *o = NULL;
        for (int i = 0; i < 3; i++) o = yard_cycle(&y, PRI_UPDATE);
        ck_assert_msg(o->err == UP_OK, "cut %u: %s: %s", turns, up_err_name(o->err), o->detail);
        all_run(tcu, brake, radio);
        ck_assert_uint_eq(o->pending, sick ? 3 : 0);
        ck_assert_ptr_nonnull(strstr(author_text("%.*s", TEXT(yard_report(&y, "radio"))),
                                     author_text("\"filepath\":\"%s\"", radio)));
        yard_close(&y);
        ck_assert_uint_lt(turns, 3000);
    }
    return turns;
}

/* E-STO-12, P-EXC-06, V-FULL-06 */
START_TEST(a_power_cut_at_any_time_of_a_cycle_is_healed_by_the_next)
{
    ck_assert_uint_gt(sweep(-1, false, "tcu-new", "brake-new", "radio-new"), 50);
}
END_TEST

START_TEST(a_power_cut_of_primary_and_secondary_is_healed_by_the_next)
{
    ck_assert_uint_gt(sweep(0, false, "tcu-new", "brake-new", "radio-new"), 50);
}
END_TEST

START_TEST(a_power_cut_while_a_bundle_fails_leaves_the_old_images)
{
    ck_assert_uint_gt(sweep(-1, true, "tcu-old", "old", "old"), 50);
}
END_TEST

SUITE("cycle_bundles", what_failed_does_not_hold_up_what_was_late, a_failure_counts_for_the_order_that_failed,
      after_a_recovery_everybody_is_asked_again, an_activation_that_was_cut_is_finished,
      a_check_recovers_nothing, an_ecu_that_is_gone_from_the_vehicle_ends_its_record,
      no_ecu_is_in_two_bundles_at_once, what_failed_is_not_tried_again_until_its_order_changes,
      a_committed_bundle_goes_on_when_its_last_member_is_back,
      a_member_that_lost_the_committed_image_gets_it_once_more,
      a_new_order_replaces_what_an_older_one_left_committed,
      who_could_not_be_taken_back_takes_part_in_nothing_else_until_it_is,
      a_bundle_with_a_member_to_be_taken_back_does_not_begin_anew,
      a_secondary_that_needs_new_time_goes_on_in_the_same_cycle,
      a_power_cut_at_any_time_of_a_cycle_is_healed_by_the_next,
      a_power_cut_of_primary_and_secondary_is_healed_by_the_next,
      a_power_cut_while_a_bundle_fails_leaves_the_old_images)

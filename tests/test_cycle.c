/* Whole cycles of the Primary: what is asked in which order, what is told to whom, what survives. */
#include "primary/cycle.h"
#include "tests/suite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "metadata/json.h"
#include "tests/lib_cutvfs.h"
#include "tests/lib_yard.h"

static struct yard y;

static const char *requests(void)
{
    return lib_fetch_log(&y.site.net);
}

static void forget_logs(void)
{
    (void)requests();
    (void)yard_events(&y);
    for (unsigned i = 0; i < 2; i++) (void)unit_log(&y.units[i]);
}

static void fault(enum pri_server server, const char *path, enum up_err err)
{
    lib_fetch_fail(&y.site.net, (struct lib_fault){.server = server, .path = path, .err = err});
}

static void failed(enum up_err want, const char *what)
{
    const struct pri_outcome *o = yard_cycle(&y, PRI_UPDATE);
    ck_assert_msg(o->err == want, "%s: %s", up_err_name(o->err), o->detail);
    ck_assert_msg(strstr(o->detail, what) != NULL, "%s", o->detail);
}

/* Nothing but questions has been put to the Secondaries. */
static bool bus_is_clean(void)
{
    for (unsigned i = 0; i < 2; i++)
        for (const char *at = y.units[i].log; *at != '\0'; at = strchr(at, ' ') + 1)
            if (strncmp(at, "22:", 3) != 0) return false;
    return true;
}

static void all_run(const char *tcu, const char *brake, const char *radio)
{
    ck_assert_str_eq(yard_runs(&y, TCU), tcu);
    ck_assert_str_eq(yard_runs(&y, BRAKE), brake);
    ck_assert_str_eq(yard_runs(&y, RADIO), radio);
}

static bool holds(const char *key)
{
    return site_holds(&y.site, key);
}

/* ---- an ordinary life ---- */

/* V-FULL-03, P-VER-11, P-CLK-02, P-VER-08 */
START_TEST(an_update_asks_in_the_order_of_the_standard)
{
    yard_open(&y);
    yard_publish_all(&y);
    const struct pri_outcome *o = yard_good(&y);
    ck_assert_uint_eq(o->updated, 3);
    ck_assert_uint_eq(o->pending, 0);
    all_run("tcu-new", "brake-new", "radio-new");
    const char *log = requests(), *images = strstr(log, "repo/targets/");
    ck_assert_ptr_nonnull(images);
    ck_assert_str_eq(author_text("%.*s", (int)(images - log), log),
                     "time/ director/manifest director/2.root.json director/timestamp.json "
                     "director/1.snapshot.json director/1.targets.json repo/2.root.json repo/timestamp.json "
                     "repo/1.snapshot.json repo/1.targets.json ");
    ck_assert_ptr_nonnull(strstr(log, ".tcu-new director/manifest ")); /* it ends with the outcome */
    ck_assert_uint_eq(y.manifests, 2);
    for (unsigned m = 0; m < YARD_ECUS; m++) ck_assert(o->row[m].updated && o->row[m].ordered);
    ck_assert_str_eq(o->row[BRAKE].from, "old");
    ck_assert_str_eq(o->row[BRAKE].to, "brake-new");
    yard_close(&y);
}
END_TEST

/* V-FULL-04, V-SNAP-09 */
START_TEST(a_poll_without_news_makes_four_requests)
{
    yard_open(&y);
    yard_publish_all(&y);
    (void)yard_good(&y);
    forget_logs();
    for (int restart = 0; restart < 2; restart++) {
        const struct pri_outcome *o = yard_good(&y);
        ck_assert_uint_eq(o->updated + o->pending, 0);
        ck_assert_str_eq(requests(), "time/ director/manifest director/2.root.json director/timestamp.json ");
        ck_assert(bus_is_clean());
        ck_assert_str_eq(yard_told(&y), "");
        yard_cut(&y);
    }
    yard_close(&y);
}
END_TEST

START_TEST(a_check_installs_nothing)
{
    yard_open(&y);
    yard_publish_all(&y);
    const struct pri_outcome *o = yard_cycle(&y, PRI_CHECK);
    IS(o->err, UP_OK);
    ck_assert_uint_eq(o->updated, 0);
    ck_assert_uint_eq(o->pending, 3);
    ck_assert(bus_is_clean());
    ck_assert_ptr_null(strstr(requests(), "repo/targets/"));
    all_run("tcu-old", "old", "old");
    (void)yard_good(&y);
    o = yard_cycle(&y, PRI_CHECK);
    ck_assert_uint_eq(o->updated + o->pending, 0);
    yard_close(&y);
}
END_TEST

/* P-DIST-01, P-DIST-04: whoever gets no image gets the Director's news, once. */
START_TEST(a_secondary_without_an_order_gets_new_metadata_once)
{
    yard_open(&y);
    yard_publish(&y, yard_order(&y, BRAKE, "brake-new", 2, NULL));
    (void)yard_good(&y);
    const char *log = unit_log(&y.units[1]);
    ck_assert_ptr_nonnull(strstr(log, "38:time 37 38:director/timestamp 37 38:director/snapshot 37 "
                                      "38:director/targets 37 31:0310 "));
    ck_assert_ptr_null(strstr(log, "38:image/"));
    ck_assert_ptr_null(strstr(log, "34:"));
    log = unit_log(&y.units[0]); /* a partial verifier gets no more than it can use */
    ck_assert_ptr_nonnull(strstr(log, "38:time 37 38:director/targets 37 31:0310 "));
    ck_assert_ptr_null(strstr(log, "snapshot"));
    (void)yard_good(&y);
    ck_assert(bus_is_clean());
    (void)site_next_root(&y.site, UP_DIRECTOR, 0); /* P-DIST-03 */
    (void)site_next_root(&y.site, UP_DIRECTOR, 0);
    (void)yard_good(&y);
    for (unsigned i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(strstr(y.units[i].log, "38:director/root/2 37 38:director/root/3 37 38:time "));
        ck_assert_uint_eq(y.units[i].versions.director_root, 3);
    }
    yard_close(&y);
}
END_TEST

/* P-DIST-02 */
START_TEST(a_full_verifier_gets_both_repositories_with_its_image)
{
    yard_open(&y);
    yard_publish(&y, yard_order(&y, RADIO, "radio-new", 2, NULL));
    (void)yard_good(&y);
    ck_assert_ptr_nonnull(strstr(y.units[1].log,
                                 "38:time 37 38:director/timestamp 37 38:director/snapshot 37 "
                                 "38:director/targets 37 38:image/timestamp 37 38:image/snapshot 37 "
                                 "38:image/targets 37 31:0310 "));
    yard_close(&y);
}
END_TEST

/* ---- time ---- */

/* E-CLK-01, E-CLK-10 */
START_TEST(without_attested_time_nothing_is_installed)
{
    yard_open(&y);
    yard_publish_all(&y);
    fault(PRI_TIME, "", UP_TRANSPORT);
    failed(UP_TRANSPORT, "time");
    ck_assert(bus_is_clean());
    ck_assert_ptr_null(strstr(requests(), "repo/targets/"));
    ck_assert_ptr_nonnull(strstr(yard_events(&y), " download TIME_UNAVAILABLE; "));
    lib_fetch_heal(&y.site.net);
    (void)yard_good(&y);
    all_run("tcu-new", "brake-new", "radio-new");
    yard_close(&y);
}
END_TEST

/* E-CLK-10 */
START_TEST(attested_time_grows_old)
{
    yard_open(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    fault(PRI_TIME, "", UP_TRANSPORT);
    yard_pass(&y, 3000);
    yard_publish(&y, yard_order(&y, TCU, "tcu-new", 2, NULL));
    failed(UP_TRANSPORT, "time");
    ck_assert_str_eq(yard_runs(&y, TCU), "tcu-new");
    yard_pass(&y, 1000);
    yard_publish(&y, yard_order(&y, TCU, "tcu-newer", 3, NULL));
    failed(UP_TRANSPORT, "time");
    ck_assert_str_eq(yard_runs(&y, TCU), "tcu-new");
    yard_close(&y);
}
END_TEST

/* E-FULL-10: an attestation that failed is handed to nobody. */
START_TEST(time_that_nobody_signed_goes_no_further)
{
    yard_open(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    forget_logs();
    y.time_keys = KEY(20);
    yard_publish_all(&y);
    failed(UP_TIME_SIG, "time");
    for (unsigned i = 0; i < 2; i++) ck_assert_ptr_null(strstr(y.units[i].log, "38:time"));
    yard_close(&y);
}
END_TEST

/* V-CLK-12, V-CLK-11 */
START_TEST(time_keys_may_be_rotated_without_anybody_noticing)
{
    yard_open(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    y.site.author[UP_DIRECTOR].ring[UP_TIME].keys = KEY(20);
    (void)site_next_root(&y.site, UP_DIRECTOR, 0);
    yard_publish_all(&y);
    const struct pri_outcome *o = yard_good(&y); /* the time is signed by the new key already */
    ck_assert_uint_eq(o->updated, 3);
    ck_assert_str_eq(yard_told(&y), "");
    yard_close(&y);
}
END_TEST

/* E-CLK-08 */
START_TEST(time_does_not_go_back)
{
    yard_open(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    y.time_lag_s = 100;
    failed(UP_TIME_BACKWARD, "time");
    yard_cut(&y); /* the floor is durable */
    failed(UP_TIME_BACKWARD, "time");
    yard_close(&y);
}
END_TEST

/* V-FULL-11 */
START_TEST(one_time_holds_for_the_whole_cycle)
{
    yard_open(&y);
    y.site.author[UP_DIRECTOR].expires = y.site.author[UP_IMAGE].expires = "2025-06-15T15:07:10Z";
    yard_publish(&y, yard_order(&y, TCU, "tcu-new", 2, NULL)); /* valid for 20 seconds */
    y.site.net.patience = 4000;                                /* each request takes four */
    uint64_t since = y.now_us;
    (void)yard_good(&y);
    ck_assert_uint_gt(y.now_us - since, 30 * YARD_SECOND);
    ck_assert_str_eq(yard_runs(&y, TCU), "tcu-new");
    y.site.net.patience = 0;
    failed(UP_EXPIRED, "director timestamp.json");
    yard_close(&y);
}
END_TEST

/* P-FULL-12: what was verified and fetched, and then left lying, is verified again. */
START_TEST(an_install_that_was_cut_off_is_not_resumed_with_expired_metadata)
{
    yard_open(&y);
    y.site.author[UP_DIRECTOR].expires = y.site.author[UP_IMAGE].expires = "2025-06-15T15:09:00Z";
    yard_publish(&y, yard_order(&y, TCU, "tcu-new", 2, NULL)); /* valid for more than two minutes */
    y.site.net.patience = 10;
    yard_cycle_until(&y, PRI_UPDATE, "download");
    yard_cut(&y);
    yard_pass(&y, 300);
    y.site.net.patience = 0;
    failed(UP_EXPIRED, "director timestamp.json");
    ck_assert_str_eq(yard_runs(&y, TCU), "tcu-old");
    y.site.author[UP_DIRECTOR].expires = y.site.author[UP_IMAGE].expires = AUTHOR_EXPIRES;
    yard_publish(&y, yard_order(&y, TCU, "tcu-new", 2, NULL));
    (void)yard_good(&y);
    ck_assert_str_eq(yard_runs(&y, TCU), "tcu-new");
    yard_close(&y);
}
END_TEST

/* ---- what goes wrong, and who hears of it ---- */

/* E-FULL-10, P-FULL-07, P-MATCH-12 */
START_TEST(nothing_of_a_failed_cycle_reaches_the_bus)
{
    static const struct {
        enum pri_server server;
        const char *path;
    } at[] = {{PRI_DIRECTOR, "timestamp.json"}, {PRI_DIRECTOR, "2.targets.json"},
              {PRI_IMAGE, "2.root.json"},       {PRI_IMAGE, "timestamp.json"},
              {PRI_IMAGE, "2.snapshot.json"},   {PRI_IMAGE, "2.targets.json"}};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        yard_open(&y);
        (void)(yard_publish(&y, ""), yard_good(&y));
        forget_logs();
        yard_publish_all(&y);
        fault(at[i].server, at[i].path, UP_TRANSPORT);
        failed(UP_TRANSPORT, at[i].path);
        ck_assert(bus_is_clean());
        lib_fetch_heal(&y.site.net);
        (void)yard_good(&y); /* V-FULL-06 */
        all_run("tcu-new", "brake-new", "radio-new");
        yard_close(&y);
    }
    yard_open(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    forget_logs();
    yard_publish_all(&y);
    const char *other = author_image("radio-new", "radio-hw", 3);
    site_publish_with(&y.site, UP_IMAGE, 3, other, "", "");
    failed(UP_TARGET_NOT_FOUND, "image ");
    ck_assert(bus_is_clean());
    yard_close(&y);
}
END_TEST

/* P-DIST-09 */
START_TEST(an_image_that_is_not_the_ordered_one_reaches_nobody)
{
    yard_open(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    forget_logs();
    yard_publish_all(&y);
    struct shelf *s = &y.site.net.shelf[PRI_IMAGE];
    for (unsigned i = 0; i < s->n; i++)
        if (strstr(s->item[i].name, ".radio-new") != NULL) s->item[i].file = UP_SPAN("radio-new 3");
    failed(UP_IMG_HASH, "image radio-new");
    ck_assert(bus_is_clean());
    yard_close(&y);
}
END_TEST

/* P-DIST-14 */
START_TEST(a_secondary_that_refuses_or_is_silent_holds_up_nobody_else)
{
    for (int silent = 0; silent < 2; silent++) {
        yard_open(&y);
        yard_publish(&y, author_text("%s,%s,%s", yard_order(&y, TCU, "tcu-new", 2, NULL),
                                     yard_order(&y, BRAKE, "brake-new", 2, NULL),
                                     yard_order(&y, RADIO, "radio-new", 2, NULL)));
        y.units[1].silent = silent;
        y.units[1].verdict = silent ? UP_OK : UP_ROLLBACK;
        const struct pri_outcome *o = yard_cycle(&y, PRI_UPDATE);
        IS(o->err, silent ? UP_UNAVAILABLE : UP_ROLLBACK);
        ck_assert_uint_eq(o->updated, 2);
        ck_assert_uint_eq(o->pending, 1);
        IS(o->row[RADIO].err, silent ? UP_UNAVAILABLE : UP_ROLLBACK);
        if (!silent) /* E-LOG-02 */
            ck_assert_str_eq(yard_told(&y),
                             "ROLLBACK: radio: refused by the Secondary: older than the trusted version");
        all_run("tcu-new", "brake-new", "old");
        const char *events = yard_events(&y), *told = strstr(events, "radio identify UNAVAILABLE");
        ck_assert(silent == (told != NULL)); /* once, not for every errand that it had no part in */
        ck_assert(told == NULL || strstr(told + 1, "radio identify") == NULL);
        yard_close(&y);
    }
}
END_TEST

/* P-DIST-14 */
START_TEST(a_bundle_waits_for_its_silent_member)
{
    yard_open(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    y.units[1].silent = true;
    yard_publish_all(&y);
    failed(UP_UNAVAILABLE, "radio: does not answer");
    all_run("tcu-old", "old", "old");
    ck_assert(!holds("bundle/all"));
    y.units[1].silent = false;
    (void)yard_good(&y);
    all_run("tcu-new", "brake-new", "radio-new");
    yard_close(&y);
}
END_TEST

/* P-VER-15, P-VER-12: byte for byte, after a restart too. */
START_TEST(a_silent_secondary_is_represented_by_its_last_report)
{
    yard_open(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    const char *last = author_text("%.*s", TEXT(yard_report(&y, "radio")));
    const char *brake = author_text("%.*s", TEXT(yard_report(&y, "brake")));
    y.units[1].silent = true;
    for (int i = 0; i < 3; i++) {
        const struct pri_outcome *o = yard_cycle(&y, PRI_UPDATE);
        ck_assert(!o->row[RADIO].online && o->row[BRAKE].online);
        ck_assert(up_span_is(yard_report(&y, "radio"), last));
        ck_assert(!up_span_is(yard_report(&y, "brake"), brake));
        yard_cut(&y);
    }
    forget_logs(); /* and what it ran last is not fetched for it again and again */
    (void)yard_cycle(&y, PRI_UPDATE);
    ck_assert_str_eq(requests(), "time/ director/manifest director/2.root.json director/timestamp.json ");
    yard_close(&y);
}
END_TEST

/* What the radio said before it fell silent was sent, so it must be there to be sent again. */
START_TEST(a_report_is_stored_before_it_is_sent)
{
    yard_open(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    y.units[1].unheard = UDS_READ_DATA; /* it is lost right behind its report */
    y.units[1].odd_did = UDS_DID_TIME_NONCE;
    y.units[1].odd = UP_SPAN("no nonce");
    (void)yard_cycle(&y, PRI_UPDATE);
    const char *last = author_text("%.*s", TEXT(yard_report(&y, "radio")));
    yard_cut(&y);
    y.units[1].silent = true;
    (void)yard_cycle(&y, PRI_UPDATE);
    ck_assert(up_span_is(yard_report(&y, "radio"), last));
    yard_close(&y);
}
END_TEST

/* A Director that serves its last but one set, as a man in the middle would. */
static struct shelf old_set, new_set;
static void keep_two_sets(void)
{
    (void)(yard_publish(&y, ""), yard_good(&y));
    old_set = y.site.net.shelf[PRI_DIRECTOR];
    (void)(yard_publish(&y, ""), yard_good(&y));
    new_set = y.site.net.shelf[PRI_DIRECTOR];
}
static void serve(const struct shelf *set)
{
    y.site.net.shelf[PRI_DIRECTOR] = *set;
}

#define ROLLED_BACK "ROLLBACK: director timestamp.json: older than the trusted version"

/* E-LOG-02, E-VER-05 */
START_TEST(an_attack_is_told_at_the_end_of_the_same_cycle_and_once)
{
    yard_open(&y);
    keep_two_sets();
    serve(&old_set);
    failed(UP_ROLLBACK, "director timestamp.json");
    ck_assert_str_eq(yard_told(&y), ROLLED_BACK);
    serve(&new_set);
    (void)yard_good(&y);
    ck_assert_str_eq(yard_told(&y), "");
    yard_close(&y);
}
END_TEST

/* E-LOG-04 */
START_TEST(an_attack_stays_until_a_report_that_carries_it_was_delivered)
{
    yard_open(&y);
    keep_two_sets();
    serve(&old_set);
    for (int i = 0; i < 3; i++) {
        if (i > 0) fault(PRI_DIRECTOR, "manifest", UP_TRANSPORT);
        y.site.net.patience = 1;
        if (i == 0) {
            yard_cycle_until(&y, PRI_UPDATE, "director"); /* nobody hears of what comes now */
            fault(PRI_DIRECTOR, "manifest", UP_TRANSPORT);
            (void)yard_rest(&y);
        } else {
            (void)yard_cycle(&y, PRI_UPDATE); /* nor of anything else */
        }
        y.site.net.patience = 0;
        yard_cut(&y);
    }
    lib_fetch_heal(&y.site.net);
    serve(&new_set);
    (void)yard_good(&y);
    ck_assert_str_eq(yard_told(&y), ROLLED_BACK " +3"); /* and three times that it could not be told */
    (void)yard_good(&y);
    ck_assert_str_eq(yard_told(&y), "");
    yard_close(&y);
}
END_TEST

/* E-DL-04, P-LOG-03 */
START_TEST(slow_retrieval_is_told_to_the_director)
{
    yard_open(&y);
    yard_publish(&y, "");
    fault(PRI_DIRECTOR, "1.targets.json", UP_TOO_SLOW);
    failed(UP_TOO_SLOW, "director 1.targets.json");
    ck_assert_int_eq(strncmp(yard_told(&y), "TOO_SLOW: director 1.targets.json", 33), 0);
    yard_close(&y);
}
END_TEST

/* E-LOG-04 */
START_TEST(what_happens_while_a_report_is_under_way_stays)
{
    struct pri_problem problem;
    yard_open(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    pri_problem_set(&problem, UP_ROLLBACK, "before");
    pri_remember_attack(y.pri, &problem);
    y.site.net.patience = 1;
    yard_cycle_until(&y, PRI_UPDATE, "manifest"); /* it is on its way */
    pri_problem_set(&problem, UP_TOO_SLOW, "meanwhile");
    pri_remember_attack(y.pri, &problem);
    pri_problem_set(&problem, UP_BUS_REFUSED, "no attack");
    pri_remember_attack(y.pri, &problem);
    (void)yard_rest(&y);
    ck_assert_str_eq(yard_told(&y), "ROLLBACK: before");
    (void)yard_good(&y);
    ck_assert_str_eq(yard_told(&y), "ROLLBACK: before +1");
    (void)yard_good(&y);
    ck_assert_str_eq(yard_told(&y), "");
    yard_close(&y);
}
END_TEST

/* E-VER-17 */
START_TEST(attack_text_is_bounded_and_harmless)
{
    struct pri_problem problem;
    char longest[300];
    yard_open(&y);
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    memcpy(longest, "\"\\\n\x7f", 4);
    pri_problem_set(&problem, UP_DELEGATION_INVALID, "%s", longest);
    for (int i = 0; i < 3; i++) pri_remember_attack(y.pri, &problem); /* the same again is no news */
    (void)(yard_publish(&y, ""), yard_good(&y));
    const char *told = yard_told(&y);
    ck_assert_uint_le(strlen(told), UP_ATTACKS_MAX);
    ck_assert_int_eq(strncmp(told, "DELEGATION_INVALID: ''??xxx", 27), 0);
    ck_assert_ptr_null(strchr(told, '+'));
    for (unsigned i = 0; i < 1200; i++) {
        pri_problem_set(&problem, UP_DELEGATION_INVALID, "%u%s", i, longest);
        pri_remember_attack(y.pri, &problem);
    }
    (void)yard_good(&y);
    told = yard_told(&y);
    ck_assert_uint_le(strlen(told), UP_ATTACKS_MAX);
    ck_assert_ptr_nonnull(strstr(told, "xx +1199"));
    yard_close(&y);
}
END_TEST

/* E-VER-03 */
static uint64_t counter_of(const char *serial)
{
    struct up_span body, value;
    ck_assert(up_json_find(yard_report(&y, serial), "signed", &body) &&
              up_json_find(body, "report_counter", &value));
    return strtoull((const char *)value.p + 1, NULL, 10);
}

START_TEST(the_counter_of_our_report_never_repeats)
{
    uint64_t last = 0;
    yard_open(&y);
    yard_publish(&y, "");
    for (int i = 0; i < 12; i++) {
        (void)yard_good(&y);
        ck_assert_uint_gt(counter_of("tcu"), last);
        last = counter_of("tcu");
        if (i % 2 == 0) yard_cut(&y);
        if (i % 3 == 0) { /* cut while it is on its way */
            y.site.net.patience = 1;
            yard_cycle_until(&y, PRI_UPDATE, "manifest");
            (void)pri_step(y.pri, y.now_us);
            last = counter_of("tcu");
            yard_cut(&y);
            y.site.net.patience = 0;
        }
    }
    yard_close(&y);
}
END_TEST

/* What could not be stored is not sent. E-STO-11 */
START_TEST(a_full_disk_keeps_the_manifest_at_home)
{
    yard_open(&y);
    cutvfs_cut(0, CUT_KEEPS_ALL); /* the disk that can fail is registered */
    yard_stop(&y);
    site_use_file(&y.site);
    yard_start(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    unsigned manifests = y.manifests;
    cutvfs_fail(1, SQLITE_FULL);
    const struct pri_outcome *o = yard_cycle(&y, PRI_UPDATE);
    ck_assert(o->err == UP_STORAGE_FULL || o->err == UP_STORAGE_WRITE);
    cutvfs_heal();
    ck_assert_uint_eq(y.manifests, manifests);
    (void)yard_good(&y);
    yard_close(&y);
}
END_TEST

START_TEST(results_are_told_with_the_order_that_they_belong_to)
{
    yard_open(&y);
    const struct author *a = &y.site.author[UP_DIRECTOR];
    const char *order = yard_order(&y, BRAKE, "brake-new", 2, NULL);
    yard_publish(&y, order);
    const char *body = author_with(author_targets_body(a, 1, order, ""), "\"vehicleId\"",
                                   "\"correlationId\":\"campaign-7\",\"vehicleId\"");
    shelf_publish(&y.site.net.shelf[UP_DIRECTOR], a, 1, author_file(a, UP_TARGETS, body), 1, "");
    (void)yard_good(&y);
    ck_assert_ptr_nonnull(strstr(y.site.net.body, "\"correlation_id\":\"campaign-7\""));
    ck_assert_ptr_nonnull(strstr(y.site.net.body, "\"ecu\":\"brake\""));
    (void)yard_good(&y); /* the next cycle has no results yet */
    ck_assert_ptr_null(strstr(y.site.net.body, "campaign-7"));
    y.site.net.patience = 1;
    y.units[1].silent = true; /* nor is this one */
    yard_cycle_until(&y, PRI_UPDATE, "director");
    ck_assert_ptr_null(strstr(y.site.net.body, "campaign-7"));
    (void)yard_rest(&y);
    yard_close(&y);
}
END_TEST

/* E-STO-07 */
START_TEST(damage_is_told_in_the_next_cycle)
{
    yard_open(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    IS(pri_state_put(y.site.state, "director/snapshot", UP_SPAN("junk")), UP_OK);
    yard_cut(&y);
    forget_logs();
    (void)yard_good(&y);
    ck_assert_ptr_nonnull(strstr(yard_events(&y), " restore STORAGE_CORRUPT; "));
    (void)yard_good(&y);
    ck_assert_ptr_null(strstr(yard_events(&y), "restore"));
    yard_close(&y);
}
END_TEST

START_TEST(a_state_folder_that_cannot_be_used_is_told)
{
    struct pri_problem problem = {0};
    struct pri_ports ports = {.state = NULL};
    char longest[600];
    yard_open(&y);
    struct pri_config config = y.config;
    config.state_dir = author_text("%s/none/such", y.site.folder.path);
    ck_assert_ptr_null(pri_open(&config, &ports, &problem));
    IS(problem.err, UP_CONFIG);
    ck_assert_ptr_nonnull(strstr(problem.what, "state_dir"));
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    config.state_dir = longest;
    ck_assert_ptr_null(pri_open(&config, &ports, &problem));
    ck_assert_ptr_nonnull(strstr(problem.what, "too long"));
    yard_close(&y);
}
END_TEST

/* E-LOG-04: faults are ours to mend; the count ends at a bound, and is one only in its own form. */
START_TEST(only_attacks_are_told_and_counted)
{
    static const struct {
        const char *known, *told;
    } c[] = {{"", "ROLLBACK: x"},
             {"ROLLBACK: x", "ROLLBACK: x"},
             {"ROLLBACK: x +5", "ROLLBACK: x +5"},
             {"EXPIRED: y", "EXPIRED: y +1"},
             {"EXPIRED: y +9997", "EXPIRED: y +9998"},
             {"EXPIRED: y +9998", "EXPIRED: y +9999"},
             {"EXPIRED: y +9999", "EXPIRED: y +9999"},
             {"EXPIRED: y+5", "EXPIRED: y+5 +1"},
             {"EXPIRED: y +", "EXPIRED: y + +1"},
             {"EXPIRED: y +/", "EXPIRED: y +/ +1"},
             {"EXPIRED: y +:", "EXPIRED: y +: +1"},
             {"EXPIRED: y +5s", "EXPIRED: y +5s +1"},
             {"+5", "+5 +1"}};
    struct pri_problem attack, faulty;
    yard_open(&y);
    pri_problem_set(&attack, UP_ROLLBACK, "x");
    pri_problem_set(&faulty, UP_STORAGE_FULL, "x");
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        struct up_span value;
        IS(pri_state_put(y.site.state, "attacks", up_span_of(c[i].known)), UP_OK);
        pri_remember_attack(y.pri, &faulty);
        pri_remember_attack(y.pri, &attack);
        IS(pri_state_get(y.site.state, "attacks", &value), UP_OK);
        ck_assert_msg(up_span_is(value, c[i].told), "%s: %.*s", c[i].known, TEXT(value));
        free((void *)(uintptr_t)value.p);
    }
    yard_close(&y);
}
END_TEST

/* E-VER-03: the number of this start is in every counter, and is stored once. */
START_TEST(every_start_is_counted_once)
{
    yard_open(&y);
    yard_publish(&y, "");
    IS(pri_state_put(y.site.state, "boots", UP_SPAN("41")), UP_OK);
    yard_cut(&y);
    (void)yard_good(&y);
    struct up_span value;
    IS(pri_state_get(y.site.state, "boots", &value), UP_OK);
    ck_assert(up_span_is(value, "42"));
    free((void *)(uintptr_t)value.p);
    ck_assert_uint_eq(counter_of("tcu") >> 32, 42);
    IS(pri_state_remove(y.site.state, "boots"), UP_OK);
    (void)yard_good(&y);
    ck_assert(!holds("boots")); /* one write for each start, not for each poll */
    ck_assert_uint_eq(counter_of("tcu") >> 32, 42);
    yard_close(&y);
}
END_TEST

/* E-CLK-05: a stored time counts with the keys that attested it, both whole. */
START_TEST(a_damaged_clock_record_falls_back_to_the_plants_time)
{
    yard_open(&y);
    (void)(yard_publish(&y, ""), yard_good(&y));
    struct up_span value;
    IS(pri_state_get(y.site.state, "clock", &value), UP_OK);
    const char *good = author_text("%.*s", TEXT(value)), *keys = strstr(good, "\"keys\":\"");
    free((void *)(uintptr_t)value.p);
    ck_assert_ptr_nonnull(keys);
    const char digit[] = {keys[8], 0};
    const char *bad[] = {author_with(good, "\"keys\"", "\"kyes\""),
                         author_with(good, author_text("\"keys\":\"%s", digit), "\"keys\":\"g"),
                         author_with(good, author_text("\"keys\":\"%s", digit), "\"keys\":\""),
                         author_with(good, "\"keys\":\"", "\"keys\":\"00"),
                         author_with(good, "\"attested_s\"", "\"attsted_s\""),
                         author_with(good, "\"attested_s\":", "\"attested_s\":-"),
                         "{}",
                         ""};
    yard_cut(&y);
    const int64_t attested_s = y.pri->clock.attested_s;
    ck_assert_int_gt(attested_s, y.config.base_time_s);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        yard_stop(&y);
        IS(pri_state_put(y.site.state, "clock", up_span_of(bad[i])), UP_OK);
        yard_start(&y);
        ck_assert_msg(y.pri->clock.attested_s == y.config.base_time_s, "%s", bad[i]);
    }
    yard_stop(&y);
    IS(pri_state_put(y.site.state, "clock", up_span_of(good)), UP_OK);
    yard_start(&y);
    ck_assert_int_eq(y.pri->clock.attested_s, attested_s);
    yard_close(&y);
}
END_TEST

SUITE("cycle", only_attacks_are_told_and_counted, every_start_is_counted_once,
      a_damaged_clock_record_falls_back_to_the_plants_time, an_update_asks_in_the_order_of_the_standard,
      a_poll_without_news_makes_four_requests, a_check_installs_nothing,
      a_secondary_without_an_order_gets_new_metadata_once,
      a_full_verifier_gets_both_repositories_with_its_image, without_attested_time_nothing_is_installed,
      attested_time_grows_old, time_that_nobody_signed_goes_no_further,
      time_keys_may_be_rotated_without_anybody_noticing, time_does_not_go_back,
      one_time_holds_for_the_whole_cycle, nothing_of_a_failed_cycle_reaches_the_bus,
      an_image_that_is_not_the_ordered_one_reaches_nobody,
      a_secondary_that_refuses_or_is_silent_holds_up_nobody_else, a_bundle_waits_for_its_silent_member,
      a_silent_secondary_is_represented_by_its_last_report, a_report_is_stored_before_it_is_sent,
      an_attack_is_told_at_the_end_of_the_same_cycle_and_once,
      an_attack_stays_until_a_report_that_carries_it_was_delivered, slow_retrieval_is_told_to_the_director,
      what_happens_while_a_report_is_under_way_stays, attack_text_is_bounded_and_harmless,
      the_counter_of_our_report_never_repeats, a_full_disk_keeps_the_manifest_at_home,
      results_are_told_with_the_order_that_they_belong_to, damage_is_told_in_the_next_cycle,
      a_state_folder_that_cannot_be_used_is_told,
      an_install_that_was_cut_off_is_not_resumed_with_expired_metadata)

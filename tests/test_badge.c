/* Authentication (29) from end to end: the Primary's badge (primary/badge_openssl.c), its conversation, and
 * the Secondary's judgement of it (secondary/badge_openssl.c). */
#include "primary/badge_openssl.h"
#include "secondary/badge_openssl.h"
#include "tests/suite.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tests/errand_world.h"
#include "tests/lib_author.h"
#include "tests/lib_folder.h"
#include "tests/lib_pki.h"

static struct folder folder;
static struct pri_badge badge;
static struct sec_badge judge;
static char why[512];

/* The Primary shows NAME.pem with NAME.key; the ECU wants what CA.pem has signed. */
static void begin_with(const char *name, const char *ca)
{
    char certificate[64], key[64], authority[64];
    snprintf(certificate, sizeof certificate, "%s.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    snprintf(authority, sizeof authority, "%s.pem", ca);
    ck_assert_msg(pri_badge_open(&badge, certificate, key, why, sizeof why), "%s", why);
    ck_assert_msg(sec_badge_open(&judge, authority, UP_SPAN("VIN-1"), why, sizeof why), "%s", why);
    judge.now_s = time(NULL);
    begin();
    config.ecus[0].authentication = true;
    ecu.badge = &badge;
    u.port = &judge.port;
    unit_cut(&u);
    now_us += 5 * SECOND;
    (void)unit_pump(&u, now_us);
}

static void end_all(void)
{
    end();
    pri_badge_close(&badge);
    sec_badge_close(&judge);
}

static void make_certificates(void)
{
    folder = folder_make();
    ck_assert_int_eq(chdir(folder.path), 0);
    pki_authority("ca");
    pki_authority("other");
    pki_certificate("primary", "ca", "VIN-1", NULL, 10);
    pki_certificate("neighbour", "ca", "VIN-2", NULL, 10);
    pki_certificate("old", "ca", "VIN-1", NULL, -1);
    pki_certificate("forged", "other", "VIN-1", NULL, 10);
}

static void remove_certificates(void)
{
    folder_remove(&folder);
}

START_TEST(a_primary_with_the_right_certificate_updates_an_ecu_that_wants_one)
{
    make_certificates();
    begin_with("primary", "ca");
    done(PRI_IDENTIFY); /* anybody may ask that */
    ck_assert(!ecu.authenticated);
    done(PRI_PREPARE);
    ck_assert(ecu.authenticated);
    done(PRI_ACTIVATE);
    ck_assert_uint_eq(u.running.state, UDS_SLOT_TRIAL);
    done(PRI_CONFIRM);
    ck_assert_uint_eq(u.running.state, UDS_SLOT_CONFIRMED);
    end_all();
    remove_certificates();
}
END_TEST

START_TEST(a_primary_without_one_or_with_a_wrong_one_is_refused_with_its_code)
{
    static const struct {
        const char *name, *code;
    } wrong[] = {{"neighbour", "29 56"}, {"old", "29 50"}, {"forged", "29 52"}};
    make_certificates();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        begin_with(wrong[i].name, "ca");
        failed(PRI_PREPARE, UP_BUS_REFUSED, wrong[i].code);
        ck_assert_uint_eq(u.other.state, UDS_SLOT_EMPTY);
        end_all();
    }
    begin_with("primary", "ca");
    config.ecus[0].authentication = false;
    failed(PRI_PREPARE, UP_BUS_REFUSED, "34 authenticationRequired");
    end_all();
    remove_certificates();
}
END_TEST

/* Who has only heard a certificate cannot use it. */
START_TEST(a_certificate_without_its_key_is_worth_nothing)
{
    make_certificates();
    begin_with("primary", "ca");
    struct pri_badge thief;
    ck_assert(pri_badge_open(&thief, "neighbour.pem", "neighbour.key", why, sizeof why));
    const struct up_signer own = badge.signer;
    badge.signer = thief.signer;
    failed(PRI_PREPARE, UP_BUS_REFUSED, "29 58");
    badge.signer = own;
    pri_badge_close(&thief);
    end_all();
    remove_certificates();
}
END_TEST

START_TEST(files_that_do_not_fit_are_refused_with_advice)
{
    make_certificates();
    ck_assert(!pri_badge_open(&badge, "primary.pem", "neighbour.key", why, sizeof why));
    ck_assert_msg(strstr(why, "bus_key") != NULL, "%s", why);
    pri_badge_close(&badge);
    ck_assert(!pri_badge_open(&badge, "primary.key", "primary.key", why, sizeof why));
    ck_assert_msg(strstr(why, "bus_certificate") != NULL, "%s", why);
    pri_badge_close(&badge);
    ck_assert(!sec_badge_open(&judge, "primary.key", UP_SPAN("VIN-1"), why, sizeof why));
    ck_assert_msg(strstr(why, "tester_ca") != NULL, "%s", why);
    remove_certificates();
}
END_TEST

SUITE("badge", a_primary_with_the_right_certificate_updates_an_ecu_that_wants_one,
      a_primary_without_one_or_with_a_wrong_one_is_refused_with_its_code,
      a_certificate_without_its_key_is_worth_nothing, files_that_do_not_fit_are_refused_with_advice)

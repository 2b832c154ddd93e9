/* Authentication (29), and SecurityAccess (27) with a shared secret, from end to end: the Primary's badge
 * (primary/badge_openssl.c), its conversation, and the Secondary's judgement of it
 * (secondary/badge_openssl.c). */
#include "metadata/secret_posix.h"
#include "primary/badge_openssl.h"
#include "secondary/badge_openssl.h"
#include "tests/suite.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/errand_world.h"
#include "tests/lib_author.h"
#include "tests/lib_flash.h"
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
    ck_assert_msg(strstr(why, "primary.pem: not the certificate of the key in neighbour.key") != NULL, "%s",
                  why);
    pri_badge_close(&badge);
    ck_assert(!pri_badge_open(&badge, "primary.key", "primary.key", why, sizeof why));
    ck_assert_msg(strstr(why, "primary.key: no certificate in PEM") != NULL, "%s", why);
    pri_badge_close(&badge);
    ck_assert(!sec_badge_open(&judge, "primary.key", UP_SPAN("VIN-1"), why, sizeof why));
    ck_assert_msg(strstr(why, "tester_ca") != NULL, "%s", why);
    remove_certificates();
}
END_TEST

/* ---- 27 ---- */

static struct lib_flash *flash;
static struct sec_store store;
static uint8_t secret[UP_SECRET_BYTES];

/* The ECU wants the key that "secret" gives; the Primary has what OURS says. */
static void begin_with_secret(const char *ours)
{
    struct sec_layout layout;
    folder_enter();
    flash = lib_flash_new(sec_layout_size(SEC_TWO_SLOTS, 4096, 4096, 4096), 4096, 8);
    ck_assert_int_eq(sec_layout_of(&flash->port, SEC_TWO_SLOTS, 4096, &layout), UP_OK);
    ck_assert_int_eq(sec_store_format(&store, &flash->port, &layout), UP_OK);
    (void)umask(077);
    folder_write_text("secret", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
    folder_write_text("ours", ours);
    ck_assert_msg(up_secret_read("ours", secret, why, sizeof why), "%s", why);
    memset(&judge, 0, sizeof judge);
    ck_assert_msg(sec_badge_add_secret(&judge, "secret", &store, why, sizeof why), "%s", why);
    begin();
    ecu.secret = secret;
    u.port = &judge.port;
    u.attempts = &store;
    unit_cut(&u);
    now_us += 5 * SECOND;
    (void)unit_pump(&u, now_us);
}

static void end_with_secret(void)
{
    end();
    sec_badge_close(&judge);
    lib_flash_free(flash);
    folder_leave();
}

START_TEST(a_primary_with_the_shared_secret_updates_an_ecu_that_wants_its_key)
{
    begin_with_secret("0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\n");
    done(PRI_IDENTIFY); /* anybody may ask that */
    ck_assert(!ecu.unlocked);
    done(PRI_PREPARE);
    ck_assert(ecu.unlocked);
    done(PRI_ACTIVATE);
    done(PRI_CONFIRM);
    ck_assert_uint_eq(u.running.state, UDS_SLOT_CONFIRMED);
    ck_assert_uint_eq(sec_attempts(&store), 0);
    end_with_secret();
}
END_TEST

START_TEST(wrong_secrets_run_into_the_delay_and_no_reset_gets_around_it)
{
    begin_with_secret("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdee\n");
    failed(PRI_PREPARE, UP_BUS_REFUSED, "27 35 invalidKey"); /* twice: somebody else might have said so */
    ck_assert_uint_eq(sec_attempts(&store), 2);
    unit_cut(&u);
    now_us += 5 * SECOND;
    (void)unit_pump(&u, now_us);
    failed(PRI_PREPARE, UP_BUS_REFUSED, "27 37 requiredTimeDelayNotExpired");
    unit_cut(&u);
    now_us += 5 * SECOND;
    (void)unit_pump(&u, now_us);
    secret[UP_SECRET_BYTES - 1] ^= 1; /* the right one: too early */
    failed(PRI_PREPARE, UP_BUS_REFUSED, "27 37 requiredTimeDelayNotExpired");
    uds_guard_tick(&u.guard, now_us / 1000 + UDS_ATTEMPT_DELAY_MS);
    done(PRI_PREPARE);
    ck_assert_uint_eq(sec_attempts(&store), 0);

    ecu.secret = NULL;
    failed(PRI_ACTIVATE, UP_BUS_REFUSED, "33 securityAccessDenied");
    end_with_secret();
}
END_TEST

START_TEST(a_count_that_makes_no_sense_is_too_many)
{
    begin_with_secret("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
    ck_assert(sec_attempts_keep(&store, 2));
    ck_assert_uint_eq(sec_attempts(&store), 2);
    ck_assert_int_eq(sec_store_put(&store, SEC_KEY_ATTEMPTS, UP_SPAN("xx")), UP_OK);
    ck_assert_uint_ge(sec_attempts(&store), UDS_ATTEMPTS);
    end_with_secret();
}
END_TEST

/* The known answer is another implementation's (Python's hmac); what is sent is its first half. */
START_TEST(a_key_fits_whole_or_not_at_all)
{
    uint8_t shared[UP_SECRET_BYTES], seed[UDS_SEED_BYTES],
        key[2 * UDS_KEY_BYTES] = {0x25, 0x94, 0x14, 0x1A, 0xCD, 0x4C, 0x49, 0xB3, 0x72, 0x34, 0x87,
                                  0xBE, 0x8B, 0x55, 0x7B, 0x6C, 0x39, 0x81, 0xF1, 0xD5, 0x90, 0x40,
                                  0xFB, 0x66, 0x7E, 0xF6, 0x62, 0x8A, 0x32, 0x1C, 0xBD, 0xAB};
    for (unsigned i = 0; i < sizeof shared; i++) shared[i] = (uint8_t)i;
    for (unsigned i = 0; i < sizeof seed; i++) seed[i] = (uint8_t)(0xF0 + i);
    ck_assert(!sec_seedkey_fits(shared, 2, seed, key, UDS_KEY_BYTES));
    for (size_t n = 0; n <= sizeof key; n++)
        ck_assert_int_eq(sec_seedkey_fits(shared, 1, seed, key, n), n == UDS_KEY_BYTES);
    for (size_t i = 0; i < UDS_KEY_BYTES; i++) {
        key[i] ^= 0x80;
        ck_assert(!sec_seedkey_fits(shared, 1, seed, key, UDS_KEY_BYTES));
        key[i] ^= 0x80;
    }
}
END_TEST

SUITE("badge", a_primary_with_the_right_certificate_updates_an_ecu_that_wants_one,
      a_primary_without_one_or_with_a_wrong_one_is_refused_with_its_code,
      a_certificate_without_its_key_is_worth_nothing, files_that_do_not_fit_are_refused_with_advice,
      a_primary_with_the_shared_secret_updates_an_ecu_that_wants_its_key,
      wrong_secrets_run_into_the_delay_and_no_reset_gets_around_it, a_count_that_makes_no_sense_is_too_many,
      a_key_fits_whole_or_not_at_all)

/* Authentication (29) from end to end: the Primary's badge (primary/badge_openssl.c), its conversation, and
 * the Secondary's judgement of it (secondary/badge_openssl.c). */
#include "primary/badge_openssl.h"
#include "secondary/badge_openssl.h"
#include "tests/suite.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib_author.h"
#include "tests/lib_folder.h"
#include "tests/lib_pki.h"
#include "tests/lib_unit.h"

#define IS(e, want) ck_assert_str_eq(up_err_name(e), up_err_name(want))
#define SECOND      UINT64_C(1000000)

static struct folder folder;
static struct pri_badge badge;
static struct sec_badge judge;
static char why[512];
static struct unit u;
static struct pri_ecu ecu;
static struct isotp_node node;
static struct isotp *channels[1];
static char words[] = "VIN-1\0brake\0hw";
static struct pri_config config;
static struct pri_parcel parcel;
static struct pri_file files[24];
static uint8_t image[UNIT_IMAGE];
#define IMAGE_BYTES 3000
static uint64_t now_us;

static void begin(void)
{
    config = (struct pri_config){.vehicle_id = words,
                                 .ecu_count = 1,
                                 .ecu_deadline_s = 30,
                                 .boot_deadline_s = 10,
                                 .ecus = {{.serial = words + 6,
                                           .hardware_id = words + 12,
                                           .profile = &up_profile_strict,
                                           .channel = isotp_config_default(0x7E0, 0x7E8, true)}}};
    now_us = UINT64_C(4294000000); /* soon the wire's clock wraps */
    unit_open(&u, "brake");
    pri_ecu_init(&ecu, &config.ecus[0], &config);
    channels[0] = &ecu.channel;
    isotp_node_init(&node, &u.wire.a.link, channels, 1);
    parcel = (struct pri_parcel){
        .files = files, .image = {image, IMAGE_BYTES}, .must_order = true, .attested_s = 1};
    memset(parcel.order, 0xAB, sizeof parcel.order);
    memset(u.order, 0xAB, sizeof u.order);
    memset(files, 0, sizeof files);
    for (size_t i = 0; i < sizeof image; i++) image[i] = (uint8_t)(i * 7 + i / 256);
}

static void end(void)
{
    pri_ecu_close(&ecu);
    unit_close(&u);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t primary_due(void)
{
    uint32_t e = pri_ecu_due(&ecu, now_us), n = isotp_node_due(&node, (uint32_t)now_us);
    uint32_t due = e < n ? e : n;
    return due == ISOTP_NEVER ? UINT64_MAX : now_us + due;
}

/* Until the errand ends; time jumps to what is due next. */
static enum pri_verdict run(enum pri_errand errand)
{
    const uint64_t end_us = now_us + 3600 * SECOND;
    pri_ecu_send(&ecu, errand, &parcel, now_us);
    while (now_us < end_us) {
        enum pri_verdict v = pri_ecu_step(&ecu, now_us);
        if (v != PRI_WAIT) return v;
        uint32_t moved = u.wire.a.sent + u.wire.b.sent;
        (void)isotp_node_pump(&node, (uint32_t)now_us);
        uint64_t due = earlier(unit_pump(&u, now_us), primary_due());
        bool busy = u.wire.a.sent + u.wire.b.sent != moved || u.wire.a.queued > 0;
        if (!busy && due > now_us) now_us = due == UINT64_MAX ? now_us + 1000 : due;
    }
    ck_abort_msg("the errand does not end: %s", unit_log(&u));
}

static void done(enum pri_errand errand)
{
    ck_assert_msg(run(errand) == PRI_DONE, "%s; %s", ecu.problem.what, unit_log(&u));
    ck_assert(!ecu.busy);
    ck_assert_uint_eq(pri_ecu_due(&ecu, now_us), ISOTP_NEVER);
}

static void failed(enum pri_errand errand, enum up_err want, const char *what)
{
    ck_assert_int_eq(run(errand), PRI_FAILED);
    IS(ecu.problem.err, want);
    ck_assert_msg(strstr(ecu.problem.what, what) != NULL, "%s", ecu.problem.what);
}

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

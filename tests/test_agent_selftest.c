/* Cryptography is tried on known answers before anything is believed. agent_verify.c itself is compiled in
 * here, so that it can be made to fail. */
#include "tests/lib_ecu.h"
#include "tests/suite.h"

#include "metadata/crypto.h"

static bool works;
static unsigned tried;
static bool known_answers(void)
{
    tried++;
    return works;
}
#define up_crypto_selftest known_answers
#include "secondary/agent_verify.c"
#undef up_crypto_selftest

#define IS(e, want) ck_assert_str_eq(up_err_name(e), up_err_name(want))

static struct ecu e;

START_TEST(broken_cryptography_verifies_nothing)
{
    ecu_new(&e, true, 1024, 16);
    ecu_issue(&e, "fw/new", 2, ecu_image(5000, 2));
    works = false;
    for (unsigned i = 0; i < 2; i++) {
        IS(ecu_send(&e), UP_CRYPTO_SELFTEST);
        ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, 5000), UDS_DOWNLOAD_NOT_ACCEPTED);
    }
    ck_assert_uint_eq(ecu_versions(&e).director_targets, 0);
    ck_assert_uint_eq(tried, 2);
    works = true;
    IS(ecu_update(&e), UP_OK);
    ecu_free(&e);
}
END_TEST

START_TEST(working_cryptography_is_tried_once_in_each_boot)
{
    ecu_new(&e, false, 1024, 16);
    works = true;
    for (unsigned boot = 1; boot <= 3; boot++) {
        for (unsigned i = 0; i < 3; i++) {
            ecu_issue(&e, NULL, 0, (struct up_span){0});
            IS(ecu_send(&e), UP_TARGET_NOT_FOUND);
        }
        ck_assert_uint_eq(tried, boot);
        IS(ecu_boot(&e), UP_OK);
    }
    ecu_free(&e);
}
END_TEST

SUITE("agent_selftest", broken_cryptography_verifies_nothing, working_cryptography_is_tried_once_in_each_boot)

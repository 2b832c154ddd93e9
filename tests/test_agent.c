#include "tests/lib_ecu.h"
#include "tests/suite.h"

static struct ecu e;

static void both(void (*body)(void))
{
    for (int full = 0; full < 2; full++) {
        ecu_new(&e, full == 1, 4096, 16);
        body();
        ecu_free(&e);
    }
}

static void update_to(const char *name, unsigned counter, uint32_t seed)
{
    ecu_issue(&e, name, counter, ecu_image(5000, seed));
    ck_assert_int_eq(ecu_update(&e), UP_OK);
}

static void an_update(void)
{
    ck_assert(ecu_runs(&e, "fw/old"));
    update_to("fw/new", 2, 7);
    ck_assert(ecu_runs(&e, "fw/new"));
    ck_assert_uint_eq(ecu_boot(&e), UP_OK);
    ck_assert(ecu_runs(&e, "fw/new"));
    ck_assert_uint_eq(ecu_versions(&e).release_counter, 2);
    update_to("fw/newer", 3, 8);
    ck_assert(ecu_runs(&e, "fw/newer"));
    struct uds_slots s = ecu_slots(&e);
    ck_assert_int_eq(s.running, UDS_SLOT_CONFIRMED);
    ck_assert_int_eq(s.running_slot, 0);
    ck_assert_int_eq(s.other, UDS_SLOT_EMPTY);
}

START_TEST(a_whole_update_by_either_verification)
{
    both(an_update);
}
END_TEST

SUITE("agent", a_whole_update_by_either_verification)

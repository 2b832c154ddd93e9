/* One Secondary, many updates in a row in virtual time, each with something that goes wrong: power cuts torn
 * in every way, resets between blocks, a second tester, lost patience. From one seed. 1,000 updates with
 * ISOCTANE_THOROUGH set, else 60. */
#include "tests/lib_ecu.h"
#include "tests/suite.h"

#include <stdio.h>

#define IMAGE  12000u
#define SECTOR 1024u

static struct ecu e;
static uint32_t seed;

static uint32_t chance(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)(seed >> 4) * below) >> 28);
}

/* ---- what goes wrong ---- */

static bool cut_once(void)
{
    if (setjmp(e.flash->cut) != 0) return false;
    lib_flash_cut(e.flash, 1 + chance(400), (enum lib_tear)chance(LIB_TEARS));
    enum up_err err = ecu_update(&e);
    e.flash->cut_at = 0;
    ck_assert_int_eq(err, UP_OK);
    return true;
}

static void power_cut(void)
{
    if (cut_once()) return;
    lib_flash_power(e.flash);
    ck_assert_int_eq(ecu_boot(&e), UP_OK);
}

static void reset_between_blocks(void)
{
    ck_assert_int_eq(ecu_send(&e), UP_OK);
    if (ecu_begin_image(&e, 0, 0, (uint32_t)e.new_image.n) != 0) return;
    const uint32_t part = 1500 * (1 + chance(7));
    ck_assert_uint_eq(ecu_blocks(&e, (struct up_span){e.new_image.p, part}, 1500), 0);
    ck_assert_int_eq(ecu_boot(&e), UP_OK);
}

/* Any request, most of them nonsense, from somebody else. */
static void second_tester(void)
{
    for (unsigned n = chance(20); n > 0; n--) {
        uint8_t q[40];
        static const uint8_t services[] = {0x10, 0x22, 0x27, 0x2E, 0x31, 0x34, 0x36, 0x37, 0x38, 0x3E, 0x85};
        for (unsigned i = 0; i < sizeof q; i++) q[i] = (uint8_t)chance(256);
        q[0] = services[chance(sizeof services)];
        (void)ecu_ask(&e, q, 2 + chance(38));
    }
}

/* The Primary goes away during the trial. */
static void silence_on_trial(void)
{
    ck_assert_int_eq(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_transfer(&e), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    ck_assert_uint_eq(ecu_reset(&e), 0);
    ecu_pass(&e, 700000);
}

static void nothing(void) {}

static void (*const mishaps[])(void) = {power_cut,     power_cut,        reset_between_blocks,
                                        second_tester, silence_on_trial, nothing};

/* ---- what must not drift ---- */

/* No sector has been erased more often than the average by over a fifth. BYTES: of each region that are in
 * use. */
static void check_wear(const char *what, const struct sec_region r[2], uint32_t bytes)
{
    for (int i = 0; i < 2; i++) {
        const uint32_t first = r[i].at / SECTOR, behind = first + (bytes + SECTOR - 1) / SECTOR;
        uint32_t least = UINT32_MAX, most = 0;
        double mean = 0;
        for (uint32_t s = first; s < behind; s++) {
            const uint32_t n = e.flash->wear[s];
            least = n < least ? n : least;
            most = n > most ? n : most;
            mean += (double)n / (behind - first);
        }
        (void)printf("%s %d: %u to %u erases of a sector, %.1f on average\n", what, i, least, most, mean);
        ck_assert_uint_gt(least, 0);
        ck_assert_msg(most <= 1.2 * mean, "%s %d is worn in places", what, i);
    }
}

START_TEST(many_updates_in_a_row_with_a_mishap_each)
{
    const unsigned updates = getenv("ISOCTANE_THOROUGH") != NULL ? 1000 : 60;
    seed = 20261121u + (uint32_t)_i;
    ecu_new(&e, _i == 1, SECTOR, 64);
    uint64_t early = 0, late = 0;
    for (unsigned n = 2; n <= updates + 1; n++) {
        char name[32];
        (void)sprintf(name, "fw/%u", n);
        ecu_issue(&e, name, n, ecu_image(IMAGE, n));
        mishaps[chance(sizeof mishaps / sizeof *mishaps)]();
        ecu_pass(&e, 1000);
        const uint64_t before = e.flash->operations;
        enum up_err err = ecu_update(&e);
        ck_assert_msg(err == UP_OK, "update %u: %s", n, up_err_name(err));
        ck_assert_msg(ecu_runs(&e, name), "update %u does not run", n);
        ck_assert_uint_eq(ecu_versions(&e).release_counter, n);
        if (n <= 21) early += e.flash->operations - before;
        if (n > updates - 19) late += e.flash->operations - before;
    }
    (void)printf(
        "%s verification: %u updates, %llu erases, %llu operations; the last twenty took %.2f of the first\n",
        _i == 1 ? "full" : "partial", updates, (unsigned long long)e.flash->erases,
        (unsigned long long)e.flash->operations, (double)late / (double)early);
    ck_assert_msg((double)late < 1.3 * (double)early, "updates cost more and more");
    check_wear("slot", e.agent.layout.slot, IMAGE);
    check_wear("store", e.agent.layout.store, SEC_STORE_BYTES);
    check_wear("bank", e.agent.layout.bank, e.agent.layout.bank[0].bytes);
    ecu_free(&e);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("soak");
    TCase *c = tcase_create("soak");
    tcase_set_timeout(c, 600);
    tcase_add_loop_test(c, many_updates_in_a_row_with_a_mishap_each, 0, 2);
    suite_add_tcase(s, c);
    return suite_run(s);
}

/* A power cut at every flash operation of a whole update of a 4 KiB image, torn in every way, in every
 * layout. Afterwards the ECU boots the old image or the new one, whole (with one slot, perhaps none while the
 * old one is away); its report says which; nothing it trusts has gone back; and the update, tried again,
 * succeeds. The same for going back: an exchange the other way, and the backup's return. With a cut at every
 * operation of the recovery as well, sampled. */
#include "tests/lib_ecu.h"
#include "tests/suite.h"

#include <stdio.h>

#define UNIT 64u

static uint32_t image_bytes = 4096;
static bool many_cuts;
static struct ecu e;
static uint8_t *start;
static struct up_span image, mid;

static const struct kind {
    const char *name;
    bool full;
    enum sec_layout_kind layout;
} kinds[] = {
    {"two slots, partial", false, SEC_TWO_SLOTS},
    {"two slots, full", true, SEC_TWO_SLOTS},
    {"swap, partial", false, SEC_SWAP},
    {"one slot, partial", false, SEC_ONE_SLOT},
    {"swap, full", true, SEC_SWAP},
    {"one slot, full", true, SEC_ONE_SLOT},
};
#define KINDS       ((int)(sizeof kinds / sizeof *kinds))
#define QUICK_KINDS 4

/* One ECU that has been updated once, and the next update ready. What that stages goes on at the begin of its
 * bank. */
static void prepare(const struct kind *k)
{
    ecu_new_as(&e, k->full, k->layout, 1024, UNIT);
    mid = ecu_image(2000, 2);
    ecu_issue(&e, "fw/mid", 2, mid);
    ck_assert_int_eq(ecu_update(&e), UP_OK);
    e.files = 0;
    while (e.agent.staging.begin != e.agent.staging.region.at + e.agent.staging.region.bytes - 1024)
        ck_assert_int_ne(ecu_send(&e), UP_STORAGE_WRITE);
    e.director.signers[UP_ROOT] = KEY(0);
    ecu_replace(&e, "director/root/2", author_root(&e.director, 2));
    image = ecu_image(image_bytes, 3);
    ecu_issue(&e, "fw/new", 3, image);
    e.random = 7;
    start = lib_flash_save(e.flash);
}

static void from_the_start(void)
{
    lib_flash_load(e.flash, start);
    e.random = 7;
    e.healthy = true;
    ck_assert_int_eq(ecu_boot(&e), UP_OK);
}

/* What must hold after any cut. */
static void check(uint64_t cut)
{
    struct up_report r = ecu_report(&e);
    const bool is_old = up_span_is(r.image_name, "fw/mid") && r.image_length == 2000;
    const bool is_new = up_span_is(r.image_name, "fw/new") && r.image_length == image_bytes;
    const bool is_none = up_span_is(r.image_name, "unknown") && ecu_slots(&e).running == UDS_SLOT_AWAY;
    ck_assert_msg(is_old || is_new || is_none, "cut %llu: runs %.*s", (unsigned long long)cut,
                  TEXT(r.image_name));
    struct sec_status s;
    sec_agent_status(&e.agent, &s);
    if (is_new) ck_assert_mem_eq(s.image.p, image.p, image_bytes);
    if (is_old) ck_assert_mem_eq(s.image.p, mid.p, mid.n);
    if (e.id.layout != SEC_TWO_SLOTS && !is_none)
        ck_assert_ptr_eq(s.image.p, e.flash->bytes + e.agent.layout.slot[0].at);
    const bool gave_up = many_cuts && up_span_is(r.attacks, "INSTALL fw/new"); /* too many starts on trial */
    ck_assert_msg(!e.healthy || r.attacks.n == 0 || gave_up, "cut %llu: %.*s", (unsigned long long)cut,
                  TEXT(r.attacks));
    struct uds_stored_versions v = ecu_versions(&e);
    ck_assert_uint_ge(v.director_root, 1);
    ck_assert_uint_ge(v.director_targets, 1);
    ck_assert_int_ge(v.time_floor_s, AUTHOR_NOW);
    const struct uds_slots slots = ecu_slots(&e);
    ck_assert_uint_ge(v.release_counter, slots.running == UDS_SLOT_CONFIRMED && is_new ? 3 : 2);
}

/* Returns whether the update came to its end before the cut. */
static bool update_with_cut(uint64_t cut, enum lib_tear tear)
{
    if (setjmp(e.flash->cut) != 0) return false;
    lib_flash_cut(e.flash, cut, tear);
    enum up_err err = ecu_update(&e);
    e.flash->cut_at = 0;
    ck_assert_msg(err == UP_OK, "update: %s", up_err_name(err));
    return true;
}

static bool boot_with_cut(uint64_t cut, enum lib_tear tear)
{
    if (setjmp(e.flash->cut) != 0) return false;
    lib_flash_power(e.flash);
    lib_flash_cut(e.flash, cut, tear);
    ck_assert_int_eq(ecu_boot(&e), UP_OK);
    e.flash->cut_at = 0;
    return true;
}

/* PART: bytes that show of a program torn in part; 0: another number with each cut. */
static uint64_t sweep(enum lib_tear tear, uint32_t part)
{
    uint64_t cut = 1;
    for (;; cut++) {
        from_the_start();
        e.flash->part = part > 0 ? part : 1 + (uint32_t)(cut * 29 % (UNIT - 1));
        bool whole = update_with_cut(cut, tear);
        lib_flash_power(e.flash);
        ck_assert_int_eq(ecu_boot(&e), UP_OK);
        check(cut);
        enum up_err err = ecu_update(&e);
        ck_assert_msg(err == UP_OK, "cut %llu, torn %d: then %s", (unsigned long long)cut, (int)tear,
                      up_err_name(err));
        ck_assert(ecu_runs(&e, "fw/new"));
        ck_assert_uint_eq(ecu_versions(&e).release_counter, 3);
        ck_assert_uint_eq(ecu_versions(&e).director_root, 2);
        if (whole) return cut - 1;
    }
}

START_TEST(every_cut_of_an_update)
{
    const struct kind *k = &kinds[_i / LIB_TEARS];
    const enum lib_tear tear = (enum lib_tear)(_i % LIB_TEARS);
    prepare(k);
    uint64_t cuts = sweep(tear, 0);
    ck_assert_uint_gt(cuts, 150);
    (void)printf("update, %s, torn %d: %llu cuts\n", k->name, (int)tear, (unsigned long long)cuts);
    free(start);
    ecu_free(&e);
}
END_TEST

START_TEST(every_byte_boundary_of_every_program)
{
    const struct kind *k = &kinds[(unsigned)_i / (UNIT - 1)];
    const uint32_t part = 1 + (uint32_t)_i % (UNIT - 1);
    prepare(k);
    uint64_t cuts = sweep(LIB_TEAR_PART, part);
    if (part == 1)
        (void)printf("update, %s, torn after each of %u bytes: %llu cuts each\n", k->name, UNIT - 1,
                     (unsigned long long)cuts);
    free(start);
    ecu_free(&e);
}
END_TEST

/* ---- going back ---- */

/* The new image is on trial, with swap in slot 0; or, with one slot, it was not well and nothing runs. */
static void prepare_return(const struct kind *k)
{
    prepare(k);
    e.healthy = k->layout != SEC_ONE_SLOT;
    ck_assert_int_eq(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_transfer(&e), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    ck_assert_uint_eq(ecu_reset(&e), 0);
    free(start);
    start = lib_flash_save(e.flash);
}

static enum up_err go_back(void)
{
    if (e.id.layout == SEC_ONE_SLOT) return ecu_restore(&e, mid);
    const struct uds_slots s = ecu_slots(&e);
    if (s.running == UDS_SLOT_TRIAL &&
        (ecu_session(&e, UDS_EXTENDED) != 0 || ecu_routine(&e, UDS_ROUTINE_REVERT, s.order) != 0 ||
         ecu_reset(&e) != 0))
        return UP_BUS_REFUSED;
    return ecu_slots(&e).running == UDS_SLOT_CONFIRMED ? UP_OK : UP_INSTALL;
}

static bool return_with_cut(uint64_t cut, enum lib_tear tear)
{
    if (setjmp(e.flash->cut) != 0) return false;
    lib_flash_cut(e.flash, cut, tear);
    enum up_err err = go_back();
    e.flash->cut_at = 0;
    ck_assert_msg(err == UP_OK, "cut %llu: %s", (unsigned long long)cut, up_err_name(err));
    return true;
}

START_TEST(every_cut_of_going_back)
{
    const struct kind *k = &kinds[2 + _i / LIB_TEARS];
    const enum lib_tear tear = (enum lib_tear)(_i % LIB_TEARS);
    prepare_return(k);
    volatile uint64_t cut = 1;
    for (;; cut++) {
        from_the_start();
        e.healthy = false; /* nothing new is kept in this test */
        bool whole = return_with_cut(cut, tear);
        lib_flash_power(e.flash);
        ck_assert_int_eq(ecu_boot(&e), UP_OK);
        check(cut);
        enum up_err err = go_back();
        ck_assert_msg(err == UP_OK, "cut %llu, torn %d: then %s", (unsigned long long)cut, (int)tear,
                      up_err_name(err));
        ck_assert(ecu_runs(&e, "fw/mid"));
        ck_assert_uint_eq(ecu_versions(&e).release_counter, 2);
        if (whole) break;
    }
    ck_assert_uint_gt(cut, 30);
    (void)printf("going back, %s, torn %d: %llu cuts\n", k->name, (int)tear, (unsigned long long)cut - 1);
    free(start);
    ecu_free(&e);
}
END_TEST

static enum lib_tear tear_of(uint64_t n)
{
    return (enum lib_tear)(n % LIB_TEARS);
}

/* The cut of an update, then a cut of the boot after it, then of the next update, and so on, until one comes
 * through. */
START_TEST(cuts_in_a_row_end_in_an_update)
{
    prepare(&kinds[_i]);
    many_cuts = true;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        from_the_start();
        uint64_t cut = seed * 13 % 211 + 1;
        for (int rounds = 0; !update_with_cut(cut, tear_of(cut)); rounds++) {
            for (uint64_t boots = 1; boots <= 3; boots++)
                (void)boot_with_cut(cut % 61 + boots, tear_of(cut + boots));
            lib_flash_power(e.flash);
            ck_assert_int_eq(ecu_boot(&e), UP_OK);
            check(cut);
            cut = (cut + 37 + seed) % 400 + 40;
            ck_assert_int_lt(rounds, 100);
        }
        ck_assert(ecu_runs(&e, "fw/new"));
    }
    free(start);
    ecu_free(&e);
}
END_TEST

/* With ISOCTANE_THOROUGH, images of 4 KiB at every byte boundary, and larger ones at every operation, in full
 * verification in every layout, too. With an
 * argument, one of the sweeps of an update: layout times LIB_TEARS plus tear. */
int main(int argc, char **argv)
{
    const bool thorough = getenv("ISOCTANE_THOROUGH") != NULL;
    const int many = thorough ? KINDS : QUICK_KINDS;
    const int first = argc > 1 ? atoi(argv[1]) : 0, last = argc > 1 ? first + 1 : many * LIB_TEARS;
    Suite *s = suite_create("powerloss_agent");
    TCase *c = tcase_create("operations"), *rows = tcase_create("rows"), *bytes = tcase_create("bytes");
    tcase_set_timeout(c, 600);
    tcase_set_timeout(rows, 600);
    tcase_set_timeout(bytes, 600);
    tcase_add_loop_test(c, every_cut_of_an_update, first, last);
    if (argc == 1) tcase_add_loop_test(c, every_cut_of_going_back, 0, 2 * LIB_TEARS);
    if (argc == 1) tcase_add_loop_test(rows, cuts_in_a_row_end_in_an_update, 0, many);
    if (thorough)
        tcase_add_loop_test(bytes, every_byte_boundary_of_every_program, 0, QUICK_KINDS * (int)(UNIT - 1));
    suite_add_tcase(s, c);
    suite_add_tcase(s, rows);
    suite_add_tcase(s, bytes);
    if (thorough && getenv("CK_RUN_CASE") != NULL && strcmp(getenv("CK_RUN_CASE"), "bytes") != 0)
        image_bytes = 14000;
    return suite_run(s);
}

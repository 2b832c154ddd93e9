/* What a reset costs: wherever it comes in a transfer, no more than one block and one sector of flash is sent
 * again. What it leaves of an ECU in the plant: one that is whole, or one that is none and can be made anew.
 * And of its first update. */
#include "tests/lib_ecu.h"
#include "tests/suite.h"

#include <stdio.h>

static struct ecu e;
static uint32_t block;

static uint32_t safe(void)
{
    struct sec_agent seen;
    ck_assert_int_eq(sec_agent_inspect(&seen, &e.flash->port, &e.id), UP_OK);
    const unsigned slot = sec_slot_other(&e.agent.slots, e.agent.running);
    return sec_slot_received(&seen.slots, slot);
}

static void begin_transfer(void)
{
    ck_assert_int_eq(ecu_send(&e), UP_OK);
    if (e.id.layout == SEC_ONE_SLOT) ck_assert_uint_eq(ecu_session(&e, UDS_PROGRAMMING), 0);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, (uint32_t)e.new_image.n), 0);
}

/* A reset while the block that begins at AT is under way, or right after its answer. */
static uint32_t again(uint32_t at, uint32_t bytes)
{
    const uint32_t kept = safe(), heard = at + bytes;
    return heard > kept ? heard - kept : 0;
}

static uint32_t block_at(uint32_t at)
{
    const uint32_t left = (uint32_t)e.new_image.n - at;
    return left < block ? left : block;
}

static void send_block(uint32_t at, uint8_t counter)
{
    uint8_t q[ECU_MESSAGE] = {UDS_TRANSFER_DATA, counter};
    const uint32_t n = block_at(at);
    memcpy(q + 2, e.new_image.p + at, n);
    ck_assert_uint_eq(ecu_ask(&e, q, 2 + n), 0);
}

static const struct shape {
    enum sec_layout_kind layout;
    uint32_t sector, unit, image, block;
} shapes[] = {
    {SEC_TWO_SLOTS, 1024, 64, 16000, 700}, {SEC_TWO_SLOTS, 64, 16, 16000, 48},
    {SEC_TWO_SLOTS, 4096, 8, 16000, 1500}, {SEC_SWAP, 1024, 64, 16000, 700},
    {SEC_ONE_SLOT, 1024, 64, 16000, 700},  {SEC_ONE_SLOT, 64, 16, 16000, 48},
};

/* At every block: before it has come whole, and after its answer. */
START_TEST(a_reset_costs_at_most_a_block_and_a_sector)
{
    const struct shape *s = &shapes[_i];
    uint32_t most = 0;
    block = s->block;
    ecu_new_as(&e, false, s->layout, s->sector, s->unit);
    ecu_issue(&e, "fw/new", 2, ecu_image(s->image, 2));
    begin_transfer();
    uint8_t counter = 1;
    for (uint32_t at = 0; at < s->image; at += block_at(at), counter++) {
        const uint32_t before = again(at, block_at(at));
        send_block(at, counter);
        const uint32_t after = again(at, block_at(at));
        most = before > most ? before : most;
        ck_assert_msg(before <= block + s->sector, "%u bytes are sent again after a reset at %u", before, at);
        ck_assert_msg(after <= s->sector, "%u bytes are sent again after the answer to block %u", after, at);
    }
    (void)printf("sector %u: at most %u bytes are sent again after a reset, with blocks of %u\n", s->sector,
                 most, block);
    ck_assert_uint_ge(most, block);
    ecu_free(&e);
}
END_TEST

/* In the middle of flash operations as well. */
START_TEST(a_power_cut_costs_no_more)
{
    volatile uint32_t at = 0, most = 0;
    block = 700;
    ecu_new(&e, false, 1024, 64);
    ecu_issue(&e, "fw/new", 2, ecu_image(8000, 2));
    begin_transfer();
    uint8_t *volatile start = lib_flash_save(e.flash);
    for (volatile uint64_t cut = 1, over = 0; !over; cut++) {
        lib_flash_load(e.flash, start);
        e.random = 7;
        ck_assert_int_eq(ecu_boot(&e), UP_OK);
        begin_transfer();
        if (setjmp(e.flash->cut) == 0) {
            lib_flash_cut(e.flash, cut, LIB_TEAR_LATEST);
            uint8_t counter = 1;
            for (at = 0; at < 8000; at += block_at(at)) send_block(at, counter++);
            over = 1;
        }
        lib_flash_power(e.flash);
        if (over) break;
        const uint32_t lost = again(at, block_at(at));
        most = lost > most ? lost : most;
        ck_assert_msg(lost <= block + 1024, "%u bytes are sent again after cut %u", lost, (unsigned)cut);
    }
    (void)printf("sector 1024: at most %u bytes are sent again after a power cut in a write\n", most);
    free(start);
    ecu_free(&e);
}
END_TEST

/* From the plant on, where what is trusted is carried over for the first time; the image ends within a unit.
 */
START_TEST(a_first_update_survives_every_cut)
{
    static const enum lib_tear tears[] = {LIB_TEAR_NOTHING, LIB_TEAR_UNSYNCED, LIB_TEAR_LATEST};
    ecu_new(&e, _i == 1, 1024, 64);
    uint8_t *volatile start = lib_flash_save(e.flash);
    ecu_issue(&e, "fw/new", 2, ecu_image(1500, 2));
    for (volatile unsigned t = 0; t < sizeof tears / sizeof *tears; t++)
        for (volatile uint64_t cut = 1, over = 0; !over; cut++) {
            lib_flash_load(e.flash, start);
            e.random = 7;
            ck_assert_int_eq(ecu_boot(&e), UP_OK);
            if (setjmp(e.flash->cut) == 0) {
                lib_flash_cut(e.flash, cut, tears[t]);
                ck_assert_int_eq(ecu_update(&e), UP_OK);
                over = 1;
            }
            lib_flash_power(e.flash);
            ck_assert_int_eq(ecu_boot(&e), UP_OK);
            enum up_err err = ecu_update(&e);
            ck_assert_msg(err == UP_OK && ecu_runs(&e, "fw/new"), "cut %u, torn %d: then %s", (unsigned)cut,
                          (int)tears[t], up_err_name(err));
        }
    free(start);
    ecu_free(&e);
}
END_TEST

START_TEST(a_plant_that_lost_power_begins_again)
{
    const enum lib_tear tear = (enum lib_tear)_i;
    ecu_new(&e, true, 1024, 64);
    for (volatile uint64_t cut = 1, over = 0; !over; cut++) {
        memset(e.flash->bytes, 0xFF, e.flash->port.size);
        memset(e.flash->used, 0, e.flash->port.size / 64);
        lib_flash_power(e.flash);
        if (setjmp(e.flash->cut) == 0) {
            lib_flash_cut(e.flash, cut, tear);
            ck_assert_int_eq(sec_provision(&e.flash->port, &e.id, &e.plant), UP_OK);
            over = 1;
        }
        lib_flash_power(e.flash);
        if (ecu_boot(&e) != UP_OK) {
            ck_assert(!over);
            ck_assert_int_eq(sec_provision(&e.flash->port, &e.id, &e.plant), UP_OK);
            ck_assert_int_eq(ecu_boot(&e), UP_OK);
        }
        ck_assert(ecu_runs(&e, "fw/old"));
        if (cut % 16 != 0 && !over) continue;
        ecu_issue(&e, "fw/new", 2, ecu_image(500, 2));
        ck_assert_int_eq(ecu_update(&e), UP_OK);
    }
    ecu_free(&e);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("powerloss_resume");
    TCase *c = tcase_create("powerloss_resume");
    tcase_set_timeout(c, 600);
    tcase_add_loop_test(c, a_reset_costs_at_most_a_block_and_a_sector, 0, sizeof shapes / sizeof *shapes);
    tcase_add_test(c, a_power_cut_costs_no_more);
    tcase_add_loop_test(c, a_first_update_survives_every_cut, 0, 2);
    tcase_add_loop_test(c, a_plant_that_lost_power_begins_again, 0, LIB_TEARS);
    suite_add_tcase(s, c);
    return suite_run(s);
}

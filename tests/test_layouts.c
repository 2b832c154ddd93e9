/* Swap and one slot, seen from the bus: what runs, what is told, what comes back, what it costs. */
#include "sim/wrap.h"
#include "tests/lib_ecu.h"
#include "tests/suite.h"

#include <stdlib.h>

#define SECTOR 1024u
#define IMAGE  5000u

static struct ecu e;
static struct up_span old, image;

static void begin(enum sec_layout_kind layout)
{
    ecu_free(&e);
    ecu_new_as(&e, false, layout, SECTOR, 64);
    old = e.plant.image;
    image = ecu_image(IMAGE, 2);
    ecu_issue(&e, "fw/new", 2, image);
}

static struct up_span in_flash(uint32_t at, uint32_t n)
{
    return (struct up_span){e.flash->bytes + at, n};
}

static uint32_t slot_at(unsigned slot)
{
    return e.agent.layout.slot[slot].at;
}

static enum up_err prepare_and_activate(void)
{
    UP_TRY(ecu_send(&e));
    if (ecu_transfer(&e) != 0) return UP_IMG_HASH;
    return ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order) == 0 && ecu_reset(&e) == 0 ? UP_OK : UP_BUS_REFUSED;
}

/* ---- swap ---- */

START_TEST(with_swap_every_image_runs_in_slot_0)
{
    begin(SEC_SWAP);
    for (unsigned n = 2; n < 6; n++) {
        const struct up_span next = ecu_image(n % 2 == 0 ? IMAGE : 2000 + n, n);
        ecu_issue(&e, author_text("fw/v%u", n), n, next);
        ck_assert_int_eq(ecu_update(&e), UP_OK);
        ck_assert(ecu_runs(&e, author_text("fw/v%u", n)));
        ck_assert(up_span_eq(in_flash(slot_at(0), (uint32_t)next.n), next));
        ck_assert_uint_eq(e.agent.slots.exchange.count, n - 1);
    }
}
END_TEST

START_TEST(what_fails_its_self_test_is_exchanged_back)
{
    for (unsigned odd = 0; odd < 2; odd++) {
        begin(SEC_SWAP);
        const char *before = odd == 0 ? "fw/old" : "fw/new";
        const struct up_span bytes = odd == 0 ? old : image;
        if (odd == 1) ck_assert_int_eq(ecu_update(&e), UP_OK);
        ecu_issue(&e, "fw/sick", 3, ecu_image(4000, 9));
        e.healthy = false;
        ck_assert_int_eq(prepare_and_activate(), UP_OK);
        ck_assert(ecu_runs(&e, before));
        ck_assert(up_span_eq(in_flash(slot_at(0), (uint32_t)bytes.n), bytes));
        ck_assert_int_eq(ecu_slots(&e).running, UDS_SLOT_CONFIRMED);
        ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_BAD);
        e.healthy = true;
        ecu_issue(&e, "fw/well", 4, ecu_image(4100, 10));
        ck_assert_int_eq(ecu_update(&e), UP_OK);
        ck_assert(ecu_runs(&e, "fw/well"));
    }
}
END_TEST

START_TEST(a_trial_without_a_word_is_exchanged_back_and_may_come_again)
{
    begin(SEC_SWAP);
    ck_assert_int_eq(prepare_and_activate(), UP_OK);
    ck_assert_int_eq(ecu_slots(&e).running, UDS_SLOT_TRIAL);
    ecu_pass(&e, 601 * 1000);
    ck_assert(ecu_runs(&e, "fw/old"));
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_VERIFIED);
    ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    ck_assert_uint_eq(ecu_reset(&e), 0);
    ck_assert(ecu_runs(&e, "fw/new"));
}
END_TEST

START_TEST(an_exchange_erases_every_sector_of_the_images_once)
{
    begin(SEC_SWAP);
    ck_assert_int_eq(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_transfer(&e), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
    uint32_t *before = malloc(e.flash->port.size / SECTOR * sizeof *before);
    memcpy(before, e.flash->wear, e.flash->port.size / SECTOR * sizeof *before);
    ck_assert_uint_eq(ecu_reset(&e), 0);
    const uint32_t sectors = (IMAGE + SECTOR - 1) / SECTOR;
    for (uint32_t k = 0; k < sectors; k++)
        for (unsigned slot = 0; slot < 2; slot++) {
            const uint32_t at = slot_at(slot) / SECTOR + k;
            ck_assert_uint_eq(e.flash->wear[at] - before[at], 1);
        }
    const uint32_t spare = slot_at(1) / SECTOR + sectors;
    ck_assert_uint_eq(e.flash->wear[spare] - before[spare], 0);
    free(before);
}
END_TEST

START_TEST(activations_under_one_order_are_bounded)
{
    begin(SEC_SWAP);
    ck_assert_int_eq(prepare_and_activate(), UP_OK);
    unsigned code = 0, n = 1;
    for (; n < 100 && code == 0; n++) {
        ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
        ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_REVERT, e.order), 0);
        ck_assert_uint_eq(ecu_reset(&e), 0);
        ck_assert_uint_eq(ecu_session(&e, UDS_EXTENDED), 0);
        code = ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order);
        if (code == 0) ck_assert_uint_eq(ecu_reset(&e), 0);
    }
    ck_assert_uint_eq(code, UDS_CONDITIONS_NOT_CORRECT);
    ck_assert_uint_eq(n - 1, SEC_ARMS_MAX);
    ck_assert(ecu_runs(&e, "fw/old"));
}
END_TEST

START_TEST(a_damaged_image_in_slot_0_is_never_started)
{
    begin(SEC_SWAP);
    ck_assert_int_eq(prepare_and_activate(), UP_OK);
    ck_assert(ecu_runs(&e, "fw/new"));
    e.flash->bytes[slot_at(0) + 77] ^= 1;
    ck_assert_int_eq(ecu_boot(&e), UP_OK);
    ck_assert(ecu_runs(&e, "fw/old"));
}
END_TEST

/* ---- one slot ---- */

START_TEST(with_one_slot_the_new_image_takes_the_place_of_the_old_one)
{
    begin(SEC_ONE_SLOT);
    for (unsigned n = 2; n < 5; n++) {
        const struct up_span next = ecu_image(3000 + n, n);
        ecu_issue(&e, author_text("fw/v%u", n), n, next);
        ck_assert_int_eq(ecu_update(&e), UP_OK);
        ck_assert(ecu_runs(&e, author_text("fw/v%u", n)));
        ck_assert(up_span_eq(in_flash(slot_at(0), (uint32_t)next.n), next));
        ck_assert_uint_eq(ecu_versions(&e).release_counter, n);
    }
}
END_TEST

START_TEST(nothing_runs_and_nothing_else_is_told_while_the_image_is_away)
{
    begin(SEC_ONE_SLOT);
    ck_assert_int_eq(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, IMAGE), UDS_SERVICE_NOT_IN_SESSION);
    ck_assert(ecu_runs(&e, "fw/old"));
    ck_assert_uint_eq(ecu_session(&e, UDS_PROGRAMMING), 0);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, IMAGE), 0);
    ck_assert(ecu_runs(&e, "unknown"));
    ck_assert_int_eq(ecu_slots(&e).running, UDS_SLOT_AWAY);
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_RECEIVING);
    ck_assert_int_eq(ecu_boot(&e), UP_OK);
    ck_assert(ecu_runs(&e, "unknown"));
    ck_assert_int_eq(ecu_slots(&e).running, UDS_SLOT_AWAY);
}
END_TEST

START_TEST(an_application_that_may_not_stop_is_not_written_over)
{
    begin(SEC_ONE_SLOT);
    e.driving = true;
    ck_assert_int_eq(ecu_send(&e), UP_OK);
    ck_assert_uint_eq(ecu_transfer(&e), UDS_CONDITIONS_NOT_CORRECT);
    ck_assert(ecu_runs(&e, "fw/old"));
    ck_assert(up_span_eq(in_flash(slot_at(0), (uint32_t)old.n), old));
    ck_assert_int_eq(ecu_slots(&e).running, UDS_SLOT_CONFIRMED);
}
END_TEST

/* E-IMG-15: elsewhere it is asked when the new image is to start. */
START_TEST(an_application_that_may_not_stop_is_not_replaced)
{
    static const enum sec_layout_kind kinds[] = {SEC_TWO_SLOTS, SEC_SWAP};
    for (unsigned i = 0; i < 2; i++) {
        begin(kinds[i]);
        e.driving = true;
        ck_assert_int_eq(ecu_send(&e), UP_OK);
        ck_assert_uint_eq(ecu_transfer(&e), 0);
        ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), UDS_CONDITIONS_NOT_CORRECT);
        ck_assert_uint_eq(ecu_reset(&e), 0);
        ck_assert(ecu_runs(&e, "fw/old"));
        ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_VERIFIED);
        e.driving = false;
        ck_assert_int_eq(ecu_update(&e), UP_OK);
        ck_assert(ecu_runs(&e, "fw/new"));
    }
}
END_TEST

static void fail_on_trial(void)
{
    begin(SEC_ONE_SLOT);
    e.healthy = false;
    ck_assert_int_eq(prepare_and_activate(), UP_OK);
    ck_assert(ecu_runs(&e, "unknown"));
    ck_assert_int_eq(ecu_slots(&e).running, UDS_SLOT_AWAY);
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_BAD);
}

START_TEST(the_backup_comes_back_after_a_failure)
{
    fail_on_trial();
    ck_assert_int_eq(ecu_restore(&e, old), UP_OK);
    ck_assert(ecu_runs(&e, "fw/old"));
    ck_assert_uint_eq(ecu_versions(&e).release_counter, 1);
    ck_assert(up_span_eq(in_flash(slot_at(0), (uint32_t)old.n), old));
    e.healthy = true;
    ecu_issue(&e, "fw/well", 3, ecu_image(4100, 10));
    ck_assert_int_eq(ecu_update(&e), UP_OK);
    ck_assert(ecu_runs(&e, "fw/well"));
}
END_TEST

/* So that a Primary that lost power meanwhile resets the ECU. */
START_TEST(a_backup_that_is_back_is_told_as_away_until_it_runs)
{
    fail_on_trial();
    ck_assert_uint_eq(ecu_session(&e, UDS_PROGRAMMING), 0);
    ck_assert_uint_eq(ecu_reset(&e), 0);
    ck_assert_uint_eq(ecu_session(&e, UDS_PROGRAMMING), 0);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, (uint32_t)old.n), 0);
    ck_assert_uint_eq(ecu_blocks(&e, old, 1000), 0);
    ck_assert_uint_eq(ecu_exit(&e), 0);
    ck_assert_uint_eq(ecu_routine(&e, UDS_ROUTINE_VERIFY_IMAGE, NULL), 0);
    ck_assert_int_eq(ecu_slots(&e).running, UDS_SLOT_AWAY);
    ck_assert_uint_eq(ecu_reset(&e), 0);
    ck_assert_int_eq(ecu_slots(&e).running, UDS_SLOT_CONFIRMED);
    ck_assert(ecu_runs(&e, "fw/old"));
}
END_TEST

START_TEST(nothing_but_the_very_image_that_is_away_comes_back)
{
    fail_on_trial();
    struct up_span other = ecu_image((uint32_t)old.n, 77);
    ck_assert_int_eq(ecu_restore(&e, image), UP_BUS_REFUSED); /* another length */
    ck_assert_int_eq(ecu_restore(&e, other), UP_IMG_HASH);
    ck_assert(ecu_runs(&e, "unknown"));
    ck_assert_int_eq(ecu_boot(&e), UP_OK);
    ck_assert(ecu_runs(&e, "unknown"));
    ck_assert_int_eq(ecu_restore(&e, old), UP_OK);
    ck_assert(ecu_runs(&e, "fw/old"));
}
END_TEST

START_TEST(an_image_that_is_not_away_does_not_come_back)
{
    begin(SEC_ONE_SLOT);
    ck_assert_uint_eq(ecu_session(&e, UDS_PROGRAMMING), 0);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, (uint32_t)old.n), UDS_DOWNLOAD_NOT_ACCEPTED);
    ck_assert_int_eq(ecu_update(&e), UP_OK);
    ck_assert_int_eq(ecu_boot(&e), UP_OK);
    ck_assert_uint_eq(ecu_session(&e, UDS_PROGRAMMING), 0);
    ck_assert_uint_eq(ecu_begin_image(&e, 0, 0, (uint32_t)old.n), UDS_DOWNLOAD_NOT_ACCEPTED);
    ck_assert(ecu_runs(&e, "fw/new"));
}
END_TEST

START_TEST(an_image_on_trial_is_not_replaced_by_the_backup)
{
    begin(SEC_ONE_SLOT);
    ck_assert_int_eq(prepare_and_activate(), UP_OK);
    ck_assert_int_eq(ecu_slots(&e).running, UDS_SLOT_TRIAL);
    ck_assert_uint_eq(ecu_session(&e, UDS_PROGRAMMING), 0);
    ck_assert_uint_ne(ecu_begin_image(&e, 0, 0, (uint32_t)old.n), 0);
    ck_assert_int_eq(ecu_boot(&e), UP_OK);
    ck_assert(ecu_runs(&e, "fw/new"));
}
END_TEST

/* ---- policy `signature` ---- */

static struct up_span wrapped(const struct up_signer *signer, uint32_t counter)
{
    static struct sim_bytes kept[64]; /* live until the test program ends */
    static unsigned n;
    char why[SIM_WHY_MAX];
    const struct sim_wrap w = {.header_bytes = 64, .release_counter = counter};
    struct sim_bytes *b = &kept[n++ % 64];
    ck_assert(sim_wrap(&w, ecu_image(3000, counter), signer, b, why));
    return sim_span(b);
}

START_TEST(an_image_that_the_boot_stage_would_refuse_is_not_armed)
{
    for (int kind = SEC_TWO_SLOTS; kind <= SEC_ONE_SLOT; kind++) {
        begin((enum sec_layout_kind)kind);
        e.id.boot.key = &author_key(25)->key;
        e.plant.image = wrapped(author_key(25), 1);
        ck_assert_int_eq(sec_provision(&e.flash->port, &e.id, &e.plant), UP_OK);
        ck_assert_int_eq(ecu_boot(&e), UP_OK);
        ck_assert(ecu_runs(&e, "fw/old"));

        ecu_issue(&e, "fw/foreign", 2, wrapped(author_key(26), 2));
        ck_assert_int_eq(ecu_send(&e), UP_OK);
        ck_assert_uint_eq(ecu_transfer(&e), ECU_VERDICT + UP_SIG_THRESHOLD);
        ck_assert(up_span_is(ecu_report(&e).attacks, "SIG_THRESHOLD fw/foreign"));
        ck_assert_uint_ne(ecu_routine(&e, UDS_ROUTINE_ACTIVATE, e.order), 0);
        ecu_issue(&e, "fw/older-inside", 2, wrapped(author_key(25), 1));
        ck_assert_int_eq(ecu_send(&e), UP_OK);
        ck_assert_uint_eq(ecu_transfer(&e), ECU_VERDICT + UP_IMG_RELEASE_COUNTER);
        ecu_issue(&e, "fw/good", 2, wrapped(author_key(25), 2));
        ck_assert_int_eq(ecu_update(&e), UP_OK);
        ck_assert(ecu_runs(&e, "fw/good"));
        ck_assert_uint_eq(ecu_versions(&e).release_counter, 2);
    }
}
END_TEST

/* Neither hash is computed in one go. */
START_TEST(what_the_boot_stage_will_ask_for_is_asked_in_steps)
{
    uint8_t verdict;
    size_t n;
    const struct sec_routine r = {.out = &verdict, .cap = 1, .n = &n};
    begin(SEC_TWO_SLOTS);
    e.id.boot.key = &author_key(25)->key;
    e.plant.image = wrapped(author_key(25), 1);
    ck_assert_int_eq(sec_provision(&e.flash->port, &e.id, &e.plant), UP_OK);
    for (unsigned damaged = 0; damaged < 2; damaged++) {
        ck_assert_int_eq(ecu_boot(&e), UP_OK);
        ecu_issue(&e, "fw/new", 2, wrapped(author_key(25), 2));
        ck_assert_int_eq(ecu_send(&e), UP_OK);
        ck_assert_uint_eq(ecu_transfer(&e), 0);
        ck_assert_uint_eq(sec_agent_check(&e.agent, &r), UDS_PENDING);
        e.flash->bytes[slot_at(1) + 600] ^= (uint8_t)damaged;
        ck_assert_uint_eq(sec_agent_check(&e.agent, &r), UDS_OK);
        ck_assert_uint_eq(verdict, damaged == 1 ? UP_IMG_HASH : UP_OK);
        e.flash->bytes[slot_at(1) + 600] ^= (uint8_t)damaged;
    }
    ck_assert_int_eq(ecu_slots(&e).other, UDS_SLOT_BAD);
}
END_TEST

START_TEST(an_unsigned_image_is_not_provisioned_where_signatures_are_asked_for)
{
    begin(SEC_TWO_SLOTS);
    e.id.boot.key = &author_key(25)->key;
    ck_assert_int_ne(sec_provision(&e.flash->port, &e.id, &e.plant), UP_OK);
}
END_TEST

/* ---- what one order may cost ---- */

START_TEST(transfers_from_0_under_one_order_are_bounded)
{
    static const enum sec_layout_kind kinds[] = {SEC_TWO_SLOTS, SEC_SWAP, SEC_ONE_SLOT};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        begin(kinds[k]);
        unsigned n = 0, code = 0;
        for (; n < 50 && code == 0; n++) {
            if (n % 3 == 2) ck_assert_int_eq(ecu_boot(&e), UP_OK); /* a reset makes no difference */
            ck_assert_int_eq(ecu_send(&e), UP_OK);
            ck_assert_uint_eq(ecu_session(&e, UDS_PROGRAMMING), 0);
            code = ecu_begin_image(&e, 0, 0, IMAGE);
        }
        ck_assert_uint_eq(code, UDS_DOWNLOAD_NOT_ACCEPTED);
        ck_assert_uint_eq(n - 1, SEC_STARTS_MAX);
        ecu_issue(&e, "fw/new", 2, image);
        ck_assert_int_eq(ecu_update(&e), UP_OK);
    }
}
END_TEST

START_TEST(resumes_at_one_place_are_bounded_and_progress_allows_more)
{
    begin(SEC_TWO_SLOTS);
    uint32_t from = 0;
    for (unsigned n = 0; n < 2 * SEC_TRIES_MAX; n++) {
        ck_assert_int_eq(ecu_send(&e), UP_OK);
        struct uds_slots s = ecu_slots(&e);
        if (s.other == UDS_SLOT_RECEIVING) from = s.transported;
        if (from >= 4096) break;
        ck_assert_uint_eq(ecu_begin_image(&e, 0, from, IMAGE - from), 0);
        ck_assert_uint_eq(ecu_blocks(&e, (struct up_span){image.p + from, 1500}, 1500),
                          0); /* a sector more */
        ck_assert_int_eq(ecu_boot(&e), UP_OK);
    }
    ck_assert_uint_ge(from, 3072);
    unsigned code = 0, n = 0;
    for (; n < 50 && code == 0; n++) {
        ck_assert_int_eq(ecu_send(&e), UP_OK);
        code = ecu_begin_image(&e, 0, from, IMAGE - from);
        ck_assert_int_eq(ecu_boot(&e), UP_OK);
    }
    ck_assert_uint_eq(code, UDS_DOWNLOAD_NOT_ACCEPTED);
    ck_assert_uint_eq(n - 1, SEC_TRIES_MAX);
}
END_TEST

SUITE("layouts", with_swap_every_image_runs_in_slot_0, what_fails_its_self_test_is_exchanged_back,
      a_trial_without_a_word_is_exchanged_back_and_may_come_again,
      an_exchange_erases_every_sector_of_the_images_once, activations_under_one_order_are_bounded,
      a_damaged_image_in_slot_0_is_never_started, with_one_slot_the_new_image_takes_the_place_of_the_old_one,
      nothing_runs_and_nothing_else_is_told_while_the_image_is_away,
      an_application_that_may_not_stop_is_not_replaced, an_application_that_may_not_stop_is_not_written_over,
      the_backup_comes_back_after_a_failure, a_backup_that_is_back_is_told_as_away_until_it_runs,
      nothing_but_the_very_image_that_is_away_comes_back, an_image_that_is_not_away_does_not_come_back,
      an_image_on_trial_is_not_replaced_by_the_backup, an_image_that_the_boot_stage_would_refuse_is_not_armed,
      what_the_boot_stage_will_ask_for_is_asked_in_steps,
      an_unsigned_image_is_not_provisioned_where_signatures_are_asked_for,
      transfers_from_0_under_one_order_are_bounded, resumes_at_one_place_are_bounded_and_progress_allows_more)

#include "secondary/boot.h"
#include "sim/wrap.h"
#include "tests/lib_author.h"
#include "tests/lib_slots.h"
#include "tests/suite.h"

#define SLOT 4096u

static struct lib_slots l;
static const struct sec_policy digest; /* no key */

static void with_states(uint8_t first, uint8_t second)
{
    lib_slots_free(&l);
    lib_slots_new(&l, SEC_TWO_SLOTS, SLOT, 1024, 16);
    uint8_t *a = lib_image_bytes(3000, 10), *b = lib_image_bytes(3500, 11);
    lib_slots_place(&l, 0, first, "a", 3, (struct up_span){a, 3000});
    lib_slots_place(&l, 1, second, "b", 4, (struct up_span){b, 3500});
    free(a);
    free(b);
    lib_slots_reload(&l);
}

static void damage(unsigned slot)
{
    l.flash->bytes[l.layout.slot[slot].at + 100] ^= 1;
}

static uint8_t state(unsigned slot)
{
    return l.slots.slot[slot].state;
}

/* What each state is worth, told once more: armed before trial before confirmed, nothing else ever. */
static int worth(int s)
{
    return s == SEC_ARMED ? 3 : s == SEC_TRIAL ? 2 : s == SEC_CONFIRMED ? 1 : 0;
}

START_TEST(every_pair_of_states_boots_what_it_should)
{
    for (int a = SEC_EMPTY; a < SEC_SLOT_STATES; a++)
        for (int b = SEC_EMPTY; b < SEC_SLOT_STATES; b++) {
            with_states((uint8_t)a, (uint8_t)b);
            unsigned expected = SEC_NO_SLOT;
            if (worth(a) > 0 && worth(a) >= worth(b))
                expected = 0;
            else if (worth(b) > 0)
                expected = 1;
            struct sec_boot_choice c = sec_boot_choose(&l.slots, &digest);
            ck_assert_msg(c.slot == expected, "states %d and %d boot %u", a, b, c.slot);
            ck_assert(!c.damaged[0] && !c.damaged[1] && !c.gave_up[0] && !c.gave_up[1]);
            lib_slots_reload(&l);
            for (unsigned i = 0; i < 2; i++) {
                int before = i == 0 ? a : b;
                ck_assert_int_eq(state(i), i == expected && before == SEC_ARMED ? SEC_TRIAL : before);
            }
        }
}
END_TEST

START_TEST(every_pair_of_states_with_damaged_images_boots_the_whole_one_or_none)
{
    for (int a = SEC_EMPTY; a < SEC_SLOT_STATES; a++)
        for (int b = SEC_EMPTY; b < SEC_SLOT_STATES; b++)
            for (unsigned broken = 1; broken < 4; broken++) {
                with_states((uint8_t)a, (uint8_t)b);
                if (broken & 1) damage(0);
                if (broken & 2) damage(1);
                int left[2] = {broken & 1 ? 0 : worth(a), broken & 2 ? 0 : worth(b)};
                unsigned expected = SEC_NO_SLOT;
                if (left[0] > 0 && left[0] >= left[1])
                    expected = 0;
                else if (left[1] > 0)
                    expected = 1;
                struct sec_boot_choice c = sec_boot_choose(&l.slots, &digest);
                ck_assert_msg(c.slot == expected, "states %d and %d, broken %u, boot %u", a, b, broken,
                              c.slot);
                ck_assert(c.damaged[0] == (broken & 1 && worth(a) > 0 && worth(a) >= left[1]));
                ck_assert(c.damaged[1] == (broken & 2 && worth(b) > 0 && worth(b) > left[0]));
            }
}
END_TEST

START_TEST(a_damaged_image_on_trial_gives_way_to_the_confirmed_one)
{
    with_states(SEC_CONFIRMED, SEC_ARMED);
    damage(1);
    struct sec_boot_choice c = sec_boot_choose(&l.slots, &digest);
    ck_assert_uint_eq(c.slot, 0);
    ck_assert(c.damaged[1] && !c.damaged[0]);
    ck_assert_int_eq(state(1), SEC_BAD);
}
END_TEST

START_TEST(starts_on_trial_are_counted_and_end)
{
    with_states(SEC_CONFIRMED, SEC_ARMED);
    for (int i = 0; i < SEC_TRIAL_BOOTS; i++) {
        ck_assert_uint_eq(sec_boot_choose(&l.slots, &digest).slot, 1);
        ck_assert_int_eq(l.slots.slot[1].boots, i + 1);
        lib_slots_reload(&l);
        ck_assert_int_eq(l.slots.slot[1].boots, i + 1);
    }
    struct sec_boot_choice c = sec_boot_choose(&l.slots, &digest);
    ck_assert_uint_eq(c.slot, 0);
    ck_assert(c.gave_up[1] && !c.damaged[1]);
    ck_assert_int_eq(state(1), SEC_VERIFIED);
}
END_TEST

START_TEST(a_start_on_trial_that_cannot_be_recorded_does_not_happen)
{
    with_states(SEC_CONFIRMED, SEC_ARMED);
    l.flash->fail_at = 1;
    ck_assert_uint_eq(sec_boot_choose(&l.slots, &digest).slot, 0);
}
END_TEST

START_TEST(the_confirmed_image_runs_though_nothing_can_be_written)
{
    with_states(SEC_CONFIRMED, SEC_TRIAL);
    damage(1);
    l.flash->fail_at = 1;
    ck_assert_uint_eq(sec_boot_choose(&l.slots, &digest).slot, 0);
    uint64_t before = l.flash->operations;
    l.flash->fail_at = 0;
    with_states(SEC_CONFIRMED, SEC_EMPTY);
    before = l.flash->operations;
    for (int i = 0; i < 1000; i++) ck_assert_uint_eq(sec_boot_choose(&l.slots, &digest).slot, 0);
    ck_assert_uint_eq(l.flash->operations, before);
}
END_TEST

START_TEST(an_image_that_is_only_verified_is_never_the_way_out)
{
    with_states(SEC_CONFIRMED, SEC_VERIFIED);
    damage(0);
    struct sec_boot_choice c = sec_boot_choose(&l.slots, &digest);
    ck_assert_uint_eq(c.slot, SEC_NO_SLOT);
    ck_assert(c.damaged[0]);
    ck_assert_int_eq(state(0), SEC_BAD);
    ck_assert_int_eq(state(1), SEC_VERIFIED);
}
END_TEST

/* ---- policy `signature` ---- */

/* NAME in slot 1, on trial, with a record that says it is good. */
static void with_image(const struct up_signer *signer, uint32_t recorded, uint32_t own)
{
    static const uint8_t code[2000] = {1, 2, 3};
    char why[SIM_WHY_MAX];
    struct sim_bytes image = {0};
    const struct sim_wrap w = {.header_bytes = 32, .release_counter = own};
    lib_slots_free(&l);
    lib_slots_new(&l, SEC_TWO_SLOTS, SLOT, 1024, 16);
    ck_assert(sim_wrap(&w, (struct up_span){code, sizeof code}, signer, &image, why));
    lib_slots_place(&l, 1, SEC_ARMED, "new", recorded, sim_span(&image));
    sim_bytes_free(&image);
    lib_slots_reload(&l);
}

START_TEST(what_is_recorded_as_good_but_not_signed_does_not_run)
{
    const struct sec_policy signature = {.key = &author_key(24)->key};
    with_image(author_key(24), 2, 2);
    ck_assert_uint_eq(sec_boot_choose(&l.slots, &signature).slot, 1);
    static const struct {
        unsigned signer;
        uint32_t recorded, own;
    } wrong[] = {{25, 2, 2}, {24, 2, 1}, {24, 1, 0}, {24, 0, 0}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        with_image(author_key(wrong[i].signer), wrong[i].recorded, wrong[i].own);
        struct sec_boot_choice c = sec_boot_choose(&l.slots, &signature);
        ck_assert_msg(c.slot == SEC_NO_SLOT && c.damaged[1], "case %zu", i);
        ck_assert_int_eq(state(1), SEC_BAD);
    }
    with_image(NULL, 2, 2);
    ck_assert_uint_eq(sec_boot_choose(&l.slots, &signature).slot, SEC_NO_SLOT);
}
END_TEST

START_TEST(a_signed_image_runs_whatever_digest_is_recorded)
{
    const struct sec_policy signature = {.key = &author_key(24)->key};
    with_image(author_key(24), 2, 2);
    l.slots.slot[1].image.hashes.sha256[0] ^= 1;
    ck_assert_int_eq(sec_boot_verify(&l.slots, 1, &signature), UP_OK);
    ck_assert_int_eq(sec_boot_verify(&l.slots, 1, &digest), UP_IMG_HASH);
}
END_TEST

START_TEST(an_older_release_than_the_floor_does_not_run)
{
    with_image(author_key(24), 2, 2);
    l.slots.release_floor = 3;
    ck_assert_int_eq(sec_boot_verify(&l.slots, 1, &digest), UP_IMG_RELEASE_COUNTER);
    const struct sec_policy signature = {.key = &author_key(24)->key};
    ck_assert_int_eq(sec_boot_verify(&l.slots, 1, &signature), UP_IMG_RELEASE_COUNTER);
}
END_TEST

/* ---- the stage as a whole ---- */

START_TEST(the_stage_needs_nothing_but_the_flash)
{
    const struct sec_boot_config config = {.staging_bytes = 1024};
    struct sec_boot_choice c;
    with_states(SEC_CONFIRMED, SEC_ARMED);
    ck_assert_int_eq(sec_boot_stage(&l.flash->port, &config, &c), UP_OK);
    ck_assert_uint_eq(c.slot, 1);
    ck_assert_ptr_eq(c.image.p, l.flash->bytes + l.layout.slot[1].at);
    ck_assert_uint_eq(c.image.n, 3500);
    struct lib_flash *empty = lib_flash_new(l.flash->port.size, 1024, 16);
    ck_assert_int_eq(sec_boot_stage(&empty->port, &config, &c), UP_CONFIG);
    ck_assert_uint_eq(c.slot, SEC_NO_SLOT);
    lib_flash_free(empty);
}
END_TEST

START_TEST(starts_on_trial_that_are_still_recorded_do_not_end_a_confirmed_image)
{
    with_states(SEC_CONFIRMED, SEC_EMPTY);
    l.slots.slot[0].boots = SEC_TRIAL_BOOTS;
    struct sec_boot_choice c = sec_boot_choose(&l.slots, &digest);
    ck_assert_uint_eq(c.slot, 0);
    ck_assert(!c.gave_up[0] && !c.damaged[0]);
}
END_TEST

START_TEST(the_stage_does_not_choose_by_a_record_that_makes_no_sense)
{
    const struct sec_boot_config config = {.staging_bytes = 1024};
    struct sec_boot_choice c;
    with_states(SEC_CONFIRMED, SEC_EMPTY);
    const uint8_t nonsense[] = {0xFF, 0xFF};
    ck_assert_int_eq(sec_store_put(&l.store, SEC_KEY_SLOTS, (struct up_span){nonsense, 2}), UP_OK);
    ck_assert_int_eq(sec_boot_stage(&l.flash->port, &config, &c), UP_STORAGE_CORRUPT);
    ck_assert_uint_eq(c.slot, SEC_NO_SLOT);
}
END_TEST

START_TEST(a_choice_survives_the_way_to_the_agent_and_noise_does_not)
{
    for (unsigned slot = 0; slot <= SEC_NO_SLOT; slot++)
        for (unsigned bits = 0; bits < 16; bits++) {
            const struct sec_boot_choice c = {
                .slot = slot, .damaged = {bits & 1, bits & 2}, .gave_up = {bits & 4, bits & 8}};
            const uint32_t word = sec_handover_pack(&c);
            struct sec_boot_choice back;
            ck_assert(sec_handover_read(word, &back));
            ck_assert(back.slot == slot && back.damaged[0] == c.damaged[0] &&
                      back.damaged[1] == c.damaged[1] && back.gave_up[0] == c.gave_up[0] &&
                      back.gave_up[1] == c.gave_up[1]);
            for (unsigned bit = 0; bit < 32; bit++) ck_assert(!sec_handover_read(word ^ 1u << bit, &back));
        }
    struct sec_boot_choice back;
    ck_assert(!sec_handover_read(0, &back));
    ck_assert(!sec_handover_read(UINT32_MAX, &back));
}
END_TEST

SUITE("boot", starts_on_trial_that_are_still_recorded_do_not_end_a_confirmed_image,
      the_stage_does_not_choose_by_a_record_that_makes_no_sense, every_pair_of_states_boots_what_it_should,
      every_pair_of_states_with_damaged_images_boots_the_whole_one_or_none,
      a_damaged_image_on_trial_gives_way_to_the_confirmed_one, starts_on_trial_are_counted_and_end,
      a_start_on_trial_that_cannot_be_recorded_does_not_happen,
      the_confirmed_image_runs_though_nothing_can_be_written,
      an_image_that_is_only_verified_is_never_the_way_out,
      what_is_recorded_as_good_but_not_signed_does_not_run, a_signed_image_runs_whatever_digest_is_recorded,
      an_older_release_than_the_floor_does_not_run, the_stage_needs_nothing_but_the_flash,
      a_choice_survives_the_way_to_the_agent_and_noise_does_not)

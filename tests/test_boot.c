#include "secondary/boot.h"
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

SUITE("boot", every_pair_of_states_boots_what_it_should,
      every_pair_of_states_with_damaged_images_boots_the_whole_one_or_none,
      a_damaged_image_on_trial_gives_way_to_the_confirmed_one, starts_on_trial_are_counted_and_end,
      a_start_on_trial_that_cannot_be_recorded_does_not_happen,
      the_confirmed_image_runs_though_nothing_can_be_written,
      an_image_that_is_only_verified_is_never_the_way_out)

/* Every power cut of a save, torn in every way: afterwards the old value or the new one, every other value,
 * and the next save works. */
#include "secondary/store.h"
#include "tests/lib_flash.h"
#include "tests/suite.h"
#include <stdio.h>

static struct sec_layout layout;

static struct lib_flash *with_two_values(uint32_t sector, uint32_t unit, struct sec_store *s)
{
    struct lib_flash *f = lib_flash_new(sec_layout_size(SEC_TWO_SLOTS, sector, sector, sector), sector, unit);
    ck_assert_int_eq(sec_layout_of(&f->port, SEC_TWO_SLOTS, sector, &layout), UP_OK);
    ck_assert_int_eq(sec_store_format(s, &f->port, &layout), UP_OK);
    ck_assert_int_eq(sec_store_put(s, SEC_KEY_TRUST, UP_SPAN("old")), UP_OK);
    ck_assert_int_eq(sec_store_put(s, SEC_KEY_IDENTITY, UP_SPAN("me")), UP_OK);
    return f;
}

static void fill_bank(struct sec_store *s)
{
    static uint8_t big[SEC_VALUE_MAX];
    for (uint8_t active = s->active, i = 1; s->active == active; i++) {
        const struct sec_region bank = s->bank[active];
        if (bank.at + bank.bytes - s->end < 2 * (SEC_VALUE_MAX + 26)) return;
        big[0] = i;
        ck_assert_int_eq(sec_store_put(s, SEC_KEY_EVENTS, (struct up_span){big, sizeof big}), UP_OK);
    }
}

static uint64_t sweep(uint32_t sector, uint32_t unit, bool full, enum lib_tear tear)
{
    struct sec_store s;
    struct lib_flash *volatile f = with_two_values(sector, unit, &s);
    if (full) fill_bank(&s);
    uint8_t *volatile start = lib_flash_save(f);
    static uint8_t value[SEC_VALUE_MAX];
    struct up_span new_value = {value, full ? sizeof value : 40};
    memset(value, 'n', sizeof value);
    volatile uint64_t n;
    for (n = 1;; n++) {
        lib_flash_load(f, start);
        ck_assert_int_eq(sec_store_open(&s, &f->port, &layout), UP_OK);
        if (setjmp(f->cut) == 0) {
            lib_flash_cut(f, n, tear);
            ck_assert_int_eq(sec_store_put(&s, SEC_KEY_TRUST, new_value), UP_OK);
            break;
        }
        /* twice, so that what one recovery does not write, the next may not need */
        for (int again = 0; again < 2; again++) {
            lib_flash_power(f);
            ck_assert_int_eq(sec_store_open(&s, &f->port, &layout), UP_OK);
            struct up_span v = sec_store_get(&s, SEC_KEY_TRUST);
            ck_assert_msg(up_span_is(v, "old") || up_span_eq(v, new_value),
                          "neither old nor new after cut %llu", (unsigned long long)n);
            ck_assert(up_span_is(sec_store_get(&s, SEC_KEY_IDENTITY), "me"));
        }
        ck_assert_int_eq(sec_store_put(&s, SEC_KEY_TRUST, UP_SPAN("next")), UP_OK);
        ck_assert_int_eq(sec_store_open(&s, &f->port, &layout), UP_OK);
        ck_assert(up_span_is(sec_store_get(&s, SEC_KEY_TRUST), "next"));
        ck_assert(up_span_is(sec_store_get(&s, SEC_KEY_IDENTITY), "me"));
    }
    free(start);
    lib_flash_free(f);
    return n - 1;
}

START_TEST(every_cut_of_an_append_leaves_old_or_new)
{
    for (int tear = 0; tear < LIB_TEARS; tear++) {
        ck_assert_uint_ge(sweep(4096, 8, false, (enum lib_tear)tear), 16);
        ck_assert_uint_ge(sweep(16384, 256, false, (enum lib_tear)tear), 2);
    }
}
END_TEST

START_TEST(every_cut_of_a_move_to_the_other_bank_leaves_old_or_new)
{
    for (int tear = 0; tear < LIB_TEARS; tear++) {
        ck_assert_uint_ge(sweep(4096, 8, true, (enum lib_tear)tear), 350);
        ck_assert_uint_ge(sweep(1024, 32, true, (enum lib_tear)tear), 100);
    }
}
END_TEST

/* Cut, cut again at the next save, and so on: a store that limps through a hundred cuts still holds. */
START_TEST(cuts_in_a_row_do_not_add_up)
{
    struct sec_store s;
    struct lib_flash *volatile f = with_two_values(4096, 8, &s);
    char text[16];
    volatile int kept = -1;
    for (volatile int i = 0; i < 400; i++) {
        (void)snprintf(text, sizeof text, "value %d", i);
        if (setjmp(f->cut) == 0) {
            lib_flash_cut(f, (uint64_t)(i * 7 % 97 + 1), (enum lib_tear)(i % LIB_TEARS));
            ck_assert_int_eq(sec_store_put(&s, SEC_KEY_TRUST, up_span_of(text)), UP_OK);
        }
        lib_flash_power(f);
        ck_assert_int_eq(sec_store_open(&s, &f->port, &layout), UP_OK);
        struct up_span v = sec_store_get(&s, SEC_KEY_TRUST);
        (void)snprintf(text, sizeof text, "value %d", i);
        if (up_span_is(v, text)) kept = i;
        (void)snprintf(text, sizeof text, "value %d", kept);
        ck_assert(up_span_is(v, text) || (kept == -1 && up_span_is(v, "old")));
        ck_assert(up_span_is(sec_store_get(&s, SEC_KEY_IDENTITY), "me"));
    }
    ck_assert_int_gt(kept, 390);
    lib_flash_free(f);
}
END_TEST

SUITE("powerloss_store", every_cut_of_an_append_leaves_old_or_new,
      every_cut_of_a_move_to_the_other_bank_leaves_old_or_new, cuts_in_a_row_do_not_add_up)

#include "secondary/store.h"
#include "tests/lib_flash.h"
#include "tests/suite.h"
#include <stdio.h>

static const struct geometry {
    uint32_t sector, unit;
} geometries[] = {{4096, 8}, {512, 1}, {65536, 256}, {2048, 32}};

static struct lib_flash *flash;
static struct sec_layout layout;
static struct sec_store store;

static void formatted(struct geometry g)
{
    lib_flash_free(flash);
    flash = lib_flash_new(sec_layout_size(SEC_TWO_SLOTS, g.sector, g.sector, g.sector), g.sector, g.unit);
    ck_assert_int_eq(sec_layout_of(&flash->port, SEC_TWO_SLOTS, g.sector, &layout), UP_OK);
    ck_assert_int_eq(sec_store_format(&store, &flash->port, &layout), UP_OK);
}

static void reopen(enum up_err expected)
{
    ck_assert_int_eq(sec_store_open(&store, &flash->port, &layout), expected);
}

static void put(enum sec_key key, const char *text)
{
    ck_assert_int_eq(sec_store_put(&store, key, up_span_of(text)), UP_OK);
}

static bool holds(enum sec_key key, const char *text)
{
    return up_span_is(sec_store_get(&store, key), text);
}

START_TEST(values_survive_a_restart)
{
    for (size_t i = 0; i < sizeof geometries / sizeof *geometries; i++) {
        formatted(geometries[i]);
        put(SEC_KEY_TRUST, "trusted");
        put(SEC_KEY_TIME, "");
        put(SEC_KEY_TRUST, "trusted more");
        reopen(UP_OK);
        ck_assert(holds(SEC_KEY_TRUST, "trusted more"));
        ck_assert(holds(SEC_KEY_TIME, ""));
        ck_assert_ptr_null(sec_store_get(&store, SEC_KEY_EVENTS).p);
    }
}
END_TEST

START_TEST(values_survive_many_full_banks)
{
    char text[32];
    formatted(geometries[0]);
    put(SEC_KEY_IDENTITY, "never written again");
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(text, sizeof text, "value %d", i);
        put(SEC_KEY_BOOTS, text);
        if (i % 97 == 0) reopen(UP_OK);
    }
    reopen(UP_OK);
    ck_assert(holds(SEC_KEY_BOOTS, "value 1999"));
    ck_assert(holds(SEC_KEY_IDENTITY, "never written again"));
    ck_assert_uint_gt(store.generation, 5);
}
END_TEST

START_TEST(wear_is_spread_over_both_banks)
{
    uint64_t before;
    char text[32];
    formatted(geometries[0]);
    before = flash->erases;
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(text, sizeof text, "value %d", i);
        put(SEC_KEY_BOOTS, text);
    }
    uint64_t sectors = layout.store[0].bytes / flash->port.sector;
    ck_assert_uint_eq(flash->erases - before, (store.generation - 1) * sectors);
    ck_assert_uint_lt(flash->erases - before, 2000 / 10);
}
END_TEST

START_TEST(the_same_value_costs_no_write)
{
    formatted(geometries[0]);
    put(SEC_KEY_BOOTS, "one");
    uint64_t before = flash->operations;
    for (int i = 0; i < 1000; i++) put(SEC_KEY_BOOTS, "one");
    ck_assert_uint_eq(flash->operations, before);
}
END_TEST

START_TEST(blank_flash_is_not_provisioned_and_foreign_bytes_are_corrupt)
{
    formatted(geometries[0]);
    memset(flash->bytes, 0xFF, flash->port.size);
    reopen(UP_CONFIG);
    flash->bytes[layout.store[1].at + layout.store[1].bytes - 1] = 0;
    reopen(UP_STORAGE_CORRUPT);
    memset(flash->bytes, 0xA5, flash->port.size);
    reopen(UP_STORAGE_CORRUPT);
    ck_assert_uint_eq(store.generation, 0);
}
END_TEST

START_TEST(too_large_a_value_is_refused_and_the_old_one_stays)
{
    static uint8_t big[SEC_VALUE_MAX + 1];
    formatted(geometries[0]);
    put(SEC_KEY_TRUST, "old");
    ck_assert_int_eq(sec_store_put(&store, SEC_KEY_TRUST, (struct up_span){big, sizeof big}),
                     UP_STORAGE_FULL);
    ck_assert_int_eq(sec_store_put(&store, SEC_KEY_TIME, (struct up_span){big, SEC_VALUE_MAX}), UP_OK);
    reopen(UP_OK);
    ck_assert(holds(SEC_KEY_TRUST, "old"));
    ck_assert_uint_eq(sec_store_get(&store, SEC_KEY_TIME).n, SEC_VALUE_MAX);
}
END_TEST

START_TEST(largest_values_of_all_keys_fit_one_bank)
{
    static uint8_t big[SEC_VALUE_MAX];
    for (size_t i = 0; i < sizeof geometries / sizeof *geometries; i++) {
        formatted(geometries[i]);
        for (int round = 0; round < 3; round++)
            for (int key = 0; key < SEC_KEYS; key++) {
                big[0] = (uint8_t)round;
                ck_assert_int_eq(sec_store_put(&store, (enum sec_key)key, (struct up_span){big, sizeof big}),
                                 UP_OK);
            }
    }
}
END_TEST

/* A flip of any bit is harmless: of the newest record too, because there are two of each. */
START_TEST(any_flipped_bit_loses_nothing)
{
    formatted(geometries[0]);
    put(SEC_KEY_TRUST, "floor 5");
    put(SEC_KEY_TRUST, "floor 6");
    put(SEC_KEY_TIME, "noon");
    const uint32_t from = layout.store[store.active].at, to = store.end;
    for (uint32_t at = from; at < to; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            flash->bytes[at] ^= (uint8_t)(1u << bit);
            reopen(UP_OK);
            ck_assert(holds(SEC_KEY_TRUST, "floor 6"));
            ck_assert(holds(SEC_KEY_TIME, "noon"));
            flash->bytes[at] ^= (uint8_t)(1u << bit);
        }
}
END_TEST

START_TEST(a_lost_record_is_told_and_the_rest_stays)
{
    formatted(geometries[0]);
    put(SEC_KEY_TRUST, "floor 5");
    uint32_t from = store.end;
    put(SEC_KEY_TRUST, "floor 6");
    uint32_t to = store.end;
    put(SEC_KEY_TIME, "noon");
    for (uint32_t at = from; at < to; at++) flash->bytes[at] ^= 0x10;
    reopen(UP_STORAGE_CORRUPT);
    ck_assert_uint_ne(store.generation, 0);
    ck_assert(holds(SEC_KEY_TIME, "noon"));
    put(SEC_KEY_TRUST, "floor 7");
    ck_assert(holds(SEC_KEY_TRUST, "floor 7"));
}
END_TEST

START_TEST(records_of_an_older_generation_do_not_come_back)
{
    formatted(geometries[0]);
    put(SEC_KEY_BOOTS, "old");
    uint32_t at = store.end - layout.store[store.active].at;
    uint8_t old = store.active;
    static uint8_t big[SEC_VALUE_MAX];
    for (int i = 0; store.active == old; i++) {
        big[0] = (uint8_t)i;
        ck_assert_int_eq(sec_store_put(&store, SEC_KEY_TRUST, (struct up_span){big, sizeof big}), UP_OK);
    }
    put(SEC_KEY_BOOTS, "new");
    /* the old bank's records, where the active bank is still erased */
    uint32_t n = at;
    memcpy(flash->bytes + store.end, flash->bytes + layout.store[old].at, n);
    reopen(UP_OK);
    ck_assert(holds(SEC_KEY_BOOTS, "new"));
}
END_TEST

START_TEST(failing_flash_is_an_error_and_the_old_value_stays)
{
    for (uint64_t n = 1; n < 200; n++) {
        formatted(geometries[0]);
        put(SEC_KEY_TRUST, "old");
        flash->fail_at = n + 1;
        enum up_err e = sec_store_put(&store, SEC_KEY_TRUST, UP_SPAN("new"));
        bool failed = flash->fail_at == 1;
        flash->fail_at = 0;
        ck_assert_int_eq(e, failed ? UP_STORAGE_WRITE : UP_OK);
        ck_assert(holds(SEC_KEY_TRUST, failed ? "old" : "new"));
        put(SEC_KEY_TRUST, "next");
        reopen(UP_OK);
        ck_assert(holds(SEC_KEY_TRUST, "next"));
        if (!failed) return;
    }
    ck_abort_msg("the flash never held");
}
END_TEST

START_TEST(a_store_that_could_not_be_made_is_none)
{
    bool failed = true;
    formatted(geometries[3]);
    for (uint64_t n = 1; failed; n++) {
        ck_assert_uint_lt(n, 10000);
        flash->fail_at = n;
        enum up_err e = sec_store_format(&store, &flash->port, &layout);
        failed = flash->fail_at == 1;
        flash->fail_at = 0;
        ck_assert_int_eq(e, failed ? UP_STORAGE_WRITE : UP_OK);
    }
    reopen(UP_OK);
}
END_TEST

/* The same in the middle of its life, when the bank is full and all moves to the other one. */
START_TEST(a_move_that_fails_leaves_the_old_bank)
{
    char text[32];
    unsigned full = 0;
    formatted(geometries[3]);
    for (uint32_t first = store.generation; store.generation == first; full++) {
        (void)snprintf(text, sizeof text, "value %u", full);
        put(SEC_KEY_BOOTS, text);
    }
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        ck_assert_uint_lt(n, 10000);
        formatted(geometries[3]);
        for (unsigned i = 0; i + 1 < full; i++) {
            (void)snprintf(text, sizeof text, "value %u", i);
            put(SEC_KEY_BOOTS, text);
        }
        const uint32_t generation = store.generation;
        flash->fail_at = n;
        char moved[32]; /* as long as what made it move */
        (void)snprintf(moved, sizeof moved, "moved %u", full - 1);
        enum up_err e = sec_store_put(&store, SEC_KEY_BOOTS, up_span_of(moved));
        failed = flash->fail_at == 1;
        flash->fail_at = 0;
        ck_assert_int_eq(e, failed ? UP_STORAGE_WRITE : UP_OK);
        ck_assert_uint_eq(store.generation, failed ? generation : generation + 1);
        ck_assert(holds(SEC_KEY_BOOTS, failed ? text : moved));
    }
}
END_TEST

START_TEST(a_flash_that_does_not_keep_what_was_programmed_is_an_error)
{
    formatted(geometries[0]);
    put(SEC_KEY_TRUST, "old");
    struct sec_flash stuck = flash->port;
    static uint8_t other[1 << 20];
    memset(other, 0xFF, sizeof other);
    stuck.mapped = other; /* reads something else than was written */
    store.flash = &stuck;
    ck_assert_int_eq(sec_store_put(&store, SEC_KEY_TRUST, UP_SPAN("new")), UP_STORAGE_WRITE);
}
END_TEST

START_TEST(impossible_geometry_is_refused)
{
    struct sec_layout l;
    struct lib_flash *f = lib_flash_new(65536, 4096, 8);
    ck_assert_int_eq(sec_layout_of(&f->port, SEC_TWO_SLOTS, 4096, &l), UP_OK);
    ck_assert_int_eq(sec_layout_of(&f->port, SEC_TWO_SLOTS, 32768, &l), UP_CONFIG);
    struct sec_flash bad = f->port;
    bad.program_unit = 512;
    ck_assert_int_eq(sec_layout_of(&bad, SEC_TWO_SLOTS, 4096, &l), UP_CONFIG);
    bad = f->port;
    bad.program_unit = 3;
    ck_assert_int_eq(sec_layout_of(&bad, SEC_TWO_SLOTS, 4096, &l), UP_CONFIG);
    bad = f->port;
    bad.size = 65536 + 8;
    ck_assert_int_eq(sec_layout_of(&bad, SEC_TWO_SLOTS, 4096, &l), UP_CONFIG);
    bad = f->port;
    bad.mapped = NULL;
    ck_assert_int_eq(sec_layout_of(&bad, SEC_TWO_SLOTS, 4096, &l), UP_CONFIG);
    ck_assert_uint_eq(sec_layout_size(SEC_TWO_SLOTS, 4096, 0xFFFFFFFF, 1), 0);
    lib_flash_free(f);
}
END_TEST

START_TEST(regions_do_not_overlap_and_fill_the_flash)
{
    struct sec_layout l;
    struct lib_flash *f = lib_flash_new(1 << 20, 4096, 8);
    ck_assert_int_eq(sec_layout_of(&f->port, SEC_TWO_SLOTS, 0, &l), UP_OK);
    struct sec_region r[] = {l.store[0], l.store[1], l.bank[0], l.bank[1], l.slot[0], l.slot[1]};
    uint32_t at = 0;
    for (size_t i = 0; i < 6; i++) {
        ck_assert_uint_eq(r[i].at, at);
        ck_assert_uint_eq(r[i].at % 4096, 0);
        at += r[i].bytes;
    }
    ck_assert_uint_le(at, f->port.size);
    ck_assert_uint_eq(l.bank[0].bytes, (1 << 20) / 8);
    lib_flash_free(f);
}
END_TEST

SUITE("store", a_store_that_could_not_be_made_is_none, a_move_that_fails_leaves_the_old_bank,
      values_survive_a_restart, values_survive_many_full_banks, wear_is_spread_over_both_banks,
      the_same_value_costs_no_write, blank_flash_is_not_provisioned_and_foreign_bytes_are_corrupt,
      too_large_a_value_is_refused_and_the_old_one_stays, largest_values_of_all_keys_fit_one_bank,
      any_flipped_bit_loses_nothing, a_lost_record_is_told_and_the_rest_stays,
      records_of_an_older_generation_do_not_come_back, failing_flash_is_an_error_and_the_old_value_stays,
      a_flash_that_does_not_keep_what_was_programmed_is_an_error, impossible_geometry_is_refused,
      regions_do_not_overlap_and_fill_the_flash)

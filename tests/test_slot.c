#include "tests/lib_slots.h"
#include "tests/suite.h"

#define SLOT   16384u
#define SECTOR 1024u
#define UNIT   16u
#define LENGTH 10001u /* neither a sector nor a unit */

static struct lib_slots l;
static uint8_t *bytes;
static struct sec_image image;
static const uint8_t order[SEC_ORDER_BYTES] = {7, 7}, other_order[SEC_ORDER_BYTES] = {8};

static void fresh(void)
{
    lib_slots_free(&l);
    free(bytes);
    lib_slots_new(&l, SEC_TWO_SLOTS, SLOT, SECTOR, UNIT);
    bytes = lib_image_bytes(LENGTH, 2);
    image = lib_image("new", 2, (struct up_span){bytes, LENGTH});
}

/* As the agent does it: blocks of N, journalled at every sector. */
static void send_from(uint32_t from, uint32_t to, uint32_t n)
{
    for (uint32_t at = from; at < to; at += n) {
        uint32_t part = to - at < n ? to - at : n;
        ck_assert_int_eq(sec_slot_write(&l.slots, (struct up_span){bytes + at, part}), UP_OK);
        uint32_t safe = sec_slot_resumable(&l.slots, 1);
        if (safe > l.slots.journal.plain) ck_assert_int_eq(sec_slot_journal(&l.slots, safe, safe), UP_OK);
    }
}

static void receive(uint32_t from)
{
    ck_assert_int_eq(sec_slot_receive(&l.slots, 1, &image, order, from), UP_OK);
}

static void finish(void)
{
    ck_assert_int_eq(sec_slot_finish(&l.slots, LENGTH, LENGTH), UP_OK);
}

static enum up_err check(unsigned slot, uint32_t step)
{
    struct sec_check c;
    sec_check_begin(&c, &l.slots, slot);
    while (sec_check_step(&c, step)) {
    }
    return sec_check_end(&c);
}

static uint8_t state(unsigned slot)
{
    return l.slots.slot[slot].state;
}

START_TEST(an_image_arrives_in_blocks_of_any_size)
{
    const uint32_t sizes[] = {1, 15, 16, 17, 1000, 1024, 4093, LENGTH};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fresh();
        receive(0);
        ck_assert_int_eq(state(1), SEC_RECEIVING);
        send_from(0, LENGTH, sizes[i]);
        finish();
        struct up_span stored = sec_slot_image(&l.slots, 1);
        ck_assert_uint_eq(stored.n, LENGTH);
        ck_assert_mem_eq(stored.p, bytes, LENGTH);
        ck_assert_int_eq(check(1, sizes[i]), UP_OK);
    }
}
END_TEST

START_TEST(a_transfer_resumes_where_the_journal_says_after_a_power_cut)
{
    fresh();
    receive(0);
    send_from(0, 5000, 333);
    lib_slots_reload(&l);
    uint32_t safe = sec_slot_received(&l.slots, 1);
    ck_assert_uint_eq(safe, 4096);
    receive(safe);
    send_from(safe, LENGTH, 333);
    finish();
    lib_slots_reload(&l);
    ck_assert_uint_eq(sec_slot_received(&l.slots, 1), LENGTH);
    ck_assert_int_eq(check(1, 4096), UP_OK);
}
END_TEST

START_TEST(a_transfer_resumes_without_a_power_cut)
{
    fresh();
    receive(0);
    send_from(0, 5000, 333);
    receive(4096);
    send_from(4096, LENGTH, 333);
    finish();
    ck_assert_int_eq(check(1, 4096), UP_OK);
}
END_TEST

START_TEST(a_transfer_resumes_nowhere_else)
{
    fresh();
    receive(0);
    send_from(0, 5000, 333);
    ck_assert_int_eq(sec_slot_receive(&l.slots, 1, &image, order, 1024), UP_PRECONDITION);
    ck_assert_int_eq(sec_slot_receive(&l.slots, 1, &image, order, 5000), UP_PRECONDITION);
    ck_assert_int_eq(sec_slot_receive(&l.slots, 1, &image, other_order, 4096), UP_PRECONDITION);
    image.release_counter++;
    ck_assert_int_eq(sec_slot_receive(&l.slots, 1, &image, order, 4096), UP_PRECONDITION);
    ck_assert_uint_eq(sec_slot_received(&l.slots, 1), 4096);
}
END_TEST

START_TEST(a_new_transfer_takes_the_old_promise_back_before_it_erases)
{
    fresh();
    receive(0);
    send_from(0, 5000, 333);
    receive(0);
    lib_slots_reload(&l);
    ck_assert_uint_eq(sec_slot_received(&l.slots, 1), 0);
    ck_assert_int_eq(state(1), SEC_RECEIVING);
}
END_TEST

/* Cut at every operation of beginning anew, what is promised is there. */
START_TEST(a_promise_holds_until_it_is_taken_back)
{
    for (volatile uint64_t cut = 1, over = 0; !over; cut++) {
        fresh();
        receive(0);
        send_from(0, 5000, 333);
        if (setjmp(l.flash->cut) == 0) {
            lib_flash_cut(l.flash, cut, LIB_TEAR_ALL);
            receive(0);
            over = 1;
        }
        lib_flash_power(l.flash);
        lib_slots_reload(&l);
        const uint32_t safe = sec_slot_received(&l.slots, 1);
        ck_assert(safe == 0 || safe == 4096);
        ck_assert_mem_eq(sec_slot_image(&l.slots, 1).p, bytes, safe);
    }
}
END_TEST

START_TEST(the_same_image_under_a_new_order_keeps_what_was_received)
{
    fresh();
    receive(0);
    send_from(0, 5000, 333);
    ck_assert_int_eq(sec_slot_adopt(&l.slots, 1, other_order), UP_OK);
    lib_slots_reload(&l);
    ck_assert_uint_eq(sec_slot_received(&l.slots, 1), 4096);
    ck_assert_int_eq(sec_slot_receive(&l.slots, 1, &image, order, 4096), UP_PRECONDITION);
    ck_assert_int_eq(sec_slot_receive(&l.slots, 1, &image, other_order, 4096), UP_OK);
}
END_TEST

START_TEST(more_than_the_slot_holds_is_refused)
{
    fresh();
    image.length = SLOT + 1;
    ck_assert_int_eq(sec_slot_receive(&l.slots, 1, &image, order, 0), UP_STORAGE_FULL);
    ck_assert_int_eq(state(1), SEC_EMPTY);
    image.length = SLOT;
    receive(0);
    uint8_t *full = lib_image_bytes(SLOT, 3);
    ck_assert_int_eq(sec_slot_write(&l.slots, (struct up_span){full, SLOT}), UP_OK);
    ck_assert_int_eq(sec_slot_write(&l.slots, (struct up_span){full, 1}), UP_STORAGE_FULL);
    free(full);
}
END_TEST

START_TEST(one_flipped_bit_or_one_wrong_digest_is_found)
{
    fresh();
    receive(0);
    send_from(0, LENGTH, 4093);
    finish();
    for (uint32_t at = 0; at < LENGTH; at += 997) {
        l.flash->bytes[l.layout.slot[1].at + at] ^= 0x40;
        ck_assert_int_eq(check(1, 4096), UP_IMG_HASH);
        l.flash->bytes[l.layout.slot[1].at + at] ^= 0x40;
    }
    struct up_hashes *h = &l.slots.slot[1].image.hashes;
    ck_assert_int_eq(check(1, 4096), UP_OK);
    h->sha256[0] ^= 1;
    ck_assert_int_eq(check(1, 4096), UP_IMG_HASH);
    h->sha256[0] ^= 1;
    h->sha512[63] ^= 1;
    ck_assert_int_eq(check(1, 4096), UP_IMG_HASH);
    h->has_sha512 = false;
    ck_assert_int_eq(check(1, 4096), UP_OK);
    h->has_sha256 = false; /* no digest proves nothing */
    ck_assert_int_eq(check(1, 4096), UP_IMG_HASH);
}
END_TEST

START_TEST(an_image_can_be_dropped_in_mid_check)
{
    fresh();
    struct sec_check c;
    sec_check_begin(&c, &l.slots, 0);
    ck_assert(sec_check_step(&c, 16));
    sec_check_drop(&c);
}
END_TEST

/* Every cell of the table, against a second opinion: 0 means refused. */
START_TEST(every_event_in_every_state)
{
    enum {
        E = SEC_EMPTY,
        R = SEC_RECEIVING,
        V = SEC_VERIFIED,
        A = SEC_ARMED,
        T = SEC_TRIAL,
        C = SEC_CONFIRMED,
        B = SEC_BAD,
        W = SEC_AWAY
    };
    static const uint8_t expected[SEC_SLOT_EVENTS][SEC_SLOT_STATES] = {
        /*               -  E  R  V  A  T  C  B  W */
        [SEC_RECEIVE] = {0, R, R, R, 0, 0, 0, R, W}, [SEC_ACCEPT] = {0, 0, V, V, 0, 0, 0, 0, C},
        [SEC_REJECT] = {0, 0, B, B, B, B, B, B, W},  [SEC_ARM] = {0, 0, 0, A, A, 0, 0, 0, 0},
        [SEC_TRY] = {0, 0, 0, 0, T, T, 0, 0, 0},     [SEC_CONFIRM] = {0, 0, 0, 0, 0, C, C, 0, 0},
        [SEC_REVERT] = {0, 0, 0, V, V, V, 0, 0, 0},  [SEC_WITHDRAW] = {0, E, E, E, E, 0, 0, E, 0},
    };
    fresh();
    for (int event = 0; event < SEC_SLOT_EVENTS; event++)
        for (int from = SEC_EMPTY; from < SEC_SLOT_STATES; from++) {
            l.slots.slot[1].state = (uint8_t)from;
            ck_assert_int_eq(sec_slots_save(&l.slots), UP_OK);
            enum up_err e = sec_slot_event(&l.slots, 1, (enum sec_slot_event)event);
            uint8_t to = expected[event][from];
            ck_assert_msg(e == (to != 0 ? UP_OK : UP_PRECONDITION), "event %d in state %d", event, from);
            ck_assert_int_eq(state(1), to != 0 ? to : from);
            ck_assert_int_eq(sec_slot_next((enum sec_slot_state)from, (enum sec_slot_event)event), to);
            if (to != 0) {
                lib_slots_reload(&l);
                ck_assert_int_eq(state(1), to);
            }
        }
}
END_TEST

START_TEST(the_floor_rises_and_the_old_image_ends_only_when_the_new_one_is_confirmed)
{
    fresh();
    lib_slots_place(&l, 1, SEC_ARMED, "new", 9, (struct up_span){bytes, LENGTH});
    ck_assert_int_eq(sec_slot_event(&l.slots, 1, SEC_TRY), UP_OK);
    ck_assert_uint_eq(l.slots.release_floor, 1);
    ck_assert_int_eq(state(0), SEC_CONFIRMED);
    ck_assert_int_eq(sec_slot_event(&l.slots, 1, SEC_CONFIRM), UP_OK);
    lib_slots_reload(&l);
    ck_assert_uint_eq(l.slots.release_floor, 9);
    ck_assert_int_eq(state(0), SEC_EMPTY);
    ck_assert_int_eq(state(1), SEC_CONFIRMED);
}
END_TEST

START_TEST(confirming_twice_leaves_the_next_transfer_alone)
{
    fresh();
    receive(0);
    send_from(0, 5000, 333);
    ck_assert_int_eq(sec_slot_event(&l.slots, 0, SEC_CONFIRM), UP_OK);
    ck_assert_int_eq(state(1), SEC_RECEIVING);
    ck_assert_uint_eq(sec_slot_received(&l.slots, 1), 4096);
}
END_TEST

START_TEST(a_floor_never_falls)
{
    fresh();
    l.slots.release_floor = 20;
    lib_slots_place(&l, 1, SEC_TRIAL, "new", 9, (struct up_span){bytes, LENGTH});
    ck_assert_int_eq(sec_slot_event(&l.slots, 1, SEC_CONFIRM), UP_OK);
    ck_assert_uint_eq(l.slots.release_floor, 20);
}
END_TEST

START_TEST(what_cannot_be_stored_has_not_happened)
{
    fresh();
    lib_slots_place(&l, 1, SEC_TRIAL, "new", 9, (struct up_span){bytes, LENGTH});
    l.flash->fail_at = 1;
    ck_assert_int_eq(sec_slot_event(&l.slots, 1, SEC_CONFIRM), UP_STORAGE_WRITE);
    ck_assert_int_eq(state(0), SEC_CONFIRMED);
    ck_assert_int_eq(state(1), SEC_TRIAL);
    ck_assert_uint_eq(l.slots.release_floor, 1);
    l.flash->fail_at = 0;
    ck_assert_int_eq(sec_slot_event(&l.slots, 1, SEC_CONFIRM), UP_OK);
}
END_TEST

START_TEST(a_failing_flash_ends_a_transfer_with_an_error)
{
    fresh();
    receive(0);
    l.flash->fail_at = 20;
    enum up_err e = UP_OK;
    for (uint32_t at = 0; at + 500 < LENGTH && e == UP_OK; at += 500)
        e = sec_slot_write(&l.slots, (struct up_span){bytes + at, 500});
    ck_assert_int_eq(e, UP_STORAGE_WRITE);
    l.flash->fail_at = 0;
    receive(0);
    send_from(0, LENGTH, 500);
    finish();
    ck_assert_int_eq(check(1, 4096), UP_OK);
}
END_TEST

START_TEST(a_long_name_or_a_huge_length_does_not_fit_an_image)
{
    static uint8_t name[UP_NAME_MAX + 1];
    struct sec_image i;
    struct up_target t = {.name = {name, UP_NAME_MAX}, .length = 5};
    ck_assert(sec_image_of(&t, &i));
    ck_assert_uint_eq(sec_image_name(&i).n, UP_NAME_MAX);
    t.name.n++;
    ck_assert(!sec_image_of(&t, &i));
    t.name.n--;
    t.length = (uint64_t)UINT32_MAX + 1;
    ck_assert(!sec_image_of(&t, &i));
}
END_TEST

START_TEST(a_record_that_makes_no_sense_is_corrupt)
{
    fresh();
    struct up_span v = sec_store_get(&l.store, SEC_KEY_SLOTS);
    uint8_t record[SEC_VALUE_MAX];
    memcpy(record, v.p, v.n);
    struct up_span bad = {record, v.n};
    const size_t n = v.n;
    for (uint8_t wrong = 0; wrong < 3; wrong++) {
        record[0] = wrong == 0 ? SEC_SLOT_STATES : SEC_EMPTY;
        bad.n = wrong == 1 ? n - 1 : n;
        if (wrong == 2) record[4 + SEC_ORDER_BYTES] = UP_NAME_MAX + 1;
        ck_assert_int_eq(sec_store_put(&l.store, SEC_KEY_SLOTS, bad), UP_OK);
        ck_assert_int_eq(sec_slots_load(&l.slots, &l.store, &l.layout), UP_STORAGE_CORRUPT);
    }
}
END_TEST

/* One name longer than there is room for, and all that follows it where it belongs. */
START_TEST(a_record_with_a_name_that_is_too_long_is_not_read_beyond_its_place)
{
    enum { BEFORE = 4 + SEC_ORDER_BYTES, LONG = UP_NAME_MAX + 1 };
    fresh();
    struct up_span v = sec_store_get(&l.store, SEC_KEY_SLOTS);
    uint8_t record[SEC_VALUE_MAX];
    const size_t behind = BEFORE + 1 + v.p[BEFORE], rest = v.n - behind;
    memcpy(record, v.p, BEFORE);
    record[BEFORE] = LONG;
    memset(record + BEFORE + 1, 'n', LONG);
    memcpy(record + BEFORE + 1 + LONG, v.p + behind, rest);
    const struct up_span bad = {record, BEFORE + 1 + LONG + rest};
    ck_assert_int_eq(sec_store_put(&l.store, SEC_KEY_SLOTS, bad), UP_OK);
    ck_assert_int_eq(sec_slots_load(&l.slots, &l.store, &l.layout), UP_STORAGE_CORRUPT);
}
END_TEST

START_TEST(every_cut_of_a_record_is_corrupt)
{
    fresh();
    uint8_t record[SEC_VALUE_MAX];
    struct up_span v = sec_store_get(&l.store, SEC_KEY_SLOTS);
    const size_t n = v.n;
    memcpy(record, v.p, n);
    for (size_t cut = 0; cut <= n; cut++) {
        ck_assert_int_eq(sec_store_put(&l.store, SEC_KEY_SLOTS, (struct up_span){record, cut}), UP_OK);
        ck_assert_int_eq(sec_slots_load(&l.slots, &l.store, &l.layout), cut < n ? UP_STORAGE_CORRUPT : UP_OK);
    }
}
END_TEST

START_TEST(a_record_of_an_image_longer_than_a_slot_is_corrupt)
{
    for (unsigned slot = 0; slot < 2; slot++)
        for (uint32_t more = 0; more < 2; more++) {
            fresh();
            l.slots.slot[slot].image.length = l.layout.slot[0].bytes + more;
            ck_assert_int_eq(sec_slots_save(&l.slots), UP_OK);
            ck_assert_int_eq(sec_slots_load(&l.slots, &l.store, &l.layout),
                             more ? UP_STORAGE_CORRUPT : UP_OK);
        }
}
END_TEST

START_TEST(transfers_are_counted_for_good)
{
    fresh();
    for (uint32_t n = 1; n <= 3; n++) {
        receive(0);
        ck_assert_uint_eq(l.slots.received, n);
        lib_slots_reload(&l);
        ck_assert_uint_eq(l.slots.received, n);
    }
}
END_TEST

START_TEST(a_journal_that_was_cut_short_promises_nothing)
{
    fresh();
    receive(0);
    send_from(0, 4 * SECTOR, SECTOR);
    ck_assert_uint_gt(l.slots.journal.plain, 0);
    struct up_span v = sec_store_get(&l.store, SEC_KEY_JOURNAL);
    uint8_t record[SEC_VALUE_MAX];
    memcpy(record, v.p, v.n);
    ck_assert_int_eq(sec_store_put(&l.store, SEC_KEY_JOURNAL, (struct up_span){record, v.n - 1}), UP_OK);
    lib_slots_reload(&l);
    ck_assert_uint_eq(l.slots.journal.plain, 0);
    ck_assert_uint_eq(l.slots.journal.transported, 0);
    ck_assert_uint_eq(sec_slot_received(&l.slots, 1), 0);
}
END_TEST

START_TEST(images_are_the_same_when_all_is)
{
    fresh();
    struct sec_image other = image;
    ck_assert(sec_image_same(&image, &other));
    other.name[0] ^= 1;
    ck_assert(!sec_image_same(&image, &other));
    other = image;
    other.name_bytes--;
    ck_assert(!sec_image_same(&image, &other));
    other = image;
    other.length++;
    ck_assert(!sec_image_same(&image, &other));
    other = image;
    other.release_counter++;
    ck_assert(!sec_image_same(&image, &other));
    other = image;
    other.hashes.sha256[31] ^= 1;
    ck_assert(!sec_image_same(&image, &other));
}
END_TEST

START_TEST(the_slot_to_fill_when_nothing_runs)
{
    static const struct {
        enum sec_layout_kind kind;
        enum sec_slot_state first;
        unsigned other;
    } c[] = {{SEC_TWO_SLOTS, SEC_CONFIRMED, 0}, {SEC_TWO_SLOTS, SEC_EMPTY, 0}, {SEC_SWAP, SEC_CONFIRMED, 0},
             {SEC_ONE_SLOT, SEC_CONFIRMED, 1},  {SEC_ONE_SLOT, SEC_EMPTY, 0},  {SEC_ONE_SLOT, SEC_AWAY, 1},
             {SEC_TWO_SLOTS, SEC_AWAY, 1}};
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        lib_slots_free(&l);
        lib_slots_new(&l, c[i].kind, SLOT, SECTOR, UNIT);
        l.slots.slot[0].state = (uint8_t)c[i].first;
        ck_assert_uint_eq(sec_slot_other(&l.slots, SEC_NO_SLOT), c[i].other);
        ck_assert_uint_eq(sec_slot_other(&l.slots, 0), 1);
        ck_assert_uint_eq(sec_slot_other(&l.slots, 1), 0);
        ck_assert_uint_eq(sec_slot_away(&l.slots), c[i].first == SEC_AWAY ? 0 : SEC_NO_SLOT);
    }
}
END_TEST

SUITE("slot", a_record_with_a_name_that_is_too_long_is_not_read_beyond_its_place,
      every_cut_of_a_record_is_corrupt, a_record_of_an_image_longer_than_a_slot_is_corrupt,
      transfers_are_counted_for_good, a_journal_that_was_cut_short_promises_nothing,
      images_are_the_same_when_all_is, the_slot_to_fill_when_nothing_runs,
      an_image_arrives_in_blocks_of_any_size, a_transfer_resumes_where_the_journal_says_after_a_power_cut,
      a_transfer_resumes_without_a_power_cut, a_transfer_resumes_nowhere_else,
      a_new_transfer_takes_the_old_promise_back_before_it_erases, a_promise_holds_until_it_is_taken_back,
      the_same_image_under_a_new_order_keeps_what_was_received, more_than_the_slot_holds_is_refused,
      one_flipped_bit_or_one_wrong_digest_is_found, an_image_can_be_dropped_in_mid_check,
      every_event_in_every_state, the_floor_rises_and_the_old_image_ends_only_when_the_new_one_is_confirmed,
      confirming_twice_leaves_the_next_transfer_alone, a_floor_never_falls,
      what_cannot_be_stored_has_not_happened, a_failing_flash_ends_a_transfer_with_an_error,
      a_long_name_or_a_huge_length_does_not_fit_an_image, a_record_that_makes_no_sense_is_corrupt)

/* isotp/isotp.c: messages that are longer than any buffer, and timers that are not the standard's. */
#include "tests/isotp_world.h"

static struct sunk {
    uint32_t announced, got, limit; /* takes so much */
    unsigned begun, ended;
    bool refuses;
    enum isotp_result why;
} sunk;

static bool sink_begin(void *ctx, uint32_t bytes)
{
    (void)ctx;
    sunk.begun++;
    sunk.announced = bytes;
    sunk.got = 0;
    return !sunk.refuses;
}

static bool sink_add(void *ctx, const uint8_t *data, uint32_t n)
{
    (void)ctx;
    ck_assert_uint_eq(sunk.begun, sunk.ended + 1);
    ck_assert_uint_le(n, sunk.announced - sunk.got);
    if (n > sunk.limit - sunk.got) return false;
    for (uint32_t i = 0; i < n; i++) ck_assert_uint_eq(data[i], text[(sunk.got + i) % sizeof text]);
    sunk.got += n;
    return true;
}

static void sink_end(void *ctx, enum isotp_result why)
{
    (void)ctx;
    sunk.ended++;
    sunk.why = why;
}

static void start_sinking(uint32_t max_bytes)
{
    static struct isotp_sink sink;
    sink = (struct isotp_sink){.max_bytes = max_bytes, .begin = sink_begin, .add = sink_add, .end = sink_end};
    start();
    isotp_set_sink(&l, &sink);
    memset(&sunk, 0, sizeof sunk);
    sunk.limit = UINT32_MAX;
}

static void expect_sunk(uint32_t bytes)
{
    struct isotp_event e;
    ck_assert_uint_eq(sunk.got, bytes);
    ck_assert_uint_eq(sunk.ended, sunk.begun);
    ck_assert_int_eq(sunk.why, ISOTP_N_OK);
    ck_assert(isotp_poll(&l, &e));
    ck_assert_int_eq(e.kind, ISOTP_RECEIVED);
    ck_assert_ptr_null(e.data);
    ck_assert_uint_eq(e.bytes, bytes);
    isotp_release(&l);
}

START_TEST(a_message_longer_than_the_buffer_goes_to_the_sink_as_it_comes)
{
    static const uint8_t sizes[] = {8, 12, 16, 20, 24, 32, 48, 64};
    for (size_t i = 0; i < sizeof sizes; i++) {
        set_up(sizes[i] > 8);
        config.block_size = (uint8_t)i;
        start_sinking(60000);
        feed_first(60000, sizes[i]);
        for (struct isotp_frame f; peer.at < peer.length; feed_next())
            if (isotp_next_frame(&l, &f, now)) isotp_sent(&l, now);
        expect_sunk(60000);
        expect_nothing();
        ck_assert_uint_eq(buffer[0], 0xEE);
    }
}
END_TEST

START_TEST(a_message_that_fits_the_buffer_does_not_go_to_the_sink)
{
    set_up(false);
    start_sinking(60000);
    feed_first(ROOM, 8);
    expect_frame("30 00 00");
    feed_rest();
    expect_message(ROOM);
    ck_assert_uint_eq(sunk.begun, 0);
    feed_first(ROOM + 1, 8);
    expect_frame("30 00 00");
    feed_rest();
    expect_sunk(ROOM + 1);
    feed(frame_of("03", 0, 4));
    expect_message(3);
}
END_TEST

START_TEST(the_longest_message_of_all_may_come)
{
    set_up(true);
    start_sinking(UINT32_MAX);
    feed_hex("10 00 FF FF FF FF 01 08 0F 16 1D 24");
    expect_frame("30 00 00");
    ck_assert_uint_eq(sunk.announced, UINT32_MAX);
    ck_assert_uint_eq(sunk.got, 6);
    for (unsigned i = 0; i < 100; i++) {
        peer.sn = (uint8_t)((i + 1) & 15);
        char hex[4];
        sprintf(hex, "2%X", peer.sn);
        feed(frame_of(hex, sunk.got, 12));
    }
    ck_assert_uint_eq(sunk.got, 6 + 100 * 11);
    expect_nothing();
}
END_TEST

START_TEST(what_the_sink_does_not_take_is_refused_with_overflow)
{
    set_up(false);
    start_sinking(6000);
    feed_first(6001, 8);
    expect_frame("32 00 00");
    ck_assert_uint_eq(sunk.begun, 0);
    sunk.refuses = true;
    feed_first(6000, 8);
    expect_frame("32 00 00");
    ck_assert_uint_eq(sunk.begun, 1);
    feed_next();
    expect_nothing();
    sunk = (struct sunk){.limit = 8};
    feed_first(6000, 8);
    expect_frame("30 00 00");
    feed_next();
    expect_failed(ISOTP_N_BUFFER_OVFLW);
    expect_frame("32 00 00");
    ck_assert_uint_eq(sunk.ended, 1);
    ck_assert_int_eq(sunk.why, ISOTP_N_BUFFER_OVFLW);
}
END_TEST

START_TEST(the_sink_hears_why_a_message_ends_early)
{
    set_up(false);
    start_sinking(6000);
    feed_first(6000, 8);
    expect_frame("30 00 00");
    feed_hex("22 00 00 00 00 00 00 00");
    expect_failed(ISOTP_N_WRONG_SN);
    ck_assert_int_eq(sunk.why, ISOTP_N_WRONG_SN);

    feed_first(6000, 8);
    expect_frame("30 00 00");
    feed_first(5999, 8);
    ck_assert_int_eq(sunk.why, ISOTP_N_UNEXP_PDU);
    expect_frame("30 00 00");
    expect_failed(ISOTP_N_UNEXP_PDU);
    ck_assert_uint_eq(sunk.announced, 5999);
    now += SECOND;
    expect_failed(ISOTP_N_TIMEOUT_CR);
    ck_assert_int_eq(sunk.why, ISOTP_N_TIMEOUT_CR);
    ck_assert_uint_eq(sunk.ended, 3);
}
END_TEST

START_TEST(a_message_for_the_sink_waits_while_another_one_is_lent)
{
    set_up(false);
    start_sinking(6000);
    feed(frame_of("03", 0, 4));
    expect_lent(0, 3);
    feed_first(6000, 8);
    expect_no_frame();
    ck_assert_uint_eq(sunk.begun, 0);
    isotp_release(&l);
    expect_frame("30 00 00");
    feed_rest();
    expect_sunk(6000);
}
END_TEST

/* ---- timers ---- */

START_TEST(every_timer_can_be_set)
{
    set_up(false);
    config.n_as_us = 10 * MS;
    config.n_ar_us = 20 * MS;
    config.n_bs_us = 400 * MS;
    config.n_br_us = 40 * MS;
    config.n_cr_us = 50 * MS;
    config.wait_max = 2;
    start();
    struct isotp_frame f;

    send_bytes(20);
    ck_assert(isotp_next_frame(&l, &f, now));
    ck_assert_uint_eq(isotp_due(&l, now), 10 * MS);
    now += 10 * MS;
    expect_event(ISOTP_SEND_FAILED, ISOTP_N_TIMEOUT_A);

    feed_first(20, 8);
    ck_assert(isotp_next_frame(&l, &f, now));
    ck_assert_uint_eq(isotp_due(&l, now), 20 * MS);
    now += 20 * MS;
    expect_failed(ISOTP_N_TIMEOUT_A);

    send_until_flow_control();
    ck_assert_uint_eq(isotp_due(&l, now), 400 * MS);
    now += 400 * MS;
    expect_event(ISOTP_SEND_FAILED, ISOTP_N_TIMEOUT_BS);

    feed_first(20, 8);
    expect_frame("30 00 00");
    ck_assert_uint_eq(isotp_due(&l, now), 50 * MS);
    now += 50 * MS;
    expect_failed(ISOTP_N_TIMEOUT_CR);

    feed(frame_of("03", 0, 4));
    expect_lent(0, 3);
    feed_first(20, 8);
    for (unsigned waits = 0; waits < 2; waits++) {
        ck_assert_uint_eq(isotp_due(&l, now), 40 * MS);
        now += 40 * MS;
        isotp_tick(&l, now);
        expect_frame("31 00 00");
    }
}
END_TEST

START_TEST(who_is_in_a_hurry_waits_less_for_flow_control_and_never_longer)
{
    set_up(false);
    start();
    ck_assert_uint_eq(isotp_flow_us(&l), 0);
    send_until_flow_control();
    now += 3 * MS;
    feed_hex("30 00 00");
    ck_assert_uint_eq(isotp_flow_us(&l), 3 * MS);
    isotp_cancel(&l);
    isotp_hurry(&l, 7 * MS);
    send_until_flow_control();
    ck_assert_uint_eq(isotp_due(&l, now), 7 * MS);
    feed_hex("31 00 00"); /* who says wait has time */
    ck_assert_uint_eq(isotp_due(&l, now), SECOND);
    isotp_cancel(&l);
    isotp_hurry(&l, 2 * SECOND);
    send_until_flow_control();
    ck_assert_uint_eq(isotp_due(&l, now), SECOND);
    isotp_cancel(&l);
    isotp_hurry(&l, 0);
    send_until_flow_control();
    ck_assert_uint_eq(isotp_due(&l, now), SECOND);
}
END_TEST

SUITE("isotp_sink", a_message_longer_than_the_buffer_goes_to_the_sink_as_it_comes,
      a_message_that_fits_the_buffer_does_not_go_to_the_sink, the_longest_message_of_all_may_come,
      what_the_sink_does_not_take_is_refused_with_overflow, the_sink_hears_why_a_message_ends_early,
      a_message_for_the_sink_waits_while_another_one_is_lent, every_timer_can_be_set,
      who_is_in_a_hurry_waits_less_for_flow_control_and_never_longer)

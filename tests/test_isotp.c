/* Two ISO-TP engines talking to each other. */
#include "tests/isotp_world.h"

START_TEST(every_length_up_to_a_few_frames_arrives_with_every_frame_size)
{
    static const uint8_t sizes[] = {8, 12, 16, 20, 24, 32, 48, 64};
    for (int variant = 0; variant < 4; variant++) {
        set_up(true);
        config.tx_dl = sizes[_i];
        config.addressing = variant & 1 ? ISOTP_MIXED : ISOTP_NORMAL;
        config.pad = variant & 2;
        struct isotp_config theirs = config;
        theirs.rx_id = config.tx_id;
        theirs.tx_id = config.rx_id;
        struct isotp receiver;
        isotp_init(&receiver, &theirs, buffer, ROOM);
        isotp_init(&l, &config, buffer, 0);
        for (uint32_t n = 1; n < 300; n++) {
            uint32_t head = n * 5 % (n + 1); /* any split, both ends included */
            struct isotp_message m = {text, text + head, head, n - head};
            ck_assert_int_eq(isotp_send(&l, &m, now), ISOTP_N_OK);
            struct isotp_frame f;
            while (isotp_next_frame(&l, &f, now)) {
                isotp_sent(&l, now);
                isotp_on_frame(&receiver, &f, now);
                if (!isotp_next_frame(&receiver, &f, now)) continue;
                isotp_sent(&receiver, now);
                isotp_on_frame(&l, &f, now);
            }
            expect_event(ISOTP_SENT, ISOTP_N_OK);
            struct isotp_event e;
            ck_assert(isotp_poll(&receiver, &e));
            ck_assert_uint_eq(e.bytes, n);
            ck_assert_mem_eq(e.data, text, n);
            isotp_release(&receiver);
        }
        ck_assert_uint_eq(receiver.stat_ignored + l.stat_ignored, 0);
    }
}
END_TEST

/* Two engines that are called only when due() says so, and when a frame comes. */
START_TEST(whoever_sleeps_until_due_misses_nothing)
{
    uint32_t seed = (uint32_t)_i * 2654435761u + 1;
    set_up(_i & 1);
    struct isotp end[2];
    static uint8_t room[2][6000];
    for (int i = 0; i < 2; i++) {
        struct isotp_config c = config;
        if (i == 1) c.tx_id = THEIRS, c.rx_id = OURS;
        seed = seed * 1664525 + 1013904223;
        c.block_size = (seed >> 8) % 5 * 3 % 8;
        c.st_min = (uint8_t)(seed >> 16 & 1 ? 0xF1 + (seed >> 20) % 9 : (seed >> 20) % 4);
        c.addressing = _i & 2 ? ISOTP_EXTENDED : ISOTP_NORMAL;
        isotp_init(&end[i], &c, room[i], sizeof room[i]);
    }
    now = 0u - 20 * MS;
    uint32_t bytes[2] = {seed % 6000 + 1, seed / 7 % 6000 + 1}, begun = now;
    for (int i = 0; i < 2; i++) {
        struct isotp_message m = {.body = text + i, .body_bytes = bytes[i]};
        ck_assert_int_eq(isotp_send(&end[i], &m, now), ISOTP_N_OK);
    }
    int events = 0;
    while (events < 4) {
        uint32_t due[2] = {isotp_due(&end[0], now), isotp_due(&end[1], now)};
        uint32_t next = due[0] < due[1] ? due[0] : due[1];
        ck_assert_uint_lt(next, SECOND);
        now += next;
        for (int i = 0; i < 2; i++) {
            if (isotp_due(&end[i], now) > 0) continue;
            struct isotp_frame f;
            isotp_tick(&end[i], now);
            ck_assert(isotp_next_frame(&end[i], &f, now)); /* due is never early */
            isotp_sent(&end[i], now);
            isotp_on_frame(&end[!i], &f, now);
        }
        for (int i = 0; i < 2; i++) {
            struct isotp_event e;
            if (!isotp_poll(&end[i], &e)) continue;
            events++;
            ck_assert_int_eq(e.result, ISOTP_N_OK);
            if (e.kind != ISOTP_RECEIVED) continue;
            ck_assert_uint_eq(e.bytes, bytes[!i]);
            ck_assert_mem_eq(e.data, text + !i, e.bytes);
        }
    }
    ck_assert_uint_lt(now - begun, 6000 / 7 * 3 * MS);
}
END_TEST

/* One frame of an exchange vanishes, each in turn: both ends learn that something failed, and the next
 * message passes. */
START_TEST(after_any_lost_frame_the_next_message_passes)
{
    for (uint32_t lost = 1; lost <= 6; lost++) {
        set_up(false);
        config.block_size = 2;
        struct isotp_config c = config;
        c.tx_id = THEIRS;
        c.rx_id = OURS;
        struct isotp end[2];
        start();
        isotp_init(&end[0], &config, buffer, ROOM);
        isotp_init(&end[1], &c, buffer, ROOM);
        uint32_t frames = 0, good = 0, failed = 0;
        for (int message = 0; message < 2; message++) {
            struct isotp_message m = {.body = text, .body_bytes = 30};
            ck_assert_int_eq(isotp_send(&end[0], &m, now), ISOTP_N_OK);
            for (uint32_t due = 0; due != ISOTP_NEVER;) {
                for (int i = 0; i < 2; i++) {
                    struct isotp_frame f;
                    struct isotp_event e;
                    isotp_tick(&end[i], now);
                    while (isotp_next_frame(&end[i], &f, now)) {
                        isotp_sent(&end[i], now);
                        if (++frames != lost) isotp_on_frame(&end[!i], &f, now);
                    }
                    while (isotp_poll(&end[i], &e)) {
                        e.result == ISOTP_N_OK ? good++ : failed++;
                        if (e.kind == ISOTP_RECEIVED) ck_assert_mem_eq(e.data, text, 30);
                        if (e.kind == ISOTP_RECEIVED) isotp_release(&end[i]);
                    }
                }
                uint32_t due0 = isotp_due(&end[0], now), due1 = isotp_due(&end[1], now);
                due = due0 < due1 ? due0 : due1;
                if (due != ISOTP_NEVER) now += due;
            }
            if (message == 0) ck_assert_uint_ge(failed, 1);
        }
        ck_assert_uint_ge(good, 2);
        ck_assert_uint_eq(good + failed, lost == 1 ? 3 : 4);
    }
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        after_any_lost_frame_the_next_message_passes,
    };
    Suite *s = suite_create("isotp");
    TCase *c = tcase_create("isotp");
    suite_add_tcase(s, c);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(c, tests[i]);
    tcase_add_loop_test(c, every_length_up_to_a_few_frames_arrives_with_every_frame_size, 0, 8);
    tcase_add_loop_test(c, whoever_sleeps_until_due_misses_nothing, 0, 64);
    return suite_run(s);
}

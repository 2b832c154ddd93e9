/* Sending: the edge cases of ISO 15765-2, and what the owner sees. */
#include "tests/isotp_world.h"

START_TEST(case_31_an_empty_message_is_refused)
{
    start_classic();
    struct isotp_message m = {.head = text, .body = text};
    ck_assert_int_eq(isotp_send(&l, &m, now), ISOTP_BAD_LENGTH);
    m.head_bytes = 3;
    m.body_bytes = UINT32_MAX - 1; /* the sum is 2^32 + 1 */
    ck_assert_int_eq(isotp_send(&l, &m, now), ISOTP_BAD_LENGTH);
    expect_no_frame();
    expect_nothing();
    m.head_bytes = 1;
    ck_assert_int_eq(isotp_send(&l, &m, now), ISOTP_N_OK);
    expect_frame("10 00 FF FF FF FF 01 01");
}
END_TEST

START_TEST(case_32_twelve_bits_of_length_up_to_4095_and_the_escape_above)
{
    start_classic();
    send_bytes(4095);
    expect_frame("1F FF 01 08 0F 16 1D 24");
    isotp_cancel(&l);
    send_bytes(4096);
    expect_frame("10 00 00 00 10 00 01 08");
    isotp_cancel(&l);
    send_bytes(7);
    expect_frame("07 01 08 0F 16 1D 24 2B");
    expect_event(ISOTP_SENT, ISOTP_N_OK);
    send_bytes(8);
    expect_frame("10 08 01 08 0F 16 1D 24");
}
END_TEST

START_TEST(case_33_fd_frames_use_the_escape_above_7_bytes_and_the_next_length)
{
    start_fd();
    send_bytes(7);
    expect_frame("07 01 08 0F 16 1D 24 2B");
    expect_event(ISOTP_SENT, ISOTP_N_OK);
    send_bytes(8);
    expect_frame("00 08 01 08 0F 16 1D 24 2B 32 CC CC");
    expect_event(ISOTP_SENT, ISOTP_N_OK);
    send_bytes(62);
    struct isotp_frame f;
    ck_assert(isotp_next_frame(&l, &f, now));
    ck_assert_uint_eq(f.len, 64);
    ck_assert_uint_eq(f.data[1], 62);
    isotp_cancel(&l);
    config.pad = true;
    config.pad_byte = 0x55;
    config.tx_dl = 16;
    start();
    send_bytes(2);
    expect_frame("02 01 08 55 55 55 55 55");
    expect_event(ISOTP_SENT, ISOTP_N_OK);
    send_bytes(15);
    expect_frame("10 0F 01 08 0F 16 1D 24 2B 32 39 40 47 4E 55 5C");
    feed_hex("30 00 00");
    expect_frame("21 63 55 55 55 55 55 55");
    feed_first(20, 8);
    expect_frame("30 00 00 55 55 55 55 55");
}
END_TEST

START_TEST(case_34_no_flow_control_for_a_second_ends_the_sending)
{
    start_classic();
    send_until_flow_control();
    ck_assert_uint_eq(isotp_due(&l, now), SECOND);
    now += SECOND - 1;
    expect_nothing();
    now++;
    expect_event(ISOTP_SEND_FAILED, ISOTP_N_TIMEOUT_BS);
    feed_hex("30 00 00");
    expect_no_frame();

    send_until_flow_control(); /* the same in a later block */
    feed_hex("30 01 00");
    expect_frame("21 2B 32 39 40 47 4E 55");
    expect_no_frame();
    now += SECOND - 1;
    expect_nothing();
    now++;
    expect_event(ISOTP_SEND_FAILED, ISOTP_N_TIMEOUT_BS);
    ck_assert_uint_eq(isotp_due(&l, now), ISOTP_NEVER);
}
END_TEST

START_TEST(case_35_overflow_ends_the_sending_at_once)
{
    start_classic();
    send_until_flow_control();
    feed_hex("32 00 00");
    expect_event(ISOTP_SEND_FAILED, ISOTP_N_BUFFER_OVFLW);
    expect_no_frame();
}
END_TEST

START_TEST(case_36_reserved_flow_status_is_an_error)
{
    for (unsigned fs = 3; fs < 16; fs++) {
        start_classic();
        send_until_flow_control();
        char hex[16];
        sprintf(hex, "3%X 00 00", fs);
        feed_hex(hex);
        expect_event(ISOTP_SEND_FAILED, ISOTP_N_INVALID_FS);
        expect_no_frame();
    }
}
END_TEST

START_TEST(case_37_wait_restarts_the_timer)
{
    start_classic();
    send_until_flow_control();
    for (int i = 0; i < 8; i++) {
        now += SECOND - 1;
        expect_nothing();
        feed_hex("31 00 00");
        ck_assert_uint_eq(isotp_due(&l, now), SECOND);
    }
    feed_hex("30 00 00");
    expect_frame("21 2B 32 39 40 47 4E 55");
    expect_frame("22 5C 63 6A 71 78 7F 86");
    expect_event(ISOTP_SENT, ISOTP_N_OK);
}
END_TEST

START_TEST(case_38_too_many_waits_in_a_row_are_an_error)
{
    set_up(false);
    config.wait_max = 2;
    start();
    send_until_flow_control();
    feed_hex("31 00 00");
    feed_hex("31 00 00");
    feed_hex("30 01 00"); /* the count begins anew */
    expect_frame("21 2B 32 39 40 47 4E 55");
    feed_hex("31 00 00");
    feed_hex("31 00 00");
    expect_nothing();
    feed_hex("31 00 00");
    expect_event(ISOTP_SEND_FAILED, ISOTP_N_WFT_OVRN);
    expect_no_frame();
}
END_TEST

START_TEST(case_39_block_size_and_gap_of_a_wait_frame_are_not_used)
{
    start_classic();
    send_until_flow_control();
    feed_hex("31 01 7F");
    expect_no_frame();
    feed_hex("30 00 00");
    expect_frame("21 2B 32 39 40 47 4E 55");
    expect_frame("22 5C 63 6A 71 78 7F 86");
    expect_event(ISOTP_SENT, ISOTP_N_OK);
}
END_TEST

START_TEST(case_40_block_size_and_gap_of_every_flow_control_are_adopted)
{
    start_classic();
    send_bytes(6 + 7 * 7);
    expect_frame("10 37 01 08 0F 16 1D 24");
    struct isotp_frame f;
    static const struct {
        const char *flow;
        int frames;
        uint32_t gap;
    } blocks[] = {
        {"30 02 0A", 2, 10 * MS}, {"30 01 14", 1, 20 * MS}, {"30 03 00", 3, 0}, {"30 00 F5", 1, 500}};
    uint8_t sn = 1;
    for (size_t b = 0; b < 4; b++) {
        expect_no_frame();
        feed_hex(blocks[b].flow);
        for (int i = 0; i < blocks[b].frames; i++) {
            uint32_t gap = sn == 1 ? 0 : blocks[b].gap; /* also between the blocks */
            ck_assert_uint_eq(isotp_due(&l, now), gap);
            now += gap;
            ck_assert(isotp_next_frame(&l, &f, now));
            ck_assert_uint_eq(f.data[0], 0x20 | sn++);
            isotp_sent(&l, now);
        }
    }
    expect_event(ISOTP_SENT, ISOTP_N_OK);
}
END_TEST

/* The gap that the code ST_MIN asks for, as the engine keeps it. */
static uint32_t gap_of(unsigned st_min)
{
    start_classic();
    send_until_flow_control();
    char hex[16];
    sprintf(hex, "30 00 %02X", st_min);
    feed_hex(hex);
    expect_frame("21 2B 32 39 40 47 4E 55");
    uint32_t gap = isotp_due(&l, now);
    if (gap > 0) {
        now += gap - 1;
        expect_no_frame();
        now++;
    }
    expect_frame("22 5C 63 6A 71 78 7F 86");
    return gap;
}

START_TEST(case_41_reserved_gap_codes_mean_127_ms)
{
    for (unsigned code = 0x80; code <= 0xF0; code++) ck_assert_uint_eq(gap_of(code), 127 * MS);
    for (unsigned code = 0xFA; code <= 0xFF; code++) ck_assert_uint_eq(gap_of(code), 127 * MS);
    for (unsigned code = 0; code <= 0x7F; code++) ck_assert_uint_eq(gap_of(code), code * MS);
}
END_TEST

START_TEST(case_42_codes_f1_to_f9_are_100_to_900_us_and_the_gap_is_never_shorter)
{
    for (unsigned code = 0xF1; code <= 0xF9; code++) ck_assert_uint_eq(gap_of(code), (code - 0xF0) * 100);

    set_up(false); /* counted from when the frame has left, late or not */
    config.frame_us = 222;
    start();
    send_until_flow_control();
    feed_hex("30 00 01");
    struct isotp_frame f[4];
    ck_assert_uint_eq(isotp_next_frames(&l, f, 4, now), 1);
    now += 50 * MS;
    ck_assert_uint_eq(isotp_next_frames(&l, f, 4, now), 1);
    ck_assert_uint_eq(isotp_sent_frames(&l, 1, now), 1);
    ck_assert_uint_eq(isotp_due(&l, now), MS + 222);
    ck_assert_uint_eq(isotp_next_frames(&l, f, 4, now + MS + 221), 0);
    ck_assert_uint_eq(isotp_next_frames(&l, f, 4, now + MS + 222), 1);
}
END_TEST

START_TEST(case_43_flow_control_that_nobody_waits_for_is_ignored)
{
    start_classic();
    feed_hex("30 00 00");
    feed_hex("32 00 00");
    expect_ignored();
    send_bytes(20);
    feed_hex("32 00 00"); /* before the first frame has left */
    expect_frame("10 14 01 08 0F 16 1D 24");
    feed_hex("30 00 00");
    feed_hex("30 01 7F"); /* once is enough */
    expect_frame("21 2B 32 39 40 47 4E 55");
    feed_hex("32 00 00");
    expect_frame("22 5C 63 6A 71 78 7F 86");
    feed_hex("31 00 00");
    expect_event(ISOTP_SENT, ISOTP_N_OK);
    expect_nothing();
}
END_TEST

START_TEST(case_44_flow_control_under_three_bytes_is_ignored)
{
    start_classic();
    send_until_flow_control();
    feed_hex("30 00");
    feed_hex("32");
    expect_no_frame();
    expect_nothing();
    feed_hex("30 00 00");
    expect_frame("21 2B 32 39 40 47 4E 55");
}
END_TEST

START_TEST(case_45_a_frame_that_the_link_does_not_take_for_a_second_is_an_error)
{
    start_classic();
    struct isotp_frame f;
    send_bytes(3);
    now += 5 * SECOND; /* does not count before it is offered */
    expect_nothing();
    ck_assert(isotp_next_frame(&l, &f, now));
    ck_assert_uint_eq(isotp_due(&l, now), SECOND);
    now += SECOND - 1;
    expect_nothing();
    ck_assert(isotp_next_frame(&l, &f, now)); /* offered again: the same */
    ck_assert_uint_eq(f.data[0], 3);
    now++;
    expect_event(ISOTP_SEND_FAILED, ISOTP_N_TIMEOUT_A);
    expect_no_frame();
    isotp_sent(&l, now); /* too late: nothing to confirm */
    expect_nothing();

    feed_first(20, 8); /* a flow control */
    ck_assert(isotp_next_frame(&l, &f, now));
    now += SECOND;
    expect_failed(ISOTP_N_TIMEOUT_A);
    expect_no_frame();
    feed_first(ROOM + 1, 8); /* a refusal that cannot leave harms nobody here */
    ck_assert(isotp_next_frame(&l, &f, now));
    now += SECOND;
    expect_nothing();
    expect_no_frame();

    feed_first(20, 8); /* both directions stuck at once */
    send_bytes(3);
    struct isotp_frame both[4];
    ck_assert_uint_eq(isotp_next_frames(&l, both, 4, now), 2);
    now += SECOND;
    expect_failed(ISOTP_N_TIMEOUT_A);
    expect_event(ISOTP_SEND_FAILED, ISOTP_N_TIMEOUT_A);
}
END_TEST

START_TEST(a_frame_of_ours_that_cannot_leave_does_not_end_a_reception)
{
    start_classic();
    feed_first(30, 8);
    expect_frame("30 00 00");
    send_bytes(3);
    struct isotp_frame f;
    ck_assert(isotp_next_frame(&l, &f, now));
    now += 500 * MS;
    feed_next();
    now += 500 * MS;
    expect_event(ISOTP_SEND_FAILED, ISOTP_N_TIMEOUT_A);
    feed_rest();
    expect_message(30);
}
END_TEST

START_TEST(every_frame_has_a_second_of_its_own_to_leave)
{
    start_classic();
    send_until_flow_control();
    feed_hex("30 00 00");
    struct isotp_frame f[8];
    ck_assert_uint_eq(isotp_next_frames(&l, f, 8, now), 2);
    now += 900 * MS;
    ck_assert_uint_eq(isotp_sent_frames(&l, 1, now), 1);
    ck_assert_uint_eq(isotp_due(&l, now), SECOND);
    now += 900 * MS;
    expect_nothing();
    ck_assert_uint_eq(isotp_next_frames(&l, f, 8, now), 1);
    ck_assert_uint_eq(f[0].data[0], 0x22);
    ck_assert_uint_eq(isotp_sent_frames(&l, 8, now), 1);
    expect_event(ISOTP_SENT, ISOTP_N_OK);
}
END_TEST

START_TEST(case_46_both_directions_at_once)
{
    set_up(false);
    config.block_size = 1;
    start();
    send_until_flow_control();
    feed_first(20, 8);
    expect_frame("30 01 00");
    feed_hex("30 00 00");
    feed_next();
    expect_frame("30 01 00"); /* before our own data: somebody waits for it */
    expect_frame("21 2B 32 39 40 47 4E 55");
    feed_next();
    expect_frame("22 5C 63 6A 71 78 7F 86");
    struct isotp_event e;
    ck_assert(isotp_poll(&l, &e));
    ck_assert_int_eq(e.kind, ISOTP_RECEIVED);
    expect_event(ISOTP_SENT, ISOTP_N_OK);
}
END_TEST

START_TEST(case_47_a_second_message_is_refused_as_busy)
{
    start_classic();
    struct isotp_message m = {.body = text, .body_bytes = 3};
    send_until_flow_control();
    ck_assert_int_eq(isotp_send(&l, &m, now), ISOTP_BUSY);
    feed_hex("32 00 00");
    ck_assert_int_eq(isotp_send(&l, &m, now), ISOTP_BUSY); /* its event is not read yet */
    expect_event(ISOTP_SEND_FAILED, ISOTP_N_BUFFER_OVFLW);
    send_bytes(3);
    expect_frame("03 01 08 0F");
}
END_TEST

START_TEST(a_cancelled_message_leaves_nothing_behind)
{
    start_classic();
    struct isotp_frame f;
    send_bytes(3);
    ck_assert(isotp_next_frame(&l, &f, now));
    isotp_cancel(&l);
    send_bytes(4);
    isotp_sent(&l, now); /* speaks of the cancelled one */
    expect_nothing();
    expect_frame("04 01 08 0F 16");
    isotp_cancel(&l); /* too late, but no event follows */
    expect_nothing();
    isotp_cancel(&l);
    receive_half();
    isotp_cancel(&l);
    expect_rest_of_reception();
}
END_TEST

START_TEST(case_48_link_down_fails_what_is_under_way)
{
    start_classic();
    send_until_flow_control();
    receive_half();
    isotp_link_down(&l);
    expect_failed(ISOTP_N_ERROR); /* receiving is reported first */
    expect_event(ISOTP_SEND_FAILED, ISOTP_N_ERROR);
    expect_nothing();
    expect_no_frame();
    ck_assert_uint_eq(isotp_due(&l, now), ISOTP_NEVER);
    isotp_link_down(&l);
    expect_nothing();
    feed_first(20, 8);
    isotp_link_down(&l);
    expect_failed(ISOTP_N_ERROR);
    expect_no_frame();
    feed_first(ROOM + 1, 8); /* a refusal not sent yet */
    isotp_link_down(&l);
    expect_no_frame();
    expect_nothing();
    send_bytes(3);
    expect_frame("03 01 08 0F");
    isotp_link_down(&l); /* too late to matter */
    expect_event(ISOTP_SENT, ISOTP_N_OK);
}
END_TEST

START_TEST(case_49_the_clock_wraps_safely)
{
    for (uint32_t before = 0; before < 3 * SECOND; before += 499999) {
        start_classic();
        now = 0u - before;
        receive_half();
        now += SECOND - 1;
        expect_nothing();
        now++;
        expect_failed(ISOTP_N_TIMEOUT_CR);
        send_until_flow_control();
        now += SECOND - 1;
        expect_nothing();
        feed_hex("30 00 7F");
        expect_frame("21 2B 32 39 40 47 4E 55");
        ck_assert_uint_eq(isotp_due(&l, now), 127 * MS);
        now += 127 * MS;
        expect_frame("22 5C 63 6A 71 78 7F 86");
        expect_event(ISOTP_SENT, ISOTP_N_OK);
    }
}
END_TEST

START_TEST(batches_stop_at_blocks_and_flow_control_goes_first)
{
    start_classic();
    send_bytes(200);
    struct isotp_frame f[32];
    ck_assert_uint_eq(isotp_next_frames(&l, f, 32, now), 1);
    ck_assert_uint_eq(isotp_sent_frames(&l, 1, now), 1);
    feed_hex("30 05 00");
    ck_assert_uint_eq(isotp_next_frames(&l, f, 3, now), 3);
    ck_assert_uint_eq(isotp_sent_frames(&l, 0, now), 0);
    feed_first(20, 8);
    ck_assert_uint_eq(isotp_next_frames(&l, f, 32, now), 6);
    ck_assert_uint_eq(f[0].data[0], 0x30);
    for (uint8_t i = 1; i < 6; i++) ck_assert_uint_eq(f[i].data[0], 0x20 | i);
    ck_assert_uint_eq(isotp_sent_frames(&l, 4, now), 4);
    ck_assert_uint_eq(isotp_next_frames(&l, f, 32, now), 2);
    ck_assert_uint_eq(isotp_sent_frames(&l, 2, now), 2);
    expect_no_frame();
    ck_assert_uint_eq(isotp_next_frames(&l, f, 0, now), 0);
    ck_assert_uint_eq(isotp_due(&l, now), SECOND);
}
END_TEST

START_TEST(frame_lengths_round_up_to_what_can_fd_has)
{
    static const uint8_t sizes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64};
    for (unsigned n = 0, s = 0; n <= 64; n++) {
        if (n > sizes[s]) s++;
        ck_assert_uint_eq(isotp_frame_len((uint8_t)n), sizes[s]);
    }
    ck_assert_uint_eq(isotp_frame_len(65), 64);
    ck_assert_uint_eq(isotp_frame_len(255), 64);
}
END_TEST

START_TEST(a_frame_size_that_does_not_exist_is_rounded)
{
    set_up(true);
    config.tx_dl = 33;
    start();
    send_bytes(60);
    struct isotp_frame f;
    ck_assert(isotp_next_frame(&l, &f, now));
    ck_assert_uint_eq(f.len, 48);
    config.tx_dl = 0;
    start();
    send_bytes(60);
    expect_frame("10 3C 01 08 0F 16 1D 24");
    set_up(false);
    config.tx_dl = 64;
    start();
    send_bytes(60);
    expect_frame("10 3C 01 08 0F 16 1D 24");
}
END_TEST

START_TEST(results_and_fixed_identifiers_have_their_standard_spelling)
{
    ck_assert_str_eq(isotp_result_name(ISOTP_N_TIMEOUT_BS), "N_TIMEOUT_BS");
    ck_assert_str_eq(isotp_result_name(ISOTP_BAD_LENGTH), "BAD_LENGTH");
    ck_assert_str_eq(isotp_result_text(ISOTP_N_OK), "ok");
    ck_assert_str_eq(isotp_result_name((enum isotp_result)99), "UNKNOWN");
    ck_assert_str_eq(isotp_result_text((enum isotp_result)99), "unknown");
    ck_assert_uint_eq(isotp_fixed_id(0x10, 0xF1), ISOTP_ID_EXTENDED | 0x18DA10F1);
    ck_assert_uint_eq(isotp_fixed_functional_id(0x33, 0xF1), ISOTP_ID_EXTENDED | 0x18DB33F1);
}
END_TEST

SUITE_OVER_LINKS(
    "isotp_send", case_31_an_empty_message_is_refused,
    case_32_twelve_bits_of_length_up_to_4095_and_the_escape_above,
    case_33_fd_frames_use_the_escape_above_7_bytes_and_the_next_length,
    case_34_no_flow_control_for_a_second_ends_the_sending, case_35_overflow_ends_the_sending_at_once,
    case_36_reserved_flow_status_is_an_error, case_37_wait_restarts_the_timer,
    case_38_too_many_waits_in_a_row_are_an_error, case_39_block_size_and_gap_of_a_wait_frame_are_not_used,
    case_40_block_size_and_gap_of_every_flow_control_are_adopted, case_41_reserved_gap_codes_mean_127_ms,
    case_42_codes_f1_to_f9_are_100_to_900_us_and_the_gap_is_never_shorter,
    case_43_flow_control_that_nobody_waits_for_is_ignored, case_44_flow_control_under_three_bytes_is_ignored,
    case_45_a_frame_that_the_link_does_not_take_for_a_second_is_an_error,
    a_frame_of_ours_that_cannot_leave_does_not_end_a_reception, every_frame_has_a_second_of_its_own_to_leave,
    case_46_both_directions_at_once, case_47_a_second_message_is_refused_as_busy,
    a_cancelled_message_leaves_nothing_behind, case_48_link_down_fails_what_is_under_way,
    case_49_the_clock_wraps_safely, batches_stop_at_blocks_and_flow_control_goes_first,
    frame_lengths_round_up_to_what_can_fd_has, a_frame_size_that_does_not_exist_is_rounded,
    results_and_fixed_identifiers_have_their_standard_spelling)

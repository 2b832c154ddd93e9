/* Receiving: the edge cases of ISO 15765-2, and what the owner sees. */
#include "tests/isotp_world.h"

/* ---- receiving: single frames ---- */

START_TEST(case_01_single_frame_of_length_zero_is_ignored)
{
    start_classic();
    feed_hex("00 01 02 03 04 05 06 07");
    feed_hex("00");
    expect_ignored();
}
END_TEST

START_TEST(case_02_single_frame_longer_than_its_can_frame_is_ignored)
{
    start_classic();
    feed_hex("05 01 02 03 04");
    feed_hex("01");
    expect_ignored();
    feed_hex("04 01 08 0F 16");
    expect_message(4);
}
END_TEST

START_TEST(case_03_single_frame_length_8_to_15_in_8_bytes_is_ignored)
{
    start_classic();
    for (unsigned n = 8; n < 16; n++) {
        char hex[8];
        sprintf(hex, "%02X", n);
        feed(frame_of(hex, 0, 8));
    }
    expect_ignored();
}
END_TEST

START_TEST(case_04_long_can_frame_without_the_length_escape_is_ignored)
{
    start_fd();
    feed(frame_of("07", 0, 12));
    feed(frame_of("0A", 0, 12));
    feed(frame_of("01 0A", 0, 12));
    expect_ignored();
}
END_TEST

START_TEST(case_05_escaped_length_outside_8_to_frame_minus_2_is_ignored)
{
    start_fd();
    feed(frame_of("00 00", 0, 12));
    feed(frame_of("00 07", 0, 12));
    feed(frame_of("00 0B", 0, 12));
    feed(frame_of("00 3F", 0, 64));
    feed(frame_of("00 FF", 0, 64));
    expect_ignored();
    feed(frame_of("00 08", 0, 12));
    expect_message(8);
    feed(frame_of("00 0A", 0, 12));
    expect_message(10);
    feed(frame_of("00 3E", 0, 64));
    expect_message(62);
    config.addressing = ISOTP_EXTENDED; /* one byte less everywhere */
    start();
    feed(frame_of("00 00 06", 0, 12));
    feed(frame_of("00 00 0A", 0, 12));
    ck_assert_uint_eq(l.stat_ignored, 2);
    feed(frame_of("00 00 07", 0, 12));
    expect_message(7);
    feed(frame_of("00 00 09", 0, 12));
    expect_message(9);
}
END_TEST

/* ---- receiving: first frames ---- */

START_TEST(case_06_first_frame_below_the_minimum_length_is_ignored)
{
    start_classic();
    for (uint32_t n = 1; n < 8; n++) feed_first(n, 8);
    expect_ignored();
    feed_first(8, 8);
    expect_frame("30 00 00");
    feed_rest();
    expect_message(8);

    start_fd();
    feed_first(62, 64);
    feed_first(10, 12);
    expect_ignored();
    feed_first(63, 64);
    expect_frame("30 00 00");
    feed_rest();
    expect_message(63);
    feed_first(11, 12);
    expect_frame("30 00 00");
    feed_rest();
    expect_message(11);

    config.addressing = ISOTP_EXTENDED;
    start();
    feed_hex("00 10 06 01 02 03 04 05");
    feed(frame_of("00 10 3D", 0, 64));
    expect_no_frame();
    feed_hex("00 10 07 01 08 0F 16 1D");
    expect_frame("00 30 00 00");
    feed_hex("00 21 24 2B");
    expect_message(7);
    feed(frame_of("00 10 3E", 0, 64));
    expect_frame("00 30 00 00");
}
END_TEST

START_TEST(case_07_length_escape_for_4095_or_less_is_ignored)
{
    start_classic();
    feed_hex("10 00 00 00 0F FF 01 02");
    feed_hex("10 00 00 00 00 00 01 02");
    feed_hex("10 00 00 00 00 08 01 02");
    expect_ignored();
    feed_first(4096, 8);
    expect_frame("30 00 00");
    feed_rest();
    expect_message(4096);
}
END_TEST

START_TEST(case_08_message_over_the_buffer_is_refused_with_overflow)
{
    start_classic();
    feed_first(ROOM + 1, 8);
    expect_frame("32 00 00");
    expect_no_frame();
    feed_next();
    expect_ignored();
    feed_first(ROOM, 8);
    expect_frame("30 00 00");
    feed_rest();
    expect_message(ROOM);
}
END_TEST

START_TEST(case_09_the_longest_length_is_refused_with_overflow)
{
    start_classic();
    feed_hex("10 00 FF FF FF FF 01 02");
    expect_frame("32 00 00");
    feed_hex("21 01 02 03 04 05 06 07");
    expect_ignored();
}
END_TEST

START_TEST(case_10_first_frame_in_a_short_can_frame_is_ignored)
{
    start_classic();
    feed_hex("10 14 01 02 03 04 05");
    feed_hex("10 14");
    feed_hex("10");
    expect_ignored();
    feed_hex("10 00 00 00 10 00 01");
    expect_no_frame();
}
END_TEST

/* ---- receiving: consecutive frames ---- */

START_TEST(case_11_consecutive_frame_while_idle_is_ignored)
{
    start_classic();
    feed_hex("21 01 02 03 04 05 06 07");
    feed_hex("20 01");
    expect_ignored();
}
END_TEST

START_TEST(case_12_wrong_or_repeated_sequence_number_aborts)
{
    start_classic();
    receive_half();
    feed_hex("23 01 02 03 04 05 06 07");
    expect_failed(ISOTP_N_WRONG_SN);
    receive_half();
    feed_hex("21 01 02 03 04 05 06 07");
    expect_failed(ISOTP_N_WRONG_SN);
    feed_next();
    expect_ignored();
}
END_TEST

START_TEST(case_13_sequence_number_wraps_from_15_to_0)
{
    start_classic();
    feed_first(250, 8);
    expect_frame("30 00 00");
    feed_rest();
    expect_message(250);
}
END_TEST

START_TEST(case_14_short_consecutive_frame_before_the_last_is_ignored_and_the_timer_runs_on)
{
    start_classic();
    receive_half();
    feed_hex("22 01 02 03");
    expect_nothing();
    now += SECOND - 1;
    expect_nothing();
    now++;
    expect_failed(ISOTP_N_TIMEOUT_CR);

    feed_first(20, 8);
    expect_frame("30 00 00");
    feed_hex("21 01 02 03 04 05 06");
    feed_hex("21");
    feed_next();
    expect_rest_of_reception();
}
END_TEST

START_TEST(a_consecutive_frame_longer_than_the_first_frame_is_ignored)
{
    start_fd();
    feed_first(20, 8);
    expect_frame("30 00 00");
    feed(frame_of("21", 0, 64));
    feed_next();
    feed(frame_of("22", 13, 12));
    expect_rest_of_reception();
}
END_TEST

START_TEST(case_15_padding_of_the_last_frame_is_trimmed)
{
    start_classic();
    feed_first(10, 8);
    expect_frame("30 00 00");
    feed_hex("21 2B 32 39 40 AA AA AA");
    expect_message(10);
    ck_assert_uint_eq(buffer[10], 0xEE);
}
END_TEST

/* ---- receiving: something else in mid-reception ---- */

START_TEST(case_16_single_frame_in_mid_reception_replaces_the_message)
{
    start_classic();
    receive_half();
    feed(frame_of("03", 0, 4));
    expect_failed(ISOTP_N_UNEXP_PDU);
    expect_message(3);
    feed_next();
    expect_ignored();
}
END_TEST

START_TEST(case_17_first_frame_in_mid_reception_starts_anew)
{
    start_classic();
    receive_half();
    feed_first(30, 8);
    expect_frame("30 00 00");
    expect_failed(ISOTP_N_UNEXP_PDU);
    feed_rest();
    expect_message(30);

    receive_half();
    feed_first(ROOM + 1, 8); /* well-formed, though too long: the sender has given the old one up */
    expect_frame("32 00 00");
    expect_failed(ISOTP_N_UNEXP_PDU);
}
END_TEST

START_TEST(case_18_invalid_single_or_first_frame_in_mid_reception_is_ignored)
{
    start_classic();
    receive_half();
    feed_hex("00");
    feed_hex("08 01 02 03 04 05 06 07");
    feed_hex("05 01");
    feed_hex("10 07 01 02 03 04 05 06");
    feed_hex("10 14 01 02 03 04 05");
    feed_hex("10 00 00 00 00 14 01 02");
    feed(frame_of("00 08", 0, 12));
    expect_rest_of_reception();
}
END_TEST

START_TEST(case_19_reserved_frame_type_in_mid_reception_is_ignored)
{
    start_classic();
    receive_half();
    for (unsigned pci = 4; pci < 16; pci++) {
        char hex[8];
        sprintf(hex, "%X2", pci);
        feed(frame_of(hex, 0, 8));
    }
    expect_rest_of_reception();
}
END_TEST

START_TEST(case_20_empty_frame_or_lone_header_in_mid_reception_is_ignored)
{
    start_classic();
    receive_half();
    feed_hex("");
    feed_hex("22");
    feed_hex("10");
    feed_hex("30");
    struct isotp_frame f = frame_of("22", 13, 8);
    f.len = 0; /* what lies behind the end does not count */
    feed(f);
    expect_rest_of_reception();
    config.addressing = ISOTP_EXTENDED;
    start();
    feed_hex("");
    feed_hex("00");
    expect_no_frame();
    ck_assert_uint_eq(l.stat_ignored, 2);
}
END_TEST

START_TEST(case_21_flow_control_in_mid_reception_is_ignored_when_nothing_is_sent)
{
    start_classic();
    receive_half();
    feed_hex("30 00 00");
    feed_hex("32 00 00");
    feed_hex("3F 00 00");
    expect_rest_of_reception();
}
END_TEST

/* ---- receiving: time, blocks, buffers ---- */

START_TEST(case_22_no_consecutive_frame_for_a_second_ends_the_reception)
{
    start_classic();
    ck_assert(!isotp_receiving(&l));
    receive_half();
    ck_assert(isotp_receiving(&l));
    ck_assert_uint_eq(isotp_due(&l, now), SECOND);
    now += SECOND - 1;
    expect_nothing();
    now++;
    ck_assert_uint_eq(isotp_due(&l, now), 0);
    expect_failed(ISOTP_N_TIMEOUT_CR);
    ck_assert(!isotp_receiving(&l));
    feed_next();
    expect_ignored();
}
END_TEST

START_TEST(the_reception_timer_starts_when_the_flow_control_has_left)
{
    start_classic();
    feed_first(20, 8);
    now += 900 * MS;
    expect_frame("30 00 00");
    now += 900 * MS;
    expect_nothing();
    feed_next();
    now += 900 * MS;
    expect_nothing();
    feed_rest();
    expect_message(20);
}
END_TEST

START_TEST(case_23_flow_control_after_each_block_and_none_after_the_last_frame)
{
    set_up(false);
    config.block_size = 3;
    config.st_min = 0x14;
    start();
    feed_first(6 + 6 * 7, 8);
    expect_frame("30 03 14");
    for (int i = 0; i < 6; i++) {
        expect_no_frame();
        feed_next();
        if (i == 2) expect_frame("30 03 14");
    }
    expect_no_frame();
    expect_message(48);
    ck_assert_uint_eq(isotp_due(&l, now), ISOTP_NEVER);
}
END_TEST

START_TEST(a_sender_that_does_not_wait_for_flow_control_gets_none_after_the_end)
{
    set_up(false);
    config.block_size = 1;
    start();
    feed_first(20, 8);
    feed_rest();
    expect_no_frame();
    expect_message(20);
    ck_assert_uint_eq(isotp_due(&l, now), ISOTP_NEVER);
}
END_TEST

START_TEST(case_24_block_size_zero_means_exactly_one_flow_control)
{
    start_classic();
    feed_first(4095, 8);
    expect_frame("30 00 00");
    while (peer.at < peer.length) {
        feed_next();
        expect_no_frame();
    }
    expect_message(4095);
}
END_TEST

/* A message that the owner has not released, and a segmented one that comes meanwhile. */
static void second_message_while_lent(void)
{
    feed(frame_of("03", 100, 4));
    expect_lent(100, 3);
    feed_first(20, 8);
    expect_no_frame();
}

START_TEST(case_25_wait_frames_hold_a_sender_off_and_are_limited)
{
    set_up(false);
    config.wait_max = 3;
    start();
    second_message_while_lent();
    for (int i = 0; i < 3; i++) {
        uint32_t due = isotp_due(&l, now);
        ck_assert_uint_lt(due, 900 * MS);
        now += due - 1;
        expect_nothing();
        expect_no_frame();
        now++;
        expect_nothing();
        expect_frame("31 00 00");
    }
    now += isotp_due(&l, now);
    expect_failed(ISOTP_N_WFT_OVRN);
    expect_frame("32 00 00");
    feed_next();
    ck_assert_uint_eq(l.stat_ignored, 1);
    isotp_release(&l);
    expect_no_frame();
    expect_nothing();
}
END_TEST

START_TEST(a_sender_that_was_held_off_continues_after_the_release)
{
    set_up(false);
    config.wait_max = 3; /* for each message anew */
    start();
    for (int waits = 0; waits < 3; waits++) {
        second_message_while_lent();
        for (int i = 0; i < waits; i++) {
            now += isotp_due(&l, now);
            expect_nothing();
            expect_frame("31 00 00");
        }
        if (waits == 2) { /* released while a wait frame is due but has not left */
            now += isotp_due(&l, now);
            expect_nothing();
        }
        isotp_release(&l);
        expect_frame("30 00 00");
        expect_no_frame();
        feed_rest();
        expect_message(20);
    }
}
END_TEST

START_TEST(without_wait_frames_a_second_message_is_refused_in_time)
{
    set_up(false);
    config.wait_max = 0;
    config.n_bs_us = 100 * MS;
    start();
    second_message_while_lent();
    ck_assert_uint_lt(isotp_due(&l, now), 90 * MS);
    now += isotp_due(&l, now);
    expect_failed(ISOTP_N_WFT_OVRN);
    expect_frame("32 00 00");
}
END_TEST

START_TEST(case_26_functional_first_frame_is_ignored)
{
    start_classic();
    struct isotp_frame f = frame_of("10 14", 0, 8);
    f.id = EVERYONE;
    feed(f);
    expect_ignored();
    receive_half();
    feed(f);
    f = frame_of("22", 0, 8);
    f.id = EVERYONE;
    feed(f);
    expect_rest_of_reception();
    send_until_flow_control();
    f = frame_of("30 00 00", 0, 3);
    f.id = EVERYONE;
    feed(f);
    expect_no_frame();
}
END_TEST

START_TEST(case_27_foreign_address_byte_is_no_message_for_us)
{
    set_up(false);
    config.addressing = ISOTP_MIXED;
    config.rx_address = 0xA5;
    config.tx_address = 0xF1;
    start();
    feed_hex("A4 03 01 08 0F");
    feed_hex("A4 10 14 01 02 03 04 05");
    expect_no_frame();
    expect_nothing();
    ck_assert_uint_eq(l.stat_rx_frames, 0);
    feed_hex("A5 03 01 08 0F");
    expect_message(3);
    feed_hex("A5 10 08 01 08 0F 16 1D");
    expect_frame("F1 30 00 00");
    feed_hex("A5 21 24 2B 32");
    expect_message(8);
    send_bytes(7);
    expect_frame("F1 10 07 01 08 0F 16 1D");
    feed_hex("A5 30 00 00");
    expect_frame("F1 21 24 2B");
}
END_TEST

START_TEST(frames_of_other_identifiers_are_no_business_of_ours)
{
    start_classic();
    struct isotp_frame f = frame_of("03", 0, 4);
    f.id = THEIRS | ISOTP_ID_EXTENDED;
    feed(f);
    f.id = OURS;
    feed(f);
    f.id = 0;
    feed(f);
    config.functional_id = 0; /* none: then id 0 is not functional either */
    start();
    feed(f);
    expect_nothing();
    ck_assert_uint_eq(l.stat_rx_frames, 0);
}
END_TEST

START_TEST(case_28_remote_and_error_frames_are_ignored)
{
    start_classic();
    struct isotp_frame f = frame_of("03", 0, 4);
    f.flags = ISOTP_RTR;
    feed(f);
    f.flags = ISOTP_ERROR;
    feed(f);
    expect_ignored();
}
END_TEST

START_TEST(impossible_frame_lengths_are_ignored)
{
    start_classic();
    struct isotp_frame f = frame_of("03", 0, 4);
    f.len = 9;
    feed(f);
    f.flags = ISOTP_FD; /* an FD frame on a classic channel */
    f.len = 8;
    feed(f);
    f = frame_of("00 08", 0, 10);
    f.flags = 0;
    feed(f);
    expect_ignored();
    start_fd();
    f = frame_of("00 3F", 0, 64); /* 63 bytes need a frame of 65 */
    f.len = 65;
    feed(f);
    f.len = 255;
    feed(f);
    expect_ignored();
}
END_TEST

START_TEST(case_29_an_unread_message_is_never_overwritten)
{
    start_classic();
    feed(frame_of("03", 100, 4));
    feed(frame_of("04", 200, 5)); /* kept */
    feed(frame_of("05", 300, 6)); /* one too many: dropped */
    feed_first(20, 8);            /* likewise: refused, so that the sender knows */
    expect_frame("32 00 00");
    expect_lent(100, 3);
    expect_nothing(); /* one at a time */
    isotp_release(&l);
    expect_lent(200, 4);
    isotp_release(&l);
    expect_nothing();
    ck_assert_uint_eq(l.stat_ignored, 1);
    isotp_release(&l); /* nothing lent: harmless */
    receive_half();
    isotp_release(&l);
    expect_rest_of_reception();
}
END_TEST

START_TEST(a_single_frame_takes_the_place_of_a_message_held_off)
{
    start_classic();
    second_message_while_lent();
    feed(frame_of("05", 300, 6));
    expect_failed(ISOTP_N_UNEXP_PDU);
    expect_no_frame();
    isotp_release(&l);
    expect_lent(300, 5);
    isotp_release(&l);
    expect_no_frame();
}
END_TEST

START_TEST(a_first_frame_takes_the_place_of_a_message_held_off)
{
    start_classic();
    second_message_while_lent();
    now += isotp_due(&l, now);
    expect_nothing();
    feed_first(30, 8); /* before the wait frame has left: it was for the old message */
    expect_no_frame();
    expect_failed(ISOTP_N_UNEXP_PDU);
    isotp_release(&l);
    expect_frame("30 00 00");
    feed_rest();
    expect_message(30);
}
END_TEST

START_TEST(a_functional_single_frame_leaves_a_reception_alone)
{
    start_classic();
    receive_half();
    struct isotp_frame f = frame_of("02", 200, 3);
    f.id = EVERYONE;
    feed(f);
    f = frame_of("02", 300, 3);
    f.id = EVERYONE;
    feed(f); /* one is kept */
    feed_rest();
    struct isotp_event e;
    ck_assert(isotp_poll(&l, &e));
    ck_assert(e.functional);
    ck_assert_uint_eq(e.bytes, 2);
    ck_assert_mem_eq(e.data, text + 200, 2);
    expect_nothing(); /* the other message waits for the release */
    isotp_release(&l);
    ck_assert(isotp_poll(&l, &e));
    ck_assert(!e.functional);
    ck_assert_uint_eq(e.bytes, 20);
    f = frame_of("03", 400, 4);
    f.id = EVERYONE;
    feed(f);
    ck_assert_mem_eq(e.data, text, 20);
    isotp_release(&l);
    expect_lent(400, 3);
}
END_TEST

START_TEST(a_single_frame_over_the_buffer_is_ignored)
{
    start_fd();
    isotp_init(&l, &config, buffer, 10);
    feed(frame_of("00 0B", 0, 16));
    expect_ignored();
}
END_TEST

START_TEST(case_30_classic_flow_control_on_an_fd_link_is_accepted)
{
    start_fd();
    send_bytes(100);
    struct isotp_frame f;
    ck_assert(isotp_next_frame(&l, &f, now));
    ck_assert_uint_eq(f.len, 64);
    ck_assert_uint_eq(f.flags, ISOTP_FD | ISOTP_BRS);
    isotp_sent(&l, now);
    feed_hex("30 00 00");
    ck_assert(isotp_next_frame(&l, &f, now));
    ck_assert_uint_eq(f.data[0], 0x21);
}
END_TEST

START_TEST(a_flow_control_replaced_before_it_left_is_sent_again)
{
    start_classic();
    struct isotp_frame f;
    feed_first(20, 8);
    ck_assert(isotp_next_frame(&l, &f, now));
    feed_first(30, 8);
    isotp_sent(&l, now); /* the old one */
    expect_frame("30 00 00");
    expect_no_frame();
    expect_failed(ISOTP_N_UNEXP_PDU);
    feed_rest();
    expect_message(30);
}
END_TEST

START_TEST(failures_nobody_asked_about_are_reported_as_one)
{
    start_classic();
    for (int i = 0; i < 10; i++) receive_half();
    expect_failed(ISOTP_N_UNEXP_PDU);
    expect_nothing();
    expect_rest_of_reception();
}
END_TEST

SUITE_OVER_LINKS(
    "isotp_receive", case_01_single_frame_of_length_zero_is_ignored,
    case_02_single_frame_longer_than_its_can_frame_is_ignored,
    case_03_single_frame_length_8_to_15_in_8_bytes_is_ignored,
    case_04_long_can_frame_without_the_length_escape_is_ignored,
    case_05_escaped_length_outside_8_to_frame_minus_2_is_ignored,
    case_06_first_frame_below_the_minimum_length_is_ignored,
    case_07_length_escape_for_4095_or_less_is_ignored,
    case_08_message_over_the_buffer_is_refused_with_overflow,
    case_09_the_longest_length_is_refused_with_overflow, case_10_first_frame_in_a_short_can_frame_is_ignored,
    case_11_consecutive_frame_while_idle_is_ignored, case_12_wrong_or_repeated_sequence_number_aborts,
    case_13_sequence_number_wraps_from_15_to_0,
    case_14_short_consecutive_frame_before_the_last_is_ignored_and_the_timer_runs_on,
    a_consecutive_frame_longer_than_the_first_frame_is_ignored, case_15_padding_of_the_last_frame_is_trimmed,
    case_16_single_frame_in_mid_reception_replaces_the_message,
    case_17_first_frame_in_mid_reception_starts_anew,
    case_18_invalid_single_or_first_frame_in_mid_reception_is_ignored,
    case_19_reserved_frame_type_in_mid_reception_is_ignored,
    case_20_empty_frame_or_lone_header_in_mid_reception_is_ignored,
    case_21_flow_control_in_mid_reception_is_ignored_when_nothing_is_sent,
    case_22_no_consecutive_frame_for_a_second_ends_the_reception,
    the_reception_timer_starts_when_the_flow_control_has_left,
    case_23_flow_control_after_each_block_and_none_after_the_last_frame,
    a_sender_that_does_not_wait_for_flow_control_gets_none_after_the_end,
    case_24_block_size_zero_means_exactly_one_flow_control,
    case_25_wait_frames_hold_a_sender_off_and_are_limited,
    a_sender_that_was_held_off_continues_after_the_release,
    without_wait_frames_a_second_message_is_refused_in_time, case_26_functional_first_frame_is_ignored,
    case_27_foreign_address_byte_is_no_message_for_us, frames_of_other_identifiers_are_no_business_of_ours,
    case_28_remote_and_error_frames_are_ignored, impossible_frame_lengths_are_ignored,
    case_29_an_unread_message_is_never_overwritten, a_single_frame_takes_the_place_of_a_message_held_off,
    a_first_frame_takes_the_place_of_a_message_held_off, a_functional_single_frame_leaves_a_reception_alone,
    a_single_frame_over_the_buffer_is_ignored, case_30_classic_flow_control_on_an_fd_link_is_accepted,
    a_flow_control_replaced_before_it_left_is_sent_again, failures_nobody_asked_about_are_reported_as_one)

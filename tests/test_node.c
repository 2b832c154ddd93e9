/* The pump between a link and its channels, over two links in memory. */
#include "isotp/node.h"
#include "tests/lib_link.h"
#include "tests/suite.h"

#include <string.h>

#define CHANNELS 3
#define LONG     5000

/* A Primary with CHANNELS channels on one end, as many Secondaries on the other. */
static struct lib_link wire;
static struct isotp near[CHANNELS], far[CHANNELS];
static uint8_t near_rx[CHANNELS][LONG], far_rx[CHANNELS][LONG], text[CHANNELS][LONG];
static struct isotp *near_list[CHANNELS + 1], *far_list[CHANNELS + 1];
static struct isotp_node a, b;

static void setup(bool fd)
{
    lib_link_init(&wire, fd);
    for (uint32_t i = 0; i < CHANNELS; i++) {
        struct isotp_config c = isotp_config_default(0x700 + i, 0x780 + i, fd), d = c;
        d.tx_id = c.rx_id;
        d.rx_id = c.tx_id;
        isotp_init(&near[i], &c, near_rx[i], LONG);
        isotp_init(&far[i], &d, far_rx[i], LONG);
        near_list[i + 1] = &near[i]; /* entry 0 stays NULL: skipped */
        far_list[i + 1] = &far[i];
        for (size_t k = 0; k < LONG; k++) text[i][k] = (uint8_t)(k * 7 + i);
    }
    isotp_node_init(&a, &wire.a.link, near_list, CHANNELS + 1);
    isotp_node_init(&b, &wire.b.link, far_list, CHANNELS + 1);
}

static void send_text(struct isotp *l, uint32_t i, uint32_t bytes)
{
    struct isotp_message m = {.body = text[i], .body_bytes = bytes};
    ck_assert_int_eq(isotp_send(l, &m, 0), ISOTP_N_OK);
}

static void pump_both(uint32_t now_us)
{
    do {
        ck_assert(isotp_node_pump(&a, now_us));
        ck_assert(isotp_node_pump(&b, now_us));
    } while (isotp_node_due(&a, now_us) == 0 || isotp_node_due(&b, now_us) == 0 || wire.a.queued > 0);
}

static void expect_text(struct isotp *l, uint32_t i, uint32_t bytes)
{
    struct isotp_event e;
    ck_assert(isotp_poll(l, &e));
    ck_assert_int_eq(e.kind, ISOTP_RECEIVED);
    ck_assert_uint_eq(e.bytes, bytes);
    ck_assert_mem_eq(e.data, text[i], bytes);
    isotp_release(l);
}

static void expect(struct isotp *l, enum isotp_event_kind kind, enum isotp_result result)
{
    struct isotp_event e;
    isotp_poll(l, &e);
    ck_assert_int_eq(e.kind, kind);
    ck_assert_int_eq(e.result, result);
}

/* One message sent and one received, in whatever order. */
static void expect_sent_and_text(struct isotp *l, uint32_t i, uint32_t bytes)
{
    struct isotp_event e;
    for (int seen = 0; seen != (1 << ISOTP_SENT | 1 << ISOTP_RECEIVED); seen |= 1 << e.kind) {
        ck_assert(isotp_poll(l, &e));
        ck_assert_int_eq(e.result, ISOTP_N_OK);
        if (e.kind != ISOTP_RECEIVED) continue;
        ck_assert_uint_eq(e.bytes, bytes);
        ck_assert_mem_eq(e.data, text[i], bytes);
        isotp_release(l);
    }
}

START_TEST(several_channels_send_at_once_both_ways)
{
    setup(_i);
    for (uint32_t i = 0; i < CHANNELS; i++) {
        send_text(&near[i], i, LONG - i);
        send_text(&far[i], CHANNELS - 1 - i, 100 + i);
    }
    pump_both(0);
    for (uint32_t i = 0; i < CHANNELS; i++) {
        expect_sent_and_text(&near[i], CHANNELS - 1 - i, 100 + i);
        expect_sent_and_text(&far[i], i, LONG - i);
    }
    ck_assert_uint_eq(isotp_node_due(&a, 0), ISOTP_NEVER);
}
END_TEST

/* The first COUNT channels of A have BYTES under way, and leave to send all of it waits on the link. */
static void begin_texts(uint32_t count, uint32_t bytes)
{
    for (uint32_t i = 0; i < count; i++) send_text(&near[i], i, bytes);
    ck_assert(isotp_node_pump(&a, 0));
    ck_assert(isotp_node_pump(&b, 0));
    ck_assert_uint_eq(wire.a.queued, count);
}

static void send_foreign_frames(struct isotp_link *link, size_t n)
{
    struct isotp_frame f = {.id = 0x123, .len = 8};
    while (n-- > 0) ck_assert_int_eq(link->ops->send(link, &f, 1), 1);
}

START_TEST(frames_leave_in_batches)
{
    setup(false);
    begin_texts(1, LONG);
    uint32_t before = wire.a.batches;
    pump_both(0);
    expect(&near[0], ISOTP_SENT, ISOTP_N_OK);
    ck_assert_uint_le(wire.a.batches - before, LONG / 7 / ISOTP_NODE_BATCH + 1);
}
END_TEST

START_TEST(a_short_send_is_continued_without_loss_or_repetition)
{
    setup(false);
    wire.b.capacity = 5;
    begin_texts(1, LONG);
    while (wire.a.queued + wire.b.queued > 0 || a.blocked) {
        ck_assert(isotp_node_pump(&a, 0));
        if (a.blocked) ck_assert_uint_eq(isotp_node_due(&a, 0), 1000000); /* nobody spins; N_As runs */
        ck_assert(isotp_node_pump(&b, 0));
    }
    expect(&near[0], ISOTP_SENT, ISOTP_N_OK);
    expect_text(&far[0], 0, LONG);
    ck_assert_uint_eq(wire.a.sent, 1 + (LONG - 2 + 6) / 7); /* 2 bytes travel in the first frame */
}
END_TEST

START_TEST(a_link_that_takes_nothing_for_a_second_fails_the_message)
{
    setup(false);
    wire.b.capacity = 0;
    send_text(&near[0], 0, 3);
    ck_assert(isotp_node_pump(&a, 0));
    ck_assert(a.blocked);
    ck_assert(isotp_node_pump(&a, 999999));
    expect(&near[0], ISOTP_NOTHING, ISOTP_N_OK);
    ck_assert(isotp_node_pump(&a, 1000000));
    expect(&near[0], ISOTP_SEND_FAILED, ISOTP_N_TIMEOUT_A);
    ck_assert(!a.blocked);
}
END_TEST

/* Pumps A at NOW with room for one frame on the wire; whose was it? */
static uint32_t sender_of_one_frame(uint32_t now_us)
{
    wire.b.capacity = 1;
    wire.b.queued = 0;
    ck_assert(isotp_node_pump(&a, now_us));
    ck_assert_uint_eq(wire.b.queued, 1);
    return wire.b.queue[wire.b.first].id - 0x700;
}

START_TEST(a_channel_keeps_its_turn_for_a_stint_and_then_the_next_one_has_it)
{
    setup(false);
    begin_texts(CHANNELS, LONG);
    for (uint32_t now = 0; now < 200000; now += 50000) ck_assert_uint_eq(sender_of_one_frame(now), 0);
    for (uint32_t now = 200000; now < 300000; now += 50000) ck_assert_uint_eq(sender_of_one_frame(now), 1);
}
END_TEST

START_TEST(a_channel_without_frames_passes_its_turn_on)
{
    setup(false);
    begin_texts(2, 12); /* a first frame and one more */
    send_text(&near[2], 2, LONG);
    ck_assert_uint_eq(sender_of_one_frame(0), 0);
    ck_assert_uint_eq(sender_of_one_frame(0), 1); /* meanwhile */
    expect(&near[0], ISOTP_SENT, ISOTP_N_OK);
    expect(&near[1], ISOTP_SENT, ISOTP_N_OK);
    ck_assert_uint_eq(sender_of_one_frame(1000), 2);
    send_text(&near[0], 0, 7);
    ck_assert_uint_eq(sender_of_one_frame(4999), 0); /* it was back in time */
    send_text(&near[1], 1, 7);
    ck_assert(isotp_node_pump(&b, 10000));            /* flow control for 2 */
    ck_assert_uint_eq(sender_of_one_frame(10000), 1); /* the next one in line */
}
END_TEST

START_TEST(a_message_that_was_begun_is_not_left_alone_until_its_receiver_gives_it_up)
{
    setup(false);
    begin_texts(CHANNELS, LONG);
    ck_assert_uint_eq(sender_of_one_frame(0), 0);
    a.turn_at = 200000; /* it has just got it again */
    ck_assert_uint_eq(sender_of_one_frame(299999), 0);
    ck_assert_uint_eq(sender_of_one_frame(300001), 1);
    ck_assert_uint_eq(sender_of_one_frame(300002), 2);
    ck_assert_uint_eq(sender_of_one_frame(300003), 0);
}
END_TEST

START_TEST(a_request_does_not_wait_for_the_end_of_a_stint)
{
    setup(false);
    begin_texts(1, LONG);
    ck_assert_uint_eq(sender_of_one_frame(0), 0);
    send_text(&near[2], 2, 3);
    ck_assert_uint_eq(sender_of_one_frame(19999), 0);
    ck_assert_uint_eq(sender_of_one_frame(20000), 2);
    expect(&near[2], ISOTP_SENT, ISOTP_N_OK);
    ck_assert_uint_eq(sender_of_one_frame(20001), 0);
}
END_TEST

START_TEST(flow_control_does_not_wait_for_the_turn)
{
    setup(false);
    begin_texts(1, LONG);
    ck_assert_uint_eq(sender_of_one_frame(0), 0);
    send_text(&far[1], 1, 100);
    wire.b.capacity = LIB_LINK_CAPACITY;
    ck_assert(isotp_node_pump(&b, 0));
    ck_assert_uint_eq(sender_of_one_frame(0), 1);
    ck_assert_uint_eq(wire.b.queue[wire.b.first].data[0] >> 4, 3);
    ck_assert_uint_eq(sender_of_one_frame(0), 0);
}
END_TEST

START_TEST(more_channels_than_a_batch_has_frames_all_get_their_turn)
{
    enum { MANY = ISOTP_NODE_BATCH + 9 };
    static struct isotp many[MANY];
    struct isotp *list[MANY];
    setup(false);
    for (uint32_t i = 0; i < MANY; i++) {
        struct isotp_config c = isotp_config_default(0x600 + i, 0x680 + i, false);
        isotp_init(&many[i], &c, NULL, 0);
        list[i] = &many[i];
        send_text(&many[i], 0, 3);
    }
    isotp_node_init(&a, &wire.a.link, list, MANY);
    ck_assert(isotp_node_pump(&a, 0));
    ck_assert_uint_eq(wire.a.sent, MANY);
    ck_assert_uint_eq(wire.a.batches, 2);
    for (uint32_t i = 0; i < MANY; i++) expect(&many[i], ISOTP_SENT, ISOTP_N_OK);
}
END_TEST

START_TEST(link_down_fails_every_message_begun_or_begun_later)
{
    setup(false);
    begin_texts(2, LONG);
    wire.a.down = true;
    ck_assert(!isotp_node_pump(&a, 0));
    ck_assert(a.down);
    expect(&near[0], ISOTP_SEND_FAILED, ISOTP_N_ERROR);
    expect(&near[1], ISOTP_SEND_FAILED, ISOTP_N_ERROR);
    expect(&near[2], ISOTP_NOTHING, ISOTP_N_OK);
    ck_assert_uint_eq(isotp_node_due(&a, 0), ISOTP_NEVER);
    wire.a.down = false; /* down is for good */
    send_text(&near[2], 2, 3);
    ck_assert_uint_eq(isotp_node_due(&a, 0), 0);
    ck_assert(!isotp_node_pump(&a, 0));
    expect(&near[2], ISOTP_SEND_FAILED, ISOTP_N_ERROR);
}
END_TEST

static int receive_nothing(struct isotp_link *l, struct isotp_frame *f, size_t n)
{
    (void)l, (void)f, (void)n;
    return 0;
}

START_TEST(a_link_that_goes_down_while_sending_fails_the_message)
{
    setup(false);
    struct isotp_link_ops ops = *wire.a.link.ops;
    ops.recv = receive_nothing;
    wire.a.link.ops = &ops;
    wire.a.down = true;
    ck_assert(isotp_node_pump(&a, 0)); /* nobody has noticed yet */
    send_text(&near[0], 0, 3);
    ck_assert(!isotp_node_pump(&a, 0));
    expect(&near[0], ISOTP_SEND_FAILED, ISOTP_N_ERROR);
}
END_TEST

START_TEST(frames_that_have_arrived_beat_the_timers)
{
    setup(false);
    begin_texts(1, 1500);
    send_foreign_frames(&wire.a.link, ISOTP_NODE_BATCH);
    ck_assert(isotp_node_pump(&a, 0));
    ck_assert_uint_gt(wire.b.queued, 3 * ISOTP_NODE_BATCH);
    ck_assert(isotp_node_pump(&b, 5000000)); /* N_Cr has passed since B looked last */
    expect_text(&far[0], 0, 1500);
}
END_TEST

START_TEST(a_flood_ends_the_pump_and_does_not_stop_the_timers)
{
    setup(false);
    begin_texts(1, LONG);
    wire.a.queued = 0; /* its flow control is lost */
    send_foreign_frames(&wire.b.link, LIB_LINK_CAPACITY);
    ck_assert(isotp_node_pump(&a, 1000000));
    ck_assert_uint_gt(wire.a.queued, 0);
    ck_assert_uint_eq(isotp_node_due(&a, 1000000), 0);
    expect(&near[0], ISOTP_SEND_FAILED, ISOTP_N_TIMEOUT_BS);
    while (isotp_node_due(&a, 1000000) == 0) ck_assert(isotp_node_pump(&a, 1000000));
    ck_assert_uint_eq(wire.a.queued, 0);
}
END_TEST

START_TEST(frames_lost_by_the_link_are_counted_and_the_next_message_passes)
{
    setup(false);
    lib_link_lose(&wire.a, 4);
    send_text(&near[0], 0, 100);
    pump_both(0);
    expect(&near[0], ISOTP_SENT, ISOTP_N_OK);
    expect(&far[0], ISOTP_RECEIVE_FAILED, ISOTP_N_WRONG_SN);
    ck_assert_uint_eq(b.lost, 1);
    send_text(&near[0], 0, 100);
    pump_both(0);
    expect_text(&far[0], 0, 100);
}
END_TEST

static uint32_t after_send_us;
static uint32_t clock_after_send(void)
{
    return after_send_us;
}

START_TEST(the_gap_counts_from_when_the_link_has_taken_the_frame_not_from_before)
{
    setup(false);
    far[0].config.st_min = 10;
    a.clock_us = clock_after_send;
    send_text(&near[0], 0, 20);
    after_send_us = 0;
    isotp_node_pump(&a, 0);
    isotp_node_pump(&b, 0);
    after_send_us = 3000; /* the process slept between reading its clock and sending */
    isotp_node_pump(&a, 0);
    ck_assert_uint_eq(wire.a.sent, 2);
    ck_assert_uint_eq(isotp_node_due(&a, 3000), 10000);
    isotp_node_pump(&a, 12999);
    ck_assert_uint_eq(wire.a.sent, 2);
    isotp_node_pump(&a, 13000);
    ck_assert_uint_eq(wire.a.sent, 3);
}
END_TEST

START_TEST(channels_ask_for_no_more_than_the_links_queue_holds)
{
    static const struct {
        uint16_t queue;
        uint8_t asked, used;
    } sizes[] = {{0, 0, 0},      {0, 64, 64}, {278, 64, 64}, {278, 0, 69},
                 {278, 200, 69}, {4, 64, 1},  {60000, 0, 0}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct isotp first, second, *both[] = {&first, NULL, &second};
        struct lib_link l;
        struct isotp_node n;
        struct isotp_config config = isotp_config_default(0x7E0, 0x7E8, false);
        config.block_size = sizes[i].asked;
        isotp_init(&first, &config, NULL, 0);
        isotp_init(&second, &config, NULL, 0);
        lib_link_init(&l, false);
        l.a.link.queue = sizes[i].queue;
        isotp_node_init(&n, &l.a.link, both, 3);
        isotp_node_fit(&n);
        ck_assert_uint_eq(first.config.block_size, sizes[i].used);
        ck_assert_uint_eq(second.config.block_size, sizes[i].used);
    }
}
END_TEST

START_TEST(after_frames_were_dropped_channels_ask_for_half_as_many)
{
    struct isotp first, *one[] = {&first};
    struct lib_link l;
    struct isotp_node n;
    struct isotp_config config = isotp_config_default(0x7E0, 0x7E8, false);
    isotp_init(&first, &config, NULL, 0);
    lib_link_init(&l, false);
    isotp_node_init(&n, &l.a.link, one, 1);
    static const uint8_t then[] = {128, 64, 32, 16, 8, 4, 2, 1, 1};
    for (size_t i = 0; i < sizeof then; i++) {
        l.a.lost += 5;
        for (int pumps = 0; pumps < 3; pumps++) ck_assert(isotp_node_pump(&n, 1000));
        ck_assert_uint_eq(first.config.block_size, then[i]);
    }
}
END_TEST

static uint32_t heard[8];
static size_t heard_count;

static void note_ids(struct isotp_link *l, const uint32_t *ids, size_t n)
{
    (void)l;
    ck_assert_uint_le(n, 8);
    memcpy(heard, ids, n * sizeof *ids);
    heard_count = n;
}

START_TEST(a_link_is_told_whom_to_listen_to)
{
    struct isotp first, second, *both[] = {&first, &second};
    struct lib_link l;
    struct isotp_node n;
    struct isotp_config config = isotp_config_default(0x7E8, 0x7E0, false);
    config.functional_id = 0x7DF;
    isotp_init(&first, &config, NULL, 0);
    config.rx_id = isotp_fixed_id(0x10, 0xF1);
    isotp_init(&second, &config, NULL, 0);
    lib_link_init(&l, false);
    struct isotp_link_ops ops = *l.a.link.ops;
    ops.listen = note_ids;
    l.a.link.ops = &ops;
    isotp_node_init(&n, &l.a.link, both, 2);
    isotp_node_fit(&n);
    ck_assert_uint_eq(heard_count, 3);
    ck_assert_uint_eq(heard[0], 0x7E0);
    ck_assert_uint_eq(heard[1], 0x7DF);
    ck_assert_uint_eq(heard[2], isotp_fixed_id(0x10, 0xF1));
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        frames_leave_in_batches,
        a_short_send_is_continued_without_loss_or_repetition,
        a_link_that_takes_nothing_for_a_second_fails_the_message,
        a_channel_keeps_its_turn_for_a_stint_and_then_the_next_one_has_it,
        a_channel_without_frames_passes_its_turn_on,
        a_message_that_was_begun_is_not_left_alone_until_its_receiver_gives_it_up,
        a_request_does_not_wait_for_the_end_of_a_stint,
        flow_control_does_not_wait_for_the_turn,
        more_channels_than_a_batch_has_frames_all_get_their_turn,
        link_down_fails_every_message_begun_or_begun_later,
        a_link_that_goes_down_while_sending_fails_the_message,
        frames_that_have_arrived_beat_the_timers,
        a_flood_ends_the_pump_and_does_not_stop_the_timers,
        channels_ask_for_no_more_than_the_links_queue_holds,
        after_frames_were_dropped_channels_ask_for_half_as_many,
        a_link_is_told_whom_to_listen_to,
        frames_lost_by_the_link_are_counted_and_the_next_message_passes,
        the_gap_counts_from_when_the_link_has_taken_the_frame_not_from_before,
    };
    Suite *s = suite_create("node");
    TCase *c = tcase_create("node");
    suite_add_tcase(s, c);
    tcase_add_loop_test(c, several_channels_send_at_once_both_ways, 0, 2);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(c, tests[i]);
    return suite_run(s);
}

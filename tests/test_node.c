/* The pump between a link and its channels, over two links in memory. */
#include "isotp/node.h"
#include "tests/lib_link.h"
#include "tests/suite.h"

#include <string.h>

#define CHANNELS 3
#define BYTES    5000

/* A Primary with CHANNELS channels on one end, as many Secondaries on the other. */
static struct lib_link wire;
static struct isotp near[CHANNELS], far[CHANNELS];
static uint8_t near_rx[CHANNELS][BYTES], far_rx[CHANNELS][BYTES], text[CHANNELS][BYTES];
static struct isotp *near_list[CHANNELS + 1], *far_list[CHANNELS + 1];
static struct isotp_node a, b;

static void setup(bool fd)
{
    lib_link_init(&wire, fd);
    for (uint32_t i = 0; i < CHANNELS; i++) {
        struct isotp_config c = isotp_config_default(0x700 + i, 0x780 + i, fd), d = c;
        d.tx_id = c.rx_id;
        d.rx_id = c.tx_id;
        isotp_init(&near[i], &c, near_rx[i], BYTES);
        isotp_init(&far[i], &d, far_rx[i], BYTES);
        near_list[i + 1] = &near[i]; /* entry 0 stays NULL: skipped */
        far_list[i + 1] = &far[i];
        for (size_t k = 0; k < BYTES; k++) text[i][k] = (uint8_t)(k * 7 + i);
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
        send_text(&near[i], i, BYTES - i);
        send_text(&far[i], CHANNELS - 1 - i, 100 + i);
    }
    pump_both(0);
    for (uint32_t i = 0; i < CHANNELS; i++) {
        expect_sent_and_text(&near[i], CHANNELS - 1 - i, 100 + i);
        expect_sent_and_text(&far[i], i, BYTES - i);
    }
    ck_assert_uint_eq(isotp_node_due(&a, 0), ISOTP_NEVER);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("node");
    TCase *c = tcase_create("node");
    suite_add_tcase(s, c);
    tcase_add_loop_test(c, several_channels_send_at_once_both_ways, 0, 2);
    return suite_run(s);
}

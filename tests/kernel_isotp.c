/* The edge cases that have two ends, with Linux's own ISO-TP (can-isotp) at the other one: our engine on a
 * raw CAN socket, a CAN_ISOTP socket as the peer, a third socket that sees every frame with its time. In real
 * time, on the interface ISOCTANE_CAN: tests/kernel.sh brings kernel and interface. */
#include "isotp/link.h"
#include "isotp/node.h"
#include "sim/realtime.h"
#include "tests/suite.h"

#include <errno.h>
#include <linux/can.h>
#include <linux/can/isotp.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OURS        0x7E0u
#define PEERS       0x7E8u
#define ROOM        9000
#define LONG_MAX_K  8200 /* the longest message that can-isotp takes by default */
#define CLOCKS_NS   2000 /* ours counts whole microseconds, the witness's is another one */
#define PATIENCE_MS 20000

static struct isotp_config config;
static struct can_isotp_options options;
static struct can_isotp_fc_options flow;
static struct can_isotp_ll_options layer;
static uint32_t gap_ns; /* that the kernel keeps whatever we ask for, with CAN_ISOTP_FORCE_TXSTMIN */

static struct isotp l;
static struct isotp *const channels[] = {&l};
static struct isotp_node node;
static struct isotp_link *link_;
static int kernel, witness;
static uint8_t text[70000], buffer[ROOM], got[ROOM];

/* ---- both ends ---- */

static uint32_t now_us(void)
{
    return (uint32_t)(sim_monotonic_ns() / 1000);
}

static unsigned interface_index(void)
{
    const char *name = getenv("ISOCTANE_CAN");
    ck_assert_msg(name != NULL, "ISOCTANE_CAN names no interface; see tests/kernel.sh");
    return if_nametoindex(name);
}

static void prepare(bool fd)
{
    config = isotp_config_default(OURS, PEERS, fd);
    options = (struct can_isotp_options){.frame_txtime = CAN_ISOTP_FRAME_TXTIME_ZERO};
    flow = (struct can_isotp_fc_options){0};
    layer = (struct can_isotp_ll_options){
        .mtu = fd ? CANFD_MTU : CAN_MTU, .tx_dl = fd ? 64 : 8, .tx_flags = fd ? CANFD_BRS : 0};
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * 7 + i / 256 + 1);
}

static int socket_of(int protocol, const struct sockaddr_can *at)
{
    int s = socket(PF_CAN, (protocol == CAN_RAW ? SOCK_RAW : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC,
                   protocol);
    ck_assert_msg(s >= 0, "no CAN socket of protocol %d: %s", protocol, strerror(errno));
    if (protocol == CAN_ISOTP) {
        ck_assert_int_eq(setsockopt(s, SOL_CAN_ISOTP, CAN_ISOTP_OPTS, &options, sizeof options), 0);
        ck_assert_int_eq(setsockopt(s, SOL_CAN_ISOTP, CAN_ISOTP_RECV_FC, &flow, sizeof flow), 0);
        ck_assert_int_eq(setsockopt(s, SOL_CAN_ISOTP, CAN_ISOTP_LL_OPTS, &layer, sizeof layer), 0);
        ck_assert_int_eq(setsockopt(s, SOL_CAN_ISOTP, CAN_ISOTP_TX_STMIN, &gap_ns, sizeof gap_ns), 0);
    } else {
        int yes = 1, room = 1 << 20;
        ck_assert_int_eq(setsockopt(s, SOL_CAN_RAW, CAN_RAW_FD_FRAMES, &yes, sizeof yes), 0);
        ck_assert_int_eq(setsockopt(s, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes), 0);
        ck_assert_int_eq(setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), 0);
    }
    ck_assert_msg(bind(s, (const struct sockaddr *)at, sizeof *at) == 0, "bind: %s", strerror(errno));
    return s;
}

static void start(void)
{
    char why[256];
    struct sockaddr_can at = {.can_family = AF_CAN, .can_ifindex = (int)interface_index()};
    witness = socket_of(CAN_RAW, &at);
    at.can_addr.tp.tx_id =
        config.rx_id & ISOTP_ID_EXTENDED ? (config.rx_id & CAN_EFF_MASK) | CAN_EFF_FLAG : config.rx_id;
    at.can_addr.tp.rx_id =
        config.tx_id & ISOTP_ID_EXTENDED ? (config.tx_id & CAN_EFF_MASK) | CAN_EFF_FLAG : config.tx_id;
    kernel = socket_of(CAN_ISOTP, &at);
    link_ = isotp_link_open(getenv("ISOCTANE_CAN"), config.fd, why, sizeof why);
    ck_assert_msg(link_ != NULL, "%s", why);
    isotp_init(&l, &config, buffer, sizeof buffer);
    isotp_node_init(&node, link_, (struct isotp **)channels, 1);
    node.clock_us = now_us;
}

static void stop(void)
{
    if (kernel >= 0) close(kernel);
    close(witness);
    link_->ops->close(link_);
}

/* ---- time passes ---- */

static struct isotp_event heard; /* the last event */
static ssize_t read_bytes;       /* what the kernel has received, into got */
static int read_error;
static bool keep;           /* what we received stays lent */
static bool sent, received; /* since they were cleared */

static void step(void)
{
    isotp_node_pump(&node, now_us());
    uint32_t due = isotp_has_event(&l) ? 0 : isotp_node_due(&node, now_us());
    struct pollfd p[] = {sim_wait_for(link_->fd, true, node.blocked),
                         sim_wait_for(kernel, read_bytes < 0, false)};
    struct timespec wait = {.tv_nsec = due < 10000 ? (long)due * 1000 : 10000000};
    ppoll(p, 2, &wait, NULL);
    struct isotp_event e;
    while (isotp_poll(&l, &e)) {
        heard = e;
        sent = sent || e.kind == ISOTP_SENT;
        received = received || e.kind == ISOTP_RECEIVED;
        if (e.kind == ISOTP_RECEIVED) memcpy(got, e.data, e.bytes);
        if (e.kind == ISOTP_RECEIVED && !keep) isotp_release(&l);
    }
    if (kernel < 0 || read_bytes >= 0) return;
    read_bytes = recv(kernel, got, sizeof got, 0);
    if (read_bytes < 0 && errno != EAGAIN) read_error = errno;
}

static bool patience(uint64_t since_ns)
{
    return sim_monotonic_ns() - since_ns < (uint64_t)PATIENCE_MS * 1000000;
}

#define STEP_UNTIL(condition)                                                                                \
    do {                                                                                                     \
        uint64_t since = sim_monotonic_ns();                                                                 \
        while (!(condition)) {                                                                               \
            step();                                                                                          \
            ck_assert_msg(patience(since), "never: %s", #condition);                                         \
        }                                                                                                    \
    } while (0)

static void begin_sending(uint32_t bytes)
{
    struct isotp_message m = {.body = text, .body_bytes = bytes};
    heard.kind = ISOTP_NOTHING;
    read_bytes = -1;
    read_error = 0;
    ck_assert_int_eq(isotp_send(&l, &m, now_us()), ISOTP_N_OK);
}

static void to_kernel(uint32_t bytes)
{
    begin_sending(bytes);
    STEP_UNTIL(heard.kind != ISOTP_NOTHING);
    ck_assert_str_eq(isotp_result_name(heard.result), "N_OK");
    STEP_UNTIL(read_bytes >= 0);
    ck_assert_int_eq(read_bytes, bytes);
    ck_assert_mem_eq(got, text, bytes);
}

static void to_kernel_fails(uint32_t bytes, enum isotp_result result)
{
    begin_sending(bytes);
    STEP_UNTIL(heard.kind == ISOTP_SEND_FAILED);
    ck_assert_str_eq(isotp_result_name(heard.result), isotp_result_name(result));
}

static void begin_from_kernel(uint32_t bytes)
{
    heard.kind = ISOTP_NOTHING;
    read_bytes = 0; /* nothing to read there */
    ck_assert_msg(send(kernel, text, bytes, 0) == (ssize_t)bytes, "send: %s", strerror(errno));
}

static void from_kernel(uint32_t bytes)
{
    begin_from_kernel(bytes);
    STEP_UNTIL(heard.kind != ISOTP_NOTHING);
    ck_assert_str_eq(isotp_result_name(heard.result), "N_OK");
    ck_assert_int_eq(heard.kind, ISOTP_RECEIVED);
    ck_assert_uint_eq(heard.bytes, bytes);
    ck_assert_mem_eq(got, text, bytes);
}

static void both_ways(void)
{
    static const uint32_t lengths[] = {1, 6, 7, 8, 61, 62, 63, 100, 4095, 4096, LONG_MAX_K};
    start();
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        to_kernel(lengths[i]);
        from_kernel(lengths[i]);
    }
    stop();
}

/* ---- what went over the wire ---- */

struct wire {
    struct canfd_frame frame;
    uint64_t ns;
};
/* The next frame that the witness saw. */
static bool seen(struct wire *w)
{
    char control[128];
    struct iovec part = {&w->frame, sizeof w->frame};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(witness, &m, 0) <= 0) return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
        struct timespec t;
        if (c->cmsg_type != SO_TIMESTAMPNS) continue;
        memcpy(&t, CMSG_DATA(c), sizeof t);
        w->ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
    }
    return true;
}

/* How many frames of kind PCI (the first data byte's high half) ID sent since the last call. */
static unsigned frames_of(uint32_t id, uint8_t pci)
{
    struct wire w;
    unsigned n = 0;
    while (seen(&w)) n += w.frame.can_id == id && w.frame.data[0] >> 4 == pci;
    return n;
}

/* ---- formats ---- */

START_TEST(case_13_32_messages_of_every_length_pass_on_classic_can)
{
    prepare(false);
    both_ways();
}
END_TEST

START_TEST(case_05_33_messages_of_every_length_pass_on_can_fd_with_every_frame_size)
{
    static const uint8_t sizes[] = {8, 12, 16, 20, 24, 32, 48, 64};
    for (size_t i = 0; i < sizeof sizes; i++) {
        prepare(true);
        config.tx_dl = layer.tx_dl = sizes[i];
        both_ways();
    }
}
END_TEST

START_TEST(case_05_33_frame_sizes_may_differ_between_the_two_directions)
{
    prepare(true);
    config.tx_dl = 64;
    layer.tx_dl = 12;
    both_ways();
}
END_TEST

START_TEST(messages_pass_with_29_bit_identifiers)
{
    prepare(true);
    config.tx_id = isotp_fixed_id(0x10, 0xF1);
    config.rx_id = isotp_fixed_id(0xF1, 0x10);
    both_ways();
}
END_TEST

START_TEST(case_27_messages_pass_with_extended_and_mixed_addresses_and_foreign_ones_do_not)
{
    for (int fd = 0; fd < 2; fd++) {
        prepare(fd);
        config.addressing = fd ? ISOTP_MIXED : ISOTP_EXTENDED;
        config.tx_address = 0x55;
        config.rx_address = 0xAA;
        options.flags = CAN_ISOTP_EXTEND_ADDR | CAN_ISOTP_RX_EXT_ADDR;
        options.ext_address = 0xAA;
        options.rx_ext_address = 0x55;
        both_ways();
    }
    options.ext_address = 0xAB;
    start();
    struct wire w;
    begin_from_kernel(100);
    STEP_UNTIL(seen(&w));
    ck_assert_uint_eq(w.frame.data[0], 0xAB);
    for (int i = 0; i < 10; i++) step();
    ck_assert_int_eq(heard.kind, ISOTP_NOTHING);
    ck_assert(!seen(&w)); /* no flow control to a stranger */
    stop();
}
END_TEST

START_TEST(case_15_padding_is_as_the_kernel_checks_it_and_that_of_the_kernel_is_trimmed)
{
    prepare(false);
    config.pad = true;
    config.pad_byte = 0x5A;
    options.flags =
        CAN_ISOTP_TX_PADDING | CAN_ISOTP_RX_PADDING | CAN_ISOTP_CHK_PAD_LEN | CAN_ISOTP_CHK_PAD_DATA;
    options.txpad_content = 0xA5;
    options.rxpad_content = 0x5A;
    both_ways();
}
END_TEST

/* ---- flow control ---- */

START_TEST(case_23_24_40_every_block_size_of_either_side_is_kept)
{
    static const uint8_t sizes[] = {0, 1, 2, 8, 64, 255};
    for (size_t i = 0; i < sizeof sizes; i++) {
        prepare(false);
        config.block_size = flow.bs = sizes[i];
        unsigned frames = (1000 - 6 + 6) / 7, flows = sizes[i] == 0 ? 1 : 1 + (frames - 1) / sizes[i];
        start();
        to_kernel(1000);
        ck_assert_uint_eq(frames_of(PEERS, 3), flows);
        from_kernel(1000);
        ck_assert_uint_eq(frames_of(OURS, 3), flows);
        stop();
    }
}
END_TEST

START_TEST(case_42_the_gap_between_our_frames_is_never_shorter_than_the_kernel_asks_for)
{
    static const struct {
        uint8_t st_min;
        uint64_t ns;
    } gaps[] = {{0x05, 5000000}, {0x01, 1000000}, {0xF9, 900000}, {0xF1, 100000}};
    for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
        prepare(false);
        flow.stmin = gaps[i].st_min;
        start();
        to_kernel(200);
        struct wire w;
        uint64_t last = 0;
        while (seen(&w)) {
            if (w.frame.can_id != OURS || w.frame.data[0] >> 4 != 2) continue;
            if (last != 0)
                ck_assert_uint_ge(w.ns - last,
                                  gaps[i].ns - 60000); /* our clock's reading is not the witness's */
            last = w.ns;
        }
        ck_assert_uint_ne(last, 0);
        stop();
    }
}
END_TEST

START_TEST(case_08_a_message_over_our_buffer_is_refused_and_the_kernel_hears_it)
{
    prepare(false);
    start();
    isotp_init(&l, &config, buffer, 100);
    begin_from_kernel(101);
    int error = 0;
    socklen_t n = sizeof error;
    uint64_t began = sim_monotonic_ns();
    while (error == 0 && patience(began)) {
        step();
        ck_assert_int_eq(getsockopt(kernel, SOL_SOCKET, SO_ERROR, &error, &n), 0);
    }
    ck_assert_int_eq(error, EMSGSIZE);
    from_kernel(100);
    stop();
}
END_TEST

START_TEST(case_35_a_message_over_the_buffer_of_the_kernel_fails_at_once)
{
    prepare(false);
    start();
    to_kernel_fails(sizeof text, ISOTP_N_BUFFER_OVFLW);
    frames_of(0, 0);
    to_kernel(100);
    stop();
}
END_TEST

START_TEST(case_25_37_the_kernel_is_held_off_with_wait_frames_until_we_have_read)
{
    prepare(false);
    config.n_bs_us = 200000; /* wait frames leave before nine tenths of it */
    start();
    keep = true;
    from_kernel(50);
    begin_from_kernel(60);
    uint64_t began = sim_monotonic_ns();
    while (sim_monotonic_ns() - began < 500000000) step();
    ck_assert_int_eq(heard.kind, ISOTP_NOTHING);
    struct wire w;
    unsigned waits = 0;
    while (seen(&w)) waits += w.frame.can_id == OURS && w.frame.data[0] == 0x31;
    ck_assert_uint_ge(waits, 2);
    isotp_release(&l);
    STEP_UNTIL(heard.kind == ISOTP_RECEIVED);
    ck_assert_uint_eq(heard.bytes, 60);
    ck_assert_mem_eq(got, text, 60);
    keep = false;
    stop();
}
END_TEST

START_TEST(case_34_a_peer_that_goes_away_is_a_time_out)
{
    prepare(false);
    config.n_bs_us = 100000;
    start();
    close(kernel);
    kernel = -1;
    to_kernel_fails(100, ISOTP_N_TIMEOUT_BS);
    stop();
}
END_TEST

START_TEST(case_22_a_kernel_that_is_late_with_a_frame_is_a_time_out)
{
    prepare(false);
    config.n_cr_us = 100000;
    options.flags = CAN_ISOTP_FORCE_TXSTMIN;
    gap_ns = 300000000;
    start();
    begin_from_kernel(14);
    STEP_UNTIL(heard.kind == ISOTP_RECEIVE_FAILED);
    ck_assert_str_eq(isotp_result_name(heard.result), "N_TIMEOUT_CR");
    stop();
}
END_TEST

START_TEST(case_46_messages_in_both_directions_at_once)
{
    prepare(true);
    config.block_size = flow.bs = 4;
    start();
    begin_from_kernel(8000);
    struct isotp_message m = {.body = text + 1, .body_bytes = 8000};
    ck_assert_int_eq(isotp_send(&l, &m, now_us()), ISOTP_N_OK);
    sent = received = false;
    STEP_UNTIL(received);
    ck_assert_mem_eq(got, text, 8000);
    STEP_UNTIL(sent);
    ck_assert_str_eq(isotp_result_name(heard.result), "N_OK");
    read_bytes = -1;
    STEP_UNTIL(read_bytes >= 0);
    ck_assert_int_eq(read_bytes, 8000);
    ck_assert_mem_eq(got, text + 1, 8000);
    stop();
}
END_TEST

SUITE("kernel_isotp", case_13_32_messages_of_every_length_pass_on_classic_can,
      case_05_33_messages_of_every_length_pass_on_can_fd_with_every_frame_size,
      case_05_33_frame_sizes_may_differ_between_the_two_directions, messages_pass_with_29_bit_identifiers,
      case_27_messages_pass_with_extended_and_mixed_addresses_and_foreign_ones_do_not,
      case_15_padding_is_as_the_kernel_checks_it_and_that_of_the_kernel_is_trimmed,
      case_23_24_40_every_block_size_of_either_side_is_kept,
      case_42_the_gap_between_our_frames_is_never_shorter_than_the_kernel_asks_for,
      case_08_a_message_over_our_buffer_is_refused_and_the_kernel_hears_it,
      case_35_a_message_over_the_buffer_of_the_kernel_fails_at_once,
      case_25_37_the_kernel_is_held_off_with_wait_frames_until_we_have_read,
      case_34_a_peer_that_goes_away_is_a_time_out, case_22_a_kernel_that_is_late_with_a_frame_is_a_time_out,
      case_46_messages_in_both_directions_at_once)

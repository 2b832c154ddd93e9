/* One ISO-TP engine L under test, and the world on the other side of it in hex. Time is the variable NOW. */
#ifndef TESTS_ISOTP_WORLD_H
#define TESTS_ISOTP_WORLD_H

#include "isotp/isotp.h"
#include "tests/lib_carrier.h"
#include "tests/suite.h"

#include <stdio.h>
#include <string.h>

#define US       1u
#define MS       1000u
#define SECOND   1000000u
#define OURS     0x7E8
#define THEIRS   0x7E0
#define EVERYONE 0x7DF
#define ROOM     5000

static struct isotp_config config;
static struct isotp l;
static uint8_t buffer[ROOM + 1], text[70000];
static uint32_t now;

static inline void set_up(bool fd)
{
    config = isotp_config_default(OURS, THEIRS, fd);
    config.functional_id = EVERYONE;
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)(i * 7 + i / 256 + 1);
    now = 1000;
}

static inline void start(void)
{
    memset(buffer, 0xEE, sizeof buffer);
    isotp_init(&l, &config, buffer, ROOM);
}

static inline void start_classic(void)
{
    set_up(false);
    start();
}

static inline void start_fd(void)
{
    set_up(true);
    start();
}

static inline size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    unsigned byte;
    for (int used; sscanf(hex, " %2x%n", &byte, &used) == 1; hex += used) out[n++] = (uint8_t)byte;
    return n;
}

/* Frame HEX, filled with text[from] onwards up to LEN bytes. */
static inline struct isotp_frame frame_of(const char *hex, size_t from, uint8_t len)
{
    struct isotp_frame f = {.id = THEIRS, .len = len};
    size_t n = from_hex(hex, f.data);
    for (size_t i = n; i < len; i++) f.data[i] = text[from + i - n];
    if (len > 8) f.flags = ISOTP_FD;
    return f;
}

static inline void feed(struct isotp_frame f)
{
    f = carrier_to_engine(f);
    isotp_on_frame(&l, &f, now);
}

static inline void feed_hex(const char *hex)
{
    uint8_t bytes[64];
    feed(frame_of(hex, 0, (uint8_t)from_hex(hex, bytes)));
}

/* A well-behaved sender: first frame, then consecutive frames, of a message that is text[0..length). */
static struct {
    uint32_t length, at;
    uint8_t dl, sn;
} peer;

static inline void feed_first(uint32_t length, uint8_t dl)
{
    char hex[32];
    if (length <= 4095) {
        sprintf(hex, "%04X", 0x1000 | length);
    } else {
        sprintf(hex, "1000%08X", length);
    }
    peer.length = length;
    peer.dl = dl;
    peer.sn = 1;
    feed(frame_of(hex, 0, dl));
    peer.at = dl - (uint32_t)strlen(hex) / 2;
}

static inline void feed_next(void)
{
    char hex[8];
    sprintf(hex, "2%X", peer.sn);
    uint32_t left = peer.length - peer.at, room = peer.dl - 1u, n = left < room ? left : room;
    feed(frame_of(hex, peer.at, isotp_frame_len((uint8_t)(n + 1))));
    peer.at += n;
    peer.sn = (peer.sn + 1) & 15;
}

static inline void feed_rest(void)
{
    while (peer.at < peer.length) feed_next();
}

static inline void expect_frame(const char *hex)
{
    struct isotp_frame f;
    uint8_t bytes[64];
    size_t n = from_hex(hex, bytes);
    ck_assert_uint_eq(isotp_due(&l, now), 0);
    ck_assert(isotp_next_frame(&l, &f, now));
    f = carrier_to_world(f);
    ck_assert_uint_eq(f.id, OURS);
    ck_assert_uint_eq(f.len, n);
    ck_assert_mem_eq(f.data, bytes, n);
    isotp_sent(&l, now);
}

static inline void expect_no_frame(void)
{
    struct isotp_frame f;
    ck_assert(!isotp_next_frame(&l, &f, now));
    ck_assert_uint_gt(isotp_due(&l, now), 0);
}

static inline void expect_event(enum isotp_event_kind kind, enum isotp_result result)
{
    struct isotp_event e;
    isotp_tick(&l, now);
    ck_assert_int_eq(isotp_poll(&l, &e), kind != ISOTP_NOTHING);
    ck_assert_int_eq(e.kind, kind);
    ck_assert_str_eq(isotp_result_name(e.result), isotp_result_name(result));
}

static inline void expect_nothing(void)
{
    expect_event(ISOTP_NOTHING, ISOTP_N_OK);
}

static inline void expect_failed(enum isotp_result result)
{
    expect_event(ISOTP_RECEIVE_FAILED, result);
}

/* The message text[from..from+bytes) has been received; it stays lent. */
static inline void expect_lent(size_t from, uint32_t bytes)
{
    struct isotp_event e;
    ck_assert(isotp_poll(&l, &e));
    ck_assert_int_eq(e.kind, ISOTP_RECEIVED);
    ck_assert_uint_eq(e.bytes, bytes);
    ck_assert_mem_eq(e.data, text + from, bytes);
    ck_assert_uint_eq(buffer[ROOM], 0xEE);
}

static inline void expect_message(uint32_t bytes)
{
    expect_lent(0, bytes);
    isotp_release(&l);
    expect_nothing();
}

/* Ignored whole: no frame, no event, and a message afterwards is received as ever. */
static inline void expect_ignored(void)
{
    uint32_t ignored = l.stat_ignored;
    ck_assert_uint_gt(ignored, 0);
    expect_no_frame();
    expect_nothing();
    ck_assert_uint_eq(isotp_due(&l, now), ISOTP_NEVER);
    feed(frame_of("03", 0, 4));
    expect_message(3);
    ck_assert_uint_eq(l.stat_ignored, ignored);
}

static inline void send_bytes(uint32_t bytes)
{
    struct isotp_message m = {.body = text, .body_bytes = bytes};
    ck_assert_int_eq(isotp_send(&l, &m, now), ISOTP_N_OK);
}

/* A message of 20 bytes on classic CAN up to where flow control is due: 6 bytes left, then 7 and 7. */
static inline void send_until_flow_control(void)
{
    send_bytes(20);
    expect_frame("10 14 01 08 0F 16 1D 24");
    expect_no_frame();
}

/* A reception of 20 bytes that has got its first frame and one consecutive frame. */
static inline void receive_half(void)
{
    feed_first(20, 8);
    expect_frame("30 00 00");
    feed_next();
    expect_no_frame();
}

static inline void expect_rest_of_reception(void)
{
    expect_nothing();
    expect_no_frame();
    feed_rest();
    expect_message(20);
}

#endif

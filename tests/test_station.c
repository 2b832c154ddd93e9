/* secondary/station.c: requests and answers of a server over one channel. The rest of it is tested with the
 * agent. */
#include "secondary/station.h"
#include "tests/lib_link.h"
#include "tests/suite.h"

#include <string.h>

static struct lib_link wire;
static struct sec_station station;
static uint8_t request[256], reply[256];
static unsigned reads;
static uint32_t now;

static enum uds_code read_long(void *ctx, uint16_t did, uint8_t *out, size_t cap, size_t *n)
{
    (void)ctx;
    *n = did == 0xF190 ? 100 : 1;
    ck_assert_uint_ge(cap, *n);
    memset(out, (int)did & 0xFF, *n);
    reads++;
    return UDS_OK;
}

static void begin(void)
{
    static const struct uds_owner owner = {.read = read_long};
    const struct uds_server_config server = {.max_message = sizeof request};
    const struct isotp_config channel = isotp_config_default(0x7E8, 0x7E0, false);
    lib_link_init(&wire, false);
    sec_station_init(&station, &wire.b.link, &channel, &server, &owner, NULL, request, reply);
    reads = 0;
    now = 5000;
}

static void say(const uint8_t *data, uint8_t n)
{
    struct isotp_frame f = {.id = 0x7E0, .len = n};
    memcpy(f.data, data, n);
    ck_assert_int_eq(wire.a.link.ops->send(&wire.a.link, &f, 1), 1);
    for (int i = 0; i < 3; i++) ck_assert(sec_station_pump(&station, now));
}
#define SAY(...) say((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* What has come last from the station; nothing: {0}. */
static struct isotp_frame hear(void)
{
    struct isotp_frame f = {0}, next;
    while (wire.a.link.ops->recv(&wire.a.link, &next, 1) == 1) f = next;
    return f;
}

/* Nobody can hear the rest of it, so nobody has to wait a second for its end. */
START_TEST(a_new_request_gives_up_the_answer_before)
{
    begin();
    SAY(0x03, 0x22, 0xF1, 0x90);
    ck_assert_uint_eq(hear().data[0], 0x10);
    SAY(0x03, 0x22, 0xF1, 0x90); /* the first frame got lost */
    ck_assert_uint_eq(hear().data[0], 0x10);
    ck_assert_uint_eq(reads, 2);
    SAY(0x30, 0x02, 0x00);
    ck_assert_uint_eq(hear().data[0], 0x22);
    SAY(0x03, 0x22, 0xF1, 0x8C); /* a frame got lost, and the client wants something else now */
    struct isotp_frame f = hear();
    ck_assert_uint_eq(f.data[0], 0x04);
    ck_assert_uint_eq(f.data[1], 0x62);
    ck_assert_uint_eq(f.data[3], 0x8C);
}
END_TEST

START_TEST(tester_present_gives_nothing_up)
{
    begin();
    SAY(0x03, 0x22, 0xF1, 0x90);
    ck_assert_uint_eq(hear().data[0], 0x10);
    SAY(0x02, 0x3E, 0x80);
    ck_assert_uint_eq(hear().len, 0);
    SAY(0x30, 0x00, 0x00);
    ck_assert_uint_eq(hear().data[0] >> 4, 2);
    ck_assert_uint_eq(reads, 1);
}
END_TEST

SUITE("station", a_new_request_gives_up_the_answer_before, tester_present_gives_nothing_up)

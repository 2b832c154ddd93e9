/* All Secondaries together: when the Primary wakes for their frames. */
#include "primary/fleet.h"
#include "tests/suite.h"

#include <string.h>

#include "tests/lib_link.h"

static char words[] = "VIN-1\0brake\0hw";
static struct pri_config config;
static struct lib_link wire;
static struct pri_fleet fleet;

static void begin(void)
{
    config = (struct pri_config){.vehicle_id = words,
                                 .ecu_count = 1,
                                 .bus_count = 1,
                                 .ecu_deadline_s = 30,
                                 .ecus = {{.serial = words + 6,
                                           .hardware_id = words + 12,
                                           .profile = &up_profile_strict,
                                           .channel = isotp_config_default(0x7E0, 0x7E8, false)}}};
    lib_link_init(&wire, false);
    ck_assert_int_eq(pri_fleet_open(&fleet, &config, (struct isotp_link *[]){&wire.a.link}), UP_OK);
}

static void end(void)
{
    pri_fleet_close(&fleet);
}

static void from_ecu(const char *data)
{
    struct isotp_frame f = {.id = 0x7E8, .len = 8};
    memcpy(f.data, data, 8);
    ck_assert_int_eq(wire.b.link.ops->send(&wire.b.link, &f, 1), 1);
}

START_TEST(a_long_message_is_looked_at_now_and_then_and_a_short_one_at_once)
{
    begin();
    ck_assert(!pri_fleet_gathers(&fleet, 0));
    ck_assert_uint_eq(pri_fleet_due(&fleet, 0), ISOTP_NEVER);
    from_ecu("\x03\x7F\x22\x31\0\0\0\0");
    pri_fleet_pump(&fleet, 0);
    ck_assert(!pri_fleet_gathers(&fleet, 0));

    from_ecu("\x10\x0E"
             "ABCDEF");
    pri_fleet_pump(&fleet, 100);
    ck_assert_uint_eq(wire.a.sent, 1); /* flow control does not wait */
    ck_assert(pri_fleet_gathers(&fleet, 0));
    ck_assert_uint_eq(pri_fleet_due(&fleet, 100), 4000);
    from_ecu("\x21GHIJKLM");
    pri_fleet_pump(&fleet, 4100);
    ck_assert(pri_fleet_gathers(&fleet, 0));
    from_ecu("\x22N\0\0\0\0\0\0");
    pri_fleet_pump(&fleet, 8100);
    ck_assert(!pri_fleet_gathers(&fleet, 0));
    ck_assert_uint_eq(pri_fleet_due(&fleet, 8100), ISOTP_NEVER);
    end();
}
END_TEST

START_TEST(a_message_that_breaks_off_is_not_gathered_for_ever)
{
    begin();
    from_ecu("\x10\x0E"
             "ABCDEF");
    pri_fleet_pump(&fleet, 0);
    ck_assert(pri_fleet_gathers(&fleet, 0));
    pri_fleet_pump(&fleet, 1000000); /* N_Cr */
    ck_assert(!pri_fleet_gathers(&fleet, 0));
    end();
}
END_TEST

/* A bus without any delay: what is asked is answered before send() returns, as on a vcan. */
struct instant_link {
    struct isotp_link link;
    struct isotp_frame answer[4];
    unsigned answers;
    uint16_t asked[16];
    unsigned requests;
};

static int send_frames(struct isotp_link *l, const struct isotp_frame *f, size_t n)
{
    struct instant_link *i = (struct instant_link *)l;
    for (size_t k = 0; k < n; k++) {
        const uint8_t *q =
            f[k].data + (f[k].data[0] == 0 ? 2 : 1); /* more than 7 bytes: behind a length of its own */
        if (f[k].len < 4 || q[0] != UDS_READ_DATA || i->requests == 16) continue;
        i->asked[i->requests++] = (uint16_t)(q[1] << 8 | q[2]);
        struct isotp_frame *a = &i->answer[i->answers++];
        *a = (struct isotp_frame){.id = 0x7E8, .len = 5, .data = {4, 0x62, q[1], q[2], 'b'}};
    }
    return (int)n;
}

static int recv_frames(struct isotp_link *l, struct isotp_frame *f, size_t n)
{
    struct instant_link *i = (struct instant_link *)l;
    size_t k = i->answers < n ? i->answers : n;
    memcpy(f, i->answer, k * sizeof *f);
    i->answers -= (unsigned)k;
    return (int)k;
}

static uint32_t none_lost(const struct isotp_link *l)
{
    (void)l;
    return 0;
}

/* An answer that comes while the last frames leave is work for now: on a real vcan the Primary slept through
 * it. */
START_TEST(an_answer_without_delay_is_not_slept_through)
{
    static const struct isotp_link_ops ops = {send_frames, recv_frames, none_lost, NULL, NULL};
    struct instant_link link = {.link = {.ops = &ops, .fd = -1}};
    struct isotp_link *links[] = {&link.link};
    struct pri_config quick = {
        .vehicle_id = "b", .ecu_deadline_s = 10, .boot_deadline_s = 10, .bus_count = 1, .ecu_count = 1};
    quick.ecus[0] = (struct pri_ecu_config){
        .serial = "b", .hardware_id = "b", .channel = isotp_config_default(0x7E0, 0x7E8, true)};
    ck_assert_int_eq(pri_fleet_open(&fleet, &quick, links), UP_OK);
    pri_fleet_send(&fleet, PRI_IDENTIFY, false, 1000);
    for (int turn = 0; turn < 20; turn++) { /* time stands still: only what is due now may happen */
        pri_fleet_pump(&fleet, 1000);
        if (pri_fleet_due(&fleet, 1000) != 0) break;
    }
    /* All at once, and again for the check that its answer lacks, of which it reads the first; then one by
     * one, to the first that is unreadable, twice. */
    ck_assert_uint_eq(link.requests, 7);
    for (unsigned i = 0; i < 3; i++) ck_assert_uint_eq(link.asked[i], UDS_DID_ECU_SERIAL);
    ck_assert_uint_eq(link.asked[6], UDS_DID_CAPABILITIES);
    pri_fleet_close(&fleet);
}
END_TEST

SUITE("fleet", a_long_message_is_looked_at_now_and_then_and_a_short_one_at_once,
      a_message_that_breaks_off_is_not_gathered_for_ever, an_answer_without_delay_is_not_slept_through)

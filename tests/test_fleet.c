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

START_TEST(a_long_message_is_looked_at_every_millisecond_and_a_short_one_at_once)
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
    ck_assert_uint_eq(pri_fleet_due(&fleet, 100), 1000);
    from_ecu("\x21GHIJKLM");
    pri_fleet_pump(&fleet, 1100);
    ck_assert(pri_fleet_gathers(&fleet, 0));
    from_ecu("\x22N\0\0\0\0\0\0");
    pri_fleet_pump(&fleet, 2100);
    ck_assert(!pri_fleet_gathers(&fleet, 0));
    ck_assert_uint_eq(pri_fleet_due(&fleet, 2100), ISOTP_NEVER);
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

SUITE("fleet", a_long_message_is_looked_at_every_millisecond_and_a_short_one_at_once,
      a_message_that_breaks_off_is_not_gathered_for_ever)

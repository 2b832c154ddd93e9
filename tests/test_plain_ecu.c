/* The plain ECU that testers are tried on, in virtual time. */
#include "sim/bus.h"
#include "sim/plain_ecu.h"
#include "tests/suite.h"

#include <string.h>

static struct sim_bus bus;
static struct sim_plain_ecu ecu;
static struct isotp_link *ecu_link, *tester;
static uint64_t now_ns;

static void start(struct sim_plain_ecu_config config)
{
    config.channel = isotp_config_default(0x7E8, 0x7E0, false);
    config.channel.functional_id = 0x7DF;
    config.bytes = 4096;
    now_ns = 0;
    sim_bus_init(&bus, &(struct sim_bus_config){.bitrate = 500000});
    ecu_link = sim_bus_link(&bus, false);
    tester = sim_bus_link(&bus, false);
    ck_assert(sim_plain_ecu_open(&ecu, &config, ecu_link));
}

static void finish(void)
{
    sim_plain_ecu_close(&ecu);
    ecu_link->ops->close(ecu_link);
    tester->ops->close(tester);
}

/* Runs bus and ECU, each when it is due and not before, until MS have passed or a frame is there. */
static bool hear(struct isotp_frame *f, uint32_t ms)
{
    uint64_t until = now_ns + ms * UINT64_C(1000000);
    for (;;) {
        sim_bus_step(&bus, now_ns);
        ck_assert(sim_plain_ecu_pump(&ecu, (uint32_t)(now_ns / 1000)));
        sim_bus_step(&bus, now_ns);
        if (tester->ops->recv(tester, f, 1) == 1) return true;
        uint64_t next = sim_bus_due(&bus);
        uint32_t due = sim_plain_ecu_due(&ecu, (uint32_t)(now_ns / 1000));
        if (due != UDS_NEVER && now_ns + due * UINT64_C(1000) < next) next = now_ns + due * UINT64_C(1000);
        if (next > until) {
            now_ns = until;
            return false;
        }
        now_ns = next > now_ns ? next : now_ns;
    }
}

static void say(const char *text)
{
    struct isotp_frame f;
    ck_assert_msg(sim_frame_parse(text, &f), "%s", text);
    ck_assert_int_eq(tester->ops->send(tester, &f, 1), 1);
}

static void expect(const char *text)
{
    struct isotp_frame f, want;
    ck_assert_msg(sim_frame_parse(text, &want), "%s", text);
    ck_assert_msg(hear(&f, 1000), "%s did not come", text);
    ck_assert_msg(f.id == want.id && f.len == want.len && memcmp(f.data, want.data, f.len) == 0,
                  "not %s but %03X %u %02X%02X%02X%02X", text, (unsigned)f.id, (unsigned)f.len, f.data[0],
                  f.data[1], f.data[2], f.data[3]);
}

START_TEST(a_request_right_behind_another_one_does_not_wait)
{
    struct isotp_frame f;
    start((struct sim_plain_ecu_config){0});
    say("7DF#021083");
    say("7E0#0322F189");
    for (sim_bus_step(&bus, 0); sim_bus_due(&bus) != SIM_NEVER; sim_bus_step(&bus, now_ns))
        now_ns = sim_bus_due(&bus); /* the ECU is busy elsewhere: both are there when it looks */
    ck_assert(hear(&f, 100));
    ck_assert_mem_eq(f.data, "\x06\x62\xF1\x89\x31\x2E\x30", 7);
    ck_assert_uint_lt(now_ns, 1000000); /* three frames on the bus, and nothing else */
    finish();
}
END_TEST

START_TEST(it_opens_for_its_key_only)
{
    struct isotp_frame f;
    char text[32];
    start((struct sim_plain_ecu_config){.locked = true});
    say("7E0#021002");
    expect("7E8#065002003201F4");
    say("7E0#0434001100"); /* too short, but locked comes first */
    expect("7E8#037F3433");
    say("7E0#022701");
    ck_assert(hear(&f, 100));
    ck_assert_mem_eq(f.data, "\x06\x67\x01", 3);
    ck_assert_uint_ne(uds_get(f.data + 3, 4), 0);
    say("7E0#06270200000000");
    expect("7E8#037F2735");
    say("7E0#06270200000000");
    expect("7E8#037F2724"); /* a new seed first */
    say("7E0#022701");
    ck_assert(hear(&f, 100));
    snprintf(text, sizeof text, "7E0#062702%08X", (unsigned)(~uds_get(f.data + 3, 4) & UINT32_MAX));
    say(text);
    expect("7E8#026702");
    say("7E0#022701");
    expect("7E8#06670100000000"); /* open already */
    say("7E0#021002");
    expect("7E8#065002003201F4");
    say("7E0#05340011000A");
    expect("7E8#037F3433"); /* a session relocks */
    finish();
}
END_TEST

START_TEST(an_erase_takes_its_time_with_78_meanwhile)
{
    start((struct sim_plain_ecu_config){.erase_ms = 200});
    say("7E0#021002");
    expect("7E8#065002003201F4");
    uint64_t asked = now_ns;
    say("7E0#073101FF00110010");
    expect("7E8#037F3178");
    ck_assert_uint_lt(now_ns - asked, 50000000);
    expect("7E8#047101FF00");
    ck_assert_uint_ge(now_ns - asked, 200000000);
    ck_assert_uint_eq(ecu.memory[15], 0xFF);
    ck_assert_uint_eq(ecu.memory[16], 0);
    finish();
}
END_TEST

SUITE("plain_ecu", a_request_right_behind_another_one_does_not_wait, it_opens_for_its_key_only,
      an_erase_takes_its_time_with_78_meanwhile)

/* A bus between two others: both directions, faults and rules on the way, every kind of link that a test can
 * open without a kernel that has CAN. */
#include "isotp/link.h"
#include "sim/bridge.h"
#include "tests/lib_hub.h"
#include "tests/suite.h"

#include <poll.h>
#include <string.h>

static struct lib_hub left, right, middle;
static struct isotp_link *a, *b;
static char right_name[160];

static struct isotp_link *open_link(const char *name, bool fd)
{
    char why[256];
    struct isotp_link *l = isotp_link_open(name, fd, why, sizeof why);
    ck_assert_msg(l != NULL, "%s", why);
    return l;
}

/* Buses left and right with a client each; between them what RULES say. */
static void build(bool fd, bool over_socketcand, const char *const *rules, size_t count)
{
    struct sim_rule parsed[4];
    char why[256];
    struct sim_hub_config side = {.bus = {.bitrate = 0, .fd = fd}};

    for (size_t i = 0; i < count; i++)
        ck_assert_msg(sim_rule_parse(rules[i], &parsed[i], why, sizeof why), "%s", why);
    lib_hub_start(&left, &side);
    side.socketcand = over_socketcand;
    lib_hub_start(&right, &side);
    if (over_socketcand)
        snprintf(right_name, sizeof right_name, "socketcand:127.0.0.1:%u/can0",
                 (unsigned)sim_hub_socketcand_port(right.hub));
    else
        snprintf(right_name, sizeof right_name, "%s", right.name);
    const char *const names[] = {left.name, right_name};
    lib_hub_start(&middle, &(struct sim_hub_config){.bridged = names,
                                                    .bridged_count = 2,
                                                    .bus = {.fd = fd, .rules = parsed, .rule_count = count}});
    a = open_link(left.name, fd);
    b = open_link(right.name, fd);
}

static void tear_down(void)
{
    a->ops->close(a);
    b->ops->close(b);
    struct lib_hub *const hubs[] = {&middle, &left, &right};
    for (int i = 0; i < 3; i++) {
        lib_hub_stop(hubs[i]);
        lib_hub_close(hubs[i]);
    }
}

static void put(struct isotp_link *l, const char *text)
{
    struct isotp_frame f;
    ck_assert_msg(sim_frame_parse(text, &f), "%s", text);
    ck_assert_int_eq(l->ops->send(l, &f, 1), 1);
}

static void expect(struct isotp_link *l, const char *text)
{
    struct isotp_frame f, want;
    int n = 0;
    ck_assert_msg(sim_frame_parse(text, &want), "%s", text);
    while (n == 0) {
        struct pollfd p = {.fd = l->fd, .events = POLLIN};
        ck_assert_msg(poll(&p, 1, 5000) == 1, "%s did not come", text);
        n = l->ops->recv(l, &f, 1);
    }
    ck_assert_msg(f.id == want.id && f.flags == want.flags && f.len == want.len, "%s: %X %u %u", text,
                  (unsigned)f.id, (unsigned)f.flags, (unsigned)f.len);
    ck_assert_mem_eq(f.data, want.data, f.len);
}

START_TEST(frames_cross_the_bridge_both_ways)
{
    build(_i & 1, _i & 2, NULL, 0);
    static const char *const frames[] = {"123#",        "7E0#0210030000000000",
                                         "18DA10F1#02", "7FF#R3",
                                         "123##0AB",    "18DA10F1##3000102030405060708090A0B"};
    size_t count = _i & 1 ? 6 : 4;
    for (size_t i = 0; i < count; i++) {
        put(a, frames[i]);
        expect(b, frames[i]);
        put(b, frames[i]);
        expect(a, frames[i]);
    }
    tear_down();
}
END_TEST

START_TEST(a_burst_of_frames_arrives_whole_and_in_order)
{
    struct isotp_frame f[32];
    unsigned sent = 0, got = 0;
    build(false, _i, NULL, 0);
    while (got < 3000) {
        struct pollfd p[2] = {{.fd = b->fd, .events = POLLIN}, {.fd = a->fd, .events = POLLOUT}};
        ck_assert_int_gt(poll(p, sent < 3000 ? 2 : 1, 5000), 0);
        unsigned n = 0;
        for (; n < 32 && sent + n < 3000; n++) {
            f[n] = (struct isotp_frame){.id = 0x100, .len = 4};
            f[n].data[0] = (uint8_t)((sent + n) >> 8);
            f[n].data[1] = (uint8_t)(sent + n);
        }
        int taken = a->ops->send(a, f, n);
        ck_assert_int_ge(taken, 0);
        sent += (unsigned)taken;
        int came = b->ops->recv(b, f, 32);
        ck_assert_int_ge(came, 0);
        for (int i = 0; i < came; i++, got++)
            ck_assert_uint_eq((unsigned)f[i].data[0] << 8 | f[i].data[1], got);
    }
    tear_down();
}
END_TEST

START_TEST(rules_hit_one_direction_only)
{
    static const char *const rules[] = {"drop id=7E8 from=2", "alter id=7E0 from=1 set=1:FF"};
    build(false, false, rules, 2);
    put(a, "7E0#0102");
    expect(b, "7E0#01FF");
    put(b, "7E0#0102");
    expect(a, "7E0#0102");
    put(b, "7E8#01"); /* lost */
    put(b, "7E9#01");
    expect(a, "7E9#01");
    put(a, "7E8#01");
    expect(b, "7E8#01");
    tear_down();
}
END_TEST

START_TEST(a_man_in_the_middle_delays_and_forges)
{
    static const char *const rules[] = {"delay id=100 by=30ms", "spoof id=7E0 frame=7E8#037F3678"};
    build(false, false, rules, 2);
    put(a, "100#01");
    put(a, "101#02");
    expect(b, "101#02");
    expect(b, "100#01");
    put(a, "7E0#0236");
    expect(b, "7E0#0236");
    expect(b, "7E8#037F3678"); /* to both sides */
    expect(a, "7E8#037F3678");
    tear_down();
}
END_TEST

START_TEST(a_bus_that_ends_ends_the_bridge)
{
    build(false, _i, NULL, 0);
    lib_hub_stop(&right);
    lib_hub_close(&right);
    pthread_join(middle.thread, NULL);
    ck_assert_str_eq(sim_hub_down(middle.hub), right_name);
    lib_hub_close(&middle);
    a->ops->close(a);
    b->ops->close(b);
    lib_hub_stop(&left);
    lib_hub_close(&left);
}
END_TEST

static const struct {
    const char *name, *says;
} wrong[] = {
    {"socketcand:127.0.0.1:1/can0", "is a socketcand server running there?"},
    {"socketcand:", "give socketcand:HOST:PORT/BUS"},
    {"socketcand:localhost:/can0", "give socketcand:HOST:PORT/BUS"},
    {"socketcand:localhost:1/a b", "give socketcand:HOST:PORT/BUS"},
    {"bus:/nowhere/at/all", "no bus there"},
};

START_TEST(a_link_that_cannot_be_opened_is_named)
{
    char why[256] = "";
    struct sim_bus bus;
    sim_bus_init(&bus, &(struct sim_bus_config){0});
    ck_assert_ptr_null(sim_bridge_open(&bus, &wrong[_i].name, 1, why, sizeof why));
    ck_assert_msg(strstr(why, wrong[_i].says) != NULL, "%s", why);
}
END_TEST

START_TEST(a_bus_is_not_bridged_to_itself)
{
    char why[256] = "";
    struct sim_bus bus;
    lib_hub_start(&left, &(struct sim_hub_config){0});
    const char *const names[] = {left.name, left.name};
    sim_bus_init(&bus, &(struct sim_bus_config){0});
    ck_assert_ptr_null(sim_bridge_open(&bus, names, 2, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "bridged to itself"));
    lib_hub_stop(&left);
    lib_hub_close(&left);
}
END_TEST

START_TEST(a_server_that_does_not_have_the_bus_is_left)
{
    char name[96], why[256] = "";
    lib_hub_start(&left, &(struct sim_hub_config){.socketcand = true});
    snprintf(name, sizeof name, "socketcand:127.0.0.1:%u/body", (unsigned)sim_hub_socketcand_port(left.hub));
    ck_assert_ptr_null(isotp_link_open(name, false, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "does not open bus body"));
    lib_hub_stop(&left);
    lib_hub_close(&left);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bridge");
    TCase *c = tcase_create("bridge");
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, frames_cross_the_bridge_both_ways, 0, 4);
    tcase_add_loop_test(c, a_burst_of_frames_arrives_whole_and_in_order, 0, 2);
    tcase_add_test(c, rules_hit_one_direction_only);
    tcase_add_test(c, a_man_in_the_middle_delays_and_forges);
    tcase_add_loop_test(c, a_bus_that_ends_ends_the_bridge, 0, 2);
    tcase_add_loop_test(c, a_link_that_cannot_be_opened_is_named, 0, (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(c, a_bus_is_not_bridged_to_itself);
    tcase_add_test(c, a_server_that_does_not_have_the_bus_is_left);
    suite_add_tcase(s, c);
    return suite_run(s);
}

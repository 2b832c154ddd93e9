/* Every link adapter passes the same cases: in memory, over a virtual bus, and on a SocketCAN interface when
 * ISOCTANE_CAN names one (tests/vcan.sh brings one). Then what each adapter alone has to say. */
#include "isotp/filter.h"
#include "isotp/link_virtual.h"
#include "sim/realtime.h"
#include "tests/lib_hub.h"
#include "tests/suite.h"

#include <linux/can/error.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS 5000

enum transport { MEMORY, VIRTUAL, SOCKETCAN, TRANSPORTS };

static const struct sim_bus_config fd_bus = {.bitrate = 1000000, .data_bitrate = 8000000, .fd = true};

static enum transport transport;
static struct sim_bus memory_bus;
static uint64_t memory_ns;
static struct lib_hub hub;

static struct isotp_link *open_link(bool fd)
{
    char why[256] = "no port";
    struct isotp_link *l = transport == MEMORY ? sim_bus_link(&memory_bus, fd)
                           : transport == VIRTUAL
                               ? isotp_link_open(hub.name, fd, why, sizeof why)
                               : isotp_link_open(getenv("ISOCTANE_CAN"), fd, why, sizeof why);
    ck_assert_msg(l != NULL, "%s", why);
    return l;
}

static bool set_up(int which)
{
    transport = (enum transport)which;
    if (transport == MEMORY) sim_bus_init(&memory_bus, &fd_bus);
    if (transport == VIRTUAL) lib_hub_start(&hub, &(struct sim_hub_config){.bus = fd_bus});
    return transport != SOCKETCAN || getenv("ISOCTANE_CAN") != NULL;
}

static void tear_down(void)
{
    if (transport != VIRTUAL) return;
    lib_hub_stop(&hub);
    lib_hub_close(&hub);
}

/* Lets time pass until L may have something to receive (or room to send). */
static void await(struct isotp_link *l, bool out)
{
    if (transport == MEMORY) {
        sim_bus_step(&memory_bus, memory_ns);
        memory_ns = sim_bus_due(&memory_bus) != SIM_NEVER ? sim_bus_due(&memory_bus) : memory_ns;
        sim_bus_step(&memory_bus, memory_ns);
        return;
    }
    struct pollfd p = {.fd = l->fd, .events = out ? POLLOUT : POLLIN};
    ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
}

static size_t send_some(struct isotp_link *l, const struct isotp_frame *f, size_t n)
{
    int sent = l->ops->send(l, f, n);
    ck_assert_int_ge(sent, 0);
    return (size_t)sent;
}

static void send_all(struct isotp_link *l, const struct isotp_frame *f, size_t n)
{
    for (size_t done = 0; done < n;) {
        done += send_some(l, &f[done], n - done);
        if (done < n) await(l, true);
    }
}

static void receive(struct isotp_link *l, struct isotp_frame *f)
{
    for (int tries = 0; tries < 1000; tries++) {
        int got = l->ops->recv(l, f, 1);
        ck_assert_int_ge(got, 0);
        if (got == 1) return;
        await(l, false);
    }
    ck_abort_msg("no frame came");
}

static bool same(const struct isotp_frame *a, const struct isotp_frame *b)
{
    return a->id == b->id && a->flags == b->flags && a->len == b->len &&
           memcmp(a->data, b->data, a->len) == 0;
}

START_TEST(every_kind_of_frame_arrives_unchanged)
{
    static const uint8_t lens[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64};
    static const struct {
        uint32_t id;
        uint8_t flags;
    } kind[] = {{0x000, 0},
                {0x7FF, 0},
                {ISOTP_ID_EXTENDED, 0},
                {ISOTP_ID_EXTENDED | ISOTP_ID_MASK, 0},
                {0x123, ISOTP_RTR},
                {0x123, ISOTP_FD},
                {0x123, ISOTP_FD | ISOTP_BRS},
                {ISOTP_ID_EXTENDED | 0x18DA01F1, ISOTP_FD | ISOTP_BRS | ISOTP_ESI}};
    if (!set_up(_i)) return;
    struct isotp_link *a = open_link(true), *b = open_link(true);

    for (unsigned k = 0; k < sizeof kind / sizeof *kind; k++) {
        for (unsigned n = 0; n < (kind[k].flags & ISOTP_FD ? sizeof lens : 9); n++) {
            struct isotp_frame f = {.id = kind[k].id, .flags = kind[k].flags, .len = lens[n]}, got;
            if (!(f.flags & ISOTP_RTR)) memset(f.data, (int)(n + 1), f.len);
            send_all(a, &f, 1);
            receive(b, &got);
            ck_assert_msg(same(&f, &got), "id %X flags %u len %u", f.id, f.flags, f.len);
        }
    }
    a->ops->close(a);
    b->ops->close(b);
    tear_down();
}
END_TEST

START_TEST(a_long_burst_arrives_whole_and_in_order)
{
    enum { COUNT = 1000 };
    static struct isotp_frame out[COUNT];
    if (!set_up(_i)) return;
    struct isotp_link *a = open_link(true), *b = open_link(true);

    for (unsigned i = 0; i < COUNT; i++) {
        out[i] = (struct isotp_frame){.id = i & 0x7FF, .len = 8};
        memcpy(out[i].data, &i, sizeof i);
    }
    struct isotp_frame in[40];
    size_t sent = 0, received = 0;
    while (received < COUNT) {
        size_t batch = COUNT - sent < 100 ? COUNT - sent : 100;
        sent += send_some(a, &out[sent], batch);
        await(b, false);
        for (int n; (n = b->ops->recv(b, in, 40)) != 0;) {
            ck_assert_int_gt(n, 0);
            for (int i = 0; i < n; i++) ck_assert(same(&out[received++], &in[i]));
        }
    }
    ck_assert_uint_eq(b->ops->lost(b), 0);
    a->ops->close(a);
    b->ops->close(b);
    tear_down();
}
END_TEST

static const uint32_t two_ids[] = {0x7E0, ISOTP_ID_EXTENDED | 0x18DA10F1};

/* More foreign frames than a queue holds, or a batch of recv(): B hears from A what it listens to, no more.
 */
static void hears_two(struct isotp_link *a, struct isotp_link *b)
{
    static const uint32_t foreign[] = {0x7E1, ISOTP_ID_EXTENDED | 0x7E0, ISOTP_ID_EXTENDED | 0x18DA10F2,
                                       0x0F1};
    struct isotp_frame f;
    b->ops->listen(b, two_ids, 2);
    for (size_t i = 0; i < 600; i++) {
        f = (struct isotp_frame){.id = foreign[i % 4], .len = 1};
        send_all(a, &f, 1);
    }
    for (size_t i = 0; i < 2; i++) {
        f = (struct isotp_frame){.id = two_ids[i], .flags = ISOTP_RTR, .len = 1};
        send_all(a, &f, 1);
        f.flags = 0;
        send_all(a, &f, 1);
        receive(b, &f);
        ck_assert_uint_eq(f.id, two_ids[i]);
        ck_assert_uint_eq(f.flags, 0);
    }
    ck_assert_uint_eq(b->ops->lost(b), 0);
}

START_TEST(a_link_hears_whom_it_listens_to)
{
    if (!set_up(_i)) return;
    struct isotp_link *a = open_link(true), *b = open_link(true);
    hears_two(a, b);
    if (transport == SOCKETCAN) ck_assert_uint_gt(b->queue, 200);
    a->ops->close(a);
    b->ops->close(b);
    tear_down();
}
END_TEST

/* Those whose protocol is text. */
START_TEST(links_of_text_hear_whom_they_listen_to)
{
    char folder[] = "/tmp/isoctane-line-XXXXXX", line[64], names[2][96], why[256];
    uint32_t many[ISOTP_LISTEN_MAX + 1];
    struct isotp_frame f = {.id = 0x0F1, .len = 1}, got;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(line, sizeof line, "%s/line", folder);
    transport = VIRTUAL;
    lib_hub_start(&hub, &(struct sim_hub_config){.bus = fd_bus, .socketcand = true, .slcan = line});
    snprintf(names[0], sizeof names[0], "socketcand:127.0.0.1:%u", sim_hub_socketcand_port(hub.hub));
    snprintf(names[1], sizeof names[1], "slcan:%s", line);
    for (int i = 0; i < 2; i++) {
        struct isotp_link *a = open_link(true), *b = isotp_link_open(names[i], true, why, sizeof why);
        ck_assert_msg(b != NULL, "%s", why);
        do { /* the adapter opens its channel some time */
            send_all(a, &f, 1);
            usleep(1000);
        } while (b->ops->recv(b, &got, 1) == 0);
        hears_two(a, b);
        for (size_t k = 0; k <= ISOTP_LISTEN_MAX; k++) many[k] = 0x100 + (uint32_t)k;
        b->ops->listen(b, many, ISOTP_LISTEN_MAX + 1); /* too many for a filter */
        send_all(a, &f, 1);
        receive(b, &got);
        ck_assert_uint_eq(got.id, 0x0F1);
        a->ops->close(a);
        b->ops->close(b);
    }
    lib_hub_stop(&hub);
    lib_hub_close(&hub);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(a_sender_does_not_hear_itself)
{
    if (!set_up(_i)) return;
    struct isotp_link *a = open_link(false), *b = open_link(false);
    struct isotp_frame f = {.id = 0x123}, answer = {.id = 0x321}, got;

    ck_assert_int_eq(a->ops->recv(a, &got, 1), 0);
    send_all(a, &f, 1);
    receive(b, &got);
    send_all(b, &answer, 1);
    receive(a, &got);
    ck_assert_uint_eq(got.id, 0x321);
    ck_assert_int_eq(b->ops->recv(b, &got, 1), 0);
    a->ops->close(a);
    b->ops->close(b);
    tear_down();
}
END_TEST

START_TEST(a_classic_link_on_an_fd_bus_sees_classic_frames_only)
{
    if (!set_up(_i)) return;
    struct isotp_link *a = open_link(true), *b = open_link(false);
    struct isotp_frame f[2] = {{.id = 0x123, .flags = ISOTP_FD, .len = 64}, {.id = 0x124}}, got;

    ck_assert(a->can_fd && !b->can_fd);
    send_all(a, f, 2);
    receive(b, &got);
    ck_assert_uint_eq(got.id, 0x124);
    a->ops->close(a);
    b->ops->close(b);
    tear_down();
}
END_TEST

START_TEST(a_receiver_that_does_not_read_learns_how_much_it_lost)
{
    enum { MANY = 4000 };
    if (!set_up(_i)) return;
    if (transport == VIRTUAL) {
        tear_down();
        lib_hub_start(&hub, &(struct sim_hub_config){.bus = {.bitrate = 50000000}});
    }
    struct isotp_link *a = open_link(false), *b = open_link(false), *c = open_link(false);
    struct isotp_frame f = {.id = 0x123, .len = 4}, got[32];

    for (unsigned i = 0; i < MANY; i++) { /* C reads everything, so that A knows how far the bus is */
        memcpy(f.data, &i, sizeof i);
        send_all(a, &f, 1);
        receive(c, got);
    }
    uint32_t received = 0, last = 0;
    f.id = 0x7FF;
    for (bool ended = false; !ended;) { /* the count comes with, or behind, the next frame that is not lost */
        int n = b->ops->recv(b, got, 32);
        ck_assert_int_ge(n, 0);
        if (n == 0) {
            send_all(a, &f, 1);
            await(b, false);
        }
        for (int i = 0; i < n; i++) {
            if (got[i].id == 0x7FF) ended = b->ops->lost(b) > 0;
            if (got[i].id != 0x123 || (got[i].flags & ISOTP_ERROR)) continue;
            memcpy(&last, got[i].data, sizeof last);
            ck_assert_uint_ge(last, received++);
        }
    }
    ck_assert_uint_gt(received, 100);
    ck_assert_uint_lt(received, MANY);
    ck_assert_uint_ge(b->ops->lost(b), MANY - received);
    ck_assert_uint_eq(c->ops->lost(c), 0);
    a->ops->close(a);
    b->ops->close(b);
    c->ops->close(c);
    tear_down();
}
END_TEST

/* --- names and refusals --- */

static void refused(const char *name, bool fd, const char *part)
{
    char why[256] = "";
    ck_assert_ptr_null(isotp_link_open(name, fd, why, sizeof why));
    ck_assert_msg(strstr(why, part) != NULL, "\"%s\" does not say \"%s\"", why, part);
    ck_assert_ptr_null(strchr(why, '\n'));
}

START_TEST(a_name_that_is_no_link_is_refused_with_advice)
{
    refused("", false, "not a CAN link");
    refused("udp:1.2.3.4", false, "bus:/path/to/socket");
    refused("/tmp/x", false, "not a CAN link");
    refused("bus:", false, "the path must have");
    refused("bus:/nowhere/at/all", false, "isoctane-sim bus --path /nowhere/at/all");
    char longest[200] = "bus:/";
    memset(longest + 5, 'x', 190);
    refused(longest, false, "1 to 107");
}
END_TEST

START_TEST(an_interface_that_is_not_there_is_refused_with_advice)
{
    int s = socket(PF_CAN, SOCK_RAW, 1);
    if (s >= 0) {
        refused("nocan7", false, "nocan7: no such interface; create it with: ip link add nocan7 type vcan");
        refused("can:nocan7", false, "no such interface");
        refused("a_name_far_too_long", false, "1 to 15 characters");
        refused("lo", false, "CAN interface");
        close(s);
    } else {
        refused("vcan0", false, "no CAN in this kernel");
    }
}
END_TEST

START_TEST(an_interface_that_is_down_or_classic_is_refused_with_advice)
{
    if (getenv("ISOCTANE_CAN") == NULL ||
        system("ip link add vcan9 type vcan 2>/dev/null && ip link set vcan9 mtu 16") != 0)
        return;
    refused("vcan9", false, "vcan9: the interface is down; bring it up with: ip link set vcan9 up");
    ck_assert_int_eq(system("ip link set vcan9 up"), 0);
    refused("vcan9", true, "vcan9: carries classic CAN only");
    ck_assert_int_eq(system("ip link del vcan9"), 0);
}
END_TEST

START_TEST(fd_on_a_classic_bus_is_refused)
{
    lib_hub_start(&hub, &(struct sim_hub_config){.bus = {.bitrate = 500000}});
    refused(hub.name, true, "the bus is classic CAN");
    tear_down();
}
END_TEST

START_TEST(a_bus_without_a_free_port_says_so)
{
    set_up(VIRTUAL);
    struct isotp_link *l[SIM_BUS_PORTS];
    for (int i = 0; i < SIM_BUS_PORTS; i++) l[i] = open_link(false);
    refused(hub.name, false, "no port left");
    l[9]->ops->close(l[9]);
    for (int i = 0; i < SIM_BUS_PORTS; i++) {
        if (i != 9) l[i]->ops->close(l[i]);
    }
    tear_down();
}
END_TEST

START_TEST(an_error_frame_is_flagged_and_bus_off_takes_the_link_down)
{
    if (!set_up(SOCKETCAN)) return;
    struct isotp_link *a = open_link(false), *b = open_link(false);
    struct isotp_frame f[2] = {{.id = CAN_ERR_LOSTARB, .flags = ISOTP_ERROR, .len = 8},
                               {.id = CAN_ERR_BUSOFF, .flags = ISOTP_ERROR, .len = 8}};
    struct isotp_frame got;

    send_all(a, f, 2); /* a vcan carries to others what a controller would report */
    for (int i = 0; i < 2; i++) {
        receive(b, &got);
        ck_assert(same(&got, &f[i]));
    }
    ck_assert_int_lt(b->ops->recv(b, &got, 1), 0);
    ck_assert_int_lt(b->ops->send(b, &got, 1), 0);
    a->ops->close(a);
    b->ops->close(b);
}
END_TEST

/* --- the virtual bus --- */

START_TEST(frames_sent_just_before_a_client_leaves_still_go_out)
{
    enum { BURST = 10 };
    set_up(VIRTUAL);
    struct isotp_link *a = open_link(false), *b = open_link(false);
    struct isotp_frame f[BURST], got;
    for (unsigned i = 0; i < BURST; i++) f[i] = (struct isotp_frame){.id = i, .len = 8};
    send_all(a, f, BURST);
    a->ops->close(a);
    for (unsigned i = 0; i < BURST; i++) {
        receive(b, &got);
        ck_assert_uint_eq(got.id, i);
    }
    b->ops->close(b);
    tear_down();
}
END_TEST

START_TEST(a_hub_that_closes_takes_the_link_down)
{
    set_up(VIRTUAL);
    struct isotp_link *a = open_link(false);
    struct isotp_frame f = {.id = 1};
    lib_hub_stop(&hub);
    lib_hub_close(&hub);
    ck_assert_int_lt(a->ops->recv(a, &f, 1), 0);
    ck_assert_int_lt(a->ops->send(a, &f, 1), 0);
    a->ops->close(a);
}
END_TEST

START_TEST(a_bus_is_never_faster_than_its_bitrate)
{
    enum { COUNT = 300 };
    static struct isotp_frame out[COUNT], in[COUNT];
    transport = VIRTUAL;
    lib_hub_start(&hub, &(struct sim_hub_config){.bus = {.bitrate = 500000}});
    struct isotp_link *a = open_link(false), *b = open_link(false);
    uint64_t modelled = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        out[i] = (struct isotp_frame){.id = 0x123, .len = 8, .data = {(uint8_t)i, (uint8_t)(i * 7)}};
        modelled += sim_frame_ns(&out[i], 500000, 0);
    }
    uint64_t began = sim_monotonic_ns();
    send_all(a, out, COUNT);
    for (unsigned i = 0; i < COUNT; i++) receive(b, &in[i]);
    uint64_t took = sim_monotonic_ns() - began;
    ck_assert_uint_ge(took, modelled);
    a->ops->close(a);
    b->ops->close(b);
    lib_hub_stop(&hub);
    ck_assert_uint_eq(sim_hub_bus(hub.hub)->stats.busy_ns, modelled);
    lib_hub_close(&hub);
}
END_TEST

START_TEST(without_a_bitrate_senders_wait_for_a_slow_receiver)
{
    enum { COUNT = 3000 };
    static struct isotp_frame out[COUNT];
    transport = VIRTUAL;
    lib_hub_start(&hub, &(struct sim_hub_config){.bus = {.bitrate = 0}});
    struct isotp_link *a = open_link(false), *b = open_link(false);
    struct isotp_frame got;
    for (unsigned i = 0; i < COUNT; i++) out[i] = (struct isotp_frame){.id = 0x123, .len = 8};

    size_t sent = 0;
    for (unsigned received = 0; received < COUNT;
         received++) { /* reads one for each that it manages to send */
        if (sent < COUNT) sent += send_some(a, &out[sent], COUNT - sent);
        receive(b, &got);
    }
    ck_assert_uint_eq(b->ops->lost(b), 0);
    a->ops->close(a);
    b->ops->close(b);
    tear_down();
}
END_TEST

static int raw_client(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", hub.path);
    ck_assert_int_eq(connect(s, (struct sockaddr *)&address, sizeof address), 0);
    return s;
}

START_TEST(what_is_no_frame_does_not_reach_the_bus)
{
    set_up(VIRTUAL);
    struct isotp_link *b = open_link(true);
    int s = raw_client();
    struct isotp_frame got;
    uint8_t junk[100];
    memset(junk, 0xFF, sizeof junk);
    uint8_t error_frame[16] = {[3] = 0x20, [4] = 8}, long_frame[16] = {[4] = 9}, odd_fd[72] = {[4] = 9};

    for (size_t n = 1; n <= sizeof junk; n++) ck_assert_int_eq((int)send(s, junk, n, 0), (int)n);
    ck_assert_int_eq((int)send(s, error_frame, sizeof error_frame, 0), 16);
    ck_assert_int_eq((int)send(s, long_frame, sizeof long_frame, 0), 16);
    ck_assert_int_eq((int)send(s, odd_fd, sizeof odd_fd, 0), 72);
    ck_assert_int_eq((int)send(s, (uint8_t[16]){[0] = 0x23, [1] = 0x01}, 16, 0), 16);
    receive(b, &got);
    ck_assert_uint_eq(got.id, 0x123);
    close(s);
    b->ops->close(b);
    tear_down();
}
END_TEST

START_TEST(the_socket_of_a_dead_bus_is_taken_over_that_of_a_live_one_is_not)
{
    char why[256];
    set_up(VIRTUAL);
    struct sim_hub_config again = {.path = hub.path};
    ck_assert_ptr_null(sim_hub_open(&again, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "in use"));
    tear_down();

    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/isoctane-dead-%d", (int)getpid());
    int s = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    ck_assert_int_eq(bind(s, (struct sockaddr *)&address, sizeof address), 0);
    close(s);
    again.path = address.sun_path;
    struct sim_hub *h = sim_hub_open(&again, why, sizeof why);
    ck_assert_msg(h != NULL, "%s", why);
    sim_hub_close(h);
    struct stat st;
    ck_assert_int_ne(stat(address.sun_path, &st), 0);

    FILE *file = fopen(address.sun_path, "w"); /* a file is nobody's socket, and stays */
    fclose(file);
    ck_assert_ptr_null(sim_hub_open(&again, why, sizeof why));
    ck_assert_int_eq(unlink(address.sun_path), 0);
    again.path = "/nowhere/at/all";
    ck_assert_ptr_null(sim_hub_open(&again, why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "choose a path"));
}
END_TEST

START_TEST(two_buses_in_one_loop_stay_apart)
{
    struct sim_hub *pair[2];
    char path[2][64], name[2][72], why[256];
    int stop[2];
    ck_assert_int_eq(pipe(stop), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "/tmp/isoctane-pair-%d-%d", (int)getpid(), i);
        snprintf(name[i], sizeof name[i], "bus:%s", path[i]);
        pair[i] = sim_hub_open(&(struct sim_hub_config){.path = path[i], .bus = fd_bus}, why, sizeof why);
        ck_assert_msg(pair[i] != NULL, "%s", why);
    }
    hub.hub = NULL;
    pid_t child = fork();
    if (child == 0) {
        close(stop[1]);
        _exit(sim_hub_loop(pair, 2, stop[0]));
    }
    transport = VIRTUAL;
    struct isotp_link *l[4];
    for (int i = 0; i < 4; i++) {
        l[i] = isotp_link_open(name[i / 2], true, why, sizeof why);
        ck_assert_msg(l[i] != NULL, "%s", why);
    }
    struct isotp_frame f[2] = {{.id = 1}, {.id = 2}}, got;
    send_all(l[0], &f[0], 1);
    send_all(l[2], &f[1], 1);
    receive(l[1], &got);
    ck_assert_uint_eq(got.id, 1);
    receive(l[3], &got);
    ck_assert_uint_eq(got.id, 2);
    for (int i = 0; i < 4; i++) l[i]->ops->close(l[i]);
    close(stop[1]);
    for (int i = 0; i < 2; i++) sim_hub_close(pair[i]);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("link");
    TCase *every = tcase_create("every adapter"), *one = tcase_create("one adapter");
    const TTest *common[] = {every_kind_of_frame_arrives_unchanged,
                             a_long_burst_arrives_whole_and_in_order,
                             a_link_hears_whom_it_listens_to,
                             a_sender_does_not_hear_itself,
                             a_classic_link_on_an_fd_bus_sees_classic_frames_only,
                             a_receiver_that_does_not_read_learns_how_much_it_lost};
    const TTest *own[] = {a_name_that_is_no_link_is_refused_with_advice,
                          an_interface_that_is_not_there_is_refused_with_advice,
                          an_interface_that_is_down_or_classic_is_refused_with_advice,
                          fd_on_a_classic_bus_is_refused,
                          an_error_frame_is_flagged_and_bus_off_takes_the_link_down,
                          a_bus_without_a_free_port_says_so,
                          frames_sent_just_before_a_client_leaves_still_go_out,
                          a_hub_that_closes_takes_the_link_down,
                          a_bus_is_never_faster_than_its_bitrate,
                          without_a_bitrate_senders_wait_for_a_slow_receiver,
                          what_is_no_frame_does_not_reach_the_bus,
                          the_socket_of_a_dead_bus_is_taken_over_that_of_a_live_one_is_not,
                          two_buses_in_one_loop_stay_apart,
                          links_of_text_hear_whom_they_listen_to};

    tcase_set_timeout(every, 300);
    tcase_set_timeout(one, 300);
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        tcase_add_loop_test(every, common[i], 0, TRANSPORTS);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) tcase_add_test(one, own[i]);
    suite_add_tcase(s, every);
    suite_add_tcase(s, one);
    if (getenv("ISOCTANE_CAN") == NULL) printf("SocketCAN is skipped: ISOCTANE_CAN names no interface\n");
    return suite_run(s);
}

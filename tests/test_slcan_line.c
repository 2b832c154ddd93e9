/* SLCAN lines: programs and adapters on a virtual bus, and the link that speaks to an adapter. */
#include "tests/lib_hub.h"
#include "tests/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static struct lib_hub hub;
static struct isotp_link *peer;
static char line_path[96], link_name[112];

static void start_at(const char *path, bool fd)
{
    char why[256];
    struct sim_hub_config config = {.bus = {.bitrate = 1000000, .fd = fd}, .slcan = path};
    lib_hub_start(&hub, &config);
    peer = isotp_link_open(hub.name, fd, why, sizeof why);
    ck_assert_msg(peer != NULL, "%s", why);
}

static void start(bool fd)
{
    char folder[] = "/tmp/isoctane-slcan-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(line_path, sizeof line_path, "%s/line", folder);
    snprintf(link_name, sizeof link_name, "slcan:%s", line_path);
    start_at(line_path, fd);
}

static void stop(void)
{
    peer->ops->close(peer);
    lib_hub_stop(&hub);
    lib_hub_close(&hub);
    *strrchr(line_path, '/') = '\0';
    ck_assert_int_eq(rmdir(line_path), 0); /* the socket is gone */
}

static int dial(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 5};
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(a.sun_path, line_path, strlen(line_path));
    ck_assert_int_eq(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    ck_assert_int_eq(connect(s, (struct sockaddr *)&a, sizeof a), 0);
    return s;
}

static void say(int s, const char *text)
{
    ck_assert_int_eq((int)write(s, text, strlen(text)), (int)strlen(text));
}

/* Up to the next CR or BEL. */
static const char *hear(int s)
{
    static char text[200];
    size_t n = 0;
    do {
        if (read(s, &text[n], 1) != 1) return "(closed)";
    } while (text[n] != '\r' && text[n] != '\a' && ++n < sizeof text - 2);
    text[n + 1] = '\0';
    return text;
}

static struct isotp_frame receive(struct isotp_link *l)
{
    struct isotp_frame f = {0};
    struct pollfd p = {.fd = l->fd, .events = POLLIN};
    int got;
    while ((got = l->ops->recv(l, &f, 1)) == 0) ck_assert_int_eq(poll(&p, 1, 5000), 1);
    ck_assert_int_eq(got, 1);
    return f;
}

static void transmit(struct isotp_link *l, const struct isotp_frame *f)
{
    ck_assert_int_eq(l->ops->send(l, f, 1), 1);
}

static const struct isotp_frame sample = {.id = 0x123, .len = 2, .data = {0xAB, 0xCD}};

START_TEST(a_line_is_an_adapter_on_the_bus)
{
    start(false);
    int s = dial();
    say(s, "\r\rC\r");
    ck_assert_str_eq(hear(s), "\r");
    say(s, "S6\rV\rF\rO\r");
    ck_assert_str_eq(hear(s), "\r");
    ck_assert_str_eq(hear(s), "V1013\r");
    ck_assert_str_eq(hear(s), "F00\r");
    ck_assert_str_eq(hear(s), "\r");
    transmit(peer, &sample);
    ck_assert_str_eq(hear(s), "t1232ABCD\r");
    say(s, "t1232abcd\rT000000120\r");
    ck_assert_str_eq(hear(s), "z\r");
    ck_assert_str_eq(hear(s), "Z\r");
    struct isotp_frame f = receive(peer);
    ck_assert_mem_eq(&f, &sample, sizeof f);
    ck_assert_uint_eq(receive(peer).id, ISOTP_ID_EXTENDED | 0x12);
    close(s);
    stop();
}
END_TEST

START_TEST(nothing_passes_before_open_and_after_close)
{
    start(false);
    int s = dial();
    say(s, "t1230\r");
    ck_assert_str_eq(hear(s), "\a");
    say(s, "L\rt1230\r"); /* listens only */
    ck_assert_str_eq(hear(s), "\r");
    ck_assert_str_eq(hear(s), "\a");
    transmit(peer, &sample);
    ck_assert_str_eq(hear(s), "t1232ABCD\r");
    say(s, "C\rt1230\rO\rt0070\r");
    ck_assert_str_eq(hear(s), "\r");
    ck_assert_str_eq(hear(s), "\a");
    ck_assert_str_eq(hear(s), "\r");
    ck_assert_str_eq(hear(s), "z\r");
    ck_assert_uint_eq(receive(peer).id, 7); /* the first that came through */
    close(s);
    stop();
}
END_TEST

START_TEST(what_is_not_offered_is_refused)
{
    static const char *const refused[] = {"Z1\r",  "M00000000\r", "m00000000\r", "X1\r",
                                          "t12\r", "t1239\r",     "d1230\r"};
    start(false);
    int s = dial();
    say(s, "O\r");
    ck_assert_str_eq(hear(s), "\r");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        say(s, refused[i]);
        ck_assert_msg(strcmp(hear(s), "\a") == 0, "%s", refused[i]);
    }
    close(s);
    stop();
}
END_TEST

START_TEST(lines_come_and_go)
{
    start(false);
    for (unsigned i = 0; i < 2 * SIM_BUS_PORTS; i++) {
        int s = dial();
        say(s, "O\r");
        ck_assert_str_eq(hear(s), "\r");
        say(s, "t12"); /* dies in the middle of a frame */
        close(s);
    }
    int s = dial();
    say(s, "O\rt0070\r");
    ck_assert_str_eq(hear(s), "\r");
    ck_assert_uint_eq(receive(peer).id, 7);
    close(s);
    stop();
}
END_TEST

START_TEST(a_link_speaks_to_an_adapter)
{
    char why[256];
    start(true);
    struct isotp_link *l = isotp_link_open(link_name, true, why, sizeof why);
    ck_assert_msg(l != NULL, "%s", why);
    struct isotp_frame fd = {.id = ISOTP_ID_EXTENDED | 5, .flags = ISOTP_FD | ISOTP_BRS, .len = 64}, f;
    memset(fd.data, 0x77, sizeof fd.data);
    transmit(l, &fd);
    f = receive(peer);
    ck_assert_mem_eq(&f, &fd, sizeof f);
    transmit(peer, &sample);
    f = receive(l);
    ck_assert_mem_eq(&f, &sample, sizeof f);
    ck_assert_uint_eq(l->ops->lost(l), 0);
    l->ops->close(l);
    stop();
}
END_TEST

START_TEST(a_full_line_takes_no_more_and_loses_nothing)
{
    char why[256];
    start(false);
    struct isotp_link *l = isotp_link_open(link_name, false, why, sizeof why);
    ck_assert_msg(l != NULL, "%s", why);
    struct isotp_frame f = sample;
    uint16_t sent = 0, received = 0;
    while (received < 3000) {
        if (sent < 3000) {
            f.data[0] = (uint8_t)(sent >> 8);
            f.data[1] = (uint8_t)sent;
            int taken = l->ops->send(l, &f, 1);
            ck_assert_int_ge(taken, 0);
            sent = (uint16_t)(sent + taken);
            if (taken == 1) continue;
        }
        struct isotp_frame g = receive(peer);
        ck_assert_uint_eq((unsigned)g.data[0] << 8 | g.data[1], received);
        received++;
        struct isotp_frame drain[8];
        ck_assert_int_ge(l->ops->recv(l, drain, 8), 0); /* pushes on what waits */
    }
    l->ops->close(l);
    stop();
}
END_TEST

START_TEST(a_link_goes_down_with_its_adapter)
{
    char why[256];
    struct isotp_frame f;
    start(false);
    struct isotp_link *l = isotp_link_open(link_name, false, why, sizeof why);
    ck_assert_msg(l != NULL, "%s", why);
    stop();
    int got = 0;
    for (unsigned i = 0; i < 100 && got == 0; i++) got = l->ops->recv(l, &f, 1);
    ck_assert_int_lt(got, 0);
    ck_assert_int_lt(l->ops->send(l, &sample, 1), 0);
    l->ops->close(l);
}
END_TEST

/* A pair of pseudo terminals; the caller speaks at the end that is returned. */
static int terminal(char name[64])
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert(fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0 && ptsname_r(fd, name, 64) == 0);
    return fd;
}

START_TEST(the_bus_is_an_adapter_on_a_tty_too)
{
    char tty[64];
    int s = terminal(tty);
    start_at(tty, false);
    say(s, "O\rt1232ABCD\r");
    ck_assert_str_eq(hear(s), "\r");
    ck_assert_str_eq(hear(s), "z\r");
    struct isotp_frame f = receive(peer);
    ck_assert_mem_eq(&f, &sample, sizeof f);
    transmit(peer, &sample);
    ck_assert_str_eq(hear(s), "t1232ABCD\r");
    peer->ops->close(peer);
    lib_hub_stop(&hub);
    lib_hub_close(&hub);
    close(s);
}
END_TEST

START_TEST(a_link_opens_the_adapter_on_a_tty)
{
    char tty[64], name[80], why[256];
    int s = terminal(tty);
    snprintf(name, sizeof name, "slcan:%s,S8", tty);
    struct isotp_link *l = isotp_link_open(name, false, why, sizeof why);
    ck_assert_msg(l != NULL, "%s", why);
    ck_assert_str_eq(hear(s), "\r");
    ck_assert_str_eq(hear(s), "C\r");
    ck_assert_str_eq(hear(s), "S8\r");
    ck_assert_str_eq(hear(s), "O\r");
    say(s, "\r\rz\rt00");
    say(s, "70\rd1230\r\at1232ABCD\r"); /* frames in pieces, of another kind, and a refusal */
    ck_assert_uint_eq(receive(l).id, 7);
    struct isotp_frame f = receive(l);
    ck_assert_mem_eq(&f, &sample, sizeof f);
    l->ops->close(l);
    ck_assert_str_eq(hear(s), "C\r");
    close(s);
}
END_TEST

START_TEST(what_is_no_adapter_is_explained)
{
    static const char *const bad[] = {"slcan:/nowhere/tty", "slcan:",           "slcan:/dev/null",
                                      "slcan:/dev/null,S9", "slcan:/dev/null,", "slcan:/dev/null,S66"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char why[256] = "";
        ck_assert_ptr_null(isotp_link_open(bad[i], false, why, sizeof why));
        ck_assert_msg(strncmp(why, bad[i], strlen(bad[i])) == 0, "%s", why);
    }
    char why[256];
    struct sim_hub_config config = {.path = "/tmp/isoctane-slcan-none", .slcan = "/nowhere/at/all"};
    ck_assert_ptr_null(sim_hub_open(&config, why, sizeof why));
    ck_assert_msg(strstr(why, "/nowhere/at/all") != NULL, "%s", why);
    config.slcan = "/dev/null";
    ck_assert_ptr_null(sim_hub_open(&config, why, sizeof why));
    ck_assert_msg(strstr(why, "/dev/null") != NULL, "%s", why);
}
END_TEST

SUITE("slcan_line", a_line_is_an_adapter_on_the_bus, nothing_passes_before_open_and_after_close,
      what_is_not_offered_is_refused, lines_come_and_go, a_link_speaks_to_an_adapter,
      a_full_line_takes_no_more_and_loses_nothing, a_link_goes_down_with_its_adapter,
      the_bus_is_an_adapter_on_a_tty_too, a_link_opens_the_adapter_on_a_tty, what_is_no_adapter_is_explained)

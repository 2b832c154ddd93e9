/* socketcand: text and frames, and a client over TCP beside one of the virtual bus. The candump log goes with
 * it. */
#include "sim/candump.h"
#include "sim/socketcand.h"
#include "tests/lib_hub.h"
#include "tests/suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define T UINT64_C(1436509052249713000)

static const struct {
    struct isotp_frame frame;
    const char *socketcand, *candump, *send;
} spelling[] = {
    {{.id = 0x123, .len = 2, .data = {0x11, 0xF2}},
     "< frame 123 1436509052.249713 11F2 >",
     "(1436509052.249713) can0 123#11F2\n",
     "send 123 2 11 f2"},
    {{.id = 0x001}, "< frame 001 1436509052.249713  >", "(1436509052.249713) can0 001#\n", "send 1 0"},
    {{.id = ISOTP_ID_EXTENDED | 0x18DA01F1, .len = 1, .data = {5}},
     "< frame 18DA01F1 1436509052.249713 05 >",
     "(1436509052.249713) can0 18DA01F1#05\n",
     "send 18DA01F1 1 5"},
    {{.id = ISOTP_ID_EXTENDED | 0x12, .len = 1},
     "< frame 00000012 1436509052.249713 00 >",
     "(1436509052.249713) can0 00000012#00\n",
     "send 00000012 1 0"},
    {{.id = 0x7FF, .flags = ISOTP_RTR, .len = 3},
     "< rtr 7FF 1436509052.249713 3 >",
     "(1436509052.249713) can0 7FF#R3\n",
     "sendrtr 7FF 3"},
    {{.id = 0x7FF, .flags = ISOTP_FD, .len = 1, .data = {0xAB}},
     "< fdframe 7FF 00 1436509052.249713 AB >",
     "(1436509052.249713) can0 7FF##0AB\n",
     "fdsend 7FF 0 1 AB"},
    {{.id = 0x7FF,
      .flags = ISOTP_FD | ISOTP_BRS | ISOTP_ESI,
      .len = 12,
      .data = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
     "< fdframe 7FF 03 1436509052.249713 0102030405060708090A0B0C >",
     "(1436509052.249713) can0 7FF##30102030405060708090A0B0C\n",
     "fdsend 7FF 03 12 1 2 3 4 5 6 7 8 9 a b c"},
};

static size_t split(char *text, char **word, size_t max)
{
    size_t n = 0;
    for (char *w = strtok(text, " "); w != NULL && n < max; w = strtok(NULL, " ")) word[n++] = w;
    return n;
}

static bool parse(const char *text, struct isotp_frame *f)
{
    char copy[1024], *word[80];
    snprintf(copy, sizeof copy, "%s", text);
    return sim_socketcand_parse(f, word, split(copy, word, 80));
}

START_TEST(frames_are_written_as_socketcand_and_candump_do)
{
    char text[SIM_SOCKETCAND_TEXT], line[SIM_CANDUMP_LINE];
    struct isotp_frame f;
    for (size_t i = 0; i < sizeof spelling / sizeof *spelling; i++) {
        ck_assert_uint_eq(sim_socketcand_format(text, &spelling[i].frame, T), strlen(spelling[i].socketcand));
        ck_assert_str_eq(text, spelling[i].socketcand);
        ck_assert_uint_eq(sim_candump_line(line, &spelling[i].frame, T, "can0"), strlen(spelling[i].candump));
        ck_assert_str_eq(line, spelling[i].candump);
        ck_assert_msg(parse(spelling[i].send, &f), "%s", spelling[i].send);
        ck_assert_mem_eq(&f, &spelling[i].frame, sizeof f);
    }
}
END_TEST

START_TEST(the_longest_frame_fits)
{
    char text[SIM_SOCKETCAND_TEXT], line[SIM_CANDUMP_LINE];
    struct isotp_frame f = {.id = ISOTP_ID_EXTENDED | ISOTP_ID_MASK, .flags = ISOTP_FD, .len = 64};
    ck_assert_uint_lt(sim_socketcand_format(text, &f, UINT64_MAX), sizeof text - 1);
    ck_assert_uint_lt(sim_candump_line(line, &f, UINT64_MAX, "a_name_that_is_too_long_for_a_bus"),
                      sizeof line - 1);
}
END_TEST

START_TEST(identifiers_are_extended_by_length_value_or_bit_31)
{
    struct isotp_frame f;
    ck_assert(parse("send 7FF 0", &f) && f.id == 0x7FF);
    ck_assert(parse("send 800 0", &f) && f.id == (ISOTP_ID_EXTENDED | 0x800));
    ck_assert(parse("send 000007FF 0", &f) && f.id == (ISOTP_ID_EXTENDED | 0x7FF));
    ck_assert(parse("send 80000001 0", &f) && f.id == (ISOTP_ID_EXTENDED | 1));
}
END_TEST

START_TEST(what_is_no_frame_is_refused)
{
    static const char *const bad[] = {
        "send",
        "send 123",
        "send 123 1",
        "send 123 1 11 22",
        "send 123 2 11",
        "send 123 9 1",
        "send xyz 0",
        "send -1 0",
        "send 123 -1",
        "send 123 1 100",
        "send 123 1 g",
        "send 20000000 0",
        "send 40000000 0",
        "send 1FFFFFFFFF 0",
        "send 123 1 0x",
        "fdsend 123 0",
        "fdsend 123 0 9 1 2 3 4 5 6 7 8 9",
        "fdsend 123 0 65",
        "fdsend 123 100 0",
        "sendrtr 123",
        "sendrtr 123 9",
        "sendrtr 123 1 11",
        "send 123 99999999999999999999",
    };
    struct isotp_frame f;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_msg(!parse(bad[i], &f), "%s", bad[i]);
    ck_assert(!sim_socketcand_parse(&f, NULL, 0));
}
END_TEST

/* --- over TCP --- */

static struct lib_hub hub;
static struct isotp_link *peer;

static void start(void)
{
    char why[256];
    lib_hub_start(&hub,
                  &(struct sim_hub_config){.bus = {.bitrate = 1000000, .data_bitrate = 4000000, .fd = true},
                                           .socketcand = true});
    peer = isotp_link_open(hub.name, true, why, sizeof why);
    ck_assert_msg(peer != NULL, "%s", why);
}

static void stop(void)
{
    peer->ops->close(peer);
    lib_hub_stop(&hub);
    lib_hub_close(&hub);
}

static int dial(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(sim_hub_socketcand_port(hub.hub)),
                            .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval patience = {.tv_sec = 5};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    ck_assert_int_eq(connect(s, (struct sockaddr *)&a, sizeof a), 0);
    return s;
}

static void say(int s, const char *text)
{
    ck_assert_int_eq((int)send(s, text, strlen(text), 0), (int)strlen(text));
}

/* One message, byte by byte up to its '>'. */
static const char *hear(int s)
{
    static char text[512];
    size_t n = 0;
    do {
        if (recv(s, &text[n], 1, 0) != 1) return "(closed)";
        if (n > 0 || text[0] == '<') n++;
    } while (n == 0 || text[n - 1] != '>');
    text[n] = '\0';
    return text;
}

static int join(void)
{
    int s = dial();
    ck_assert_str_eq(hear(s), "< hi >");
    say(s, "< open can0 >");
    ck_assert_str_eq(hear(s), "< ok >");
    say(s, "< rawmode >");
    ck_assert_str_eq(hear(s), "< ok >");
    return s;
}

static struct isotp_frame receive(void)
{
    struct isotp_frame f = {0};
    struct pollfd p = {.fd = peer->fd, .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 5000), 1);
    ck_assert_int_eq(peer->ops->recv(peer, &f, 1), 1);
    return f;
}

START_TEST(a_client_joins_sends_and_receives)
{
    start();
    int s = join();
    struct isotp_frame f = {.id = 0x321, .len = 3, .data = {1, 2, 3}};

    say(s, "< send 123 2 AA 5 >< fdsend 1AAAAAAA 1 1 77 >");
    struct isotp_frame first = receive(), second = receive();
    ck_assert(first.id == 0x123 && first.len == 2 && first.data[1] == 5 && first.flags == 0);
    ck_assert(second.id == (ISOTP_ID_EXTENDED | 0x1AAAAAAA) && second.flags == (ISOTP_FD | ISOTP_BRS));
    ck_assert_int_eq(peer->ops->send(peer, &f, 1), 1);
    const char *text = hear(s);
    ck_assert_int_eq(strncmp(text, "< frame 321 ", 12), 0);
    ck_assert_str_eq(strrchr(text, '.') + 7, " 010203 >");
    close(s);
    stop();
}
END_TEST

START_TEST(two_clients_hear_each_other_not_themselves)
{
    start();
    int a = join(), b = join();
    say(a, "< send 111 0 >");
    ck_assert_int_eq(strncmp(hear(b), "< frame 111 ", 12), 0);
    say(b, "< send 222 0 >");
    ck_assert_int_eq(strncmp(hear(a), "< frame 222 ", 12), 0);
    close(a);
    close(b);
    stop();
}
END_TEST

START_TEST(a_long_run_of_frames_keeps_order_and_loses_none)
{
    enum { COUNT = 500 };
    start();
    int s = join();
    char text[64];
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "< send %X 1 %X >", i, i & 0xFF);
        say(s, text);
    }
    for (unsigned i = 0; i < COUNT; i++) ck_assert_uint_eq(receive().id, i);
    close(s);
    stop();
}
END_TEST

START_TEST(the_wrong_bus_is_refused_and_the_line_closed)
{
    start();
    int s = dial();
    hear(s);
    say(s, "< open vcan9 >");
    ck_assert_str_eq(hear(s), "< error could not open bus >");
    ck_assert_str_eq(hear(s), "(closed)");
    close(s);
    stop();
}
END_TEST

START_TEST(commands_out_of_turn_and_nonsense_get_an_error)
{
    start();
    int s = dial();
    hear(s);
    say(s, "< send 123 0 >");
    ck_assert_str_eq(hear(s), "< error unknown command >");
    say(s, "< rawmode >");
    ck_assert_str_eq(hear(s), "< error unknown command >");
    say(s, "<open can0>"); /* without blanks, as the protocol's own text writes it once */
    ck_assert_str_eq(hear(s), "< ok >");
    say(s, "< open can0 >");
    ck_assert_str_eq(hear(s), "< error unknown command >");
    say(s, "<>");
    ck_assert_str_eq(hear(s), "< error unknown command >");
    say(s, "< send 123 1 >");
    ck_assert_str_eq(hear(s), "< error not a frame >");
    say(s, "junk > < ec");
    say(s, "ho >");
    ck_assert_str_eq(hear(s), "< echo >");
    close(s);
    stop();
}
END_TEST

START_TEST(outside_raw_mode_frames_are_not_shown)
{
    start();
    int s = join();
    struct isotp_frame f = {.id = 0x321};
    say(s, "< bcmmode >");
    ck_assert_str_eq(hear(s), "< ok >");
    ck_assert_int_eq(peer->ops->send(peer, &f, 1), 1);
    say(s, "< send 123 0 >");
    ck_assert_uint_eq(receive().id, 0x123);
    say(s, "< echo >");
    ck_assert_str_eq(hear(s), "< echo >");
    close(s);
    stop();
}
END_TEST

START_TEST(an_endless_command_ends_the_connection_not_the_bus)
{
    start();
    int s = join(), other = join();
    char flood[4096];
    memset(flood, 'x', sizeof flood);
    (void)send(s, flood, sizeof flood, MSG_NOSIGNAL);
    ck_assert_str_eq(hear(s), "(closed)");
    say(other, "< send 123 0 >");
    ck_assert_uint_eq(receive().id, 0x123);
    close(s);
    close(other);
    stop();
}
END_TEST

START_TEST(a_port_in_use_is_named)
{
    char why[256];
    start();
    struct sim_bus bus;
    sim_bus_init(&bus, &(struct sim_bus_config){0});
    ck_assert_ptr_null(sim_socketcand_open(&bus, "can0", sim_hub_socketcand_port(hub.hub), why, sizeof why));
    ck_assert_ptr_nonnull(strstr(why, "choose another port"));
    stop();
}
END_TEST

START_TEST(the_log_has_every_frame)
{
    char line[128];
    FILE *log = tmpfile();
    char why[256];
    lib_hub_start(&hub, &(struct sim_hub_config){.name = "body", .log = log, .bus = {.bitrate = 1000000}});
    peer = isotp_link_open(hub.name, false, why, sizeof why);
    struct isotp_frame f[2] = {{.id = 0x123, .len = 1, .data = {7}}, {.id = ISOTP_ID_EXTENDED | 9}};
    struct isotp_link *witness = isotp_link_open(hub.name, false, why, sizeof why);
    ck_assert_int_eq(witness->ops->send(witness, f, 2), 2);
    (void)receive();
    (void)receive();
    witness->ops->close(witness);
    stop();
    rewind(log);
    static const char *const expect[] = {") body 123#07\n", ") body 00000009#\n"};
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_nonnull(fgets(line, sizeof line, log));
        ck_assert_str_eq(strchr(line, ')'), expect[i]);
    }
    ck_assert_ptr_null(fgets(line, sizeof line, log));
    fclose(log);
}
END_TEST

SUITE("socketcand", frames_are_written_as_socketcand_and_candump_do, the_longest_frame_fits,
      identifiers_are_extended_by_length_value_or_bit_31, what_is_no_frame_is_refused,
      a_client_joins_sends_and_receives, two_clients_hear_each_other_not_themselves,
      a_long_run_of_frames_keeps_order_and_loses_none, the_wrong_bus_is_refused_and_the_line_closed,
      commands_out_of_turn_and_nonsense_get_an_error, outside_raw_mode_frames_are_not_shown,
      an_endless_command_ends_the_connection_not_the_bus, a_port_in_use_is_named, the_log_has_every_frame)

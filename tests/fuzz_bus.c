/* The virtual bus under hostile clients. The first byte of the input picks what the rest is:
 * frames of the bus's own protocol (linux/can.h) from several ports, in modelled time, with faults and a
 * rule; commands of socketcand over TCP; the words of one command; a rule; or frames that the listener puts
 * together. Whatever comes: time goes forward and every step ends, only valid frames are delivered and never
 * to their sender, error counters stay in their bounds, and what is read and written again is the same. */
#include "isotp/frames_socketcan.h"
#include "sim/candump.h"
#include "sim/dump.h"
#include "sim/socketcand.h"
#include "tests/fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS 4

struct input {
    const uint8_t *p, *end;
};

static uint8_t next(struct input *in)
{
    return in->p < in->end ? *in->p++ : 0;
}

/* What is read as a frame is written so that it reads the same. */
static void round_trip(const struct isotp_frame *f)
{
    char line[SIM_CANDUMP_LINE];
    struct isotp_frame again;
    size_t n = sim_candump_line(line, f, 0, "can0");
    must(n < sizeof line && line[n - 1] == '\n', "a line of the log is too long");
    line[n - 1] = '\0';
    must(sim_frame_parse(strrchr(line, ' ') + 1, &again), "our own log cannot be read");
    must(again.id == f->id && again.flags == f->flags && again.len == f->len, "another frame is read");
    must((f->flags & ISOTP_RTR) || memcmp(again.data, f->data, f->len) == 0, "other bytes are read");
}

/* --- the bus --- */

static struct sim_bus bus;
static struct port {
    int number;
    uint64_t last_ns;
} ports[PORTS];

static void on_frame(void *ctx, const struct isotp_frame *f, uint64_t at_ns)
{
    struct port *p = ctx;
    must(at_ns >= p->last_ns, "time goes back");
    p->last_ns = at_ns;
    if (f->flags & ISOTP_ERROR) return;
    must(sim_frame_is_valid(f), "something that is no frame is delivered");
    must(bus.config.fd || !(f->flags & ISOTP_FD), "an FD frame on a classic bus");
    must(sim_confine_state(&bus.port[p->number].errors) != SIM_BUS_OFF, "who is off the bus hears");
}

static void step(uint64_t until)
{
    uint64_t due;
    for (int i = 0; (due = sim_bus_due(&bus)) <= until; i++) {
        must(i < 20000, "steps without an end");
        must(due >= bus.now_ns, "due in the past");
        sim_bus_step(&bus, due);
    }
    sim_bus_step(&bus, until);
}

static void offer(struct input *in, uint8_t op)
{
    struct canfd_frame wire = {0};
    struct isotp_frame f;
    size_t bytes = op & 0x40 ? CANFD_MTU : CAN_MTU;
    for (size_t i = 0; i < 8u + (op >> 2 & 15); i++) ((uint8_t *)&wire)[i] = next(in);
    if (!isotp_frame_from_linux(&f, &wire, bytes)) return;
    uint64_t bad = bus.port[ports[op & 3].number].stats.bad;
    (void)sim_bus_offer(&bus, ports[op & 3].number, &f);
    if (bus.port[ports[op & 3].number].stats.bad == bad) round_trip(&f);
}

static void run_bus(struct input *in)
{
    static const uint32_t rates[] = {500000, 1000000, 33333, 0};
    static const char *const lines[] = {"drop id=100-1FF skip=1 count=3",
                                        "alter data=0x set=1:FF",
                                        "delay id=123 by=3ms",
                                        "reorder chance=50",
                                        "error count=40",
                                        "spoof frame=7E8#037F3678",
                                        "send frame=123#01 every=2ms at=1ms",
                                        "flood at=1ms for=3ms frame=050#",
                                        "duplicate",
                                        "corrupt from=2"};
    uint8_t a = next(in), b = next(in), chance = next(in);
    struct sim_rule rule;
    char why[128];
    struct sim_bus_config config = {.bitrate = rates[a & 3],
                                    .data_bitrate = a & 4 ? 2000000 : 0,
                                    .fd = a & 8,
                                    .rules = &rule,
                                    .rule_count = 1,
                                    .faults = {.delay_ns = 100000, .flood_frames = 3, .seed = chance}};
    uint32_t *const chances[8] = {&config.faults.drop_ppm,      &config.faults.corrupt_ppm,
                                  &config.faults.duplicate_ppm, &config.faults.delay_ppm,
                                  &config.faults.reorder_ppm,   &config.faults.error_ppm,
                                  &config.faults.spoof_ppm,     &config.faults.flood_ppm};
    for (int i = 0; i < 8; i++)
        if (b >> i & 1) *chances[i] = chance * 2000u;
    must(sim_rule_parse(lines[(a >> 4) % (sizeof lines / sizeof *lines)], &rule, why, sizeof why), why);
    sim_bus_init(&bus, &config);
    for (int i = 0; i < PORTS; i++) {
        ports[i].last_ns = 0;
        ports[i].number = sim_bus_attach(&bus, on_frame, &ports[i]);
    }
    uint64_t now = 0;
    while (in->p < in->end) {
        uint8_t op = next(in);
        if (op & 0x80) {
            now += (uint64_t)next(in) << (op & 15);
            step(now);
        } else {
            offer(in, op);
        }
    }
    step(now + 20000000);
    for (int i = 0; i < PORTS; i++) {
        const struct sim_confinement *c = &bus.port[ports[i].number].errors;
        must(c->tec <= SIM_BUS_OFF_LIMIT + 8 && c->rec <= SIM_PASSIVE_LIMIT + 1, "error counters run away");
        must(c->quiet < SIM_QUIET_SEQUENCES, "a node that has seen enough does not return");
    }
    must(bus.stats.busy_ns <= now + 20000000, "the bus was busy for longer than time has passed");
}

/* --- socketcand --- */

/* The fuzzer's own timer may interrupt; then the connection is made all the same. */
static bool connects(int s, const struct sockaddr_in *to)
{
    struct pollfd p = {.fd = s, .events = POLLOUT};
    if (connect(s, (const struct sockaddr *)to, sizeof *to) == 0) return true;
    while (errno == EINTR)
        if (poll(&p, 1, -1) == 1) return (p.revents & POLLOUT) != 0;
    return false;
}

static void run_session(struct input *in)
{
    static struct sim_socketcand *server;
    static struct sim_bus quiet;
    char why[256], answer[4096];
    if (server == NULL) {
        sim_bus_init(&quiet, &(struct sim_bus_config){.fd = true});
        server = sim_socketcand_open(&quiet, "can0", 0, why, sizeof why);
        must(server != NULL, why);
    }
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(sim_socketcand_port(server)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct linger at_once = {.l_onoff = 1}; /* no port waits for late packets */
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(s >= 0 && connects(s, &address), "no connection");
    (void)setsockopt(s, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    size_t bytes = (size_t)(in->end - in->p);
    if (bytes > 4096) bytes = 4096;
    (void)send(s, in->p, bytes, MSG_NOSIGNAL);
    (void)shutdown(s, SHUT_WR);
    struct pollfd fds[SIM_BUS_PORTS + 1];
    size_t n = 2;
    for (int turn = 0; n > 1 || turn < 3; turn++) { /* until it has hung up */
        must(turn < 10000, "a session without an end");
        n = sim_socketcand_fds(server, fds);
        (void)poll(fds, (nfds_t)n, 1);
        sim_socketcand_ready(server, fds);
        for (int i = 0; i < 32; i++) {
            sim_socketcand_pull(server);
            sim_bus_step(&quiet, quiet.now_ns + 1000000);
        }
        sim_socketcand_push(server);
        (void)recv(s, answer, sizeof answer, MSG_DONTWAIT);
        n = sim_socketcand_fds(server, fds);
    }
    close(s);
}

static void run_command(struct input *in)
{
    char text[1024] = "", *word[80], *rest = NULL;
    size_t n = (size_t)(in->end - in->p), words = 0;
    struct isotp_frame f;
    if (n >= sizeof text) n = sizeof text - 1;
    memcpy(text, in->p, n);
    for (char *w = strtok_r(text, " ", &rest); w != NULL && words < 80; w = strtok_r(NULL, " ", &rest))
        word[words++] = w;
    if (!sim_socketcand_parse(&f, word, words)) return;
    char out[SIM_SOCKETCAND_TEXT];
    must(sim_socketcand_format(out, &f, UINT64_MAX) < sizeof out, "a frame's text is too long");
    round_trip(&f);
}

static void run_rule(struct input *in)
{
    char text[600] = "", why[256];
    struct sim_rule r;
    struct isotp_frame f = {.id = 0x123, .len = 8};
    static struct sim_tamper t;
    size_t n = (size_t)(in->end - in->p);
    if (n >= sizeof text) n = sizeof text - 1;
    memcpy(text, in->p, n);
    if (!sim_rule_parse(text, &r, why, sizeof why)) {
        must(strlen(why) > 0 && strlen(why) < sizeof why, "a rule is refused without a word");
        return;
    }
    sim_tamper_init(&t, &r, 1);
    for (int i = 0; i < 20; i++) {
        int from;
        (void)sim_tamper_judge(&t, &(struct sim_bus_faults){0}, &f, i & 1, (uint64_t)i * 1000000);
        const struct isotp_frame *own = sim_tamper_next(&t, (uint64_t)i * 1000000, &from);
        if (own != NULL) sim_tamper_sent(&t, (uint64_t)i * 1000000, (uint64_t)i * 1000000 + 1);
    }
    must(f.len == 8, "a rule changes a length");
}

/* --- the listener --- */

static uint32_t touched;

static void on_message(void *ctx, const struct sim_dump_message *m)
{
    char text[64];
    (void)ctx;
    must(m->got <= m->length && (m->broken != NULL || m->got == m->length), "a message that is not whole");
    for (uint32_t i = 0; m->bytes != NULL && i < m->got; i++) touched += m->bytes[i];
    if (m->bytes != NULL) sim_dump_uds(m->bytes, m->got, text, sizeof text);
}

static void run_listener(struct input *in)
{
    uint8_t a = next(in);
    char text[64];
    struct sim_dump *d = sim_dump_open(a & 1, on_message, NULL);
    must(d != NULL, "out of memory");
    for (uint64_t ns = 0; in->p < in->end; ns++) {
        static const uint8_t lens[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64};
        uint8_t op = next(in);
        struct isotp_frame f = {.id = op & 7, .len = lens[op >> 4]};
        if (f.len > 8) f.flags = ISOTP_FD;
        for (unsigned i = 0; i < f.len && i < 10; i++) f.data[i] = next(in);
        if ((f.data[a & 1] >> 4) == 1) f.data[2] &= 0; /* lengths that do not ask for gigabytes */
        sim_dump_frame(d, &f, ns);
        sim_dump_explain(&f, a & 1, text, sizeof text);
    }
    sim_dump_close(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(struct input * in) = {run_bus, run_session, run_command, run_rule,
                                                       run_listener};
    if (size == 0) return 0;
    struct input in = {data + 1, data + size};
    kinds[data[0] % (sizeof kinds / sizeof *kinds)](&in);
    return 0;
}

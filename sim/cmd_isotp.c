/* isoctane-sim isotp: messages of ISO 15765-2 on any link: send one, receive some, watch all. */
#include "sim/bench.h"
#include "sim/candump.h"
#include "sim/commands.h"
#include "sim/dump.h"
#include "sim/pcapng.h"
#include "sim/realtime.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static bool one_link(struct sim_bench_options *o, int argc, char **argv, int arguments)
{
    if (optind < argc && argc - optind <= arguments) {
        o->link = argv[optind];
        return true;
    }
    fprintf(stderr, "%s: %s; see %s --help\n", o->program,
            optind < argc ? "too many arguments" : "which LINK?", o->program);
    return false;
}

/* --- send --- */

static const char send_help[] =
    "Usage: isoctane-sim isotp send [OPTION...] LINK [BYTES]\n"
    "\n"
    "Sends one message: BYTES in hexadecimal, or what standard input says so.\n"
    "\n" SIM_BENCH_HELP "  -D N                   decimal: send N bytes of a pattern instead (00 01 02 ...)\n"
    "  --repeat N             decimal: so many messages, one after the other\n"
    "\n"
    "Exit status: 0 sent, 64 usage, 70 not taken (no flow control, overflow, link down), 78 the link cannot "
    "be "
    "opened.\n";

static bool read_input(uint8_t *out, size_t cap, size_t *n)
{
    char line[4096];
    while (fgets(line, sizeof line, stdin) != NULL)
        if (!sim_bench_bytes(line, out, cap, n)) return false;
    return ferror(stdin) == 0;
}

static int report_sent(const struct sim_bench_options *o, enum isotp_result r, size_t bytes, uint64_t ns)
{
    if (o->json)
        printf("{\"result\": \"%s\", \"bytes\": %zu, \"seconds\": %.6f}\n", isotp_result_name(r), bytes,
               (double)ns / 1e9);
    if (r == ISOTP_N_OK) return SIM_EXIT_OK;
    fprintf(stderr, "%s: %s: %s\n", o->program, isotp_result_name(r), isotp_result_text(r));
    return SIM_EXIT_FAULT;
}

static enum isotp_result send_one(struct sim_bench *b, const uint8_t *bytes, size_t n)
{
    struct isotp_message m = {.body = bytes, .body_bytes = (uint32_t)n};
    struct isotp_event e;
    enum isotp_result r = isotp_send(&b->physical, &m, sim_bench_now_us());
    if (r != ISOTP_N_OK) return r;
    for (;;) {
        bool up = sim_bench_turn(b, ISOTP_NEVER);
        while (isotp_poll(&b->physical, &e)) {
            if (e.kind == ISOTP_RECEIVED) isotp_release(&b->physical);
            if (e.kind == ISOTP_SENT || e.kind == ISOTP_SEND_FAILED) return e.result;
        }
        if (!up) return ISOTP_N_ERROR;
    }
}

static int do_send(int argc, char **argv)
{
    enum { REPEAT = SIM_BENCH_OWN };
    static const struct option options[] = {
        SIM_BENCH_LONG, {"repeat", required_argument, NULL, REPEAT}, {NULL, 0, NULL, 0}};
    struct sim_bench_options o = sim_bench_defaults("isoctane-sim isotp send");
    uint64_t pattern = 0, repeat = 1;

    for (int c; (c = getopt_long(argc, argv, SIM_BENCH_SHORT "D:", options, NULL)) != -1;) {
        bool good = true;
        if (c == 'h') {
            fputs(send_help, stdout);
            return SIM_EXIT_OK;
        }
        if (c == 'D')
            good = sim_bench_number(optarg, 10, SIM_BENCH_ROOM, &pattern) && pattern > 0;
        else if (c == REPEAT)
            good = sim_bench_number(optarg, 10, 1000000, &repeat);
        else if (!sim_bench_take(&o, c, optarg))
            return SIM_EXIT_USAGE;
        if (good) continue;
        fprintf(stderr, "%s: %s: give a whole number\n", o.program, optarg);
        return SIM_EXIT_USAGE;
    }
    if (!one_link(&o, argc, argv, 2)) return SIM_EXIT_USAGE;

    int status = SIM_EXIT_OK;
    size_t n = 0;
    uint8_t *bytes = malloc(SIM_BENCH_ROOM);
    if (bytes == NULL) return SIM_EXIT_FAULT;
    for (; n < pattern; n++) bytes[n] = (uint8_t)n;
    bool good =
        pattern > 0 || (argc - optind == 2 ? sim_bench_bytes(argv[optind + 1], bytes, SIM_BENCH_ROOM, &n)
                                           : read_input(bytes, SIM_BENCH_ROOM, &n));
    struct sim_bench b;
    if (!good || n == 0) {
        fprintf(stderr, "%s: give the message as hexadecimal bytes such as \"22 F1 90\"\n", o.program);
        status = SIM_EXIT_USAGE;
    } else if (!sim_bench_open(&b, &o)) {
        status = SIM_EXIT_CONFIG;
    } else {
        for (uint64_t i = 0; i < repeat && status == SIM_EXIT_OK; i++) {
            uint64_t began = sim_monotonic_ns();
            enum isotp_result r = send_one(&b, bytes, n);
            status = report_sent(&o, r, n, sim_monotonic_ns() - began);
        }
        sim_bench_close(&b);
    }
    free(bytes);
    return status;
}

/* --- recv --- */

static const char recv_help[] =
    "Usage: isoctane-sim isotp recv [OPTION...] LINK\n"
    "\n"
    "Receives a message and prints its bytes.\n"
    "\n" SIM_BENCH_HELP "  -l                     go on, until SIGINT or SIGTERM\n"
    "  --count N              decimal: after so many messages it is enough\n"
    "  --quiet                only how many bytes came\n"
    "\n"
    "Exit status: 0 received, 64 usage, 70 a message broke off, nothing came in time, link down, 78 the link "
    "cannot be opened.\n";

static void print_message(const struct sim_bench_options *o, const struct isotp_event *e, bool quiet)
{
    if (o->json) printf("{\"bytes\": %" PRIu32 "%s", e->bytes, quiet ? "" : ", \"data\": \"");
    if (!quiet && o->json)
        for (uint32_t i = 0; i < e->bytes; i++) printf("%02X", (unsigned)e->data[i]);
    if (!quiet && !o->json) sim_bench_print(stdout, e->data, e->bytes);
    if (quiet && !o->json) printf("%" PRIu32 " bytes", e->bytes);
    printf(o->json ? (quiet ? "}\n" : "\"}\n") : "\n");
    fflush(stdout);
}

static int receive(const struct sim_bench_options *o, struct sim_bench *b, uint64_t count, bool quiet)
{
    uint32_t left = o->timeout_ms * 1000u, since = sim_bench_now_us();
    struct isotp_event e;

    for (;;) {
        bool up = sim_bench_turn(b, o->timeout_ms != 0 ? left : ISOTP_NEVER);
        while (isotp_poll(&b->physical, &e)) {
            if (e.kind == ISOTP_RECEIVE_FAILED) {
                fprintf(stderr, "%s: %s: %s\n", o->program, isotp_result_name(e.result),
                        isotp_result_text(e.result));
                if (count == 1) return SIM_EXIT_FAULT;
            }
            if (e.kind != ISOTP_RECEIVED) continue;
            print_message(o, &e, quiet);
            isotp_release(&b->physical);
            since = sim_bench_now_us();
            if (count > 0 && --count == 0) {
                (void)sim_bench_turn(b, 0);
                return SIM_EXIT_OK;
            }
        }
        if (!up) {
            fprintf(stderr, "%s: %s: the link is down\n", o->program, o->link);
            return SIM_EXIT_FAULT;
        }
        if (isotp_receiving(&b->physical)) since = sim_bench_now_us();
        uint32_t passed = sim_bench_now_us() - since;
        if (o->timeout_ms != 0 && passed >= o->timeout_ms * 1000u) {
            fprintf(stderr, "%s: nothing came in %" PRIu32 " ms\n", o->program, o->timeout_ms);
            return SIM_EXIT_FAULT;
        }
        left = o->timeout_ms * 1000u - passed;
    }
}

static int do_recv(int argc, char **argv)
{
    enum { COUNT = SIM_BENCH_OWN, QUIET };
    static const struct option options[] = {SIM_BENCH_LONG,
                                            {"count", required_argument, NULL, COUNT},
                                            {"quiet", no_argument, NULL, QUIET},
                                            {NULL, 0, NULL, 0}};
    struct sim_bench_options o = sim_bench_defaults("isoctane-sim isotp recv");
    uint64_t count = 1;
    bool quiet = false;

    for (int c; (c = getopt_long(argc, argv, SIM_BENCH_SHORT "l", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(recv_help, stdout);
            return SIM_EXIT_OK;
        }
        if (c == 'l') {
            count = 0;
        } else if (c == QUIET) {
            quiet = true;
        } else if (c == COUNT) {
            if (sim_bench_number(optarg, 10, 1000000000, &count) && count > 0) continue;
            fprintf(stderr, "%s: --count %s: give a whole number\n", o.program, optarg);
            return SIM_EXIT_USAGE;
        } else if (!sim_bench_take(&o, c, optarg)) {
            return SIM_EXIT_USAGE;
        }
    }
    if (!one_link(&o, argc, argv, 1)) return SIM_EXIT_USAGE;
    struct sim_bench b;
    if (!sim_bench_open(&b, &o)) return SIM_EXIT_CONFIG;
    int status = receive(&o, &b, count, quiet);
    sim_bench_close(&b);
    return status;
}

/* --- dump --- */

static const char dump_help[] =
    "Usage: isoctane-sim isotp dump [OPTION...] LINK\n"
    "\n"
    "Listens, puts the frames of every identifier together and prints the messages, until SIGINT or "
    "SIGTERM.\n"
    "\n"
    "LINK is can0, bus:SOCKET, slcan:TTY or socketcand:HOST:PORT/BUS. Numbers are hexadecimal, as in "
    "can-utils.\n"
    "\n"
    "  -s ID, -d ID           only these two identifiers\n"
    "  -x                     frames begin with an address byte (extended and mixed addressing)\n"
    "  -u                     say what the messages are in UDS\n"
    "  --frames               every frame, too\n"
    "  --fd                   CAN FD\n"
    "  --write FILE           all frames of the bus to FILE: pcapng when it ends so, else as candump -L "
    "does\n"
    "  --count N              decimal: after so many messages it is enough\n"
    "  --timeout MS           decimal: after so long without a frame, too\n"
    "  --json                 a JSON object per message\n"
    "  --help\n"
    "\n"
    "Exit status: 0 done, 64 usage, 70 link down or file incomplete, 78 the link or the file cannot be "
    "opened.\n";

struct dumping {
    struct sim_bench_options o;
    bool addressed, uds, frames, only;
    uint64_t count, messages;
    const char *write;
    struct sim_pcapng *pcapng;
    uint32_t bus;
    FILE *log;
};

static void print_time(uint64_t ns)
{
    printf("(%" PRIu64 ".%06" PRIu64 ")  ", ns / 1000000000, ns / 1000 % 1000000);
}

static void print_id(uint32_t id, int address)
{
    printf("%0*" PRIX32, id & ISOTP_ID_EXTENDED ? 8 : 3, id & ISOTP_ID_MASK);
    if (address >= 0) printf("%s%02X", "/", (unsigned)address);
}

static void message_json(const struct dumping *d, const struct sim_dump_message *m)
{
    char text[128];
    printf("{\"time\": %" PRIu64 ".%09" PRIu64 ", \"id\": \"", m->last_ns / 1000000000,
           m->last_ns % 1000000000);
    print_id(m->id, -1);
    printf("\"");
    if (m->address >= 0) printf(", \"address\": %d", m->address);
    printf(", \"length\": %" PRIu32 ", \"frames\": %u, \"data\": \"", m->length, m->frames);
    for (uint32_t i = 0; m->bytes != NULL && i < m->got; i++) printf("%02X", (unsigned)m->bytes[i]);
    printf("\"");
    if (m->broken != NULL) printf(", \"broken\": \"%s\"", m->broken);
    if (d->uds && m->bytes != NULL && m->broken == NULL) {
        sim_dump_uds(m->bytes, m->got, text, sizeof text);
        printf(", \"uds\": \"%s\"", text);
    }
    printf("}\n");
}

static void on_message(void *ctx, const struct sim_dump_message *m)
{
    struct dumping *d = ctx;
    char text[128];

    d->messages++;
    if (d->o.json) {
        message_json(d, m);
        return;
    }
    print_time(m->last_ns);
    print_id(m->id, m->address);
    printf("  [%" PRIu32 "]  ", m->length);
    if (m->bytes != NULL) sim_bench_print(stdout, m->bytes, m->got);
    if (m->broken != NULL) printf("  -- broken off: %s", m->broken);
    if (d->uds && m->bytes != NULL && m->broken == NULL) {
        sim_dump_uds(m->bytes, m->got, text, sizeof text);
        printf("  -- %s", text);
    }
    printf("\n");
}

static void print_frame(const struct dumping *d, const struct isotp_frame *f, uint64_t ns)
{
    char text[96];
    print_time(ns);
    print_id(f->id, -1);
    sim_dump_explain(f, d->addressed, text, sizeof text);
    printf("  %-34s  ", text);
    sim_bench_print(stdout, f->data, f->len);
    printf("\n");
}

static void take_frame(struct dumping *d, struct sim_dump *dump, const struct isotp_frame *f, uint64_t ns)
{
    char line[SIM_CANDUMP_LINE];

    if (d->pcapng != NULL) sim_pcapng_frame(d->pcapng, d->bus, f, ns);
    if (d->log != NULL) (void)fwrite(line, 1, sim_candump_line(line, f, ns, "can0"), d->log);
    if (f->flags & ISOTP_ERROR) return;
    if (d->only && f->id != d->o.channel.tx_id && f->id != d->o.channel.rx_id) return;
    if (d->frames && !d->o.json) print_frame(d, f, ns);
    sim_dump_frame(dump, f, ns);
}

static int listen_to(struct dumping *d, struct isotp_link *l, struct sim_dump *dump, int stop)
{
    const int quiet_ms = d->o.timeout_ms != 0 ? (int)d->o.timeout_ms : -1;
    for (;;) {
        struct isotp_frame f[32];
        struct pollfd p[2] = {{.fd = l->fd, .events = POLLIN}, {.fd = stop, .events = POLLIN}};
        int ready = poll(p, 2, quiet_ms);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0 || p[1].revents != 0) return SIM_EXIT_OK;
        int got;
        do {
            got = l->ops->recv(l, f, 32);
            uint64_t now = sim_clock_ns(CLOCK_REALTIME);
            for (int i = 0; i < got; i++) {
                take_frame(d, dump, &f[i], now);
                if (d->count > 0 && d->messages >= d->count) return SIM_EXIT_OK;
            }
        } while (got == 32);
        if (d->pcapng != NULL) (void)sim_pcapng_flush(d->pcapng);
        if (d->log != NULL) (void)fflush(d->log);
        (void)fflush(stdout);
        if (got < 0) {
            fprintf(stderr, "%s: %s: the link is down\n", d->o.program, d->o.link);
            return SIM_EXIT_FAULT;
        }
    }
}

static bool open_file(struct dumping *d, struct sim_pcapng *pcapng)
{
    if (d->write == NULL) return true;
    size_t n = strlen(d->write);
    if (n >= 7 && strcmp(d->write + n - 7, ".pcapng") == 0) {
        if (sim_pcapng_open(pcapng, d->write)) {
            d->pcapng = pcapng;
            d->bus = sim_pcapng_bus(pcapng, d->o.link, 0);
            return sim_pcapng_flush(pcapng);
        }
    } else {
        d->log = fopen(d->write, "we");
        if (d->log != NULL) return true;
    }
    fprintf(stderr, "%s: %s: %s\n", d->o.program, d->write, strerror(errno));
    return false;
}

static bool close_file(struct dumping *d)
{
    bool good = d->pcapng == NULL || sim_pcapng_close(d->pcapng);
    if (d->log != NULL) good = !ferror(d->log);
    if (d->log != NULL && fclose(d->log) != 0) good = false;
    if (!good) fprintf(stderr, "%s: %s: incomplete: is the disk full?\n", d->o.program, d->write);
    return good;
}

static int dump(struct dumping *d)
{
    static struct sim_pcapng pcapng; /* large */
    char why[256];
    sigset_t set;
    struct isotp_link *l = isotp_link_open(d->o.link, d->o.channel.fd, why, sizeof why);
    if (l == NULL) {
        fprintf(stderr, "%s: %s\n", d->o.program, why);
        return SIM_EXIT_CONFIG;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    int stop = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), status = SIM_EXIT_CONFIG;
    struct sim_dump *messages = sim_dump_open(d->addressed, on_message, d);
    if (messages != NULL && open_file(d, &pcapng)) {
        fprintf(stderr, "listening on %s\n", d->o.link);
        status = listen_to(d, l, messages, stop);
        if (!close_file(d)) status = SIM_EXIT_FAULT;
    }
    if (messages != NULL) sim_dump_close(messages);
    if (stop >= 0) close(stop);
    l->ops->close(l);
    return status;
}

static int do_dump(int argc, char **argv)
{
    enum { FRAMES = SIM_BENCH_OWN, WRITE, COUNT };
    static const struct option options[] = {{"fd", no_argument, NULL, SIM_BENCH_FD},
                                            {"timeout", required_argument, NULL, SIM_BENCH_TIMEOUT},
                                            {"json", no_argument, NULL, SIM_BENCH_JSON},
                                            {"frames", no_argument, NULL, FRAMES},
                                            {"write", required_argument, NULL, WRITE},
                                            {"count", required_argument, NULL, COUNT},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct dumping d = {.o = sim_bench_defaults("isoctane-sim isotp dump")};

    for (int c; (c = getopt_long(argc, argv, "s:d:xuh", options, NULL)) != -1;) {
        switch (c) {
        case 'h':
            fputs(dump_help, stdout);
            return SIM_EXIT_OK;
        case 'x':
            d.addressed = true;
            break;
        case 'u':
            d.uds = true;
            break;
        case FRAMES:
            d.frames = true;
            break;
        case WRITE:
            d.write = optarg;
            break;
        case COUNT:
            if (sim_bench_number(optarg, 10, UINT32_MAX, &d.count) && d.count > 0) break;
            fprintf(stderr, "%s: --count %s: give a whole number\n", d.o.program, optarg);
            return SIM_EXIT_USAGE;
        default:
            d.only = d.only || c == 's' || c == 'd';
            if (!sim_bench_take(&d.o, c, optarg)) return SIM_EXIT_USAGE;
        }
    }
    return one_link(&d.o, argc, argv, 1) ? dump(&d) : SIM_EXIT_USAGE;
}

/* --- the command --- */

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"send", do_send, "send a message"},
    {"recv", do_recv, "receive messages"},
    {"dump", do_dump, "watch all messages on a bus, and record it"},
};
#define COMMANDS (sizeof commands / sizeof *commands)

int sim_cmd_isotp(int argc, char **argv)
{
    optind = 1;
    for (size_t i = 0; argc > 1 && i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    bool help = argc > 1 && strcmp(argv[1], "--help") == 0;
    FILE *out = help ? stdout : stderr;
    if (argc > 1 && !help) fprintf(stderr, "isoctane-sim isotp: %s: no such command\n\n", argv[1]);
    fprintf(
        out,
        "Usage: isoctane-sim isotp COMMAND [OPTION...] LINK\n\n"
        "Messages of ISO 15765-2 (ISO-TP) on any link, with options as can-utils have them.\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++) fprintf(out, "  %-6s %s\n", commands[i].name, commands[i].help);
    return help ? SIM_EXIT_OK : SIM_EXIT_USAGE;
}

/* isoctane-sim bus: a virtual CAN bus until SIGINT or SIGTERM. */
#include "sim/commands.h"
#include "sim/hub.h"
#include "sim/realtime.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const char help_text[] =
    "Usage: isoctane-sim bus --path SOCKET [OPTION...]\n"
    "       isoctane-sim bus --bridge LINK --bridge LINK [OPTION...]\n"
    "\n"
    "A CAN bus for the processes of this host: Isoctane's programs join it as bus:SOCKET. Keeps the pace of "
    "a real bus:\n"
    "arbitration, stuff bits, bit times. Runs until SIGINT or SIGTERM.\n"
    "\n"
    "  --path SOCKET         where clients connect\n"
    "  --bridge LINK         join this bus to ours: can0, bus:SOCKET, slcan:TTY, socketcand:HOST:PORT/BUS;\n"
    "                        twice, and our bus stands between two, with its faults and rules\n"
    "  --name NAME           the bus's name in logs and socketcand (default can0)\n"
    "  --bitrate BPS         arbitration phase, bit/s (default 500000; with --bridge 0); 0: as fast as\n"
    "                        the host\n"
    "  --data-bitrate BPS    CAN FD, with this bitrate in the data phase; 0: the same bitrate\n"
    "  --socketcand PORT     also speak socketcand on 127.0.0.1:PORT; 0: any free port\n"
    "  --slcan PATH          also speak SLCAN, the text of serial adapters: on the tty PATH, or on a Unix\n"
    "                        stream socket made there, for emulators\n"
    "  --log FILE            write every frame to FILE, as candump -L does; -: standard output\n"
    "  --capture FILE        write every frame to FILE as pcapng, for Wireshark; -: standard output\n"
    "  --drop PERCENT        lose this share of the frames\n"
    "  --corrupt PERCENT     flip payload bits in this share (the CRC is right: a man in the middle)\n"
    "  --duplicate PERCENT   send this share twice\n"
    "  --delay PERCENT:US    hold up this share for US microseconds\n"
    "  --reorder PERCENT     let the next frame overtake this share\n"
    "  --error PERCENT       destroy this share with error frames; error counters, bus-off and return "
    "follow\n"
    "  --spoof PERCENT       after this share, a forged frame of the same identifier\n"
    "  --flood PERCENT:N     after this share, N frames of the highest priority\n"
    "  --rule RULE           a fault or an attack on certain frames, such as 'drop id=7E8 data=0376 "
    "count=3';\n"
    "                        may be repeated\n"
    "  --script FILE         rules, one per line\n"
    "  --seed N              the run of faults (default 1); the same seed and traffic, the same faults\n"
    "  --help\n"
    "\n"
    "Rules: drop, corrupt, duplicate, delay by=5ms, reorder, error, alter set=2:00FF, spoof "
    "[frame=7E8#0274],\n"
    "  each [id=7E8 | id=700-7FF] [data=x036xx] [chance=PERCENT] [skip=N] [count=N] [at=2s] [for=500ms]\n"
    "  [from=1]; send frame=7DF#023E80 [at=2s] [every=100ms] [count=N]; flood [frame=000#] [at=2s] [for=1s]\n"
    "\n"
    "Exit status: 0 ended by signal, 64 usage, 70 fault, 78 the socket, port or file cannot be used.\n";

struct options {
    struct sim_hub_config hub;
    const char *log, *capture;
    const char *bridged[SIM_BRIDGE_LINKS];
    bool bitrate_given;
    struct sim_rule rules[SIM_RULES_MAX];
};

static int complain(const char *option, const char *value, const char *wanted)
{
    fprintf(stderr, "isoctane-sim bus: --%s %s: %s\n", option, value, wanted);
    return SIM_EXIT_USAGE;
}

static bool whole(const char *text, uint64_t max, uint64_t *value)
{
    char *end;
    if (text[0] < '0' || text[0] > '9') return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0 && *value <= max;
}

/* "0.5" percent: 5000 ppm. Stops at END. */
static bool percent(const char *text, uint32_t *ppm, char **end)
{
    if (text[0] < '0' || text[0] > '9') return false;
    double value = strtod(text, end);
    if (!(value >= 0 && value <= 100)) return false;
    *ppm = (uint32_t)(value * 10000 + 0.5);
    return true;
}

enum option_id {
    PATH = 1,
    BRIDGE,
    NAME,
    BITRATE,
    DATA_BITRATE,
    SOCKETCAND,
    SLCAN,
    LOG,
    CAPTURE,
    DROP,
    CORRUPT,
    DUPLICATE,
    DELAY,
    REORDER,
    ERROR,
    SPOOF,
    FLOOD,
    RULE,
    SCRIPT,
    SEED,
    HELP
};

static const struct option long_options[] = {
    {"path", required_argument, NULL, PATH},
    {"bridge", required_argument, NULL, BRIDGE},
    {"name", required_argument, NULL, NAME},
    {"bitrate", required_argument, NULL, BITRATE},
    {"data-bitrate", required_argument, NULL, DATA_BITRATE},
    {"socketcand", required_argument, NULL, SOCKETCAND},
    {"slcan", required_argument, NULL, SLCAN},
    {"log", required_argument, NULL, LOG},
    {"capture", required_argument, NULL, CAPTURE},
    {"drop", required_argument, NULL, DROP},
    {"corrupt", required_argument, NULL, CORRUPT},
    {"duplicate", required_argument, NULL, DUPLICATE},
    {"delay", required_argument, NULL, DELAY},
    {"reorder", required_argument, NULL, REORDER},
    {"error", required_argument, NULL, ERROR},
    {"spoof", required_argument, NULL, SPOOF},
    {"flood", required_argument, NULL, FLOOD},
    {"rule", required_argument, NULL, RULE},
    {"script", required_argument, NULL, SCRIPT},
    {"seed", required_argument, NULL, SEED},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static int take_chance(const char *option, const char *value, uint32_t *ppm)
{
    char *end;
    if (percent(value, ppm, &end) && *end == '\0') return SIM_EXIT_OK;
    return complain(option, value, "give a percentage, 0 to 100");
}

static int take_delay(const char *value, struct sim_bus_faults *faults)
{
    char *end;
    uint64_t us;
    if (!percent(value, &faults->delay_ppm, &end) || *end != ':' || !whole(end + 1, 10000000, &us))
        return complain("delay", value, "give a percentage and microseconds, such as 1:500");
    faults->delay_ns = us * 1000;
    return SIM_EXIT_OK;
}

static int take_flood(const char *value, struct sim_bus_faults *faults)
{
    char *end;
    uint64_t n;
    if (!percent(value, &faults->flood_ppm, &end) || *end != ':' || !whole(end + 1, 1000000, &n))
        return complain("flood", value, "give a percentage and a number of frames, such as 1:20");
    faults->flood_frames = (uint32_t)n;
    return SIM_EXIT_OK;
}

static int take_rule(struct options *o, const char *value)
{
    char why[256];
    if (o->hub.bus.rule_count == SIM_RULES_MAX) return complain("rule", value, "too many rules");
    if (!sim_rule_parse(value, &o->rules[o->hub.bus.rule_count], why, sizeof why))
        return complain("rule", value, why);
    o->hub.bus.rule_count++;
    return SIM_EXIT_OK;
}

static int take_script(struct options *o, const char *value)
{
    char why[512];
    FILE *file = fopen(value, "re");
    if (file == NULL) {
        fprintf(stderr, "isoctane-sim bus: --script %s: %s\n", value, strerror(errno));
        return SIM_EXIT_CONFIG;
    }
    bool good = sim_rules_read(file, value, o->rules, &o->hub.bus.rule_count, why, sizeof why);
    fclose(file);
    if (good) return SIM_EXIT_OK;
    fprintf(stderr, "isoctane-sim bus: %s\n", why);
    return SIM_EXIT_USAGE;
}

static int take(struct options *o, const struct option *option, const char *value)
{
    struct sim_hub_config *hub = &o->hub;
    struct sim_bus_faults *faults = &hub->bus.faults;
    uint64_t n;

    switch (option->val) {
    case PATH:
        hub->path = value;
        return SIM_EXIT_OK;
    case BRIDGE:
        if (hub->bridged_count == SIM_BRIDGE_LINKS) return complain("bridge", value, "too many links");
        o->bridged[hub->bridged_count++] = value;
        return SIM_EXIT_OK;
    case NAME:
        if (value[0] == '\0' || strlen(value) > 15 || strpbrk(value, " <>#\n") != NULL)
            return complain("name", value, "give 1 to 15 characters such as can0");
        hub->name = value;
        return SIM_EXIT_OK;
    case BITRATE:
        if (!whole(value, 1000000000, &n))
            return complain("bitrate", value, "give bit/s such as 500000, or 0");
        hub->bus.bitrate = (uint32_t)n;
        o->bitrate_given = true;
        return SIM_EXIT_OK;
    case DATA_BITRATE:
        if (!whole(value, 1000000000, &n))
            return complain("data-bitrate", value, "give bit/s such as 2000000, or 0");
        hub->bus.data_bitrate = (uint32_t)n;
        hub->bus.fd = true;
        return SIM_EXIT_OK;
    case SOCKETCAND:
        if (!whole(value, 65535, &n)) return complain("socketcand", value, "give a TCP port, 0 to 65535");
        hub->socketcand = true;
        hub->socketcand_port = (uint16_t)n;
        return SIM_EXIT_OK;
    case SLCAN:
        hub->slcan = value;
        return SIM_EXIT_OK;
    case LOG:
        o->log = value;
        return SIM_EXIT_OK;
    case CAPTURE:
        o->capture = value;
        return SIM_EXIT_OK;
    case DROP:
        return take_chance("drop", value, &faults->drop_ppm);
    case CORRUPT:
        return take_chance("corrupt", value, &faults->corrupt_ppm);
    case DUPLICATE:
        return take_chance("duplicate", value, &faults->duplicate_ppm);
    case DELAY:
        return take_delay(value, faults);
    case REORDER:
        return take_chance("reorder", value, &faults->reorder_ppm);
    case ERROR:
        return take_chance("error", value, &faults->error_ppm);
    case SPOOF:
        return take_chance("spoof", value, &faults->spoof_ppm);
    case FLOOD:
        return take_flood(value, faults);
    case RULE:
        return take_rule(o, value);
    case SCRIPT:
        return take_script(o, value);
    default:
        if (!whole(value, UINT64_MAX, &faults->seed)) return complain("seed", value, "give a whole number");
        return SIM_EXIT_OK;
    }
}

static void describe(const struct options *o, struct sim_hub *h)
{
    const struct sim_bus_config *bus = &sim_hub_bus(h)->config;
    FILE *out = o->capture != NULL && strcmp(o->capture, "-") == 0 ? stderr : stdout;

    if (o->hub.path != NULL) fprintf(out, "bus:%s ", o->hub.path);
    for (size_t i = 0; i < o->hub.bridged_count; i++) fprintf(out, "%s%s", i > 0 ? "<->" : "", o->bridged[i]);
    fprintf(out, "%sready: %s, %s", o->hub.bridged_count > 0 ? " " : "", o->hub.name,
            bus->fd ? "CAN FD" : "classic CAN");
    if (bus->bitrate == 0)
        fprintf(out, ", no bitrate");
    else
        fprintf(out, ", %" PRIu32 " bit/s", bus->bitrate);
    if (bus->fd && bus->bitrate != 0)
        fprintf(out, ", data %" PRIu32 " bit/s", bus->data_bitrate != 0 ? bus->data_bitrate : bus->bitrate);
    if (o->hub.socketcand) fprintf(out, ", socketcand on 127.0.0.1:%u", (unsigned)sim_hub_socketcand_port(h));
    if (o->hub.slcan != NULL) fprintf(out, ", slcan on %s", o->hub.slcan);
    fprintf(out, "\n");
    fflush(out);
}

static void sum_up(struct sim_hub *h, uint64_t ns)
{
    static const char *const words[SIM_DEEDS] = {"dropped",   "corrupted", "duplicated", "delayed",
                                                 "reordered", "disturbed", "altered",    "spoofed",
                                                 "sent",      "flooded"};
    const struct sim_bus *b = sim_hub_bus(h);

    fprintf(stderr, "%" PRIu64 " frames, bus busy %.1f %%", b->stats.frames,
            100.0 * (double)b->stats.busy_ns / (double)(ns + 1));
    for (int d = 0; d < SIM_DEEDS; d++)
        if (b->tamper.done[d] > 0) fprintf(stderr, ", %" PRIu64 " %s", b->tamper.done[d], words[d]);
    if (b->stats.bus_offs > 0) fprintf(stderr, ", %" PRIu64 " times bus-off", b->stats.bus_offs);
    fprintf(stderr, "\n");
}

/* SIGINT and SIGTERM, blocked from here on, as a descriptor. */
static int stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool open_files(struct options *o, struct sim_pcapng *capture)
{
    if (o->log != NULL) {
        o->hub.log = strcmp(o->log, "-") == 0 ? stdout : fopen(o->log, "we");
        if (o->hub.log == NULL)
            fprintf(stderr, "isoctane-sim bus: %s: cannot be written: %s\n", o->log, strerror(errno));
        if (o->hub.log == NULL) return false;
    }
    if (o->capture == NULL) return true;
    if (!sim_pcapng_open(capture, o->capture)) {
        fprintf(stderr, "isoctane-sim bus: %s: cannot be written: %s\n", o->capture, strerror(errno));
        return false;
    }
    o->hub.capture = capture;
    return true;
}

static bool close_files(struct options *o)
{
    bool log = o->hub.log == NULL || !ferror(o->hub.log);
    if (o->hub.log != NULL && o->hub.log != stdout && fclose(o->hub.log) != 0) log = false;
    if (!log) fprintf(stderr, "isoctane-sim bus: %s: the log is incomplete\n", o->log);
    bool capture = o->hub.capture == NULL || sim_pcapng_close(o->hub.capture);
    if (!capture) fprintf(stderr, "isoctane-sim bus: %s: the capture is incomplete\n", o->capture);
    return log && capture;
}

static int serve(struct options *o, int stop)
{
    char why[256];
    int status = SIM_EXIT_OK;
    struct sim_hub *h = sim_hub_open(&o->hub, why, sizeof why);
    if (h == NULL) {
        fprintf(stderr, "isoctane-sim bus: %s\n", why);
        return SIM_EXIT_CONFIG;
    }
    uint64_t began = sim_monotonic_ns();
    describe(o, h);
    if (stop < 0 || sim_hub_loop(&h, 1, stop) < 0) {
        fprintf(stderr, "isoctane-sim bus: cannot wait for events: %s\n", strerror(errno));
        status = SIM_EXIT_FAULT;
    }
    if (sim_hub_down(h) != NULL) {
        fprintf(stderr, "isoctane-sim bus: %s: down (bus-off, or its bus ended); start again when it is up\n",
                sim_hub_down(h));
        status = SIM_EXIT_FAULT;
    }
    sum_up(h, sim_monotonic_ns() - began);
    sim_hub_close(h);
    return status;
}

static int run(struct options *o)
{
    static struct sim_pcapng capture; /* large */
    int stop = stop_signals();
    int status = open_files(o, &capture) ? serve(o, stop) : SIM_EXIT_CONFIG;
    if (!close_files(o)) status = SIM_EXIT_FAULT;
    if (stop >= 0) close(stop);
    return status;
}

int sim_cmd_bus(int argc, char **argv)
{
    struct options o = {.hub = {.name = "can0", .bus = {.bitrate = 500000, .faults = {.seed = 1}}}};
    o.hub.bus.rules = o.rules;
    o.hub.bridged = o.bridged;

    optind = 1;
    for (int id, index = 0; (id = getopt_long(argc, argv, "", long_options, &index)) != -1;) {
        if (id == HELP) {
            fputs(help_text, stdout);
            return SIM_EXIT_OK;
        }
        if (id == '?') {
            fprintf(stderr, "see isoctane-sim bus --help\n");
            return SIM_EXIT_USAGE;
        }
        int status = take(&o, &long_options[index], optarg);
        if (status != SIM_EXIT_OK) return status;
    }
    if (optind < argc) {
        fprintf(stderr, "isoctane-sim bus: %s: not an option; see isoctane-sim bus --help\n", argv[optind]);
        return SIM_EXIT_USAGE;
    }
    if (o.hub.path == NULL && o.hub.bridged_count == 0) {
        fprintf(
            stderr,
            "isoctane-sim bus: --path SOCKET or --bridge LINK is required; see isoctane-sim bus --help\n");
        return SIM_EXIT_USAGE;
    }
    if (o.hub.bridged_count > 0 && !o.bitrate_given) o.hub.bus.bitrate = 0; /* they have their own */
    return run(&o);
}

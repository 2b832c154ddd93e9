/* isoctane-sim bus: a virtual CAN bus until SIGINT or SIGTERM. */
#include "sim/commands.h"
#include "sim/fault_options.h"
#include "sim/hub.h"
#include "sim/realtime.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define NOT_GIVEN UINT32_MAX

struct options {
    struct sim_hub_config hub;
    const char *log, *capture;
    const char *bridged[SIM_BRIDGE_LINKS];
    uint32_t bitrate;
    struct sim_fault_options faults;
};

static bool take_bridge(void *value, char *text, char why[SIM_WHY_MAX])
{
    struct options *o = value;
    if (o->hub.bridged_count == SIM_BRIDGE_LINKS) return sim_say(why, "too many links");
    o->bridged[o->hub.bridged_count++] = text;
    return true;
}

static bool take_name(void *value, char *text, char why[SIM_WHY_MAX])
{
    if (text[0] == '\0' || strlen(text) > 15 || strpbrk(text, " <>#\n") != NULL)
        return sim_say(why, "give 1 to 15 characters such as can0");
    *(const char **)value = text;
    return true;
}

static bool take_bitrate(void *value, char *text, char why[SIM_WHY_MAX])
{
    uint64_t n;
    if (!sim_option_number(text, 1000000000, &n)) return sim_say(why, "give bit/s such as 500000, or 0");
    *(uint32_t *)value = (uint32_t)n;
    return true;
}

static bool take_data_bitrate(void *value, char *text, char why[SIM_WHY_MAX])
{
    struct sim_bus_config *bus = value;
    bus->fd = true;
    return take_bitrate(&bus->data_bitrate, text, why);
}

static bool take_port(void *value, char *text, char why[SIM_WHY_MAX])
{
    struct sim_hub_config *hub = value;
    uint64_t n;
    if (!sim_option_number(text, 65535, &n)) return sim_say(why, "give a TCP port, 0 to 65535");
    hub->socketcand = true;
    hub->socketcand_port = (uint16_t)n;
    return true;
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
    const struct sim_bus *b = sim_hub_bus(h);

    fprintf(stderr, "%" PRIu64 " frames, bus busy %.1f %%", b->stats.frames,
            100.0 * (double)b->stats.busy_ns / (double)(ns + 1));
    sim_print_deeds(stderr, b);
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
    static struct options o; /* large */
    o = (struct options){.hub = {.name = "can0"}, .bitrate = NOT_GIVEN, .faults = {.chance = {.seed = 1}}};
    const struct sim_option options[] = {
        {"path", "SOCKET", SIM_OPT_TEXT, &o.hub.path, "where clients connect"},
        SIM_OWN_OPTION("bridge", "LINK", take_bridge, &o,
                       "join this bus to ours: can0, bus:SOCKET, slcan:TTY,\n"
                       "socketcand:HOST:PORT/BUS; twice, and our bus stands between two, with\n"
                       "its faults and rules"),
        SIM_OWN_OPTION("name", "NAME", take_name, &o.hub.name,
                       "the bus's name in logs and socketcand (default can0)"),
        SIM_OWN_OPTION("bitrate", "BPS", take_bitrate, &o.bitrate,
                       "arbitration phase, bit/s (default 500000; with --bridge 0); 0: as fast\n"
                       "as the host"),
        SIM_OWN_OPTION("data-bitrate", "BPS", take_data_bitrate, &o.hub.bus,
                       "CAN FD, with this bitrate in the data phase; 0: the same bitrate"),
        SIM_OWN_OPTION("socketcand", "PORT", take_port, &o.hub,
                       "also speak socketcand on 127.0.0.1:PORT; 0: any free port"),
        {"slcan", "PATH", SIM_OPT_TEXT, &o.hub.slcan,
         "also speak SLCAN, the text of serial adapters: on the tty PATH, or on\n"
         "a Unix stream socket made there, for emulators"},
        {"log", "FILE", SIM_OPT_TEXT, &o.log,
         "write every frame to FILE, as candump -L does; -: standard output"},
        {"capture", "FILE", SIM_OPT_TEXT, &o.capture,
         "write every frame to FILE as pcapng, for Wireshark; -: standard output"},
        SIM_FAULT_OPTIONS(&o.faults),
        SIM_OWN_OPTION("seed", "N", sim_take_seed, &o.faults.chance.seed,
                       "the run of faults (default 1); the same seed and traffic, the same\n"
                       "faults"),
    };
    const struct sim_usage usage = {
        .program = "isoctane-sim bus",
        .arguments = "",
        .text =
            "A CAN bus for the processes of this host: Isoctane's programs join it as bus:SOCKET. Keeps\n"
            "the pace of a real bus: arbitration, stuff bits, bit times. Needs --path or --bridge. Runs\n"
            "until SIGINT or SIGTERM.\n\n" SIM_RULES_HELP
            "\nExit status: 0 ended by signal, 64 usage, 70 fault, 78 the socket, port or file cannot be\n"
            "used.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int rest;
    enum sim_parsed parsed = sim_options_parse(&usage, argc, argv, &rest);
    if (parsed == SIM_PARSED_HELP) return SIM_EXIT_OK;
    if (parsed != SIM_PARSED) return o.faults.unreadable ? SIM_EXIT_CONFIG : SIM_EXIT_USAGE;
    if (o.hub.path == NULL && o.hub.bridged_count == 0) {
        fprintf(
            stderr,
            "isoctane-sim bus: --path SOCKET or --bridge LINK is required; see isoctane-sim bus --help\n");
        return SIM_EXIT_USAGE;
    }
    o.hub.bus.bitrate = o.bitrate != NOT_GIVEN    ? o.bitrate
                        : o.hub.bridged_count > 0 ? 0 /* they have their own */
                                                  : 500000;
    o.hub.bus.faults = o.faults.chance;
    o.hub.bus.rules = o.faults.rules;
    o.hub.bus.rule_count = o.faults.rule_count;
    o.hub.bridged = o.bridged;
    return run(&o);
}

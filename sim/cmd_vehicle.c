/* isoctane-sim vehicle: the whole demo vehicle in this process, in virtual time. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "primary/table.h"
#include "sim/commands.h"
#include "sim/temp_dir.h"
#include "sim/vehicle.h"

static const char help_text[] =
    "Usage: isoctane-sim vehicle [--seed N] [--drop PERCENT] [--layout LAYOUT] [--dir FOLDER]\n"
    "                            [--log FILE] [--capture FILE] [--quiet] [--json]\n"
    "\n"
    "One Primary, four Secondaries on two CAN buses, both repositories and the Director in one process, "
    "under a virtual\n"
    "clock: a full update, then a poll that finds everything up to date. The same seed gives the same "
    "output.\n"
    "\n"
    "  --seed N          of keys, images, nonces and faults (default 1)\n"
    "  --drop PERCENT    frames lost on both buses\n"
    "  --layout LAYOUT   of the Secondaries: two-slots (default), swap, one-slot\n"
    "  --dir FOLDER      keep everything there (empty or absent; default: a temporary folder)\n"
    "  --log FILE        write every frame of both buses to FILE, as candump -L does\n"
    "  --capture FILE    the same as pcapng, an interface per bus\n"
    "  --quiet           no events, only the result\n"
    "  --json            the result as JSON\n"
    "\n"
    "Exit status: 0 everything updated, 64 usage, 70 something was not, 78 the log cannot be written.\n";

static void print_event(void *ctx, const struct pri_event *e)
{
    const struct sim_vehicle *const *v = ctx;
    printf("%12.6f  %-8s %-10s %s%s%s\n", *v == NULL ? 0.0 : (double)sim_vehicle_us(*v) / 1e6,
           e->ecu[0] ? e->ecu : "vehicle", e->what, up_err_name(e->err),
           e->detail != NULL && e->detail[0] ? ": " : "", e->detail == NULL ? "" : e->detail);
}

static void print_buses(const struct sim_vehicle *v)
{
    for (unsigned b = 0; b < SIM_WORLD_BUSES; b++) {
        const struct sim_bus *bus = sim_vehicle_bus(v, b);
        printf("%s: %llu frames, %.3f s busy, %llu dropped\n", sim_world_buses[b].name,
               (unsigned long long)bus->stats.frames, (double)bus->stats.busy_ns / 1e9,
               (unsigned long long)bus->tamper.done[SIM_DROP]);
    }
}

static int drive(const struct sim_vehicle_options *o, struct sim_vehicle **v, bool json)
{
    char why[512];
    *v = sim_vehicle_open(o, why, sizeof why);
    if (*v == NULL) {
        fprintf(stderr, "isoctane-sim vehicle: %s\n", why);
        return SIM_EXIT_FAULT;
    }
    if (!sim_vehicle_order(*v, 2)) {
        fprintf(stderr, "isoctane-sim vehicle: %s\n", sim_vehicle_world(*v)->why);
        return SIM_EXIT_FAULT;
    }
    const struct pri_outcome *first = sim_vehicle_cycle(*v, PRI_UPDATE);
    if (first == NULL) {
        fprintf(stderr, "isoctane-sim vehicle: the cycle did not end within an hour\n");
        return SIM_EXIT_FAULT;
    }
    bool good = first->err == UP_OK && first->updated == SIM_WORLD_ECUS;
    if (json) {
        cJSON *j = pri_outcome_json(first);
        cJSON_AddNumberToObject(j, "virtual_seconds", (double)sim_vehicle_us(*v) / 1e6);
        char *text = cJSON_Print(j);
        if (text != NULL) puts(text);
        free(text);
        cJSON_Delete(j);
    } else {
        pri_print_table(stdout, first);
        print_buses(*v);
    }
    const struct pri_outcome *second = sim_vehicle_cycle(*v, PRI_UPDATE);
    bool quiet = second != NULL && second->err == UP_OK && second->updated == 0 && second->pending == 0;
    if (!json)
        printf("%12.6f  second poll: %s\n", (double)sim_vehicle_us(*v) / 1e6,
               quiet ? "everything is up to date" : "NOT up to date");
    return good && quiet ? SIM_EXIT_OK : SIM_EXIT_FAULT;
}

/* The same, with every frame in the file LOG (NULL: none). */
static int cannot_write(const char *name)
{
    fprintf(stderr, "isoctane-sim vehicle: %s: %s\n", name, strerror(errno));
    return SIM_EXIT_CONFIG;
}

static int drive_logged(struct sim_vehicle_options *o, struct sim_vehicle **v, bool json, const char *log,
                        const char *capture)
{
    static struct sim_pcapng pcapng; /* large */
    if (log != NULL && (o->log = fopen(log, "w")) == NULL) return cannot_write(log);
    if (capture != NULL) {
        if (!sim_pcapng_open(&pcapng, capture)) return cannot_write(capture);
        o->capture = &pcapng;
    }
    int status = drive(o, v, json);
    sim_vehicle_close(*v);
    *v = NULL;
    bool good = o->log == NULL || !ferror(o->log);
    if (o->log != NULL && fclose(o->log) != 0) good = false;
    if (o->capture != NULL && !sim_pcapng_close(o->capture)) good = false;
    if (good) return status;
    fprintf(stderr, "isoctane-sim vehicle: the log or capture is incomplete: is the disk full?\n");
    return SIM_EXIT_FAULT;
}

static bool read_layout(const char *text, enum sec_layout_kind *out)
{
    static const char *const names[] = {
        [SEC_TWO_SLOTS] = "two-slots", [SEC_SWAP] = "swap", [SEC_ONE_SLOT] = "one-slot"};
    for (int i = SEC_TWO_SLOTS; i <= SEC_ONE_SLOT; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *out = (enum sec_layout_kind)i;
        return true;
    }
    return false;
}

int sim_cmd_vehicle(int argc, char **argv)
{
    static const struct option options[] = {
        {"seed", required_argument, NULL, 's'},   {"drop", required_argument, NULL, 'd'},
        {"layout", required_argument, NULL, 'L'}, {"dir", required_argument, NULL, 'D'},
        {"log", required_argument, NULL, 'l'},    {"capture", required_argument, NULL, 'c'},
        {"quiet", no_argument, NULL, 'q'},        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {0}};
    static struct sim_vehicle *vehicle; /* for the clock in front of events */
    struct sim_vehicle_options o = {.seed = 1, .scheme = UP_ED25519, .event = print_event, .ctx = &vehicle};
    bool json = false;
    const char *log = NULL, *capture = NULL;
    char dir[512] = "";
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *end = optarg;
        double percent;
        switch (c) {
        case 's':
            o.seed = strtoull(optarg, &end, 10);
            if (*end == '\0' && end != optarg) break;
            fprintf(stderr, "isoctane-sim vehicle: --seed %s: not a whole number\n", optarg);
            return SIM_EXIT_USAGE;
        case 'd':
            percent = strtod(optarg, &end);
            o.faults.drop_ppm = (uint32_t)(percent * 10000.0);
            if (*end == '\0' && end != optarg && percent >= 0 && percent <= 100) break;
            fprintf(stderr, "isoctane-sim vehicle: --drop %s: not a percentage\n", optarg);
            return SIM_EXIT_USAGE;
        case 'L':
            if (read_layout(optarg, &o.layout)) break;
            fprintf(stderr, "isoctane-sim vehicle: --layout %s: give two-slots, swap or one-slot\n", optarg);
            return SIM_EXIT_USAGE;
        case 'D':
            o.dir = optarg;
            break;
        case 'l':
            log = optarg;
            break;
        case 'c':
            capture = optarg;
            break;
        case 'q':
            o.event = NULL;
            break;
        case 'j':
            json = true;
            o.event = NULL;
            break;
        case 'h':
            fputs(help_text, stdout);
            return SIM_EXIT_OK;
        default:
            return SIM_EXIT_USAGE;
        }
    }
    if (optind != argc) {
        fprintf(stderr, "isoctane-sim vehicle: %s: no such argument; see --help\n", argv[optind]);
        return SIM_EXIT_USAGE;
    }
    if (o.dir == NULL) {
        if (!sim_temp_dir(dir, sizeof dir)) {
            fprintf(stderr, "isoctane-sim vehicle: no temporary folder; set TMPDIR to a writable one\n");
            return SIM_EXIT_FAULT;
        }
        o.dir = dir;
    }
    int status = drive_logged(&o, &vehicle, json, log, capture);
    if (dir[0] != '\0') sim_remove_dir(dir);
    return status;
}

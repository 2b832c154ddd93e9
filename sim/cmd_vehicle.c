/* isoctane-sim vehicle: the whole demo vehicle in this process, in virtual time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "primary/table.h"
#include "sim/commands.h"
#include "sim/fault_options.h"
#include "sim/temp_dir.h"
#include "sim/vehicle.h"

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
        printf("%s: %llu frames, %.3f s busy", sim_world_buses[b].name, (unsigned long long)bus->stats.frames,
               (double)bus->stats.busy_ns / 1e9);
        sim_print_deeds(stdout, bus);
        printf("\n");
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

static bool take_layout(void *value, char *text, char why[SIM_WHY_MAX])
{
    static const char *const names[] = {
        [SEC_TWO_SLOTS] = "two-slots", [SEC_SWAP] = "swap", [SEC_ONE_SLOT] = "one-slot"};
    for (int i = SEC_TWO_SLOTS; i <= SEC_ONE_SLOT; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *(enum sec_layout_kind *)value = (enum sec_layout_kind)i;
        return true;
    }
    return sim_say(why, "give two-slots, swap or one-slot");
}

int sim_cmd_vehicle(int argc, char **argv)
{
    static struct sim_fault_options faults; /* large */
    static struct sim_vehicle *vehicle;     /* for the clock in front of events */
    struct sim_vehicle_options o = {.seed = 1, .scheme = UP_ED25519, .ctx = &vehicle};
    faults = (struct sim_fault_options){.rule_count = 0};
    bool json = false, silent = false;
    const char *log = NULL, *capture = NULL;
    char dir[512] = "";
    const struct sim_option options[] = {
        SIM_OWN_OPTION("seed", "N", sim_take_seed, &o.seed, "of keys, images, nonces and faults (default 1)"),
        SIM_OWN_OPTION("layout", "LAYOUT", take_layout, &o.layout,
                       "of the Secondaries: two-slots (default), swap, one-slot"),
        {"dir", "FOLDER", SIM_OPT_TEXT, &o.dir,
         "keep everything there (empty or absent; default: a temporary folder)"},
        {"log", "FILE", SIM_OPT_TEXT, &log, "write every frame of both buses to FILE, as candump -L does"},
        {"capture", "FILE", SIM_OPT_TEXT, &capture, "the same as pcapng, an interface per bus"},
        {"quiet", NULL, SIM_OPT_FLAG, &silent, "no events, only the result"},
        {"json", NULL, SIM_OPT_FLAG, &json, "the result as JSON"},
        SIM_FAULT_OPTIONS(&faults),
    };
    const struct sim_usage usage = {
        .program = "isoctane-sim vehicle",
        .arguments = "",
        .text =
            "One Primary, four Secondaries on two CAN buses, both repositories and the Director in one\n"
            "process, under a virtual clock: a full update, then a poll that finds everything up to date.\n"
            "The same seed gives the same output. Faults and rules are for both buses.\n\n" SIM_RULES_HELP
            "\nExit status: 0 everything updated, 64 usage, 70 something was not, 78 a file cannot be read\n"
            "or written.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int rest;
    enum sim_parsed parsed = sim_options_parse(&usage, argc, argv, &rest);
    if (parsed == SIM_PARSED_HELP) return SIM_EXIT_OK;
    if (parsed != SIM_PARSED) return faults.unreadable ? SIM_EXIT_CONFIG : SIM_EXIT_USAGE;
    if (!silent && !json) o.event = print_event;
    o.faults = faults.chance;
    o.rules = faults.rules;
    o.rule_count = faults.rule_count;
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

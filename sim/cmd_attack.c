/* isoctane-sim attack: the table of attacks, and running them. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/attack.h"
#include "sim/commands.h"
#include "sim/temp_dir.h"

static const char help_text[] =
    "Usage: isoctane-sim attack list [--json]\n"
    "       isoctane-sim attack run NAME|all [--seed N] [--json]\n"
    "\n"
    "Attacks a simulated vehicle and tells whether everything came out as it must. Every attack ends with "
    "an\n"
    "honest update, which has to succeed.\n"
    "\n"
    "  --seed N    of keys, images and nonces (default 1)\n"
    "  --json      the result on standard output as JSON\n"
    "\n"
    "Exit status: 0 all as expected, 64 usage, 70 something came out otherwise, or could not be run.\n";

static void print_json(cJSON *j)
{
    char *text = cJSON_Print(j);
    if (text != NULL) puts(text);
    free(text);
    cJSON_Delete(j);
}

static int list(bool json)
{
    cJSON *all = cJSON_CreateArray();
    for (size_t i = 0; i < sim_attack_count; i++) {
        const struct sim_attack *a = &sim_attacks[i];
        if (!json) printf("%-22s %s (attacker holds: %s)\n", a->name, a->title, a->holds);
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "name", a->name);
        cJSON_AddStringToObject(o, "title", a->title);
        cJSON_AddStringToObject(o, "attacker_holds", a->holds);
        cJSON_AddStringToObject(o, "requirement", a->requirement);
        cJSON_AddItemToArray(all, o);
    }
    if (json)
        print_json(all);
    else
        cJSON_Delete(all);
    return SIM_EXIT_OK;
}

static void print_result(const struct sim_attack *a, const struct sim_attack_result *r)
{
    printf("%s\n", a->title);
    for (unsigned i = 0; i < r->steps; i++) {
        const struct sim_attack_step *s = &r->step[i];
        const char *attack = up_err_attack(s->got);
        printf("  %-4s %-8s %s: %s%s%s%s\n", s->as_expected ? "ok" : "BAD", s->who, s->what,
               up_err_name(s->got), attack[0] ? " (" : "", attack, attack[0] ? ")" : "");
        if (!s->as_expected) printf("       expected %s\n", up_err_name(s->expected));
    }
    if (r->limit[0] != '\0') printf("  known limit: %s\n", r->limit);
    if (r->trouble[0] != '\0') printf("  could not be run: %s\n", r->trouble);
}

static bool run(const struct sim_attack *a, uint64_t seed, bool json, cJSON *all)
{
    char dir[512];
    struct sim_attack_result r;
    if (!sim_temp_dir(dir, sizeof dir)) {
        fprintf(stderr, "isoctane-sim attack: no temporary folder; set TMPDIR to a writable one\n");
        return false;
    }
    sim_attack_run(a, seed, dir, &r);
    sim_remove_dir(dir);
    if (json)
        cJSON_AddItemToArray(all, sim_attack_json(a, &r));
    else
        print_result(a, &r);
    return r.held;
}

int sim_cmd_attack(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    bool json = false;
    uint64_t seed = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *end = optarg;
        switch (c) {
        case 'j':
            json = true;
            break;
        case 'h':
            fputs(help_text, stdout);
            return SIM_EXIT_OK;
        case 's':
            seed = strtoull(optarg, &end, 10);
            if (*end == '\0' && end != optarg) break;
            fprintf(stderr, "isoctane-sim attack: --seed %s: not a whole number\n", optarg);
            return SIM_EXIT_USAGE;
        default:
            return SIM_EXIT_USAGE;
        }
    }
    argc -= optind;
    argv += optind;
    if (argc == 1 && strcmp(argv[0], "list") == 0) return list(json);
    if (argc != 2 || strcmp(argv[0], "run") != 0) {
        fputs(help_text, stderr);
        return SIM_EXIT_USAGE;
    }
    bool every = strcmp(argv[1], "all") == 0;
    if (!every && sim_attack_named(argv[1]) == NULL) {
        fprintf(stderr, "isoctane-sim attack: %s: no such attack; see isoctane-sim attack list\n", argv[1]);
        return SIM_EXIT_USAGE;
    }
    bool held = true;
    cJSON *all = cJSON_CreateArray();
    for (size_t i = 0; i < sim_attack_count; i++)
        if (every || strcmp(sim_attacks[i].name, argv[1]) == 0)
            held = run(&sim_attacks[i], seed, json, all) && held;
    if (json && !every)
        print_json(cJSON_DetachItemFromArray(all, 0));
    else if (json)
        print_json(cJSON_Duplicate(all, true));
    cJSON_Delete(all);
    return held ? SIM_EXIT_OK : SIM_EXIT_FAULT;
}

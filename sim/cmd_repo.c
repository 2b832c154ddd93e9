#include "sim/cmd_repo.h"

#include <stdlib.h>
#include <string.h>

static void print_help(FILE *out, const char *program, const char *text, const struct sim_command *commands,
                       size_t n)
{
    fprintf(out, "Usage: %s COMMAND [OPTION...]\n\n%s\n\nCommands:\n", program, text);
    for (size_t i = 0; i < n; i++) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(out,
            "\n`%s COMMAND --help` tells the rest. Exit status: 0 ok, 1 nothing to do, 2 attack refused,\n"
            "64 usage, 70 fault, 78 configuration.\n",
            program);
}

int sim_command_run(const char *program, const char *text, const struct sim_command *commands, size_t n,
                    int argc, char **argv, int64_t now_s)
{
    if (argc < 2) {
        print_help(stderr, program, text, commands, n);
        return SIM_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout, program, text, commands, n);
        return SIM_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("isoctane-repo %s\n", ISOCTANE_VERSION);
        return SIM_EXIT_OK;
    }
    for (size_t i = 0; i < n; i++)
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1, now_s);
    fprintf(stderr, "%s: %s: no such command; see %s --help\n", program, argv[1], program);
    return SIM_EXIT_USAGE;
}

bool sim_command_parse(const struct sim_usage *usage, int argc, char **argv, int *rest, int *status)
{
    enum sim_parsed parsed = sim_options_parse(usage, argc, argv, rest);
    *status = parsed == SIM_PARSED_WRONG ? SIM_EXIT_USAGE : SIM_EXIT_OK;
    return parsed == SIM_PARSED;
}

int sim_command_fail(const char *command, const char *why, int status)
{
    fprintf(stderr, "isoctane-repo %s: %s\n", command, why);
    return status;
}

bool sim_command_open(const char *command, struct sim_repo *r, const char *dir)
{
    if (sim_repo_open(r, dir)) return true;
    sim_command_fail(command, r->why, SIM_EXIT_CONFIG);
    return false;
}

int sim_command_done(const char *command, const char *dir)
{
    if (sim_folder_sync(dir)) return SIM_EXIT_OK;
    return sim_command_fail(command, "cannot bring what was written to the disk", SIM_EXIT_FAULT);
}

bool sim_role_plan_parse(const char *text, struct sim_role_plan *out)
{
    unsigned keys, threshold;
    int end = 0;
    if (sscanf(text, "%2u/%2u%n", &keys, &threshold, &end) != 2 || text[end] != '\0') return false;
    if (threshold < 1 || threshold > keys || keys > UP_KEYS_MAX) return false;
    *out = (struct sim_role_plan){(uint8_t)keys, (uint8_t)threshold};
    return true;
}

bool sim_repo_parse(const char *text, enum up_repo *out)
{
    for (enum up_repo r = UP_DIRECTOR; r <= UP_IMAGE; r++)
        if (strcmp(text, up_repo_name(r)) == 0) {
            *out = r;
            return true;
        }
    return false;
}

bool sim_scheme_parse(const char *text, enum up_scheme *out)
{
    static const char *const names[] = {
        [UP_ED25519] = "ed25519", [UP_ECDSA_P256_SHA256] = "ecdsa-p256", [UP_RSA_PSS_SHA256] = "rsa"};
    for (enum up_scheme s = UP_ED25519; s <= UP_RSA_PSS_SHA256; s++)
        if (strcmp(text, names[s]) == 0) {
            *out = s;
            return true;
        }
    return false;
}

void sim_print_json(cJSON *tree)
{
    char *text = cJSON_Print(tree);
    if (text != NULL) puts(text);
    cJSON_free(text);
    cJSON_Delete(tree);
}

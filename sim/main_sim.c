/* isoctane-sim: one program, a table of subcommands. */
#include "sim/commands.h"

#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the subcommand's name; returns the exit status */
    const char *help;
} commands[] = {
    {"attack", sim_cmd_attack, "attacks on a simulated vehicle, and what comes of them"},
    {"bus", sim_cmd_bus, "a virtual CAN bus for the processes of this host"},
    {"demo", sim_cmd_demo, "the demo vehicle with real processes: update it, attack it"},
    {"isotp", sim_cmd_isotp, "send, receive and watch messages on a CAN bus (ISO-TP)"},
    {"serve", sim_cmd_serve, "Director, Image repository and time server over HTTPS"},
    {"uds", sim_cmd_uds, "a tester: scan, read, unlock and flash any ECU; and an ECU to try testers on"},
    {"vehicle", sim_cmd_vehicle, "the whole demo vehicle in one process, in virtual time"},
};

#define COMMANDS (sizeof commands / sizeof *commands)

static void print_help(FILE *out)
{
    fprintf(out,
            "Usage: isoctane-sim COMMAND [OPTION...]\n\nSimulates what surrounds an ECU.\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\n`isoctane-sim COMMAND --help` tells the rest. Exit status: 0 ok, 64 usage, 70 fault, 78 "
                 "configuration.\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return SIM_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return SIM_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("isoctane-sim %s\n", ISOCTANE_VERSION);
        return SIM_EXIT_OK;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "isoctane-sim: %s: no such command; see isoctane-sim --help\n", argv[1]);
    return SIM_EXIT_USAGE;
}

/* Exit statuses, and the subcommands of isoctane-sim. Each takes its name and options as main() would and
 * returns the exit status. */
#ifndef SIM_COMMANDS_H
#define SIM_COMMANDS_H

enum {
    SIM_EXIT_OK = 0,
    SIM_EXIT_NOTHING = 1,
    SIM_EXIT_ATTACK = 2,
    SIM_EXIT_USAGE = 64,
    SIM_EXIT_FAULT = 70,
    SIM_EXIT_CONFIG = 78
}; /* sysexits.h */

int sim_cmd_attack(int argc, char **argv);
int sim_cmd_bus(int argc, char **argv);
int sim_cmd_demo(int argc, char **argv);
int sim_cmd_isotp(int argc, char **argv);
int sim_cmd_serve(int argc, char **argv);
int sim_cmd_uds(int argc, char **argv);
int sim_cmd_vehicle(int argc, char **argv);

#endif

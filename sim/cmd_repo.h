/* The subcommands of isoctane-repo: name and options as main() would take them, and the time of day. Each
 * returns the exit status. */
#ifndef SIM_CMD_REPO_H
#define SIM_CMD_REPO_H

#include "sim/commands.h"
#include "sim/options.h"
#include "sim/repo.h"

int sim_cmd_create(int argc, char **argv, int64_t now_s);
int sim_cmd_add(int argc, char **argv, int64_t now_s);
int sim_cmd_delegate(int argc, char **argv, int64_t now_s);
int sim_cmd_sign(int argc, char **argv, int64_t now_s);
int sim_cmd_rotate(int argc, char **argv, int64_t now_s);
int sim_cmd_show(int argc, char **argv, int64_t now_s);
int sim_cmd_verify(int argc, char **argv, int64_t now_s);
int sim_cmd_director(int argc, char **argv, int64_t now_s);
int sim_cmd_image(int argc, char **argv, int64_t now_s);
int sim_cmd_evil(int argc, char **argv, int64_t now_s);

struct sim_command {
    const char *name;
    int (*run)(int argc, char **argv, int64_t now_s);
    const char *help;
};
/* Runs the command that ARGV[1] names, or helps. PROGRAM: "isoctane-repo", "isoctane-repo director". */
int sim_command_run(const char *program, const char *text, const struct sim_command *commands, size_t n,
                    int argc, char **argv, int64_t now_s);

/* Options that most commands have: rows for a table of struct sim_option. */
#define SIM_OPTION_DIR(value)                                                                                \
    {                                                                                                        \
        "dir", "DIR", SIM_OPT_TEXT, value, "the repositories (default .)"                                    \
    }
#define SIM_OPTION_NOW(value)                                                                                \
    {                                                                                                        \
        "now", "TIME", SIM_OPT_TIME, value, "pretend that it is this time, YYYY-MM-DDTHH:MM:SSZ"             \
    }

#define SIM_COUNT(array) (sizeof(array) / sizeof *(array))
/* Reads the options; *REST: index of the first argument. False: the command ends here, with *STATUS. */
bool sim_command_parse(const struct sim_usage *usage, int argc, char **argv, int *rest, int *status);

/* Prints "COMMAND: WHY" and returns STATUS. */
int sim_command_fail(const char *command, const char *why, int status);
/* Opens the repositories in DIR; false: said so. */
bool sim_command_open(const char *command, struct sim_repo *r, const char *dir);
/* What was written survives a power cut; OK, or FAULT and said so. */
int sim_command_done(const char *command, const char *dir);
/* "5/3": keys and threshold. */
bool sim_role_plan_parse(const char *text, struct sim_role_plan *out);
/* "image" or "director". */
bool sim_repo_parse(const char *text, enum up_repo *out);
/* "ecdsa-p256", "ed25519", "rsa". */
bool sim_scheme_parse(const char *text, enum up_scheme *out);
/* Prints TREE, and frees it. */
void sim_print_json(cJSON *tree);

#endif

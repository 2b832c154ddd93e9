/* Command-line options from a table: one list gives both the parser and the help. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include "sim/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum sim_option_kind {
    SIM_OPT_FLAG,   /* bool: given or not */
    SIM_OPT_TEXT,   /* const char * */
    SIM_OPT_LIST,   /* struct sim_texts: may be repeated, and separated by commas */
    SIM_OPT_NUMBER, /* uint32_t, decimal */
    SIM_OPT_TIME,   /* int64_t, YYYY-MM-DDTHH:MM:SSZ */
    SIM_OPT_OWN     /* struct sim_own: a kind of the command's own */
};

#define SIM_TEXTS_MAX 64
struct sim_texts {
    const char *item[SIM_TEXTS_MAX + 1]; /* ends with NULL */
    size_t n;
};

/* Reads TEXT into VALUE. False: one sentence in WHY. */
typedef bool sim_option_take(void *value, char *text, char why[SIM_WHY_MAX]);
struct sim_own {
    sim_option_take *take;
    void *value;
};
/* A row of such a kind, within a function. */
#define SIM_OWN_OPTION(name, argument, take, value, help)                                                    \
    {                                                                                                        \
        name, argument, SIM_OPT_OWN, &(struct sim_own){take, value}, help                                    \
    }

struct sim_option {
    const char *name;     /* without dashes */
    const char *argument; /* how the help calls it; NULL for a flag */
    enum sim_option_kind kind;
    void *value;
    const char *help; /* one line, or several with \n between */
};

struct sim_usage {
    const char *program;   /* "isoctane-repo add" */
    const char *arguments; /* "FILE NAME"; "" */
    const char *text;      /* what it does */
    const struct sim_option *options;
    size_t option_count;
    int min_arguments, max_arguments;
};

enum sim_parsed { SIM_PARSED, SIM_PARSED_HELP, SIM_PARSED_WRONG };
/* Reads ARGV (ARGV[0] is the command itself) into the options' values; *REST: index of the first argument
 * that is no option. HELP: it has been printed. WRONG: one message on stderr says what and why. Commas in
 * lists are replaced in ARGV itself. */
enum sim_parsed sim_options_parse(const struct sim_usage *u, int argc, char **argv, int *rest);

/* A whole number, 0 to MAX, and nothing else. */
bool sim_option_number(const char *text, uint64_t max, uint64_t *out);

/* Splits TEXT, which is changed, at its commas and appends. False: too many, or an empty one. */
bool sim_texts_add(struct sim_texts *t, char *text);

#endif

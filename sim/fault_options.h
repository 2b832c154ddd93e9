/* What can go wrong on a virtual bus, as command-line options: one list for all commands that have such a
 * bus. */
#ifndef SIM_FAULT_OPTIONS_H
#define SIM_FAULT_OPTIONS_H

#include "sim/bus.h"
#include "sim/options.h"

struct sim_fault_options {
    struct sim_bus_faults chance;
    struct sim_rule rules[SIM_RULES_MAX];
    size_t rule_count;
    bool unreadable; /* a script: that is no fault of usage */
};

/* Rows for sim_options_parse(), within a function; F: struct sim_fault_options *, which starts as zero. */
#define SIM_FAULT_OPTIONS(f)                                                                                 \
    SIM_OWN_OPTION("drop", "PERCENT", sim_take_percent, &(f)->chance.drop_ppm,                               \
                   "lose this share of the frames"),                                                         \
        SIM_OWN_OPTION("corrupt", "PERCENT", sim_take_percent, &(f)->chance.corrupt_ppm,                     \
                       "flip payload bits in this share (the CRC is right: a man in the middle)"),           \
        SIM_OWN_OPTION("duplicate", "PERCENT", sim_take_percent, &(f)->chance.duplicate_ppm,                 \
                       "send this share twice"),                                                             \
        SIM_OWN_OPTION("delay", "PERCENT:US", sim_take_delay, &(f)->chance,                                  \
                       "hold up this share for US microseconds"),                                            \
        SIM_OWN_OPTION("reorder", "PERCENT", sim_take_percent, &(f)->chance.reorder_ppm,                     \
                       "let the next frame overtake this share"),                                            \
        SIM_OWN_OPTION("error", "PERCENT", sim_take_percent, &(f)->chance.error_ppm,                         \
                       "destroy this share with error frames; error counters, bus-off and\n"                 \
                       "return follow"),                                                                     \
        SIM_OWN_OPTION("spoof", "PERCENT", sim_take_percent, &(f)->chance.spoof_ppm,                         \
                       "after this share, a forged frame of the same identifier"),                           \
        SIM_OWN_OPTION("flood", "PERCENT:N", sim_take_flood, &(f)->chance,                                   \
                       "after this share, N frames of the highest priority"),                                \
        SIM_OWN_OPTION("rule", "RULE", sim_take_rule, (f),                                                   \
                       "a fault or an attack on certain frames, such as\n"                                   \
                       "'drop id=7E8 data=0376 count=3'; may be repeated"),                                  \
        SIM_OWN_OPTION("script", "FILE", sim_take_script, (f), "rules, one per line")

/* For the text of a command with these options. */
#define SIM_RULES_HELP                                                                                       \
    "Rules: drop, corrupt, duplicate, delay by=5ms, reorder, error, alter set=2:00FF, spoof\n"               \
    "  [frame=7E8#0274], each [id=7E8 | id=700-7FF] [data=x036xx] [chance=PERCENT] [skip=N] [count=N]\n"     \
    "  [at=2s] [for=500ms] [from=1]; send frame=7DF#023E80 [at=2s] [every=100ms] [count=N]; flood\n"         \
    "  [frame=000#] [at=2s] [for=1s]\n"

sim_option_take sim_take_percent, sim_take_delay, sim_take_flood, sim_take_rule, sim_take_script,
    sim_take_seed; /* uint64_t; not among the rows: commands seed more than faults */

/* ", 3 dropped, 1 delayed": what befell the frames of BUS. */
void sim_print_deeds(FILE *out, const struct sim_bus *bus);

#endif

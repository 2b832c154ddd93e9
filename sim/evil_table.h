/* The two halves of the table of attack vectors, and what they are made with. Internal to sim/evil*.c. */
#ifndef SIM_EVIL_TABLE_H
#define SIM_EVIL_TABLE_H

#include <stdio.h>

#include "sim/evil.h"

#define SIM_EVIL_ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* A rule that holds in one place. */
struct sim_evil_row {
    const char *id, *rule, *place, *text;
    int expect[SIM_CLIENTS]; /* Primary, full, partial: a verdict, or NO */
    struct sim_twist twist[SIM_EVIL_TWISTS];
    bool lasting;
    const struct up_profile *only_in;
    const int *deployed; /* other verdicts in dialect A; NULL: the same */
};
#define NO (-1) /* this client cannot see it */
/* Who answers so; the others cannot see it. */
#define ALL(e)                                                                                               \
    {                                                                                                        \
        e, e, e                                                                                              \
    }
#define BOTH(e)                                                                                              \
    {                                                                                                        \
        e, e, NO                                                                                             \
    }
#define ONE(e)                                                                                               \
    {                                                                                                        \
        e, NO, NO                                                                                            \
    }
struct sim_evil_rows {
    const struct sim_evil_row *row;
    size_t n;
};
extern const struct sim_evil_rows sim_evil_roots, sim_evil_orders, sim_evil_delegations;

/* An image for an ECU and hardware that the vehicle does not have. */
#define SIM_EVIL_ENTRY                                                                                       \
    "{\"custom\":{\"ecuIdentifiers\":{\"other-1\":{\"hardwareId\":\"other-hw\"}},\"hardwareIds\":[\"other-"  \
    "hw\"],"                                                                                                 \
    "\"releaseCounter\":6},\"hashes\":{\"sha256\":\"" SIM_EVIL_ZEROS "\"},\"length\":1}"

unsigned sim_evil_generals(void);
bool sim_evil_general(unsigned i, struct sim_evil *v);
unsigned sim_evil_specials(void);
void sim_evil_special(unsigned i, const struct up_profile *p, struct sim_evil *v);

/* A copy of TEXT that lives as long as V stays where it is. */
const char *sim_evil_keep(struct sim_evil *v, const char *text);
void sim_evil_add(struct sim_evil *v, const char *file, const char *what, const char *value);

#endif

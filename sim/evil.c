/* The table of attack vectors as a whole. */
#include "sim/evil_table.h"

#include <stdlib.h>
#include <string.h>

const struct sim_evil_ecu sim_evil_ecus[SIM_CLIENTS] = {
    [SIM_PRIMARY] = {"primary", "primary-1", "primary-hw", "fw/*", "fw/primary"},
    [SIM_FULL] = {"full", "full-1", "full-hw", "supplier/*", "supplier/full"},
    [SIM_PARTIAL] = {"partial", "part-1", "part-hw", "agreed/*", "agreed/part"},
};
const char *const sim_stage_names[SIM_STAGES] = {"before", "attack", "after"};

unsigned sim_evil_count(void)
{
    return sim_evil_generals() + sim_evil_specials();
}

void sim_evil_get(unsigned i, const struct up_profile *p, struct sim_evil *out)
{
    if (!sim_evil_general(i, out)) sim_evil_special(i - sim_evil_generals(), p, out);
}

bool sim_evil_applies(const struct sim_evil *v, const struct up_profile *p)
{
    return v->only_in == NULL || v->only_in == p;
}

const char *sim_evil_keep(struct sim_evil *v, const char *text)
{
    size_t used = v->used, n = strlen(text) + 1;
    if (n > sizeof v->room - used) abort(); /* the table has grown: so must the room */
    memcpy(v->room + used, text, n);
    v->used += n;
    return v->room + used;
}

void sim_evil_add(struct sim_evil *v, const char *file, const char *what, const char *value)
{
    if (v->twists == SIM_EVIL_TWISTS) abort();
    v->twist[v->twists++] = (struct sim_twist){file, what, value};
}

/* Rules that hold in one place. */
#include "sim/evil_table.h"

static const struct sim_evil_rows *const tables[] = {&sim_evil_roots, &sim_evil_orders,
                                                     &sim_evil_delegations};
#define TABLES (sizeof tables / sizeof *tables)

unsigned sim_evil_specials(void)
{
    size_t n = 0;
    for (size_t t = 0; t < TABLES; t++) n += tables[t]->n;
    return (unsigned)n;
}

static const struct sim_evil_row *row_at(size_t i)
{
    size_t t = 0;
    for (; i >= tables[t]->n; t++) i -= tables[t]->n;
    return &tables[t]->row[i];
}

void sim_evil_special(unsigned i, const struct up_profile *p, struct sim_evil *v)
{
    const struct sim_evil_row *s = row_at(i);
    const int *expect = s->deployed != NULL && p->dialect == UP_DIALECT_DEPLOYED ? s->deployed : s->expect;
    *v = (struct sim_evil){.text = s->text, .lasting = s->lasting, .only_in = s->only_in};
    snprintf(v->id, sizeof v->id, "%s", s->id);
    snprintf(v->rule, sizeof v->rule, "%s", s->rule);
    snprintf(v->place, sizeof v->place, "%s", s->place);
    for (size_t t = 0; t < SIM_EVIL_TWISTS && s->twist[t].file != NULL; t++)
        sim_evil_add(v, s->twist[t].file, s->twist[t].what, s->twist[t].value);
    for (unsigned c = 0; c < SIM_CLIENTS; c++) {
        v->sees[c] = expect[c] != NO;
        v->expect[c] = expect[c] == NO ? UP_OK : (enum up_err)expect[c];
    }
}

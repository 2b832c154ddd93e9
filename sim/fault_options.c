#include "sim/fault_options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* "0.5" percent: 5000 ppm. Stops at END. */
static bool read_percent(const char *text, uint32_t *ppm, char **end)
{
    if (text[0] < '0' || text[0] > '9') return false;
    double value = strtod(text, end);
    if (!(value >= 0 && value <= 100)) return false;
    *ppm = (uint32_t)(value * 10000 + 0.5);
    return true;
}

bool sim_take_percent(void *value, char *text, char why[SIM_WHY_MAX])
{
    char *end;
    return (read_percent(text, value, &end) && *end == '\0') || sim_say(why, "give a percentage, 0 to 100");
}

bool sim_take_delay(void *value, char *text, char why[SIM_WHY_MAX])
{
    struct sim_bus_faults *f = value;
    char *end;
    uint64_t us;
    if (!read_percent(text, &f->delay_ppm, &end) || *end != ':' || !sim_option_number(end + 1, 10000000, &us))
        return sim_say(why, "give a percentage and microseconds, such as 1:500");
    f->delay_ns = us * 1000;
    return true;
}

bool sim_take_flood(void *value, char *text, char why[SIM_WHY_MAX])
{
    struct sim_bus_faults *f = value;
    char *end;
    uint64_t n;
    if (!read_percent(text, &f->flood_ppm, &end) || *end != ':' || !sim_option_number(end + 1, 1000000, &n))
        return sim_say(why, "give a percentage and a number of frames, such as 1:20");
    f->flood_frames = (uint32_t)n;
    return true;
}

bool sim_take_rule(void *value, char *text, char why[SIM_WHY_MAX])
{
    struct sim_fault_options *f = value;
    if (f->rule_count == SIM_RULES_MAX) return sim_say(why, "too many rules");
    if (!sim_rule_parse(text, &f->rules[f->rule_count], why, SIM_WHY_MAX)) return false;
    f->rule_count++;
    return true;
}

bool sim_take_script(void *value, char *text, char why[SIM_WHY_MAX])
{
    struct sim_fault_options *f = value;
    FILE *file = fopen(text, "re");
    f->unreadable = file == NULL;
    if (file == NULL) return sim_say(why, "%s", strerror(errno));
    bool good = sim_rules_read(file, text, f->rules, &f->rule_count, why, SIM_WHY_MAX);
    fclose(file);
    return good;
}

bool sim_take_seed(void *value, char *text, char why[SIM_WHY_MAX])
{
    return sim_option_number(text, UINT64_MAX, value) || sim_say(why, "give a whole number");
}

void sim_print_deeds(FILE *out, const struct sim_bus *bus)
{
    static const char *const words[SIM_DEEDS] = {"dropped",   "corrupted", "duplicated", "delayed",
                                                 "reordered", "disturbed", "altered",    "spoofed",
                                                 "sent",      "flooded"};
    for (int d = 0; d < SIM_DEEDS; d++)
        if (bus->tamper.done[d] > 0) fprintf(out, ", %" PRIu64 " %s", bus->tamper.done[d], words[d]);
    if (bus->stats.bus_offs > 0) fprintf(out, ", %" PRIu64 " times bus-off", bus->stats.bus_offs);
}

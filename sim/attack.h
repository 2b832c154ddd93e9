/* Attacks on the demo vehicle: a table, each entry with what the attacker has, what he does, what must come
 * of it. Each runs on a vehicle of its own (sim/vehicle.h) from a seed. */
#ifndef SIM_ATTACK_H
#define SIM_ATTACK_H

#include "sim/vehicle.h"

#include <cjson/cJSON.h>

#define SIM_ATTACK_STEPS 24

struct sim_attack_step {     /* one thing that was tried, and what came of it */
    char who[UP_ID_MAX + 1]; /* ECU, or "vehicle" */
    char what[160];
    enum up_err expected, got;
    bool as_expected;
};
struct sim_attack_result {
    bool held; /* everything came out as the table says */
    struct sim_attack_step step[SIM_ATTACK_STEPS];
    unsigned steps;
    char limit[240];   /* a known limit that the attack shows; empty: none */
    char trouble[240]; /* the attack could not be run; empty: it ran */
};
struct sim_attack {
    const char *name, *title;
    const char *holds;       /* what the attacker has */
    const char *requirement; /* of docs/conformance.md */
    void (*run)(struct sim_vehicle *v, struct sim_attack_result *r);
};
extern const struct sim_attack sim_attacks[];
extern const size_t sim_attack_count;

const struct sim_attack *sim_attack_named(const char *name);
/* DIR: an empty or absent folder for the vehicle. */
void sim_attack_run(const struct sim_attack *a, uint64_t seed, const char *dir, struct sim_attack_result *r);
cJSON *sim_attack_json(const struct sim_attack *a, const struct sim_attack_result *r);

#endif

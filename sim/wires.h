/* Buses and Secondaries under a virtual clock: frames travel, ECUs act, time jumps to what is due next.
 * Nothing waits. */
#ifndef SIM_WIRES_H
#define SIM_WIRES_H

#include "primary/primary.h"
#include "sim/bus.h"
#include "sim/virtual_ecu.h"

#define SIM_WIRES_CYCLE_US (UINT64_C(3600) * 1000000u) /* a cycle that takes longer hangs */

struct sim_wires {
    struct sim_bus *buses; /* the caller's, like the ECUs */
    unsigned bus_count;
    struct sim_virtual_ecu *ecus;
    unsigned ecu_count;
    uint64_t now_us;
    unsigned idle; /* turns since time has passed */
};

/* What has arrived by now can be read now. */
void sim_wires_deliver(struct sim_wires *w);
/* All but the Primary act. Returns the time at which something is due next; UINT64_MAX: nothing is. */
uint64_t sim_wires_turn(struct sim_wires *w);
/* Time jumps to DUE; while DUE is now, everybody gets a few turns first. */
void sim_wires_pass_to(struct sim_wires *w, uint64_t due);
/* So many seconds pass while every ECU is awake. */
void sim_wires_pass(struct sim_wires *w, uint64_t seconds);
/* One cycle of the Primary to its end. READY_US: when its fetch port has news. NULL: it hangs. */
const struct pri_outcome *sim_wires_cycle(struct sim_wires *w, struct pri *p, enum pri_goal goal,
                                          const uint64_t *ready_us);
/* A cycle that has begun goes on until END_US. NULL: it is not over then. */
const struct pri_outcome *sim_wires_go_on(struct sim_wires *w, struct pri *p, const uint64_t *ready_us,
                                          uint64_t end_us);

#endif

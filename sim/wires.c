#include "sim/wires.h"

#define IDLE_TURNS 64        /* then a microsecond passes */
#define TICK_US    60000000u /* agents look at their limits at least so often */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void sim_wires_deliver(struct sim_wires *w)
{
    for (unsigned b = 0; b < w->bus_count; b++) sim_bus_step(&w->buses[b], w->now_us * 1000u);
}

uint64_t sim_wires_turn(struct sim_wires *w)
{
    sim_wires_deliver(w);
    uint64_t due = UINT64_MAX;
    for (unsigned i = 0; i < w->ecu_count; i++) {
        sim_virtual_ecu_pump(&w->ecus[i], w->now_us);
        uint32_t d = sim_virtual_ecu_due(&w->ecus[i], w->now_us);
        if (d != UINT32_MAX) due = earlier(due, w->now_us + d);
    }
    sim_wires_deliver(w);
    for (unsigned b = 0; b < w->bus_count; b++) {
        uint64_t d = sim_bus_due(&w->buses[b]);
        if (d != SIM_NEVER) due = earlier(due, (d + 999u) / 1000u);
    }
    return due;
}

void sim_wires_pass_to(struct sim_wires *w, uint64_t due)
{
    if (due <= w->now_us && ++w->idle <= IDLE_TURNS) return;
    w->now_us = due > w->now_us ? due : w->now_us + 1;
    w->idle = 0;
}

void sim_wires_pass(struct sim_wires *w, uint64_t seconds)
{
    uint64_t end = w->now_us + seconds * 1000000u;
    while (w->now_us < end)
        sim_wires_pass_to(w, earlier(earlier(sim_wires_turn(w), w->now_us + TICK_US), end));
}

const struct pri_outcome *sim_wires_go_on(struct sim_wires *w, struct pri *p, const uint64_t *ready_us,
                                          uint64_t end_us)
{
    while (w->now_us < end_us) {
        sim_wires_deliver(w);
        if (!pri_step(p, w->now_us)) return pri_result(p);
        uint64_t due = sim_wires_turn(w);
        uint32_t d = pri_due(p, w->now_us);
        if (d != ISOTP_NEVER) due = earlier(due, w->now_us + d);
        if (*ready_us > w->now_us) due = earlier(due, *ready_us);
        sim_wires_pass_to(w, earlier(due, end_us));
    }
    return NULL;
}

const struct pri_outcome *sim_wires_cycle(struct sim_wires *w, struct pri *p, enum pri_goal goal,
                                          const uint64_t *ready_us)
{
    (void)sim_wires_turn(w); /* whoever was off starts now */
    pri_begin(p, goal, w->now_us);
    return sim_wires_go_on(w, p, ready_us, w->now_us + SIM_WIRES_CYCLE_US);
}

#include "primary/fleet.h"

#include <stdlib.h>

#define GATHER_US 4000u /* at most fifty frames on the fastest bus; queues hold hundreds */

enum up_err pri_fleet_open(struct pri_fleet *f, const struct pri_config *config,
                           struct isotp_link *const *links)
{
    *f = (struct pri_fleet){.config = config};
    f->ecus = calloc(config->ecu_count + 1u, sizeof *f->ecus);
    if (f->ecus == NULL) return UP_STORAGE_FULL;
    for (unsigned i = 0; i < config->ecu_count; i++) pri_ecu_init(&f->ecus[i], &config->ecus[i], config);
    for (unsigned b = 0; b < config->bus_count; b++) {
        size_t count = 0;
        f->channels[b] = calloc(config->ecu_count + 1u, sizeof(struct isotp *));
        if (f->channels[b] == NULL) return UP_STORAGE_FULL;
        for (unsigned i = 0; i < config->ecu_count; i++)
            if (config->ecus[i].bus == b) f->channels[b][count++] = &f->ecus[i].channel;
        isotp_node_init(&f->nodes[b], links[b], f->channels[b], count);
        if (links[b] != NULL) isotp_node_fit(&f->nodes[b]); /* none: who only looks at what is stored */
        f->budgets[b] = (struct isotp_budget){.percent = (uint8_t)config->buses[b].load_percent,
                                              .bitrate = config->buses[b].bitrate,
                                              .data_bitrate = config->buses[b].data_bitrate};
        isotp_node_cap(&f->nodes[b], &f->budgets[b]);
    }
    return UP_OK;
}

void pri_fleet_close(struct pri_fleet *f)
{
    for (unsigned i = 0; f->ecus != NULL && i < f->config->ecu_count; i++) pri_ecu_close(&f->ecus[i]);
    for (unsigned b = 0; b < PRI_BUSES_MAX; b++) free(f->channels[b]);
    free(f->ecus);
    *f = (struct pri_fleet){0};
}

static void turn(struct pri_fleet *f, uint64_t now_us)
{
    for (unsigned i = 0; i < f->config->ecu_count; i++) (void)pri_ecu_step(&f->ecus[i], now_us);
    for (unsigned b = 0; b < f->config->bus_count; b++) (void)isotp_node_pump(&f->nodes[b], (uint32_t)now_us);
}

/* Requests leave in the same turn in which they are made: conversations before frames. A message that came
 * whole with the frames is looked at in a second turn; most frames bring only a piece of one. */
void pri_fleet_pump(struct pri_fleet *f, uint64_t now_us)
{
    turn(f, now_us);
    if (pri_fleet_due(f, now_us) == 0) turn(f, now_us);
}

bool pri_fleet_gathers(const struct pri_fleet *f, unsigned bus)
{
    const struct isotp_node *n = &f->nodes[bus];
    for (size_t i = 0; i < n->count; i++)
        if (isotp_receiving(n->channels[i])) return true;
    return false;
}

uint32_t pri_fleet_due(const struct pri_fleet *f, uint64_t now_us)
{
    uint32_t due = ISOTP_NEVER;
    for (unsigned i = 0; i < f->config->ecu_count; i++) {
        uint32_t d = pri_ecu_due(&f->ecus[i], now_us);
        if (d < due) due = d;
    }
    for (unsigned b = 0; b < f->config->bus_count; b++) {
        uint32_t d = isotp_node_due(&f->nodes[b], (uint32_t)now_us);
        if (d > GATHER_US && pri_fleet_gathers(f, b)) d = GATHER_US;
        if (d < due) due = d;
    }
    return due;
}

unsigned pri_fleet_busy(const struct pri_fleet *f)
{
    unsigned n = 0;
    for (unsigned i = 0; i < f->config->ecu_count; i++) n += f->ecus[i].busy;
    return n;
}

void pri_fleet_send(struct pri_fleet *f, enum pri_errand errand, bool online, uint64_t now_us)
{
    for (unsigned i = 0; i < f->config->ecu_count; i++)
        if (!f->ecus[i].busy && (f->ecus[i].online || !online))
            pri_ecu_send(&f->ecus[i], errand, NULL, now_us);
}

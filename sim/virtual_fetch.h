/* The fetch port over sim/backend.h: answers after a modelled latency, under the limits that the port
 * promises. */
#ifndef SIM_VIRTUAL_FETCH_H
#define SIM_VIRTUAL_FETCH_H

#include "primary/fetch.h"
#include "sim/backend.h"

struct sim_virtual_fetch {
    struct pri_fetch port;
    struct sim_backend *backend;
    const char *vehicle;    /* CN of the client certificate */
    const uint64_t *now_us; /* the virtual clock */
    uint64_t ready_us;      /* when the last transfer started is done */
    unsigned requests;
};
void sim_virtual_fetch_init(struct sim_virtual_fetch *f, struct sim_backend *backend, const char *vehicle,
                            const uint64_t *now_us);
#endif

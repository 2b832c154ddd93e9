/* All Secondaries, on all buses, at the same time: one ISO-TP node per bus, one conversation per ECU. */
#ifndef PRIMARY_FLEET_H
#define PRIMARY_FLEET_H

#include "isotp/budget.h"
#include "primary/ecu.h"

struct pri_fleet {
    const struct pri_config *config;
    struct pri_ecu *ecus; /* config->ecu_count of them, in its order */
    struct isotp_node nodes[PRI_BUSES_MAX];
    struct isotp_budget budgets[PRI_BUSES_MAX];
    struct isotp **channels[PRI_BUSES_MAX];
};

/* LINKS: one per configured bus, in its order; they stay the caller's. */
enum up_err pri_fleet_open(struct pri_fleet *f, const struct pri_config *config,
                           struct isotp_link *const *links) UP_NODISCARD;
void pri_fleet_close(struct pri_fleet *f);

/* Moves frames and conversations on. */
void pri_fleet_pump(struct pri_fleet *f, uint64_t now_us);
uint32_t pri_fleet_due(const struct pri_fleet *f, uint64_t now_us);
/* A long message is coming in on this bus: its frames are looked at a millisecond's worth at a time, not each
 * as it comes, for waking costs more than all else. due() counts on it. */
bool pri_fleet_gathers(const struct pri_fleet *f, unsigned bus);
unsigned pri_fleet_busy(const struct pri_fleet *f); /* conversations under way */
/* The same errand for every ECU that is not busy; ONLINE: only those that have identified themselves. */
void pri_fleet_send(struct pri_fleet *f, enum pri_errand errand, bool online, uint64_t now_us);

#endif

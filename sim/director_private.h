/* Shared by sim/director*.c. */
#ifndef SIM_DIRECTOR_PRIVATE_H
#define SIM_DIRECTOR_PRIVATE_H

#include "sim/director.h"

struct sim_director {
    struct sim_repo repo;
    struct sim_inventory *inventory;
    uint32_t root;                  /* newest version */
    struct sim_keys keys[UP_ROLES]; /* of that Root; not root's own */
    char why[SIM_WHY_MAX];
};

/* Takes over a Root that appeared meanwhile, with its keys. */
bool sim_director_update_keys(struct sim_director *d);
/* Copies the inventory's reason; false. */
bool sim_director_inventory_failed(struct sim_director *d);

#endif

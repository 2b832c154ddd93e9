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
/* What a manifest is worth, judged against the vehicle's ECUs. Nothing is stored: OK: the reports that are
 * new are in ECUS, and FRESH (one for each) says which. Else ECUS is spoilt, and CULPRIT is who it is about,
 * empty: the whole. */
enum up_err sim_manifest_judge(const struct up_profile *p, const char *vehicle, struct sim_ecus *ecus,
                               struct up_span manifest, int64_t now_s, bool *fresh, char culprit[SIM_ID_MAX]);

#endif

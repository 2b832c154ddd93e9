/* The Director's private inventory (Uptane Standard 2.1, 5.3.2.2): vehicles and their ECUs, what was ordered,
 * what was reported, what was signed. Public keys only.
 *
 * Functions that return false (or -1) left the inventory as it was; sim_inventory_why() tells the reason. */
#ifndef SIM_INVENTORY_H
#define SIM_INVENTORY_H

#include "metadata/crypto.h"
#include "metadata/role.h"
#include "sim/file.h"

#define SIM_NAME_MAX (UP_NAME_MAX + 1)
#define SIM_ID_MAX   (UP_ID_MAX + 1)

struct sim_inventory;
/* Makes the database when there is none. NULL: WHY. */
struct sim_inventory *sim_inventory_open(const char *path, char why[SIM_WHY_MAX]);
void sim_inventory_close(struct sim_inventory *v);
const char *sim_inventory_why(const struct sim_inventory *v);

/* Everything between begin and commit happens or does not; false at commit: it did not. */
bool sim_inventory_begin(struct sim_inventory *v);
bool sim_inventory_commit(struct sim_inventory *v);
void sim_inventory_rollback(struct sim_inventory *v);

struct sim_ecu {
    char serial[SIM_ID_MAX], hardware_id[UP_HARDWARE_MAX + 1];
    bool primary;
    struct up_key key;
    char keyid[2 * UP_SHA256_BYTES + 1];
    /* last accepted report; counter 0: none yet */
    uint64_t counter;
    struct sim_bytes report;
    int64_t reported_s;
    char image[SIM_NAME_MAX], sha256[2 * UP_SHA256_BYTES + 1];
    char attacks[UP_ATTACKS_MAX + 1];
    /* order; image empty: none */
    struct sim_inventory_order {
        char image[SIM_NAME_MAX], bundle[SIM_ID_MAX];
        char *entry; /* the image as both repositories describe it: JSON */
    } order;
};
struct sim_ecus { /* ascending serials; zero is empty */
    struct sim_ecu *ecu;
    size_t n;
};
void sim_ecus_free(struct sim_ecus *e);
bool sim_inventory_ecus(struct sim_inventory *v, const char *vehicle, struct sim_ecus *out);

bool sim_inventory_add_vehicle(struct sim_inventory *v, const char *id);
bool sim_inventory_has_vehicle(struct sim_inventory *v, const char *id);
/* Ids of all vehicles, ascending, as one list; NULL: failed. free() it; the strings lie in the same block. */
char **sim_inventory_vehicles(struct sim_inventory *v, size_t *n);
/* Refuses a second Primary, and a key or a serial that is known already. */
bool sim_inventory_add_ecu(struct sim_inventory *v, const char *vehicle, const struct sim_ecu *ecu);
bool sim_inventory_remove_ecu(struct sim_inventory *v, const char *vehicle, const char *serial);
/* Sets the ECU's order; IMAGE empty: withdraws it. */
bool sim_inventory_set_order(struct sim_inventory *v, const char *vehicle, const char *serial,
                             const struct sim_inventory_order *order);
/* The campaign name that the vehicle's Targets carry; CORRELATION NULL: the next one of its own numbering. */
bool sim_inventory_set_campaign(struct sim_inventory *v, const char *vehicle, const char *correlation);
bool sim_inventory_campaign(struct sim_inventory *v, const char *vehicle, char out[SIM_NAME_MAX]);

/* The last accepted report of an ECU: the fields of *E that a report fills. */
bool sim_inventory_set_report(struct sim_inventory *v, const struct sim_ecu *e);
/* Keeps a manifest with the verdict on it, for later analysis. */
bool sim_inventory_add_manifest(struct sim_inventory *v, const char *vehicle, int64_t received_s,
                                enum up_err verdict, const char *ecu, struct up_span manifest);
/* How many manifests have this verdict. -1: failed. */
int64_t sim_inventory_count_manifests(struct sim_inventory *v, const char *vehicle, enum up_err verdict);

/* A signed file of one vehicle. */
struct sim_issue {
    uint32_t version; /* as numbered by us */
    uint32_t named;   /* as the file says, under which it is asked for */
    uint32_t root;    /* Root under which it was signed */
    int64_t expires_s;
    char *content; /* of Targets: what it orders, to tell whether something changed; else empty */
    struct sim_bytes file;
};
void sim_issue_free(struct sim_issue *i);
/* The newest file of ROLE (NAMED 0), or the one with that number. False: none. */
bool sim_inventory_issue(struct sim_inventory *v, const char *vehicle, enum up_role role, uint32_t named,
                         struct sim_issue *out);
/* Stores it, and forgets all but the one before it. */
bool sim_inventory_set_issue(struct sim_inventory *v, const char *vehicle, enum up_role role,
                             const struct sim_issue *i);
/* Makes every file look as if it had been signed under another Root: all are due. */
bool sim_inventory_outdate_issues(struct sim_inventory *v);

#endif

/* The Director: judges what vehicles report against the inventory, and signs for each vehicle what its ECUs
 * are to install (Uptane Standard 2.1, 5.3.2). No HTTP here, and no clock. */
#ifndef SIM_DIRECTOR_H
#define SIM_DIRECTOR_H

#include "sim/inventory.h"
#include "sim/repo.h"

#define SIM_TIME_AHEAD_S  300                    /* clocks of vehicles may be so far ahead of ours */
#define SIM_TIME_BEHIND_S (INT64_C(365) * 86400) /* and so far behind: frozen, not merely long parked */

struct sim_director;
/* DIR as sim/repo.h lays it out. NULL: WHY. */
struct sim_director *sim_director_open(const char *dir, char why[SIM_WHY_MAX]);
void sim_director_close(struct sim_director *d);
/* Why the last call on D refused. */
const char *sim_director_why(const struct sim_director *d);
struct sim_inventory *sim_director_inventory(struct sim_director *d);
/* How its repositories are written. */
const struct up_profile *sim_director_profile(const struct sim_director *d);
/* What is signed from now on is bent (sim/author.h), and signed anew at the next manifest. TWISTS must live
 * on; n 0: honest again. */
bool sim_director_twist(struct sim_director *d, const struct sim_twist *twists, size_t n);

/* The inventory, by the authorised administrator. */
bool sim_director_add_vehicle(struct sim_director *d, const char *id);
/* PEM: the ECU's public key; its scheme follows from it. */
bool sim_director_add_ecu(struct sim_director *d, const char *vehicle, const char *serial,
                          const char *hardware_id, bool primary, struct up_span pem);

struct sim_order {
    const char *ecu;
    const char *image;  /* NULL: withdraw the ECU's order */
    const char *bundle; /* NULL: the ECU stands alone */
};
/* Orders for one vehicle, all or none. Refuses an unknown ECU, an image that the Image repository does not
 * have for the ECU's hardware, and a choice that breaks what images depend on or conflict with. CORRELATION
 * NULL: a campaign name of our own. An order stays listed until it is replaced or withdrawn, installed or
 * not: a bundle stays whole, and the order's digest stays the same. */
bool sim_director_order(struct sim_director *d, const char *vehicle, const struct sim_order *orders, size_t n,
                        const char *correlation);

/* What was decided about a manifest. */
struct sim_decision {
    enum up_err verdict;  /* OK, MAN_... */
    char ecu[SIM_ID_MAX]; /* whom the verdict is about; empty: the whole */
};
/* The manifest of VEHICLE (the client certificate's name). OK: reports are stored, and metadata is issued.
 * Else nothing of it is believed. Either way the manifest and the verdict are kept. False: our own trouble.
 */
bool sim_director_manifest(struct sim_director *d, const char *vehicle, struct up_span manifest,
                           int64_t now_s, struct sim_decision *out);

/* Signs Targets, Snapshot and Timestamp of the vehicle: those whose content changed, whose Root is not the
 * newest, or that have less than half of their validity left. */
bool sim_director_issue(struct sim_director *d, const char *vehicle, int64_t now_s);
/* A file of the vehicle by its name: "timestamp.json", "7.targets.json". False: none. */
bool sim_director_file(struct sim_director *d, const char *vehicle, const char *name, struct sim_bytes *out);
/* Signs {"_type":"time","nonces":NONCES,"time":now}; takes NONCES. */
bool sim_director_time(struct sim_director *d, cJSON *nonces, int64_t now_s, struct sim_bytes *out);

/* What the vehicle's own verifier says about its files. */
enum up_err sim_director_verify(struct sim_director *d, const char *vehicle, int64_t now_s,
                                char why[SIM_WHY_MAX]);
/* Vehicles, ECUs, orders, last reports. VEHICLE NULL: all. The caller owns it. NULL: failed. */
cJSON *sim_director_show(struct sim_director *d, const char *vehicle);

#endif

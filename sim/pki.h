/* Certificates for the simulated backend and its vehicles, as PEM files in one folder:
 *
 *   ca.pem ca.key            signs the others
 *   server.pem server.key    localhost and 127.0.0.1, and whatever hosts are added
 *   VEHICLE.pem VEHICLE.key  device certificate: the common name is the vehicle id
 *
 * ECDSA P-256; keys have mode 0600. A real fleet has a PKI of its own. */
#ifndef SIM_PKI_H
#define SIM_PKI_H

#include "sim/file.h"

/* The authority and the server, unless they are there already. HOSTS ("server,10.0.0.5"): NULL: none more. */
bool sim_pki_create(const char *folder, const char *hosts, int64_t now_s, char why[SIM_WHY_MAX]);
/* A device certificate for VEHICLE, in place of one that is there. The authority must be there. */
bool sim_pki_issue(const char *folder, const char *vehicle, int64_t now_s, char why[SIM_WHY_MAX]);

#endif

/* Both repositories in a folder, and a vehicle in the Director's inventory: what tests of the servers and of
 * the whole vehicle start from. Keys come from a seed, the time is fixed. */
#ifndef TESTS_LIB_GARAGE_H
#define TESTS_LIB_GARAGE_H

#include "sim/director.h"
#include "tests/lib_folder.h"

#define GARAGE_NOW     INT64_C(1800000000) /* 2027-01-15 */
#define GARAGE_VEHICLE "VIN-1"

struct garage {
    struct folder folder;
    struct sim_repo repo;
};
/* With images brake-1 (hardware brake-hw, counter 1), brake-2 and engine-1 (engine-hw). */
void garage_open(struct garage *g);
void garage_close(struct garage *g);

/* The identity of an ECU, the same every time for a serial. Release with up_signer_close(). */
struct up_signer garage_ecu_key(const char *serial);
/* Vehicle VIN-1: Primary "tcu" (tcu-hw), Secondaries "brake" (brake-hw) and "engine" (engine-hw). */
void garage_register(struct sim_director *d);

/* What an ECU reports. */
struct garage_report {
    const char *serial, *signer; /* signer NULL: the ECU itself */
    const char *image;
    uint64_t counter;
    int64_t time_s;
};
char *garage_report(const struct garage_report *r); /* free() it */
/* {SERIAL: REPORT, ...} as a manifest of VEHICLE, signed by SIGNER; free() it. */
char *garage_manifest(const char *vehicle, const char *signer, const char *const (*reports)[2], size_t n);
/* What an honest vehicle sends: all three ECUs with this counter. */
char *garage_honest_manifest(uint64_t counter, int64_t time_s);

#endif

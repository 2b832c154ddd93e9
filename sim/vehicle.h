/* The whole demo vehicle in one process under a virtual clock: one Primary, four Secondaries, two buses, both
 * repositories and the Director. The same cores, agents and files as the real programs; only wires and time
 * are simulated. From one seed every run is the same, to the byte. */
#ifndef SIM_VEHICLE_H
#define SIM_VEHICLE_H

#include "primary/ecu.h"
#include "primary/primary.h"
#include "secondary/layout.h"
#include "sim/backend.h"
#include "sim/bus.h"
#include "sim/candump.h"
#include "sim/pcapng.h"
#include "sim/world.h"

#define SIM_VEHICLE_START_S INT64_C(1790000000) /* 2026-09-21: time of day when a simulation begins */

struct sim_vehicle_options {
    uint64_t seed;
    const char *dir;             /* an empty or absent folder for everything that is kept */
    enum up_scheme scheme;       /* Ed25519 for runs that repeat to the byte: see metadata/crypto_openssl.h */
    enum sec_layout_kind layout; /* of all Secondaries */
    struct sim_bus_faults faults; /* on both buses; rules, too */
    const struct sim_rule *rules;
    size_t rule_count;
    FILE *log;                  /* every frame of both buses, as candump -L; NULL: none */
    struct sim_pcapng *capture; /* the same as pcapng; NULL: none */
    void (*event)(void *ctx, const struct pri_event *e);
    void (*progress)(void *ctx, const struct pri_progress *p);
    void *ctx;
};

struct sim_vehicle;
struct sec_agent;
struct sim_vehicle *sim_vehicle_open(const struct sim_vehicle_options *o, char *why, size_t why_size);
void sim_vehicle_close(struct sim_vehicle *v);

/* One cycle of the Primary, to its end. NULL: it did not end within an hour of the vehicle's time. */
const struct pri_outcome *sim_vehicle_cycle(struct sim_vehicle *v, enum pri_goal goal);
/* The Primary loses power when so much of an update's time has passed, and starts again. True: it was over.
 */
bool sim_vehicle_cut_cycle(struct sim_vehicle *v, uint64_t after_us);
/* Time passes while every ECU is awake. */
void sim_vehicle_pass(struct sim_vehicle *v, uint64_t seconds);
int64_t sim_vehicle_time(const struct sim_vehicle *v);
uint64_t sim_vehicle_us(const struct sim_vehicle *v);
/* HTTP requests of the Primary so far. */
unsigned sim_vehicle_requests(const struct sim_vehicle *v);

/* Authoring: the administrator's side, at the vehicle's time. */
struct sim_world *sim_vehicle_world(struct sim_vehicle *v);
bool sim_vehicle_order(struct sim_vehicle *v, unsigned version);
/* As a server answers this vehicle; free the body. */
struct sim_reply sim_vehicle_ask(struct sim_vehicle *v, const char *method, const char *path,
                                 struct up_span body);
/* For who tampers with what it answers, or with what its Director signs. */
struct sim_backend *sim_vehicle_backend(struct sim_vehicle *v);

/* Somebody else on the bus, who speaks to ECU (1..) as the Primary does while that is silent. */
struct sim_tester;
struct sim_tester *sim_vehicle_tester(struct sim_vehicle *v, unsigned ecu);
void sim_tester_close(struct sim_tester *t);
/* An errand to its end; what the ECU told is in *told (its nonce, its versions). */
enum pri_verdict sim_tester_send(struct sim_tester *t, enum pri_errand errand,
                                 const struct pri_parcel *parcel, const struct pri_ecu **told);
/* Any one request; OK, BUS_REFUSED (*CODE says why), UNAVAILABLE. */
enum up_err sim_tester_ask(struct sim_tester *t, const uint8_t *request, size_t n, uint8_t *code);
/* What runs on ECU (0: the Primary itself): name and release counter, as the ECU itself has it. */
void sim_vehicle_running(struct sim_vehicle *v, unsigned ecu, char name[UP_NAME_MAX + 1],
                         uint32_t *release_counter);
/* The software of ECU (1..) as it runs, for who has taken it over. A power cut brings back what flash says.
 */
struct sec_agent *sim_vehicle_agent(struct sim_vehicle *v, unsigned ecu);
/* Takes power from an ECU; it starts again at the next turn. */
void sim_vehicle_cut_power(struct sim_vehicle *v, unsigned ecu);
/* From now on every self-test of ECU (1..) fails, or none does. */
void sim_vehicle_sicken(struct sim_vehicle *v, unsigned ecu, bool sick);
const struct sim_bus *sim_vehicle_bus(const struct sim_vehicle *v, unsigned bus);

#endif

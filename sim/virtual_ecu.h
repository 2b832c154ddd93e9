/* A Secondary in the simulation: the real agent on a flash file, behind a port of a modelled bus. */
#ifndef SIM_VIRTUAL_ECU_H
#define SIM_VIRTUAL_ECU_H

#include "secondary/agent.h"
#include "secondary/agent_state.h"
#include "secondary/flash_posix.h"
#include "secondary/station.h"
#include "sim/bus.h"
#include "sim/world.h"

#define SIM_ECU_MESSAGE_MAX 4095

struct sim_virtual_ecu {
    struct sec_flash_posix flash;
    struct up_signer signer;
    struct sec_identity identity;
    struct sec_platform platform;
    struct sec_agent agent;
    struct sec_station station;
    struct isotp_link *link;
    struct isotp_config channel;
    bool running, opened, signing;
    bool sick;        /* fails every self-test */
    uint64_t boot_us; /* starts then, when it is not running */
    uint64_t random;
    struct up_buf room;
    uint8_t request[SIM_ECU_MESSAGE_MAX], reply[SIM_ECU_MESSAGE_MAX];
};

/* What such an ECU is made of. Strings, spans and LINK stay the caller's; SPANS of the identity too. */
struct sim_virtual_ecu_parts {
    struct sec_identity identity; /* signer and room are filled in */
    struct sec_provisioning plant;
    const char *flash_path, *key_path;
    uint32_t slot_bytes;
    struct isotp_config channel;
    struct isotp_link *link; /* taken over, also on failure */
    uint64_t seed;           /* of its randomness */
};
/* Makes the flash file and provisions it. It boots at the first pump. */
bool sim_virtual_ecu_open(struct sim_virtual_ecu *e, const struct sim_virtual_ecu_parts *parts, char *why,
                          size_t why_size);
/* One of the demo vehicle's, with image 1. */
bool sim_virtual_ecu_open_demo(struct sim_virtual_ecu *e, const struct sim_world *w,
                               const struct sim_world_ecu *spec, enum sec_layout_kind layout,
                               struct sim_bus *bus, uint64_t seed, int64_t base_s, char *why,
                               size_t why_size);
void sim_virtual_ecu_close(struct sim_virtual_ecu *e);
void sim_virtual_ecu_pump(struct sim_virtual_ecu *e, uint64_t now_us);
uint32_t sim_virtual_ecu_due(const struct sim_virtual_ecu *e, uint64_t now_us);
/* Everything in RAM is gone; it boots again after a while. */
void sim_virtual_ecu_cut(struct sim_virtual_ecu *e, uint64_t now_us);

/* Shared with the demo: how such an ECU is set up. */
void sim_ecu_channel(const struct sim_world_ecu *spec, bool primary_side, struct isotp_config *out);
uint32_t sim_ecu_staging_bytes(const struct sim_world_ecu *spec);
uint32_t sim_ecu_slot_bytes(const struct sim_world_ecu *spec);

#endif

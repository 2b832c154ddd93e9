/* An ECU that knows nothing of Uptane: a UDS boot loader with a memory that anybody may flash who has its
 * key. To try testers on, ours and others'. Services 10 11 22 27 28 2E 31 34 36 37 3E 85. */
#ifndef SIM_PLAIN_ECU_H
#define SIM_PLAIN_ECU_H

#include "secondary/station.h"

#define SIM_PLAIN_MESSAGE 4095

struct sim_plain_ecu_config {
    struct isotp_config channel;
    uint64_t address; /* of its memory */
    uint32_t bytes;
    uint32_t erase_ms;    /* what FF00 takes, with 78 meanwhile */
    uint32_t boot_ms;     /* what 10 02 takes, with 78 meanwhile: the boot loader starts, then it answers */
    bool locked;          /* 34 needs 27 first: level 1, the key is the seed with every bit inverted */
    uint16_t max_message; /* maxNumberOfBlockLength; 0: SIM_PLAIN_MESSAGE */
};

struct sim_plain_ecu { /* private but for memory, flashed, resets */
    struct sim_plain_ecu_config config;
    uint8_t *memory;  /* config.bytes; 0xFF where erased */
    uint64_t flashed; /* bytes of all transfers that ended with 37 */
    unsigned resets;
    struct sec_station station;
    struct isotp_link *link;
    uint64_t at, end;
    uint32_t now_us, erased_at_us, booted_at_us, seed;
    bool erasing, booting, unlocked, seeded, complete;
    uint8_t fingerprint[32];
    size_t fingerprint_bytes;
    uint8_t request[SIM_PLAIN_MESSAGE], reply[SIM_PLAIN_MESSAGE];
};

/* LINK stays the caller's and in use. False: out of memory. */
bool sim_plain_ecu_open(struct sim_plain_ecu *e, const struct sim_plain_ecu_config *config,
                        struct isotp_link *link);
void sim_plain_ecu_close(struct sim_plain_ecu *e);
/* Moves everything on; a reset happens at once. False: the link is down. */
bool sim_plain_ecu_pump(struct sim_plain_ecu *e, uint32_t now_us);
uint32_t sim_plain_ecu_due(const struct sim_plain_ecu *e, uint32_t now_us);

#endif

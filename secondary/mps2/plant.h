/* What the plant writes once and no update changes: the plant page, the last sector of the flash file, and
 * the fuses of the boot stage. Written by plant_posix.c on the host, read in place by the images; little
 * endian, as both are. */
#ifndef SECONDARY_MPS2_PLANT_H
#define SECONDARY_MPS2_PLANT_H

#include "metadata/limits.h"

#include <stddef.h>
#include <stdint.h>

#define MPS2_PLANT_MAGIC 0x31534D50u /* "PMS1" */
#define MPS2_FUSES_MAGIC 0x31535546u /* "FUS1" */

struct mps2_plant {
    uint32_t magic;
    uint32_t flash_bytes, staging_bytes; /* the part of the file that is flash, and a metadata bank of it */
    uint32_t request_id, response_id, functional_id;
    uint32_t fd; /* 1: CAN FD */
    uint32_t time_max_age_s, trial_limit_s;
    uint32_t full; /* 1: full verification */
    int64_t base_time_s;
    uint8_t secret[32]; /* the ECU's key */
    uint8_t seed[32];   /* of its random numbers */
    char keyid[72];     /* strings end with a zero */
    char vehicle_id[72], serial[72], hardware_id[72];
    char image_names[UP_NAME_MAX + 8];
};
_Static_assert(sizeof(struct mps2_plant) <= 4096 && sizeof(struct mps2_plant) % 8 == 0, "fits its page");

/* What decides which images start: in the boot stage's own memory. */
struct mps2_fuses {
    uint32_t magic;
    uint32_t flash_bytes, staging_bytes;
    uint8_t boot_key[68]; /* ECDSA P-256: 04 x y */
};

#endif

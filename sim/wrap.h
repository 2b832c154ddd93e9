/* Images with an MCUboot header and TLVs, as a boot stage with policy `signature` asks for
 * (secondary/header.h). */
#ifndef SIM_WRAP_H
#define SIM_WRAP_H

#include "secondary/header.h"
#include "sim/file.h"

struct sim_wrap {
    uint16_t header_bytes; /* 32, or more: vector tables want their alignment */
    uint32_t load_address; /* of an image that does not run where it lies; else 0 */
    uint32_t release_counter;
    uint8_t major, minor;
    uint16_t revision;
    uint32_t build;
};
/* "1.2.3+4": parts from the right may be left out. */
bool sim_wrap_version(const char *text, struct sim_wrap *out);
/* Header, BODY, protected TLVs, and the digest; with SIGNER (ECDSA P-256) its signature as well. */
bool sim_wrap(const struct sim_wrap *w, struct up_span body, const struct up_signer *signer,
              struct sim_bytes *out, char why[SIM_WHY_MAX]);
/* IMAGE once more, signed by SIGNER and nobody else. */
bool sim_wrap_sign(struct up_span image, const struct up_signer *signer, struct sim_bytes *out,
                   char why[SIM_WHY_MAX]);

#endif

/* Where everything lies in a Secondary's flash: two banks of small state, two banks of metadata, two image
 * slots, each beginning at a sector. Follows from the flash's geometry and one figure, so it never moves. */
#ifndef SECONDARY_LAYOUT_H
#define SECONDARY_LAYOUT_H

#include "secondary/flash.h"

#define SEC_UNIT_MAX    256u          /* largest program unit: RH850 code flash */
#define SEC_STORE_BYTES (16u * 1024u) /* least size of a bank of small state */

struct sec_region {
    uint32_t at, bytes;
};
struct sec_layout {
    struct sec_region store[2], bank[2], slot[2];
};

/* STAGING_BYTES: size of one metadata bank, rounded up to sectors; 0: an eighth of the flash. The slots share
 * the rest. CONFIG: impossible geometry, or no room for it all. */
enum up_err sec_layout_of(const struct sec_flash *flash, uint32_t staging_bytes,
                          struct sec_layout *out) UP_NODISCARD;
/* The flash size that gives banks and slots of at least these sizes; 0: beyond 32 bits. */
uint32_t sec_layout_size(uint32_t sector, uint32_t staging_bytes, uint32_t slot_bytes);

#endif

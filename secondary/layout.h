/* Where everything lies in a Secondary's flash: two banks of small state, two banks of metadata, and the
 * image slots, each beginning at a sector. Follows from the flash's geometry and two choices of the port, so
 * it never moves.
 *
 * Two slots: the image runs where it lies, in either. Swap: it runs in slot 0 only, and the boot stage
 * exchanges what lies in both; slot 1 has a sector more, to do that in (secondary/exchange.h). One slot: a
 * new image is written over the one that runs, and the Primary keeps that to send it back. */
#ifndef SECONDARY_LAYOUT_H
#define SECONDARY_LAYOUT_H

#include "secondary/flash.h"

#ifndef SEC_UNIT_MAX
#define SEC_UNIT_MAX 256u /* largest program unit: RH850 code flash. A port defines its own, to save RAM */
#endif
#define SEC_STORE_BYTES (16u * 1024u) /* least size of a bank of small state */

struct sec_region {
    uint32_t at, bytes;
};
static inline bool sec_region_has(struct sec_region r, uint32_t at)
{
    return at >= r.at && at - r.at < r.bytes;
}
enum sec_layout_kind { SEC_TWO_SLOTS, SEC_SWAP, SEC_ONE_SLOT }; /* as told in FD14 */
struct sec_layout {
    enum sec_layout_kind kind;
    uint32_t sector;
    /* slot[0].bytes is what an image may have; one slot: slot[1] has no bytes */
    struct sec_region store[2], bank[2], slot[2];
};

/* STAGING_BYTES: size of one metadata bank, rounded up to sectors; 0: an eighth of the flash. The slots share
 * the rest. CONFIG: impossible geometry, or no room for it all. */
enum up_err sec_layout_of(const struct sec_flash *flash, enum sec_layout_kind kind, uint32_t staging_bytes,
                          struct sec_layout *out) UP_NODISCARD;
/* The flash size that gives banks and slots of at least these sizes; 0: beyond 32 bits. */
uint32_t sec_layout_size(enum sec_layout_kind kind, uint32_t sector, uint32_t staging_bytes,
                         uint32_t slot_bytes);

#endif

#include "secondary/layout.h"

static uint32_t sectors(uint32_t bytes, uint32_t sector)
{
    return bytes / sector + (bytes % sector != 0);
}

static bool geometry_is_possible(const struct sec_flash *f)
{
    return f->mapped != NULL && f->program_unit >= 1 && f->program_unit <= SEC_UNIT_MAX && f->sector > 0 &&
           f->sector % f->program_unit == 0 && f->size % f->sector == 0;
}

/* Two of BYTES each, from AT on; where the next ones begin. */
static uint32_t place(struct sec_region pair[2], uint32_t at, uint32_t bytes)
{
    pair[0] = (struct sec_region){at, bytes};
    pair[1] = (struct sec_region){at + bytes, bytes};
    return at + 2 * bytes;
}

enum up_err sec_layout_of(const struct sec_flash *flash, enum sec_layout_kind kind, uint32_t staging_bytes,
                          struct sec_layout *out)
{
    if (!geometry_is_possible(flash)) return UP_CONFIG;
    const uint32_t sector = flash->sector;
    const uint32_t store = sectors(SEC_STORE_BYTES, sector),
                   bank = sectors(staging_bytes != 0 ? staging_bytes : flash->size / 8, sector),
                   spare = kind == SEC_SWAP ? 1 : 0; /* slot 1 has it more */
    uint32_t left = flash->size / sector;
    if (store > left / 2) return UP_CONFIG;
    left -= 2 * store;
    if (bank > left / 2) return UP_CONFIG;
    left -= 2 * bank;
    if (left < spare) return UP_CONFIG;
    const uint32_t slot = (left - spare) / (kind == SEC_ONE_SLOT ? 1 : 2);
    if (slot == 0) return UP_CONFIG;

    *out = (struct sec_layout){.kind = kind, .sector = sector};
    uint32_t at = 0;
    at = place(out->store, at, store * sector);
    at = place(out->bank, at, bank * sector);
    (void)place(out->slot, at, slot * sector);
    out->slot[1].bytes = kind == SEC_ONE_SLOT ? 0 : (slot + spare) * sector;
    return UP_OK;
}

uint32_t sec_layout_size(enum sec_layout_kind kind, uint32_t sector, uint32_t staging_bytes,
                         uint32_t slot_bytes)
{
    const uint64_t slot = sectors(slot_bytes, sector),
                   slots = kind == SEC_ONE_SLOT ? slot : 2 * slot + (kind == SEC_SWAP),
                   banks = (uint64_t)sectors(SEC_STORE_BYTES, sector) + sectors(staging_bytes, sector),
                   size = (2 * banks + slots) * sector;
    return size <= UINT32_MAX ? (uint32_t)size : 0;
}

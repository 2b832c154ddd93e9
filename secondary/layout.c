#include "secondary/layout.h"

/* Divides in 32 bits: a small machine has no other division. */
static uint64_t round_up(uint32_t n, uint32_t step)
{
    return ((uint64_t)(n / step) + (n % step != 0)) * step;
}

static bool geometry_is_possible(const struct sec_flash *f)
{
    return f->mapped != NULL && f->program_unit >= 1 && f->program_unit <= SEC_UNIT_MAX && f->sector > 0 &&
           f->sector % f->program_unit == 0 && f->size % f->sector == 0;
}

enum up_err sec_layout_of(const struct sec_flash *flash, enum sec_layout_kind kind, uint32_t staging_bytes,
                          struct sec_layout *out)
{
    if (!geometry_is_possible(flash)) return UP_CONFIG;
    const uint32_t sector = flash->sector;
    uint64_t store = round_up(SEC_STORE_BYTES, sector);
    uint64_t bank = round_up(staging_bytes != 0 ? staging_bytes : flash->size / 8, sector);
    if (2 * (store + bank) >= flash->size) return UP_CONFIG;
    const uint64_t spare = kind == SEC_SWAP ? sector : 0; /* slot 1 has it more */
    uint64_t left = flash->size - 2 * (store + bank);
    if (left < spare) return UP_CONFIG;
    const uint32_t each = (uint32_t)(left - spare) / (kind == SEC_ONE_SLOT ? 1 : 2);
    const uint64_t slot = each - each % sector;
    if (slot == 0) return UP_CONFIG;

    *out = (struct sec_layout){.kind = kind, .sector = sector};
    for (uint32_t i = 0; i < 2; i++) {
        out->store[i] = (struct sec_region){(uint32_t)(i * store), (uint32_t)store};
        out->bank[i] = (struct sec_region){(uint32_t)(2 * store + i * bank), (uint32_t)bank};
        out->slot[i] = (struct sec_region){(uint32_t)(2 * (store + bank) + i * slot), (uint32_t)slot};
    }
    out->slot[1].bytes = kind == SEC_ONE_SLOT ? 0 : (uint32_t)(slot + spare);
    return UP_OK;
}

uint32_t sec_layout_size(enum sec_layout_kind kind, uint32_t sector, uint32_t staging_bytes,
                         uint32_t slot_bytes)
{
    uint64_t slot = round_up(slot_bytes, sector);
    uint64_t slots = kind == SEC_ONE_SLOT ? slot : kind == SEC_SWAP ? 2 * slot + sector : 2 * slot;
    uint64_t size = 2 * (round_up(SEC_STORE_BYTES, sector) + round_up(staging_bytes, sector)) + slots;
    return size <= UINT32_MAX ? (uint32_t)size : 0;
}

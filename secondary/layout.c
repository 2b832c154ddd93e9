#include "secondary/layout.h"

static uint64_t round_up(uint64_t n, uint32_t step)
{
    return (n + step - 1) / step * step;
}

static bool geometry_is_possible(const struct sec_flash *f)
{
    return f->mapped != NULL && f->program_unit >= 1 && f->program_unit <= SEC_UNIT_MAX && f->sector > 0 &&
           f->sector % f->program_unit == 0 && f->size % f->sector == 0;
}

enum up_err sec_layout_of(const struct sec_flash *flash, uint32_t staging_bytes, struct sec_layout *out)
{
    if (!geometry_is_possible(flash)) return UP_CONFIG;
    uint64_t store = round_up(SEC_STORE_BYTES, flash->sector);
    uint64_t bank = round_up(staging_bytes != 0 ? staging_bytes : flash->size / 8, flash->sector);
    if (2 * (store + bank) >= flash->size) return UP_CONFIG;
    uint64_t slot = (flash->size - 2 * (store + bank)) / 2 / flash->sector * flash->sector;
    if (slot == 0) return UP_CONFIG;

    for (uint32_t i = 0; i < 2; i++) {
        out->store[i] = (struct sec_region){(uint32_t)(i * store), (uint32_t)store};
        out->bank[i] = (struct sec_region){(uint32_t)(2 * store + i * bank), (uint32_t)bank};
        out->slot[i] = (struct sec_region){(uint32_t)(2 * (store + bank) + i * slot), (uint32_t)slot};
    }
    return UP_OK;
}

uint32_t sec_layout_size(uint32_t sector, uint32_t staging_bytes, uint32_t slot_bytes)
{
    uint64_t size = 2 * (round_up(SEC_STORE_BYTES, sector) + round_up(staging_bytes, sector) +
                         round_up(slot_bytes, sector));
    return size <= UINT32_MAX ? (uint32_t)size : 0;
}

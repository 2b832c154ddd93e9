#include "tests/lib_slots.h"

#include <check.h>
#include <stdlib.h>

uint8_t *lib_image_bytes(uint32_t n, uint32_t seed)
{
    uint8_t *p = malloc(n);
    for (uint32_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (uint8_t)(seed >> 24);
    }
    return p;
}

struct sec_image lib_image(const char *name, uint32_t counter, struct up_span bytes)
{
    struct sec_image i = {.name_bytes = (uint8_t)strlen(name),
                          .length = (uint32_t)bytes.n,
                          .release_counter = counter,
                          .hashes = {.has_sha256 = true, .has_sha512 = true}};
    memcpy(i.name, name, i.name_bytes);
    struct up_hash h;
    up_sha256(bytes, i.hashes.sha256);
    up_hash_begin(&h, UP_SHA512);
    up_hash_add(&h, bytes);
    up_hash_end(&h, i.hashes.sha512);
    return i;
}

void lib_slots_place(struct lib_slots *l, unsigned slot, uint8_t state, const char *name, uint32_t counter,
                     struct up_span bytes)
{
    const struct sec_region r = sec_slot_region(&l->slots, slot);
    struct sec_writer w;
    sec_writer_begin(&w, &l->flash->port, r.at, r.at + r.bytes, true);
    ck_assert_int_eq(sec_writer_add(&w, bytes), UP_OK);
    ck_assert_int_eq(sec_writer_flush(&w), UP_OK);
    ck_assert_int_eq(sec_flash_sync(&l->flash->port), UP_OK);
    l->slots.slot[slot] = (struct sec_slot){.state = state, .image = lib_image(name, counter, bytes)};
    memset(l->slots.slot[slot].order, (int)counter, SEC_ORDER_BYTES);
    ck_assert_int_eq(sec_slots_save(&l->slots), UP_OK);
}

void lib_slots_new(struct lib_slots *l, enum sec_layout_kind kind, uint32_t slot_bytes, uint32_t sector,
                   uint32_t unit)
{
    l->flash = lib_flash_new(sec_layout_size(kind, sector, sector, slot_bytes), sector, unit);
    ck_assert_int_eq(sec_layout_of(&l->flash->port, kind, sector, &l->layout), UP_OK);
    ck_assert_int_eq(sec_store_format(&l->store, &l->flash->port, &l->layout), UP_OK);
    l->slots = (struct sec_slots){.store = &l->store,
                                  .layout = &l->layout,
                                  .slot = {{.state = SEC_EMPTY}, {.state = SEC_EMPTY}},
                                  .release_floor = 1};
    uint8_t *old = lib_image_bytes(slot_bytes / 2, 1);
    lib_slots_place(l, 0, SEC_CONFIRMED, "old", 1, (struct up_span){old, slot_bytes / 2});
    free(old);
    lib_slots_reload(l);
}

void lib_slots_free(struct lib_slots *l)
{
    lib_flash_free(l->flash);
    l->flash = NULL;
}

void lib_slots_reload(struct lib_slots *l)
{
    lib_flash_power(l->flash);
    ck_assert_int_eq(sec_store_open(&l->store, &l->flash->port, &l->layout), UP_OK);
    ck_assert_int_eq(sec_slots_load(&l->slots, &l->store, &l->layout), UP_OK);
}

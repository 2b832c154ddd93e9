/* Slots in a small flash in memory, and images to put into them. */
#ifndef TESTS_LIB_SLOTS_H
#define TESTS_LIB_SLOTS_H

#include "secondary/slot.h"
#include "tests/lib_flash.h"

struct lib_slots {
    struct lib_flash *flash;
    struct sec_layout layout;
    struct sec_store store;
    struct sec_slots slots;
};
/* Slot 0 confirmed with image "old" (counter 1), slot 1 empty. */
void lib_slots_new(struct lib_slots *l, enum sec_layout_kind kind, uint32_t slot_bytes, uint32_t sector,
                   uint32_t unit);
void lib_slots_free(struct lib_slots *l);
/* As after a power cycle: everything again from flash. */
void lib_slots_reload(struct lib_slots *l);

/* N bytes that follow from SEED; caller frees. */
uint8_t *lib_image_bytes(uint32_t n, uint32_t seed);
struct sec_image lib_image(const char *name, uint32_t counter, struct up_span bytes);
/* Writes BYTES straight into SLOT and gives it STATE, as if all had gone well. */
void lib_slots_place(struct lib_slots *l, unsigned slot, uint8_t state, const char *name, uint32_t counter,
                     struct up_span bytes);

#endif

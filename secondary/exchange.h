/* The layout with swap: what lies in slot 0 and in slot 1 changes places, sector by sector, by the boot
 * stage.
 *
 * Slot 1 has one sector more, so each sector of the images is erased once and none is a scratch that wears
 * sooner. An even number of exchanges: the image in slot 1 begins at its second sector; the next exchange
 * moves up from the first sector. Odd: it begins at the first; the next one moves down from the last.
 *
 *     slot 0   A0 A1 A2            B0 B1 B2            A0 A1 A2
 *     slot 1   -- B0 B1 B2   ->    A0 A1 A2 --   ->    -- B0 B1 B2
 *
 * Every step copies one sector to a place whose content is not needed any longer. The number of the step is
 * durable before it begins and the copy before the next one does, so a step that was cut is done again. */
#ifndef SECONDARY_EXCHANGE_H
#define SECONDARY_EXCHANGE_H

#include "secondary/slot.h"

/* For sec_slots_load(): as recorded. STORAGE_CORRUPT. */
enum up_err sec_exchange_load(struct sec_slots *s) UP_NODISCARD;
/* Power failed in the middle of one: neither image is whole until it has been finished. */
bool sec_exchange_pending(const struct sec_slots *s);
/* Begins one, or goes on. OK: both images are whole, in each other's place. On failure it is pending. */
enum up_err sec_exchange_run(struct sec_slots *s) UP_NODISCARD;

#endif

/* The boot stage: which slot runs. Nothing runs that was not verified from flash just now; an image on trial
 * gets a limited number of starts; whatever fails, the last confirmed image is the way back, and nothing
 * older is. */
#ifndef SECONDARY_BOOT_H
#define SECONDARY_BOOT_H

#include "secondary/slot.h"

#define SEC_TRIAL_BOOTS 5 /* starts without confirmation: ignition cycles happen during a trial */
#define SEC_NO_SLOT     2u

struct sec_boot_rule {
    uint8_t preference; /* the highest runs; 0: never */
    bool on_trial;      /* its starts are counted */
};
extern const struct sec_boot_rule sec_boot_rules[SEC_SLOT_STATES];

struct sec_boot_choice {
    unsigned slot;   /* SEC_NO_SLOT: nothing can run */
    bool damaged[2]; /* the image was not what it was when it was verified */
    bool gave_up[2]; /* a trial had its starts and was not confirmed */
};
/* What cannot be recorded is not started, except the confirmed image, for which nothing need be. */
struct sec_boot_choice sec_boot_choose(struct sec_slots *s);

#endif

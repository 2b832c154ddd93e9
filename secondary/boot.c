#include "secondary/boot.h"

#define READ_BYTES 65536u

/* clang-format off */
const struct sec_boot_rule sec_boot_rules[SEC_SLOT_STATES] = {
    [SEC_EMPTY]     = {.preference = 0},
    [SEC_RECEIVING] = {.preference = 0},
    [SEC_VERIFIED]  = {.preference = 0},
    [SEC_ARMED]     = {.preference = 3, .on_trial = true},
    [SEC_TRIAL]     = {.preference = 2, .on_trial = true},
    [SEC_CONFIRMED] = {.preference = 1},
    [SEC_BAD]       = {.preference = 0},
};
/* clang-format on */

static unsigned preferred(const struct sec_slots *s, const bool out[2])
{
    unsigned best = SEC_NO_SLOT;
    uint8_t highest = 0;
    for (unsigned i = 0; i < 2; i++) {
        uint8_t preference = sec_boot_rules[s->slot[i].state].preference;
        if (out[i] || preference <= highest) continue;
        highest = preference;
        best = i;
    }
    return best;
}

static bool whole(const struct sec_slots *s, unsigned slot)
{
    struct sec_check c;
    sec_check_begin(&c, s, slot);
    while (sec_check_step(&c, READ_BYTES)) {
    }
    return sec_check_end(&c) == UP_OK;
}

struct sec_boot_choice sec_boot_choose(struct sec_slots *s)
{
    struct sec_boot_choice choice = {.slot = SEC_NO_SLOT};
    bool out[2] = {false, false};
    for (unsigned i; (i = preferred(s, out)) != SEC_NO_SLOT; out[i] = true) {
        const bool on_trial = sec_boot_rules[s->slot[i].state].on_trial;
        const bool used_up = on_trial && s->slot[i].boots >= SEC_TRIAL_BOOTS;
        if (!used_up && whole(s, i)) {
            if (on_trial && sec_slot_event(s, i, SEC_TRY) != UP_OK) continue;
            choice.slot = i;
            break;
        }
        choice.gave_up[i] = used_up;
        choice.damaged[i] = !used_up;
        /* An image that only had no word from its Primary may be activated again. */
        enum up_err recorded = sec_slot_event(s, i, used_up ? SEC_REVERT : SEC_REJECT);
        (void)recorded; /* if not, the next boot finds the same */
    }
    return choice;
}

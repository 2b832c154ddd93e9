#include "secondary/boot.h"

#include "secondary/exchange.h"

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
    [SEC_AWAY]      = {.preference = 0},
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

enum up_err sec_boot_verify_begin(const struct sec_slots *s, unsigned slot, const struct sec_policy *policy,
                                  struct sec_check *check)
{
    const uint32_t ordered = s->slot[slot].image.release_counter;
    const struct up_span image = sec_slot_image(s, slot);
    struct sec_header h = {.counter = ordered};
    if (policy->key != NULL) UP_TRY(sec_header_open(image, policy->key, &h));
    if (h.counter < s->release_floor || h.counter < ordered) return UP_IMG_RELEASE_COUNTER;
    if (policy->key != NULL)
        sec_check_begin_bytes(check, s->store->flash, (struct up_span){image.p, h.covered_bytes}, h.sha256.p);
    else
        sec_check_begin(check, s, slot);
    return UP_OK;
}

enum up_err sec_boot_verify(const struct sec_slots *s, unsigned slot, const struct sec_policy *policy)
{
    struct sec_check c;
    UP_TRY(sec_boot_verify_begin(s, slot, policy, &c));
    while (sec_check_step(&c, READ_BYTES)) {
    }
    return sec_check_end(&c);
}

/* Where it runs, with swap; verified there once more. */
static enum up_err bring(struct sec_slots *s, unsigned slot, const struct sec_policy *policy)
{
    if (s->layout->kind != SEC_SWAP || sec_slot_region(s, slot).at == s->layout->slot[0].at) return UP_OK;
    UP_TRY(sec_exchange_run(s));
    return sec_boot_verify(s, slot, policy);
}

struct sec_boot_choice sec_boot_choose(struct sec_slots *s, const struct sec_policy *policy)
{
    struct sec_boot_choice choice = {.slot = SEC_NO_SLOT};
    bool out[2] = {false, false};
    if (sec_exchange_pending(s) && sec_exchange_run(s) != UP_OK) return choice;
    for (unsigned i; (i = preferred(s, out)) != SEC_NO_SLOT; out[i] = true) {
        const bool on_trial = sec_boot_rules[s->slot[i].state].on_trial;
        const bool used_up = on_trial && s->slot[i].boots >= SEC_TRIAL_BOOTS;
        if (!used_up && sec_boot_verify(s, i, policy) == UP_OK) {
            enum up_err e = bring(s, i, policy);
            if (sec_exchange_pending(s)) return choice; /* flash fails: the next boot goes on */
            if (e == UP_OK) {
                if (on_trial && sec_slot_event(s, i, SEC_TRY) != UP_OK) continue;
                choice.slot = i;
                choice.image = sec_slot_image(s, i);
                break;
            }
        }
        choice.gave_up[i] = used_up;
        choice.damaged[i] = !used_up;
        /* An image that only had no word from its Primary may be activated again. */
        enum up_err recorded = sec_slot_event(s, i, used_up ? SEC_REVERT : SEC_REJECT);
        (void)recorded; /* if not, the next boot finds the same */
    }
    return choice;
}

enum up_err sec_boot_stage(const struct sec_flash *flash, const struct sec_boot_config *config,
                           struct sec_boot_choice *out)
{
    struct sec_layout layout;
    struct sec_store store;
    struct sec_slots slots;
    *out = (struct sec_boot_choice){.slot = SEC_NO_SLOT};
    UP_TRY(sec_layout_of(flash, config->layout, config->staging_bytes, &layout));
    enum up_err e = sec_store_open(&store, flash, &layout);
    if (e != UP_OK && (e != UP_STORAGE_CORRUPT || store.generation == 0)) return e;
    UP_TRY(sec_slots_load(&slots, &store, &layout));
    *out = sec_boot_choose(&slots, &config->policy);
    return UP_OK;
}

/* ---- the way to the agent ---- */

#define HANDOVER      0x15C70000u
#define HANDOVER_MASK 0xFFFF0000u

uint32_t sec_handover_pack(const struct sec_boot_choice *c)
{
    uint32_t bits = c->slot;
    for (unsigned i = 0; i < 2; i++) bits |= (c->damaged[i] ? 4u : 0) << i | (c->gave_up[i] ? 16u : 0) << i;
    return HANDOVER | (bits ^ 0xFFu) << 8 | bits;
}

bool sec_handover_read(uint32_t word, struct sec_boot_choice *out)
{
    const uint32_t bits = word & 0xFFu;
    if ((word & HANDOVER_MASK) != HANDOVER || (word >> 8 & 0xFFu) != (bits ^ 0xFFu) ||
        (bits & 3u) > SEC_NO_SLOT)
        return false;
    *out = (struct sec_boot_choice){.slot = bits & 3u};
    for (unsigned i = 0; i < 2; i++) {
        out->damaged[i] = (bits & 4u << i) != 0;
        out->gave_up[i] = (bits & 16u << i) != 0;
    }
    return true;
}

/* The boot stage: which image runs. The first code after power-on, in a place that no update can write, with
 * a public key that no update can change. It contains nothing of the agent: flash, store, slots, and the
 * cryptography port's SHA-256 and, for policy `signature`, ECDSA P-256.
 *
 * Nothing runs that was not verified from flash just now, where it runs. An image on trial gets a limited
 * number of starts. Whatever fails, the last confirmed image is the way back, and nothing older is.
 *
 *     sec_boot_stage(&flash, &config, &choice);            // writes what has to be counted
 *     *handover = sec_handover_pack(&choice);              // RAM or a register that the jump keeps
 *     jump to choice.image; without one, to the agent where it lies outside of the slot
 *
 * The agent then begins with sec_agent_start() (secondary/agent.h). */
#ifndef SECONDARY_BOOT_H
#define SECONDARY_BOOT_H

#include "secondary/header.h"
#include "secondary/slot.h"

#define SEC_TRIAL_BOOTS 5 /* starts without confirmation: ignition cycles happen during a trial */

/* What makes an image good. `digest`: the bytes that the agent has recorded, for platforms that verify
 * otherwise and for foreign images. `signature`: it carries a signature by KEY (secondary/header.h), and its
 * own release counter is not below the recorded floor; so the agent, which can be updated, can bless
 * nothing. */
struct sec_policy {
    const struct up_key *key; /* NULL: digest */
};
struct sec_boot_config {
    enum sec_layout_kind layout;
    uint32_t staging_bytes; /* as in struct sec_identity */
    struct sec_policy policy;
};

struct sec_boot_rule {
    uint8_t preference; /* the highest runs; 0: never */
    bool on_trial;      /* its starts are counted */
};
extern const struct sec_boot_rule sec_boot_rules[SEC_SLOT_STATES];

struct sec_boot_choice {
    unsigned slot;        /* SEC_NO_SLOT: nothing can run */
    bool damaged[2];      /* the image was not what it was when it was verified, or is not signed */
    bool gave_up[2];      /* a trial had its starts and was not confirmed */
    struct up_span image; /* in mapped flash, header included: where to jump */
};

/* The image of SLOT by POLICY, all but its bytes: those have to pass CHECK, which has begun when OK.
 * SIG_THRESHOLD: not signed by the key. IMG_RELEASE_COUNTER, SCHEMA, UNSUPPORTED. */
enum up_err sec_boot_verify_begin(const struct sec_slots *s, unsigned slot, const struct sec_policy *policy,
                                  struct sec_check *check) UP_NODISCARD;
/* All of it at once; IMG_HASH as well. */
enum up_err sec_boot_verify(const struct sec_slots *s, unsigned slot,
                            const struct sec_policy *policy) UP_NODISCARD;
/* With swap, the chosen image is in slot 0 afterwards. What cannot be recorded is not started, except the
 * confirmed image, for which nothing need be. */
struct sec_boot_choice sec_boot_choose(struct sec_slots *s, const struct sec_policy *policy);
/* All of it, from the flash. CONFIG: never provisioned. STORAGE_CORRUPT: no state can be read. */
enum up_err sec_boot_stage(const struct sec_flash *flash, const struct sec_boot_config *config,
                           struct sec_boot_choice *out) UP_NODISCARD;

/* The choice in one word, for the way from the boot stage to the agent. */
uint32_t sec_handover_pack(const struct sec_boot_choice *c);
/* False: WORD is none. Without the image, which the agent looks up. */
bool sec_handover_read(uint32_t word, struct sec_boot_choice *out);

#endif

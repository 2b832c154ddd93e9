/* Image slots: what is in them, what may happen to them next, and the bytes.
 *
 * There are always two, as far as their records go. Where their bytes lie is the layout's (layout.h): with
 * swap they change places, with one slot they share it, and while a new image is written over the old one the
 * old one is AWAY: the Primary keeps its bytes.
 *
 * All that counts is one record in the store, replaced as a whole, so a power cut leaves the state before an
 * event or after it. Order of writes, everywhere: the record says "receiving" before the first erase; the
 * journal promises only bytes that are in flash and synced; "verified" follows reading everything back; the
 * release floor and the end of the old image come with "confirmed", in the same record. */
#ifndef SECONDARY_SLOT_H
#define SECONDARY_SLOT_H

#include "metadata/role.h"
#include "secondary/store.h"
#include "secondary/writer.h"

#define SEC_ORDER_BYTES UP_SHA256_BYTES
#define SEC_NO_SLOT     2u

enum sec_slot_state { /* numbers are on flash */
                      SEC_EMPTY = 1,
                      SEC_RECEIVING,
                      SEC_VERIFIED,  /* whole and as ordered; not started without activation */
                      SEC_ARMED,     /* the next boot tries it */
                      SEC_TRIAL,     /* booted, not confirmed */
                      SEC_CONFIRMED, /* the one that runs when nothing is on trial */
                      SEC_BAD,       /* never started: other bytes, or it was not healthy */
                      SEC_AWAY,      /* one slot: was confirmed, another is in its place, may be sent back */
                      SEC_SLOT_STATES
};
enum sec_slot_event {
    SEC_RECEIVE,
    SEC_ACCEPT, /* read back, all hashes fit */
    SEC_REJECT, /* not whole, not healthy */
    SEC_ARM,
    SEC_TRY, /* the boot stage starts it: counted */
    SEC_CONFIRM,
    SEC_REVERT,   /* out of trial, or disarmed: may be armed again */
    SEC_WITHDRAW, /* the order for it is gone */
    SEC_SLOT_EVENTS
};
/* The state after EVENT; 0: not possible in STATE. */
enum sec_slot_state sec_slot_next(enum sec_slot_state state, enum sec_slot_event event);

struct sec_image { /* as ordered, or as provisioned */
    uint8_t name_bytes;
    uint8_t name[UP_NAME_MAX];
    uint32_t length, release_counter;
    struct up_hashes hashes;
};
/* False: name or length does not fit the struct. */
bool sec_image_of(const struct up_target *t, struct sec_image *out);
bool sec_image_same(const struct sec_image *a, const struct sec_image *b);
struct up_span sec_image_name(const struct sec_image *i);

#define SEC_ARMS_MAX   16u /* activations under one order: with swap each moves all bytes */
#define SEC_STARTS_MAX 8u  /* transfers from 0 under one order */
#define SEC_TRIES_MAX  16u /* resumes of one order at the same place */

struct sec_slot {
    uint8_t state, boots, arms, starts; /* boots on trial; what this order has cost: activations, from 0 */
    uint8_t order[SEC_ORDER_BYTES];
    struct sec_image image;
};
struct sec_journal {
    uint8_t order[SEC_ORDER_BYTES];
    uint32_t transported, plain; /* received; that is in the slot, synced */
    uint8_t tries;               /* resumes at this place */
};
struct sec_exchange {       /* of both slots, with swap: exchange.h */
    uint32_t count;         /* that have been done; odd: the slots have changed places */
    uint32_t step, sectors; /* of the one under way; sectors 0: none */
};
struct sec_slots {
    struct sec_store *store;
    const struct sec_layout *layout;
    struct sec_slot slot[2]; /* the record */
    uint32_t release_floor;  /* the record: highest counter ever confirmed */
    uint32_t received;       /* the record: transfers that were ever begun: wear */
    struct sec_journal journal;
    struct sec_exchange exchange;
    struct sec_writer writer;
};

/* STORE and LAYOUT stay in use. STORAGE_CORRUPT: no record. */
enum up_err sec_slots_load(struct sec_slots *s, struct sec_store *store,
                           const struct sec_layout *layout) UP_NODISCARD;
/* Where the bytes of SLOT lie now, or would. */
struct sec_region sec_slot_region(const struct sec_slots *s, unsigned slot);
/* The slot to receive into while RUNNING (SEC_NO_SLOT: nothing) runs. */
unsigned sec_slot_other(const struct sec_slots *s, unsigned running);
/* The slot whose image is away; SEC_NO_SLOT. */
unsigned sec_slot_away(const struct sec_slots *s);
/* The record as it is now, for provisioning. */
enum up_err sec_slots_save(struct sec_slots *s) UP_NODISCARD;
/* Durable when OK. PRECONDITION: not possible in this state, or too often. On failure nothing has changed. */
enum up_err sec_slot_event(struct sec_slots *s, unsigned slot, enum sec_slot_event event) UP_NODISCARD;
/* Another order names the same image: what was received for the old one counts for ORDER. */
enum up_err sec_slot_adopt(struct sec_slots *s, unsigned slot,
                           const uint8_t order[SEC_ORDER_BYTES]) UP_NODISCARD;

/* Bytes of a transfer that are safe: where it resumes. 0 unless SLOT is receiving, or coming back. */
uint32_t sec_slot_received(const struct sec_slots *s, unsigned slot);
/* Begins at 0 (the slot is then receiving, whatever was in it), or resumes the same order where
 * sec_slot_received() says. With one slot, what was in it is AWAY then, and may be received again.
 * LIMIT: too many attempts for this order; what was received stays. */
enum up_err sec_slot_receive(struct sec_slots *s, unsigned slot, const struct sec_image *image,
                             const uint8_t order[SEC_ORDER_BYTES], uint32_t from) UP_NODISCARD;
/* Plain bytes, in order. Sectors are erased as they are reached. */
enum up_err sec_slot_write(struct sec_slots *s, struct up_span plain) UP_NODISCARD;
/* Plain bytes from which a transfer could resume if they were journalled now: whole sectors. */
uint32_t sec_slot_resumable(const struct sec_slots *s, unsigned slot);
/* Syncs, then promises. */
enum up_err sec_slot_journal(struct sec_slots *s, uint32_t transported, uint32_t plain) UP_NODISCARD;
/* All has come: the last unit goes to flash. */
enum up_err sec_slot_finish(struct sec_slots *s, uint32_t transported, uint32_t plain) UP_NODISCARD;

/* The image in flash, as long as ordered. */
struct up_span sec_slot_image(const struct sec_slots *s, unsigned slot);
/* Reads bytes back, a part at a time. */
struct sec_check {
    const struct sec_flash *flash;
    struct up_span left;
    const uint8_t *want256, *want512; /* NULL: not asked for */
    struct up_hash sha256, sha512;
};
/* The image of SLOT, for every hash that was ordered; which must stay. */
void sec_check_begin(struct sec_check *c, const struct sec_slots *s, unsigned slot);
/* BYTES, for a SHA-256 that must stay. */
void sec_check_begin_bytes(struct sec_check *c, const struct sec_flash *flash, struct up_span bytes,
                           const uint8_t sha256[UP_SHA256_BYTES]);
bool sec_check_step(struct sec_check *c, uint32_t bytes); /* false: all has been read */
/* OK or IMG_HASH. Ends the check. */
enum up_err sec_check_end(struct sec_check *c) UP_NODISCARD;
void sec_check_drop(struct sec_check *c);

#endif

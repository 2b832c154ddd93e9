/* Two image slots: what is in them, what may happen to them next, and the bytes.
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

enum sec_slot_state { /* numbers are on flash */
                      SEC_EMPTY = 1,
                      SEC_RECEIVING,
                      SEC_VERIFIED,  /* whole and as ordered; not started without activation */
                      SEC_ARMED,     /* the next boot tries it */
                      SEC_TRIAL,     /* booted, not confirmed */
                      SEC_CONFIRMED, /* the one that runs when nothing is on trial */
                      SEC_BAD,       /* never started: other bytes, or it was not healthy */
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

struct sec_slot {
    uint8_t state, boots; /* boots on trial */
    uint8_t order[SEC_ORDER_BYTES];
    struct sec_image image;
};
struct sec_journal {
    uint8_t order[SEC_ORDER_BYTES];
    uint32_t transported, plain; /* received; that is in the slot, synced */
};
struct sec_slots {
    struct sec_store *store;
    struct sec_region region[2];
    struct sec_slot slot[2]; /* the record */
    uint32_t release_floor;  /* the record: highest counter ever confirmed */
    struct sec_journal journal;
    struct sec_writer writer;
};

/* STORAGE_CORRUPT: no record. */
enum up_err sec_slots_load(struct sec_slots *s, struct sec_store *store,
                           const struct sec_layout *layout) UP_NODISCARD;
/* The record as it is now, for provisioning. */
enum up_err sec_slots_save(struct sec_slots *s) UP_NODISCARD;
/* Durable when OK. PRECONDITION: not possible in this state. On failure nothing has changed. */
enum up_err sec_slot_event(struct sec_slots *s, unsigned slot, enum sec_slot_event event) UP_NODISCARD;
/* Another order names the same image: what was received for the old one counts for ORDER. */
enum up_err sec_slot_adopt(struct sec_slots *s, unsigned slot,
                           const uint8_t order[SEC_ORDER_BYTES]) UP_NODISCARD;

/* Bytes of a transfer that are safe: where it resumes. 0 unless SLOT is receiving. */
uint32_t sec_slot_received(const struct sec_slots *s, unsigned slot);
/* Begins at 0 (the slot is then receiving, whatever was in it), or resumes the same order where
 * sec_slot_received() says. */
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
/* Reads the image back, a part at a time. */
struct sec_check {
    struct up_span left;
    const struct up_hashes *hashes;
    struct up_hash sha256, sha512;
};
void sec_check_begin(struct sec_check *c, const struct sec_slots *s, unsigned slot);
bool sec_check_step(struct sec_check *c, uint32_t bytes); /* false: all has been read */
/* Every hash that was ordered: OK or IMG_HASH. Ends the check. */
enum up_err sec_check_end(struct sec_check *c) UP_NODISCARD;
void sec_check_drop(struct sec_check *c);

#endif

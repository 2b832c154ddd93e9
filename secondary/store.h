/* Small durable state: one value per key, replaced as a whole; after a power cut at any moment the old value
 * or the new one.
 *
 * A log of records in one of two banks. When a bank is full, the newest value of every key moves to the other
 * one, whose header is written last and makes it the one that counts: wear is spread over both banks.
 *
 *     bank:    header, header again, record, record again, record, record again, ... erased
 *     record:  magic 2 | key 1 | 0 1 | length 2 | sequence 4 | value | check 16    padded to program units
 *
 * The check is half a SHA-256 over the bank's generation and the record. Every record is written twice, so a
 * damaged one is not taken for a torn write and followed by silence: sequence numbers have no gaps, and a gap
 * is told as STORAGE_CORRUPT. A torn record is skipped unit by unit. Where flash refuses a write (a unit that
 * a power cut left half programmed though it reads as erased), all moves to the other bank. */
#ifndef SECONDARY_STORE_H
#define SECONDARY_STORE_H

#include "secondary/layout.h"

enum sec_key { /* numbers are on flash: never reuse one */
               SEC_KEY_IDENTITY,
               SEC_KEY_SLOTS,
               SEC_KEY_JOURNAL,
               SEC_KEY_TRUST,
               SEC_KEY_TIME,
               SEC_KEY_BOOTS,
               SEC_KEY_EVENTS,
               SEC_KEY_EXCHANGE,
               SEC_KEY_ATTEMPTS,
               SEC_KEYS
};

#define SEC_VALUE_MAX 704u /* all keys at this size fit a bank, twice, with the largest unit */

struct sec_store {
    const struct sec_flash *flash;
    struct sec_region bank[2];
    uint8_t active;
    uint32_t generation, sequence; /* of the active bank; of its last record */
    uint32_t end;                  /* where the next record goes */
    struct up_span value[SEC_KEYS];
};

/* Erases all and starts empty. */
enum up_err sec_store_format(struct sec_store *s, const struct sec_flash *flash,
                             const struct sec_layout *layout) UP_NODISCARD;
/* CONFIG: never formatted. STORAGE_CORRUPT with generation 0: nothing can be read; with another generation:
 * some record is lost, the rest (and older values) can be read and written. */
enum up_err sec_store_open(struct sec_store *s, const struct sec_flash *flash,
                           const struct sec_layout *layout) UP_NODISCARD;
/* In mapped flash, valid until the next put. p NULL: none. */
struct up_span sec_store_get(const struct sec_store *s, enum sec_key key);
/* Durable when OK. The value that is there already is not written again. On failure the old value stays. */
enum up_err sec_store_put(struct sec_store *s, enum sec_key key, struct up_span value) UP_NODISCARD;

#endif

/* A metadata bank: files of one update cycle, one behind the other in mapped flash, verified and read in
 * place.
 *
 * Each file is followed by its entry, which names it and points at the entry before: a file without one did
 * not arrive. The newest file of a path counts. Nothing in a bank is trusted for being there:
 * secondary/trusted.h says which entries are.
 *
 * A set begins at any sector and goes on at the first one of the bank, with the first file that does not fit
 * before the end: each lies in one piece.
 *
 *     data, padded | entry: magic 4, entry before 4, data 4, bytes 4, path length 1, path, padded | data ...
 */
#ifndef SECONDARY_BANK_H
#define SECONDARY_BANK_H

#include "secondary/writer.h"

#define SEC_NONE     UINT32_MAX /* no entry */
#define SEC_PATH_MAX 220u

struct sec_file { /* spans lie in mapped flash */
    struct up_span path, bytes;
    uint32_t before;
};
/* The file whose entry is at AT in the bank REGION. False: nothing that makes sense. What is BEFORE it need
 * not make sense. */
bool sec_file_at(const struct sec_flash *flash, struct sec_region region, uint32_t at, struct sec_file *out);

struct sec_bank {
    const struct sec_flash *flash;
    struct sec_region region;
    uint32_t begin, ahead;          /* of the set; bytes at the start of the bank that it may go on to */
    uint32_t last;                  /* newest entry */
    uint32_t data, expected, bytes; /* of the file that arrives */
    bool open;
    uint8_t path_bytes;
    uint8_t path[SEC_PATH_MAX];
    struct sec_writer writer;
};

/* Empty: sectors are erased as they are reached. It begins at the sector AT, for the most room the first one.
 */
void sec_bank_begin(struct sec_bank *b, const struct sec_flash *flash, struct sec_region region, uint32_t at);
/* The sector behind it: where another set that spreads wear begins. */
uint32_t sec_bank_end(const struct sec_bank *b);
/* Bytes that a file of BYTES takes, entry included. */
uint32_t sec_bank_size(const struct sec_flash *flash, uint32_t bytes, size_t path_bytes);
/* Room that is left behind a file of SIZE, entry included, for any files together; 0 also where it does not
 * fit itself. */
uint32_t sec_bank_room(const struct sec_bank *b, uint32_t size);
/* A file arrives: open, add in order, close. STORAGE_FULL: no room. STORAGE_WRITE: the bank is empty again.
 */
enum up_err sec_bank_open(struct sec_bank *b, struct up_span path, uint32_t bytes) UP_NODISCARD;
enum up_err sec_bank_add(struct sec_bank *b, struct up_span bytes) UP_NODISCARD;
enum up_err sec_bank_close(struct sec_bank *b) UP_NODISCARD; /* PRECONDITION: not all bytes have come */
/* It will not come to its end; what has arrived stays as waste. */
void sec_bank_abandon(struct sec_bank *b);
/* The newest file of PATH among the entry FROM and those before it; SEC_NONE. */
uint32_t sec_bank_find(const struct sec_bank *b, uint32_t from, struct up_span path);

#endif

/* A metadata bank: files of one update cycle, one behind the other in mapped flash, verified and read in
 * place.
 *
 * Each file is followed by its entry, which names it and points at the entry before: a file without one did
 * not arrive. The newest file of a path counts. Nothing in a bank is trusted for being there:
 * secondary/trusted.h says which entries are.
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
/* The file whose entry is at AT in the bank REGION. False: nothing that makes sense. */
bool sec_file_at(const struct sec_flash *flash, struct sec_region region, uint32_t at, struct sec_file *out);

struct sec_bank {
    const struct sec_flash *flash;
    struct sec_region region;
    uint32_t turn;
    uint32_t last;                  /* newest entry */
    uint32_t data, expected, bytes; /* of the file that arrives */
    bool open;
    uint8_t path_bytes;
    uint8_t path[SEC_PATH_MAX];
    struct sec_writer writer;
};

/* Empty: sectors are erased as they are reached. TURN: a number that grows; small sets of files then begin at
 * another sector of the first quarter each time, which spreads wear. */
void sec_bank_begin(struct sec_bank *b, const struct sec_flash *flash, struct sec_region region,
                    uint32_t turn);
/* Bytes that a file of BYTES takes, entry included. */
uint32_t sec_bank_size(const struct sec_flash *flash, uint32_t bytes, size_t path_bytes);
uint32_t sec_bank_room(const struct sec_bank *b);
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

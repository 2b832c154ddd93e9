/* NOR flash in memory, with power cuts. Enforces the port's rules on its user: whole aligned units, erased
 * before, programmed once per erase; a breach aborts. A unit whose program was cut and does not show, and a
 * sector whose erase was cut, are doubtful: program returns false there until the next erase, as a driver's
 * blank check would.
 *
 * Every erase of a sector and every program of one unit is an operation. cut_at = n: operation n (from now)
 * does not finish, its unit or sector is torn, and longjmp(cut) ends the world; power up with
 * lib_flash_power().
 *
 *     for (uint64_t n = 1;; n++) {
 *         prepare(f);
 *         if (setjmp(f->cut) == 0) { lib_flash_cut(f, n, tear); work(); break; }
 *         lib_flash_power(f);
 *         check what is there;
 *     } */
#ifndef TESTS_LIB_FLASH_H
#define TESTS_LIB_FLASH_H

#include "secondary/flash.h"
#include <setjmp.h>

enum lib_tear {
    LIB_TEAR_NOTHING,  /* nothing shows of it */
    LIB_TEAR_PART,     /* its first bytes: see part */
    LIB_TEAR_GARBAGE,  /* any bytes */
    LIB_TEAR_ALL,      /* done, but power failed right after */
    LIB_TEAR_UNSYNCED, /* a file behind a page cache: every unit since the last sync is old or new */
    LIB_TEAR_LATEST,   /* the same, in the wrong order: only the latest units have become durable */
    LIB_TEARS
};

struct lib_flash {
    struct sec_flash port;
    uint8_t *bytes, *durable; /* durable: as of the last sync */
    uint8_t *used;            /* per unit: erased, programmed, doubtful */
    uint64_t *written;        /* per unit: the operation that did it */
    uint8_t *blank;           /* a sector of 0xFF */
    uint32_t *wear;           /* per sector: erases */
    uint64_t operations;
    uint64_t cut_at; /* counts down; 0: no cut */
    enum lib_tear tear;
    uint32_t part; /* bytes of a program that is torn in part; 0, and of an erase: half */
    jmp_buf cut;
    bool dead;        /* cut and not powered up again: every call aborts */
    uint64_t fail_at; /* counts down; that operation, and all later ones, return false. 0: none */
    uint64_t syncs, erases, synced_at; /* synced_at: operations at the last sync */
    uint32_t random;
};

struct lib_flash *lib_flash_new(uint32_t size, uint32_t sector, uint32_t program_unit);
void lib_flash_free(struct lib_flash *f);
void lib_flash_cut(struct lib_flash *f, uint64_t operation, enum lib_tear tear);
void lib_flash_power(struct lib_flash *f);
/* A copy of all that counts, and back: the same start for every round. */
uint8_t *lib_flash_save(const struct lib_flash *f);
void lib_flash_load(struct lib_flash *f, const uint8_t *saved);

#endif

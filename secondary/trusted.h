/* What this ECU trusts: one record in the store that points into the trusted metadata bank, and the floors
 * that no file goes below, which live apart from the files.
 *
 * The other bank is for staging. To trust what was staged, files that are still trusted and were not sent
 * again are carried over, the bank is synced, and the record, in one step, says that this bank is the trusted
 * one now. */
#ifndef SECONDARY_TRUSTED_H
#define SECONDARY_TRUSTED_H

#include "metadata/trust.h"
#include "secondary/bank.h"
#include "secondary/store.h"

#define SEC_ROLES_KEPT 16 /* delegated roles kept for the next cycle; others must be sent again */

/* Files of a repository: its roles, and the Root of the plant, from which the way to the present one can be
 * walked again should that be damaged. It is a copy of its own though it be the present one. */
#define SEC_PLANT_ROOT UP_TIME
#define SEC_FILES      (UP_TIME + 1)

struct sec_trusted {
    uint8_t bank;
    uint32_t end[2];           /* of what each bank was last given: sec_bank_end() */
    uint32_t at[2][SEC_FILES]; /* entries, by enum up_repo and role; SEC_NONE */
    uint32_t root_version[2];  /* of the Root file held; below its floor only while damage is repaired */
    struct up_floors floors[2];
    uint8_t roles;
    uint32_t role_at[SEC_ROLES_KEPT];
};

void sec_trusted_init(struct sec_trusted *t);
/* STORAGE_CORRUPT: no record. */
enum up_err sec_trusted_load(struct sec_trusted *t, const struct sec_store *store) UP_NODISCARD;
/* Makes NEXT durable; NEXT then holds the entries where they are now. STAGING is the bank that does not hold
 * what is trusted, or does since an earlier commit of this cycle. Nothing new: nothing is written. On failure
 * what was trusted before still is. */
enum up_err sec_trusted_commit(struct sec_trusted *next, const struct sec_trusted *now,
                               struct sec_bank *staging, const struct sec_layout *layout,
                               struct sec_store *store) UP_NODISCARD;
/* The file at entry AT, in whichever bank. */
bool sec_trusted_file(const struct sec_flash *flash, const struct sec_layout *layout, uint32_t at,
                      struct sec_file *out);
/* Room that carrying over would take in the worst case. */
uint32_t sec_trusted_size(const struct sec_trusted *t, const struct sec_flash *flash,
                          const struct sec_layout *layout);

#endif

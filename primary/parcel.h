/* What a Secondary needs to verify for itself: the smallest set for its kind and its stored versions
 * (P-DIST-01 to -05). */
#ifndef PRIMARY_PARCEL_H
#define PRIMARY_PARCEL_H

#include "primary/ecu.h"
#include "primary/plan.h"

#define PRI_SHELF_MAX 520 /* both repositories, as many Roots as a cycle may bring */

struct pri_shelf { /* files for Secondaries, each loaded once in a cycle */
    struct {
        char path[UDS_PATH_MAX];
        struct pri_blob blob;
    } item[PRI_SHELF_MAX];
    unsigned count;
};
void pri_shelf_clear(struct pri_shelf *s);

/* Files for ECU, in the order in which it verifies them. ORDER: its order in PLAN; NULL: metadata only.
 * ATTESTATION: of the time ATTESTED_S; absent: none. PARCEL borrows from SHELF and PLAN; free its array with
 * pri_parcel_free(). */
enum up_err pri_parcel_build(struct pri_parcel *parcel, struct pri_shelf *shelf, const struct pri_plan *plan,
                             const struct pri_order *order, const struct pri_ecu *ecu,
                             struct up_span attestation, int64_t attested_s) UP_NODISCARD;
void pri_parcel_free(struct pri_parcel *parcel);

#endif

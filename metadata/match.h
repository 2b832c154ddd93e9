/* From a trusted Director order to a decision: what is this ECU told to install, do both repositories agree,
 * may it be installed here (Uptane Standard 2.1, 5.4.4.2 step 10 and 5.4.3.4). */
#ifndef METADATA_MATCH_H
#define METADATA_MATCH_H

#include "metadata/role.h"

/* Who we are, and the floor that no install goes below. */
struct up_ecu {
    struct up_span serial, hardware_id;
    struct up_span name_pattern; /* image names that this ECU takes (up_path_match); absent: any */
    uint32_t release_floor;      /* highest release counter ever confirmed; 0: none */
    uint64_t capacity_bytes;     /* largest image */
};

/* The image that DIRECTOR orders for the ECU. TARGET_NOT_FOUND: none, keep what is installed. */
enum up_err up_order_find(const struct up_targets *director, const struct up_profile *p,
                          struct up_span serial, struct up_target *order) UP_NODISCARD;
/* Hardware id, name, release counter, size: IMG_HWID, IMG_FILENAME, IMG_RELEASE_COUNTER, STORAGE_FULL. */
enum up_err up_order_check(const struct up_target *order, const struct up_profile *p,
                           const struct up_ecu *ecu) UP_NODISCARD;
/* Director and Image repository say the same: length, hashes, hardware ids (as sets), release counter.
 * TARGET_MISMATCH. */
enum up_err up_order_match(const struct up_target *director, const struct up_target *image,
                           const struct up_profile *p) UP_NODISCARD;

#endif

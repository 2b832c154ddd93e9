/* The vehicle version manifest (Uptane Standard 2.1, 5.4.2.1.1; docs/pouf.md, section 3): every ECU's signed
 * report byte for byte, what came of the last order, signed by the Primary. Canonical JSON; no I/O. */
#ifndef PRIMARY_MANIFEST_H
#define PRIMARY_MANIFEST_H

#include "metadata/report.h"

struct pri_manifest_entry {
    const char *serial;
    struct up_span report; /* as the ECU signed it; absent, or not canonical: left out */
    bool has_result;       /* the ECU took part in the last order */
    enum up_err result;
};
struct pri_manifest {
    const char *vehicle_id, *primary_serial;
    const char *correlation_id;               /* of the last order; NULL: no installation report */
    const struct pri_manifest_entry *entries; /* any order; the writer sorts by serial */
    unsigned count;
};
/* malloc'd, its length in *N; NULL: out of memory, or signing failed. */
uint8_t *pri_manifest_write(const struct pri_manifest *m, const struct up_profile *p,
                            const struct up_signer *signer, size_t *n);

#endif

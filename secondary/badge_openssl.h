/* Who may tell a Secondary on Linux what to do: the port of isotp/uds_guard.h for Authentication (29) over
 * X.509, by OpenSSL. A certificate counts when it leads to one of the configured authorities, has not
 * expired, and its common name is the vehicle id, as in the Primary's client certificate. */
#ifndef SECONDARY_BADGE_OPENSSL_H
#define SECONDARY_BADGE_OPENSSL_H

#include "isotp/uds_guard.h"
#include "metadata/crypto.h"

struct sec_badge {
    struct uds_guard_port port; /* for uds_guard_init() */
    struct x509_store_st *authorities;
    struct up_span vehicle_id;
    int64_t now_s;     /* keep it at the attested time: nothing that has expired by then counts */
    struct up_key key; /* of the last certificate */
    bool has_key;
};

/* AUTHORITIES: PEM file. *B must not move. False: one sentence in WHY. */
bool sec_badge_open(struct sec_badge *b, const char *authorities, struct up_span vehicle_id, char *why,
                    size_t why_size);
void sec_badge_close(struct sec_badge *b);

#endif

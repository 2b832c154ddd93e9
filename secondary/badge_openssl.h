/* Who may tell a Secondary on Linux what to do: the port of isotp/uds_guard.h. Authentication (29) is over
 * X.509, by OpenSSL: a certificate counts when it leads to one of the configured authorities, has not
 * expired, and its common name is the vehicle id, as in the Primary's client certificate. SecurityAccess (27)
 * is secondary/seedkey.h's. An ECU may want one, both, or neither. */
#ifndef SECONDARY_BADGE_OPENSSL_H
#define SECONDARY_BADGE_OPENSSL_H

#include "isotp/uds_guard.h"
#include "secondary/seedkey.h"

struct sec_badge {
    struct uds_guard_port port;        /* for uds_guard_init() */
    struct x509_store_st *authorities; /* NULL: no 29 */
    struct up_span vehicle_id;
    int64_t now_s;     /* keep it at the attested time: nothing that has expired by then counts */
    struct up_key key; /* of the last certificate */
    bool has_key;
    uint8_t secret[UP_SECRET_BYTES]; /* of 27 */
    struct sec_store *store;         /* where wrong keys are counted; NULL: no 27 */
};

/* AUTHORITIES: PEM file. *B must not move. False: one sentence in WHY. */
bool sec_badge_open(struct sec_badge *b, const char *authorities, struct up_span vehicle_id, char *why,
                    size_t why_size);
/* Wants 27, too, at level 1. STORE stays in use. *B is zero, or was opened; it must not move. False: WHY,
 * about the file SECRET. */
bool sec_badge_add_secret(struct sec_badge *b, const char *secret, struct sec_store *store, char *why,
                          size_t why_size);
void sec_badge_close(struct sec_badge *b);

#endif

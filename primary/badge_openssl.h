/* What the Primary shows to Secondaries that ask who it is (29): a certificate, and the key that it is for.
 */
#ifndef PRIMARY_BADGE_OPENSSL_H
#define PRIMARY_BADGE_OPENSSL_H

#include "metadata/crypto.h"
#include "primary/ecu.h"

/* CERTIFICATE and KEY: PEM files; the key must be the certificate's. False: one sentence in WHY. Close in any
 * case. */
bool pri_badge_open(struct pri_badge *b, const char *certificate, const char *key, char *why,
                    size_t why_size);
void pri_badge_close(struct pri_badge *b);

#endif

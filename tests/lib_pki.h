/* Certificates for tests, made anew each time: an authority, and what it signs. ECDSA P-256. */
#ifndef TESTS_LIB_PKI_H
#define TESTS_LIB_PKI_H

/* Makes NAME.pem and NAME.key in the working folder: a certificate of its own authority. */
void pki_authority(const char *name);
/* The same, signed by the authority of that name. CN is its common name; ADDRESS, when not NULL, the IP
 * address it stands for; DAYS: of validity, below 0: it has expired already. */
void pki_certificate(const char *name, const char *authority, const char *cn, const char *address, int days);

#endif

/* ECU version report, and the signature envelope that it shares with the vehicle version manifest (Uptane
 * Standard 2.1, 5.4.2.1.1 and 5.4.2.1.2; docs/pouf.md, section 3). */
#ifndef METADATA_REPORT_H
#define METADATA_REPORT_H

#include "metadata/sign.h"

struct up_report {
    struct up_span attacks; /* bounded, printable: "ROLLBACK director/timestamp have 7 got 5"; empty: none */
    struct up_span ecu_serial;
    struct up_span image_name; /* "unknown" when nothing is installed */
    uint64_t image_length;
    uint8_t image_sha256[UP_SHA256_BYTES];
    int64_t time_s, previous_time_s; /* attested */
    uint64_t counter; /* boot count << 32 | sequence: grows with every report, without a write */
};
/* Every string at its longest, and the signature in hex. */
#define UP_REPORT_MAX (1024 + 2 * UP_SIGNATURE_BYTES)

/* Writes the signed report as JSON; its length, 0: too small, signing failed, or a name that no report may
 * carry. Whatever attacks says is cut to UP_ATTACKS_MAX printable characters (E-VER-17). */
size_t up_report_write(const struct up_report *r, const struct up_profile *p, const struct up_signer *signer,
                       uint8_t *out, size_t cap);
/* Reads and checks form; SIGNED_BODY for the verifier. Spans point into FILE. MAN_SCHEMA. */
enum up_err up_report_read(struct up_span file, const struct up_profile *p,
                           struct up_report *out) UP_NODISCARD;

/* {"signatures":[...],"signed":BODY}: BODY is canonical JSON; it may lie in OUT, at its very end. */
size_t up_attest_write(struct up_span body, const struct up_profile *p, const struct up_signer *signer,
                       uint8_t *out, size_t cap);
/* One signature by KEY over the digest recomputed from `signed`. MAN_SCHEMA, MAN_SIG. BODY: the signed part.
 */
enum up_err up_attest_verify(struct up_span file, const struct up_profile *p, const struct up_key *key,
                             struct up_buf *room, struct up_span *body) UP_NODISCARD;

#endif

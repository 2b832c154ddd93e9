/* Canonical form: the bytes that a signature covers (docs/pouf.md, section 2). OLPC canonical JSON for
 * dialect TUF; dialect A's own form for DEPLOYED.
 *
 * "Sorted" JSON is our half-way form: compact, member names strictly ascending by their decoded UTF-8 bytes
 * (which also proves that there are no duplicates), and one spelling of every string: only quote, backslash,
 * control characters and, in dialect DEPLOYED, everything above ASCII are escaped, each in one way. So an
 * attacker cannot spell a member name differently under the same signature. Canonical form then is the same
 * (DEPLOYED), or has control characters raw (TUF), so its digest is streamed from sorted input without a
 * buffer. Files of our own tools are sorted already. */
#ifndef METADATA_CANON_H
#define METADATA_CANON_H

#include "metadata/crypto.h"
#include "metadata/err.h"
#include "metadata/profile.h"
#include "metadata/span.h"

/* SHA-256 of the canonical form of the sorted VALUE; SAME: VALUE is canonical to the byte. NOT_CANONICAL: not
 * sorted. SCHEMA: numbers that dialect TUF has no form for. PARSE, LIMIT: no JSON that we read. */
enum up_err up_canon_digest(struct up_span value, enum up_dialect dialect, uint8_t digest[UP_SHA256_BYTES],
                            bool *same) UP_NODISCARD;
/* The same for a VALUE that a reader has gone over already, and found neither loose nor, if INEXACT is false,
 * inexact (metadata/json.h). */
enum up_err up_canon_digest_read(struct up_span value, enum up_dialect dialect, bool inexact,
                                 uint8_t digest[UP_SHA256_BYTES], bool *same) UP_NODISCARD;
/* Any VALUE, sorted into ROOM, in a time of N log N for N members in any order. PARSE: no JSON, or a name
 * comes twice. LIMIT: ROOM is too small (3 * VALUE.n always suffices; 2 * VALUE.n for TUF). ROOM is as before
 * then. */
enum up_err up_canon_sort(struct up_span value, enum up_dialect dialect, struct up_buf *room,
                          struct up_span *sorted) UP_NODISCARD;
/* Canonical bytes of the sorted VALUE into ROOM (VALUE.n always suffices). Errors as of up_canon_digest, and
 * LIMIT. */
enum up_err up_canon_write(struct up_span value, enum up_dialect dialect, struct up_buf *room,
                           struct up_span *canonical) UP_NODISCARD;

#endif

/* Hex, base64, decimals and UTC time: exact decoders that accept one spelling, and their encoders; and the
 * alphabets of names. */
#ifndef METADATA_ENCODE_H
#define METADATA_ENCODE_H

#include "metadata/span.h"

#define UP_TIME_TEXT 20 /* YYYY-MM-DDTHH:MM:SSZ */

/* Decoders return the number of bytes written, or -1 (bad digit, odd length, too long for CAP). */
long up_hex_decode(struct up_span text, uint8_t *out, size_t cap);     /* lower case only */
long up_hex_decode_any(struct up_span text, uint8_t *out, size_t cap); /* either case: dialect A's keys */
void up_hex_encode(const uint8_t *in, size_t n, char *out);            /* 2n characters, not terminated */
long up_base64_decode(struct up_span text, uint8_t *out, size_t cap);  /* padded, canonical, no white space */
size_t up_base64_encode(const uint8_t *in, size_t n, char *out); /* 4*ceil(n/3) characters, not terminated */
/* N / BY, at most 2^16: a small machine divides in 32 bits, and its library for more is large. */
uint64_t up_divide(uint64_t n, uint32_t by, uint32_t *rest);
#define UP_DECIMAL_MAX 20                                /* digits of 2^64-1 */
size_t up_decimal(uint64_t n, char out[UP_DECIMAL_MAX]); /* digits, not terminated */
/* Seconds since 1970; -1: not exactly YYYY-MM-DDTHH:MM:SSZ, or no such instant (30 February). Years 1970 to
 * 9999. */
int64_t up_time_decode(struct up_span text);
void up_time_encode(int64_t t_s, char out[UP_TIME_TEXT]);

/* Alphabets of docs/pouf.md, section 2. */
bool up_is_id(struct up_span s);          /* 1..64 of A-Z a-z 0-9 . _ : - */
bool up_is_hardware_id(struct up_span s); /* 1..200 of these */
bool up_is_name(
    struct up_span s); /* 1..200, segments of A-Z a-z 0-9 . _ + @ - joined by '/', none empty, "." or ".." */
/* The same, of any printable ASCII but quote, backslash and percent: names of dialect DEPLOYED. */
bool up_is_printable_name(struct up_span s);

#endif

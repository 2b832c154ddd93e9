/* Stored records, described once: the same walk writes and reads, big endian, without padding.
 *
 *     static void pack_journal(struct sec_pack *k, struct sec_journal *j)
 *     {
 *         sec_pack_bytes(k, j->order, sizeof j->order);
 *         sec_pack_u32(k, &j->transported);
 *     }
 *
 * Sticky error: too small a buffer, or a record that is too short or too long. */
#ifndef SECONDARY_PACK_H
#define SECONDARY_PACK_H

#include "metadata/span.h"

struct sec_pack {
    uint8_t *out;      /* writing: the caller's buffer; NULL: reading */
    const uint8_t *in; /* reading */
    size_t size, at;
    bool bad;
};

struct sec_pack sec_pack_writer(uint8_t *out, size_t cap);
struct sec_pack sec_pack_reader(struct up_span record);
/* Reading: every byte was wanted, none was missing. */
bool sec_pack_ends(const struct sec_pack *k);

void sec_pack_bytes(struct sec_pack *k, uint8_t *p, size_t n);
void sec_pack_u8(struct sec_pack *k, uint8_t *v);
void sec_pack_u16(struct sec_pack *k, uint16_t *v);
void sec_pack_u32(struct sec_pack *k, uint32_t *v);
void sec_pack_i64(struct sec_pack *k, int64_t *v);
void sec_pack_bool(struct sec_pack *k, bool *v); /* reading: 0 or 1, else bad */

#endif

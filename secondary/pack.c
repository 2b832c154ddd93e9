#include "secondary/pack.h"

struct sec_pack sec_pack_writer(uint8_t *out, size_t cap)
{
    return (struct sec_pack){.out = out, .size = cap};
}

struct sec_pack sec_pack_reader(struct up_span record)
{
    return (struct sec_pack){.in = record.p, .size = record.n, .bad = record.p == NULL};
}

bool sec_pack_ends(const struct sec_pack *k)
{
    return !k->bad && k->at == k->size;
}

void sec_pack_bytes(struct sec_pack *k, uint8_t *p, size_t n)
{
    if (k->bad || n > k->size - k->at) {
        k->bad = true;
        return;
    }
    if (n == 0) return;
    if (k->out != NULL)
        memcpy(k->out + k->at, p, n);
    else
        memcpy(p, k->in + k->at, n);
    k->at += n;
}

/* The value after the walk has passed it: unchanged when writing, or when the record is bad. */
static uint64_t number(struct sec_pack *k, uint64_t v, size_t bytes)
{
    uint8_t text[8];
    for (size_t i = 0; i < bytes; i++) text[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
    sec_pack_bytes(k, text, bytes);
    uint64_t read = 0;
    for (size_t i = 0; i < bytes; i++) read = read << 8 | text[i];
    return read;
}

void sec_pack_u8(struct sec_pack *k, uint8_t *v)
{
    *v = (uint8_t)number(k, *v, 1);
}

void sec_pack_u16(struct sec_pack *k, uint16_t *v)
{
    *v = (uint16_t)number(k, *v, 2);
}

void sec_pack_u32(struct sec_pack *k, uint32_t *v)
{
    *v = (uint32_t)number(k, *v, 4);
}

void sec_pack_i64(struct sec_pack *k, int64_t *v)
{
    *v = (int64_t)number(k, (uint64_t)*v, 8);
}

void sec_pack_bool(struct sec_pack *k, bool *v)
{
    uint8_t b = *v ? 1 : 0;
    sec_pack_u8(k, &b);
    k->bad = k->bad || b > 1;
    *v = b == 1;
}

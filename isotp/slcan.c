#include "isotp/slcan.h"

#include <string.h>

enum { CR = '\r', LF = '\n', BEL = 7 };

static const uint8_t bytes_of_code[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64};

static const struct kind {
    char letter;
    bool extended;
    uint8_t flags;
} kinds[] = {
    {'t', false, 0},
    {'T', true, 0},
    {'r', false, ISOTP_RTR},
    {'R', true, ISOTP_RTR},
    {'d', false, ISOTP_FD},
    {'D', true, ISOTP_FD},
    {'b', false, ISOTP_FD | ISOTP_BRS},
    {'B', true, ISOTP_FD | ISOTP_BRS},
};
#define KINDS (sizeof kinds / sizeof *kinds)

/* ---- writing ---- */

static uint8_t *put_hex(uint8_t *p, uint32_t value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0;) *p++ = (uint8_t) "0123456789ABCDEF"[value >> 4 * i & 15];
    return p;
}

size_t isotp_slcan_write(uint8_t out[ISOTP_SLCAN_LINE], const struct isotp_frame *f)
{
    const bool extended = f->id & ISOTP_ID_EXTENDED;
    const struct kind *k = kinds;
    const uint8_t flags = f->flags & (uint8_t)~ISOTP_ESI;
    while (k < kinds + KINDS && (k->extended != extended || k->flags != flags)) k++;
    if (k == kinds + KINDS || (f->id & ~ISOTP_ID_EXTENDED) > (extended ? ISOTP_ID_MASK : 0x7FFu)) return 0;

    unsigned code = 0;
    const unsigned last = flags & ISOTP_FD ? 15 : 8;
    while (code <= last && bytes_of_code[code] != f->len) code++;
    if (code > last) return 0;

    uint8_t *p = out;
    *p++ = (uint8_t)k->letter;
    p = put_hex(p, f->id & ISOTP_ID_MASK, extended ? 8 : 3);
    p = put_hex(p, code, 1);
    for (unsigned i = 0; i < f->len && !(flags & ISOTP_RTR); i++) p = put_hex(p, f->data[i], 2);
    *p++ = CR;
    return (size_t)(p - out);
}

/* ---- reading ---- */

static bool digit(uint8_t c, uint32_t *value)
{
    if (c >= '0' && c <= '9')
        *value = c - (uint32_t)'0';
    else if (c >= 'A' && c <= 'F')
        *value = c - (uint32_t)'A' + 10;
    else if (c >= 'a' && c <= 'f')
        *value = c - (uint32_t)'a' + 10;
    else
        return false;
    return true;
}

struct text {
    const uint8_t *p, *end;
};

static bool take_hex(struct text *t, unsigned digits, uint32_t *out)
{
    uint32_t value = 0, d;
    if ((size_t)(t->end - t->p) < digits) return false;
    while (digits-- > 0) {
        if (!digit(*t->p++, &d)) return false;
        value = value << 4 | d;
    }
    *out = value;
    return true;
}

static bool read_frame(const struct kind *k, struct text t, struct isotp_frame *f)
{
    struct isotp_frame r = {.flags = k->flags};
    uint32_t code, byte, stamp;
    if (!take_hex(&t, k->extended ? 8 : 3, &r.id) || r.id > (k->extended ? ISOTP_ID_MASK : 0x7FFu))
        return false;
    if (!take_hex(&t, 1, &code) || (code > 8 && !(k->flags & ISOTP_FD))) return false;
    if (k->extended) r.id |= ISOTP_ID_EXTENDED;
    r.len = bytes_of_code[code];
    for (unsigned i = 0; i < r.len && !(k->flags & ISOTP_RTR); i++) {
        if (!take_hex(&t, 2, &byte)) return false;
        r.data[i] = (uint8_t)byte;
    }
    const size_t rest = (size_t)(t.end - t.p);
    if (rest != 0 && rest != 4 && rest != 8) return false;
    if (!take_hex(&t, (unsigned)rest, &stamp)) return false;
    *f = r;
    return true;
}

static enum isotp_slcan_said end_of_line(const struct isotp_slcan *s, struct isotp_frame *f)
{
    if (s->n == ISOTP_SLCAN_LINE) return ISOTP_SLCAN_BAD;
    for (const struct kind *k = kinds; k < kinds + KINDS && s->n > 0; k++)
        if (s->line[0] == (uint8_t)k->letter)
            return read_frame(k, (struct text){s->line + 1, s->line + s->n}, f) ? ISOTP_SLCAN_FRAME
                                                                                : ISOTP_SLCAN_BAD;
    return ISOTP_SLCAN_COMMAND;
}

enum isotp_slcan_said isotp_slcan_read(struct isotp_slcan *s, uint8_t byte, struct isotp_frame *f)
{
    if (s->ended) s->n = 0;
    s->ended = byte == CR || byte == BEL;
    if (byte == BEL) return ISOTP_SLCAN_NO;
    if (byte == CR) return end_of_line(s, f);
    if (byte != LF && s->n < ISOTP_SLCAN_LINE) s->line[s->n++] = byte; /* a full line stays full */
    return ISOTP_SLCAN_NOTHING;
}

/* Frames as socketcand writes and reads them. */
#include "sim/socketcand.h"

#include <ctype.h>
#include <inttypes.h>
#include <linux/can.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t sim_socketcand_format(char text[SIM_SOCKETCAND_TEXT], const struct isotp_frame *f, uint64_t ns)
{
    const char *kind = f->flags & ISOTP_RTR ? "rtr" : f->flags & ISOTP_FD ? "fdframe" : "frame";
    int width = f->id & ISOTP_ID_EXTENDED ? 8 : 3;
    int n = snprintf(text, SIM_SOCKETCAND_TEXT, "< %s %0*" PRIX32 " ", kind, width, f->id & ISOTP_ID_MASK);
    char *end = text + SIM_SOCKETCAND_TEXT, *p = text + n;

    if (f->flags & ISOTP_FD) {
        unsigned flags = (f->flags & ISOTP_BRS ? CANFD_BRS : 0) | (f->flags & ISOTP_ESI ? CANFD_ESI : 0);
        p += snprintf(p, (size_t)(end - p), "%02X ", flags);
    }
    p += snprintf(p, (size_t)(end - p), "%" PRIu64 ".%06" PRIu64 " ", ns / 1000000000, ns / 1000 % 1000000);
    if (f->flags & ISOTP_RTR) {
        p += snprintf(p, (size_t)(end - p), "%u", (unsigned)f->len);
    } else {
        for (unsigned i = 0; i < f->len; i++)
            p += snprintf(p, (size_t)(end - p), "%02X", (unsigned)f->data[i]);
    }
    p += snprintf(p, (size_t)(end - p), " >");
    return (size_t)(p - text);
}

static bool number(const char *word, int base, unsigned long max, unsigned long *value)
{
    char *end;
    if (!isxdigit((unsigned char)word[0])) return false;
    *value = strtoul(word, &end, base);
    return *end == '\0' && *value <= max;
}

/* Extended by its eight digits, as the protocol says; by its value; or by bit 31, as SavvyCAN writes it. */
static bool identifier(const char *word, uint32_t *id)
{
    unsigned long value;
    if (!number(word, 16, 0xFFFFFFFF, &value)) return false;
    bool extended = strlen(word) == 8 || value > 0x7FF;
    *id = (uint32_t)value | (extended ? ISOTP_ID_EXTENDED : 0);
    return true;
}

/* send id len byte...; fdsend id flags len byte...; sendrtr id len */
bool sim_socketcand_parse(struct isotp_frame *f, char *const *word, size_t words)
{
    bool fd = words > 0 && strcmp(word[0], "fdsend") == 0;
    bool rtr = words > 0 && strcmp(word[0], "sendrtr") == 0;
    size_t data = fd ? 4 : 3; /* where the bytes begin */
    struct isotp_frame r = {0};
    unsigned long value;

    if (words < data || !identifier(word[1], &r.id)) return false;
    if (fd) {
        if (!number(word[2], 16, 0xFF, &value)) return false;
        r.flags = ISOTP_FD;
        if (value & CANFD_BRS) r.flags |= ISOTP_BRS;
        if (value & CANFD_ESI) r.flags |= ISOTP_ESI;
    }
    if (rtr) r.flags = ISOTP_RTR;
    if (!number(word[data - 1], 10, fd ? 64 : 8, &value)) return false;
    r.len = (uint8_t)value;
    if (words != data + (rtr ? 0 : r.len)) return false;
    for (size_t i = data; i < words; i++) {
        if (!number(word[i], 16, 0xFF, &value)) return false;
        r.data[i - data] = (uint8_t)value;
    }
    if (!sim_frame_is_valid(&r)) return false;
    *f = r;
    return true;
}

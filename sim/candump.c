#include "sim/candump.h"

#include <inttypes.h>

#define ERROR_BIT 0x20000000u /* CAN_ERR_FLAG of linux/can.h: an error frame */

size_t sim_candump_line(char line[SIM_CANDUMP_LINE], const struct isotp_frame *f, uint64_t ns,
                        const char *bus)
{
    static const char digit[] = "0123456789ABCDEF";
    bool error = f->flags & ISOTP_ERROR;
    uint32_t id = (f->id & ISOTP_ID_MASK) | (error ? ERROR_BIT : 0);
    int width = (f->id & ISOTP_ID_EXTENDED) || error ? 8 : 3;
    int n = snprintf(line, SIM_CANDUMP_LINE, "(%010" PRIu64 ".%06" PRIu64 ") %.16s %0*" PRIX32 "#",
                     ns / 1000000000, ns / 1000 % 1000000, bus, width, id);
    char *p = line + n;

    if (f->flags & ISOTP_FD) {
        *p++ = '#';
        *p++ = digit[(f->flags & ISOTP_BRS ? 1 : 0) | (f->flags & ISOTP_ESI ? 2 : 0)];
    }
    if (f->flags & ISOTP_RTR) {
        *p++ = 'R';
        if (f->len > 0) *p++ = digit[f->len & 15];
    }
    for (unsigned i = 0; i < f->len && !(f->flags & ISOTP_RTR); i++) {
        *p++ = digit[f->data[i] >> 4];
        *p++ = digit[f->data[i] & 15];
    }
    *p++ = '\n';
    *p = '\0';
    return (size_t)(p - line);
}

static void on_frame(void *ctx, const struct isotp_frame *f, uint64_t at_ns)
{
    struct sim_candump *c = ctx;
    char line[SIM_CANDUMP_LINE];

    size_t n = sim_candump_line(line, f, at_ns + c->day_offset_ns, c->bus);
    (void)fwrite(line, 1, n, c->file); /* the stream remembers an error until flush() */
    c->dirty = true;
}

bool sim_candump_start(struct sim_candump *c, struct sim_bus *b, FILE *file, const char *bus,
                       uint64_t day_offset_ns)
{
    *c = (struct sim_candump){.file = file, .bus = bus, .day_offset_ns = day_offset_ns};
    return file == NULL || sim_bus_watch(b, on_frame, c) >= 0;
}

bool sim_candump_flush(struct sim_candump *c)
{
    if (c->file == NULL) return true;
    if (c->dirty) (void)fflush(c->file);
    c->dirty = false;
    return !ferror(c->file);
}

#include "secondary/writer.h"

void sec_writer_begin(struct sec_writer *w, const struct sec_flash *flash, uint32_t at, uint32_t end,
                      bool erases)
{
    w->flash = flash;
    w->at = at;
    w->end = end;
    w->erases = erases;
    w->held = 0;
}

/* Whole units that lie in one sector. */
static enum up_err program(struct sec_writer *w, struct up_span units)
{
    const struct sec_flash *f = w->flash;
    if (w->erases && w->at % f->sector == 0 && !f->erase(f->ctx, w->at)) return UP_STORAGE_WRITE;
    if (!f->program(f->ctx, w->at, units)) return UP_STORAGE_WRITE;
    if (memcmp(f->mapped + w->at, units.p, units.n) != 0) return UP_STORAGE_WRITE;
    w->at += (uint32_t)units.n;
    return UP_OK;
}

static enum up_err program_held(struct sec_writer *w)
{
    UP_TRY(program(w, (struct up_span){w->unit, w->flash->program_unit}));
    w->held = 0;
    return UP_OK;
}

enum up_err sec_writer_add(struct sec_writer *w, struct up_span bytes)
{
    const uint32_t unit = w->flash->program_unit, sector = w->flash->sector;
    if (bytes.n > w->end - w->at - w->held) return UP_STORAGE_FULL;
    while (bytes.n > 0) {
        size_t n = bytes.n - bytes.n % unit;
        if (w->held == 0 && n > 0) { /* straight from the caller, as far as this sector goes */
            uint32_t room = sector - w->at % sector;
            n = n < room ? n : room;
            UP_TRY(program(w, (struct up_span){bytes.p, n}));
        } else {
            n = bytes.n < unit - w->held ? bytes.n : unit - w->held;
            memcpy(w->unit + w->held, bytes.p, n);
            w->held += (uint32_t)n;
            if (w->held == unit) UP_TRY(program_held(w));
        }
        bytes.p += n;
        bytes.n -= n;
    }
    return UP_OK;
}

enum up_err sec_writer_flush(struct sec_writer *w)
{
    if (w->held == 0) return UP_OK;
    memset(w->unit + w->held, 0xFF, w->flash->program_unit - w->held);
    return program_held(w);
}

enum up_err sec_flash_erase(const struct sec_flash *flash, struct sec_region r)
{
    for (uint32_t at = r.at; at < r.at + r.bytes; at += flash->sector)
        if (!flash->erase(flash->ctx, at)) return UP_STORAGE_WRITE;
    return UP_OK;
}

enum up_err sec_flash_sync(const struct sec_flash *flash)
{
    return flash->sync(flash->ctx) ? UP_OK : UP_STORAGE_WRITE;
}

bool sec_flash_erased(const struct sec_flash *flash, uint32_t at, uint32_t n)
{
    for (const uint8_t *p = flash->mapped + at, *end = p + n; p < end; p++)
        if (*p != 0xFF) return false;
    return true;
}

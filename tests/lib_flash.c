#include "tests/lib_flash.h"

#include <stdio.h>
#include <stdlib.h>

enum use { ERASED, PROGRAMMED, DOUBTFUL };

static void insist(bool held, const char *promise)
{
    if (held) return;
    (void)fprintf(stderr, "flash used wrongly: %s\n", promise);
    abort();
}

static uint32_t random_next(struct lib_flash *f)
{
    f->random = f->random * 1664525u + 1013904223u;
    return f->random >> 8;
}

static bool is_erased(const uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (p[i] != 0xFF) return false;
    return true;
}

static void garble(struct lib_flash *f, uint32_t at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) f->bytes[at + i] = (uint8_t)random_next(f);
}

/* Since the last sync, some units have not become durable. */
static void lose(struct lib_flash *f)
{
    const uint32_t unit = f->port.program_unit;
    const uint64_t since = f->operations - f->synced_at;
    const uint64_t lost = f->operations - random_next(f) % (since < 16 ? since + 1 : 16);
    for (uint32_t u = 0; u < f->port.size; u += unit) {
        bool old = f->tear == LIB_TEAR_LATEST ? f->written[u / unit] < lost : random_next(f) % 2 != 0;
        if (!old || memcmp(f->bytes + u, f->durable + u, unit) == 0) continue;
        memcpy(f->bytes + u, f->durable + u, unit);
        f->used[u / unit] = is_erased(f->bytes + u, unit) ? ERASED : PROGRAMMED;
    }
}

/* Power fails in the operation that turns N bytes at AT into WANTED. */
static void tear(struct lib_flash *f, uint32_t at, const uint8_t *wanted, uint32_t n)
{
    const uint32_t unit = f->port.program_unit;
    switch (f->tear) {
    case LIB_TEAR_NOTHING:
        memset(f->used + at / unit, DOUBTFUL, n / unit);
        break;
    case LIB_TEAR_PART:
        memcpy(f->bytes + at, wanted, f->part > 0 && n == unit ? f->part : n / 2);
        if (n == unit && is_erased(f->bytes + at, unit))
            f->used[at / unit] = DOUBTFUL; /* it began with 0xFF */
        break;
    case LIB_TEAR_GARBAGE:
        garble(f, at, n);
        break;
    default:
        memcpy(f->bytes + at, wanted, n);
        break;
    }
    if (f->tear == LIB_TEAR_UNSYNCED || f->tear == LIB_TEAR_LATEST) lose(f);
    f->dead = true;
    longjmp(f->cut, 1);
}

static void note(struct lib_flash *f, uint32_t at, uint32_t n)
{
    for (uint32_t u = at / f->port.program_unit; u < (at + n) / f->port.program_unit; u++)
        f->written[u] = f->operations;
}

/* False: the operation is to fail. */
static bool count(struct lib_flash *f)
{
    insist(!f->dead, "no power");
    f->operations++;
    if (f->fail_at == 0) return true;
    if (f->fail_at > 1) f->fail_at--;
    return f->fail_at != 1;
}

static bool erase(void *ctx, uint32_t offset)
{
    struct lib_flash *f = ctx;
    const uint32_t sector = f->port.sector, unit = f->port.program_unit;
    insist(offset % sector == 0 && offset < f->port.size, "erase of a sector");
    if (!count(f)) return false;
    f->erases++;
    f->wear[offset / sector]++;
    note(f, offset, sector);
    bool cut = f->cut_at != 0 && --f->cut_at == 0;
    bool done = !cut || f->tear == LIB_TEAR_ALL;
    memset(f->used + offset / unit, done ? ERASED : DOUBTFUL, sector / unit);
    if (cut) tear(f, offset, f->blank, sector);
    memcpy(f->bytes + offset, f->blank, sector);
    return true;
}

static bool program(void *ctx, uint32_t offset, struct up_span data)
{
    struct lib_flash *f = ctx;
    const uint32_t unit = f->port.program_unit;
    insist(offset % unit == 0 && data.n % unit == 0 && data.n > 0, "program of whole units");
    insist(offset <= f->port.size && data.n <= f->port.size - offset, "program inside the flash");
    for (size_t i = 0; i < data.n; i += unit) {
        uint32_t at = offset + (uint32_t)i;
        if (!count(f)) return false;
        if (f->used[at / unit] == DOUBTFUL) return false;
        insist(f->used[at / unit] == ERASED, "one program per erase");
        insist(is_erased(f->bytes + at, unit), "program of an erased unit");
        note(f, at, unit);
        f->used[at / unit] = PROGRAMMED;
        if (f->cut_at != 0 && --f->cut_at == 0) tear(f, at, data.p + i, unit);
        memcpy(f->bytes + at, data.p + i, unit);
    }
    return true;
}

static bool sync(void *ctx)
{
    struct lib_flash *f = ctx;
    insist(!f->dead, "no power");
    if (f->fail_at == 1) return false;
    f->syncs++;
    f->synced_at = f->operations;
    memcpy(f->durable, f->bytes, f->port.size);
    return true;
}

struct lib_flash *lib_flash_new(uint32_t size, uint32_t sector, uint32_t program_unit)
{
    struct lib_flash *f = calloc(1, sizeof *f);
    f->bytes = malloc(size);
    f->durable = malloc(size);
    f->used = calloc(size / program_unit, 1);
    f->written = calloc(size / program_unit, sizeof *f->written);
    f->wear = calloc(size / sector, sizeof *f->wear);
    f->blank = malloc(sector);
    memset(f->blank, 0xFF, sector);
    memset(f->bytes, 0xFF, size);
    memset(f->durable, 0xFF, size);
    f->random = 1;
    f->port = (struct sec_flash){.ctx = f,
                                 .size = size,
                                 .sector = sector,
                                 .program_unit = program_unit,
                                 .mapped = f->bytes,
                                 .erase = erase,
                                 .program = program,
                                 .sync = sync};
    return f;
}

void lib_flash_free(struct lib_flash *f)
{
    if (f == NULL) return;
    free(f->bytes);
    free(f->durable);
    free(f->used);
    free(f->written);
    free(f->blank);
    free(f->wear);
    free(f);
}

void lib_flash_cut(struct lib_flash *f, uint64_t operation, enum lib_tear tear_kind)
{
    f->cut_at = operation;
    f->tear = tear_kind;
    f->random = (uint32_t)operation * 2654435761u + (uint32_t)tear_kind;
}

void lib_flash_power(struct lib_flash *f)
{
    f->dead = false;
    f->cut_at = 0;
    f->fail_at = 0;
    f->synced_at = f->operations;
    memcpy(f->durable, f->bytes, f->port.size);
}

uint8_t *lib_flash_save(const struct lib_flash *f)
{
    const size_t units = f->port.size / f->port.program_unit;
    uint8_t *saved = malloc(f->port.size + units);
    memcpy(saved, f->bytes, f->port.size);
    memcpy(saved + f->port.size, f->used, units);
    return saved;
}

void lib_flash_load(struct lib_flash *f, const uint8_t *saved)
{
    lib_flash_power(f);
    memcpy(f->bytes, saved, f->port.size);
    memcpy(f->durable, saved, f->port.size);
    memcpy(f->used, saved + f->port.size, f->port.size / f->port.program_unit);
}

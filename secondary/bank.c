#include "secondary/bank.h"

#include "secondary/pack.h"

#define MAGIC       0x46494C45u
#define ENTRY_BYTES 17u

static uint32_t padded(const struct sec_flash *flash, uint32_t n)
{
    return (n + flash->program_unit - 1) / flash->program_unit * flash->program_unit;
}

static void pack_entry(struct sec_pack *k, uint32_t *magic, uint32_t *before, uint32_t *data, uint32_t *bytes,
                       uint8_t *path_bytes)
{
    sec_pack_u32(k, magic);
    sec_pack_u32(k, before);
    sec_pack_u32(k, data);
    sec_pack_u32(k, bytes);
    sec_pack_u8(k, path_bytes);
}

bool sec_file_at(const struct sec_flash *flash, struct sec_region region, uint32_t at, struct sec_file *out)
{
    if (at < region.at || at - region.at > region.bytes || region.bytes - (at - region.at) < ENTRY_BYTES)
        return false;
    uint32_t magic = 0, before = 0, data = 0, bytes = 0;
    uint8_t path_bytes = 0;
    struct sec_pack k = sec_pack_reader((struct up_span){flash->mapped + at, ENTRY_BYTES});
    pack_entry(&k, &magic, &before, &data, &bytes, &path_bytes);
    bool sane = magic == MAGIC && path_bytes <= region.bytes - (at - region.at) - ENTRY_BYTES &&
                data >= region.at && data <= at && bytes <= at - data;
    if (!sane) return false;
    out->path = (struct up_span){flash->mapped + at + ENTRY_BYTES, path_bytes};
    out->bytes = (struct up_span){flash->mapped + data, bytes};
    out->before = before;
    return true;
}

void sec_bank_begin(struct sec_bank *b, const struct sec_flash *flash, struct sec_region region, uint32_t at)
{
    b->flash = flash;
    b->region = region;
    b->begin = at;
    b->ahead = at - region.at;
    b->last = SEC_NONE;
    b->open = false;
    sec_writer_begin(&b->writer, flash, at, region.at + region.bytes, true);
}

uint32_t sec_bank_end(const struct sec_bank *b)
{
    const uint32_t sector = b->flash->sector, at = b->writer.at + (sector - b->writer.at % sector) % sector;
    return at < b->region.at + b->region.bytes ? at : b->region.at;
}

uint32_t sec_bank_size(const struct sec_flash *flash, uint32_t bytes, size_t path_bytes)
{
    return padded(flash, bytes) + padded(flash, ENTRY_BYTES + (uint32_t)path_bytes);
}

static uint32_t here(const struct sec_bank *b)
{
    return b->writer.end - b->writer.at;
}

/* Files of any sizes fit together where each piece alone would take them all. */
uint32_t sec_bank_room(const struct sec_bank *b, uint32_t size)
{
    if (size > here(b)) return size < b->ahead ? b->ahead - size : 0;
    const uint32_t left = here(b) - size;
    return left > b->ahead ? left : b->ahead;
}

/* After a failed write nothing is known about the sector: all is erased again before it is used. */
static enum up_err written(struct sec_bank *b, enum up_err e)
{
    if (e != UP_OK) sec_bank_begin(b, b->flash, b->region, sec_bank_end(b));
    return e;
}

enum up_err sec_bank_open(struct sec_bank *b, struct up_span path, uint32_t bytes)
{
    sec_bank_abandon(b);
    if (path.n > SEC_PATH_MAX || bytes > b->region.bytes) return UP_STORAGE_FULL;
    const uint32_t size = sec_bank_size(b->flash, bytes, path.n);
    if (size > here(b)) {
        if (size > b->ahead) return UP_STORAGE_FULL;
        sec_writer_begin(&b->writer, b->flash, b->region.at, b->begin, true);
        b->ahead = 0;
    }
    b->path_bytes = (uint8_t)path.n;
    memcpy(b->path, path.p, path.n);
    b->data = b->writer.at;
    b->expected = bytes;
    b->bytes = 0;
    b->open = true;
    return UP_OK;
}

enum up_err sec_bank_add(struct sec_bank *b, struct up_span bytes)
{
    if (!b->open || bytes.n > b->expected - b->bytes) return UP_PRECONDITION;
    UP_TRY(written(b, sec_writer_add(&b->writer, bytes)));
    b->bytes += (uint32_t)bytes.n;
    return UP_OK;
}

static enum up_err write_entry(struct sec_bank *b)
{
    uint8_t entry[ENTRY_BYTES];
    uint32_t magic = MAGIC;
    struct sec_pack k = sec_pack_writer(entry, sizeof entry);
    UP_TRY(sec_writer_flush(&b->writer));
    uint32_t at = b->writer.at;
    pack_entry(&k, &magic, &b->last, &b->data, &b->bytes, &b->path_bytes);
    UP_TRY(sec_writer_add(&b->writer, (struct up_span){entry, sizeof entry}));
    UP_TRY(sec_writer_add(&b->writer, (struct up_span){b->path, b->path_bytes}));
    UP_TRY(sec_writer_flush(&b->writer));
    b->last = at;
    return UP_OK;
}

enum up_err sec_bank_close(struct sec_bank *b)
{
    if (!b->open || b->bytes != b->expected) return UP_PRECONDITION;
    b->open = false;
    return written(b, write_entry(b));
}

void sec_bank_abandon(struct sec_bank *b)
{
    b->open = false;
    b->writer.held = 0;
}

/* Grows from the first file of a set to its last. */
static uint32_t place_in_set(const struct sec_bank *b, uint32_t at)
{
    return at >= b->begin ? at - b->begin : at - b->begin + b->region.bytes;
}

uint32_t sec_bank_find(const struct sec_bank *b, uint32_t from, struct up_span path)
{
    struct sec_file f;
    for (uint32_t at = from; sec_file_at(b->flash, b->region, at, &f); at = f.before) {
        if (up_span_eq(f.path, path)) return at;
        if (f.before == SEC_NONE || place_in_set(b, f.before) >= place_in_set(b, at)) break;
    }
    return SEC_NONE;
}

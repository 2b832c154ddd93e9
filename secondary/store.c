#include "secondary/store.h"

#include "metadata/crypto.h"
#include "secondary/pack.h"
#include "secondary/writer.h"

#define MAGIC        0x5353u
#define KEY_HEADER   0xFFu /* the record that heads a bank; its value is the generation */
#define HEAD_BYTES   10u
#define CHECK_BYTES  16u
#define HEADER_VALUE 4u

struct record {
    uint8_t key;
    uint32_t sequence;
    struct up_span value;
    uint32_t size; /* on flash, one copy */
};

static uint32_t record_size(const struct sec_store *s, size_t value)
{
    uint32_t unit = s->flash->program_unit;
    return (uint32_t)(HEAD_BYTES + value + CHECK_BYTES + unit - 1) / unit * unit;
}

static uint32_t first_record(const struct sec_store *s, uint8_t bank)
{
    return s->bank[bank].at + 2 * record_size(s, HEADER_VALUE);
}

static uint32_t bank_end(const struct sec_store *s, uint8_t bank)
{
    return s->bank[bank].at + s->bank[bank].bytes;
}

static void pack_head(struct sec_pack *k, uint16_t *magic, uint8_t *key, uint16_t *length, uint32_t *sequence)
{
    uint8_t reserved = 0;
    sec_pack_u16(k, magic);
    sec_pack_u8(k, key);
    sec_pack_u8(k, &reserved);
    sec_pack_u16(k, length);
    sec_pack_u32(k, sequence);
}

static void check_of(uint32_t generation, struct up_span head, struct up_span value,
                     uint8_t check[UP_SHA256_BYTES])
{
    uint8_t g[4];
    struct sec_pack k = sec_pack_writer(g, sizeof g);
    sec_pack_u32(&k, &generation);
    struct up_hash h;
    up_hash_begin(&h, UP_SHA256);
    up_hash_add(&h, (struct up_span){g, sizeof g});
    up_hash_add(&h, head);
    up_hash_add(&h, value);
    up_hash_end(&h, check);
}

/* A whole record of this GENERATION at AT; a header tells its own generation. */
static bool read_record(const struct sec_store *s, uint32_t at, uint32_t end, uint32_t generation,
                        struct record *r)
{
    if (end - at < HEAD_BYTES + CHECK_BYTES) return false;
    struct up_span head = {s->flash->mapped + at, HEAD_BYTES};
    struct sec_pack k = sec_pack_reader(head);
    uint16_t magic = 0, length = 0;
    pack_head(&k, &magic, &r->key, &length, &r->sequence);
    if (magic != MAGIC || length > SEC_VALUE_MAX || length > end - at - HEAD_BYTES - CHECK_BYTES)
        return false;
    r->value = (struct up_span){head.p + HEAD_BYTES, length};
    r->size = record_size(s, length);
    uint8_t check[UP_SHA256_BYTES];
    check_of(generation, head, r->value, check);
    return memcmp(check, r->value.p + length, CHECK_BYTES) == 0;
}

/* One copy. VALUE may lie in flash, in the other bank. */
static enum up_err write_record(struct sec_writer *w, uint32_t generation, const struct record *r)
{
    uint8_t head[HEAD_BYTES], check[UP_SHA256_BYTES];
    struct sec_pack k = sec_pack_writer(head, sizeof head);
    uint16_t magic = MAGIC, length = (uint16_t)r->value.n;
    uint8_t key = r->key;
    uint32_t sequence = r->sequence;
    pack_head(&k, &magic, &key, &length, &sequence);
    check_of(generation, (struct up_span){head, sizeof head}, r->value, check);
    UP_TRY(sec_writer_add(w, (struct up_span){head, sizeof head}));
    UP_TRY(sec_writer_add(w, r->value));
    UP_TRY(sec_writer_add(w, (struct up_span){check, CHECK_BYTES}));
    return sec_writer_flush(w);
}

/* Both copies; *VALUE is then the first one, in flash. */
static enum up_err write_twice(struct sec_writer *w, uint32_t generation, const struct record *r,
                               struct up_span *value)
{
    const uint8_t *stored = w->flash->mapped + w->at + HEAD_BYTES;
    UP_TRY(write_record(w, generation, r));
    UP_TRY(write_record(w, generation, r));
    *value = (struct up_span){stored, r->value.n};
    return UP_OK;
}

/* 0: this bank does not count. */
static uint32_t bank_generation(const struct sec_store *s, uint8_t bank)
{
    for (uint32_t copy = 0; copy < 2; copy++) {
        uint32_t at = s->bank[bank].at + copy * record_size(s, HEADER_VALUE), generation = 0;
        struct sec_pack k =
            sec_pack_reader((struct up_span){s->flash->mapped + at + HEAD_BYTES, HEADER_VALUE});
        sec_pack_u32(&k, &generation);
        struct record r;
        if (read_record(s, at, bank_end(s, bank), generation, &r) && r.key == KEY_HEADER) return generation;
    }
    return 0;
}

/* Takes every record that can be read. False: one is missing. */
static bool scan(struct sec_store *s)
{
    const uint32_t unit = s->flash->program_unit, end = bank_end(s, s->active);
    bool whole = true;
    s->end = first_record(s, s->active);
    for (uint32_t at = s->end; at < end;) {
        struct record r;
        if (read_record(s, at, end, s->generation, &r) && r.sequence >= s->sequence) {
            whole = whole && r.sequence - s->sequence <= 1;
            s->sequence = r.sequence;
            if (r.key < SEC_KEYS) s->value[r.key] = r.value;
            at += r.size;
            s->end = at;
        } else {
            if (!sec_flash_erased(s->flash, at, unit)) s->end = at + unit;
            at += unit;
        }
    }
    return whole;
}

static void clear(struct sec_store *s, const struct sec_flash *flash, const struct sec_layout *layout)
{
    memset(s, 0, sizeof *s);
    s->flash = flash;
    s->bank[0] = layout->store[0];
    s->bank[1] = layout->store[1];
}

/* Moves every value to the other bank, KEY with its new VALUE, and makes that bank the one that counts. */
static enum up_err move(struct sec_store *s, enum sec_key key, struct up_span value)
{
    struct sec_store next = *s;
    next.active = s->active ^ 1;
    next.generation = s->generation + 1;
    next.sequence = 0;
    next.value[key] = value;
    UP_TRY(sec_flash_erase(s->flash, s->bank[next.active]));

    struct sec_writer w;
    sec_writer_begin(&w, s->flash, first_record(s, next.active), bank_end(s, next.active), false);
    for (uint8_t i = 0; i < SEC_KEYS; i++) {
        if (next.value[i].p == NULL) continue;
        struct record r = {.key = i, .sequence = ++next.sequence, .value = next.value[i]};
        UP_TRY(write_twice(&w, next.generation, &r, &next.value[i]));
    }
    next.end = w.at;
    UP_TRY(sec_flash_sync(s->flash));

    uint8_t generation[HEADER_VALUE];
    struct sec_pack k = sec_pack_writer(generation, sizeof generation);
    sec_pack_u32(&k, &next.generation);
    struct record header = {.key = KEY_HEADER, .value = {generation, sizeof generation}};
    struct up_span ignored;
    sec_writer_begin(&w, s->flash, s->bank[next.active].at, first_record(s, next.active), false);
    UP_TRY(write_twice(&w, next.generation, &header, &ignored));
    UP_TRY(sec_flash_sync(s->flash));
    *s = next;
    return UP_OK;
}

enum up_err sec_store_format(struct sec_store *s, const struct sec_flash *flash,
                             const struct sec_layout *layout)
{
    clear(s, flash, layout);
    UP_TRY(sec_flash_erase(flash, s->bank[0]));
    UP_TRY(sec_flash_erase(flash, s->bank[1]));
    UP_TRY(sec_flash_sync(flash));
    return move(s, SEC_KEY_IDENTITY, (struct up_span){NULL, 0});
}

enum up_err sec_store_open(struct sec_store *s, const struct sec_flash *flash,
                           const struct sec_layout *layout)
{
    clear(s, flash, layout);
    uint32_t generation[2] = {bank_generation(s, 0), bank_generation(s, 1)};
    s->active = generation[1] > generation[0] ? 1 : 0;
    s->generation = generation[s->active];
    if (s->generation != 0) return scan(s) ? UP_OK : UP_STORAGE_CORRUPT;
    bool blank = sec_flash_erased(flash, s->bank[0].at, s->bank[0].bytes) &&
                 sec_flash_erased(flash, s->bank[1].at, s->bank[1].bytes);
    return blank ? UP_CONFIG : UP_STORAGE_CORRUPT;
}

struct up_span sec_store_get(const struct sec_store *s, enum sec_key key)
{
    return s->value[key];
}

/* Both copies behind the last record. */
static enum up_err append(struct sec_store *s, enum sec_key key, struct up_span value)
{
    struct record r = {.key = (uint8_t)key, .sequence = s->sequence + 1, .value = value};
    struct up_span stored;
    struct sec_writer w;
    sec_writer_begin(&w, s->flash, s->end, bank_end(s, s->active), false);
    s->end = bank_end(s, s->active); /* whatever this leaves behind, nothing is written over it */
    UP_TRY(write_twice(&w, s->generation, &r, &stored));
    UP_TRY(sec_flash_sync(s->flash));
    s->sequence = r.sequence;
    s->value[key] = stored;
    s->end = w.at;
    return UP_OK;
}

enum up_err sec_store_put(struct sec_store *s, enum sec_key key, struct up_span value)
{
    if (value.n > SEC_VALUE_MAX) return UP_STORAGE_FULL;
    if (s->value[key].p != NULL && up_span_eq(s->value[key], value)) return UP_OK;
    bool fits = 2 * record_size(s, value.n) <= bank_end(s, s->active) - s->end;
    return fits && append(s, key, value) == UP_OK ? UP_OK : move(s, key, value);
}

#include "secondary/trusted.h"

#include "secondary/pack.h"

static void pack_floors(struct sec_pack *k, struct up_floors *f)
{
    for (unsigned r = 0; r < UP_TIME; r++) {
        sec_pack_u32(k, &f->mark[r].version);
        sec_pack_bytes(k, f->mark[r].digest, UP_SHA256_BYTES);
    }
    sec_pack_u32(k, &f->named_snapshot);
}

static void pack_trusted(struct sec_pack *k, struct sec_trusted *t)
{
    sec_pack_u8(k, &t->bank);
    sec_pack_u32(k, &t->end[0]);
    sec_pack_u32(k, &t->end[1]);
    for (unsigned repo = 0; repo < 2; repo++) {
        for (unsigned i = 0; i < SEC_FILES; i++) sec_pack_u32(k, &t->at[repo][i]);
        sec_pack_u32(k, &t->root_version[repo]);
        pack_floors(k, &t->floors[repo]);
    }
    sec_pack_u8(k, &t->roles);
    k->bad = k->bad || t->bank > 1 || t->roles > SEC_ROLES_KEPT;
    for (unsigned i = 0; !k->bad && i < t->roles; i++) sec_pack_u32(k, &t->role_at[i]);
}

/* Every entry that a record points to, in order; NULL behind the last. */
static uint32_t *entry(struct sec_trusted *t, unsigned i)
{
    if (i < 2 * SEC_FILES) return &t->at[i / SEC_FILES][i % SEC_FILES];
    i -= 2 * SEC_FILES;
    return i < t->roles ? &t->role_at[i] : NULL;
}

void sec_trusted_init(struct sec_trusted *t)
{
    memset(t, 0, sizeof *t);
    for (unsigned i = 0; i < 2 * SEC_FILES; i++) *entry(t, i) = SEC_NONE;
}

enum up_err sec_trusted_load(struct sec_trusted *t, const struct sec_store *store)
{
    sec_trusted_init(t);
    struct sec_pack k = sec_pack_reader(sec_store_get(store, SEC_KEY_TRUST));
    pack_trusted(&k, t);
    if (sec_pack_ends(&k)) return UP_OK;
    sec_trusted_init(t);
    return UP_STORAGE_CORRUPT;
}

bool sec_trusted_file(const struct sec_flash *flash, const struct sec_layout *layout, uint32_t at,
                      struct sec_file *out)
{
    if (at == SEC_NONE) return false;
    return sec_file_at(flash, layout->bank[sec_region_has(layout->bank[1], at) ? 1 : 0], at, out);
}

/* Of two Roots each may have to take the other's place. */
uint32_t sec_trusted_size(const struct sec_trusted *t, const struct sec_flash *flash,
                          const struct sec_layout *layout)
{
    struct sec_trusted copy = *t;
    uint32_t size = 0, roots[2][2] = {{0}}, *at;
    for (unsigned i = 0; (at = entry(&copy, i)) != NULL; i++) {
        struct sec_file f;
        if (!sec_trusted_file(flash, layout, *at, &f)) continue;
        const uint32_t n = sec_bank_size(flash, (uint32_t)f.bytes.n, f.path.n);
        const unsigned repo = i / SEC_FILES, role = i % SEC_FILES;
        const bool is_root = repo < 2 && (role == UP_ROOT || role == SEC_PLANT_ROOT);
        if (is_root)
            roots[repo][role == UP_ROOT ? 0 : 1] = n;
        else
            size += n;
    }
    for (unsigned repo = 0; repo < 2; repo++)
        size += 2 * (roots[repo][0] > roots[repo][1] ? roots[repo][0] : roots[repo][1]);
    return size;
}

/* The same file may be there already: sent again though nothing in it is new, or carried for another entry.
 * A copy of its own is made all the same when it is to stand in for the other. */
static enum up_err carry(struct sec_bank *staging, const struct sec_layout *layout, uint32_t *at, bool apart)
{
    struct sec_file f, there;
    if (!sec_trusted_file(staging->flash, layout, *at, &f)) { /* damaged: it is not trusted any longer */
        *at = SEC_NONE;
        return UP_OK;
    }
    uint32_t same = sec_bank_find(staging, staging->last, f.path);
    if (!apart && sec_trusted_file(staging->flash, layout, same, &there) &&
        up_span_eq(f.bytes, there.bytes)) {
        *at = same;
        return UP_OK;
    }
    UP_TRY(sec_bank_open(staging, f.path, (uint32_t)f.bytes.n));
    UP_TRY(sec_bank_add(staging, f.bytes));
    UP_TRY(sec_bank_close(staging));
    *at = staging->last;
    return UP_OK;
}

#define RECORD_BYTES (1 + 2 * 4 + 2 * (4 * SEC_FILES + 4 + 36 * UP_TIME + 4) + 1 + 4 * SEC_ROLES_KEPT)
_Static_assert(RECORD_BYTES <= SEC_VALUE_MAX, "a record fits the store");

static size_t record_of(const struct sec_trusted *t, uint8_t record[RECORD_BYTES])
{
    struct sec_trusted copy = *t;
    struct sec_pack k = sec_pack_writer(record, RECORD_BYTES);
    pack_trusted(&k, &copy);
    return k.at;
}

enum up_err sec_trusted_commit(struct sec_trusted *next, const struct sec_trusted *now,
                               struct sec_bank *staging, const struct sec_layout *layout,
                               struct sec_store *store)
{
    uint8_t record[RECORD_BYTES], old[RECORD_BYTES];
    size_t n = record_of(next, record);
    if (n == record_of(now, old) && memcmp(record, old, n) == 0) return UP_OK;

    uint32_t *at;
    for (unsigned i = 0; (at = entry(next, i)) != NULL; i++) {
        const bool apart = i < 2 * SEC_FILES && i % SEC_FILES == SEC_PLANT_ROOT;
        const bool shared = apart && *at == next->at[i / SEC_FILES][UP_ROOT];
        if (*at == SEC_NONE || (sec_region_has(staging->region, *at) && !shared)) continue;
        UP_TRY(carry(staging, layout, at, apart));
    }
    UP_TRY(sec_flash_sync(staging->flash));
    next->bank = staging->region.at == layout->bank[1].at ? 1 : 0;
    next->end[next->bank] = sec_bank_end(staging);
    n = record_of(next, record);
    return sec_store_put(store, SEC_KEY_TRUST, (struct up_span){record, n});
}

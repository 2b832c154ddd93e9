/* Attested time, kept as a floor: one write for each attestation that is accepted. How far the staging bank
 * is filled is told with it, which costs none. */
#include "secondary/agent_state.h"
#include "secondary/pack.h"

#define RECORD_BYTES (8 + 8 + UP_SHA256_BYTES + 4)

static void pack_time(struct sec_pack *k, int64_t *attested_s, int64_t *previous_s,
                      uint8_t keys[UP_SHA256_BYTES], uint32_t *staged_end)
{
    sec_pack_i64(k, attested_s);
    sec_pack_i64(k, previous_s);
    sec_pack_bytes(k, keys, UP_SHA256_BYTES);
    sec_pack_u32(k, staged_end);
}

enum up_err sec_time_load(struct sec_agent *a)
{
    int64_t attested_s = 0, previous_s = 0;
    uint8_t keys[UP_SHA256_BYTES] = {0};
    struct sec_pack k = sec_pack_reader(sec_store_get(&a->store, SEC_KEY_TIME));
    pack_time(&k, &attested_s, &previous_s, keys, &a->staged_end);
    const bool whole = sec_pack_ends(&k);
    up_clock_init(&a->clock, a->id->base_time_s, whole ? attested_s : 0, keys);
    a->previous_time_s = whole ? previous_s : a->clock.attested_s;
    return whole ? UP_OK : UP_STORAGE_CORRUPT;
}

enum up_err sec_time_save(struct sec_store *store, const struct up_clock *c, int64_t previous_s,
                          uint32_t staged_end)
{
    uint8_t record[RECORD_BYTES];
    struct up_clock copy = *c;
    struct sec_pack k = sec_pack_writer(record, sizeof record);
    pack_time(&k, &copy.attested_s, &previous_s, copy.keys, &staged_end);
    return sec_store_put(store, SEC_KEY_TIME, (struct up_span){record, k.at});
}

enum up_err sec_time_feed(struct sec_agent *a, const struct up_root *root, struct up_span file)
{
    struct up_clock next;
    uint8_t digest[UP_SHA256_BYTES];
    up_sha256(file, digest);
    /* The same attestation once more: our answer got lost, and the Primary asks again. It renews nothing. */
    if (a->clock.fresh && memcmp(digest, a->attestation, sizeof digest) == 0) return UP_OK;
    UP_TRY(up_clock_feed(&a->clock, root, a->id->profile, file, a->id->room, a->now_ms, &next));
    UP_TRY(sec_time_save(&a->store, &next, a->clock.attested_s, sec_bank_end(&a->staging)));
    a->previous_time_s = a->clock.attested_s;
    a->clock = next;
    memcpy(a->attestation, digest, sizeof digest);
    sec_notes_step(a, SEC_ASKED);
    return UP_OK;
}

/* Not stored by itself: a clock of other keys than the Root's begins anew at every start as well. */
void sec_time_on_root(struct sec_agent *a, const struct up_root *root)
{
    up_clock_on_root(&a->clock, root);
}

#include "secondary/slot.h"

#include "secondary/pack.h"

/* The life of an image. What is not here is not possible: an image that runs, or that is the way back from a
 * trial, cannot be written over. */
/* clang-format off */
static const uint8_t next_state[SEC_SLOT_EVENTS][SEC_SLOT_STATES] = {
    [SEC_RECEIVE] = {[SEC_EMPTY] = SEC_RECEIVING, [SEC_RECEIVING] = SEC_RECEIVING,
                     [SEC_VERIFIED] = SEC_RECEIVING, [SEC_BAD] = SEC_RECEIVING},
    [SEC_ACCEPT] = {[SEC_RECEIVING] = SEC_VERIFIED, [SEC_VERIFIED] = SEC_VERIFIED},
    [SEC_REJECT] = {[SEC_RECEIVING] = SEC_BAD, [SEC_VERIFIED] = SEC_BAD, [SEC_ARMED] = SEC_BAD,
                    [SEC_TRIAL] = SEC_BAD, [SEC_CONFIRMED] = SEC_BAD, [SEC_BAD] = SEC_BAD},
    [SEC_ARM] = {[SEC_VERIFIED] = SEC_ARMED, [SEC_ARMED] = SEC_ARMED},
    [SEC_TRY] = {[SEC_ARMED] = SEC_TRIAL, [SEC_TRIAL] = SEC_TRIAL},
    [SEC_CONFIRM] = {[SEC_TRIAL] = SEC_CONFIRMED, [SEC_CONFIRMED] = SEC_CONFIRMED},
    [SEC_REVERT] = {[SEC_TRIAL] = SEC_VERIFIED, [SEC_ARMED] = SEC_VERIFIED, [SEC_VERIFIED] = SEC_VERIFIED},
    [SEC_WITHDRAW] = {[SEC_EMPTY] = SEC_EMPTY, [SEC_RECEIVING] = SEC_EMPTY, [SEC_VERIFIED] = SEC_EMPTY,
                      [SEC_ARMED] = SEC_EMPTY, [SEC_BAD] = SEC_EMPTY},
};
/* clang-format on */

enum sec_slot_state sec_slot_next(enum sec_slot_state state, enum sec_slot_event event)
{
    return (enum sec_slot_state)next_state[event][state];
}

bool sec_image_of(const struct up_target *t, struct sec_image *out)
{
    if (t->name.n > UP_NAME_MAX || t->length > UINT32_MAX) return false;
    memset(out, 0, sizeof *out);
    out->name_bytes = (uint8_t)t->name.n;
    memcpy(out->name, t->name.p, t->name.n);
    out->length = (uint32_t)t->length;
    out->release_counter = t->release_counter;
    out->hashes = t->hashes;
    return true;
}

struct up_span sec_image_name(const struct sec_image *i)
{
    return (struct up_span){i->name, i->name_bytes};
}

bool sec_image_same(const struct sec_image *a, const struct sec_image *b)
{
    return up_span_eq(sec_image_name(a), sec_image_name(b)) && a->length == b->length &&
           a->release_counter == b->release_counter && up_hashes_equal(&a->hashes, &b->hashes);
}

static void pack_image(struct sec_pack *k, struct sec_image *i)
{
    sec_pack_u8(k, &i->name_bytes);
    k->bad = k->bad || i->name_bytes > UP_NAME_MAX;
    if (!k->bad) sec_pack_bytes(k, i->name, i->name_bytes);
    sec_pack_u32(k, &i->length);
    sec_pack_u32(k, &i->release_counter);
    sec_pack_bool(k, &i->hashes.has_sha256);
    if (i->hashes.has_sha256) sec_pack_bytes(k, i->hashes.sha256, UP_SHA256_BYTES);
    sec_pack_bool(k, &i->hashes.has_sha512);
    if (i->hashes.has_sha512) sec_pack_bytes(k, i->hashes.sha512, UP_SHA512_BYTES);
}

static void pack_slot(struct sec_pack *k, struct sec_slot *s)
{
    sec_pack_u8(k, &s->state);
    k->bad = k->bad || s->state < SEC_EMPTY || s->state >= SEC_SLOT_STATES;
    sec_pack_u8(k, &s->boots);
    sec_pack_bytes(k, s->order, SEC_ORDER_BYTES);
    pack_image(k, &s->image);
}

#define SLOT_BYTES                                                                                           \
    (1 + 1 + SEC_ORDER_BYTES + 1 + UP_NAME_MAX + 4 + 4 + 1 + UP_SHA256_BYTES + 1 + UP_SHA512_BYTES)
#define RECORD_BYTES (2 * SLOT_BYTES + 4)
_Static_assert(RECORD_BYTES <= SEC_VALUE_MAX, "a record fits the store");

static void pack_slots(struct sec_pack *k, struct sec_slot slot[2], uint32_t *floor)
{
    pack_slot(k, &slot[0]);
    pack_slot(k, &slot[1]);
    sec_pack_u32(k, floor);
}

static void pack_journal(struct sec_pack *k, struct sec_journal *j)
{
    sec_pack_bytes(k, j->order, SEC_ORDER_BYTES);
    sec_pack_u32(k, &j->transported);
    sec_pack_u32(k, &j->plain);
}

enum up_err sec_slots_load(struct sec_slots *s, struct sec_store *store, const struct sec_layout *layout)
{
    memset(s, 0, sizeof *s);
    s->store = store;
    s->region[0] = layout->slot[0];
    s->region[1] = layout->slot[1];
    struct sec_pack k = sec_pack_reader(sec_store_get(store, SEC_KEY_SLOTS));
    pack_slots(&k, s->slot, &s->release_floor);
    if (!sec_pack_ends(&k)) return UP_STORAGE_CORRUPT;
    for (unsigned i = 0; i < 2; i++)
        if (s->slot[i].image.length > s->region[i].bytes) return UP_STORAGE_CORRUPT;

    struct sec_journal journal = {.plain = 0};
    k = sec_pack_reader(sec_store_get(store, SEC_KEY_JOURNAL));
    pack_journal(&k, &journal);
    if (sec_pack_ends(&k)) s->journal = journal; /* without one, transfers begin at 0 */
    return UP_OK;
}

/* The slots as NEXT, once that is stored; until then all is as before. */
static enum up_err replace(struct sec_slots *s, struct sec_slot next[2], uint32_t floor)
{
    uint8_t record[RECORD_BYTES];
    struct sec_pack k = sec_pack_writer(record, sizeof record);
    pack_slots(&k, next, &floor);
    if (k.bad) return UP_STORAGE_FULL;
    UP_TRY(sec_store_put(s->store, SEC_KEY_SLOTS, (struct up_span){record, k.at}));
    memmove(s->slot, next, sizeof s->slot);
    s->release_floor = floor;
    return UP_OK;
}

enum up_err sec_slots_save(struct sec_slots *s)
{
    return replace(s, s->slot, s->release_floor);
}

static enum up_err save_journal(struct sec_slots *s, const struct sec_journal *j)
{
    uint8_t record[sizeof *j];
    struct sec_journal next = *j;
    struct sec_pack k = sec_pack_writer(record, sizeof record);
    pack_journal(&k, &next);
    UP_TRY(sec_store_put(s->store, SEC_KEY_JOURNAL, (struct up_span){record, k.at}));
    s->journal = next;
    return UP_OK;
}

enum up_err sec_slot_event(struct sec_slots *s, unsigned slot, enum sec_slot_event event)
{
    struct sec_slot next[2] = {s->slot[0], s->slot[1]}, *t = &next[slot];
    uint32_t floor = s->release_floor;
    const uint8_t before = t->state;
    t->state = next_state[event][before];
    if (t->state == 0) return UP_PRECONDITION;
    if (event == SEC_TRY) t->boots++;
    if (event == SEC_ARM) t->boots = 0;
    if (t->state == SEC_CONFIRMED && before != SEC_CONFIRMED) { /* from now on there is no way back */
        next[slot ^ 1].state = SEC_EMPTY;
        if (t->image.release_counter > floor) floor = t->image.release_counter;
    }
    return replace(s, next, floor);
}

enum up_err sec_slot_adopt(struct sec_slots *s, unsigned slot, const uint8_t order[SEC_ORDER_BYTES])
{
    struct sec_slot next[2] = {s->slot[0], s->slot[1]};
    struct sec_journal journal = s->journal;
    bool journalled = sec_slot_received(s, slot) > 0;
    memcpy(next[slot].order, order, SEC_ORDER_BYTES);
    memcpy(journal.order, order, SEC_ORDER_BYTES);
    UP_TRY(replace(
        s, next, s->release_floor)); /* cut here: the journal counts for no order, the transfer begins anew */
    return journalled ? save_journal(s, &journal) : UP_OK;
}

uint32_t sec_slot_received(const struct sec_slots *s, unsigned slot)
{
    const struct sec_slot *t = &s->slot[slot];
    bool mine = t->state == SEC_RECEIVING && memcmp(s->journal.order, t->order, SEC_ORDER_BYTES) == 0;
    return mine ? s->journal.transported : 0;
}

enum up_err sec_slot_receive(struct sec_slots *s, unsigned slot, const struct sec_image *image,
                             const uint8_t order[SEC_ORDER_BYTES], uint32_t from)
{
    struct sec_slot next[2] = {s->slot[0], s->slot[1]};
    next[slot] = (struct sec_slot){.state = next_state[SEC_RECEIVE][s->slot[slot].state], .image = *image};
    memcpy(next[slot].order, order, SEC_ORDER_BYTES);
    if (next[slot].state == 0) return UP_PRECONDITION;
    if (image->length > s->region[slot].bytes) return UP_STORAGE_FULL;
    if (from != 0) {
        bool same = s->slot[slot].state == SEC_RECEIVING && sec_image_same(&s->slot[slot].image, image) &&
                    memcmp(s->slot[slot].order, order, SEC_ORDER_BYTES) == 0;
        if (!same || from != sec_slot_received(s, slot)) return UP_PRECONDITION;
    } else { /* nothing is promised any more, then nothing is verified any more, then bytes go */
        struct sec_journal journal = {.plain = 0};
        memcpy(journal.order, order, SEC_ORDER_BYTES);
        UP_TRY(save_journal(s, &journal));
        UP_TRY(replace(s, next, s->release_floor));
    }
    struct sec_region r = s->region[slot];
    sec_writer_begin(&s->writer, s->store->flash, r.at + s->journal.plain, r.at + r.bytes, true);
    return UP_OK;
}

enum up_err sec_slot_write(struct sec_slots *s, struct up_span plain)
{
    return sec_writer_add(&s->writer, plain);
}

uint32_t sec_slot_resumable(const struct sec_slots *s, unsigned slot)
{
    return (s->writer.at - s->region[slot].at) / s->store->flash->sector * s->store->flash->sector;
}

enum up_err sec_slot_journal(struct sec_slots *s, uint32_t transported, uint32_t plain)
{
    struct sec_journal next = s->journal;
    next.transported = transported;
    next.plain = plain;
    UP_TRY(sec_flash_sync(s->store->flash));
    return save_journal(s, &next);
}

enum up_err sec_slot_finish(struct sec_slots *s, uint32_t transported, uint32_t plain)
{
    UP_TRY(sec_writer_flush(&s->writer));
    return sec_slot_journal(s, transported, plain);
}

struct up_span sec_slot_image(const struct sec_slots *s, unsigned slot)
{
    return (struct up_span){s->store->flash->mapped + s->region[slot].at, s->slot[slot].image.length};
}

void sec_check_begin(struct sec_check *c, const struct sec_slots *s, unsigned slot)
{
    c->left = sec_slot_image(s, slot);
    c->hashes = &s->slot[slot].image.hashes;
    up_hash_begin(&c->sha256, UP_SHA256);
    up_hash_begin(&c->sha512, UP_SHA512);
}

bool sec_check_step(struct sec_check *c, uint32_t bytes)
{
    struct up_span part = {c->left.p, bytes < c->left.n ? bytes : c->left.n};
    up_hash_add(&c->sha256, part);
    if (c->hashes->has_sha512) up_hash_add(&c->sha512, part);
    c->left.p += part.n;
    c->left.n -= part.n;
    return c->left.n > 0;
}

enum up_err sec_check_end(struct sec_check *c)
{
    const struct up_hashes *h = c->hashes;
    uint8_t sha256[UP_SHA256_BYTES], sha512[UP_SHA512_BYTES];
    up_hash_end(&c->sha256, sha256);
    up_hash_end(&c->sha512, sha512);
    bool any = h->has_sha256 || h->has_sha512;
    bool fits = (!h->has_sha256 || memcmp(sha256, h->sha256, sizeof sha256) == 0) &&
                (!h->has_sha512 || memcmp(sha512, h->sha512, sizeof sha512) == 0);
    return any && fits ? UP_OK : UP_IMG_HASH;
}

void sec_check_drop(struct sec_check *c)
{
    up_hash_drop(&c->sha256);
    up_hash_drop(&c->sha512);
}

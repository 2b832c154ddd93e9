#include "secondary/slot.h"

#include "secondary/exchange.h"
#include "secondary/pack.h"

/* The life of an image. What is not here is not possible: an image that runs, or that is the way back from a
 * trial, cannot be written over. */
/* clang-format off */
static const uint8_t next_state[SEC_SLOT_EVENTS][SEC_SLOT_STATES] = {
    [SEC_RECEIVE] = {[SEC_EMPTY] = SEC_RECEIVING, [SEC_RECEIVING] = SEC_RECEIVING,
                     [SEC_VERIFIED] = SEC_RECEIVING, [SEC_BAD] = SEC_RECEIVING, [SEC_AWAY] = SEC_AWAY},
    [SEC_ACCEPT] = {[SEC_RECEIVING] = SEC_VERIFIED, [SEC_VERIFIED] = SEC_VERIFIED,
                    [SEC_AWAY] = SEC_CONFIRMED},
    [SEC_REJECT] = {[SEC_RECEIVING] = SEC_BAD, [SEC_VERIFIED] = SEC_BAD, [SEC_ARMED] = SEC_BAD,
                    [SEC_TRIAL] = SEC_BAD, [SEC_CONFIRMED] = SEC_BAD, [SEC_BAD] = SEC_BAD,
                    [SEC_AWAY] = SEC_AWAY},
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
    sec_pack_u8(k, &s->arms);
    sec_pack_u8(k, &s->starts);
    sec_pack_bytes(k, s->order, SEC_ORDER_BYTES);
    pack_image(k, &s->image);
}

#define SLOT_BYTES                                                                                           \
    (1 + 1 + 1 + 1 + SEC_ORDER_BYTES + 1 + UP_NAME_MAX + 4 + 4 + 1 + UP_SHA256_BYTES + 1 + UP_SHA512_BYTES)
#define RECORD_BYTES (2 * SLOT_BYTES + 4 + 4)
_Static_assert(RECORD_BYTES <= SEC_VALUE_MAX, "a record fits the store");

struct record { /* what one write replaces */
    struct sec_slot slot[2];
    uint32_t floor, received;
};

static struct record present(const struct sec_slots *s)
{
    return (struct record){
        .slot = {s->slot[0], s->slot[1]}, .floor = s->release_floor, .received = s->received};
}

static void pack_record(struct sec_pack *k, struct record *r)
{
    pack_slot(k, &r->slot[0]);
    pack_slot(k, &r->slot[1]);
    sec_pack_u32(k, &r->floor);
    sec_pack_u32(k, &r->received);
}

static void pack_journal(struct sec_pack *k, struct sec_journal *j)
{
    sec_pack_bytes(k, j->order, SEC_ORDER_BYTES);
    sec_pack_u32(k, &j->transported);
    sec_pack_u32(k, &j->plain);
    sec_pack_u8(k, &j->tries);
}

enum up_err sec_slots_load(struct sec_slots *s, struct sec_store *store, const struct sec_layout *layout)
{
    struct record r;
    memset(&r, 0, sizeof r);
    memset(s, 0, sizeof *s);
    s->store = store;
    s->layout = layout;
    struct sec_pack k = sec_pack_reader(sec_store_get(store, SEC_KEY_SLOTS));
    pack_record(&k, &r);
    if (!sec_pack_ends(&k)) return UP_STORAGE_CORRUPT;
    for (unsigned i = 0; i < 2; i++)
        if (r.slot[i].image.length > layout->slot[0].bytes) return UP_STORAGE_CORRUPT;
    memcpy(s->slot, r.slot, sizeof s->slot);
    s->release_floor = r.floor;
    s->received = r.received;

    struct sec_journal journal = {.plain = 0};
    k = sec_pack_reader(sec_store_get(store, SEC_KEY_JOURNAL));
    pack_journal(&k, &journal);
    if (sec_pack_ends(&k)) s->journal = journal; /* without one, transfers begin at 0 */
    return sec_exchange_load(s);
}

struct sec_region sec_slot_region(const struct sec_slots *s, unsigned slot)
{
    const struct sec_layout *l = s->layout;
    if (l->kind == SEC_TWO_SLOTS) return l->slot[slot];
    if (l->kind == SEC_ONE_SLOT) return l->slot[0];
    const bool odd = s->exchange.count % 2 == 1;
    if (slot == (odd ? 1 : 0)) return l->slot[0];
    return (struct sec_region){l->slot[1].at + (odd ? 0 : l->sector), l->slot[0].bytes};
}

unsigned sec_slot_other(const struct sec_slots *s, unsigned running)
{
    if (running != SEC_NO_SLOT) return running ^ 1;
    const uint8_t first = s->slot[0].state; /* what is away, or just back, keeps its place */
    return first == SEC_AWAY || (s->layout->kind == SEC_ONE_SLOT && first == SEC_CONFIRMED) ? 1 : 0;
}

unsigned sec_slot_away(const struct sec_slots *s)
{
    for (unsigned i = 0; i < 2; i++)
        if (s->slot[i].state == SEC_AWAY) return i;
    return SEC_NO_SLOT;
}

/* The slots as NEXT, once that is stored; until then all is as before. */
static enum up_err replace(struct sec_slots *s, struct record *next)
{
    uint8_t bytes[RECORD_BYTES];
    struct sec_pack k = sec_pack_writer(bytes, sizeof bytes);
    pack_record(&k, next);
    if (k.bad) return UP_STORAGE_FULL;
    UP_TRY(sec_store_put(s->store, SEC_KEY_SLOTS, (struct up_span){bytes, k.at}));
    memcpy(s->slot, next->slot, sizeof s->slot);
    s->release_floor = next->floor;
    s->received = next->received;
    return UP_OK;
}

enum up_err sec_slots_save(struct sec_slots *s)
{
    struct record r = present(s);
    return replace(s, &r);
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
    struct record next = present(s);
    struct sec_slot *t = &next.slot[slot];
    const uint8_t before = t->state;
    t->state = next_state[event][before];
    if (t->state == 0) return UP_PRECONDITION;
    if (event == SEC_REJECT && before == SEC_AWAY) return save_journal(s, &(struct sec_journal){.plain = 0});
    if (event == SEC_TRY) t->boots++;
    if (event == SEC_ARM && before != SEC_ARMED) {
        if (t->arms == SEC_ARMS_MAX) return UP_PRECONDITION;
        t->arms++;
        t->boots = 0;
    }
    if (t->state == SEC_CONFIRMED && before != SEC_CONFIRMED) { /* from now on there is no way back */
        next.slot[slot ^ 1].state = SEC_EMPTY;
        if (t->image.release_counter > next.floor) next.floor = t->image.release_counter;
    }
    return replace(s, &next);
}

enum up_err sec_slot_adopt(struct sec_slots *s, unsigned slot, const uint8_t order[SEC_ORDER_BYTES])
{
    struct record next = present(s);
    struct sec_journal journal = s->journal;
    bool journalled = sec_slot_received(s, slot) > 0;
    memcpy(next.slot[slot].order, order, SEC_ORDER_BYTES);
    memcpy(journal.order, order, SEC_ORDER_BYTES);
    next.slot[slot].starts = next.slot[slot].arms = 0;
    UP_TRY(replace(s, &next)); /* cut here: the journal counts for no order, the transfer begins anew */
    return journalled ? save_journal(s, &journal) : UP_OK;
}

static bool is_journalled(const struct sec_slots *s, const uint8_t order[SEC_ORDER_BYTES])
{
    return memcmp(s->journal.order, order, SEC_ORDER_BYTES) == 0;
}

uint32_t sec_slot_received(const struct sec_slots *s, unsigned slot)
{
    const struct sec_slot *t = &s->slot[slot];
    bool arrives = t->state == SEC_RECEIVING || t->state == SEC_AWAY;
    return arrives && is_journalled(s, t->order) ? s->journal.transported : 0;
}

/* One slot: what lay there is away; what was to take its place is gone when that comes back. */
static bool displace(const struct sec_slots *s, unsigned slot, struct record *next)
{
    uint8_t *neighbour = &next->slot[slot ^ 1].state;
    if (s->layout->kind != SEC_ONE_SLOT) return true;
    if (s->slot[slot].state == SEC_AWAY) {
        if (*neighbour == SEC_ARMED || *neighbour == SEC_TRIAL || *neighbour == SEC_CONFIRMED) return false;
        *neighbour = SEC_EMPTY;
    } else if (*neighbour == SEC_CONFIRMED) {
        *neighbour = SEC_AWAY;
    }
    return true;
}

/* Nothing is promised any more, then nothing is verified any more, then bytes go. */
static enum up_err begin(struct sec_slots *s, unsigned slot, struct record *next)
{
    struct sec_slot *t = &next->slot[slot];
    struct sec_journal journal = {.plain = 0};
    if (t->starts == SEC_STARTS_MAX) return UP_LIMIT;
    t->starts++;
    next->received++;
    memcpy(journal.order, t->order, SEC_ORDER_BYTES);
    UP_TRY(save_journal(s, &journal));
    return replace(s, next);
}

/* The sectors from here to the next promise may be erased again. */
static enum up_err resume(struct sec_slots *s)
{
    struct sec_journal journal = s->journal;
    if (journal.tries == SEC_TRIES_MAX) return UP_LIMIT;
    journal.tries++;
    return save_journal(s, &journal);
}

enum up_err sec_slot_receive(struct sec_slots *s, unsigned slot, const struct sec_image *image,
                             const uint8_t order[SEC_ORDER_BYTES], uint32_t from)
{
    struct record next = present(s);
    const struct sec_slot *now = &s->slot[slot];
    const struct sec_region r = sec_slot_region(s, slot);
    const bool same_order = memcmp(now->order, order, SEC_ORDER_BYTES) == 0;
    const bool same = same_order && sec_image_same(&now->image, image);
    struct sec_slot *t = &next.slot[slot];
    *t = (struct sec_slot){.state = next_state[SEC_RECEIVE][now->state],
                           .arms = same_order ? now->arms : 0,
                           .starts = same_order ? now->starts : 0,
                           .image = *image};
    memcpy(t->order, order, SEC_ORDER_BYTES);
    if (t->state == 0 || !displace(s, slot, &next)) return UP_PRECONDITION;
    if (now->state == SEC_AWAY && !same) return UP_PRECONDITION;
    if (image->length > r.bytes) return UP_STORAGE_FULL;
    if (from != 0 && (!same || from != sec_slot_received(s, slot))) return UP_PRECONDITION;
    UP_TRY(from != 0 ? resume(s) : begin(s, slot, &next));
    sec_writer_begin(&s->writer, s->store->flash, r.at + s->journal.plain, r.at + r.bytes, true);
    return UP_OK;
}

enum up_err sec_slot_write(struct sec_slots *s, struct up_span plain)
{
    return sec_writer_add(&s->writer, plain);
}

uint32_t sec_slot_resumable(const struct sec_slots *s, unsigned slot)
{
    const uint32_t sector = s->layout->sector;
    return (s->writer.at - sec_slot_region(s, slot).at) / sector * sector;
}

enum up_err sec_slot_journal(struct sec_slots *s, uint32_t transported, uint32_t plain)
{
    struct sec_journal next = s->journal;
    next.tries = 0;
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
    return (struct up_span){s->store->flash->mapped + sec_slot_region(s, slot).at,
                            s->slot[slot].image.length};
}

void sec_check_begin_bytes(struct sec_check *c, const struct sec_flash *flash, struct up_span bytes,
                           const uint8_t sha256[UP_SHA256_BYTES])
{
    c->flash = flash;
    c->left = bytes;
    c->want256 = sha256;
    c->want512 = NULL;
    up_hash_begin(&c->sha256, UP_SHA256);
    up_hash_begin(&c->sha512, UP_SHA512);
}

void sec_check_begin(struct sec_check *c, const struct sec_slots *s, unsigned slot)
{
    const struct up_hashes *h = &s->slot[slot].image.hashes;
    sec_check_begin_bytes(c, s->store->flash, sec_slot_image(s, slot), h->has_sha256 ? h->sha256 : NULL);
    c->want512 = h->has_sha512 ? h->sha512 : NULL;
}

bool sec_check_step(struct sec_check *c, uint32_t bytes)
{
    struct up_span part = {c->left.p, bytes < c->left.n ? bytes : c->left.n};
    up_hash_add(&c->sha256, part);
    if (c->want512 != NULL) up_hash_add(&c->sha512, part);
    if (c->flash->passed != NULL) c->flash->passed(c->flash->ctx, part);
    c->left.p += part.n;
    c->left.n -= part.n;
    return c->left.n > 0;
}

enum up_err sec_check_end(struct sec_check *c)
{
    uint8_t sha256[UP_SHA256_BYTES], sha512[UP_SHA512_BYTES];
    up_hash_end(&c->sha256, sha256);
    up_hash_end(&c->sha512, sha512);
    bool any = c->want256 != NULL || c->want512 != NULL;
    bool fits = (c->want256 == NULL || memcmp(sha256, c->want256, sizeof sha256) == 0) &&
                (c->want512 == NULL || memcmp(sha512, c->want512, sizeof sha512) == 0);
    return any && fits ? UP_OK : UP_IMG_HASH;
}

void sec_check_drop(struct sec_check *c)
{
    up_hash_drop(&c->sha256);
    up_hash_drop(&c->sha512);
}

#include "secondary/exchange.h"

#include "secondary/pack.h"

static void pack_exchange(struct sec_pack *k, struct sec_exchange *x)
{
    sec_pack_u32(k, &x->count);
    sec_pack_u32(k, &x->step);
    sec_pack_u32(k, &x->sectors);
}

enum up_err sec_exchange_load(struct sec_slots *s)
{
    const struct up_span record = sec_store_get(s->store, SEC_KEY_EXCHANGE);
    struct sec_exchange x = {.count = 0};
    struct sec_pack k = sec_pack_reader(record);
    if (record.p == NULL) return UP_OK;
    pack_exchange(&k, &x);
    if (!sec_pack_ends(&k) || x.sectors > s->layout->slot[0].bytes / s->layout->sector ||
        x.step > 2 * x.sectors)
        return UP_STORAGE_CORRUPT;
    s->exchange = x;
    return UP_OK;
}

static enum up_err save(struct sec_slots *s, struct sec_exchange next)
{
    uint8_t record[12];
    struct sec_pack k = sec_pack_writer(record, sizeof record);
    pack_exchange(&k, &next);
    UP_TRY(sec_store_put(s->store, SEC_KEY_EXCHANGE, (struct up_span){record, k.at}));
    s->exchange = next;
    return UP_OK;
}

bool sec_exchange_pending(const struct sec_slots *s)
{
    return s->exchange.sectors != 0;
}

static enum up_err copy(const struct sec_slots *s, uint32_t from, uint32_t to)
{
    const struct sec_flash *f = s->store->flash;
    struct sec_writer w;
    sec_writer_begin(&w, f, to, to + f->sector, true);
    UP_TRY(sec_writer_add(&w, (struct up_span){f->mapped + from, f->sector}));
    return sec_flash_sync(f);
}

/* Even steps bring a sector out of slot 0, odd ones the other image's into it. */
static enum up_err do_step(const struct sec_slots *s)
{
    const struct sec_exchange *x = &s->exchange;
    const struct sec_layout *l = s->layout;
    const bool up = x->count % 2 == 0;
    const uint32_t k = up ? x->step / 2 : x->sectors - 1 - x->step / 2;
    const uint32_t inner = l->slot[0].at + k * l->sector;
    const uint32_t low = l->slot[1].at + k * l->sector, high = low + l->sector;
    if (x->step % 2 == 0) return copy(s, inner, up ? low : high);
    return copy(s, up ? high : low, inner);
}

static uint32_t sectors_of(const struct sec_slots *s)
{
    const uint32_t a = s->slot[0].image.length, b = s->slot[1].image.length;
    const uint32_t bytes = a > b ? a : b;
    return bytes / s->layout->sector + (bytes % s->layout->sector != 0);
}

enum up_err sec_exchange_run(struct sec_slots *s)
{
    struct sec_exchange next = s->exchange;
    if (!sec_exchange_pending(s)) {
        next.step = 0;
        next.sectors = sectors_of(s);
        UP_TRY(save(s, next));
    }
    while (next.step < 2 * next.sectors) {
        UP_TRY(do_step(s));
        next.step++;
        UP_TRY(save(s, next));
    }
    return save(s, (struct sec_exchange){.count = next.count + 1});
}

/* ISO-TP under hostile frames, hostile timing and a careless owner. The input is a configuration and then a
 * list of operations on two engines: frames made of input bytes or passed from one engine to the other (or
 * lost), sends, cancels, time. Whatever happens: nothing is written outside the buffer or into a message that
 * is lent, every frame that leaves is well-formed and in time, every send gets exactly one answer, due()
 * neither lies nor spins, and afterwards both directions work. With no hostile operation in the input, every
 * message arrives as it was sent. */
#include "isotp/isotp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x)                                                                                             \
    do {                                                                                                     \
        if (x) break;                                                                                        \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                              \
        abort();                                                                                             \
    } while (0)

#define TEXT 9000

struct end {
    struct isotp l;
    uint8_t *room;
    uint32_t capacity;
    bool sending; /* a send was accepted and not answered yet */
    /* Messages sent and not released by the other end yet: text[at..at+bytes), oldest first. */
    struct {
        uint32_t at, bytes;
    } pending[2];
    unsigned pendings;
    bool lent;
    const uint8_t *lent_data;
    uint32_t lent_bytes, lent_sum;
    uint32_t cf_at; /* last consecutive frame of this message */
    bool cf_seen;
    struct isotp_sink sink; /* for what is longer than the room; without max_bytes there is none */
    uint8_t sunk[TEXT];
    uint32_t announced, sunk_bytes, sunk_limit;
    bool sinking;
};

struct run {
    const uint8_t *in, *stop;
    struct end end[2];
    uint32_t now;
    bool hostile; /* frames were made or lost, or time jumped: messages may fail */
};

static uint8_t text[TEXT];

static uint8_t next(struct run *r)
{
    return r->in < r->stop ? *r->in++ : 0;
}

static uint32_t sum(const uint8_t *p, uint32_t n)
{
    uint32_t s = n;
    for (; n > 0; n--) s = s * 31 + *p++;
    return s;
}

static bool sink_begin(void *ctx, uint32_t bytes)
{
    struct end *e = ctx;
    CHECK(!e->sinking && bytes > e->capacity && bytes <= e->sink.max_bytes);
    CHECK(!e->lent || e->lent_data == e->l.rx.functional); /* which has a place of its own */
    e->sinking = true;
    e->announced = bytes;
    e->sunk_bytes = 0;
    return true;
}

static bool sink_add(void *ctx, const uint8_t *data, uint32_t n)
{
    struct end *e = ctx;
    CHECK(e->sinking && n > 0 && n <= e->announced - e->sunk_bytes);
    if (n > e->sunk_limit - e->sunk_bytes) return false;
    memcpy(e->sunk + e->sunk_bytes, data, n);
    e->sunk_bytes += n;
    return true;
}

static void sink_end(void *ctx, enum isotp_result why)
{
    struct end *e = ctx;
    CHECK(e->sinking && (why != ISOTP_N_OK || e->sunk_bytes == e->announced));
    e->sinking = false;
}

static void check(const struct run *r, const struct end *e)
{
    const struct isotp *l = &e->l;
    uint32_t longest = l->rx.capacity > e->sink.max_bytes ? l->rx.capacity : e->sink.max_bytes;
    CHECK((l->rx.state != 2 || l->rx.got <= l->rx.length) && l->rx.length <= longest &&
          l->tx.at.done <= l->tx.length);
    CHECK(e->sinking == (l->rx.sinking && l->rx.state == 2));
    CHECK(l->mails <= sizeof l->mail && (l->lent != 0) == e->lent);
    if (e->lent) CHECK(sum(e->lent_data, e->lent_bytes) == e->lent_sum);
    if (!l->offered && isotp_ready(l, r->now)) CHECK(isotp_due(l, r->now) == 0);
}

static void check_frame(const struct run *r, struct end *e, const struct isotp_frame *f)
{
    const struct isotp_config *c = &e->l.config;
    uint8_t at = c->addressing == ISOTP_NORMAL ? 0 : 1;
    CHECK(f->id == c->tx_id && !!(f->flags & ISOTP_FD) == c->fd);
    CHECK(f->len > at + 1 && f->len <= c->tx_dl && f->len == isotp_frame_len(f->len));
    CHECK(!c->pad || f->len >= 8);
    if (at == 1) CHECK(f->data[0] == c->tx_address);
    uint8_t pci = f->data[at] >> 4;
    CHECK(pci <= 3);
    if (pci < 3) CHECK(e->sending);
    if (pci == 3)
        CHECK((f->data[at] & 0x0F) <= 2 && f->data[at + 1] == c->block_size && f->data[at + 2] == c->st_min);
    if (pci == 2 && e->cf_seen) CHECK(r->now - e->cf_at >= e->l.tx.gap_us);
}

static void note_sent(const struct run *r, struct end *e, const struct isotp_frame *f)
{
    uint8_t pci = f->data[e->l.config.addressing == ISOTP_NORMAL ? 0 : 1] >> 4;
    if (pci == 2) e->cf_at = r->now;
    if (pci < 3) e->cf_seen = pci == 2;
}

static void poll(struct run *r, struct end *e)
{
    struct end *other = e == &r->end[0] ? &r->end[1] : &r->end[0];
    struct isotp_event v;
    if (!isotp_poll(&e->l, &v)) return;
    if (!r->hostile) CHECK(v.result == ISOTP_N_OK);
    switch (v.kind) {
    case ISOTP_SENT:
    case ISOTP_SEND_FAILED:
        CHECK(e->sending && (v.kind == ISOTP_SENT) == (v.result == ISOTP_N_OK));
        e->sending = false;
        break;
    case ISOTP_RECEIVED:
        CHECK(!e->lent && v.bytes > 0);
        if (v.data == NULL) {
            CHECK(v.bytes == e->sunk_bytes && v.bytes > e->capacity && !e->sinking);
            v.data = e->sunk;
        } else if (!v.functional) {
            CHECK(v.data == e->room && v.bytes <= e->capacity);
        }
        if (v.functional) CHECK(r->hostile && v.bytes <= ISOTP_FRAME_PAYLOAD);
        if (!r->hostile) {
            CHECK(other->pendings > 0 && v.bytes == other->pending[0].bytes);
            CHECK(memcmp(v.data, text + other->pending[0].at, v.bytes) == 0);
        }
        e->lent = true;
        e->lent_data = v.data;
        e->lent_bytes = v.bytes;
        e->lent_sum = sum(v.data, v.bytes);
        break;
    case ISOTP_RECEIVE_FAILED:
        CHECK(v.result != ISOTP_N_OK);
        break;
    case ISOTP_NOTHING:
        CHECK(false);
    }
}

static void release(struct run *r, struct end *e)
{
    struct end *other = e == &r->end[0] ? &r->end[1] : &r->end[0];
    if (e->lent && other->pendings > 0) other->pending[0] = other->pending[--other->pendings];
    e->lent = false;
    isotp_release(&e->l); /* one that was held off begins */
}

static void send(struct run *r, struct end *e, uint32_t at, uint32_t bytes, uint32_t head)
{
    struct isotp_message m = {text + at, text + at + head, head, bytes - head};
    enum isotp_result result = isotp_send(&e->l, &m, r->now);
    CHECK(result == (e->sending ? ISOTP_BUSY : bytes == 0 ? ISOTP_BAD_LENGTH : ISOTP_N_OK));
    if (result != ISOTP_N_OK) return;
    e->sending = true;
    e->cf_seen = false;
    if (e->pendings == 2) {
        r->hostile = true; /* one is in the buffer, one held beside it: more is refused */
    } else {
        e->pending[e->pendings].at = at;
        e->pending[e->pendings++].bytes = bytes;
    }
}

/* Up to N frames leave E; the link takes TAKEN of them, and those whose bit is not set in LOST arrive. */
static size_t pass(struct run *r, struct end *e, size_t n, size_t taken, uint32_t lost)
{
    struct end *other = e == &r->end[0] ? &r->end[1] : &r->end[0];
    struct isotp_frame f[32];
    size_t offered = isotp_next_frames(&e->l, f, n, r->now);
    CHECK(offered <= n);
    for (size_t i = 0; i < offered; i++) check_frame(r, e, &f[i]);
    CHECK(isotp_sent_frames(&e->l, taken, r->now) == (taken < offered ? taken : offered));
    if (taken > offered) taken = offered;
    for (size_t i = 0; i < taken; i++) {
        note_sent(r, e, &f[i]);
        if (!(lost >> i & 1)) isotp_on_frame(&other->l, &f[i], r->now);
    }
    return taken;
}

static void wait_until_due(struct run *r)
{
    uint32_t a = isotp_due(&r->end[0].l, r->now), b = isotp_due(&r->end[1].l, r->now), due = a < b ? a : b;
    if (due == ISOTP_NEVER) return;
    r->now += due;
    isotp_tick(&r->end[0].l, r->now);
    isotp_tick(&r->end[1].l, r->now);
}

static void raw_frame(struct run *r, struct end *e, uint8_t op)
{
    static const uint8_t flags[8] = {0, ISOTP_FD, 0,         ISOTP_FD | ISOTP_BRS,
                                     0, ISOTP_FD, ISOTP_RTR, ISOTP_ERROR};
    struct isotp_frame f = {.id = e->l.config.rx_id, .flags = flags[op & 7], .len = next(r)};
    if (op & 8) f.id = op & 4 ? e->l.config.functional_id : e->l.config.tx_id;
    for (uint8_t i = 0; i < sizeof f.data && i < f.len; i++) f.data[i] = next(r);
    isotp_on_frame(&e->l, &f, r->now);
}

/* One operation: the high bit picks the engine, the next three what happens, the rest is detail. */
static void operate(struct run *r)
{
    uint8_t op = next(r), detail = op & 15;
    struct end *e = &r->end[op >> 7];
    switch (op >> 4 & 7) {
    case 0:
        raw_frame(r, e, detail);
        r->hostile = true;
        break;
    case 1:
        pass(r, e, detail + 1u, 32, 0);
        break;
    case 2:
        pass(r, e, 16, detail, next(r));
        r->hostile = true;
        break;
    case 3: {
        uint32_t at = detail * 16u, bytes = next(r) * (detail & 1 ? 33u : 1u), head = next(r);
        send(r, e, at, bytes, head < bytes ? head : bytes);
        break;
    }
    case 4:
        poll(r, e);
        if (detail & 1) release(r, e);
        break;
    case 5:
        if (r->end[0].l.rx.held_bytes + r->end[1].l.rx.held_bytes > 0)
            r->hostile = true; /* may wait too long */
        wait_until_due(r);
        break;
    case 6:
        r->now += (uint32_t)next(r) << detail;
        isotp_tick(&r->end[0].l, r->now);
        isotp_tick(&r->end[1].l, r->now);
        r->hostile = true;
        break;
    default:
        r->hostile = true;
        if (detail & 1) {
            isotp_cancel(&e->l);
            e->sending = false;
        }
        if (detail & 2) isotp_link_down(&e->l);
    }
}

/* Runs the clock until both engines are at rest. Bounded: an engine that spins is caught. */
static void settle(struct run *r)
{
    for (int steps = 0; steps < 20000; steps++) {
        size_t moved = 0;
        for (int i = 0; i < 2; i++) {
            moved += pass(r, &r->end[i], 32, 32, 0);
            struct end *e = &r->end[i];
            while (e->lent || e->l.mails > 0) {
                if (e->lent) release(r, e);
                poll(r, e);
            }
            check(r, e);
        }
        if (moved > 0) continue;
        if (isotp_due(&r->end[0].l, r->now) == ISOTP_NEVER && isotp_due(&r->end[1].l, r->now) == ISOTP_NEVER)
            return;
        wait_until_due(r);
    }
    CHECK(false); /* never at rest */
}

static void start(struct run *r)
{
    static const uint8_t sizes[8] = {8, 12, 16, 20, 24, 32, 48, 64};
    uint8_t a = next(r), b = next(r);
    for (int i = 0; i < 2; i++) {
        struct isotp_config c = isotp_config_default(i ? 0x7E8 : 0x7E0, i ? 0x7E0 : 0x7E8, a & 1);
        c.functional_id = 0x7DF;
        c.addressing = (enum isotp_addressing)((a >> 1 & 3) % 3);
        c.tx_address = i ? 0xF1 : 0x10;
        c.rx_address = i ? 0x10 : 0xF1;
        c.pad = a & 8;
        c.wait_max = a >> 4 & 3;
        c.tx_dl = c.fd ? sizes[b & 7] : 8;
        c.block_size = next(r);
        c.st_min = next(r);
        struct end *e = &r->end[i];
        e->capacity = b & 8 ? 100 : TEXT;
        if (e->capacity < TEXT && !(b & 32)) r->hostile = true; /* messages may be refused */
        e->room = malloc(e->capacity);
        CHECK(e->room);
        isotp_init(&e->l, &c, e->room, e->capacity);
        if (!(b & 32)) continue;
        e->sink = (struct isotp_sink){e, TEXT, sink_begin, sink_add, sink_end};
        e->sunk_limit = b & 64 ? 400 : TEXT;
        if (b & 64) r->hostile = true;
        isotp_set_sink(&e->l, &e->sink);
    }
    r->now = b & 16 ? UINT32_MAX - 5000 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < TEXT; i++) text[i] = (uint8_t)(i * 7 + i / 256);
    static struct run r;
    r = (struct run){.in = data, .stop = data + size};
    start(&r);
    while (r.in < r.stop) {
        operate(&r);
        check(&r, &r.end[0]);
        check(&r, &r.end[1]);
    }
    settle(&r);
    for (int i = 0; i < 2; i++) CHECK(!r.end[i].sending);

    r.hostile = false; /* whatever happened, the next messages pass */
    r.end[0].pendings = r.end[1].pendings = 0;
    send(&r, &r.end[0], 3, 90, 2);
    send(&r, &r.end[1], 5, 80, 80);
    settle(&r);
    for (int i = 0; i < 2; i++) CHECK(r.end[i].pendings == 0 && !r.end[i].sending);
    for (int i = 0; i < 2; i++) free(r.end[i].room);
    return 0;
}

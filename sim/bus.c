#include "sim/bus.h"

#include <string.h>

void sim_bus_init(struct sim_bus *b, const struct sim_bus_config *config)
{
    memset(b, 0, sizeof *b);
    b->config = *config;
    b->random = config->faults.seed;
}

int sim_bus_attach(struct sim_bus *b, sim_bus_deliver *deliver, void *ctx)
{
    for (int i = 0; i < SIM_BUS_PORTS; i++) {
        if (b->port[i].attached) continue;
        b->port[i] = (struct sim_bus_port){.deliver = deliver, .ctx = ctx, .attached = true};
        if (i >= b->ports) b->ports = i + 1;
        return i;
    }
    return -1;
}

void sim_bus_detach(struct sim_bus *b, int port)
{
    b->port[port].attached = false;
    b->port[port].count = 0;
    if (b->flight.from == port) b->flight.from = -1;
}

size_t sim_bus_room(const struct sim_bus *b, int port)
{
    return SIM_BUS_MAILBOXES - (size_t)b->port[port].count;
}

bool sim_bus_offer(struct sim_bus *b, int port, const struct isotp_frame *f)
{
    struct sim_bus_port *p = &b->port[port];

    if (!sim_frame_is_valid(f) || ((f->flags & ISOTP_FD) && !b->config.fd)) {
        p->stats.bad++;
        return true;
    }
    if (p->count == SIM_BUS_MAILBOXES) {
        p->stats.refused++;
        return false;
    }
    unsigned slot = (p->first + p->count++) % SIM_BUS_MAILBOXES;
    p->mailbox[slot] = *f;
    p->turn[slot] = b->turns++;
    return true;
}

/* The arbitration field as the bus sees it, most significant bit first: the smaller one wins. A standard
 * frame beats an extended one of the same base identifier, a data frame beats a remote frame. */
static uint32_t arbitration_field(const struct isotp_frame *f)
{
    uint32_t rtr = f->flags & ISOTP_RTR ? 1 : 0;
    if (!(f->id & ISOTP_ID_EXTENDED)) return (f->id & 0x7FF) << 21 | rtr << 20;
    return (f->id >> 18 & 0x7FF) << 21 | 3u << 19 | (f->id & 0x3FFFF) << 1 | rtr;
}

static int arbitrate(const struct sim_bus *b)
{
    int winner = -1;
    uint32_t best = 0;
    uint64_t best_turn = 0;

    for (int i = 0; i < b->ports; i++) {
        const struct sim_bus_port *p = &b->port[i];
        if (p->count == 0) continue;
        uint32_t field = arbitration_field(&p->mailbox[p->first]);
        if (winner >= 0 && (field > best || (field == best && p->turn[p->first] > best_turn))) continue;
        winner = i;
        best = field;
        best_turn = p->turn[p->first];
    }
    return winner;
}

static uint64_t draw(struct sim_bus *b) /* SplitMix64 */
{
    uint64_t z = b->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static bool happens(struct sim_bus *b, uint32_t ppm)
{
    return draw(b) % 1000000 < ppm;
}

/* Flips one to three neighbouring bits of the payload, chosen by R. */
static void corrupt(struct isotp_frame *f, uint64_t r)
{
    unsigned bits = f->len * 8u;
    unsigned flips = 1 + (unsigned)(r >> 32) % 3;

    for (unsigned i = 0; bits > 0 && i < flips; i++) {
        unsigned bit = ((unsigned)(r & 0xFFF) + i) % bits;
        f->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* The same draws for every frame, whatever the chances: changing one chance leaves the other faults where
 * they were. */
static void draw_faults(struct sim_bus *b)
{
    const struct sim_bus_faults *chance = &b->config.faults;
    struct sim_bus_flight *flight = &b->flight;

    flight->drop = happens(b, chance->drop_ppm);
    flight->again = happens(b, chance->duplicate_ppm);
    if (happens(b, chance->delay_ppm)) {
        flight->end_ns += chance->delay_ns;
        b->stats.delayed++;
    }
    bool damaged = happens(b, chance->corrupt_ppm);
    uint64_t how = draw(b);
    if (damaged) {
        corrupt(&flight->frame, how);
        b->stats.corrupted++;
    }
}

/* Puts the winner of an arbitration on the bus at T. False: no frame waits. */
static bool start(struct sim_bus *b, uint64_t t)
{
    int winner = arbitrate(b);
    if (winner < 0) return false;

    struct sim_bus_port *p = &b->port[winner];
    struct sim_bus_flight *flight = &b->flight;
    flight->busy = true;
    flight->from = winner;
    flight->frame = p->mailbox[p->first];
    flight->start_ns = t;
    flight->end_ns = t + sim_frame_ns(&flight->frame, b->config.bitrate, b->config.data_bitrate);
    p->first = (uint8_t)((p->first + 1) % SIM_BUS_MAILBOXES);
    p->count--;
    p->stats.sent++;
    draw_faults(b);
    return true;
}

static void finish(struct sim_bus *b)
{
    const struct sim_bus_flight done = b->flight; /* a receiver may offer, or detach, while it is told */

    b->now_ns = done.end_ns;
    b->stats.frames++;
    b->stats.busy_ns += done.end_ns - done.start_ns;
    b->flight.busy = false;
    if (done.drop) {
        b->stats.dropped++;
        return;
    }
    if (done.again) {
        b->stats.duplicated++;
        b->flight.busy = true;
        b->flight.again = false;
        b->flight.start_ns = done.end_ns;
        b->flight.end_ns = done.end_ns + sim_frame_ns(&done.frame, b->config.bitrate, b->config.data_bitrate);
    }
    for (int i = 0; i < b->ports; i++) {
        struct sim_bus_port *p = &b->port[i];
        if (!p->attached || i == done.from || p->deliver == NULL) continue;
        p->stats.received++;
        p->deliver(p->ctx, &done.frame, done.end_ns);
    }
}

bool sim_bus_idle(const struct sim_bus *b)
{
    return !b->flight.busy;
}

bool sim_bus_waiting(const struct sim_bus *b)
{
    return arbitrate(b) >= 0;
}

uint64_t sim_bus_due(const struct sim_bus *b)
{
    if (b->flight.busy) return b->flight.end_ns;
    return sim_bus_waiting(b) ? b->now_ns : SIM_NEVER;
}

void sim_bus_step(struct sim_bus *b, uint64_t now_ns)
{
    uint64_t next_start = now_ns;

    for (;;) {
        if (b->flight.busy) {
            if (b->flight.end_ns > now_ns) break;
            next_start = b->flight.end_ns;
            finish(b);
        }
        if (!b->flight.busy && !start(b, next_start)) break;
    }
    if (b->now_ns < now_ns) b->now_ns = now_ns;
}

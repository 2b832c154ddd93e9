#include "sim/bus.h"

#include <string.h>

void sim_bus_init(struct sim_bus *b, const struct sim_bus_config *config)
{
    memset(b, 0, sizeof *b);
    b->config = *config;
    sim_tamper_init(&b->tamper, config->rules, config->rule_count);
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

int sim_bus_watch(struct sim_bus *b, sim_bus_deliver *deliver, void *ctx)
{
    int port = sim_bus_attach(b, deliver, ctx);
    if (port >= 0) b->port[port].watcher = true;
    return port;
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

static const struct isotp_frame *waiting_frame(const struct sim_bus *b, int port)
{
    return &b->port[port].mailbox[b->port[port].first];
}

/* May the port take part in an arbitration at T? */
static bool competes(const struct sim_bus_port *p, uint64_t t)
{
    return p->count > 0 && p->suspended_ns <= t && sim_confine_state(&p->errors) != SIM_BUS_OFF;
}

static int arbitrate(const struct sim_bus *b, uint64_t t)
{
    int winner = -1;
    uint32_t best = 0;
    uint64_t best_turn = 0;

    for (int i = 0; i < b->ports; i++) {
        const struct sim_bus_port *p = &b->port[i];
        if (!competes(p, t)) continue;
        uint32_t field = arbitration_field(waiting_frame(b, i));
        if (winner >= 0 && (field > best || (field == best && p->turn[p->first] > best_turn))) continue;
        winner = i;
        best = field;
        best_turn = p->turn[p->first];
    }
    return winner;
}

/* --- errors --- */

static uint64_t bits_ns(const struct sim_bus *b, uint64_t bits)
{
    uint32_t rate = b->config.bitrate != 0 ? b->config.bitrate : 1000000;
    return (bits * UINT64_C(1000000000) + rate / 2) / rate;
}

static void report(struct sim_bus_port *p, struct isotp_frame f, uint64_t at_ns)
{
    if (p->attached && p->deliver != NULL) p->deliver(p->ctx, &f, at_ns);
}

/* A port's change of state: to itself, and to those who watch. */
static void report_state(struct sim_bus *b, struct sim_bus_port *p, struct isotp_frame f, uint64_t at_ns)
{
    report(p, f, at_ns);
    for (int i = 0; i < b->ports; i++)
        if (b->port[i].watcher) report(&b->port[i], f, at_ns);
}

static void note_state(struct sim_bus *b, struct sim_bus_port *p, enum sim_node_state was, bool it_sent,
                       uint64_t at_ns)
{
    enum sim_node_state state = sim_confine_state(&p->errors);

    if (state == was) return;
    if (state == SIM_BUS_OFF) {
        p->stats.bus_offs++;
        b->stats.bus_offs++;
    }
    bool back = was == SIM_BUS_OFF;
    report_state(b, p, back ? sim_confine_restarted() : sim_confine_changed(&p->errors, it_sent), at_ns);
}

static void count_port(struct sim_bus *b, struct sim_bus_port *p, const struct sim_bus_flight *done,
                       bool it_sent)
{
    enum sim_node_state was = sim_confine_state(&p->errors);

    if (done->error && was != SIM_BUS_OFF) report(p, sim_confine_disturbed(&p->errors), done->end_ns);
    if (p->watcher) return;
    if (was == SIM_BUS_OFF)
        sim_confine_quiet(&p->errors, 1); /* every frame ends with eleven recessive bits */
    else if (done->error)
        (it_sent ? sim_confine_send_error : sim_confine_receive_error)(&p->errors);
    else
        (it_sent ? sim_confine_sent : sim_confine_received)(&p->errors);
    note_state(b, p, was, it_sent, done->end_ns);
    if (it_sent && sim_confine_state(&p->errors) == SIM_ERROR_PASSIVE)
        p->suspended_ns = done->end_ns + bits_ns(b, SIM_SUSPEND_BITS);
}

/* When the port has seen enough silence, if nothing else happens on the bus. */
static uint64_t returns_at(const struct sim_bus *b, const struct sim_bus_port *p)
{
    uint64_t sequences = SIM_QUIET_SEQUENCES - (uint64_t)p->errors.quiet;
    return b->idle_ns + bits_ns(b, sequences * SIM_QUIET_BITS);
}

/* The bus has been idle up to T: those that are off count it. ENDS: a frame begins. */
static void count_silence(struct sim_bus *b, uint64_t t, bool ends)
{
    uint64_t sequences = (t - b->idle_ns) / bits_ns(b, SIM_QUIET_BITS);

    for (int i = 0; i < b->ports; i++) {
        struct sim_bus_port *p = &b->port[i];
        if (sim_confine_state(&p->errors) != SIM_BUS_OFF) continue;
        if (returns_at(b, p) <= t)
            sim_confine_quiet(&p->errors, SIM_QUIET_SEQUENCES);
        else if (ends)
            sim_confine_quiet(&p->errors, sequences);
        note_state(b, p, SIM_BUS_OFF, false, t);
    }
}

/* --- a frame on the bus --- */

static uint64_t since_begun(const struct sim_bus *b, uint64_t t)
{
    return t - b->begun_ns;
}

static uint64_t frame_ns(const struct sim_bus *b, const struct isotp_frame *f)
{
    return sim_frame_ns(f, b->config.bitrate, b->config.data_bitrate);
}

static void fly(struct sim_bus *b, const struct isotp_frame *f, int from, uint64_t t)
{
    b->flight = (struct sim_bus_flight){.busy = true, .from = from, .start_ns = t, .frame = *f};
    b->flight.end_ns = t + frame_ns(b, f);
}

static void start_own(struct sim_bus *b, const struct isotp_frame *f, int from, uint64_t t)
{
    fly(b, f, from, t);
    /* Without a bitrate the attacker is as fast as on a bus of 1 Mbit/s, or nobody else would be heard. */
    uint64_t next = b->config.bitrate != 0 ? b->flight.end_ns : t + sim_frame_ns(f, 1000000, 0);
    sim_tamper_sent(&b->tamper, since_begun(b, t), since_begun(b, next));
}

static void start_port(struct sim_bus *b, int port, uint64_t t)
{
    struct sim_bus_port *p = &b->port[port];
    struct isotp_frame f = p->mailbox[p->first];

    if ((f.flags & ISOTP_FD) && sim_confine_state(&p->errors) == SIM_ERROR_PASSIVE) f.flags |= ISOTP_ESI;
    fly(b, &f, port, t);

    struct sim_bus_flight *flight = &b->flight;
    struct sim_fate fate =
        sim_tamper_judge(&b->tamper, &b->config.faults, &flight->frame, port, since_begun(b, t));
    if (fate.error) { /* the frame stays in its mailbox */
        flight->error = true;
        flight->end_ns = t + ((flight->end_ns - t) * fate.where >> 32) +
                         bits_ns(b, SIM_ERROR_FRAME_BITS + SIM_INTERMISSION_BITS);
        return;
    }
    flight->drop = fate.drop;
    flight->again = fate.again;
    flight->end_ns += fate.stall_ns;
    p->first = (uint8_t)((p->first + 1) % SIM_BUS_MAILBOXES);
    p->count--;
    p->stats.sent++;
}

/* Puts the winner of an arbitration on the bus at T. False: no frame waits. */
static bool start(struct sim_bus *b, uint64_t t)
{
    int from, winner = arbitrate(b, t);
    const struct isotp_frame *own = sim_tamper_next(&b->tamper, since_begun(b, t), &from);

    if (winner < 0 && own == NULL) return false;
    count_silence(b, t, true);
    if (own != NULL && (winner < 0 || arbitration_field(own) <= arbitration_field(waiting_frame(b, winner))))
        start_own(b, own, from, t);
    else
        start_port(b, winner, t);
    return true;
}

static void deliver(struct sim_bus *b, const struct sim_bus_flight *done)
{
    for (int i = 0; i < b->ports; i++) {
        struct sim_bus_port *p = &b->port[i];
        if (!p->attached || i == done->from || p->deliver == NULL) continue;
        if (sim_confine_state(&p->errors) == SIM_BUS_OFF) continue;
        if ((done->frame.flags & ISOTP_FD) && !b->config.fd) continue;
        p->stats.received++;
        p->deliver(p->ctx, &done->frame, done->end_ns);
    }
}

static void finish(struct sim_bus *b)
{
    const struct sim_bus_flight done = b->flight; /* a receiver may offer, or detach, while it is told */

    b->now_ns = b->idle_ns = done.end_ns;
    b->stats.busy_ns += done.end_ns - done.start_ns;
    b->flight.busy = false;
    for (int i = 0; i < b->ports; i++)
        if (b->port[i].attached) count_port(b, &b->port[i], &done, i == done.from);
    if (done.error) return;
    b->stats.frames++;
    if (done.again) fly(b, &done.frame, done.from, done.end_ns);
    if (!done.drop) deliver(b, &done);
}

bool sim_bus_idle(const struct sim_bus *b)
{
    return !b->flight.busy;
}

bool sim_bus_waiting(const struct sim_bus *b)
{
    return arbitrate(b, b->now_ns) >= 0;
}

/* The next thing that happens on an idle bus by itself. */
static uint64_t wakes_at(const struct sim_bus *b)
{
    uint64_t at = sim_tamper_due(&b->tamper);

    if (at != SIM_NEVER) at += b->begun_ns;
    for (int i = 0; i < b->ports; i++) {
        const struct sim_bus_port *p = &b->port[i];
        bool off = sim_confine_state(&p->errors) == SIM_BUS_OFF;
        uint64_t then = off ? returns_at(b, p) : p->count > 0 ? p->suspended_ns : SIM_NEVER;
        if (then < at) at = then;
    }
    return at;
}

uint64_t sim_bus_due(const struct sim_bus *b)
{
    if (b->flight.busy) return b->flight.end_ns;
    uint64_t at = wakes_at(b);
    return at < b->now_ns ? b->now_ns : at;
}

void sim_bus_step(struct sim_bus *b, uint64_t now_ns)
{
    if (!b->begun) b->begun_ns = b->idle_ns = now_ns;
    b->begun = true;

    /* On an idle bus, what ports have offered begins now; what was due by itself, when it was due. */
    uint64_t t = now_ns, wakes = wakes_at(b);
    if (arbitrate(b, b->now_ns) < 0 && wakes < now_ns) t = wakes > b->now_ns ? wakes : b->now_ns;
    for (;;) {
        if (b->flight.busy) {
            if (b->flight.end_ns > now_ns) break;
            t = b->flight.end_ns;
            finish(b);
            if (b->flight.busy) continue; /* once more */
        }
        count_silence(b, t, false);
        if (start(b, t)) continue;
        wakes = wakes_at(b);
        if (wakes > now_ns) break;
        t = wakes;
    }
    if (b->now_ns < now_ns) b->now_ns = now_ns;
}

#include "sim/dump.h"

#include "isotp/uds.h"

#include <stdlib.h>
#include <string.h>

struct track {
    struct sim_dump_message m;
    bool used;
    uint8_t sn;
    uint8_t *room;
    size_t cap;
};

struct sim_dump {
    bool addressed;
    sim_dump_sink *sink;
    void *ctx;
    struct track track[SIM_DUMP_MESSAGES];
};

enum kind { SINGLE, FIRST, CONSECUTIVE, FLOW, NO_PDU };

struct pdu {
    enum kind kind;
    uint32_t length;
    uint8_t sn, flow, bs, st_min;
    const uint8_t *data;
    uint8_t n;
};

/* What a frame says, by the rules that a receiver has (ISO 15765-2, 9.6). */
static struct pdu read_pdu(const struct isotp_frame *f, bool addressed)
{
    struct pdu p = {.kind = NO_PDU};
    uint8_t at = addressed ? 1 : 0;
    if (f->flags & (ISOTP_RTR | ISOTP_ERROR) || f->len <= at) return p;
    const uint8_t *d = f->data + at;
    uint8_t n = (uint8_t)(f->len - at), low = d[0] & 15;

    switch (d[0] >> 4) {
    case 0: {
        uint8_t head = f->len > 8 ? 2 : 1;
        if (head == 2 && low != 0) return p;
        p.length = head == 2 ? d[1] : low;
        if (p.length == 0 || p.length > (uint32_t)n - head) return p;
        p.kind = SINGLE;
        p.data = d + head;
        p.n = (uint8_t)p.length;
        break;
    }
    case 1: {
        if (f->len < 8) return p;
        uint32_t length = (uint32_t)low << 8 | d[1];
        uint8_t head = length == 0 ? 6 : 2;
        if (head == 6) length = (uint32_t)uds_get(d + 2, 4);
        if (length <= (head == 6 ? 4095u : (uint32_t)n - 2)) return p;
        p.kind = FIRST;
        p.length = length;
        p.data = d + head;
        p.n = (uint8_t)(n - head);
        break;
    }
    case 2:
        p = (struct pdu){.kind = CONSECUTIVE, .sn = low, .data = d + 1, .n = (uint8_t)(n - 1)};
        break;
    case 3:
        if (n >= 3 && low <= 2) p = (struct pdu){.kind = FLOW, .flow = low, .bs = d[1], .st_min = d[2]};
        break;
    default:
        break;
    }
    return p;
}

/* --- putting messages together --- */

static struct track *find(struct sim_dump *d, uint32_t id, int address)
{
    for (size_t i = 0; i < SIM_DUMP_MESSAGES; i++)
        if (d->track[i].used && d->track[i].m.id == id && d->track[i].m.address == address)
            return &d->track[i];
    return NULL;
}

static void end(struct sim_dump *d, struct track *t, const char *broken)
{
    t->m.broken = broken;
    t->m.bytes = t->m.got <= t->cap ? t->room : NULL;
    d->sink(d->ctx, &t->m);
    t->used = false;
}

static struct track *fresh(struct sim_dump *d)
{
    struct track *oldest = &d->track[0];
    for (size_t i = 0; i < SIM_DUMP_MESSAGES; i++) {
        if (!d->track[i].used) return &d->track[i];
        if (d->track[i].m.last_ns < oldest->m.last_ns) oldest = &d->track[i];
    }
    end(d, oldest, "given up for another message");
    return oldest;
}

static bool has_room(struct track *t, uint32_t bytes)
{
    if (bytes <= t->cap) return true;
    if (bytes > SIM_DUMP_MAX_BYTES) return false;
    uint8_t *room = realloc(t->room, bytes);
    if (room == NULL) return false;
    t->room = room;
    t->cap = bytes;
    return true;
}

static void add(struct track *t, const struct pdu *p, uint64_t ns)
{
    uint32_t left = t->m.length - t->m.got, n = p->n < left ? p->n : left;
    if (t->m.length <= t->cap) memcpy(t->room + t->m.got, p->data, n);
    t->m.got += n;
    t->m.frames++;
    t->m.last_ns = ns;
}

static void begin(struct sim_dump *d, const struct pdu *p, uint32_t id, int address, uint64_t ns)
{
    struct track *t = find(d, id, address);
    if (t != NULL)
        end(d, t, "a new message cut it off");
    else
        t = fresh(d);
    t->m = (struct sim_dump_message){.first_ns = ns, .id = id, .address = address, .length = p->length};
    t->used = true;
    t->sn = 1;
    if (!has_room(t, p->length)) { /* counted only: what has room for less must not look like enough */
        free(t->room);
        t->room = NULL;
        t->cap = 0;
    }
    add(t, p, ns);
    if (t->m.got == t->m.length) end(d, t, NULL);
}

void sim_dump_frame(struct sim_dump *d, const struct isotp_frame *f, uint64_t ns)
{
    struct pdu p = read_pdu(f, d->addressed);
    int address = d->addressed && f->len > 0 ? f->data[0] : -1;

    if (p.kind == SINGLE || p.kind == FIRST) {
        begin(d, &p, f->id, address, ns);
        return;
    }
    struct track *t = p.kind == CONSECUTIVE ? find(d, f->id, address) : NULL;
    if (t == NULL) return;
    if (p.sn != t->sn) {
        end(d, t, "a frame is missing, or came twice");
        return;
    }
    t->sn = (t->sn + 1) & 15;
    add(t, &p, ns);
    if (t->m.got == t->m.length) end(d, t, NULL);
}

struct sim_dump *sim_dump_open(bool addressed, sim_dump_sink *sink, void *ctx)
{
    struct sim_dump *d = calloc(1, sizeof *d);
    if (d == NULL) return NULL;
    d->addressed = addressed;
    d->sink = sink;
    d->ctx = ctx;
    return d;
}

void sim_dump_close(struct sim_dump *d)
{
    for (size_t i = 0; i < SIM_DUMP_MESSAGES; i++) {
        if (d->track[i].used) end(d, &d->track[i], "the end of the recording");
        free(d->track[i].room);
    }
    free(d);
}

/* --- words --- */

void sim_dump_explain(const struct isotp_frame *f, bool addressed, char *text, size_t cap)
{
    static const char *const flows[] = {"continue", "wait", "overflow"};
    struct pdu p = read_pdu(f, addressed);

    switch (p.kind) {
    case SINGLE:
        snprintf(text, cap, "[SF] %u", (unsigned)p.length);
        break;
    case FIRST:
        snprintf(text, cap, "[FF] %u", (unsigned)p.length);
        break;
    case CONSECUTIVE:
        snprintf(text, cap, "[CF] %X", (unsigned)p.sn);
        break;
    case FLOW:
        snprintf(text, cap, "[FC] %s, block size %u, STmin %02X", flows[p.flow], (unsigned)p.bs,
                 (unsigned)p.st_min);
        break;
    case NO_PDU:
        snprintf(text, cap, "-");
        break;
    }
}

void sim_dump_uds(const uint8_t *bytes, size_t n, char *text, size_t cap)
{
    if (n >= 3 && bytes[0] == UDS_NEGATIVE) {
        snprintf(text, cap, "%s refused: %02X %s", uds_service_text(bytes[1]), (unsigned)bytes[2],
                 uds_code_text(bytes[2]));
        return;
    }
    bool answer = n > 0 && (bytes[0] & UDS_ANSWER) != 0;
    unsigned sid = n > 0 ? bytes[0] & ~(unsigned)UDS_ANSWER : 0;
    int at = snprintf(text, cap, "%s%s", uds_service_text(sid), answer ? ": ok" : "");
    size_t echo = uds_echo_bytes(sid);
    for (size_t i = 1; i <= echo && i < n && at > 0 && (size_t)at < cap; i++)
        at += snprintf(text + at, cap - (size_t)at, i == 1 ? " %02X" : "%02X", (unsigned)bytes[i]);
}

#include "sim/bridge.h"

#include "sim/realtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_AT_ROOM (SIM_BUS_MAILBOXES / 2)

struct end {
    const char *name;
    struct isotp_link *link;
    int port;
    bool may_read, down;
    size_t first, count;
    struct isotp_frame queue[SIM_BRIDGE_QUEUE];
};

struct sim_bridge {
    struct sim_bus *bus;
    size_t count;
    struct end end[SIM_BRIDGE_LINKS];
};

static void on_frame(void *ctx, const struct isotp_frame *f, uint64_t at_ns)
{
    struct end *e = ctx;
    (void)at_ns;
    if ((f->flags & ISOTP_ERROR) || e->count == SIM_BRIDGE_QUEUE) return;
    e->queue[(e->first + e->count++) % SIM_BRIDGE_QUEUE] = *f;
}

/* Somebody else is too slow for what E would say. */
static bool held(const struct sim_bridge *s, const struct end *e)
{
    for (size_t i = 0; i < s->count; i++)
        if (&s->end[i] != e && s->end[i].count >= SIM_BRIDGE_QUEUE / 2) return true;
    return false;
}

static void pull(struct sim_bridge *s, struct end *e)
{
    struct isotp_frame f[SIM_BUS_MAILBOXES];
    size_t room = sim_bus_room(s->bus, e->port);

    if (e->down || !e->may_read || room < READ_AT_ROOM || held(s, e)) return;
    int got = e->link->ops->recv(e->link, f, room);
    e->down = got < 0;
    for (int i = 0; i < got; i++)
        if (!(f[i].flags & ISOTP_ERROR)) (void)sim_bus_offer(s->bus, e->port, &f[i]);
    e->may_read = got > 0; /* until it says that there is no more: not every link is a plain socket */
}

static void push(struct end *e)
{
    while (e->count > 0 && !e->down) {
        size_t span = SIM_BRIDGE_QUEUE - e->first < e->count ? SIM_BRIDGE_QUEUE - e->first : e->count;
        int sent = e->link->ops->send(e->link, &e->queue[e->first], span);
        e->down = sent < 0;
        if (sent <= 0) return;
        e->first = (e->first + (size_t)sent) % SIM_BRIDGE_QUEUE;
        e->count -= (size_t)sent;
        if ((size_t)sent < span) return;
    }
}

size_t sim_bridge_fds(struct sim_bridge *s, struct pollfd *fds)
{
    for (size_t i = 0; i < s->count; i++) {
        struct end *e = &s->end[i];
        bool in = !held(s, e) && sim_bus_room(s->bus, e->port) >= READ_AT_ROOM;
        if (!in) e->may_read = true; /* nobody told us otherwise */
        fds[i] = sim_wait_for(e->down ? -1 : e->link->fd, in, e->count > 0);
    }
    return s->count;
}

void sim_bridge_ready(struct sim_bridge *s, const struct pollfd *fds)
{
    for (size_t i = 0; i < s->count; i++)
        if (fds[i].revents & ~POLLOUT) s->end[i].may_read = true;
}

void sim_bridge_pull(struct sim_bridge *s)
{
    for (size_t i = 0; i < s->count; i++) pull(s, &s->end[i]);
}

void sim_bridge_push(struct sim_bridge *s)
{
    for (size_t i = 0; i < s->count; i++) push(&s->end[i]);
}

const char *sim_bridge_down(const struct sim_bridge *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->end[i].down) return s->end[i].name;
    return NULL;
}

static bool open_end(struct sim_bridge *s, const char *name, char *why, size_t why_size)
{
    struct end *e = &s->end[s->count];

    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->end[i].name, name) != 0) continue;
        snprintf(why, why_size, "%s: bridged to itself; give two different links", name);
        return false;
    }
    e->link = isotp_link_open(name, s->bus->config.fd, why, why_size);
    if (e->link == NULL) return false;
    e->name = name;
    e->may_read = true;
    e->port = sim_bus_attach(s->bus, on_frame, e);
    s->count++;
    if (e->port < 0) snprintf(why, why_size, "%s: no port left on this bus", name);
    return e->port >= 0;
}

struct sim_bridge *sim_bridge_open(struct sim_bus *b, const char *const *names, size_t count, char *why,
                                   size_t why_size)
{
    struct sim_bridge *s = calloc(1, sizeof *s);

    if (s == NULL || count > SIM_BRIDGE_LINKS) {
        snprintf(why, why_size, s == NULL ? "out of memory" : "more links than can be bridged");
        free(s);
        return NULL;
    }
    s->bus = b;
    for (size_t i = 0; i < count; i++) {
        if (open_end(s, names[i], why, why_size)) continue;
        sim_bridge_close(s);
        return NULL;
    }
    return s;
}

void sim_bridge_close(struct sim_bridge *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct end *e = &s->end[i];
        push(e);
        e->link->ops->close(e->link);
        if (e->port >= 0) sim_bus_detach(s->bus, e->port);
    }
    free(s);
}

/* A port of the modelled bus as a CAN link in memory. */
#include "isotp/filter.h"
#include "sim/bus.h"

#include <stdlib.h>

struct memory_link {
    struct isotp_link link; /* first: an isotp_link is a memory_link */
    struct sim_bus *bus;
    int port;
    struct isotp_filter filter;
    uint32_t lost;
    size_t first, count;
    struct isotp_frame queue[SIM_BUS_LINK_QUEUE];
};

static void on_frame(void *ctx, const struct isotp_frame *f, uint64_t at_ns)
{
    struct memory_link *m = ctx;
    (void)at_ns;

    if ((f->flags & ISOTP_FD) && !m->link.can_fd) return;
    if (!isotp_filter_passes(&m->filter, f)) return;
    if (m->count == SIM_BUS_LINK_QUEUE) {
        m->lost++;
        return;
    }
    m->queue[(m->first + m->count++) % SIM_BUS_LINK_QUEUE] = *f;
}

static int memory_send(struct isotp_link *l, const struct isotp_frame *f, size_t n)
{
    struct memory_link *m = (struct memory_link *)l;
    size_t taken = 0;

    while (taken < n && sim_bus_offer(m->bus, m->port, &f[taken])) taken++;
    return (int)taken;
}

static int memory_recv(struct isotp_link *l, struct isotp_frame *f, size_t n)
{
    struct memory_link *m = (struct memory_link *)l;
    size_t got = 0;

    while (got < n && m->count > 0) {
        f[got++] = m->queue[m->first];
        m->first = (m->first + 1) % SIM_BUS_LINK_QUEUE;
        m->count--;
    }
    return (int)got;
}

static uint32_t memory_lost(const struct isotp_link *l)
{
    return ((const struct memory_link *)l)->lost;
}

static void memory_listen(struct isotp_link *l, const uint32_t *ids, size_t n)
{
    isotp_filter_set(&((struct memory_link *)l)->filter, ids, n);
}

static void memory_close(struct isotp_link *l)
{
    struct memory_link *m = (struct memory_link *)l;
    sim_bus_detach(m->bus, m->port);
    free(m);
}

static const struct isotp_link_ops memory_ops = {memory_send, memory_recv, memory_lost, memory_close,
                                                 memory_listen};

struct isotp_link *sim_bus_link(struct sim_bus *b, bool fd)
{
    if (fd && !b->config.fd) return NULL;
    struct memory_link *m = calloc(1, sizeof *m);
    if (m == NULL) return NULL;

    m->link = (struct isotp_link){.ops = &memory_ops, .fd = -1, .can_fd = fd};
    m->bus = b;
    m->port = sim_bus_attach(b, on_frame, m);
    if (m->port < 0) {
        free(m);
        return NULL;
    }
    return &m->link;
}

int sim_bus_link_port(const struct isotp_link *l)
{
    return ((const struct memory_link *)l)->port;
}

#include "sim/hub.h"

#include "isotp/frames_socketcan.h"
#include "isotp/link_virtual.h"
#include "sim/candump.h"
#include "sim/realtime.h"
#include "sim/slcan.h"
#include "sim/socketcand.h"
#include "sim/unix_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS       64                 /* frames, or reads, before a run looks at its sockets again */
#define SLICE_NS     UINT64_C(250000)   /* while frames wait, nobody needs each of them to the microsecond */
#define CATCH_UP_NS  UINT64_C(50000000) /* a hub that stood still for longer does not make up for it */
#define CLIENT_BYTES (1024 * 1024)      /* asked for as send buffer to each client */
#define READ_AT_ROOM (SIM_BUS_MAILBOXES / 2) /* few system calls, and enough left to send meanwhile */

struct client {
    struct sim_hub *hub;
    int fd; /* -1: it closed; the port lives until its mailboxes are empty */
    int port;
    bool may_read; /* there may be frames to read; else poll tells */
    bool deaf;     /* it takes no frames any more */
    uint32_t lost, lost_told;
    uint64_t slow_since;
    size_t first, count;
    struct isotp_frame queue[SIM_HUB_QUEUE];
};

struct sim_hub {
    struct sim_bus bus;
    int listener;
    char path[SIM_UNIX_PATH];
    struct client *client[SIM_BUS_PORTS];
    size_t clients;
    struct sim_socketcand *socketcand;
    struct sim_slcan *slcan;
    struct sim_bridge *bridge;
    size_t socketcand_at, slcan_at, bridge_at; /* where their entries begin, in what fds() filled last */
    struct sim_candump candump;
    struct sim_pcapng_tap tap;
    uint64_t behind_ns; /* bus time is this much behind the clock, for good */
    uint64_t late_ns;   /* how late the last frame was delivered */
    uint64_t run_ns;
};

struct sim_bus *sim_hub_bus(struct sim_hub *h)
{
    return &h->bus;
}

uint16_t sim_hub_socketcand_port(const struct sim_hub *h)
{
    return h->socketcand == NULL ? 0 : sim_socketcand_port(h->socketcand);
}

const char *sim_hub_down(const struct sim_hub *h)
{
    return h->bridge == NULL ? NULL : sim_bridge_down(h->bridge);
}

/* --- clients --- */

static void on_frame(void *ctx, const struct isotp_frame *f, uint64_t at_ns)
{
    struct client *c = ctx;

    if (c->deaf) return;
    if (c->count == SIM_HUB_QUEUE) {
        c->lost++;
        return;
    }
    c->queue[(c->first + c->count++) % SIM_HUB_QUEUE] = *f;
    if (c->count == SIM_HUB_QUEUE / 2) c->slow_since = at_ns;
}

static void stop_listening(struct client *c)
{
    c->deaf = true;
    c->count = 0;
}

static void push(struct client *c)
{
    while (c->count > 0) {
        size_t span = SIM_HUB_QUEUE - c->first < c->count ? SIM_HUB_QUEUE - c->first : c->count;
        int sent = isotp_frames_send(c->fd, &c->queue[c->first], span);
        if (sent < 0) {
            stop_listening(c);
            return;
        }
        if (sent > 0) c->slow_since = c->hub->run_ns;
        c->first = (c->first + (size_t)sent) % SIM_HUB_QUEUE;
        c->count -= (size_t)sent;
        if ((size_t)sent < span) return;
    }
    if (c->lost != c->lost_told) {
        struct isotp_frame f = isotp_virtual_overflow(c->lost);
        if (isotp_frames_send(c->fd, &f, 1) == 1) c->lost_told = c->lost;
    }
}

static void pull(struct client *c)
{
    struct isotp_frame f[SIM_BUS_MAILBOXES];
    size_t room = sim_bus_room(&c->hub->bus, c->port);

    if (c->fd < 0 || !c->may_read || room < READ_AT_ROOM) return;
    int got = isotp_frames_recv(c->fd, f, room, NULL);
    if (got < 0) {
        close(c->fd);
        c->fd = -1;
        stop_listening(c);
        return;
    }
    for (int i = 0; i < got; i++) (void)sim_bus_offer(&c->hub->bus, c->port, &f[i]);
    c->may_read = (size_t)got == room;
}

static void greet(struct sim_hub *h, int fd)
{
    struct isotp_frame hello = isotp_virtual_greeting(h->bus.config.fd);
    struct client *c = calloc(1, sizeof *c);
    int bytes = CLIENT_BYTES;

    if (c == NULL) {
        close(fd);
        return;
    }
    c->hub = h;
    c->fd = fd;
    c->port = sim_bus_attach(&h->bus, on_frame, c);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    if (c->port < 0 || isotp_frames_send(fd, &hello, 1) != 1) {
        if (c->port >= 0) sim_bus_detach(&h->bus, c->port);
        close(fd);
        free(c);
        return;
    }
    h->client[h->clients++] = c;
}

static void forget_closed(struct sim_hub *h)
{
    size_t kept = 0;

    for (size_t i = 0; i < h->clients; i++) {
        struct client *c = h->client[i];
        if (c->fd < 0 && sim_bus_room(&h->bus, c->port) == SIM_BUS_MAILBOXES) {
            sim_bus_detach(&h->bus, c->port);
            free(c);
        } else {
            h->client[kept++] = c;
        }
    }
    h->clients = kept;
}

/* --- the bus in real time --- */

static uint64_t bus_time(const struct sim_hub *h, uint64_t clock_ns)
{
    return clock_ns - h->behind_ns;
}

/* Without a bitrate senders wait for slow receivers. Until when; 0: nobody waits. */
static uint64_t held_until(const struct sim_hub *h, uint64_t now_ns)
{
    if (h->bus.config.bitrate != 0) return 0;
    for (size_t i = 0; i < h->clients; i++) {
        const struct client *c = h->client[i];
        uint64_t until = c->slow_since + SIM_HUB_PATIENCE_NS;
        if (c->count >= SIM_HUB_QUEUE / 2 && until > now_ns) return until;
    }
    return 0;
}

/* Steps from frame to frame up to NOW, and between them lets the clients refill their mailboxes, as a bus
 * that was never late would have done. */
static void advance(struct sim_hub *h, uint64_t now_ns)
{
    for (unsigned round = 0; round < ROUNDS && held_until(h, now_ns) == 0; round++) {
        for (size_t i = 0; i < h->clients; i++) pull(h->client[i]);
        if (h->socketcand != NULL) sim_socketcand_pull(h->socketcand);
        if (h->slcan != NULL) sim_slcan_pull(h->slcan);
        if (h->bridge != NULL) sim_bridge_pull(h->bridge);

        uint64_t due = sim_bus_due(&h->bus);
        if (due > now_ns) break;
        if (sim_bus_idle(&h->bus)) {
            sim_bus_step(&h->bus, now_ns - h->late_ns);
        } else {
            sim_bus_step(&h->bus, due);
            h->late_ns = now_ns - due;
        }
    }
}

uint64_t sim_hub_due(const struct sim_hub *h)
{
    uint64_t held = held_until(h, h->run_ns);
    if (held != 0) return held + h->behind_ns;

    uint64_t due = sim_bus_due(&h->bus);
    if (due == SIM_NEVER) return SIM_NEVER;
    uint64_t slice = h->run_ns + SLICE_NS;
    if (due < slice && !sim_bus_idle(&h->bus) && sim_bus_waiting(&h->bus)) due = slice;
    return due + h->behind_ns;
}

size_t sim_hub_fds(struct sim_hub *h, struct pollfd *fds)
{
    bool held = held_until(h, h->run_ns) != 0;
    size_t n = 0;

    fds[n++] = sim_wait_for(h->listener, h->listener >= 0, false);
    for (size_t i = 0; i < h->clients; i++) {
        struct client *c = h->client[i];
        bool in = !held && sim_bus_room(&h->bus, c->port) >= READ_AT_ROOM;
        if (!in) c->may_read = true; /* nobody told us otherwise */
        fds[n++] = sim_wait_for(c->fd, in, c->count > 0);
    }
    h->socketcand_at = n;
    if (h->socketcand != NULL) n += sim_socketcand_fds(h->socketcand, &fds[n]);
    h->slcan_at = n;
    if (h->slcan != NULL) n += sim_slcan_fds(h->slcan, &fds[n]);
    h->bridge_at = n;
    if (h->bridge != NULL) n += sim_bridge_fds(h->bridge, &fds[n]);
    return n;
}

void sim_hub_run(struct sim_hub *h, const struct pollfd *fds, uint64_t now_ns)
{
    uint64_t due = sim_bus_due(&h->bus);
    size_t asked = h->clients, n = 1;

    if (!sim_bus_idle(&h->bus) && bus_time(h, now_ns) > due + CATCH_UP_NS)
        h->behind_ns = now_ns - due - CATCH_UP_NS;
    h->run_ns = bus_time(h, now_ns);
    for (size_t i = 0; i < asked; i++, n++) {
        if (fds[n].revents & ~POLLOUT) h->client[i]->may_read = true;
    }
    if (h->socketcand != NULL) sim_socketcand_ready(h->socketcand, &fds[h->socketcand_at]);
    if (h->slcan != NULL) sim_slcan_ready(h->slcan, &fds[h->slcan_at]);
    if (h->bridge != NULL) sim_bridge_ready(h->bridge, &fds[h->bridge_at]);

    advance(h, h->run_ns);
    for (size_t i = 0; i < h->clients; i++) {
        if (h->client[i]->fd >= 0) push(h->client[i]);
    }
    if (h->socketcand != NULL) sim_socketcand_push(h->socketcand);
    if (h->slcan != NULL) sim_slcan_push(h->slcan);
    if (h->bridge != NULL) sim_bridge_push(h->bridge);
    sim_candump_flush(&h->candump);
    if (h->tap.file != NULL) (void)sim_pcapng_flush(h->tap.file);
    forget_closed(h);
    if (fds[0].revents & POLLIN) {
        int fd = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) greet(h, fd);
    }
}

int sim_hub_loop(struct sim_hub *const *hubs, size_t count, int stop_fd)
{
    struct pollfd *fds = calloc(count * SIM_HUB_FDS + 1, sizeof *fds);
    size_t *start = calloc(count + 1, sizeof *start);
    int result = fds == NULL || start == NULL ? -1 : 1;

    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* the default of 50 us is half an FD frame */
    while (result > 0) {
        uint64_t due = SIM_NEVER, now = sim_monotonic_ns();
        size_t n = 0;
        for (size_t i = 0; i < count; i++) {
            start[i] = n;
            n += sim_hub_fds(hubs[i], &fds[n]);
            uint64_t d = sim_hub_due(hubs[i]);
            if (d < due) due = d;
        }
        fds[n++] = (struct pollfd){.fd = stop_fd, .events = POLLIN};

        uint64_t wait = due > now ? due - now : 0;
        struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000),
                                   .tv_nsec = (long)(wait % 1000000000)};
        if (ppoll(fds, n, due == SIM_NEVER ? NULL : &timeout, NULL) < 0) {
            if (errno != EINTR) result = -1;
            continue;
        }
        if (fds[n - 1].revents != 0) result = 0;
        now = sim_monotonic_ns();
        for (size_t i = 0; i < count; i++) {
            sim_hub_run(hubs[i], &fds[start[i]], now);
            if (sim_hub_down(hubs[i]) != NULL) result = 0;
        }
    }
    free(start);
    free(fds);
    return result;
}

/* --- life --- */

struct sim_hub *sim_hub_open(const struct sim_hub_config *config, char *why, size_t why_size)
{
    const char *name = config->name != NULL ? config->name : "can0";
    struct sim_hub *h = calloc(1, sizeof *h);

    if (h == NULL) {
        snprintf(why, why_size, "%s: out of memory", name);
        return NULL;
    }
    h->listener = config->path != NULL ? sim_unix_listen(config->path, SOCK_SEQPACKET, why, why_size) : -1;
    if (config->path != NULL && h->listener < 0) {
        free(h);
        return NULL;
    }
    sim_bus_init(&h->bus, &config->bus);
    if (config->path != NULL) memcpy(h->path, config->path, strlen(config->path) + 1);
    bool good = true;
    if (config->bridged_count > 0) { /* first: rules know its links by their ports */
        h->bridge = sim_bridge_open(&h->bus, config->bridged, config->bridged_count, why, why_size);
        good = h->bridge != NULL;
    }
    (void)sim_candump_start(&h->candump, &h->bus, config->log, name, sim_day_offset_ns());
    (void)sim_pcapng_tap(&h->tap, &h->bus, config->capture, name, sim_day_offset_ns());
    if (good && config->socketcand) {
        h->socketcand = sim_socketcand_open(&h->bus, name, config->socketcand_port, why, why_size);
        good = h->socketcand != NULL;
    }
    if (good && config->slcan != NULL) {
        h->slcan = sim_slcan_open(&h->bus, config->slcan, why, why_size);
        good = h->slcan != NULL;
    }
    if (good) return h;
    sim_hub_close(h);
    return NULL;
}

void sim_hub_close(struct sim_hub *h)
{
    for (size_t i = 0; i < h->clients; i++) {
        if (h->client[i]->fd >= 0) close(h->client[i]->fd);
        free(h->client[i]);
    }
    if (h->socketcand != NULL) sim_socketcand_close(h->socketcand);
    if (h->slcan != NULL) sim_slcan_close(h->slcan);
    if (h->bridge != NULL) sim_bridge_close(h->bridge);
    sim_candump_flush(&h->candump);
    if (h->listener >= 0) {
        close(h->listener);
        (void)unlink(h->path);
    }
    free(h);
}

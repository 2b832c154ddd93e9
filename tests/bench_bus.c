/* How near the virtual bus comes to the bus it models: separate processes for hub, sender and receiver,
 * ISO-TP messages as UDS transfers them (a long one, a short answer). 100 % would be a bus that is never
 * idle. */
#include "isotp/node.h"
#include "sim/realtime.h"
#include "tests/lib_bus_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_MAX 65535

static const char *bus_name;
static uint8_t message[MESSAGE_MAX], buffer[MESSAGE_MAX];

static void fail(const char *what)
{
    fprintf(stderr, "bench_bus: %s\n", what);
    exit(1);
}

struct end {
    struct isotp channel, *channels[1];
    struct isotp_node node;
    struct isotp_link *link;
};

static uint32_t now_us(void)
{
    return (uint32_t)(sim_monotonic_ns() / 1000);
}

static void open_end(struct end *e, uint32_t tx, uint32_t rx, bool fd)
{
    char why[256];
    e->link = isotp_link_open(bus_name, fd, why, sizeof why);
    if (e->link == NULL) fail(why);
    struct isotp_config c = isotp_config_default(tx, rx, fd);
    c.brs = fd;
    c.tx_dl = fd ? 64 : 8;
    isotp_init(&e->channel, &c, buffer, sizeof buffer);
    e->channels[0] = &e->channel;
    isotp_node_init(&e->node, e->link, e->channels, 1);
}

static struct isotp_event next(struct end *e)
{
    for (;;) {
        struct isotp_event event;
        if (!isotp_node_pump(&e->node, now_us())) exit(0); /* the hub has gone */
        if (isotp_poll(&e->channel, &event) && event.kind != ISOTP_SENT) return event;
        struct pollfd p = {.fd = e->link->fd, .events = (short)(POLLIN | (e->node.blocked ? POLLOUT : 0))};
        uint32_t due = isotp_node_due(&e->node, now_us());
        (void)poll(&p, 1, due == ISOTP_NEVER ? -1 : (int)((due + 999) / 1000));
    }
}

static void send_message(struct end *e, uint32_t bytes)
{
    struct isotp_message m = {.head = message, .head_bytes = bytes};
    if (isotp_send(&e->channel, &m, now_us()) != ISOTP_N_OK) fail("send");
}

static void server_process(bool fd)
{
    struct end e;
    open_end(&e, 0x7E8, 0x7E0, fd);
    for (;;) {
        struct isotp_event event = next(&e);
        if (event.kind != ISOTP_RECEIVED) fail("receive failed");
        isotp_release(&e.channel);
        send_message(&e, 2);
    }
}

static void measure(const char *name, const struct sim_bus_config *config, uint32_t bytes, unsigned blocks)
{
    struct lib_bus_process bus;
    lib_bus_process_start(&bus, config);
    bus_name = bus.name;
    pid_t server = fork();
    if (server == 0) {
        lib_bus_process_leave(&bus);
        server_process(config->fd);
    }
    struct end e;
    open_end(&e, 0x7E0, 0x7E8, config->fd);
    usleep(50000); /* the server has joined by then */
    uint64_t began = sim_monotonic_ns();
    for (unsigned i = 0; i < blocks; i++) {
        send_message(&e, bytes);
        if (next(&e).kind != ISOTP_RECEIVED) fail("no answer");
        isotp_release(&e.channel);
    }
    uint64_t took = sim_monotonic_ns() - began;
    e.link->ops->close(e.link);
    struct lib_bus_figures f = lib_bus_process_stop(&bus);
    waitpid(server, NULL, 0);
    printf("%-12s %5u-byte messages: %7.1f kB/s, %6.0f frames/s, bus busy %5.1f %%, hub CPU %4.1f %%\n", name,
           bytes, (double)bytes * blocks / ((double)took / 1e6), (double)f.frames * 1e9 / (double)took,
           100.0 * (double)f.busy_ns / (double)took, 100.0 * (double)f.cpu_ns / (double)took);
}

int main(void)
{
    static const struct {
        const char *name;
        struct sim_bus_config config;
        unsigned blocks;
    } bus[] = {
        {"CAN 500k", {.bitrate = 500000}, 10},
        {"CAN 1M", {.bitrate = 1000000}, 20},
        {"FD 500k/2M", {.bitrate = 500000, .data_bitrate = 2000000, .fd = true}, 60},
        {"FD 1M/5M", {.bitrate = 1000000, .data_bitrate = 5000000, .fd = true}, 150},
        {"FD 1M/8M", {.bitrate = 1000000, .data_bitrate = 8000000, .fd = true}, 200},
        {"no bitrate", {.fd = true}, 500},
    };
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* the processes below must not repeat what is buffered */
    for (unsigned i = 0; i < sizeof message; i++) message[i] = (uint8_t)(i * 2654435761u >> 24);
    for (unsigned i = 0; i < sizeof bus / sizeof *bus; i++) {
        measure(bus[i].name, &bus[i].config, 4095, bus[i].blocks);
        measure(bus[i].name, &bus[i].config, 65535, bus[i].blocks / 10 + 1);
    }
    return 0;
}

/* How full one client keeps a bus while its ECUs erase: UDS TransferData to 1, 4 and 16 ECUs at once over
 * five buses, in virtual time, so that the host has no say in it. Each ECU erases for 200 ms before it takes
 * the first byte of a sector of 64 KiB, and answers "response pending" meanwhile. The real engine, client,
 * server and pump; the bus counts every bit, stuff bits included.
 *
 * "Of the bus" is the share of the time in which a frame was on it. With one ECU the erasing cannot be
 * hidden: the second figure leaves it out. */
#include "isotp/budget.h"
#include "isotp/uds_client.h"
#include "secondary/station.h"
#include "sim/bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX  4095
#define ECUS_MAX     16
#define SECTOR_BYTES (64u * 1024)
#define ERASE_US     200000u
#define IMAGE_MAX    (16u * SECTOR_BYTES)
#define BLOCK_SIZE   128 /* what a Secondary asks for when its configuration says nothing */

static const struct {
    const char *name;
    struct sim_bus_config config;
    uint32_t bytes; /* per ECU */
} buses[] = {
    {"CAN 500k", {.bitrate = 500000}, SECTOR_BYTES},
    {"CAN 1M", {.bitrate = 1000000}, SECTOR_BYTES},
    {"FD 500k/2M", {.bitrate = 500000, .data_bitrate = 2000000, .fd = true}, IMAGE_MAX},
    {"FD 1M/5M", {.bitrate = 1000000, .data_bitrate = 5000000, .fd = true}, IMAGE_MAX},
    {"FD 1M/8M", {.bitrate = 1000000, .data_bitrate = 8000000, .fd = true}, IMAGE_MAX},
};

static struct sim_bus bus;
static uint64_t now_ns;
static uint8_t image[IMAGE_MAX];

static struct ecu {
    struct sec_station station;
    uint8_t request[MESSAGE_MAX], reply[MESSAGE_MAX];
    uint64_t got, erased, ready_us; /* bytes; when the erasing under way ends */
    struct isotp channel;           /* the client's side */
    struct uds_client client;
    uint8_t answer[64];
    bool opened, done;
} ecus[ECUS_MAX];

static void fail(const char *what)
{
    fprintf(stderr, "bench_fleet: %s\n", what);
    exit(1);
}

static uint32_t now_us(void)
{
    return (uint32_t)(now_ns / 1000);
}

/* ---- an ECU ---- */

static enum uds_code take_download(void *ctx, uint8_t format, uint64_t address, uint64_t bytes)
{
    (void)ctx, (void)format, (void)address, (void)bytes;
    return UDS_OK;
}

static enum uds_code take_block(void *ctx, const uint8_t *data, size_t n)
{
    struct ecu *e = ctx;
    if (e->got + n > e->erased && e->ready_us == 0) e->ready_us = now_ns / 1000 + ERASE_US;
    if (now_ns / 1000 < e->ready_us) return UDS_PENDING;
    if (e->ready_us != 0) e->erased += SECTOR_BYTES;
    e->ready_us = 0;
    if (memcmp(data, image + e->got, n) != 0) fail("an ECU got something else");
    e->got += n;
    return UDS_OK;
}

static enum uds_code take_exit(void *ctx)
{
    (void)ctx;
    return UDS_OK;
}

/* ---- all of them, and the client ---- */

static void set_up(unsigned count, bool fd, bool answers_first, struct isotp_node *node)
{
    static const struct uds_owner owner = {.download = take_download, .block = take_block, .exit = take_exit};
    static const struct uds_server_config server = {.max_message = MESSAGE_MAX};
    static struct isotp *channels[ECUS_MAX];
    for (unsigned i = 0; i < count; i++) {
        struct ecu *e = &ecus[i];
        *e = (struct ecu){0};
        struct isotp_config near = isotp_config_default(answers_first ? 0x740 + i : 0x700 + i,
                                                        answers_first ? 0x700 + i : 0x740 + i, fd),
                            far = near;
        far.tx_id = near.rx_id;
        far.rx_id = near.tx_id;
        far.block_size = BLOCK_SIZE;
        sec_station_init(&e->station, sim_bus_link(&bus, fd), &far, &server, &owner, e, e->request, e->reply);
        isotp_init(&e->channel, &near, e->answer, sizeof e->answer);
        uds_client_init(&e->client, &(struct uds_client_config){.overall_us = 2000000000}, &e->channel);
        channels[i] = &e->channel;
        uds_client_session(&e->client, UDS_PROGRAMMING, now_us());
    }
    isotp_node_init(node, sim_bus_link(&bus, fd), channels, count);
}

static void converse(struct ecu *e, uint32_t bytes)
{
    struct isotp_event event;
    while (isotp_poll(&e->channel, &event)) uds_client_event(&e->client, &event, now_us());
    uds_client_poll(&e->client, now_us());
    enum uds_outcome outcome = uds_client_outcome(&e->client);
    if (e->done || outcome == UDS_WAITING) return;
    char why[128];
    uds_client_explain(&e->client, why, sizeof why);
    if (outcome != UDS_POSITIVE) fail(why);
    e->done = e->opened;
    if (!e->opened) uds_client_put_image(&e->client, 0, 0, image, bytes, now_us());
    e->opened = true;
}

static void sooner(uint64_t *due_ns, uint32_t in_us)
{
    if (in_us != ISOTP_NEVER && (now_us() + (uint64_t)in_us) * 1000 < *due_ns)
        *due_ns = (now_ns / 1000 + in_us) * 1000;
}

/* To the end of the last transfer. */
static void transfer(struct isotp_node *node, unsigned count, uint32_t bytes)
{
    for (unsigned left = count; left > 0;) {
        left = 0;
        isotp_node_pump(node, now_us());
        for (unsigned i = 0; i < count; i++) converse(&ecus[i], bytes);
        isotp_node_pump(node, now_us()); /* what was asked leaves in the same turn */
        for (unsigned i = 0; i < count; i++) {
            sec_station_pump(&ecus[i].station, now_us());
            left += !ecus[i].done;
        }
        sim_bus_step(&bus, now_ns);
        uint64_t due_ns = sim_bus_due(&bus);
        sooner(&due_ns, isotp_node_due(node, now_us()));
        for (unsigned i = 0; i < count; i++) {
            sooner(&due_ns, uds_client_due(&ecus[i].client, now_us()));
            sooner(&due_ns, sec_station_due(&ecus[i].station, now_us()));
        }
        if (left > 0 && due_ns == SIM_NEVER) fail("nothing is due, and not all is done");
        if (left > 0 && due_ns > now_ns) now_ns = due_ns;
        sim_bus_step(&bus, now_ns);
    }
}

/* ANSWERS_FIRST: they have the lower identifiers. Else they need the gaps of a cap to get through. */
static void measure(size_t which, unsigned count, bool answers_first)
{
    struct isotp_node node;
    now_ns = 1000000;
    sim_bus_init(&bus, &buses[which].config);
    sim_bus_step(&bus, now_ns);
    set_up(count, buses[which].config.fd, answers_first, &node);
    struct isotp_budget budget = {.percent = 95,
                                  .bitrate = buses[which].config.bitrate,
                                  .data_bitrate = buses[which].config.data_bitrate,
                                  .at_us = now_us()};
    if (!answers_first) isotp_node_cap(&node, &budget);
    uint64_t began_ns = now_ns;
    transfer(&node, count, buses[which].bytes);
    double took_ns = (double)(now_ns - began_ns), busy_ns = (double)bus.stats.busy_ns;
    double erased_ns = 1000.0 * ERASE_US * (double)(ecus[0].erased / SECTOR_BYTES);
    printf("%-10s %2u ECU%s, %4u KiB each: %8.1f s, %6.1f kB/s, bus used %5.1f %% of the time",
           buses[which].name, count, count == 1 ? " " : "s", buses[which].bytes / 1024, took_ns / 1e9,
           1e6 * count * buses[which].bytes / took_ns, 100 * busy_ns / took_ns);
    if (!answers_first) printf(" (cap 95 %%, requests before answers)");
    if (count == 1) printf(", %5.1f %% of that without erasing", 100 * busy_ns / (took_ns - erased_ns));
    putchar('\n');
    for (unsigned i = 0; i < count; i++) ecus[i].station.node.link->ops->close(ecus[i].station.node.link);
    node.link->ops->close(node.link);
}

int main(void)
{
    uint64_t random = 1;
    for (size_t i = 0; i < sizeof image; i++) { /* xorshift64 */
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        image[i] = (uint8_t)(random >> 32);
    }
    for (size_t i = 0; i < sizeof buses / sizeof *buses; i++) {
        measure(i, 1, true);
        measure(i, 4, true);
        measure(i, 16, true);
        measure(i, 16, false);
    }
    return 0;
}

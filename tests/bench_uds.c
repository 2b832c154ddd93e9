/* UDS TransferData over the virtual bus, wall clock: hub, one server process per ECU, one client for all of
 * them. The blocks are as long as 12 bits of ISO-TP length can say.
 *
 * Three figures stand beside each other: what was reached; what these very frames, stuff bits included, would
 * have reached on a bus that is never idle; and the limit of the frame format without any stuff bit. Random
 * data has one stuff bit in about 31, so the last cannot be reached. */
#include "isotp/node.h"
#include "isotp/uds_client.h"
#include "secondary/station.h"
#include "sim/realtime.h"
#include "tests/lib_bus_process.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_MAX      4095
#define IMAGE_MAX        (1024u * 1024)
#define ECUS_MAX         2
#define USUAL_BLOCK_SIZE 128 /* what a Secondary asks for when its configuration says nothing */

static const struct kind {
    const char *name;
    struct sim_bus_config config;
    uint32_t bytes; /* of all images together */
    /* BS 0: (4095 - 2) bytes in the time of first frame, consecutive frames, flow control and answer, every
     * frame as ISO 11898-1:2015, 10.4 counts its bits, without stuff bits. */
    double unstuffed_kb_s;
} kinds[] = {
    {"CAN 500k", {.bitrate = 500000}, 128 * 1024, 31.4},
    {"FD 500k/2M", {.bitrate = 500000, .data_bitrate = 2000000, .fd = true}, IMAGE_MAX, 187},
    {"FD 1M/8M", {.bitrate = 1000000, .data_bitrate = 8000000, .fd = true}, IMAGE_MAX, 633},
};

static uint8_t image[IMAGE_MAX];

static void fail(const char *what)
{
    fprintf(stderr, "bench_uds: %s\n", what);
    exit(1);
}

static uint32_t now_us(void)
{
    return (uint32_t)(sim_monotonic_ns() / 1000);
}

static void wait_for(const struct isotp_node *node, uint32_t due)
{
    struct pollfd p = {.fd = node->link->fd, .events = (short)(POLLIN | (node->blocked ? POLLOUT : 0))};
    struct timespec t = {.tv_sec = due / 1000000, .tv_nsec = (long)(due % 1000000) * 1000};
    (void)ppoll(&p, 1, &t, NULL);
}

static struct isotp_link *open_link(const char *name, bool fd)
{
    char why[256];
    struct isotp_link *l = isotp_link_open(name, fd, why, sizeof why);
    if (l == NULL) fail(why);
    return l;
}

static uint32_t request_id(unsigned ecu)
{
    return 0x7E0 + ecu;
}

static struct isotp_config channel_config(uint32_t tx, uint32_t rx, bool fd, uint8_t block_size)
{
    struct isotp_config c = isotp_config_default(tx, rx, fd);
    c.brs = fd;
    c.block_size = block_size;
    return c;
}

/* ---- An ECU that takes an image and throws it away ---- */

static enum uds_code take_download(void *ctx, uint8_t format, uint64_t address, uint64_t bytes)
{
    (void)ctx, (void)format, (void)address, (void)bytes;
    return UDS_OK;
}

static enum uds_code take_block(void *ctx, const uint8_t *data, size_t n)
{
    (void)ctx, (void)data, (void)n;
    return UDS_OK;
}

static enum uds_code take_exit(void *ctx)
{
    (void)ctx;
    return UDS_OK;
}

/* Until the bus goes. */
static void run_server(const char *bus, unsigned ecu, bool fd, uint8_t block_size, int ready)
{
    static uint8_t request[MESSAGE_MAX], reply[MESSAGE_MAX];
    static const struct uds_owner owner = {.download = take_download, .block = take_block, .exit = take_exit};
    static const struct uds_server_config server = {.max_message = MESSAGE_MAX};
    const struct isotp_config channel = channel_config(request_id(ecu) + 8, request_id(ecu), fd, block_size);
    struct sec_station s;
    sec_station_init(&s, open_link(bus, fd), &channel, &server, &owner, NULL, request, reply);
    if (write(ready, "r", 1) != 1) fail("pipe");
    while (sec_station_pump(&s, now_us())) wait_for(&s.node, sec_station_due(&s, now_us()));
    exit(0);
}

static pid_t start_server(const struct lib_bus_process *bus, unsigned ecu, bool fd, uint8_t block_size)
{
    int ready[2];
    char byte;
    if (pipe(ready) < 0) fail("pipe");
    pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
        lib_bus_process_leave(bus);
        run_server(bus->name, ecu, fd, block_size, ready[1]);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) fail("no server");
    close(ready[0]);
    return pid;
}

/* ---- The client of all ECUs ---- */

struct peer {
    struct isotp channel;
    struct uds_client client;
    bool opened; /* the session is; the image is under way */
    uint8_t reply[64];
};

/* False: this ECU has its image. */
static bool step(struct peer *p, uint32_t bytes, uint32_t now)
{
    struct isotp_event e;
    while (isotp_poll(&p->channel, &e)) uds_client_event(&p->client, &e, now);
    uds_client_poll(&p->client, now);
    enum uds_outcome outcome = uds_client_outcome(&p->client);
    if (outcome == UDS_WAITING) return true;
    if (outcome != UDS_POSITIVE) {
        char why[128];
        uds_client_explain(&p->client, why, sizeof why);
        fail(why);
    }
    if (p->opened) return false;
    p->opened = true;
    uds_client_put_image(&p->client, 0, 0, image, bytes, now);
    return true;
}

/* What is asked in a turn leaves in it; answers that came in it are looked at in a second one. */
static void transfer_all(struct isotp_node *node, struct peer *peers, unsigned ecus, uint32_t bytes)
{
    for (;;) {
        unsigned left = 0;
        uint32_t due = ISOTP_NEVER;
        for (int turn = 0; turn < 2; turn++) {
            left = 0;
            for (unsigned i = 0; i < ecus; i++) left += step(&peers[i], bytes, now_us());
            if (!isotp_node_pump(node, now_us())) fail("the bus has gone");
        }
        if (left == 0) return;
        due = isotp_node_due(node, now_us());
        for (unsigned i = 0; i < ecus; i++) {
            uint32_t d = uds_client_due(&peers[i].client, now_us());
            if (d < due) due = d;
        }
        wait_for(node, due);
    }
}

static uint64_t run_client(const char *bus, unsigned ecus, const struct kind *k, uint32_t bytes)
{
    static struct peer peers[ECUS_MAX];
    struct isotp *channels[ECUS_MAX];
    struct isotp_node node;
    struct isotp_link *link = open_link(bus, k->config.fd);
    for (unsigned i = 0; i < ecus; i++) {
        struct peer *p = &peers[i];
        const struct isotp_config c = channel_config(request_id(i), request_id(i) + 8, k->config.fd, 0);
        isotp_init(&p->channel, &c, p->reply, sizeof p->reply);
        uds_client_init(&p->client, &(struct uds_client_config){0}, &p->channel);
        p->opened = false;
        channels[i] = &p->channel;
    }
    isotp_node_init(&node, link, channels, ecus);
    uint64_t began = sim_monotonic_ns();
    for (unsigned i = 0; i < ecus; i++) uds_client_session(&peers[i].client, UDS_PROGRAMMING, now_us());
    transfer_all(&node, peers, ecus, bytes);
    uint64_t took = sim_monotonic_ns() - began;
    link->ops->close(link);
    return took;
}

static void measure(const struct kind *k, unsigned ecus, uint8_t block_size)
{
    struct lib_bus_process bus;
    lib_bus_process_start(&bus, &k->config);
    pid_t servers[ECUS_MAX];
    for (unsigned i = 0; i < ecus; i++) servers[i] = start_server(&bus, i, k->config.fd, block_size);
    uint64_t took = run_client(bus.name, ecus, k, k->bytes / ecus);
    struct lib_bus_figures f = lib_bus_process_stop(&bus);
    for (unsigned i = 0; i < ecus; i++) waitpid(servers[i], NULL, 0);

    double bytes = k->bytes, reached = bytes / ((double)took / 1e6),
           limit = bytes / ((double)f.busy_ns / 1e6);
    printf("%-10s BS %2u  %u ECU%s: %6.1f kB/s = %5.1f %% of %6.1f (these frames, bus never idle), "
           "%5.1f %% of %5.1f (no stuff bits)\n",
           k->name, block_size, ecus, ecus == 1 ? " " : "s", reached, 100 * reached / limit, limit,
           100 * reached / k->unstuffed_kb_s, k->unstuffed_kb_s);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* the processes below must not repeat what is buffered */
    uint64_t random = 1;
    for (size_t i = 0; i < sizeof image; i++) { /* xorshift64 */
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        image[i] = (uint8_t)(random >> 32);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        measure(&kinds[i], 1, 0);
        measure(&kinds[i], 1, USUAL_BLOCK_SIZE);
        measure(&kinds[i], 2, USUAL_BLOCK_SIZE);
    }
    return 0;
}

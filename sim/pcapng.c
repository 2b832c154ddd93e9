#include "sim/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/can.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECTION_HEADER        0x0A0D0D0Au
#define INTERFACE_DESCRIPTION 1u
#define ENHANCED_PACKET       6u
#define BYTE_ORDER_MAGIC      0x1A2B3C4Du
#define SOCKETCAN             227u
#define NANOSECONDS           9u /* if_tsresol: 10^-9 */
#define FDF                   4u /* CANFD_FDF: an FD frame, whatever its length */

enum option { END_OF_OPTIONS = 0, IF_NAME = 2, IF_SPEED = 8, IF_TSRESOL = 9, USER_APPLICATION = 4 };

/* One block, built in memory: its length stands at both ends. */
struct block {
    size_t n;
    uint8_t byte[256];
};

static void put(struct block *b, const void *bytes, size_t n)
{
    static const uint8_t zeros[4];
    memcpy(b->byte + b->n, bytes, n);
    b->n += n;
    size_t pad = (4 - b->n % 4) % 4;
    memcpy(b->byte + b->n, zeros, pad);
    b->n += pad;
}

static void put32(struct block *b, uint32_t v)
{
    put(b, &v, sizeof v); /* our own byte order: the magic number says which */
}

static void put_option(struct block *b, enum option code, const void *value, size_t n)
{
    put32(b, (uint32_t)code | (uint32_t)n << 16);
    put(b, value, n);
}

static struct block begin(uint32_t type)
{
    struct block b = {0};
    put32(&b, type);
    put32(&b, 0);
    return b;
}

static void finish(struct sim_pcapng *p, struct block *b)
{
    uint32_t length = (uint32_t)b->n + 4;
    put32(b, length);
    memcpy(b->byte + 4, &length, sizeof length);
    if (b->n > sizeof p->buffer - p->bytes) (void)sim_pcapng_flush(p);
    memcpy(p->buffer + p->bytes, b->byte, b->n);
    p->bytes += b->n;
}

bool sim_pcapng_open(struct sim_pcapng *p, const char *path)
{
    static const char application[] = "isoctane-sim " ISOCTANE_VERSION;
    static const uint16_t version[2] = {1, 0};
    static const int64_t length_unknown = -1;

    p->fd = strcmp(path, "-") == 0 ? dup(STDOUT_FILENO)
                                   : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    p->failed = false;
    p->interfaces = 0;
    p->bytes = 0;
    if (p->fd < 0) return false;

    struct block b = begin(SECTION_HEADER);
    put32(&b, BYTE_ORDER_MAGIC);
    put(&b, version, sizeof version);
    put(&b, &length_unknown, sizeof length_unknown);
    put_option(&b, USER_APPLICATION, application, sizeof application - 1);
    put32(&b, END_OF_OPTIONS);
    finish(p, &b);
    return true;
}

uint32_t sim_pcapng_bus(struct sim_pcapng *p, const char *name, uint32_t bitrate)
{
    static const uint8_t resolution = NANOSECONDS;
    uint64_t speed = bitrate;

    struct block b = begin(INTERFACE_DESCRIPTION);
    put32(&b, SOCKETCAN);
    put32(&b, 0); /* no snapshot length: frames are whole */
    put_option(&b, IF_NAME, name, strnlen(name, 64));
    put_option(&b, IF_TSRESOL, &resolution, sizeof resolution);
    if (bitrate != 0) put_option(&b, IF_SPEED, &speed, sizeof speed);
    put32(&b, END_OF_OPTIONS);
    finish(p, &b);
    return p->interfaces++;
}

void sim_pcapng_frame(struct sim_pcapng *p, uint32_t bus, const struct isotp_frame *f, uint64_t ns)
{
    bool error = f->flags & ISOTP_ERROR, rtr = f->flags & ISOTP_RTR;
    uint32_t id = (f->id & ISOTP_ID_MASK) | (f->id & ISOTP_ID_EXTENDED ? CAN_EFF_FLAG : 0) |
                  (rtr ? CAN_RTR_FLAG : 0) | (error ? CAN_ERR_FLAG : 0);
    uint8_t packet[8 + 64] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id,
                              f->len};

    if (f->flags & ISOTP_FD)
        packet[5] =
            (uint8_t)(FDF | (f->flags & ISOTP_BRS ? CANFD_BRS : 0) | (f->flags & ISOTP_ESI ? CANFD_ESI : 0));
    uint8_t payload = rtr ? 0 : f->len;
    memcpy(packet + 8, f->data, payload);

    struct block b = begin(ENHANCED_PACKET);
    put32(&b, bus);
    put32(&b, (uint32_t)(ns >> 32));
    put32(&b, (uint32_t)ns);
    put32(&b, 8u + payload);
    put32(&b, 8u + payload);
    put(&b, packet, 8u + payload);
    finish(p, &b);
}

bool sim_pcapng_flush(struct sim_pcapng *p)
{
    size_t done = 0;

    while (done < p->bytes && !p->failed) {
        ssize_t n = write(p->fd, p->buffer + done, p->bytes - done);
        if (n > 0) done += (size_t)n;
        p->failed = n < 0 && errno != EINTR;
    }
    p->bytes = 0;
    return !p->failed;
}

bool sim_pcapng_close(struct sim_pcapng *p)
{
    bool good = sim_pcapng_flush(p);
    return close(p->fd) == 0 && good;
}

static void on_frame(void *ctx, const struct isotp_frame *f, uint64_t at_ns)
{
    const struct sim_pcapng_tap *t = ctx;
    sim_pcapng_frame(t->file, t->bus, f, at_ns + t->day_offset_ns);
}

bool sim_pcapng_tap(struct sim_pcapng_tap *t, struct sim_bus *b, struct sim_pcapng *file, const char *name,
                    uint64_t day_offset_ns)
{
    *t = (struct sim_pcapng_tap){.file = file, .day_offset_ns = day_offset_ns};
    if (file == NULL) return true;
    t->bus = sim_pcapng_bus(file, name, b->config.bitrate);
    return sim_bus_watch(b, on_frame, t) >= 0;
}

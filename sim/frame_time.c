/* The duration of a frame, from its own bits (ISO 11898-1:2015, 10.4 and 10.5). */
#include "sim/bus.h"

static const uint8_t dlc_bytes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64};

static unsigned dlc_of(uint8_t len)
{
    unsigned dlc = 0;
    while (dlc < 15 && dlc_bytes[dlc] < len) dlc++;
    return dlc;
}

bool sim_frame_is_valid(const struct isotp_frame *f)
{
    bool fd = f->flags & ISOTP_FD;
    bool extended = f->id & ISOTP_ID_EXTENDED;

    if (f->flags & ISOTP_ERROR) return false;
    if ((f->id & ~ISOTP_ID_EXTENDED) > (extended ? ISOTP_ID_MASK : 0x7FFu)) return false;
    if (!fd) return f->len <= 8 && !(f->flags & (ISOTP_BRS | ISOTP_ESI));
    return !(f->flags & ISOTP_RTR) && f->len <= 64 && dlc_bytes[dlc_of(f->len)] == f->len;
}

/* Bits as the sender feeds them to the wire. Counts them with their stuff bits; CRC-15 runs along for classic
 * frames. */
struct wire {
    unsigned bits, run;
    unsigned last;
    uint16_t crc;
};

static void put(struct wire *w, uint32_t value, unsigned bits)
{
    while (bits-- > 0) {
        unsigned bit = value >> bits & 1;
        unsigned feedback = bit ^ (w->crc >> 14 & 1u);
        w->crc = (uint16_t)((w->crc << 1 & 0x7FFF) ^ (feedback ? 0x4599 : 0));

        if (w->run == 5) { /* five equal bits: a sixth, opposite one was stuffed in and starts a new run */
            w->bits++;
            w->last ^= 1;
            w->run = 1;
        }
        w->run = w->bits > 0 && bit == w->last ? w->run + 1 : 1;
        w->last = bit;
        w->bits++;
    }
}

/* A run of five that ends with the last bit put is stuffed too, unless a fixed stuff bit follows anyway. */
static unsigned with_last_stuff_bit(const struct wire *w)
{
    return w->bits + (w->run == 5);
}

static void put_identifier(struct wire *w, const struct isotp_frame *f, unsigned rtr)
{
    put(w, 0, 1); /* start of frame */
    if (f->id & ISOTP_ID_EXTENDED) {
        put(w, f->id >> 18 & 0x7FF, 11);
        put(w, 3, 2); /* SRR, IDE */
        put(w, f->id & 0x3FFFF, 18);
        put(w, rtr, 1);
    } else {
        put(w, f->id & 0x7FF, 11);
        put(w, rtr, 1);
        put(w, 0, 1); /* IDE */
    }
}

static void put_data(struct wire *w, const struct isotp_frame *f)
{
    put(w, dlc_of(f->len), 4);
    if (f->flags & ISOTP_RTR) return;
    for (unsigned i = 0; i < f->len; i++) put(w, f->data[i], 8);
}

enum {
    CLASSIC_TAIL = 13, /* CRC delimiter, ACK, ACK delimiter, EOF 7, interframe space 3: never stuffed */
    FD_TAIL = 12       /* the same without the CRC delimiter, which is still in the data phase */
};

static unsigned classic_bits(const struct isotp_frame *f)
{
    struct wire w = {0};
    put_identifier(&w, f, f->flags & ISOTP_RTR ? 1 : 0);
    put(&w, 0, f->id & ISOTP_ID_EXTENDED ? 2 : 1); /* reserved: r1 r0, or r0 */
    put_data(&w, f);
    put(&w, w.crc, 15);
    return with_last_stuff_bit(&w) + CLASSIC_TAIL;
}

static void fd_bits(const struct isotp_frame *f, unsigned *nominal, unsigned *data)
{
    unsigned crc_with_fixed_stuff = f->len <= 16 ? 17 + 6 : 21 + 7;
    struct wire w = {0};

    put_identifier(&w, f, 0);
    put(&w, 2, 2); /* FDF, res */
    put(&w, f->flags & ISOTP_BRS ? 1 : 0, 1);
    unsigned arbitration = w.bits; /* a stuff bit after BRS already has the data bitrate */
    put(&w, f->flags & ISOTP_ESI ? 1 : 0, 1);
    put_data(&w, f);

    *nominal = arbitration + FD_TAIL;
    *data = w.bits - arbitration + 4 + crc_with_fixed_stuff + 1; /* 4: stuff count, 1: CRC delimiter */
}

static uint64_t bits_ns(unsigned bits, uint32_t rate)
{
    return (bits * UINT64_C(1000000000) + rate / 2) / rate;
}

uint64_t sim_frame_ns(const struct isotp_frame *f, uint32_t bitrate, uint32_t data_bitrate)
{
    if (bitrate == 0) return 0;
    if (!(f->flags & ISOTP_FD)) return bits_ns(classic_bits(f), bitrate);

    unsigned nominal, data;
    fd_bits(f, &nominal, &data);
    bool faster = (f->flags & ISOTP_BRS) && data_bitrate != 0;
    return bits_ns(nominal, bitrate) + bits_ns(data, faster ? data_bitrate : bitrate);
}

/* One CAN or CAN FD frame, as every link carries it. Source: ISO 11898-1; identifiers spelled as in
 * SocketCAN. */
#ifndef ISOTP_FRAME_H
#define ISOTP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ISOTP_ID_EXTENDED 0x80000000u /* set in an id: 29-bit identifier, else 11-bit */
#define ISOTP_ID_MASK     0x1FFFFFFFu

enum isotp_frame_flags {
    ISOTP_FD = 1,    /* CAN FD frame; else classic, len <= 8 */
    ISOTP_BRS = 2,   /* data phase at the data bitrate */
    ISOTP_ESI = 4,   /* the sender is error passive */
    ISOTP_RTR = 8,   /* remote frame: never ISO-TP */
    ISOTP_ERROR = 16 /* error frame reported by a controller: never ISO-TP */
};

struct isotp_frame {
    uint32_t id;
    uint8_t flags;
    uint8_t len; /* bytes in data: 0..8, or one of 12 16 20 24 32 48 64 with ISOTP_FD */
    uint8_t data[64];
};

/* How long F occupies a bus, interframe space included, in nanoseconds: about, with one stuff bit in 31 as
 * random data has. DATA_BITRATE 0: as BITRATE, which is not 0. */
uint32_t isotp_frame_ns(const struct isotp_frame *f, uint32_t bitrate, uint32_t data_bitrate);
/* The smallest frame length that holds N bytes (N <= 64): 9 -> 12. */
uint8_t isotp_frame_len(uint8_t n);

#endif

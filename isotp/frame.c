#include "isotp/frame.h"

#define TAIL_BITS 13u /* CRC delimiter, acknowledgement, end of frame, interframe space: never stuffed */

static uint64_t stuffed(uint64_t bits)
{
    return bits + bits / 31;
}

/* ISO 11898-1:2015, 10.4: bits from the start of frame on. */
uint32_t isotp_frame_ns(const struct isotp_frame *f, uint32_t bitrate, uint32_t data_bitrate)
{
    const bool extended = f->id & ISOTP_ID_EXTENDED;
    const uint64_t payload = 8u * f->len;
    if (data_bitrate == 0 || !(f->flags & ISOTP_BRS)) data_bitrate = bitrate;
    uint64_t slow = stuffed((extended ? 54 : 34) + payload) + TAIL_BITS, fast = 0;
    if (f->flags & ISOTP_FD) {
        slow = stuffed(extended ? 36 : 17) + TAIL_BITS - 1;
        fast = stuffed(5 + payload) + (f->len > 16 ? 4 + 21 + 7 : 4 + 17 + 6) + 1;
    }
    return (uint32_t)(slow * 1000000000u / bitrate + fast * 1000000000u / data_bitrate);
}

uint8_t isotp_frame_len(uint8_t n)
{
    static const uint8_t by_words[17] = {0, 4, 8, 12, 16, 20, 24, 32, 32, 48, 48, 48, 48, 64, 64, 64, 64};
    if (n <= 8) return n;
    return n <= 64 ? by_words[(n + 3) / 4] : 64;
}

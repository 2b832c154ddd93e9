#include "isotp/frame.h"

uint8_t isotp_frame_len(uint8_t n)
{
    static const uint8_t by_words[17] = {0, 4, 8, 12, 16, 20, 24, 32, 32, 48, 48, 48, 48, 64, 64, 64, 64};
    if (n <= 8) return n;
    return n <= 64 ? by_words[(n + 3) / 4] : 64;
}

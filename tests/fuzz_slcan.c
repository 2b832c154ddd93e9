/* Bytes of a serial line. Every frame that is read can be written, and reads the same again, from any reader.
 */
#include "isotp/slcan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "fuzz_slcan: %s\n", what);
    abort();
}

static void round_trip(const struct isotp_frame *f)
{
    uint8_t text[ISOTP_SLCAN_LINE];
    struct isotp_slcan s = {0};
    struct isotp_frame again = {0};
    size_t n = isotp_slcan_write(text, f);
    must(n > 0 && n <= sizeof text, "what was read cannot be written");
    for (size_t i = 0; i + 1 < n; i++)
        must(isotp_slcan_read(&s, text[i], &again) == ISOTP_SLCAN_NOTHING, "a frame ends early");
    must(isotp_slcan_read(&s, text[n - 1], &again) == ISOTP_SLCAN_FRAME, "our own spelling is no frame");
    must(memcmp(f, &again, sizeof again) == 0, "another frame");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct isotp_slcan s = {0};
    for (size_t i = 0; i < size; i++) {
        struct isotp_frame f = {0};
        enum isotp_slcan_said said = isotp_slcan_read(&s, data[i], &f);
        must(s.n <= ISOTP_SLCAN_LINE, "the line is longer than its room");
        must(said == ISOTP_SLCAN_NOTHING || data[i] == '\r' || data[i] == 7, "something is said in mid-line");
        if (said == ISOTP_SLCAN_FRAME) round_trip(&f);
    }
    return 0;
}

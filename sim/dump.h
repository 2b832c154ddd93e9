/* ISO-TP as somebody sees it who only listens: frames of every identifier put together to messages.
 *
 * Knows no channel: an identifier whose frames follow the rules of ISO 15765-2 carries messages, others are
 * left alone. Holds SIM_DUMP_MESSAGES messages at a time; the one that rests longest gives way. */
#ifndef SIM_DUMP_H
#define SIM_DUMP_H

#include "isotp/frame.h"

#include <stdio.h>

#define SIM_DUMP_MESSAGES  64
#define SIM_DUMP_MAX_BYTES (64u << 20) /* a longer message is only counted */

struct sim_dump_message {
    uint64_t first_ns, last_ns; /* of its first and last frame */
    uint32_t id, length;
    int address; /* extended or mixed addressing; -1: none */
    unsigned frames;
    const uint8_t *bytes; /* LENGTH of them; lent for the call. NULL: longer than can be held */
    const char *broken;   /* why it ended before its end; then BYTES has GOT */
    uint32_t got;
};
typedef void sim_dump_sink(void *ctx, const struct sim_dump_message *m);

struct sim_dump;
/* ADDRESSED: every frame begins with an address byte. NULL: out of memory. */
struct sim_dump *sim_dump_open(bool addressed, sim_dump_sink *sink, void *ctx);
void sim_dump_close(struct sim_dump *d);
void sim_dump_frame(struct sim_dump *d, const struct isotp_frame *f, uint64_t ns);

/* "[FF] 4095", "[FC] continue, block size 8, STmin 5 ms", "-" when it is no ISO-TP; terminated, cut at CAP.
 */
void sim_dump_explain(const struct isotp_frame *f, bool addressed, char *text, size_t cap);
/* "TransferData 01", "TransferData: ok", "TransferData refused: 73 wrongBlockSequenceCounter". */
void sim_dump_uds(const uint8_t *bytes, size_t n, char *text, size_t cap);

#endif

/* The log of a bus, a line per frame as `candump -L` writes it and canplayer, log2asc and Wireshark read it.
 */
#ifndef SIM_CANDUMP_H
#define SIM_CANDUMP_H

#include "sim/bus.h"

#include <stdio.h>

#define SIM_CANDUMP_LINE 256 /* bytes that hold any line, the terminator included */

/* "(1436509052.249713) can0 123#1122\n". Returns its length. NS: time of day. */
size_t sim_candump_line(char line[SIM_CANDUMP_LINE], const struct isotp_frame *f, uint64_t ns,
                        const char *bus);

struct sim_candump { /* private */
    FILE *file;
    const char *bus;
    uint64_t day_offset_ns;
    bool dirty;
};

/* Attaches to B, which it outlives, and writes to FILE; both stay the caller's. NULL: does nothing.
 * DAY_OFFSET_NS: time of day when the bus's clock was 0 (sim_day_offset_ns() for a bus in real time).
 * False: no port left. */
bool sim_candump_start(struct sim_candump *c, struct sim_bus *b, FILE *file, const char *bus,
                       uint64_t day_offset_ns);
/* Hands what was written to the system. False: that failed, now or before. */
bool sim_candump_flush(struct sim_candump *c);

#endif

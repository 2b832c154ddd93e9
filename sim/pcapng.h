/* A capture that Wireshark opens: pcapng with SocketCAN frames (LINKTYPE_CAN_SOCKETCAN, 227), CAN FD and
 * error frames included, nanoseconds, an interface per bus.
 *
 * Only whole blocks are ever handed to the system, so the file is good at any time, also when this process is
 * killed. Sources: IETF draft pcapng; the page of link type 227 at tcpdump.org. */
#ifndef SIM_PCAPNG_H
#define SIM_PCAPNG_H

#include "sim/bus.h"

struct sim_pcapng { /* private */
    int fd;
    bool failed;
    uint32_t interfaces;
    size_t bytes;
    uint8_t buffer[1 << 16];
};

/* Replaces the file; "-": standard output. False: errno says why. */
bool sim_pcapng_open(struct sim_pcapng *p, const char *path);
/* Adds a bus; BITRATE 0: unknown. Returns its number. */
uint32_t sim_pcapng_bus(struct sim_pcapng *p, const char *name, uint32_t bitrate);
/* NS: time of day. */
void sim_pcapng_frame(struct sim_pcapng *p, uint32_t bus, const struct isotp_frame *f, uint64_t ns);
/* Hands what was written to the system. False: that failed, now or before. */
bool sim_pcapng_flush(struct sim_pcapng *p);
/* Flushes and closes. False: the capture is incomplete. */
bool sim_pcapng_close(struct sim_pcapng *p);

/* Every frame of a bus of the simulation. */
struct sim_pcapng_tap { /* private */
    struct sim_pcapng *file;
    uint32_t bus;
    uint64_t day_offset_ns;
};
/* Attaches to B, which the tap outlives; FILE stays the caller's. NULL: does nothing. DAY_OFFSET_NS: as in
 * sim/candump.h. False: no port left. */
bool sim_pcapng_tap(struct sim_pcapng_tap *t, struct sim_bus *b, struct sim_pcapng *file, const char *name,
                    uint64_t day_offset_ns);

#endif

/* The CAN link port: how frames enter and leave this process.
 *
 * An adapter embeds struct isotp_link as its first member and fills OPS. Nothing here blocks; whoever waits,
 * waits on FD. Adapters: link_socketcan.c (Linux CAN_RAW), link_virtual.c (the virtual bus of
 * isoctane-sim), link_slcan_posix.c (serial adapters) and link_socketcand_posix.c (a bus of another host). */
#ifndef ISOTP_LINK_H
#define ISOTP_LINK_H

#include "isotp/frame.h"

struct isotp_link;

struct isotp_link_ops {
    /* Hands over up to N frames in order. Returns how many were taken: fewer than N means the queue is full,
     * try again when FD is writable. Negative: the link is down (a bus-off or a closed hub), for good. */
    int (*send)(struct isotp_link *l, const struct isotp_frame *f, size_t n);
    /* Takes up to N received frames. 0: none now. Negative: the link is down. */
    int (*recv)(struct isotp_link *l, struct isotp_frame *f, size_t n);
    /* Frames that the link lost before recv() since it was opened (receive queue overflow). */
    uint32_t (*lost)(const struct isotp_link *l);
    void (*close)(struct isotp_link *l);
    /* From now on only frames with one of these identifiers (ISOTP_ID_EXTENDED included) are received, and
     * error frames, so that the traffic of others fills no queue; at most ISOTP_LISTEN_MAX (isotp/filter.h),
     * or all are. SocketCAN leaves them in the kernel; the other links drop them in their reader. NULL: the
     * link has no filter. */
    void (*listen)(struct isotp_link *l, const uint32_t *ids, size_t n);
};

struct isotp_link {
    const struct isotp_link_ops *ops;
    int fd; /* poll it for reading, and for writing after a short send; -1 when there is none (in memory) */
    bool can_fd; /* carries CAN FD frames */
    /* Received frames that wait for recv() before the next one is lost; 0: it does not say, or senders wait.
     */
    uint16_t queue;
};

/* Opens a link by its configured name. "vcan0", "can:vcan0": a SocketCAN interface; "bus:/path/to/socket": a
 * virtual bus; "slcan:/dev/ttyACM0": a serial adapter, at 500 kbit/s or with ",S0" to ",S8" behind it as the
 * adapter calls its bitrates; "socketcand:HOST:PORT/BUS": a bus behind a socketcand server, port 29536 and
 * bus can0 when they are left out. FD asks for CAN FD. Returns NULL and writes one sentence (what, where,
 * what to do) into WHY. The caller closes with ops->close, which frees it. Hosted only: link_open.c,
 * link_socketcan.c, link_virtual.c, link_slcan_posix.c, link_socketcand_posix.c. */
struct isotp_link *isotp_link_open(const char *name, bool fd, char *why, size_t why_size);
struct isotp_link *isotp_link_open_socketcan(const char *interface, bool fd, char *why, size_t why_size);
struct isotp_link *isotp_link_open_slcan(const char *tty, bool fd, char *why, size_t why_size);
struct isotp_link *isotp_link_open_socketcand(const char *place, bool fd, char *why, size_t why_size);
struct isotp_link *isotp_link_open_virtual(const char *socket_path, bool fd, char *why, size_t why_size);

#endif

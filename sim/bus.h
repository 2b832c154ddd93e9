/* One CAN bus, modelled in time: mailboxes, arbitration, the exact duration of every frame, error frames and
 * error counters, faults and attacks by chance and by rule (sim/tamper.h).
 *
 * Sans-I/O: time is an argument, in nanoseconds on whatever clock the owner chooses. The hub (sim/hub.h) runs
 * a bus in real time, the vehicle simulation in virtual time. A frame goes to every port but its sender's at
 * the end of its interframe space, when the next arbitration begins. Sources: ISO 11898-1:2015 (frame
 * formats, arbitration, stuffing, fault confinement).
 *
 * An error frame goes to every port as a frame with ISOTP_ERROR (linux/can/error.h), and so does, to the port
 * itself, a change of its state. A port that is off the bus keeps its mailboxes, sends and receives nothing,
 * and returns by itself. A frame that was disturbed stays where it is and competes again.
 *
 * Not modelled: acknowledgement (a frame alone on the bus counts as sent), the collision of two equal
 * identifiers (the one offered first goes first), and errors that only some of the nodes see. With bitrate 0
 * frames take no time, but errors, floods and the return to the bus are as on a bus of 1 Mbit/s. */
#ifndef SIM_BUS_H
#define SIM_BUS_H

#include "isotp/link.h"
#include "sim/confine.h"
#include "sim/tamper.h"

#define SIM_BUS_PORTS     64
#define SIM_BUS_MAILBOXES 8 /* frames that a port holds before it refuses; power of two */

struct sim_bus_config {
    uint32_t bitrate;      /* bit/s in the arbitration phase; 0: frames take no time */
    uint32_t data_bitrate; /* bit/s in the data phase of FD frames with BRS; 0: as bitrate */
    bool fd;               /* else FD frames are dropped and counted as bad */
    struct sim_bus_faults faults;
    const struct sim_rule *rules; /* copied */
    size_t rule_count;
};

/* What a port is told: a frame of another port, complete at AT_NS, or an error frame. May offer frames, must
 * not step the bus. */
typedef void sim_bus_deliver(void *ctx, const struct isotp_frame *f, uint64_t at_ns);

struct sim_bus_port_stats {
    uint64_t sent, received; /* frames */
    uint64_t refused;        /* offers while the mailboxes were full */
    uint64_t bad;            /* not a frame, or an FD frame on a classic bus: dropped */
    uint64_t bus_offs;
};

struct sim_bus_stats {
    uint64_t frames, busy_ns; /* utilisation = busy_ns / time that has passed; error frames are no frames */
    uint64_t bus_offs;        /* faults: tamper.done */
};

struct sim_bus_port { /* private but for stats */
    sim_bus_deliver *deliver;
    void *ctx;
    bool attached, watcher;
    uint8_t first, count;
    struct isotp_frame mailbox[SIM_BUS_MAILBOXES];
    uint64_t turn[SIM_BUS_MAILBOXES]; /* when offered, in offers: settles equal identifiers */
    struct sim_confinement errors;
    uint64_t suspended_ns; /* it does not begin to send before */
    struct sim_bus_port_stats stats;
};

struct sim_bus { /* private but for config (faults may change while it runs), stats, tamper.done */
    struct sim_bus_config config;
    struct sim_bus_stats stats;
    struct sim_tamper tamper;
    struct sim_bus_port port[SIM_BUS_PORTS];
    int ports; /* no port from this one on was ever attached */
    uint64_t turns, now_ns;
    uint64_t begun_ns, idle_ns; /* first step; end of the last frame */
    bool begun;
    struct sim_bus_flight { /* the frame on the bus */
        bool busy, drop, again, error;
        int from; /* -1: nobody's */
        uint64_t start_ns, end_ns;
        struct isotp_frame frame;
    } flight;
};

void sim_bus_init(struct sim_bus *b, const struct sim_bus_config *config);

/* Adds a port. Returns its number, or -1 when all are taken. DELIVER may be NULL: a port that only sends. */
int sim_bus_attach(struct sim_bus *b, sim_bus_deliver *deliver, void *ctx);
/* A port for a log: it never sends, has no error counters, and is told of every port's change of state. */
int sim_bus_watch(struct sim_bus *b, sim_bus_deliver *deliver, void *ctx);
/* Frames that wait in its mailboxes are forgotten; one on the bus is completed. */
void sim_bus_detach(struct sim_bus *b, int port);

/* Puts a frame (copied) into the port's mailboxes. False: they are full, try again after a step. A bad frame
 * is counted and dropped, and counts as taken. Step the bus to the present first; a step afterwards lets it
 * compete. */
bool sim_bus_offer(struct sim_bus *b, int port, const struct isotp_frame *f);
/* How many more frames the port takes now. */
size_t sim_bus_room(const struct sim_bus *b, int port);
/* No frame is on the bus; some may wait for the next step. */
bool sim_bus_idle(const struct sim_bus *b);
/* Some frame waits in a mailbox. */
bool sim_bus_waiting(const struct sim_bus *b);
/* When to step next: end of the frame on the bus, at once when frames wait for an idle bus, when a rule or
 * the return of a port to the bus is due, or SIM_NEVER. */
uint64_t sim_bus_due(const struct sim_bus *b);
/* Runs the bus up to NOW_NS, which never goes back. Waiting frames follow each other without a gap however
 * late it is called; on an idle bus they start at NOW_NS. */
void sim_bus_step(struct sim_bus *b, uint64_t now_ns);

/* Is F a frame that the format allows: identifier, length, flags? */
bool sim_frame_is_valid(const struct isotp_frame *f);
/* How long F occupies a bus, stuff bits and interframe space included. 0 with bitrate 0. */
uint64_t sim_frame_ns(const struct isotp_frame *f, uint32_t bitrate, uint32_t data_bitrate);

/* A port of B as a link, for programs in the process of the bus: fd is -1, whoever steps the bus calls recv.
 * Its receive queue holds SIM_BUS_LINK_QUEUE frames; what comes beyond is lost and counted. FD false: FD
 * frames are not received, and not sent. NULL: no port left, or FD asked of a classic bus. B outlives the
 * link. */
#define SIM_BUS_LINK_QUEUE 512
struct isotp_link *sim_bus_link(struct sim_bus *b, bool fd);
/* The port number behind such a link, for its counters. */
int sim_bus_link_port(const struct isotp_link *l);

#endif

/* The virtual bus: a modelled bus (sim/bus.h) in real time, for processes of one host.
 *
 * Clients connect to a Unix SEQPACKET socket and exchange struct can_frame and struct canfd_frame of
 * linux/can.h, one per packet; isotp/link_virtual.h says what else they see. With a TCP port the bus also
 * speaks socketcand (sim/socketcand.h), with another path SLCAN (sim/slcan.h). Other buses become members of
 * it as bridged links (sim/bridge.h).
 *
 * Pace: the bus keeps its own time. Frames that wait follow each other without a gap even when this process
 * wakes late, and an answer is timed from the moment its cause was really delivered. So the average rate is
 * the modelled one, and a busy host adds latency, not idle bus. A client is read only as its mailboxes empty:
 * a sender feels the bitrate as a full socket. A receiver that is slower than a modelled bus loses frames and
 * is told how many; with bitrate 0 senders wait for it instead, for SIM_HUB_PATIENCE_NS at most. */
#ifndef SIM_HUB_H
#define SIM_HUB_H

#include "sim/bridge.h"
#include "sim/bus.h"
#include "sim/pcapng.h"

#include <poll.h>
#include <stdio.h>

#define SIM_HUB_QUEUE       1024 /* frames that wait for a slow client, beyond its socket */
#define SIM_HUB_FDS         (3 * SIM_BUS_PORTS + 3 + SIM_BRIDGE_LINKS)
#define SIM_HUB_PATIENCE_NS UINT64_C(100000000)

struct sim_hub_config {
    const char *path;           /* of the socket; copied; NULL: only bridged links and servers */
    const char *const *bridged; /* names of links (isotp/link.h); stay the caller's */
    size_t bridged_count;
    const char *name; /* of the bus, for socketcand and the log; NULL: "can0"; stays the caller's */
    struct sim_bus_config bus;
    bool socketcand;
    uint16_t socketcand_port;   /* on 127.0.0.1; 0: any free one */
    const char *slcan;          /* tty, or socket to make, for serial adapters' text; NULL: none; copied */
    struct sim_pcapng *capture; /* every frame, too; NULL: none; outlives the hub */
    FILE *log; /* every frame as a line of `candump -L`; NULL: none; the caller closes it after the hub */
};

struct sim_hub;

/* Listens. A socket left over by a dead process is replaced. NULL: one sentence in WHY.  */
struct sim_hub *sim_hub_open(const struct sim_hub_config *config, char *why, size_t why_size);
/* Drops the clients, removes the socket. */
void sim_hub_close(struct sim_hub *h);

/* For a poll loop of one's own. FDS: what to wait for, at most SIM_HUB_FDS; until when: CLOCK_MONOTONIC in
 * ns, or SIM_NEVER. Then run() with the same array and the present time. */
size_t sim_hub_fds(struct sim_hub *h, struct pollfd *fds);
uint64_t sim_hub_due(const struct sim_hub *h);
void sim_hub_run(struct sim_hub *h, const struct pollfd *fds, uint64_t now_ns);

/* The name of a bridged link that is down, for good; NULL: none. */
const char *sim_hub_down(const struct sim_hub *h);

/* The poll loop: runs the hubs until STOP_FD is readable or a bridged link is down. Returns 0, or -1 with
 * errno. */
int sim_hub_loop(struct sim_hub *const *hubs, size_t count, int stop_fd);

/* Its counters, and faults to change: from the thread that runs the hub, or when none does. */
struct sim_bus *sim_hub_bus(struct sim_hub *h);
uint16_t sim_hub_socketcand_port(const struct sim_hub *h);

#endif

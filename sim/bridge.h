/* Other buses as members of a virtual bus: what is on one goes to all, through the same arbitration, faults
 * and rules as any frame. Two of them, and the bus is a man in the middle between real ECUs.
 *
 * A link is a port of the bus, and the first one opened is port 0 (from=1 in rules). Its own error frames
 * stay on its side. While a link does not take what waits for it, the others are not read. */
#ifndef SIM_BRIDGE_H
#define SIM_BRIDGE_H

#include "sim/bus.h"

#include <poll.h>

#define SIM_BRIDGE_LINKS 8
#define SIM_BRIDGE_QUEUE 1024 /* frames that wait for a link */

struct sim_bridge;

/* Opens the links (isotp/link.h; NAMES are borrowed) with CAN FD as the bus has it. NULL: one sentence in
 * WHY. */
struct sim_bridge *sim_bridge_open(struct sim_bus *b, const char *const *names, size_t count, char *why,
                                   size_t why_size);
void sim_bridge_close(struct sim_bridge *s);
/* The name of a link that is down (bus-off, the other bus ended), for good; NULL: all are up. */
const char *sim_bridge_down(const struct sim_bridge *s);

/* One turn of the owner's loop, as in sim/socketcand.h; at most SIM_BRIDGE_LINKS entries. */
size_t sim_bridge_fds(struct sim_bridge *s, struct pollfd *fds);
void sim_bridge_ready(struct sim_bridge *s, const struct pollfd *fds);
void sim_bridge_pull(struct sim_bridge *s);
void sim_bridge_push(struct sim_bridge *s);

#endif

/* Serial lines on a virtual bus: the bus plays the adapter of isotp/slcan.h, for emulated microcontrollers,
 * for programs that know serial adapters only, and, on a tty, for a controller at the other end of a cable.
 *
 * As a CAN232 does: nothing passes before "O"; a frame is answered "z" or "Z", a command with CR, what is
 * refused with BEL. The bus has its bitrate, so S, s and Y change nothing. Filters and timestamps are
 * refused. Every line is a port of the bus. A line that takes frames more slowly than they come loses some
 * after SIM_SLCAN_QUEUE bytes. */
#ifndef SIM_SLCAN_H
#define SIM_SLCAN_H

#include "sim/bus.h"

#include <poll.h>

#define SIM_SLCAN_QUEUE (64u * 1024u) /* bytes that wait for a slow line: some 2,600 classic frames */

struct sim_slcan;

/* PATH: a tty, or the name of a Unix stream socket to listen on (one left over by a dead process is
 * replaced). NULL: one sentence in WHY. */
struct sim_slcan *sim_slcan_open(struct sim_bus *b, const char *path, char *why, size_t why_size);
void sim_slcan_close(struct sim_slcan *s);

/* One turn of the owner's loop, as in sim/socketcand.h. */
size_t sim_slcan_fds(struct sim_slcan *s, struct pollfd *fds);
void sim_slcan_ready(struct sim_slcan *s, const struct pollfd *fds);
void sim_slcan_pull(struct sim_slcan *s);
void sim_slcan_push(struct sim_slcan *s);

#endif

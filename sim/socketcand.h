/* The socketcand protocol, so that python-can (interface "socketcand"), SavvyCAN and Kayak join a virtual
 * bus.
 *
 * Text over TCP, on loopback only: "< hi >", "< open can0 >", "< rawmode >", then "< send 123 2 11 22 >" and
 * "< frame 123 23.424242 1122 >"; CAN FD as fdsend and fdframe. Every connection is a port of the bus. Not
 * offered: cyclic sending, filters, statistics and ISO-TP in the server. Source: doc/protocol.md of
 * socketcand; FD and RTR as its raw mode does. */
#ifndef SIM_SOCKETCAND_H
#define SIM_SOCKETCAND_H

#include "sim/bus.h"

#include <poll.h>

#define SIM_SOCKETCAND_TEXT 256 /* bytes that hold any command or frame, the terminator included */

/* "< frame 123 23.424242 1122 >". Returns its length. NS: time of day. */
size_t sim_socketcand_format(char text[SIM_SOCKETCAND_TEXT], const struct isotp_frame *f, uint64_t ns);
/* The words of a send, fdsend or sendrtr command. False: not a frame. */
bool sim_socketcand_parse(struct isotp_frame *f, char *const *word, size_t words);

struct sim_socketcand;

/* Listens on 127.0.0.1:PORT (0: any free one) for clients that open NAME (borrowed). NULL: one sentence in
 * WHY. */
struct sim_socketcand *sim_socketcand_open(struct sim_bus *b, const char *name, uint16_t port, char *why,
                                           size_t why_size);
uint16_t sim_socketcand_port(const struct sim_socketcand *s);
void sim_socketcand_close(struct sim_socketcand *s);

/* One turn of the owner's loop: fds() before poll (at most SIM_BUS_PORTS + 1), ready() with the same array
 * after it, pull() between steps of the bus, push() at the end. */
size_t sim_socketcand_fds(struct sim_socketcand *s, struct pollfd *fds);
void sim_socketcand_ready(struct sim_socketcand *s, const struct pollfd *fds);
void sim_socketcand_pull(struct sim_socketcand *s);
void sim_socketcand_push(struct sim_socketcand *s);

#endif

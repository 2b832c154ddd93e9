/* Frames as Linux spells them (linux/can.h), and batches of them on a socket that keeps message boundaries: a
 * CAN_RAW socket, or the SEQPACKET socket of a virtual bus, which carries the same structures. */
#ifndef ISOTP_FRAMES_SOCKETCAN_H
#define ISOTP_FRAMES_SOCKETCAN_H

#include "isotp/frame.h"

#include <linux/can.h>

#define ISOTP_BATCH 32 /* frames per system call */

/* Returns the bytes to send: CAN_MTU or CANFD_MTU. */
size_t isotp_frame_to_linux(const struct isotp_frame *f, struct canfd_frame *out);
/* BYTES received into IN. False: not a frame (size, length). */
bool isotp_frame_from_linux(struct isotp_frame *f, const struct canfd_frame *in, size_t bytes);

/* Both never block. Sends up to N frames in order; returns how many the socket took, or -1 when it is down.
 */
int isotp_frames_send(int fd, const struct isotp_frame *f, size_t n);
/* Receives up to N, at most ISOTP_BATCH; 0: none now, -1: down. What is no frame is skipped. LOST, when not
 * NULL, is set to the count of SO_RXQ_OVFL whenever the kernel reports one. */
int isotp_frames_recv(int fd, struct isotp_frame *f, size_t n, uint32_t *lost);

#endif

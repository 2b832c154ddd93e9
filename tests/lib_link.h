/* Two CAN links in memory, joined: what one end sends, the other receives, in order. Losses are scripted,
 * time is not involved. Both ends live in struct lib_link; close() does nothing. */
#ifndef TESTS_LIB_LINK_H
#define TESTS_LIB_LINK_H

#include "isotp/link.h"

#define LIB_LINK_CAPACITY 1024
#define LIB_LINK_LOSSES   16

struct lib_link_end {
    struct isotp_link link; /* first: ops find the end from it */
    struct lib_link_end *peer;
    struct isotp_frame queue[LIB_LINK_CAPACITY]; /* sent to this end, not received yet */
    size_t first, queued;
    size_t capacity; /* of the queue; set it lower to make the peer's send() short */
    bool down;       /* set it: send and recv fail */
    uint32_t *fuse;  /* so many frames pass this end, in and out; at 0 all vanish. NULL: no end */
    uint32_t sent,
        batches; /* frames that this end sent, lost ones included, and calls of send() that took any */
    uint32_t lose[LIB_LINK_LOSSES]; /* numbers of frames from this end that vanish: 1 is the first */
    size_t losses;
    uint32_t garble; /* number of the frame from this end whose middle byte changes on the way; 0: none */
    uint32_t lost;   /* vanished on the way to this end */
};

struct lib_link {
    struct lib_link_end a, b;
};

void lib_link_init(struct lib_link *l, bool can_fd);
/* The NTH frame from END (counting from 1) vanishes. */
void lib_link_lose(struct lib_link_end *end, uint32_t nth);

#endif

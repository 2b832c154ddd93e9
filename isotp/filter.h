/* Whom a link hears: one rule for links whose protocol has no filters. SocketCAN has them in the kernel. */
#ifndef ISOTP_FILTER_H
#define ISOTP_FILTER_H

#include "isotp/frame.h"

#define ISOTP_LISTEN_MAX 128 /* identifiers; with more a link hears everything */

struct isotp_filter { /* zero: everything passes */
    bool set;
    uint32_t ids[ISOTP_LISTEN_MAX];
    size_t count;
};

void isotp_filter_set(struct isotp_filter *f, const uint32_t *ids, size_t count);
/* Frames with one of the identifiers, remote frames excepted, and error frames. */
bool isotp_filter_passes(const struct isotp_filter *f, const struct isotp_frame *frame);

#endif

/* A cap on what a node's own conversations, both ways, take of the bus: a bucket of bus time that fills as
 * time passes. Frames of others are not counted. For the Primary, which must leave room for the vehicle; a
 * node that is not capped links none of this. */
#ifndef ISOTP_BUDGET_H
#define ISOTP_BUDGET_H

#include "isotp/node.h"

struct isotp_budget {
    uint8_t percent; /* 1 to 99; else no cap */
    uint32_t bitrate, data_bitrate;
    int32_t left_ns; /* private; below 0: too much was taken */
    uint32_t at_us;  /* begins now */
};

/* After isotp_node_init(). B must outlive the node. */
void isotp_node_cap(struct isotp_node *n, struct isotp_budget *b);

#endif

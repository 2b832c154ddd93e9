/* One CAN link and the ISO-TP channels on it: frames in batches from the link to the channels and back.
 *
 * Every program that speaks ISO-TP runs this pump: the Primary with a channel per Secondary, a Secondary with
 * one. */
#ifndef ISOTP_NODE_H
#define ISOTP_NODE_H

#include "isotp/isotp.h"
#include "isotp/link.h"

#ifndef ISOTP_NODE_BATCH
#define ISOTP_NODE_BATCH                                                                                     \
    32 /* frames per call of the link; pump() keeps one batch at a time on the stack, 72 bytes each */
#endif

struct isotp_budget; /* isotp/budget.h: a cap on the share of the bus, for the nodes that have one */
struct isotp_budget_ops {
    void (*refill)(struct isotp_budget *b, uint32_t now_us);
    void (*pay)(struct isotp_budget *b, const struct isotp_frame *f);
    size_t (*affordable)(const struct isotp_budget *b, bool can_fd); /* full frames that there is room for */
    uint32_t (*due)(const struct isotp_budget *b, uint32_t now_us);  /* microseconds until there is room */
};

struct isotp_node {
    struct isotp_link *link;
    struct isotp **channels; /* caller's array; NULL entries are skipped */
    size_t count;
    /* The owner's clock, to be read when frames have left: NOW is from before, and STmin counts from after.
     * May be NULL where time stands still during pump(). */
    uint32_t (*clock_us)(void);
    size_t turn;                     /* the channel that sends first */
    uint32_t turn_at, turn_ready_at; /* private: since when, and when it last had something to send */
    bool blocked;                    /* the link took less than was offered: poll its fd for writing */
    bool down;
    bool more;                   /* private: pump() stopped before all was done */
    struct isotp_budget *budget; /* NULL: all of the bus; set by isotp_node_cap() */
    const struct isotp_budget_ops *budget_ops;
    /* Frames the link has dropped, last seen. Each time that there are more, channels ask for half as many
     * per flow control; what was lost is sent again by whoever waits for an answer. */
    uint32_t lost;
};

void isotp_node_init(struct isotp_node *n, struct isotp_link *link, struct isotp **channels, size_t count);
/* Fits link and channels to each other: the link is told which identifiers are wanted, and no channel asks
 * for more frames per flow control than its share of half the link's queue. Call again when channels have
 * changed. Without this call the link receives everything. */
void isotp_node_fit(struct isotp_node *n);
/* Receives, runs timers, sends, until there is nothing more to do now or NOW has become old; then due() is 0.
 * Returns false when the link is down; then every message under way, or begun later, fails with N_ERROR. */
bool isotp_node_pump(struct isotp_node *n, uint32_t now_us);
/* Microseconds until pump() must be called though the link's fd stays quiet. */
uint32_t isotp_node_due(const struct isotp_node *n, uint32_t now_us);

#endif

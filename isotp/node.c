#include "isotp/node.h"

#define ROUNDS 8 /* batches per pump, so that NOW does not grow stale under a flood */

void isotp_node_init(struct isotp_node *n, struct isotp_link *link, struct isotp **channels, size_t count)
{
    *n = (struct isotp_node){.link = link, .channels = channels, .count = count};
}

static int receive(struct isotp_node *n, uint32_t now_us)
{
    struct isotp_frame in[ISOTP_NODE_BATCH];
    int got = n->link->ops->recv(n->link, in, ISOTP_NODE_BATCH);
    for (int i = 0; i < got; i++)
        for (size_t c = 0; c < n->count; c++)
            if (n->channels[c]) isotp_on_frame(n->channels[c], &in[i], now_us);
    return got;
}

static void tick(struct isotp_node *n, uint32_t now_us)
{
    for (size_t c = 0; c < n->count; c++)
        if (n->channels[c]) isotp_tick(n->channels[c], now_us);
}

/* How many frames each channel may put into a batch. */
static size_t share(const struct isotp_node *n, uint32_t now_us)
{
    size_t ready = 0;
    for (size_t c = 0; c < n->count; c++)
        if (n->channels[c] && isotp_ready(n->channels[c], now_us)) ready++;
    if (ready == 0) return 0;
    return ready < ISOTP_NODE_BATCH ? ISOTP_NODE_BATCH / ready : 1;
}

/* One batch, a share of each channel from the one whose turn it is. The next turn begins after the last
 * channel that the link took something from. */
static int transmit(struct isotp_node *n, uint32_t now_us)
{
    struct isotp_frame out[ISOTP_NODE_BATCH];
    size_t each = share(n, now_us), filled = 0, asked = 0;
    for (; each > 0 && asked < n->count && filled < ISOTP_NODE_BATCH; asked++) {
        struct isotp *c = n->channels[(n->turn + asked) % n->count];
        size_t room = ISOTP_NODE_BATCH - filled;
        if (c) filled += isotp_next_frames(c, out + filled, each < room ? each : room, now_us);
    }
    n->blocked = false;
    if (filled == 0) return 0;
    int took = n->link->ops->send(n->link, out, filled);
    if (took < 0) return took;
    if (n->clock_us != NULL) now_us = n->clock_us();
    n->blocked = (size_t)took < filled;

    size_t left = (size_t)took, turn = n->turn;
    for (size_t i = 0; i < asked && left > 0; i++) {
        size_t at = (n->turn + i) % n->count;
        size_t served = n->channels[at] ? isotp_sent_frames(n->channels[at], left, now_us) : 0;
        left -= served;
        turn = (at + 1) % n->count;
    }
    n->turn = turn;
    return took;
}

static bool link_down(struct isotp_node *n)
{
    n->down = true;
    n->more = n->blocked = false;
    for (size_t c = 0; c < n->count; c++)
        if (n->channels[c]) isotp_link_down(n->channels[c]);
    return false;
}

/* A batch that is not full was the last one for now: what comes later wakes whoever waits on the fd. */
bool isotp_node_pump(struct isotp_node *n, uint32_t now_us)
{
    if (n->down) return link_down(n);
    int got = ISOTP_NODE_BATCH;
    for (int round = 1; round <= ROUNDS; round++) {
        got = got < ISOTP_NODE_BATCH ? 0 : receive(n, now_us);
        if (got < 0) return link_down(n);
        /* Frames that are here already beat the timers. */
        if (got < ISOTP_NODE_BATCH || round == ROUNDS) tick(n, now_us);
        int put = transmit(n, now_us);
        if (put < 0) return link_down(n);
        n->more = got == ISOTP_NODE_BATCH || (put > 0 && !n->blocked);
        if (!n->more) break;
    }
    n->lost = n->link->ops->lost(n->link);
    return true;
}

uint32_t isotp_node_due(const struct isotp_node *n, uint32_t now_us)
{
    uint32_t due = n->more ? 0 : ISOTP_NEVER;
    for (size_t c = 0; c < n->count; c++) {
        if (!n->channels[c]) continue;
        uint32_t d = isotp_due(n->channels[c], now_us);
        if (d < due) due = d;
    }
    return due;
}

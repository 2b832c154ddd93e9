#include "isotp/node.h"
#include "isotp/filter.h"

#define STINT_US 200000u /* a channel's turn, while others have frames, too */
#define PAUSE_US 5000u   /* without a frame to send: its turn is over */
#define ROUNDS   8       /* batches per pump, so that NOW does not grow stale under a flood */

void isotp_node_init(struct isotp_node *n, struct isotp_link *link, struct isotp **channels, size_t count)
{
    *n = (struct isotp_node){.link = link, .channels = channels, .count = count};
}

/* ---- the link's queue ---- */

static void add_id(uint32_t *ids, size_t *count, uint32_t id)
{
    for (size_t i = 0; i < *count; i++)
        if (ids[i] == id) return;
    if (*count <= ISOTP_LISTEN_MAX) ids[(*count)++] = id;
}

static void ask_for_at_most(struct isotp_node *n, uint32_t frames)
{
    for (size_t c = 0; c < n->count; c++) {
        if (n->channels[c] == NULL) continue;
        uint8_t *size = &n->channels[c]->config.block_size;
        if (*size == 0 ? frames <= UINT8_MAX : *size > frames) *size = (uint8_t)(frames > 0 ? frames : 1);
    }
}

void isotp_node_fit(struct isotp_node *n)
{
    uint32_t ids[ISOTP_LISTEN_MAX + 1], channels = 0;
    size_t count = 0;
    if (n->link == NULL) return; /* whoever only looks at the state has no bus */
    for (size_t c = 0; c < n->count; c++) {
        if (n->channels[c] == NULL) continue;
        const struct isotp_config *config = &n->channels[c]->config;
        channels++;
        add_id(ids, &count, config->rx_id);
        if (config->functional_id != 0) add_id(ids, &count, config->functional_id);
    }
    if (n->link->queue > 0 && channels > 0) ask_for_at_most(n, n->link->queue / 2 / channels);
    if (n->link->ops->listen != NULL && count <= ISOTP_LISTEN_MAX) n->link->ops->listen(n->link, ids, count);
}

static void note_lost(struct isotp_node *n, uint32_t lost)
{
    uint32_t largest = 0;
    if (lost == n->lost) return;
    n->lost = lost;
    for (size_t c = 0; c < n->count; c++) {
        if (n->channels[c] == NULL) continue;
        const uint32_t size = n->channels[c]->config.block_size;
        if (size == 0 || size > largest) largest = size == 0 ? UINT8_MAX + 1 : size;
    }
    ask_for_at_most(n, largest / 2);
}

/* ---- frames ---- */

static void hear(struct isotp_node *n, const struct isotp_frame *f, uint32_t now_us)
{
    bool ours = false;
    for (size_t c = 0; c < n->count; c++) {
        if (n->channels[c] == NULL) continue;
        const uint32_t before = n->channels[c]->stat_rx_frames;
        isotp_on_frame(n->channels[c], f, now_us);
        ours |= n->channels[c]->stat_rx_frames != before;
    }
    if (ours && n->budget != NULL) n->budget_ops->pay(n->budget, f);
}

static int receive(struct isotp_node *n, uint32_t now_us)
{
    struct isotp_frame in[ISOTP_NODE_BATCH];
    int got = n->link->ops->recv(n->link, in, ISOTP_NODE_BATCH);
    for (int i = 0; i < got; i++) hear(n, &in[i], now_us);
    return got;
}

static void tick(struct isotp_node *n, uint32_t now_us)
{
    for (size_t c = 0; c < n->count; c++)
        if (n->channels[c]) isotp_tick(n->channels[c], now_us);
}

/* A channel keeps its turn while it has frames, so that of several ECUs one gets its sector filled and erases
 * while the next one is served; in equal shares they would all fill and all erase at once, the bus idle. */
static void pass_turn(struct isotp_node *n, uint32_t now_us)
{
    struct isotp *holder = n->channels[n->turn];
    if (holder && isotp_ready(holder, now_us)) n->turn_ready_at = now_us;
    if (holder && now_us - n->turn_at < STINT_US && now_us - n->turn_ready_at < PAUSE_US) return;
    for (size_t i = 1; i <= n->count; i++) {
        size_t next = (n->turn + i) % n->count;
        if (!n->channels[next] || !isotp_ready(n->channels[next], now_us)) continue;
        n->turn = next;
        n->turn_at = n->turn_ready_at = now_us;
        return;
    }
}

struct batch {
    struct isotp_frame frame[ISOTP_NODE_BATCH];
    struct isotp *from[ISOTP_NODE_BATCH]; /* channels with frames in it, in order */
    size_t frames, channels, most;
};

static void add(struct batch *b, struct isotp *c, size_t most, uint32_t now_us)
{
    size_t room = b->most - b->frames;
    size_t got = isotp_next_frames(c, b->frame + b->frames, most < room ? most : room, now_us);
    b->frames += got;
    if (got > 0) b->from[b->channels++] = c;
}

/* What is urgent, a frame each; then from the channel whose turn it is on. */
static void fill(struct isotp_node *n, struct batch *b, uint32_t now_us)
{
    for (int urgent = 1; urgent >= 0; urgent--) {
        for (size_t i = 0; i < n->count && b->frames < b->most; i++) {
            struct isotp *c = n->channels[(n->turn + i) % n->count];
            if (c && isotp_urgent(c, now_us) == urgent) add(b, c, urgent ? 1 : ISOTP_NODE_BATCH, now_us);
        }
    }
}

/* N_As is about a link that takes no frames, not about waiting while it takes those of others: it runs for
 * every channel with a frame, from when the link last took one. */
static void settle_offers(const struct isotp_node *n, bool took, uint32_t now_us)
{
    struct isotp_frame unused;
    for (size_t i = 0; i < n->count; i++) {
        if (!n->channels[i]) continue;
        if (took) (void)isotp_next_frames(n->channels[i], &unused, 0, now_us);
        (void)isotp_next_frames(n->channels[i], &unused, 1, now_us);
    }
}

static int transmit(struct isotp_node *n, uint32_t now_us)
{
    struct batch b = {.most = ISOTP_NODE_BATCH};
    n->blocked = false;
    if (n->budget != NULL) {
        const size_t frames = n->budget_ops->affordable(n->budget, n->link->can_fd);
        if (frames < b.most) b.most = frames;
    }
    if (n->count == 0 || b.most == 0) return 0;
    pass_turn(n, now_us);
    fill(n, &b, now_us);
    if (b.frames == 0) return 0;
    int took = n->link->ops->send(n->link, b.frame, b.frames);
    if (took < 0) return took;
    if (n->clock_us != NULL) now_us = n->clock_us();
    n->blocked = (size_t)took < b.frames;
    for (int i = 0; i < took && n->budget != NULL; i++) n->budget_ops->pay(n->budget, &b.frame[i]);
    size_t left = (size_t)took;
    for (size_t i = 0; i < b.channels && left > 0; i++) left -= isotp_sent_frames(b.from[i], left, now_us);
    if (n->blocked) settle_offers(n, took > 0, now_us);
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
    if (n->budget != NULL) n->budget_ops->refill(n->budget, now_us);
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
    note_lost(n, n->link->ops->lost(n->link));
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
    if (n->budget == NULL) return due;
    const uint32_t pause = n->budget_ops->due(n->budget, now_us); /* what is due sooner cannot leave anyway */
    return due > pause ? due : pause;
}

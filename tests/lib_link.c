#include "tests/lib_link.h"

#include <assert.h>
#include <string.h>

static bool vanishes(const struct lib_link_end *end)
{
    for (size_t i = 0; i < end->losses; i++)
        if (end->lose[i] == end->sent) return true;
    return false;
}

static bool burnt(const struct lib_link_end *end)
{
    return end->fuse != NULL && *end->fuse == 0;
}

static void burn(const struct lib_link_end *end)
{
    if (end->fuse != NULL) --*end->fuse;
}

static int send_frames(struct isotp_link *l, const struct isotp_frame *f, size_t n)
{
    struct lib_link_end *from = (struct lib_link_end *)l, *to = from->peer;
    if (from->down) return -1;
    size_t i = 0;
    for (; i < n && to->queued < to->capacity; i++) {
        if (burnt(from)) continue;
        burn(from);
        from->sent++;
        if (vanishes(from)) {
            to->lost++;
            continue;
        }
        struct isotp_frame *there = &to->queue[(to->first + to->queued++) % LIB_LINK_CAPACITY];
        *there = f[i];
        if (from->sent == from->garble) there->data[there->len / 2] ^= 0x04;
    }
    if (i > 0) from->batches++;
    return (int)i;
}

static int receive_frames(struct isotp_link *l, struct isotp_frame *f, size_t n)
{
    struct lib_link_end *end = (struct lib_link_end *)l;
    if (end->down) return -1;
    size_t i = 0;
    for (; i < n && end->queued > 0 && !burnt(end); i++, end->queued--) {
        burn(end);
        f[i] = end->queue[end->first];
        end->first = (end->first + 1) % LIB_LINK_CAPACITY;
    }
    return (int)i;
}

static uint32_t lost_frames(const struct isotp_link *l)
{
    return ((const struct lib_link_end *)l)->lost;
}

static void close_nothing(struct isotp_link *l)
{
    (void)l;
}

void lib_link_init(struct lib_link *l, bool can_fd)
{
    static const struct isotp_link_ops ops = {send_frames, receive_frames, lost_frames, close_nothing, NULL};
    memset(l, 0, sizeof *l);
    l->a.link = l->b.link = (struct isotp_link){.ops = &ops, .fd = -1, .can_fd = can_fd};
    l->a.capacity = l->b.capacity = LIB_LINK_CAPACITY;
    l->a.peer = &l->b;
    l->b.peer = &l->a;
}

void lib_link_lose(struct lib_link_end *end, uint32_t nth)
{
    assert(end->losses < LIB_LINK_LOSSES);
    end->lose[end->losses++] = nth;
}

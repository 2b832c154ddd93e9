#include "isotp/budget.h"

#define BUCKET_NS 4000000 /* of our share: a burst that others hardly notice */

static void refill(struct isotp_budget *b, uint32_t now_us)
{
    const int64_t more = (int64_t)(now_us - b->at_us) * 10 * b->percent, left = b->left_ns + more;
    b->left_ns = left < BUCKET_NS ? (int32_t)left : BUCKET_NS;
    b->at_us = now_us;
}

static void pay(struct isotp_budget *b, const struct isotp_frame *f)
{
    const int64_t left = (int64_t)b->left_ns - isotp_frame_ns(f, b->bitrate, b->data_bitrate);
    b->left_ns = left > INT32_MIN ? (int32_t)left : INT32_MIN;
}

static size_t affordable(const struct isotp_budget *b, bool can_fd)
{
    const struct isotp_frame full = {.flags = can_fd ? ISOTP_FD | ISOTP_BRS : 0, .len = can_fd ? 64 : 8};
    if (b->left_ns <= 0) return 0;
    return (uint32_t)b->left_ns / isotp_frame_ns(&full, b->bitrate, b->data_bitrate) + 1;
}

static uint32_t due(const struct isotp_budget *b, uint32_t now_us)
{
    if (b->left_ns > 0) return 0;
    const uint32_t us = (uint32_t)(-(int64_t)b->left_ns / (10 * b->percent)) + 1, passed = now_us - b->at_us;
    return passed < us ? us - passed : 0;
}

void isotp_node_cap(struct isotp_node *n, struct isotp_budget *b)
{
    static const struct isotp_budget_ops ops = {refill, pay, affordable, due};
    const bool capped = b->percent > 0 && b->percent < 100 && b->bitrate > 0;
    n->budget = capped ? b : NULL;
    n->budget_ops = &ops;
}

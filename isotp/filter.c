#include "isotp/filter.h"

#include <string.h>

void isotp_filter_set(struct isotp_filter *f, const uint32_t *ids, size_t count)
{
    f->set = count <= ISOTP_LISTEN_MAX;
    f->count = f->set ? count : 0;
    if (f->count > 0) memcpy(f->ids, ids, f->count * sizeof *ids);
}

bool isotp_filter_passes(const struct isotp_filter *f, const struct isotp_frame *frame)
{
    if (!f->set || (frame->flags & ISOTP_ERROR)) return true;
    if (frame->flags & ISOTP_RTR) return false;
    for (size_t i = 0; i < f->count; i++)
        if (f->ids[i] == frame->id) return true;
    return false;
}

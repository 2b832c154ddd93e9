/* Frames per second over a link, sender and receiver in one process, in batches: what the adapter itself
 * costs. Usage: bench_link [LINK]     default: $ISOCTANE_CAN, as tests/vcan.sh sets it */
#include "isotp/link.h"
#include "sim/realtime.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH  32
#define FRAMES 320000

static struct isotp_link *open_link(const char *name)
{
    char why[256];
    struct isotp_link *l = isotp_link_open(name, false, why, sizeof why);
    if (l == NULL) {
        fprintf(stderr, "bench_link: %s\n", why);
        exit(1);
    }
    return l;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : getenv("ISOCTANE_CAN");
    if (name == NULL) {
        printf("bench_link: no link; run it with tests/vcan.sh\n");
        return 0;
    }
    struct isotp_link *a = open_link(name), *b = open_link(name);
    struct isotp_frame out[BATCH], in[BATCH];
    for (unsigned i = 0; i < BATCH; i++) out[i] = (struct isotp_frame){.id = i, .len = 8};

    uint64_t began = sim_monotonic_ns();
    unsigned received = 0;
    for (unsigned sent = 0; received < FRAMES;) {
        size_t n = sent < FRAMES ? BATCH : 0;
        int took = a->ops->send(a, out, n);
        int got = b->ops->recv(b, in, BATCH);
        if (took < 0 || got < 0 || b->ops->lost(b) > 0) break;
        sent += (unsigned)took;
        received += (unsigned)got;
    }
    uint64_t ns = sim_monotonic_ns() - began;
    printf("%s: %.0f frames/s in batches of %d, %u lost\n", name, received * 1e9 / (double)ns, BATCH,
           b->ops->lost(b));
    a->ops->close(a);
    b->ops->close(b);
    return received < FRAMES;
}

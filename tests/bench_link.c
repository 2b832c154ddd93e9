/* Frames per second over a link, sender and receiver in one process, in batches: what the adapter itself
 * costs. Beside it the bare sockets of the same kernel in the same minute, with frames that are ready made,
 * in batches and one by one. A machine that has other work shows in all three, so the best of some rounds
 * counts. Usage: bench_link [LINK]     default: $ISOCTANE_CAN, as tests/vcan.sh sets it */
#include "isotp/link.h"
#include "sim/realtime.h"

#include <linux/can.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH  32
#define FRAMES 64000 /* in a round */
#define ROUNDS 5

static void fail(const char *what)
{
    fprintf(stderr, "bench_link: %s\n", what);
    exit(1);
}

/* ---- our link ---- */

static struct isotp_link *open_link(const char *name)
{
    char why[256];
    struct isotp_link *l = isotp_link_open(name, false, why, sizeof why);
    if (l == NULL) fail(why);
    return l;
}

/* Each round has its own sockets, so that no queue fills with what another one sends. */
static double round_of_link(const char *name)
{
    struct isotp_link *a = open_link(name), *b = open_link(name);
    struct isotp_frame out[BATCH], in[BATCH];
    for (unsigned i = 0; i < BATCH; i++) out[i] = (struct isotp_frame){.id = i, .len = 8};
    const uint64_t began = sim_monotonic_ns();
    unsigned received = 0;
    for (unsigned sent = 0; received < FRAMES;) {
        int took = a->ops->send(a, out, sent < FRAMES ? BATCH : 0), got = b->ops->recv(b, in, BATCH);
        if (took < 0 || got < 0 || b->ops->lost(b) > 0) fail("frames got lost");
        sent += (unsigned)took;
        received += (unsigned)got;
    }
    const double rate = received * 1e9 / (double)(sim_monotonic_ns() - began);
    a->ops->close(a);
    b->ops->close(b);
    return rate;
}

/* ---- bare sockets ---- */

static int open_raw(const char *interface)
{
    struct sockaddr_can address = {.can_family = AF_CAN, .can_ifindex = (int)if_nametoindex(interface)};
    int s = socket(PF_CAN, SOCK_RAW | SOCK_NONBLOCK, CAN_RAW);
    if (s < 0 || address.can_ifindex == 0 || bind(s, (struct sockaddr *)&address, sizeof address) < 0)
        fail("no bare socket");
    return s;
}

static double round_of_raw(const char *interface, unsigned batch)
{
    const int a = open_raw(interface), b = open_raw(interface);
    struct can_frame out[BATCH], in[BATCH];
    struct iovec from[BATCH], to[BATCH];
    struct mmsghdr send[BATCH] = {0}, receive[BATCH] = {0};
    memset(out, 0, sizeof out);
    for (unsigned i = 0; i < BATCH; i++) {
        out[i].can_id = i;
        out[i].len = 8;
        from[i] = (struct iovec){&out[i], sizeof out[i]};
        to[i] = (struct iovec){&in[i], sizeof in[i]};
        send[i].msg_hdr = (struct msghdr){.msg_iov = &from[i], .msg_iovlen = 1};
        receive[i].msg_hdr = (struct msghdr){.msg_iov = &to[i], .msg_iovlen = 1};
    }
    const uint64_t began = sim_monotonic_ns();
    unsigned received = 0;
    for (unsigned sent = 0; received < FRAMES;) {
        int took = sent < FRAMES ? sendmmsg(a, send, batch, 0) : 0,
            got = recvmmsg(b, receive, batch, 0, NULL);
        if (took > 0) sent += (unsigned)took;
        if (got > 0) received += (unsigned)got;
        if (took <= 0 && got <= 0 && sent >= FRAMES) fail("the bare socket lost frames");
    }
    const double rate = received * 1e9 / (double)(sim_monotonic_ns() - began);
    close(a);
    close(b);
    return rate;
}

static double better(double a, double b)
{
    return a > b ? a : b;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : getenv("ISOCTANE_CAN");
    if (name == NULL) {
        printf("bench_link: no link; run it with tests/vcan.sh\n");
        return 0;
    }
    const bool is_can = strchr(name, ':') == NULL;
    double link = 0, raw = 0, singly = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        link = better(link, round_of_link(name));
        if (!is_can) continue;
        raw = better(raw, round_of_raw(name, BATCH));
        singly = better(singly, round_of_raw(name, 1));
    }
    printf("%s: %.0f frames/s in batches of %d, none lost, best of %d rounds\n", name, link, BATCH, ROUNDS);
    if (is_can) printf("%s: bare sockets: %.0f in batches, %.0f one by one\n", name, raw, singly);
    return 0;
}

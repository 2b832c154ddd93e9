/* The clocks and poll entries that the real-time parts of the virtual bus share. */
#ifndef SIM_REALTIME_H
#define SIM_REALTIME_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t sim_clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline uint64_t sim_monotonic_ns(void)
{
    return sim_clock_ns(CLOCK_MONOTONIC);
}

/* Add to a monotonic time to get the time of day. */
static inline uint64_t sim_day_offset_ns(void)
{
    return sim_clock_ns(CLOCK_REALTIME) - sim_monotonic_ns();
}

/* An entry that waits for nothing must not report a hang-up over and over: poll skips -1. */
static inline struct pollfd sim_wait_for(int fd, bool in, bool out)
{
    short events = (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0));
    return (struct pollfd){.fd = events != 0 ? fd : -1, .events = events};
}

#endif

/* A virtual bus in a process of its own, as `isoctane-sim bus` is, and what it has counted. */
#ifndef TESTS_LIB_BUS_PROCESS_H
#define TESTS_LIB_BUS_PROCESS_H

#include "sim/hub.h"

#include <sys/types.h>

struct lib_bus_process {
    pid_t pid;
    int stop, result;
    char folder[64];
    char name[96]; /* "bus:PATH", for isotp_link_open() */
};

struct lib_bus_figures {
    uint64_t frames, busy_ns, cpu_ns;
};

/* Returns when clients may connect. Ends the program when it cannot. */
void lib_bus_process_start(struct lib_bus_process *p, const struct sim_bus_config *config);
/* In children made after the start: the bus runs until nobody holds this end. */
void lib_bus_process_leave(const struct lib_bus_process *p);
/* Ends the bus; its clients see the link go down. */
struct lib_bus_figures lib_bus_process_stop(struct lib_bus_process *p);

#endif

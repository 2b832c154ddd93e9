/* A virtual bus in a thread of the test, on a socket in a folder of its own. */
#ifndef TESTS_LIB_HUB_H
#define TESTS_LIB_HUB_H

#include "sim/hub.h"

#include <pthread.h>

struct lib_hub {
    struct sim_hub *hub;
    pthread_t thread;
    int stop[2];
    char folder[64], path[80];
    char name[96]; /* "bus:PATH", for isotp_link_open() */
};

/* Fails the test when it cannot. CONFIG may name a path, else one is made. */
void lib_hub_start(struct lib_hub *h, const struct sim_hub_config *config);
/* Stops the loop; the hub's counters may then be read until close. */
void lib_hub_stop(struct lib_hub *h);
void lib_hub_close(struct lib_hub *h);

#endif

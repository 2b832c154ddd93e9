/* Answers as a bad network delivers them. Private to sim/serve.c. */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "sim/serve.h"

#include <microhttpd.h>
#include <stdatomic.h>

/* Sleeps, but not longer than until *STOP is set. */
void sim_fault_sleep(uint64_t ms, const atomic_bool *stop);
/* A response with BODY (taken over) under fault F (NULL: none). NULL: out of memory; BODY is freed. */
struct MHD_Response *sim_fault_response(const struct sim_fault *f, struct sim_bytes body,
                                        const atomic_bool *stop);

#endif

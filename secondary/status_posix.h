/* The state of a Secondary for people and for programs. */
#ifndef SECONDARY_STATUS_POSIX_H
#define SECONDARY_STATUS_POSIX_H

#include "secondary/agent.h"

const char *sec_slot_state_name(uint8_t state); /* enum uds_slot_state: "trial" */
/* One line per value, or one JSON object, on standard output. */
void sec_print_status(const struct sec_identity *id, const struct sec_status *s, bool json);

#endif

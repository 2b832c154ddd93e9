/* What a cycle did, as a table for people and as JSON for scripts. */
#ifndef PRIMARY_TABLE_H
#define PRIMARY_TABLE_H

#include <cjson/cJSON.h>
#include <stdio.h>

#include "primary/primary.h"

/* ECU, hardware, verification, version from -> to, bytes, seconds on the bus, verdict. */
void pri_print_table(FILE *out, const struct pri_outcome *o);
/* The caller owns it. */
cJSON *pri_outcome_json(const struct pri_outcome *o);

#endif

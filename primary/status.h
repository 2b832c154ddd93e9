/* What a Primary knows, as a tree: for people as indented lines, for scripts as JSON. From the state alone;
 * nobody is asked. */
#ifndef PRIMARY_STATUS_H
#define PRIMARY_STATUS_H

#include "primary/primary.h"

#include <cjson/cJSON.h>
#include <stdio.h>

/* Vehicle, time, both repositories, every ECU's last report, bundles under way, attacks not yet told. The
 * caller owns the tree. */
cJSON *pri_status_tree(const struct pri *p, const struct pri_config *config, struct pri_state *state,
                       struct pri_installer *installer);
/* The newest LAST events as an array. */
cJSON *pri_history_tree(struct pri_state *state, unsigned last);

void pri_print_tree(FILE *out, const cJSON *tree);

#endif

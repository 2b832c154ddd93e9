/* What cJSON lacks for authoring: order, and places by JSON pointer (RFC 6901). */
#ifndef SIM_JSON_TREE_H
#define SIM_JSON_TREE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Puts the JSON text VALUE at a pointer, or removes what is there. False: no such place, or no JSON. */
bool sim_json_set(cJSON *root, const char *pointer, const char *value);
bool sim_json_drop(cJSON *root, const char *pointer);
/* The value at a pointer; NULL: none. */
cJSON *sim_json_at(cJSON *root, const char *pointer);
/* Member names in ascending order, all the way down. */
void sim_json_sort(cJSON *tree);
/* Is TEXT one of the strings in ARRAY? */
bool sim_is_listed(const cJSON *array, const char *text);

#endif

/* A folder of our own that vanishes with us. */
#ifndef SIM_TEMP_DIR_H
#define SIM_TEMP_DIR_H

#include <stdbool.h>
#include <stddef.h>

/* Below $TMPDIR, or /tmp. False: could not be made. */
bool sim_temp_dir(char *out, size_t cap);
/* With everything in it. */
void sim_remove_dir(const char *path);

#endif

/* Whole files in memory, and writes that are there completely or not at all. */
#ifndef SIM_FILE_H
#define SIM_FILE_H

#include "metadata/span.h"

#include <sys/types.h>

#define SIM_PATH_MAX 1024
#define SIM_WHY_MAX  512 /* room for a sentence: what is wrong, where, and what to do */

struct sim_bytes { /* free with sim_bytes_free() */
    uint8_t *p;
    size_t n;
};
void sim_bytes_free(struct sim_bytes *b);
static inline struct up_span sim_span(const struct sim_bytes *b)
{
    return (struct up_span){b->p, b->n};
}

/* Writes the sentence; false always, so that `return sim_say(...)` reads as a refusal. */
bool sim_say(char why[SIM_WHY_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A path from its parts; false, with errno ENAMETOOLONG: it does not fit. */
bool sim_path(char out[SIM_PATH_MAX], const char *format, ...) __attribute__((format(printf, 2, 3)));

/* All of a file, and one zero behind it that does not count. False: errno says why. */
bool sim_file_read(const char *path, struct sim_bytes *out);
/* Replaces PATH, or leaves it as it was, for readers and for an interrupted program; durable after
 * sim_folder_sync(). Makes the folders above it. False: errno says why. */
bool sim_file_write(const char *path, struct up_span bytes, mode_t mode);
bool sim_file_exists(const char *path);
/* Makes a folder and those above it (0755). */
bool sim_folder_make(const char *path);
/* All that was written to the file system of this folder survives a power cut. */
bool sim_folder_sync(const char *path);

#endif

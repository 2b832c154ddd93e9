/* Files of a folder by their bare names: read whole, and replaced whole or not at all. */
#ifndef PRIMARY_TUF_FILES_H
#define PRIMARY_TUF_FILES_H

#include "metadata/role.h"

#define TUF_PATH_MAX 4096

struct tuf_blob { /* a file in memory and the room that its sorted form needs; free with tuf_blob_free() */
    uint8_t *file, *room;
    size_t bytes;
};
void tuf_blob_free(struct tuf_blob *b);
/* A copy of BYTES. False: out of memory. */
bool tuf_blob_take(struct tuf_blob *b, struct up_span bytes);
static inline struct up_span tuf_blob_span(const struct tuf_blob *b)
{
    return (struct up_span){b->file, b->bytes};
}
/* The room in which up_signed_open can sort B; a cap of 0: out of memory. */
struct up_buf tuf_blob_room(struct tuf_blob *b);

/* UNAVAILABLE: there is none; TOO_LARGE: longer than MAX. */
enum up_err tuf_file_read(const char *folder, const char *name, size_t max,
                          struct tuf_blob *out) UP_NODISCARD;
/* Durable when it returns OK; else the file is as it was. Makes FOLDER. */
enum up_err tuf_file_write(const char *folder, const char *name, struct up_span bytes) UP_NODISCARD;
void tuf_file_remove(const char *folder, const char *name);

/* A new empty file that no name of a target can collide with, for a download: its path. */
enum up_err tuf_temp_make(const char *folder, char path[TUF_PATH_MAX]) UP_NODISCARD;
/* TEMP, which was made so, becomes NAME; durable. Gone when this fails. */
enum up_err tuf_temp_become(const char *folder, const char *temp, const char *name) UP_NODISCARD;

/* The file at PATH has exactly this length and every digest of T. */
bool tuf_file_is(const char *path, const struct up_target *t);
/* FOLDER/NAME; false: too long. */
bool tuf_path(char out[TUF_PATH_MAX], const char *folder, const char *name);

#endif

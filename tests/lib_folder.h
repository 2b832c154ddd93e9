/* Folders of their own for tests that write files, in memory where the host has such a place. */
#ifndef TESTS_LIB_FOLDER_H
#define TESTS_LIB_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

struct folder {
    char path[64];
};
struct folder folder_make(void); /* aborts the test when there is none */
void folder_remove(const struct folder *f);

/* One at a time, to work in: makes a new folder and changes into it. */
void folder_enter(void);
const char *folder_path(void);
/* Goes back and removes it with all that is in it. */
void folder_leave(void);

void folder_write(const char *path, const void *bytes, size_t n);
void folder_write_text(const char *path, const char *text);
/* The whole file, malloc'd and terminated; NULL: there is none. */
char *folder_read(const char *path, size_t *n);

#endif

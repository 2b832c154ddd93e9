/* A folder of its own for every test that writes files. */
#ifndef TESTS_LIB_FOLDER_H
#define TESTS_LIB_FOLDER_H

#include <stddef.h>

/* Makes a new folder and changes into it. */
void folder_enter(void);
const char *folder_path(void);
/* Removes it with all that is in it, and goes back. */
void folder_leave(void);
void folder_write(const char *path, const void *bytes, size_t n);
void folder_write_text(const char *path, const char *text);
/* The whole file, malloc'd and terminated; NULL: there is none. */
char *folder_read(const char *path, size_t *n);

#endif

/* A folder of its own for a test, gone afterwards. */
#ifndef TESTS_LIB_FOLDER_H
#define TESTS_LIB_FOLDER_H

#include <stdbool.h>

struct folder {
    char path[64];
};
struct folder folder_make(void); /* aborts the test when there is none */
void folder_remove(const struct folder *f);

#endif

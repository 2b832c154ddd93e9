/* What fuzz targets share: the entry that libFuzzer and tests/fuzz_main.c call, and how a broken promise ends
 * a run. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(holds, what) fuzz_must((holds), __FILE__, __LINE__, (what))
static inline void fuzz_must(bool holds, const char *file, int line, const char *what)
{
    if (holds) return;
    fprintf(stderr, "%s:%d: %s\n", file, line, what);
    abort();
}

#endif

/* Byte strings of tests written as hex: "10 03". */
#ifndef TESTS_LIB_BYTES_H
#define TESTS_LIB_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Spaces are skipped. Returns how many; what does not fit, or is no hex, ends the program. */
size_t bytes_of(const char *hex, uint8_t *out, size_t cap);
/* The other way, for messages: one static buffer, cut at 40 bytes. */
const char *bytes_text(const uint8_t *data, size_t n);

/* A copy of N bytes at P that ends where no memory can be read; the last one is gone then. */
const uint8_t *bytes_at_the_edge(const void *p, size_t n);

#endif

#include "tests/lib_bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

size_t bytes_of(const char *hex, uint8_t *out, size_t cap)
{
    size_t n = 0;
    for (int used = 0; *hex != '\0'; hex += used) {
        unsigned value = 0;
        used = 0;
        if (*hex == ' ') {
            used = 1;
            continue;
        }
        if (n == cap || sscanf(hex, "%2x%n", &value, &used) != 1 || used != 2) abort();
        out[n++] = (uint8_t)value;
    }
    return n;
}

const char *bytes_text(const uint8_t *data, size_t n)
{
    static char text[128];
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n && i < 40; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, i == 0 ? "%02X" : " %02X", data[i]);
    return text;
}

const uint8_t *bytes_at_the_edge(const void *p, size_t n)
{
    static uint8_t *last;
    static size_t last_bytes;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (n + page - 1) / page * page;
    if (last != NULL) munmap(last, last_bytes);
    last_bytes = whole + page;
    last = mmap(NULL, last_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (last == MAP_FAILED || mprotect(last + whole, page, PROT_NONE) != 0) abort();
    return n == 0 ? last + whole : memcpy(last + whole - n, p, n);
}

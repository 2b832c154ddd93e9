#include "tests/lib_bytes.h"

#include <stdio.h>
#include <stdlib.h>

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

/* Borrowed bytes, and a buffer to carve results from. */
#ifndef METADATA_SPAN_H
#define METADATA_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* N bytes at P that somebody else owns. P NULL: absent (N is 0 then); an empty value has P set. */
struct up_span {
    const uint8_t *p;
    size_t n;
};

/* The caller's room for derived bytes; results point into it and live as long as it does. */
struct up_buf {
    uint8_t *p;
    size_t cap, n; /* n: used so far */
};

#define UP_SPAN(literal) ((struct up_span){(const uint8_t *)(literal), sizeof(literal) - 1})

static inline struct up_span up_span_of(const char *text)
{
    return (struct up_span){(const uint8_t *)text, strlen(text)};
}

static inline bool up_span_eq(struct up_span a, struct up_span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool up_span_is(struct up_span a, const char *text)
{
    return up_span_eq(a, up_span_of(text));
}

/* Bytewise order, a shorter prefix first: <0, 0, >0. */
static inline int up_span_cmp(struct up_span a, struct up_span b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
    return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

#endif

/* What the compiler and the core want of a C library, in a tenth of its size. Compiled without builtins, or a
 * loop would become a call of the function that it is in. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t __attribute__((may_alias, aligned(1))) any_word; /* a Cortex-M4 reads words anywhere */

void *memmove(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if (t > f) {
        while (n-- > 0) t[n] = f[n];
        return to;
    }
    for (; n >= 4; n -= 4, t += 4, f += 4) *(any_word *)t = *(const any_word *)f;
    for (; n > 0; n--) *t++ = *f++;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    return memmove(to, from, n);
}

void *memset(void *to, int value, size_t n)
{
    for (uint8_t *t = to; n > 0; n--) *t++ = (uint8_t)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *p = a, *q = b;
    for (; n > 0; n--, p++, q++)
        if (*p != *q) return *p - *q;
    return 0;
}

void *memchr(const void *in, int value, size_t n)
{
    for (const uint8_t *p = in; n > 0; n--, p++)
        if (*p == (uint8_t)value) return (void *)(uintptr_t)p;
    return NULL;
}

size_t strlen(const char *text)
{
    const char *end = text;
    while (*end != '\0') end++;
    return (size_t)(end - text);
}

#include "metadata/err.h"

#include <stdint.h>
#include <string.h>

/* A number from storage or from the bus may be none of ours: then the last entry stands. */
#define COUNT (UP_ERR_COUNT + 1)

static unsigned known(enum up_err e)
{
    return (unsigned)e < UP_ERR_COUNT ? (unsigned)e : UP_ERR_COUNT;
}

const char *up_err_name(enum up_err e)
{
#define X(id, cls, attack, text) #id "\0"
    static const char names[] = UP_ERRORS(X) "UNKNOWN";
#undef X
    const char *name = names; /* one after the other: a table of pointers would cost 4 bytes for each */
    for (unsigned i = known(e); i > 0; i--) name += strlen(name) + 1;
    return name;
}

enum up_class up_err_class(enum up_err e)
{
#define X(id, cls, attack, text) [UP_##id] = UP_CLASS_##cls,
    static const uint8_t classes[COUNT] = {UP_ERRORS(X)[UP_ERR_COUNT] = UP_CLASS_FAULT};
#undef X
    return (enum up_class)classes[known(e)];
}

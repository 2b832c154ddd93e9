#include "metadata/err.h"

#include <stdint.h>

/* A number from storage or from the bus may be none of ours: then the last entry stands. */
#define COUNT (UP_ERR_COUNT + 1)

static unsigned known(enum up_err e)
{
    return (unsigned)e < UP_ERR_COUNT ? (unsigned)e : UP_ERR_COUNT;
}

const char *up_err_name(enum up_err e)
{
#define X(id, cls, attack, text) [UP_##id] = #id,
    static const char *const names[COUNT] = {UP_ERRORS(X)[UP_ERR_COUNT] = "UNKNOWN"};
#undef X
    return names[known(e)];
}

enum up_class up_err_class(enum up_err e)
{
#define X(id, cls, attack, text) [UP_##id] = UP_CLASS_##cls,
    static const uint8_t classes[COUNT] = {UP_ERRORS(X)[UP_ERR_COUNT] = UP_CLASS_FAULT};
#undef X
    return (enum up_class)classes[known(e)];
}

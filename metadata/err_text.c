/* A file of their own: compilers keep the strings of a file together, and a microcontroller prints no texts.
 */
#include "metadata/err.h"

/* A number from storage or from the bus may be none of ours: then the last entry stands. */
#define COUNT (UP_ERR_COUNT + 1)

static unsigned known(enum up_err e)
{
    return (unsigned)e < UP_ERR_COUNT ? (unsigned)e : UP_ERR_COUNT;
}

const char *up_err_text(enum up_err e)
{
#define X(id, cls, attack, text) [UP_##id] = text,
    static const char *const texts[COUNT] = {UP_ERRORS(X)[UP_ERR_COUNT] = "an unknown error"};
#undef X
    return texts[known(e)];
}

const char *up_err_attack(enum up_err e)
{
#define X(id, cls, attack, text) [UP_##id] = attack,
    static const char *const attacks[COUNT] = {UP_ERRORS(X)[UP_ERR_COUNT] = ""};
#undef X
    return attacks[known(e)];
}

#include "metadata/err.h"

static const struct verdict {
    enum up_class class;
    const char *name, *attack, *text;
} verdicts[UP_ERR_COUNT] = {
#define X(id, cls, attack, text) [UP_##id] = {UP_CLASS_##cls, #id, attack, text},
    UP_ERRORS(X)
#undef X
};

/* A number from storage or from the bus may be none of ours. */
static const struct verdict *verdict(enum up_err e)
{
    static const struct verdict unknown = {UP_CLASS_FAULT, "UNKNOWN", "", "an unknown error"};
    return (unsigned)e < UP_ERR_COUNT ? &verdicts[e] : &unknown;
}

const char *up_err_name(enum up_err e)
{
    return verdict(e)->name;
}

const char *up_err_text(enum up_err e)
{
    return verdict(e)->text;
}

const char *up_err_attack(enum up_err e)
{
    return verdict(e)->attack;
}

enum up_class up_err_class(enum up_err e)
{
    return verdict(e)->class;
}

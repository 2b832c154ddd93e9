/* Path patterns of delegations. Apart from search.c, since a partial verifier needs only this. */
#include "metadata/search.h"

/* Takes the first character of *S; false: at its end, or malformed. */
static bool take(struct up_span *s, uint32_t *cp)
{
    size_t n = up_json_char(*s, cp);
    if (n == 0) return false;
    *s = (struct up_span){s->p + n, s->n - n};
    return true;
}

bool up_path_match(struct up_span pattern, struct up_span name)
{
    struct up_span after_star = {0}, retry = {0}; /* where to go on when what follows the last '*' fails */
    for (;;) {
        struct up_span pattern_rest = pattern, name_rest = name;
        uint32_t want = 0, have = 0;
        bool wanted = take(&pattern_rest, &want), there = take(&name_rest, &have);
        if (!wanted && !there) return pattern.n == 0 && name.n == 0;
        if (wanted && want == '*') {
            after_star = pattern = pattern_rest;
            retry = name;
        } else if (wanted && there && (want == have || (want == '?' && have != '/'))) {
            pattern = pattern_rest;
            name = name_rest;
        } else {
            /* The last '*' takes one character more, never across a segment. */
            if (after_star.p == NULL || !take(&retry, &have) || have == '/') return false;
            pattern = after_star;
            name = retry;
        }
    }
}

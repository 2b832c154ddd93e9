/* A file of their own: compilers keep the strings of a file together, and a microcontroller prints no texts.
 */
#include "isotp/isotp.h"

const char *isotp_result_name(enum isotp_result r)
{
    static const char *const names[] = {
#define X(id, text) #id,
        ISOTP_RESULTS(X)
#undef X
    };
    return (size_t)r < sizeof names / sizeof *names ? names[r] : "UNKNOWN";
}

const char *isotp_result_text(enum isotp_result r)
{
    static const char *const texts[] = {
#define X(id, text) text,
        ISOTP_RESULTS(X)
#undef X
    };
    return (size_t)r < sizeof texts / sizeof *texts ? texts[r] : "unknown";
}

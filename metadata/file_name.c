/* The names that metadata files have on a server (Uptane Standard 2.1, 5.2.7). */
#include "metadata/trust.h"

static bool is_unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '~';
}

size_t up_file_name(const struct up_profile *p, struct up_span role, uint32_t version,
                    char out[UP_FILE_NAME_MAX])
{
    static const char hex[] = "0123456789ABCDEF";
    struct up_writer w = {.p = (uint8_t *)out, .cap = UP_FILE_NAME_MAX - 1};
    uint8_t plain[UP_NAME_MAX];
    long n = up_json_unescape(role, plain, sizeof plain);
    bool plain_name = up_relaxes(p, UP_RELAX_UNVERSIONED_NAMES) && !up_span_is(role, "root");
    if (version != 0 && !plain_name) {
        up_write_int(&w, version);
        up_write(&w, ".");
    }
    for (long i = 0; i < n; i++) {
        const char code[] = {'%', hex[plain[i] >> 4], hex[plain[i] & 15], 0}, same[] = {(char)plain[i], 0};
        up_write(&w, is_unreserved(plain[i]) ? same : code);
    }
    up_write(&w, ".json");
    out[w.n] = 0;
    return w.n;
}
